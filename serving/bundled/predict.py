# python predict.py PICTURE...   It needs two packages: pip install ai-edge-litert pillow
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

here = Path(__file__).parent
model, use = (json.loads((here / f).read_bytes()) for f in ("model.json", "calibration.json"))
network = Interpreter(str(here / "model.tflite"))
network.allocate_tensors()
(entrance,), (exit_,) = network.get_input_details(), network.get_output_details()
for file in sys.argv[1:]:
    picture = Image.open(file)
    picture.draft(None, [2 * model["image_size"]] * 2)  # a large JPEG needs no full decoding
    picture = ImageOps.exif_transpose(picture).convert("RGBA")  # transparency goes upon white
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("RGB").resize([model["image_size"]] * 2, Image.Resampling.BILINEAR)
    outputs = []
    for step in (1, -1) if use["mirror"] else (1,):  # the picture, and its mirror image
        network.set_tensor(entrance["index"], np.asarray(picture, np.float32)[None, :, ::step])
        network.invoke()
        outputs.append(network.get_tensor(exit_["index"])[0])
    p = np.mean(outputs, axis=0)
    p = (np.append(1 - p, p) if len(p) == 1 else p).clip(1e-7) ** (1 / use["temperature"])
    best, sure = model["classes"][p.argmax()], p.max() / p.sum() >= use["unsure_below"]
    print(f"{file}: {best}, {p.max() / p.sum():.3f}{'' if sure else ', unsure'}")
