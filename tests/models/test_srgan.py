import numpy as np
import pytest

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.build import build_model
from bathysr_nb.models.normalisation import Normalisation

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")

UNIT = (SEA + 2500) / 2400  # SEA as a network in the manual's form sees it


def seen_at(model, name):
    """Output of a layer of the model for a fixed input."""
    return ops.convert_to_numpy(keras.Model(model.input, model.get_layer(name).output)(UNIT))


def test_residual_blocks_of_srgan_by_hand(small, shaken):
    model = shaken(small("srgan", num_residual_blocks=2)).generator
    for block, before in ((1, "first_prelu"), (2, "block_1_add")):
        x = skip = seen_at(model, before)
        for i in (1, 2):
            kernel, bias = model.get_layer(f"block_{block}_conv_{i}").get_weights()
            gamma, beta, mean, variance = model.get_layer(f"block_{block}_bn_{i}").get_weights()
            x = ops.convert_to_numpy(ops.conv(x, kernel, padding="same")) + bias
            x = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
            if i == 1:
                slope = model.get_layer(f"block_{block}_prelu").get_weights()[0]
                x = np.where(x > 0, x, slope * x)
        np.testing.assert_allclose(seen_at(model, f"block_{block}_add"), skip + x, rtol=1e-3, atol=1e-4)


RESIDUAL, MANUAL = Normalisation(-2500, 0, relief=7.0), Normalisation(-2500, -100)

EACH_GAN = pytest.mark.parametrize("name", ["srgan", "esrgan"])

# By hand. First conv 9*4+4; block 1: 9*4*4+4, 2*4 of BN, 9*4*8+8, 2*8; block 2: 9*8*8+8, 2*8, 9*8*16+16, 2*16;
# dense c*64+64 from c = 8 or 16 channels, logit 64+1. BN counts 2 more along each channel without learning them.
ONE_BLOCK = 40 + 148 + 8 + 296 + 16

TWO_BLOCKS = ONE_BLOCK + 584 + 16 + 1168 + 32


@pytest.mark.parametrize(
    ("name", "blocks", "learnt", "counted"),
    [
        ("srgan", None, ONE_BLOCK + 576 + 65, 2 * (4 + 8)),
        ("srgan", 2, TWO_BLOCKS + 1088 + 65, 2 * (4 + 8 + 8 + 16)),
        ("esrgan", None, TWO_BLOCKS + 1088 + 65, 2 * (4 + 8 + 8 + 16)),
        ("esrgan", 1, ONE_BLOCK + 576 + 65, 2 * (4 + 8)),
        ("srgan", 0, 40 + (4 * 64 + 64) + 65, 0),
    ],
)
@pytest.mark.parametrize(("scale", "bias", "form"), [(2, True, None), (4, False, RESIDUAL)], ids=["2", "4"])
def test_discriminator_parameters_by_hand(name, blocks, learnt, counted, scale, bias, form):
    """The same at every scale, with biases or without in the generator."""
    options = {} if blocks is None else {"d_num_downsampling_blocks": blocks}
    options |= {"filters": 2, "num_residual_blocks": 1, "bias": bias}
    net = build_model(name, scale=scale, normalisation=form, **options).discriminator
    sizes = lambda weights: sum(int(np.prod(w.shape)) for w in weights)  # noqa: E731
    assert (sizes(net.trainable_weights), sizes(net.non_trainable_weights)) == (learnt, counted)


@pytest.mark.parametrize(
    ("name", "blocks", "filters"), [("srgan", 1, 2), ("srgan", 3, 3), ("esrgan", 2, 3), ("esrgan", 3, 2)]
)
def test_each_block_halves_the_patch_and_doubles_the_channels(small, name, blocks, filters):
    net = small(name, d_filters=filters, d_num_downsampling_blocks=blocks).discriminator
    patches = np.zeros((2, 24, 17, 1), "float32")
    rows, columns = 24, 17
    for i in range(1, blocks + 1):
        rows, columns = -(-rows // 2), -(-columns // 2)
        out = keras.Model(net.input, net.get_layer(f"conv_{i}_relu").output)(patches)
        assert tuple(out.shape) == (2, rows, columns, filters * 2**i)
    assert f"down_{blocks + 1}" not in {layer.name for layer in net.layers}
    assert net.get_layer("dense").kernel.shape == (filters * 2**blocks, 16 * filters)


@EACH_GAN
def test_dropout_is_esrgans(small, name):
    rates = [layer.rate for layer in small(name).discriminator.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == ([0.4] if name == "esrgan" else [])


@pytest.mark.parametrize("normalisation", [None, MANUAL, RESIDUAL], ids=["bare", "manual", "residual"])
@EACH_GAN
def test_discriminator_takes_any_size(small, name, normalisation):
    net = small(name, 4, normalisation).discriminator
    for shape in (1, 5, 7, 1), (2, 64, 64, 1), (3, 1, 1, 1):
        assert tuple(net(np.zeros(shape, "float32")).shape) == (shape[0], 1)


@EACH_GAN
def test_discriminator_of_the_residual_form_does_not_care_how_deep_the_sea_is(small, shaken, predict, name):
    net = shaken(small(name, normalisation=RESIDUAL)).discriminator
    np.testing.assert_allclose(predict(net, SEA - 1000), predict(net, SEA), rtol=1e-3, atol=1e-3)
    assert np.ptp(predict(net, SEA)) > 1e-2  # but tells one patch from another
