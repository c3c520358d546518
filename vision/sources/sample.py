"""The embedded data set: drawings of cats and dogs, for runs that have no network.

Every picture is drawn from numbers that are drawn from its class and its index alone, so
picture i is the same however many are drawn, in whatever order and by whatever process.

What makes the set behave like photographs is that no single feature decides. Each trait of the
animal (ears, muzzle, eyes, tail, ...) is drawn from a distribution of its class that overlaps
the other's, an animal borrows some traits from the other class, and pose, cropping, things in
front, light, blur and noise hide some of the rest. Nothing but the animal knows the class: the
functions that draw the scene, the pose and the camera are never told it.
"""

import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from tqdm import tqdm

CLASSES = ("cat", "dog")

# How difficult the set is: raise any of these to make it harder. Measured as they are, logistic
# regression on EfficientNet-Lite0's features is right for about nine pictures in ten.
#
# An animal's character is 0 for the typical cat, 1 for the typical dog. The spread of the
# character about that of its class: where the two tails meet, nobody can tell.
CHARACTER_SPREAD = 0.18
# Share of traits that an animal has from the other class: dogs with pointed ears, flat-faced dogs,
# cats with folded ears.
BORROWED = 0.04
# Spread of each trait about its character's, in multiples of what _TRAITS states.
TRAIT_SPREAD = 0.6
# Shares of pictures with something in front of the animal, taken in poor light, or out of focus.
OCCLUDED, DARK, BLURRED = 0.2, 0.12, 0.12

# Drawn this much larger than the picture and then averaged, which smooths the edges. More would
# be smoother and slower.
_SUPERSAMPLE = 1.5

Random = np.random.Generator
Point = tuple[float, float]
Polygon = list[Point]
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels
# What the functions _draw_camera and so on give.
Camera = Scene = Pose = Animal = SimpleNamespace

# Each trait for a typical cat, for a typical dog, and its spread. Lengths are in head radii.
_TRAITS = {
    "ear_bend": (0.04, 0.72, 0.20),  # 0: pricked, 1: hanging
    "ear_length": (0.85, 1.05, 0.16),
    "ear_width": (0.50, 0.40, 0.07),
    "ear_roundness": (0.10, 0.50, 0.18),  # 0: triangle, 1: leaf
    "ear_angle": (0.62, 0.80, 0.10),  # of the ear's root from the crown, in radians
    "head_width": (1.05, 0.93, 0.07),
    "muzzle_length": (0.18, 0.62, 0.14),
    "muzzle_width": (0.40, 0.47, 0.06),
    "nose_size": (0.13, 0.21, 0.03),
    "eye_size": (0.25, 0.18, 0.03),
    "eye_slant": (0.22, 0.02, 0.10),
    "iris_hue": (0.30, 0.80, 0.18),  # 0: blue and green, 1: dark brown
    "pupil_width": (0.42, 0.78, 0.16),  # 1: as wide as the iris is high
    "whiskers": (0.95, 0.35, 0.22),  # their length; short ones are not drawn
    "tongue": (-0.30, 0.12, 0.18),  # its length; below 0 it is in the mouth
    "neck": (0.10, 0.40, 0.15),
    "leg_length": (1.35, 1.85, 0.25),
    "leg_width": (0.26, 0.31, 0.04),
    "torso_depth": (0.95, 1.08, 0.10),
    "tail_length": (3.00, 2.10, 0.45),
    "tail_width": (0.20, 0.25, 0.05),
    "tail_curl": (0.20, 0.75, 0.30),
}
# Each marking's weight for a typical cat and for a typical dog.
_MARKINGS = {
    "plain": (0.20, 0.25),
    "stripes": (0.32, 0.16),
    "patches": (0.16, 0.22),
    "spots": (0.08, 0.12),
    "points": (0.12, 0.10),  # dark ears, muzzle, feet and tail
    "bib": (0.12, 0.15),  # pale muzzle, chest and feet
}
_COATS = (
    (38, 35, 36), (84, 82, 86), (136, 134, 136), (92, 62, 44),
    (146, 102, 66), (196, 132, 72), (214, 178, 128), (232, 222, 206),
)  # fmt: skip
_PALE = (238, 232, 222)
_DARK = (44, 34, 30)
_SHADOW = (14, 10, 12)
_IRISES = (
    (110, 160, 200), (130, 175, 90), (205, 190, 70), (190, 130, 50), (120, 75, 40), (70, 45, 30),
)  # fmt: skip


def render(class_name: str, index: int) -> tuple[Image.Image, int]:
    """Draw picture `index` of a class, one of CLASSES.

    Returns the picture in RGB, 120 to 460 pixels a side, and the JPEG quality to save it at.
    Both depend on the arguments alone.
    """
    class_id = CLASSES.index(class_name)
    rng = np.random.default_rng([class_id, index])
    camera, scene, pose = _draw_camera(rng), _draw_scene(rng), _draw_pose(rng)
    animal = _draw_animal(rng, class_id)
    canvas = _background(rng, scene, tuple(int(side * _SUPERSAMPLE) for side in camera.size))
    frame = _frame(pose, canvas.size)
    painter = _Painter(canvas, _coat(rng, animal, canvas.size, frame.unit), camera.light, rng)
    left, _, right, bottom = _EXTENTS[pose.body]
    centre, half = pose.facing * (left + right) / 2, (right - left) / 2
    painter.shadow(frame(_ellipse((centre, bottom - 0.4), half, 0.5)), 0.4)
    paint_body = {"sitting": _paint_sitting, "standing": _paint_standing, "lying": _paint_lying}
    paint_body[pose.body](painter, frame, animal)
    _paint_head(painter, _Head(frame, pose), pose, animal)
    _paint_occluder(painter, frame, scene)
    return _photograph(rng, canvas, camera), camera.quality


def write_pictures(folder: Path, per_class: int) -> None:
    """Draw `per_class` pictures of each class: folder/cat/cat.0.jpg, folder/dog/dog.0.jpg, ...

    Draws in as many processes as there are processors; what it writes does not depend on that.
    """
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    numbered = [(name, index) for index in range(per_class) for name in CLASSES]
    # 'spawn' starts clean processes, whatever threads the caller has running.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        written = pool.map(
            partial(_write_picture, folder), *zip(*numbered, strict=True), chunksize=16
        )
        for _ in tqdm(written, desc="drawing", total=len(numbered), unit="picture", disable=None):
            pass


def _write_picture(folder: Path, class_name: str, index: int) -> None:
    picture, quality = render(class_name, index)
    picture.save(folder / class_name / f"{class_name}.{index}.jpg", quality=quality)


# Parameters. Only _draw_animal is told the class: what it gives is the one part of a picture that
# depends on it.


def _draw_camera(rng: Random) -> Camera:
    """Draw the size, the light and the flaws of the photograph."""
    long_side = int(rng.triangular(140, 180, 380))
    short_side = max(120, int(long_side * rng.choice([0.56, 0.67, 0.75, 0.75, 0.8, 1.0])))
    upright = rng.random() < 0.4
    dark, blurred = rng.random() < DARK, rng.random() < BLURRED
    return SimpleNamespace(
        size=(short_side, long_side) if upright else (long_side, short_side),
        brightness=rng.uniform(0.35, 0.65) if dark else rng.uniform(0.8, 1.2),
        cast=tuple(rng.uniform(0.93, 1.07, 3).tolist()),  # gain of red, green and blue
        light=rng.uniform(-math.pi, 0),  # direction it comes from, radians
        falloff=rng.uniform(0, 0.6),  # how much darker the far side is
        haze=rng.triangular(0, 0, 0.35),
        blur=rng.uniform(0.8, 2.8) if blurred else rng.uniform(0, 0.6),  # pixels
        noise=rng.triangular(0, 3, 14),  # grey levels
        quality=int(rng.integers(55, 96)),
    )


def _draw_scene(rng: Random) -> Scene:
    """Draw what is behind and in front of the animal."""
    place = str(rng.choice(["room", "sofa", "grass", "wall", "carpet"]))
    green = np.array([86, 124, 58]) * rng.uniform(0.6, 1.5)
    occluder = str(rng.choice(["blanket", "leaves", "bars", "box"]))
    return SimpleNamespace(
        place=place,
        far=_household_colour(rng),  # of the wall or sky
        near=_colour(green) if place == "grass" else _household_colour(rng),  # of the ground
        horizon=rng.uniform(0.3, 0.75),  # where the ground begins, as a share from the top
        sharpness=rng.uniform(0.08, 0.5),  # share of the full resolution of the background
        clutter=int(rng.integers(0, 9)),  # things that lie or hang about
        occluder=occluder if rng.random() < OCCLUDED else "none",
        occluder_colour=_household_colour(rng),
    )


def _draw_pose(rng: Random) -> Pose:
    """Draw how the animal holds itself and where it is in the frame."""
    close_up = rng.random() < 0.5
    body = str(rng.choice(["sitting", "standing", "lying"], p=[0.4, 0.3, 0.3]))
    facing = int(rng.choice([-1, 1]))  # of the body: left, right
    return SimpleNamespace(
        body=body,
        facing=facing,
        # Of the head, in radians; 0 looks into the camera.
        yaw=facing * float(np.clip(rng.normal(0.3, 0.35), -1, 1)),
        pitch=rng.normal(-0.02, 0.11),
        roll=rng.normal(0, 0.16),
        eyes_open=float(np.clip(rng.normal(0.95, 0.25), 0.08, 1)),
        close_up=close_up,
        # Of what is shown, and the shift of its centre from the frame's, as shares of the frame.
        size=rng.uniform(0.55, 1.1) if close_up else rng.triangular(0.4, 0.95, 1.25),
        shift=tuple(rng.normal(0, 0.09, 2).tolist()),
    )


def _draw_animal(rng: Random, class_id: int) -> Animal:
    """Draw what the animal looks like: _TRAITS, a marking, and colours."""
    character = rng.normal(class_id, CHARACTER_SPREAD)
    traits = {}
    for name, (cat, dog, spread) in _TRAITS.items():
        own = 1 - character if rng.random() < BORROWED else character
        noise = np.clip(rng.normal(), -2, 2) * spread * TRAIT_SPREAD
        traits[name] = float(cat + (dog - cat) * own + noise)
    weights = np.array(
        [cat + (dog - cat) * np.clip(character, 0, 1) for cat, dog in _MARKINGS.values()]
    )
    marking = str(rng.choice(list(_MARKINGS), p=weights / weights.sum()))
    first, second = rng.choice(len(_COATS), 2, replace=False)
    iris = float(np.clip(traits["iris_hue"], 0, 0.999)) * len(_IRISES)
    return SimpleNamespace(
        **traits,
        marking=marking,
        coat=_fur_colour(rng, _COATS[first]),
        second_coat=_fur_colour(rng, _COATS[second]),
        iris=_colour(_IRISES[int(iris)] + rng.normal(0, 10, 3)),
        nose=(196, 120, 116) if rng.random() < 0.3 else (40, 32, 34),
    )


def _household_colour(rng: Random) -> Colour:
    """A grey with a tint, as most walls, floors and furniture have."""
    return _colour(rng.uniform(45, 215) + rng.normal(0, 15, 3))


def _fur_colour(rng: Random, colour: Colour) -> Colour:
    """A lighter or darker variant: fur varies more in brightness than in hue."""
    return _colour(np.array(colour) + rng.normal(0, 12) + rng.normal(0, 3, 3))


def _colour(channels: np.ndarray) -> Colour:
    red, green, blue = (int(c) for c in np.clip(channels, 0, 255))
    return red, green, blue


# Geometry, in any unit.


def _ellipse(centre: Point, rx: float, ry: float, turn: float = 0, corners: int = 26) -> Polygon:
    cos, sin = math.cos(turn), math.sin(turn)
    around = [(rx * x, ry * y) for x, y in _circle(corners)]
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in around]


@cache
def _circle(corners: int) -> Polygon:
    angles = [2 * math.pi * k / corners for k in range(corners)]
    return [(math.cos(a), math.sin(a)) for a in angles]


def _curve(points: list[Point], steps: int = 7) -> list[Point]:
    """A Bézier curve with these control points, by de Casteljau's construction."""
    curve = []
    for step in range(steps):
        t, row = step / (steps - 1), points
        while len(row) > 1:
            row = [(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])) for a, b in pairwise(row)]
        curve.append(row[0])
    return curve


def _ribbon(line: list[Point], widths: list[float]) -> list[Polygon]:
    """Polygons that together make a stroke along `line` whose half-width changes to `widths`."""
    shapes = []
    for (a, b), (wa, wb) in zip(pairwise(line), pairwise(widths), strict=True):
        length = math.hypot(b[0] - a[0], b[1] - a[1]) or 1.0
        nx, ny = (a[1] - b[1]) / length, (b[0] - a[0]) / length
        ends = ((a, wa), (b, wb), (b, -wb), (a, -wa))
        shapes.append([(x + nx * w, y + ny * w) for (x, y), w in ends])
    return shapes + [_ellipse(p, w, w, corners=9) for p, w in zip(line, widths, strict=True)]


def _taper(first: float, last: float, steps: int = 7) -> list[float]:
    return [first + (last - first) * k / (steps - 1) for k in range(steps)]


@dataclass(frozen=True)
class _Frame:
    """Places the animal's own coordinates (head radii; head at 0, 0; y down) on the canvas."""

    origin: Point
    unit: float
    tilt: float
    facing: int  # what is a limb or a ball is mirrored to this side: -1 or 1

    def __call__(self, points: Polygon) -> Polygon:
        cos, sin = math.cos(self.tilt) * self.unit, math.sin(self.tilt) * self.unit
        left, top = self.origin
        return [(left + x * cos - y * sin, top + x * sin + y * cos) for x, y in points]

    def limb(self, points: list[Point], first: float, last: float) -> list[Polygon]:
        """A limb along a curve, of half-width `first` at its root and `last` at its end."""
        line = self(_curve([(x * self.facing, y) for x, y in points]))
        return _ribbon(line, _taper(first * self.unit, last * self.unit))

    def ball(self, x: float, y: float, rx: float, ry: float) -> list[Polygon]:
        """A rounded part of the body: a haunch, a paw."""
        return [self(_ellipse((x * self.facing, y), rx, ry))]


# Left, top, right and bottom of each body, facing right, and of a head with its shoulders.
_EXTENTS = {
    "sitting": (-1.9, -1.7, 1.9, 4.6),
    "standing": (-6.2, -1.7, 1.3, 4.6),
    "lying": (-5.4, -1.7, 2.0, 2.7),
}
_HEAD_EXTENT = (-1.3, -1.8, 1.3, 1.6)


def _frame(pose: Pose, size: tuple[int, int]) -> _Frame:
    left, top, right, bottom = _HEAD_EXTENT if pose.close_up else _EXTENTS[pose.body]
    unit = pose.size * min(size[0] / (right - left), size[1] / (bottom - top))
    x = size[0] * (0.5 + pose.shift[0]) - pose.facing * unit * (left + right) / 2
    y = size[1] * (0.5 + pose.shift[1]) - unit * (top + bottom) / 2
    return _Frame((x, y), unit, pose.roll * 0.25, pose.facing)


class _Painter:
    """Paints furry, shaded shapes on the canvas.

    `coat` is the animal's fur for the whole canvas, `light` the direction in radians that the
    light comes from.
    """

    def __init__(self, canvas: Image.Image, coat: Image.Image, light: float, rng: Random):
        self.canvas, self.coat, self.light, self.rng = canvas, coat, light, rng

    def fur(
        self,
        shapes: list[Polygon],
        fill: Image.Image | Colour | None = None,
        shade: float = 0.0,
        rough: float = 0.03,
    ) -> None:
        """Paint the union of the shapes: in the coat or in `fill`, darker by `shade`.

        The side away from the light is darkened, which rounds the shape and sets it off from
        what it covers. `rough` is the depth of tufts in the outline, as a share of the shape.
        """
        box, mask = self._cut_out(shapes, rough)
        self.canvas.paste(self.coat.crop(box) if fill is None else fill, box, mask)
        depth = 0.09 * min(mask.size)
        lit = Image.new("L", mask.size)
        lit.paste(mask, (round(depth * math.cos(self.light)), round(depth * math.sin(self.light))))
        rim = ImageChops.subtract(mask, lit, scale=2.4, offset=round(shade * 255))
        dark = ImageChops.multiply(mask, rim.filter(ImageFilter.BoxBlur(depth * 0.6)))
        self.canvas.paste(_SHADOW, box, dark)

    def shadow(self, shape: Polygon, strength: float) -> None:
        """Darken what is inside the shape, with a soft edge."""
        box, mask = self._cut_out([shape], 0, fill=round(strength * 255))
        mask = mask.filter(ImageFilter.BoxBlur(0.08 * min(mask.size)))
        self.canvas.paste(_SHADOW, box, mask)

    def _cut_out(
        self, shapes: list[Polygon], rough: float, fill: int = 255
    ) -> tuple[Box, Image.Image]:
        """The box around the shapes, a little larger, and their mask in it."""
        xs = [x for shape in shapes for x, _ in shape]
        ys = [y for shape in shapes for _, y in shape]
        depth = rough * min(max(xs) - min(xs), max(ys) - min(ys))
        left, right = (min(max(int(x), 0), self.canvas.width) for x in (min(xs) - 2, max(xs) + 3))
        top, bottom = (min(max(int(y), 0), self.canvas.height) for y in (min(ys) - 2, max(ys) + 3))
        mask = Image.new("L", (right - left, bottom - top))
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            tufts = self.rng.uniform(-depth, 0, (len(shape), 2)).tolist()
            outline = [
                (x - left + dx, y - top + dy) for (x, y), (dx, dy) in zip(shape, tufts, strict=True)
            ]
            draw.polygon(outline, fill=fill)
        return (left, top, right, bottom), mask

    def flat(self, shape: Polygon, colour: Colour) -> None:
        """Paint one smooth shape in one colour."""
        ImageDraw.Draw(self.canvas).polygon(shape, fill=colour)

    def line(self, points: list[Point], colour: Colour, width: float) -> None:
        """Paint a thin line."""
        ImageDraw.Draw(self.canvas).line(points, fill=colour, width=max(1, round(width)))


# Behind the animal.


def _background(rng: Random, scene: Scene, size: tuple[int, int]) -> Image.Image:
    """Draw the place small and enlarge it: out of focus, as in most portraits, and quick."""
    width, height = (max(16, int(side * scene.sharpness)) for side in size)
    picture = _gradient(scene.far, (width, height), rng.uniform(-40, 40))
    draw = ImageDraw.Draw(picture)
    floor = int(height * scene.horizon)
    if scene.place != "wall":
        ground = _gradient(scene.near, (width, height - floor), rng.uniform(-50, 20))
        picture.paste(ground, (0, floor))
    for _ in range(scene.clutter):
        colour = _household_colour(rng)
        x, y = rng.uniform(0, width), floor + rng.normal(0, 0.15) * height
        w, h = rng.uniform(0.03, 0.2, 2) * (width, height)
        if rng.random() < 0.5:
            draw.rectangle((x - w, y - 2 * h, x + w, y + h), fill=colour)
        else:
            draw.ellipse((x - w, y - h, x + w, y + h), fill=colour)
    if scene.place == "sofa":
        colour = np.array(_household_colour(rng))
        top, edge = floor - height * rng.uniform(0.1, 0.3), rng.uniform(0.0, 0.25) * width
        back = (edge, top, width - edge / 3, height)
        seat = (edge * 0.6, floor + height * 0.08, width, height * 1.2)
        draw.rounded_rectangle(back, width // 12, _colour(colour))
        draw.rounded_rectangle(seat, width // 14, _colour(colour * 1.15))
        draw.line((width / 2, top, width / 2, floor), fill=_colour(colour * 0.7))
    if scene.place in ("grass", "carpet"):
        tones = [_colour(np.array(scene.near) + tone) for tone in rng.normal(0, 16, 5)]
        for x, y in (rng.random((120, 2)) * (width, height - floor)).tolist():
            top = (x + width * 0.01, floor + y - height * 0.05)
            draw.line((x, floor + y, *top), fill=tones[int(x) % len(tones)])
    return picture.resize(size, Image.Resampling.BILINEAR)


def _gradient(colour: Colour, size: tuple[int, int], rise: float) -> Image.Image:
    """A surface whose brightness rises by so many grey levels from top to bottom."""
    end = _colour(np.array(colour) + rise)
    ramp = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, end), Image.new("RGB", size, colour), ramp)


# The animal.


def _coat(rng: Random, animal: Animal, size: tuple[int, int], unit: float) -> Image.Image:
    """Fur for the whole canvas, with its markings; the animal's shapes are cut out of it."""
    coat = Image.new("RGB", size, animal.coat)
    draw = ImageDraw.Draw(coat)
    width, height = size
    if animal.marking == "stripes":
        dark = _colour(np.array(animal.coat) * 0.5)
        step = unit * rng.uniform(0.26, 0.42)
        for k in range(min(60, int(width / step) + 1)):
            bends = (k * step + rng.normal(0, step, 4)).tolist()
            line = _curve([(x, height * j / 3) for j, x in enumerate(bends)], steps=12)
            widths = (step * rng.uniform(0.08, 0.3, 12)).tolist()
            left = [(x - w, y) for (x, y), w in zip(line, widths, strict=True)]
            right = [(x + w, y) for (x, y), w in zip(line, widths, strict=True)]
            draw.polygon([*left, *reversed(right)], fill=dark)
    if animal.marking in ("patches", "spots"):
        radius = unit * (rng.uniform(0.5, 1.0) if animal.marking == "patches" else 0.14)
        count = min(200, int(0.16 * width * height / radius**2))
        places = rng.random((count, 2)) * size
        shapes = rng.uniform((0.6, 0.6, 0), (1.3, 1.3, 3), (count, 3)) * (radius, radius, 1)
        for (x, y), (rx, ry, turn) in zip(places.tolist(), shapes.tolist(), strict=True):
            draw.polygon(_ellipse((x, y), rx, ry, turn, corners=14), fill=animal.second_coat)
    grain = rng.integers(0, 70, (height // 4, width // 2), dtype=np.uint8)
    tone = Image.fromarray(grain).resize(size, Image.Resampling.NEAREST)
    coat.paste(_colour(np.array(animal.coat) * 0.4), mask=tone)
    return coat


def _tips(animal: Animal) -> Colour | None:
    """The colour of feet and tail where the markings give them one."""
    if animal.marking == "points":
        return _DARK
    return _PALE if animal.marking == "bib" else None


def _paint_tail(painter: _Painter, frame: _Frame, animal: Animal, root: Point, lift: float) -> None:
    """A tail from `root` backwards; its curl brings the end up and forwards again."""
    length, curl = animal.tail_length, animal.tail_curl
    x, y = root
    line = [
        root,
        (x - 0.5 * length, y + 0.2 - lift * 0.3),
        (x - length * (0.75 - 0.3 * curl), y - lift * length * 0.7),
        (x - length * (0.9 - 0.9 * curl), y - length * (lift + 0.35 * curl)),
    ]
    painter.fur(frame.limb(line, animal.tail_width * 1.15, animal.tail_width * 0.7), _tips(animal))


def _paint_legs(
    painter: _Painter, frame: _Frame, animal: Animal, legs: list[list[Point]], shade: float = 0
) -> None:
    width = animal.leg_width
    for leg in legs:
        painter.fur(frame.limb(leg, width * 1.35, width * 0.85), shade=shade)
        x, y = leg[-1]
        painter.fur(frame.ball(x + 0.12, y, width * 1.35, width * 0.8), _tips(animal), shade)


def _paint_sitting(painter: _Painter, frame: _Frame, animal: Animal) -> None:
    depth, ground = animal.torso_depth, 2.6 + animal.neck + animal.leg_length
    _paint_tail(painter, frame, animal, (-0.8, ground - 0.3), 0.12)
    painter.fur(frame.ball(-0.75, ground - 0.75, 0.85 * depth, 0.8), shade=0.12)
    painter.fur(frame.ball(0.75, ground - 0.75, 0.85 * depth, 0.8), shade=0.12)
    torso = [(0, 0.6), (0.1, 1.6 + animal.neck), (0, ground - 0.8)]
    painter.fur(frame.limb(torso, 0.72, 1.12 * depth))
    if animal.marking == "bib":
        painter.fur(frame.ball(0, 1.7 + animal.neck, 0.5, 0.95), _PALE)
    chest = 2.1 + animal.neck
    legs = [[(x, chest), (x * 1.2, chest + 1), (x * 0.9, ground)] for x in (-0.42, 0.42)]
    _paint_legs(painter, frame, animal, legs)


def _paint_standing(painter: _Painter, frame: _Frame, animal: Animal) -> None:
    depth, back = animal.torso_depth * 0.9, 1.2 + animal.neck
    ground = back + depth + animal.leg_length
    _paint_tail(painter, frame, animal, (-4.4, back - 0.2), 0.45)
    fore = [(-1.1, back + 0.3), (-1.2, back + 1.2), (-1.05, ground)]
    hind = [(-4.1, back), (-3.6, back + 1.3), (-4.6, back + 1.6), (-4.1, ground)]
    for shift, shade in ((0.45, 0.22), (0, 0)):  # first the legs of the far side
        legs = [[(x + shift, y) for x, y in leg] for leg in (fore, hind)]
        _paint_legs(painter, frame, animal, legs, shade)
    torso = [(-1.1, back), (-2.6, back + 0.15), (-4.2, back)]
    painter.fur(frame.limb([(0, 0.2), (-0.5, 0.6), (-1.2, back)], 0.62, 0.85))
    painter.fur(frame.limb(torso, depth, depth * 0.86))


def _paint_lying(painter: _Painter, frame: _Frame, animal: Animal) -> None:
    depth, back = animal.torso_depth * 0.9, 1.15 + animal.neck * 0.5
    ground = back + depth * 0.75
    _paint_tail(painter, frame, animal, (-3.7, ground - 0.3), 0.02)
    torso = [(-0.4, back - 0.2), (-1.8, back), (-3.4, back + 0.1)]
    painter.fur(frame.limb([(0, 0.2), (-0.3, 0.6), (-0.8, back)], 0.62, 0.8))
    painter.fur(frame.limb(torso, depth * 0.85, depth))
    painter.fur(frame.ball(-3.1, back + 0.25, 0.95, 0.75))
    legs = [
        [(-2.9, ground), (-2.3, ground + 0.1), (-1.9, ground + 0.1)],
        [(-0.6, ground - 0.3), (0, ground), (animal.leg_length * 0.6, ground)],
        [(-0.9, ground - 0.2), (-0.2, ground + 0.1), (animal.leg_length * 0.4, ground + 0.25)],
    ]
    _paint_legs(painter, frame, animal, legs)


class _Head:
    """Look at points of the head (x right, y down, z to the front) as the camera does."""

    def __init__(self, frame: _Frame, pose: Pose):
        self.origin, self.unit, self.yaw = frame.origin, frame.unit, pose.yaw
        cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
        cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
        self.rows = ((cy, 0, sy), (sp * sy, cp, -sp * cy), (-cp * sy, sp, cp * cy))
        turn = pose.roll + frame.tilt
        self.cos, self.sin = math.cos(turn) * frame.unit, math.sin(turn) * frame.unit

    def look(self, points: list[Point], z: float) -> Polygon:
        """Where points of the head's plane at depth `z` are on the canvas."""
        (xx, _, xz), (yx, yy, yz), (zx, zy, zz) = self.rows
        seen = []
        for x, y in points:
            near = 1 + 0.18 * (zx * x + zy * y + zz * z)  # what is nearer looks larger
            u, v = near * (xx * x + xz * z), near * (yx * x + yy * y + yz * z)
            seen.append((u * self.cos - v * self.sin, u * self.sin + v * self.cos))
        return [(self.origin[0] + x, self.origin[1] + y) for x, y in seen]

    def point(self, x: float, y: float, z: float) -> Point:
        """Where one point is on the canvas."""
        return self.look([(x, y)], z)[0]

    def oval(self, x: float, y: float, z: float, rx: float, ry: float, turn: float = 0) -> Polygon:
        """An oval on the face, turned with it."""
        return self.look(_ellipse((x, y), rx, ry, turn, corners=20), z)


def _paint_head(painter: _Painter, head: _Head, pose: Pose, animal: Animal) -> None:
    far = -1 if pose.yaw > 0 else 1
    _paint_ear(painter, head, animal, far, shade=0.1)
    hanging = animal.ear_bend > 0.45
    if not hanging:
        _paint_ear(painter, head, animal, -far, shade=0)
    width = animal.head_width
    cheeks = [head.oval(side * 0.45 * width, 0.32, 0.2, 0.55, 0.5) for side in (-1, 1)]
    painter.fur([head.oval(0, 0, 0, width, 0.9), *cheeks])
    if hanging:
        _paint_ear(painter, head, animal, -far, shade=0.05)
    _paint_eyes(painter, head, pose, animal)
    _paint_muzzle(painter, head, animal)


def _paint_ear(painter: _Painter, head: _Head, animal: Animal, side: int, shade: float) -> None:
    """An ear: a ribbon from its root over a knee to its tip. The more it is bent, the nearer the
    knee is to the root and the farther the tip hangs down.
    """
    bend = min(max(animal.ear_bend, 0), 1)
    angle, length = animal.ear_angle, animal.ear_length
    root = (math.sin(angle) * 0.78, -math.cos(angle) * 0.78)
    lean = 0.5 * angle
    knee_at = length * (0.75 - 0.45 * bend)
    knee = (root[0] + math.sin(lean) * knee_at, root[1] - math.cos(lean) * knee_at)
    turn = lean + bend * 2.6
    rest = length * (0.35 + 0.75 * bend)
    tip = (knee[0] + math.sin(turn) * rest, knee[1] - math.cos(turn) * rest)
    line = [head.point(side * x, y, -0.1) for x, y in _curve([root, knee, tip])]
    unit = head.unit * (0.7 + 0.3 * math.cos(head.yaw))
    leaf = min(max(animal.ear_roundness, 0), 1)
    widths = [
        animal.ear_width * ((1 - leaf) * (1 - s) + leaf * (1 - s**3) * (0.65 + 0.6 * s)) + 0.03
        for s in _taper(0, 1)
    ]
    fill = _DARK if animal.marking == "points" else None
    painter.fur(_ribbon(line, [w * unit for w in widths]), fill, shade, rough=0.015)
    if bend < 0.4:
        inside = [w * unit * 0.55 for w in widths[:5]]
        painter.fur(_ribbon(line[:5], inside), (186, 134, 126), shade, rough=0.05)


def _paint_eyes(painter: _Painter, head: _Head, pose: Pose, animal: Animal) -> None:
    size = animal.eye_size
    for side in (-1, 1):
        x, y, z = side * 0.42, -0.12, 0.74
        turn = -side * animal.eye_slant
        high = size * 0.82 * pose.eyes_open
        painter.flat(head.oval(x, y, z, size * 1.18, high * 1.2 + 0.02, turn), (28, 22, 22))
        painter.flat(head.oval(x, y, z, size, high, turn), animal.iris)
        pupil = min(max(animal.pupil_width, 0.15), 1)
        wide = size * 0.8 * pupil
        painter.flat(head.oval(x, y, z, wide, high * (0.75 + 0.2 * (1 - pupil)), 0), (8, 8, 10))
        if pose.eyes_open > 0.4:
            painter.flat(head.oval(x + 0.06, y - high * 0.4, z, 0.05, 0.05), (245, 245, 245))


def _paint_muzzle(painter: _Painter, head: _Head, animal: Animal) -> None:
    front = 0.72 + max(animal.muzzle_length, 0.08)
    width, unit = animal.muzzle_width, head.unit
    fill = _tips(animal)
    line = [head.point(0, 0.3 + 0.1 * s, 0.5 + (front - 0.5) * s) for s in _taper(0, 1, 5)]
    painter.fur(_ribbon(line, [w * unit for w in _taper(width * 1.1, width * 0.9, 5)]), fill)
    if animal.tongue > 0:
        painter.flat(
            head.oval(0.05, 0.66 + animal.tongue, front * 0.8, 0.15, 0.1 + animal.tongue),
            (206, 96, 104),
        )
    pads = [head.oval(s * width * 0.46, 0.44, front, width * 0.56, width * 0.48) for s in (-1, 1)]
    painter.fur(pads, fill)
    size = animal.nose_size
    nose_y = 0.24
    for side in (-1, 1):
        mouth = [(0, nose_y + size), (0, 0.62), (side * width * 0.7, 0.7), (side * width, 0.5)]
        line = [head.point(x, y, front) for x, y in _curve(mouth)]
        painter.line(line, (40, 28, 28), unit * 0.035)
    nose = [
        head.point(x * (1.25 - 0.5 * (y > nose_y)), y, front + 0.05)
        for x, y in _ellipse((0, nose_y), size, size * 0.72)
    ]
    painter.flat(nose, animal.nose)
    if animal.whiskers < 0.35:
        return
    for side, k in product((-1, 1), range(4)):
        y, droop = 0.36 + 0.07 * k, painter.rng.uniform(-0.25, 0.35)
        start, end = side * width * 0.6, side * (width * 0.6 + animal.whiskers)
        line = [head.point(start, y, front), head.point(end, y + droop, front - 0.3)]
        painter.line(line, (236, 234, 230), unit * 0.02)


# In front of the animal, and the photograph.


def _paint_occluder(painter: _Painter, frame: _Frame, scene: Scene) -> None:
    """Something in front: a blanket over the lower part, leaves, bars, or a box at one side."""
    if scene.occluder == "none":
        return
    rng, (width, height) = painter.rng, painter.canvas.size
    x, y = frame.origin
    unit, colour = frame.unit, scene.occluder_colour
    if scene.occluder == "blanket":
        top = y + unit * rng.uniform(0.2, 1.3)
        hem = [(width * k / 3, top + rng.normal(0, unit * 0.4)) for k in range(4)]
        edge = _curve([(-9, top), *hem, (width + 9, top)], steps=24)
        painter.fur([[*edge, (width + 9, height + 9), (-9, height + 9)]], colour, rough=0)
    elif scene.occluder == "box":
        side = int(rng.choice([-1, 1])) * unit
        near, far = x + side * rng.uniform(0.2, 0.9), x + side * 6
        top, bottom = y - unit * rng.uniform(-0.6, 1.5), height + 9
        painter.fur([[(near, top), (far, top), (far, bottom), (near, bottom)]], colour, rough=0)
    elif scene.occluder == "bars":
        step, thick = unit * rng.uniform(0.5, 1.0), unit * rng.uniform(0.03, 0.08)
        for k in range(-12, 13):
            across = x + (k + 0.5) * step
            bar = _ribbon([(across, -9), (across + unit * 0.1, height + 9)], [thick, thick])
            painter.fur(bar, colour, rough=0)
    else:
        for _ in range(rng.integers(4, 12)):
            root = (x + rng.normal(0, 2) * unit, y + rng.uniform(1, 4) * unit)
            tip = (root[0] + rng.normal(0, 0.8) * unit, y - rng.uniform(-0.8, 1) * unit)
            leaf = _curve([root, (root[0], tip[1]), tip])
            painter.fur(_ribbon(leaf, _taper(0.2 * unit, 1)), colour)


def _photograph(rng: Random, canvas: Image.Image, camera: Camera) -> Image.Image:
    """Take the picture: lens blur, light, colour cast and the sensor's noise."""
    width, height = camera.size
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * math.cos(camera.light)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * math.sin(camera.light)
    light = camera.brightness * (1 + camera.falloff * (across + down[:, None]))
    noise = rng.standard_normal((height, width), np.float32) * camera.noise
    picture = canvas.resize(camera.size, Image.Resampling.BILINEAR)
    picture = picture.filter(ImageFilter.BoxBlur(camera.blur))
    hazy = [grey + camera.haze * (150 - grey) for grey in range(256)]
    picture = picture.point([round(cast * grey) for cast in camera.cast for grey in hazy])
    # One channel at a time: numpy is slow at broadcasting over an axis of three.
    channels = [np.clip(np.asarray(c) * light + noise, 0, 255) for c in picture.split()]
    return Image.merge("RGB", [Image.fromarray(c.astype(np.uint8)) for c in channels])
