"""The small networks of the literature, trained from scratch: a pipeline of its own."""

import stages  # noqa: F401  ahead of anything large, for what every stage does first
