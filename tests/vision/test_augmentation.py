import numpy as np

from vision.augmentation import augment
from vision.params import Augmentation

RNG = np.random.default_rng(0)
SIDE = 65
OFF = {"flip": False, "rotation": 0, "zoom": 0, "shift": 0, "shear": 0, "contrast": 0}
EVERYTHING = {
    "flip": True,
    "rotation": 30,
    "zoom": 0.3,
    "shift": 0.2,
    "shear": 20,
    "contrast": 0.5,
}
NOISE = RNG.integers(0, 256, (6, SIDE, SIDE, 3), np.uint8)
BEFORE = NOISE.copy()
NAMES = [f"cat/{number}.jpg" for number in range(6)]
MANY = 300

# Where resampling may move a spot's centre of gravity, in pixels.
PIXELS = 0.05


def settings(**changes) -> Augmentation:
    return Augmentation(**OFF | changes)


def spots(centre, width):
    """Draw a picture, black but for a soft spot at (x, y) from the middle."""
    y, x = np.mgrid[:SIDE, :width]
    x, y = x - (width - 1) / 2 - centre[0], y - (SIDE - 1) / 2 - centre[1]
    return np.stack([200 * np.exp(-(x**2 + y**2) / (2 * 2**2))] * 3, axis=-1)


def place(view):
    """Measure the centre of gravity (x, y), from the middle."""
    light = view[..., 0].astype(float)
    height, width = light.shape
    x = (light.sum(axis=0) * (np.arange(width) - (width - 1) / 2)).sum()
    y = (light.sum(axis=1) * (np.arange(height) - (height - 1) / 2)).sum()
    return np.array([x, y]) / light.sum()


def many_views(picture, **changes):
    """Draw views of one picture under many names."""
    names = [str(number) for number in range(MANY)]
    return augment(np.stack([picture] * MANY), names, 0, settings(**changes), seed=1)


def places(centre, width=SIDE, **changes):
    return np.array([place(view) for view in many_views(spots(centre, width=width), **changes)])


def assert_spread(amounts, limit, tolerance):
    """Amounts keep within a limit either way and, of this many, some come near both its ends."""
    assert np.abs(amounts).max() <= limit + tolerance
    # All of 300 even draws miss the last tenth at one end with probability 0.95**300 < 1e-6.
    assert amounts.max() >= 0.9 * limit - tolerance
    assert amounts.min() <= -0.9 * limit + tolerance


# --- what decides a view ---


def test_with_everything_off_a_picture_stays_as_it_is():
    views = augment(NOISE, NAMES, 0, settings(), seed=1)
    # Rounding in 32 bits, where the contrast takes the mean off and adds it again.
    np.testing.assert_allclose(views, NOISE, atol=1e-4)


def test_views_are_float32_of_the_same_shape_within_0_to_255():
    views = augment(NOISE, NAMES, 0, settings(**EVERYTHING), seed=1)
    assert (views.dtype, views.shape) == (np.float32, NOISE.shape)
    assert views.min() >= 0
    assert views.max() <= 255
    assert np.array_equal(NOISE, BEFORE)  # what was given is not changed


def test_a_view_is_the_same_to_the_bit_alone_and_in_any_company():
    together = augment(NOISE, NAMES, 3, settings(**EVERYTHING), seed=1)
    backwards = augment(NOISE[::-1], NAMES[::-1], 3, settings(**EVERYTHING), seed=1)[::-1]
    assert backwards.tobytes() == together.tobytes()
    for number, name in enumerate(NAMES):
        alone = augment(NOISE[[number]], [name], 3, settings(**EVERYTHING), seed=1)
        assert alone[0].tobytes() == together[number].tobytes()


def test_another_name_view_or_seed_gives_another_view():
    def draw(name="cat/1.jpg", view=1, seed=1):
        return augment(NOISE[:1], [name], view, settings(**EVERYTHING), seed).tobytes()

    names = [draw(name=name) for name in ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "犬/ä.jpg")]
    # The view and the seed are not interchangeable.
    numbers = [draw(view=2), draw(seed=2), draw(view=0), draw(seed=0)]
    assert len({*names, *numbers}) == 8


# --- each change by itself ---


def test_flip_gives_the_picture_or_its_mirror_image_about_half_each():
    picture = NOISE[0].astype(np.float32)
    views = many_views(picture, flip=True)
    # Rounding, as above.
    same = np.abs(views - picture).max(axis=(1, 2, 3)) < 1e-4
    mirrored = np.abs(views - picture[:, ::-1]).max(axis=(1, 2, 3)) < 1e-4
    assert (same ^ mirrored).all()
    # Five standard deviations of 300 tosses of a coin.
    assert abs(mirrored.sum() - MANY / 2) < 5 * np.sqrt(MANY / 4)


def test_rotation_turns_about_the_middle_by_up_to_its_degrees():
    moved = places((20, 0), rotation=30, width=91)  # a wide picture is turned as it is, too
    np.testing.assert_allclose(np.hypot(*moved.T), 20, atol=PIXELS)
    angles = np.rad2deg(np.arctan2(moved[:, 1], moved[:, 0]))
    assert_spread(angles, 30, tolerance=np.rad2deg(PIXELS / 20))


def test_zoom_moves_points_to_or_from_the_middle_in_both_directions_alike():
    moved = places((12, -6), zoom=0.3)
    np.testing.assert_allclose(moved[:, 0], -2 * moved[:, 1], atol=3 * PIXELS)
    # A point of the view shows the picture at up to 0.7 to 1.3 times its distance.
    assert_spread(12 / moved[:, 0] - 1, 0.3, tolerance=0.01)


def test_shift_moves_by_up_to_its_share_of_either_side():
    across, down = places((0, 0), width=101, shift=0.2).T
    assert_spread(across, 0.2 * 101, PIXELS)
    assert_spread(down, 0.2 * 65, PIXELS)
    # Independently: five standard deviations of a correlation of 300 pairs.
    assert abs(np.corrcoef(across, down)[0, 1]) < 5 / np.sqrt(MANY)


def test_shear_slants_upright_lines_by_up_to_its_degrees_and_keeps_heights():
    moved = places((0, 20), shear=20)
    np.testing.assert_allclose(moved[:, 1], 20, atol=PIXELS)
    angles = np.rad2deg(np.arctan(moved[:, 0] / 20))
    assert_spread(angles, 20, tolerance=np.rad2deg(PIXELS / 20))
    # What is level with the middle stays where it is.
    np.testing.assert_allclose(places((20, 0), shear=20), [[20, 0]] * MANY, atol=PIXELS)


def test_contrast_spreads_values_about_their_mean_by_up_to_its_share():
    picture = RNG.uniform(100, 156, (SIDE, SIDE, 3))  # nothing reaches 0 or 255 and is cut
    views = many_views(picture, contrast=0.5)
    means = picture.mean(axis=(0, 1))
    # Sums of 4,225 values in 32 bits.
    np.testing.assert_allclose(views.mean(axis=(1, 2)), [means] * MANY, atol=0.01)
    factors = (views.std(axis=(1, 2)) / picture.std(axis=(0, 1)))[:, 0]
    assert_spread(factors - 1, 0.5, tolerance=0.001)


def test_beyond_its_edges_a_picture_goes_on_as_its_mirror_image():
    level = np.full((SIDE, SIDE, 3), 200.0)
    changes = {**EVERYTHING, "shift": 0.5, "contrast": 0}
    # No other colour comes in; rounding of the weights of four equal pixels.
    np.testing.assert_allclose(many_views(level, **changes), 200, atol=0.01)
    ramp = np.tile(np.linspace(0, 255, SIDE)[None, :, None], (SIDE, 1, 3))
    steps = np.abs(np.diff(many_views(ramp, shift=0.3)[:, 0, :, 0]))
    step = 255 / (SIDE - 1)
    # A ramp goes on as steep as before: no jump, and nothing level but where it turns back, which
    # is between two pixels and so touches two or three steps. Rounding in 32 bits.
    assert steps.max() <= step + 0.01
    assert ((steps < step - 0.01).sum(axis=1) <= 3).all()


def test_switching_the_other_changes_off_leaves_a_change_as_it_was():
    # Of one spot, turning moves only the direction and zoom only the distance. (It is near the
    # middle, so that its mirror images stay out of view.)
    turned = places((8, 0), rotation=30)
    zoomed = places((8, 0), zoom=0.3)
    both = places((8, 0), rotation=30, zoom=0.3)
    turns, turns_of_both = (np.arctan2(moved[:, 1], moved[:, 0]) for moved in (turned, both))
    np.testing.assert_allclose(turns_of_both, turns, atol=PIXELS / 8)
    np.testing.assert_allclose(np.hypot(*both.T), zoomed[:, 0], atol=PIXELS)
