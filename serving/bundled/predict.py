"""Classifies pictures: python predict.py PICTURE... after pip install ai-edge-litert pillow"""

import json
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, PngImagePlugin

FORMATS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "AVIF", "TIFF"]
with suppress(ImportError):  # for HEIC, also pip install pillow-heif
    from pillow_heif import register_heif_opener

    register_heif_opener()
    FORMATS.append("HEIF")
UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF's orientations to Image.Transpose
UPRIGHT |= {bytes([number]): turn for number, turn in UPRIGHT.items()}  # as some write them
PngImagePlugin.MAX_TEXT_CHUNK = 2**26  # bytes of metadata that are let through

here = Path(__file__).parent
model, use = (json.loads((here / f).read_bytes()) for f in ("model.json", "calibration.json"))
(network := Interpreter(str(here / "model.tflite"))).allocate_tensors()
(entrance,), (exit_,) = network.get_input_details(), network.get_output_details()


def read(file: str) -> Image.Image:
    with Image.open(file, formats=FORMATS) as image:
        image.draft(None, [2 * model["image_size"]] * 2)  # a large JPEG needs no full decoding
        image.load()
        with suppress(Exception):  # it is upright, or its EXIF data are broken
            image = image.transpose(UPRIGHT[image.getexif()[0x0112]])
        if image.mode[0] in "IF":  # 16 bits become 8
            values = np.asarray(image)
            if image.mode == "F" or values.min() < 0 or values.max() >= 2**16:
                raise ValueError("neither 8 nor 16 bits a value; save it with so many")
            image = Image.fromarray(np.uint8(values >> 8))
        if image.has_transparency_data and (image.format != "BMP" or image.getbbox()):
            white = Image.new("RGBA", image.size, "white")  # not where a BMP has 0 for no alpha
            image = Image.alpha_composite(white, image.convert("RGBA"))
        return image.convert("RGB").resize([model["image_size"]] * 2, Image.Resampling.BILINEAR)


failed, steps = 0, (1, -1) if use["mirror"] else (1,)  # the picture, and its mirror image
for file in sys.argv[1:]:
    try:
        pixels, p = np.asarray(read(file), np.float32)[None], 0
    except Exception as error:  # no picture, or a broken one: the rest goes on
        failed = 1
        print(f"{file}: {' '.join(str(error).split()) or 'broken'}", file=sys.stderr)
        continue
    for step in steps:
        network.set_tensor(entrance["index"], pixels[:, :, ::step])
        network.invoke()
        p = p + network.get_tensor(exit_["index"])[0] / len(steps)
    p = (np.append(1 - p, p) if len(p) == 1 else p).clip(1e-7) ** (1 / use["temperature"])
    best, sure = model["classes"][p.argmax()], p.max() / p.sum() >= use["unsure_below"]
    print(f"{file}: {best}, {p.max() / p.sum():.3f}{'' if sure else ', unsure'}")
sys.exit(failed)
