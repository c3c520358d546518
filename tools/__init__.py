"""Commands beside the pipeline, which `few` and `make` run."""

import vision  # noqa: F401  it sets what must be set before TensorFlow is imported
