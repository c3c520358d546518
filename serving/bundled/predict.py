"""Classifies pictures: python predict.py PICTURE...

Needs pip install ai-edge-litert pillow, and pillow-heif for HEIC, which iPhones write.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, PngImagePlugin

try:
    from pillow_heif import register_heif_opener
except ImportError:
    register_heif_opener = None

FORMATS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "AVIF", "TIFF"]
FOLDER = Path(__file__).parent
MODEL = json.loads((FOLDER / "model.json").read_bytes())
CALIBRATION = json.loads((FOLDER / "calibration.json").read_bytes())
SIZE = MODEL["image_size"]
# What turns a picture upright, of EXIF's orientations from 2 to 8.
TURNS = [Image.Transpose(number) for number in (0, 3, 1, 5, 4, 6, 2)]


def main() -> None:
    PngImagePlugin.MAX_TEXT_CHUNK = 2**26  # bytes of metadata that are let through
    if register_heif_opener:
        register_heif_opener()
        FORMATS.append("HEIF")
    network = Interpreter(str(FOLDER / "model.tflite"))
    network.allocate_tensors()
    failed = False
    for file in sys.argv[1:]:
        try:
            picture = read(file)
        except Exception as error:  # no picture, or a broken one: the rest goes on
            why = " ".join(str(error).split()) or "broken"
            if "HEIF" not in FORMATS and file.lower().endswith((".heic", ".heif")):
                why = "to read HEIC, pip install pillow-heif"
            print(f"{file}: {why}", file=sys.stderr)
            failed = True
            continue
        probabilities = classify(network, picture)
        best = probabilities.argmax()
        unsure = ", unsure" if probabilities[best] < CALIBRATION["unsure_below"] else ""
        print(f"{file}: {MODEL['classes'][best]}, {probabilities[best]:.3f}{unsure}")
    sys.exit(failed)


def read(file: str) -> np.ndarray:
    """Return a picture as the network takes it: RGB values 0-255, shape (SIZE, SIZE, 3)."""
    with Image.open(file, formats=FORMATS) as image:
        image.draft(None, (2 * SIZE, 2 * SIZE))  # a large JPEG file needs no full decoding
        image.load()
        # A BMP may have a fourth byte in each pixel that nobody used.
        transparent = image.has_transparency_data and (image.format != "BMP" or image.getbbox())
        image = upright(image)
        if image.mode[0] in "IF":  # 16 bits become 8
            values = np.asarray(image)
            if image.mode == "F" or values.min() < 0 or values.max() >= 2**16:
                raise ValueError("neither 8 nor 16 bits a value; save it with so many")
            image = Image.fromarray((values >> 8).astype(np.uint8))
        if transparent:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        image = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        return np.asarray(image, np.float32)


def upright(image: Image.Image) -> Image.Image:
    try:
        number = image.getexif()[0x0112]
        number = number[0] if isinstance(number, bytes) else number  # as some write it
        return image.transpose(TURNS[number - 2]) if number >= 2 else image
    except Exception:  # it has no orientation, or its EXIF data are broken
        return image


def classify(network: Interpreter, picture: np.ndarray) -> np.ndarray:
    """Return the calibrated probability of each class."""
    (entrance,), (exit_,) = network.get_input_details(), network.get_output_details()
    outputs = []
    for view in [picture, picture[:, ::-1]] if CALIBRATION["mirror"] else [picture]:
        network.set_tensor(entrance["index"], view[np.newaxis])
        network.invoke()
        outputs.append(network.get_tensor(exit_["index"])[0])
    mean = np.mean(outputs, axis=0)
    if len(mean) == 1:  # the probability of the second of two classes
        mean = np.append(1 - mean, mean)
    powers = mean.clip(1e-7) ** (1 / CALIBRATION["temperature"])
    return powers / powers.sum()


if __name__ == "__main__":
    main()
