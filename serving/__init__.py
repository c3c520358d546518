"""The trained model in people's hands: classifying pictures with it, and passing it on.

No stage imports any of this, so that nothing here reruns the pipeline.
"""

import vision  # noqa: F401  it refuses a Python that lacks the packages, ahead of their imports
