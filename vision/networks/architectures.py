"""The published networks: their names in params.yaml, and what is known of each without Keras."""

from typing import NamedTuple


class Architecture(NamedTuple):
    """What there is to know of a convolutional base, but for its layers.

    Attributes
    ----------
    module, function : the function that builds it, and its module in keras.applications (or
        `efficientnet_lite`, beside this one), which has its `preprocess_input`, too.
    published_size, least_size : input heights and widths in pixels.
    block : matches the names of a block's layers; its first group is the name of the block.
    ends_block : whether only the last layer of a block has such a name, not every layer.
    """

    module: str
    function: str
    published_size: int
    block: str
    least_size: int = 32
    ends_block: bool = False


_EFFICIENTNET = r"(stem|block\d\w|top)_"
_VGG = r"(block\d)_"
_RESNET = r"(conv1|conv\d_block\d+)_"
_DENSENET = r"(conv1|conv\d_block\d+|pool\d)_"
_CONVNEXT = r"convnext_[a-z]+_(stem|downsampling_block_\d|stage_\d_block_\d+)"
# Two tensors enter each of its cells, so that it can't be cut between them.
_NASNET = r"(stem)_"


def _family(
    module: str, block: str, members: dict[str, tuple[str, int]], least_size: int = 32
) -> dict[str, Architecture]:
    """Return networks of one family, by their names.

    Parameters
    ----------
    members : by its name, each network's function and published size.
    """
    return {
        name: Architecture(module, function, size, block, least_size)
        for name, (function, size) in members.items()
    }


ARCHITECTURES = {
    **_family(
        "efficientnet_lite",
        _EFFICIENTNET,
        {
            "efficientnet_lite0": ("EfficientNetLite0", 224),
            "efficientnet_lite1": ("EfficientNetLite1", 240),
            "efficientnet_lite2": ("EfficientNetLite2", 260),
        },
    ),
    **_family("vgg16", _VGG, {"vgg16": ("VGG16", 224)}),
    **_family("vgg19", _VGG, {"vgg19": ("VGG19", 224)}),
    **_family(
        "resnet",
        _RESNET,
        {f"resnet{depth}": (f"ResNet{depth}", 224) for depth in (50, 101, 152)},
    ),
    **_family(
        "resnet_v2",
        _RESNET,
        {f"resnet{depth}_v2": (f"ResNet{depth}V2", 224) for depth in (50, 101, 152)},
    ),
    "inception_v3": Architecture(
        "inception_v3", "InceptionV3", 299, r"(mixed\d+)$", least_size=75, ends_block=True
    ),
    "inception_resnet_v2": Architecture(
        "inception_resnet_v2",
        "InceptionResNetV2",
        299,
        r"(mixed_\d\w|block\d+_\d+)(?:_conv|_ac)?$",
        least_size=75,
        ends_block=True,
    ),
    **_family("xception", r"(block\d+)_", {"xception": ("Xception", 299)}, least_size=71),
    **_family("mobilenet", r"(conv1|conv_dw_\d+)$", {"mobilenet": ("MobileNet", 224)}),
    **_family(
        "mobilenet_v2",
        r"(Conv1|expanded_conv|block_\d+|Conv_1)(?:_|$)",
        {"mobilenet_v2": ("MobileNetV2", 224)},
    ),
    **_family(
        "mobilenet_v3",
        r"(conv_1|conv|expanded_conv_\d+|expanded_conv)(?:_[a-z]|$)",
        {
            "mobilenet_v3_small": ("MobileNetV3Small", 224),
            "mobilenet_v3_large": ("MobileNetV3Large", 224),
        },
    ),
    **_family(
        "efficientnet",
        _EFFICIENTNET,
        {
            f"efficientnet_b{number}": (f"EfficientNetB{number}", size)
            for number, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
        },
    ),
    **_family(
        "efficientnet_v2",
        _EFFICIENTNET,
        {
            f"efficientnet_v2_{variant.lower()}": (f"EfficientNetV2{variant}", size)
            for variant, size in {
                "B0": 224,
                "B1": 240,
                "B2": 260,
                "B3": 300,
                "S": 384,
                "M": 480,
                "L": 480,
            }.items()
        },
    ),
    **_family(
        "densenet",
        _DENSENET,
        {f"densenet{depth}": (f"DenseNet{depth}", 224) for depth in (121, 169, 201)},
    ),
    **_family(
        "convnext",
        _CONVNEXT,
        {
            f"convnext_{size.lower()}": (f"ConvNeXt{size}", 224)
            for size in ("Tiny", "Small", "Base", "Large", "XLarge")
        },
    ),
    **_family(
        "nasnet",
        _NASNET,
        {"nasnet_mobile": ("NASNetMobile", 224), "nasnet_large": ("NASNetLarge", 331)},
    ),
}
