"""Trained models as files, for Keras and for LiteRT, and what one must know to use them."""
