"""The trained model in people's hands: classifying pictures with it, and passing it on.

No stage imports any of this, so that nothing here reruns the pipeline.
"""
