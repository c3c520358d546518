"""What a network asks of the processor."""

import keras

from benchmarks import extraction


def test_multiplications_are_those_of_the_kernels_at_each_place():
    inputs = keras.Input((8, 8, 3))
    lower = keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, padding="same"),  # 8 × 8 places × 3 × 3 × 3 × 4
            keras.layers.BatchNormalization(),
            keras.layers.DepthwiseConv2D(3, strides=2, padding="same"),  # 4 × 4 × 3 × 3 × 4
        ]
    )
    features = keras.layers.GlobalAveragePooling2D()(lower(inputs))
    network = keras.Model(inputs, keras.layers.Dense(5)(features))  # 4 × 5
    assert extraction.multiplications(network) == 64 * 108 + 16 * 36 + 20


def test_a_processor_does_some_millions_a_second(monkeypatch):
    monkeypatch.setattr(extraction, "MATRIX", 256)
    assert 1e6 < extraction.products_per_second() < 1e14
