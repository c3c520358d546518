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
ARCHITECTURES = {
    "efficientnet_lite0": Architecture(
        "efficientnet_lite", "EfficientNetLite0", 224, _EFFICIENTNET
    ),
    "efficientnet_lite1": Architecture(
        "efficientnet_lite", "EfficientNetLite1", 240, _EFFICIENTNET
    ),
    "efficientnet_lite2": Architecture(
        "efficientnet_lite", "EfficientNetLite2", 260, _EFFICIENTNET
    ),
    "vgg16": Architecture("vgg16", "VGG16", 224, _VGG),
    "vgg19": Architecture("vgg19", "VGG19", 224, _VGG),
    "resnet50": Architecture("resnet", "ResNet50", 224, r"(conv1|conv\d_block\d+)_"),
    "inception_v3": Architecture(
        "inception_v3", "InceptionV3", 299, r"(mixed\d+)$", least_size=75, ends_block=True
    ),
    "xception": Architecture("xception", "Xception", 299, r"(block\d+)_", least_size=71),
    "mobilenet": Architecture("mobilenet", "MobileNet", 224, r"(conv1|conv_dw_\d+)$"),
    "mobilenet_v2": Architecture(
        "mobilenet_v2", "MobileNetV2", 224, r"(Conv1|expanded_conv|block_\d+|Conv_1)(?:_|$)"
    ),
    "efficientnet_b0": Architecture("efficientnet", "EfficientNetB0", 224, _EFFICIENTNET),
    "densenet121": Architecture("densenet", "DenseNet121", 224, r"(conv1|conv\d_block\d+|pool\d)_"),
}
