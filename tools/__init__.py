"""Commands beside the pipeline, which `make` runs."""

import vision  # noqa: F401  it sets what must be set before TensorFlow is imported
