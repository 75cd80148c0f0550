import numpy as np
import pytest
from scipy import ndimage

from bathysr_nb import interpolation
from bathysr_nb.models import layers
from bathysr_nb.models.backend import keras, ops

RNG = np.random.default_rng(1)
OURS = {
    "Resize": ({"scale": 2, "method": "bilinear", "margin": 3}, 1),
    "Conv2DSubPixel": ({"scale": 2}, 8),
    "Scale": ({"factor": 0.2, "offset": -4}, 3),
    "LocalMean": ({"window": 5}, 1),
    "ToOneChannel": ({"kernel_size": 5, "block": 2, "use_bias": False}, 3),
    "Deconvolution": ({"kernel_size": 9, "strides": 3, "activation": "relu"}, 3),
}


def layer_and_input(name, **more):
    """A layer of that name and patches it takes."""
    options, channels = OURS[name]
    return getattr(layers, name)(**options, **more), patches(2, 4, 6, channels)


def patches(*shape):
    return RNG.normal(size=shape).astype("float32")


def numbers(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("method", ["bicubic", "bilinear", "nearest"])
def test_resize_equals_numpy(scale, method):
    x = patches(2, 7, 9, 1)
    expected = interpolation.enlarge(x[..., 0].astype(float), scale, method)
    np.testing.assert_allclose(numbers(layers.Resize(scale, method)(x))[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize(("scale", "tolerance"), [(2, 2e-3), (3, 0.3), (4, 2e-3)])
def test_bicubic_equals_tensorflow(scale, tolerance):
    """At scale 3 only nearly: TensorFlow takes the kernel from a table of 1,024 positions."""
    tensorflow = pytest.importorskip("tensorflow", reason="compares with TensorFlow's own resize")
    depth = 30 * patches(3, 16, 16, 1) - 1500
    expected = tensorflow.image.resize(depth, (16 * scale, 16 * scale), "bicubic").numpy()
    np.testing.assert_allclose(numbers(layers.Resize(scale)(depth)), expected, atol=tolerance)
    ours = interpolation.enlarge(depth[..., 0].astype(float), scale)
    np.testing.assert_allclose(ours[..., None], expected, atol=tolerance)


def test_margin_repeats_the_edges_of_the_enlarged_patch():
    x = patches(2, 3, 4, 1)
    rim = ((0, 0), (5, 5), (5, 5), (0, 0))
    expected = np.pad(numbers(layers.Resize(3)(x)), rim, mode="edge")
    np.testing.assert_array_equal(numbers(layers.Resize(3, margin=5)(x)), expected)


def test_resized_shape_is_the_manuals():
    assert layers.Resize(2).resized_shape((None, 32, 32, 1)) == (64, 64)
    assert layers.Resize(3, margin=2).resized_shape((None, 10, 5, 1)) == (34, 19)


def test_sub_pixel_lays_channels_out_in_space():
    x = np.arange(1 * 2 * 3 * 8).reshape(1, 2, 3, 8).astype("float32")
    out = numbers(layers.Conv2DSubPixel(2)(x))
    assert out.shape == (1, 4, 6, 2)
    for i, j, a, b, c in np.ndindex(2, 3, 2, 2, 2):
        assert out[0, 2 * i + a, 2 * j + b, c] == x[0, i, j, (2 * a + b) * 2 + c]


def test_scale_by_hand():
    assert numbers(layers.Scale(0.2)(np.float32([10, -5]))).tolist() == pytest.approx([2, -1])
    # -2500..-500 m become 0..1, and back
    depth, unit = np.float32([-2500, -1000, -500]), np.float32([0, 0.75, 1])
    np.testing.assert_allclose(numbers(layers.Scale(1 / 2000, offset=2500)(depth)), unit, rtol=1e-6)
    np.testing.assert_allclose(numbers(layers.Scale(2000, offset=-1.25)(unit)), depth, rtol=1e-6)


@pytest.mark.parametrize("window", [1, 3, 9])
@pytest.mark.parametrize("height", [2, 11])
def test_local_mean_equals_scipy(window, height):
    """Also where the window is larger than the patch."""
    x = patches(2, height, 7, 1) - 100
    expected = ndimage.uniform_filter(x.astype(float), (0, window, window, 0), mode="nearest")
    np.testing.assert_allclose(numbers(layers.LocalMean(window)(x)), expected, rtol=1e-6)


def test_local_mean_by_hand():
    x = np.float32([[0, 9], [18, 36]]).reshape(1, 2, 2, 1)
    # at the first cell the window holds 0 four times, 9 and 18 twice, 36 once
    assert numbers(layers.LocalMean(3)(x))[0, 0, 0, 0] == pytest.approx((2 * 9 + 2 * 18 + 36) / 9)


def test_convolution_to_one_channel_by_hand():
    layer = layers.ToOneChannel(3, 2)
    x = patches(1, 4, 6, 2)
    layer.build(x.shape)
    layer.set_weights([patches(3, 3, 2, 1), np.float32([0.5])])
    kernel, padded = layer.get_weights()[0][..., 0], np.pad(x[0], ((1, 1), (1, 1), (0, 0)))
    out = numbers(layer(x))
    for i, j in np.ndindex(4, 6):
        assert out[0, i, j, 0] == pytest.approx((padded[i : i + 3, j : j + 3] * kernel).sum() + 0.5, abs=1e-5)


@pytest.mark.parametrize(("size", "scale", "cut"), [(9, 4, 2), (3, 2, 0), (2, 3, 0)])
def test_deconvolution_by_hand(size, scale, cut):
    """Every coarse cell lays a copy of the kernel down, `scale` fine cells from the next."""
    layer = layers.Deconvolution(size, scale)
    x = patches(1, 3, 4, 2)
    layer.build(x.shape)
    layer.set_weights([patches(size, size, 1, 2), np.float32([0.5])])
    kernel = layer.get_weights()[0][:, :, 0]
    sheet = np.zeros((3 * scale + size, 4 * scale + size))
    for i, j in np.ndindex(3, 4):
        sheet[scale * i : scale * i + size, scale * j : scale * j + size] += kernel @ x[0, i, j]
    expected = sheet[cut : cut + 3 * scale, cut : cut + 4 * scale] + 0.5
    np.testing.assert_allclose(numbers(layer(x))[0, ..., 0], expected, atol=1e-5)


def one_step(layer, shape, target_shape):
    """Weights after one step of gradient descent, also those of a convolution before the layer."""
    rng = np.random.default_rng(5)
    x, y = (rng.normal(size=s).astype("float32") for s in (shape, target_shape))
    model = keras.Sequential([keras.layers.Conv2D(3, 1), layer])
    model.build(shape)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    out = numbers(model(x))
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=True)
    model.train_on_batch(x, y)
    return [out, *(b - a for a, b in zip(before, model.get_weights()))]


def assert_same_step(ours, keras_own, shape, target_shape):
    for a, b in zip(one_step(ours, shape, target_shape), one_step(keras_own, shape, target_shape), strict=True):
        assert np.abs(b).max() > 1e-3
        np.testing.assert_allclose(a, b, atol=3e-5 * np.abs(b).max())


@pytest.mark.parametrize(
    ("size", "block", "options"),
    [(1, 2, {}), (4, 2, {}), (9, 2, {}), (9, 3, {}), (4, 3, {"use_bias": False}), (9, 2, {"activation": "relu"})],
)
def test_convolution_to_one_channel_equals_keras(size, block, options):
    """Values and gradients, by weights and by input."""
    shape = (2, 4 * block, 2 * block, 2)
    own = keras.layers.Conv2D(1, size, padding="same", **options)
    assert_same_step(layers.ToOneChannel(size, block, **options), own, shape, (*shape[:3], 1))


@pytest.mark.parametrize(
    ("size", "scale", "options"),
    [
        (1, 4, {}),
        (4, 2, {}),
        (9, 2, {}),
        (9, 3, {}),
        (9, 4, {}),
        (9, 3, {"use_bias": False}),
        (4, 3, {"activation": "relu"}),
    ],
)
def test_deconvolution_equals_keras(size, scale, options):
    """Values and gradients, by weights and by input."""
    own = keras.layers.Conv2DTranspose(1, size, scale, padding="same", **options)
    assert_same_step(layers.Deconvolution(size, scale, **options), own, (2, 4, 3, 2), (2, 4 * scale, 3 * scale, 1))


@pytest.mark.parametrize("name", OURS)
def test_shapes_are_told_as_they_are(name):
    layer, x = layer_and_input(name)
    assert tuple(layer.compute_output_shape(x.shape)) == tuple(layer(x).shape)
    any_size = layer(keras.Input((None, None, x.shape[-1])))
    assert any_size.shape == (None, None, None, layer(x).shape[-1])


@pytest.mark.parametrize("name", OURS)
def test_layers_survive_a_file(tmp_path, name):
    layer, x = layer_and_input(name)
    lr = keras.Input((None, None, x.shape[-1]))
    model = keras.Model(lr, layer(lr))
    model.save(tmp_path / "layer.keras")
    other = keras.models.load_model(tmp_path / "layer.keras")
    assert other.layers[-1].get_config() == layer.get_config()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    np.testing.assert_array_equal(numbers(other(x)), numbers(model(x)))


@pytest.mark.parametrize(("ours", "own"), [("ToOneChannel", "Conv2D"), ("Deconvolution", "Conv2DTranspose")])
def test_weights_are_those_of_the_keras_layer(tmp_path, ours, own):
    x = patches(1, 4, 4, 2)
    ours = keras.Sequential([keras.Input((4, 4, 2)), getattr(layers, ours)(9, 2, name="last")])
    strides = 2 if own == "Conv2DTranspose" else 1
    own = keras.Sequential([keras.Input((4, 4, 2)), getattr(keras.layers, own)(1, 9, strides, "same", name="last")])
    own.set_weights([patches(*w.shape) for w in own.get_weights()])
    ours.set_weights(own.get_weights())
    np.testing.assert_allclose(numbers(ours(x)), numbers(own(x)), atol=1e-4)


@pytest.mark.parametrize("name", ["Resize", "Conv2DSubPixel", "Scale", "LocalMean"])
def test_fixed_layers_have_nothing_to_learn(name):
    layer, x = layer_and_input(name)
    layer(x)
    assert layer.count_params() == 0
    assert not layer.trainable


@pytest.mark.parametrize("name", OURS)
def test_layers_compute_in_half_precision(name, set_precision):
    set_precision("mixed_bfloat16")
    half, x = layer_and_input(name)
    layer, _ = layer_and_input(name, dtype="float32")
    layer.build(x.shape)
    half.build(x.shape)
    half.set_weights(layer.get_weights())
    out = half(x)
    assert keras.backend.standardize_dtype(out.dtype) == "bfloat16"
    np.testing.assert_allclose(numbers(out), numbers(layer(x)), atol=0.05)


def test_unknown_method_names_the_choices():
    with pytest.raises(ValueError, match="unknown method 'lanczos'; choose one of nearest, bilinear, bicubic"):
        layers.Resize(2, "lanczos")


@pytest.mark.parametrize("axes", [None, [1, 2]])
def test_prelu_and_its_gradients_are_those_of_keras(axes):
    ours, own = (kind(shared_axes=axes, name="prelu") for kind in (layers.PReLU, keras.layers.PReLU))
    assert_same_step(ours, own, (2, 5, 4, 2), (2, 5, 4, 3))


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
