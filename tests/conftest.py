import vision  # noqa: F401  sets what must be set before TensorFlow is imported
