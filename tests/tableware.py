"""Drawn pictures of bowls, glasses and mugs."""

import numpy as np
from PIL import Image, ImageDraw


def draw(label: str, rng: np.random.Generator) -> Image.Image:
    """Draw something of a class: flat, tall, or square with a handle. No two grounds are alike."""
    ground = Image.fromarray(rng.integers(0, 200, (4, 5, 3), np.uint8))
    picture = ground.resize((96, 72), Image.Resampling.BICUBIC)
    ink = tuple(int(level) for level in rng.integers(200, 256, 3))
    x, y = (int(corner) for corner in rng.integers(5, 25, 2))
    width, height = {"bowl": (60, 16), "glass": (14, 44), "mug": (34, 34)}[label]
    brush = ImageDraw.Draw(picture)
    brush.rectangle((x, y, x + width, y + height), fill=ink)
    if label == "mug":
        brush.ellipse((x + 30, y + 8, x + 46, y + 26), outline=ink, width=3)
    return picture
