"""Pretrained convolutional bases, their weights, and where they are cut in two."""
