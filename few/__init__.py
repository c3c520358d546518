"""The command line `few`: a front to what the other folders do."""

import vision  # noqa: F401  it refuses a Python that lacks the packages, ahead of their imports
