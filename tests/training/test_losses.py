import shutil
import socket

import h5py
import numpy as np
import pytest
from scipy import ndimage

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.scores import metrics
from bathysr_nb.training import losses

MANUAL = Normalisation(-2500, 0)
RESIDUAL = Normalisation(-2500, 0, relief=7.0)
RNG = np.random.default_rng(0)
SEABED = ndimage.gaussian_filter(RNG.normal(size=(3, 32, 48, 1)), (0, 2, 2, 0)) * 2000 - 1300
TRUTH = SEABED.astype("float32")
ESTIMATE = (SEABED + RNG.normal(size=SEABED.shape) * 30).astype("float32")


def vgg19():
    return keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))


@pytest.fixture(scope="module")
def network():
    """VGG19 with random weights, large enough to be seen at the last features; biases too."""
    keras.utils.set_random_seed(0)
    network, rng = vgg19(), np.random.default_rng(1)
    shift = [rng.normal(size=w.shape) if w.ndim == 1 else 0 for w in network.get_weights()]
    network.set_weights([1.5 * w + s for w, s in zip(network.get_weights(), shift)])
    return network


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg19.weights.h5"
    network.save_weights(path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def hosted(network, tmp_path_factory):
    """The form in which Keras hosts them: named groups of arrays, named in attributes."""
    path = tmp_path_factory.mktemp("vgg") / losses.VGG_FILE
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{letter}_1:0" for letter, _ in zip("Wb", layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights()):
                group[name] = value
    yield path
    path.unlink()


def every_loss(weights, normalisation=MANUAL):
    return {name: losses.get_loss(name, normalisation, weights) for name in losses.LOSSES}


class Change(keras.layers.Layer):
    """Adds a change to patches, so that its gradient is that of the loss by the estimate."""

    def build(self, shape):
        self.change = self.add_weight(shape=shape[1:], initializer="zeros")

    def call(self, x):
        return x + self.change


def gradient(loss, truth, estimate):
    """Of one patch's loss by each cell's depth, from one step of training at rate 1."""
    inputs, layer = keras.Input(estimate.shape[1:]), Change()
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.fit(estimate, truth, epochs=1, verbose=0)
    return -layer.get_weights()[0]


def per_patch(loss, truth, estimate):
    return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(truth), ops.convert_to_tensor(estimate)))


def test_pixel_losses_are_in_units_of_the_network():
    y, p = np.zeros((2, 4, 4, 1), "float32"), np.full((2, 4, 4, 1), 14.0, "float32")
    assert float(losses.get_loss("mae", RESIDUAL)(y, p)) == pytest.approx(2)
    assert float(losses.get_loss("mse", RESIDUAL)(y, p)) == pytest.approx(4)
    assert float(losses.get_loss("mae", MANUAL)(y, p)) == pytest.approx(14 / 2500)


@pytest.mark.parametrize("normalisation", [MANUAL, RESIDUAL])
def test_psnr_and_dssim_are_of_depths_scaled_to_one(normalisation):
    x, y = TRUTH.astype(float) / 2500 + 1, ESTIMATE.astype(float) / 2500 + 1
    psnr = -10 * np.log10(((x - y) ** 2).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(per_patch(losses.get_loss("psnr", normalisation), TRUTH, ESTIMATE), 1 / psnr, rtol=1e-5)
    dssim = ops.convert_to_numpy(metrics.dssim(x, y))
    for name in ("dssim", "ssim"):
        found = per_patch(losses.get_loss(name, normalisation), TRUTH, ESTIMATE)
        np.testing.assert_allclose(found, dssim, rtol=1e-3)


def test_psnr_loss_rises_without_a_jump_as_patches_get_worse():
    """Through 1 dB, where the tangent begins, and 0 dB, where 1/PSNR has its pole."""
    rms = np.array([1e-9, 1e-6, 1e-3, 0.5, 0.89, 0.892, 0.999, 1.0, 1.001, 3.0, 1e4])
    truth = np.zeros((len(rms), 4, 4, 1), "float32")
    estimate = truth + (2500 * rms[:, None, None, None]).astype("float32")
    found, psnr = per_patch(losses.get_loss("psnr", Normalisation(0, 2500)), truth, estimate), -20 * np.log10(rms)
    np.testing.assert_allclose(found, np.where(psnr > 1, 1 / np.clip(psnr, 1, 140), 2 - psnr), rtol=1e-4)
    assert (np.diff(found[1:]) > 0).all()


INSIDE = np.clip(TRUTH[:1], -2400, -100)  # within 0..1, where there is no penalty
STARTS = {
    "usual": (TRUTH[:1], ESTIMATE[:1]),
    "identical": (INSIDE, INSIDE),
    "flat and equal": (np.full_like(TRUTH[:1], -500), np.full_like(TRUTH[:1], -500)),
    "flat and unequal": (np.full_like(TRUTH[:1], -500), np.full_like(TRUTH[:1], -510)),
    "the pole": (np.full_like(TRUTH[:1], -2500), np.zeros_like(TRUTH[:1])),
    "beyond the pole": (INSIDE, INSIDE + 20000),
}


# psnr has a pole, dssim and vgg have roots and quotients: there is where they could break
TRIED = {
    "mae": ("usual", "identical"),
    "mse": ("usual", "identical"),
    "psnr": tuple(STARTS),
    "dssim": ("usual", "identical", "flat and equal", "the pole"),
    "vgg": ("usual", "identical", "flat and equal", "beyond the pole"),
}


@pytest.mark.parametrize(("name", "start"), [(name, start) for name, starts in TRIED.items() for start in starts])
def test_gradients_are_finite_and_lead_downhill(weights, name, start):
    """Zero at the truth (mae has none there); far from it, dssim and vgg promise no way back in steps of a metre."""
    loss, usual, (truth, start) = losses.get_loss(name, MANUAL, weights), start == "usual", STARTS[start]
    slope = gradient(loss, truth, start)
    assert np.isfinite(slope).all()
    if np.array_equal(truth, start):
        assert name == "mae" or np.abs(slope).max() < 1e-8
    elif name in ("mae", "mse", "psnr") or usual:
        step = start - slope / np.abs(slope).max()  # at most a metre
        assert per_patch(loss, truth, step)[0] < per_patch(loss, truth, start)[0]


@pytest.mark.parametrize("penalty", ["l1", "l2", "none"])
def test_vgg_loss_equals_keras_and_numpy(network, weights, penalty):
    assert network.layers[20].name == "block5_conv4"
    to_features = keras.Model(network.input, network.get_layer("block5_conv4").output)
    x, y = TRUTH.astype(float) / 2500 + 1, ESTIMATE.astype(float) / 2500 + 1
    assert y.min() < 0 or y.max() > 1, "the penalty must have something to punish"
    pictures = [keras.applications.vgg19.preprocess_input(np.concatenate([255 * v] * 3, axis=-1)) for v in (x, y)]
    a, b = (to_features.predict(p.astype("float32"), verbose=0).astype(float) for p in pictures)
    expected = ((a - b) ** 2).mean(axis=(1, 2, 3))
    assert a.shape == (3, 2, 3, 512)
    assert (expected > 1e-2).all()
    outside = np.where(y < 0, -y, np.where(y > 1, y - 1, 0))
    expected += 0.001 * {"l1": outside, "l2": outside**2, "none": 0 * outside}[penalty].sum(axis=(1, 2, 3))
    loss = losses.get_loss("vgg", RESIDUAL, weights, penalty)
    np.testing.assert_allclose(per_patch(loss, TRUTH, ESTIMATE), expected, rtol=1e-4)


@pytest.mark.parametrize(("depth", "l1", "l2"), [(-3750, 0.5, 0.25), (-2500, 0, 0), (-1000, 0, 0), (5000, 2, 4)])
def test_penalty_by_hand(weights, depth, l1, l2):
    """Alone: a patch against itself has equal features."""
    patch = np.full((2, 16, 16, 1), depth, "float32")
    for penalty, expected in (("l1", l1), ("l2", l2), ("none", 0)):
        found = per_patch(losses.get_loss("vgg", MANUAL, weights, penalty), patch, patch)
        np.testing.assert_allclose(found, 0.001 * 256 * expected, rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_losses_are_float32_under_any_policy(weights, policy, set_precision):
    expected = {name: per_patch(loss, TRUTH, ESTIMATE) for name, loss in every_loss(weights).items()}
    set_precision(policy)
    for name, loss in every_loss(weights).items():
        np.testing.assert_array_equal(per_patch(loss, TRUTH, ESTIMATE), expected[name])
    assert keras.config.dtype_policy().name == policy


@pytest.mark.parametrize("name", losses.LOSSES)
def test_losses_survive_serialisation(weights, name):
    loss = losses.get_loss(name, RESIDUAL, weights, penalty="l2")
    other = keras.losses.deserialize(keras.losses.serialize(loss))
    assert other.get_config() == loss.get_config()
    np.testing.assert_array_equal(per_patch(other, TRUTH, ESTIMATE), per_patch(loss, TRUTH, ESTIMATE))


def test_vgg_is_neither_trained_nor_saved_with_the_model(tmp_path, weights):
    loss = losses.get_loss("vgg", MANUAL, weights)
    before = per_patch(loss, TRUTH, ESTIMATE)
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(inputs))
    model.compile("adam", loss, metrics=metrics.get_metrics(MANUAL))
    start = model.get_weights()
    model.fit(TRUTH, TRUTH, batch_size=2, epochs=1, verbose=0)
    assert all(np.abs(a - b).max() > 0 for a, b in zip(start, model.get_weights())), "gradients flow to the model"
    np.testing.assert_array_equal(per_patch(loss, TRUTH, ESTIMATE), before)
    assert not losses.vgg_features(weights).trainable_variables
    assert len(model.weights) == 2
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 1e5


def test_hosted_form_and_cache_give_the_same_features(tmp_path, weights, hosted, monkeypatch):
    expected = per_patch(losses.get_loss("vgg", MANUAL, weights), TRUTH, ESTIMATE)
    by_path = losses.get_loss("vgg", MANUAL, str(hosted))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(losses, "VGG_ORIGIN", "file:///nowhere")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / losses.VGG_FILE).symlink_to(hosted)
    for loss in (by_path, losses.get_loss("vgg", MANUAL)):
        np.testing.assert_array_equal(per_patch(loss, TRUTH, ESTIMATE), expected)


def test_download_fills_the_cache(tmp_path, hosted, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(losses, "VGG_ORIGIN", hosted.as_uri())
    assert losses.vgg_weights_file() == tmp_path / "models" / losses.VGG_FILE
    monkeypatch.setattr(losses, "VGG_ORIGIN", "file:///nowhere")
    assert losses.vgg_weights_file().stat().st_size == hosted.stat().st_size
    shutil.rmtree(tmp_path / "models")


@pytest.fixture(params=["refused", "silent"])
def dead_origin(request):
    """An address that is not there, or that takes the call and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "silent":
            server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/{losses.VGG_FILE}"


def test_missing_weights_say_at_once_where_to_put_them(tmp_path, dead_origin, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(losses, "VGG_ORIGIN", dead_origin)
    monkeypatch.setattr(losses, "TIMEOUT", 0.3)
    with pytest.raises(OSError, match="could not be downloaded; fetch http.* and put it there, or name") as caught:
        losses.get_loss("vgg", MANUAL)
    assert str(caught.value).startswith(f"{tmp_path / 'models' / losses.VGG_FILE}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert socket.getdefaulttimeout() is None
    assert not list((tmp_path / "models").iterdir()), "nothing half downloaded stays"


@pytest.mark.parametrize("name", ["truncated.h5", "other.weights.h5", "text.h5", "odd.npz"])
def test_other_files_are_refused_in_one_line(tmp_path, weights, name):
    path = tmp_path / name
    if name == "other.weights.h5":
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(path)
    else:
        path.write_bytes(weights.read_bytes()[:5000] if name == "truncated.h5" else b"no weights")
    with pytest.raises(ValueError, match=f"{name}: does not hold the weights of VGG19 without top$"):
        losses.get_loss("vgg", MANUAL, path)


def test_bad_input_names_the_choices(tmp_path, weights):
    with pytest.raises(ValueError, match="unknown loss 'huber'; choose one of mae, mse, psnr, dssim, ssim, vgg$"):
        losses.get_loss("huber", RESIDUAL)
    with pytest.raises(ValueError, match="unknown penalty 'l3'; choose one of l1, l2, none$"):
        losses.get_loss("vgg", RESIDUAL, weights, "l3")
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5: no such file"):
        losses.get_loss("vgg", RESIDUAL, tmp_path / "nothing.h5")
    with pytest.raises(ValueError, match="8 x 64 cells, the vgg loss needs 16 x 16"):
        losses.get_loss("vgg", RESIDUAL, weights)(np.zeros((1, 8, 64, 1)), np.zeros((1, 8, 64, 1)))
