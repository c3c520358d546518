import json  # python predict.py PICTURE...   needs two packages: pip install ai-edge-litert pillow
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

here = Path(__file__).parent
model, use = (json.loads((here / f).read_bytes()) for f in ("model.json", "calibration.json"))
(network := Interpreter(str(here / "model.tflite"))).allocate_tensors()
(entrance,), (exit_,) = network.get_input_details(), network.get_output_details()
for file in sys.argv[1:]:
    try:  # a large JPEG needs no full decoding, 16 bits are 8, and transparency goes upon white
        (image := Image.open(file)).draft(None, [2 * model["image_size"]] * 2)
        image = ImageOps.exif_transpose(image)
        image = Image.fromarray(np.uint8(np.array(image) >> 8)) if image.mode[0] == "I" else image
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = image.convert("RGB").resize([model["image_size"]] * 2, Image.Resampling.BILINEAR)
        p, steps = 0, (1, -1) if use["mirror"] else (1,)  # the picture, and its mirror image
        for step in steps:
            network.set_tensor(entrance["index"], np.asarray(image, np.float32)[None, :, ::step])
            network.invoke()
            p = p + network.get_tensor(exit_["index"])[0] / len(steps)
        p = (np.append(1 - p, p) if len(p) == 1 else p).clip(1e-7) ** (1 / use["temperature"])
        best, sure = model["classes"][p.argmax()], p.max() / p.sum() >= use["unsure_below"]
        print(f"{file}: {best}, {p.max() / p.sum():.3f}{'' if sure else ', unsure'}")
    except Exception as error:  # no picture, or a broken one: the rest goes on
        print(f"{file}: {error}", file=sys.stderr)
