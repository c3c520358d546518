"""The small networks of the literature, trained from scratch: a pipeline of its own.

Two packages are imported ahead of anything large for what that does.
"""

import stages  # noqa: F401  has the kernel end this process with the dvc that started it
import vision  # noqa: F401  sets what TensorFlow reads when it is first imported
