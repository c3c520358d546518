"""Studies of the main pipeline's head and fine-tuned model: a pipeline of its own."""

import stages  # noqa: F401  ahead of anything large, for what every stage does first
