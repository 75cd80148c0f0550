import numpy as np

from bathysr_nb.models.backend import keras, ops

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")

UNIT = (SEA + 2500) / 2400  # SEA as a network in the manual's form sees it


def seen_at(model, name):
    """Output of a layer of the model for a fixed input."""
    return ops.convert_to_numpy(keras.Model(model.input, model.get_layer(name).output)(UNIT))


def test_residual_dense_blocks_by_hand(small, shaken):
    """The blocks are chained, and convolution i sees the block's input and i - 1 earlier outputs."""
    model = shaken(small("esrgan", num_residual_blocks=2), by=0.2).generator

    def conv(x, name):
        kernel, bias = model.get_layer(name).get_weights()
        return ops.convert_to_numpy(ops.conv(x, kernel, padding="same")) + bias

    x = seen_at(model, "first_conv")
    for block in (1, 2):
        out = x
        for dense in (1, 2, 3):
            seen = out
            for i in range(1, 6):
                name = f"rrdb_{block}_dense_{dense}_conv_{i}"
                assert model.get_layer(name).kernel.shape == (3, 3, i * 3, 3)
                new = conv(seen, name)
                seen = np.concatenate([seen, np.where(new > 0, new, 0.2 * new)], axis=-1)
            out = out + 0.2 * new
        x = x + 0.2 * out
        np.testing.assert_allclose(seen_at(model, f"rrdb_{block}_add"), x, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        seen_at(model, "after_add"), seen_at(model, "first_conv") + conv(x, "after_conv"), rtol=1e-3, atol=1e-4
    )
