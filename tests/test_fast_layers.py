"""PReLU and LocalMean are written for speed: they give the numbers of the plain form."""

import numpy as np
import pytest
from scipy import ndimage

from bathysr_nb import layers
from bathysr_nb.backend import keras, ops


def one_step(activation):
    """Output, and how the weights before and in the activation change in a step of gradient descent."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 4, 2)).astype("float32"), rng.normal(size=(2, 5, 4, 3)).astype("float32")
    model = keras.Sequential([keras.Input((5, 4, 2)), keras.layers.Conv2D(3, 3, padding="same"), activation])
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    out, before = model.predict(x, verbose=0), model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=True)
    model.train_on_batch(x, y)
    return [out, *(b - a for a, b in zip(before, model.get_weights()))]


@pytest.mark.parametrize("axes", [None, [1, 2]])
def test_prelu_and_its_gradients_are_those_of_keras(axes):
    ours, own = (one_step(kind(shared_axes=axes, name="prelu")) for kind in (layers.PReLU, keras.layers.PReLU))
    for a, b in zip(ours, own, strict=True):
        assert np.abs(b).max() > 1e-2
        np.testing.assert_allclose(a, b, atol=1e-6 * max(1, np.abs(b).max()))


def test_prelu_by_hand_and_from_a_file(tmp_path):
    lr = keras.Input((None, None, 2))
    model = keras.Model(lr, layers.PReLU(shared_axes=[1, 2])(lr))
    model.set_weights([np.float32([[[0.25, -2]]])])
    model.save(tmp_path / "prelu.keras")
    x = np.float32([[4, 3], [-4, -3], [0, 0]]).reshape(1, 1, 3, 2)
    out = keras.models.load_model(tmp_path / "prelu.keras").predict(x, verbose=0)
    assert out.reshape(3, 2).tolist() == [[4, 3], [-1, 6], [0, 0]]


@pytest.mark.parametrize("window", [1, 9, 37])
@pytest.mark.parametrize("shape", [(1, 1), (2, 64), (41, 17)])
def test_local_mean_of_deep_sea_keeps_its_digits(window, shape):
    """Also where the window is larger than the patch."""
    x = (np.random.default_rng(1).normal(size=(2, *shape, 1)) * 5 - 6000).astype("float32")
    expected = ndimage.uniform_filter(x.astype(float), (0, window, window, 0), mode="nearest")
    out = ops.convert_to_numpy(layers.LocalMean(window)(x))
    np.testing.assert_allclose(out, expected, atol=2e-3)
