from math import log2

import numpy as np
import pytest

from bathysr_nb import interpolation
from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.build import MODELS, build_model, load_model
from bathysr_nb.models.normalisation import Normalisation, local_mean
from bathysr_nb.models.options import default_options

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")
RESIDUAL, MANUAL = Normalisation(-2500, 0, relief=7.0), Normalisation(-2500, -100)
GANS = ("srgan", "esrgan")
NAMES_AND_SCALES = [(name, scale) for name in MODELS for scale in ((2, 4) if name in GANS else (2, 3, 4))]
# every network in the form it is trained in, and each other form once
FORMS = pytest.mark.parametrize(
    ("name", "normalisation"),
    [*((name, RESIDUAL) for name in MODELS), ("espcn", None), ("srgan", MANUAL)],
    ids=[*MODELS, "espcn-bare", "srgan-manual"],
)
UNIT = (SEA + 2500) / 2400  # SEA as a network in the manual's form sees it


def sizes(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


# By hand: kernels k k in out, then PReLU slopes and batch normalisation (2 learnt, 2 counted along a channel),
# then biases b. A GAN's upsampling happens log2(scale) times.
def srcnn_count(scale, b):
    return 81 * 64 + 64 * 32 + 25 * 32 + b * (64 + 32 + 1), 0


def fsrcnn_count(scale, b):
    kernels = 25 * 56 + 56 * 12 + 4 * 9 * 12 * 12 + 12 * 56 + 81 * 56
    assert kernels == 12_464  # as the paper prints
    return kernels + (56 + 12 + 4 * 12 + 56) + b * (56 + 12 + 4 * 12 + 56 + 1), 0


def espcn_count(scale, b):
    return 25 * 64 + 9 * 64 * 32 + 9 * 32 * scale**2 + b * (64 + 32 + scale**2), 0


def srgan_count(scale, b):
    ups = int(log2(scale))
    kernels = 81 * 32 + 3 * 9 * 32 * 32 + ups * 9 * 32 * 128 + 81 * 32
    slopes, normalised, biases = (2 + ups) * 32, 3 * 32, 32 + 3 * 32 + ups * 128 + 1
    return kernels + slopes + 2 * normalised + b * biases, 2 * normalised


def esrgan_count(scale, b):
    ups, dense = int(log2(scale)), 2 * 3
    kernels = 9 * 32 + dense * 9 * 32 * 32 * (1 + 2 + 3 + 4 + 5) + 9 * 32 * 32 + ups * 9 * 32 * 128 + 9 * 32
    return kernels + b * (32 + dense * 5 * 32 + 32 + ups * 128 + 1), 0


COUNTS = {
    "srcnn": srcnn_count,
    "fsrcnn": fsrcnn_count,
    "espcn": espcn_count,
    "srgan": srgan_count,
    "esrgan": esrgan_count,
}


@pytest.mark.parametrize(("name", "scale"), NAMES_AND_SCALES)
def test_parameter_counts_by_hand(name, scale):
    bias = scale != 4
    model = build_model(name, scale=scale, normalisation=RESIDUAL, bias=bias)
    network = model.generator if name in GANS else model
    learnt, counted = COUNTS[name](scale, int(bias))
    assert sizes(network.trainable_weights) == learnt
    assert sizes(network.non_trainable_weights) == counted
    assert network.count_params() == learnt + counted


def test_srcnn_has_the_manuals_count():
    assert build_model("srcnn").count_params() == 8129
    assert build_model("srcnn", filters=(32, 16)).count_params() == 81 * 32 + 32 + 32 * 16 + 16 + 25 * 16 + 1


@pytest.mark.parametrize("name", MODELS)
def test_defaults_are_the_manuals_and_can_be_given_back(name):
    d = {"d_filters": 4, "loss_weights": (1, 1e-7)}
    expected = {
        "srcnn": {"filters": (64, 32), "kernels": (9, 1, 5)},
        "fsrcnn": {"d": 56, "s": 12, "m": 4},
        "espcn": {"filters": (64, 32), "kernels": (5, 3, 3)},
        "srgan": {"filters": 32, "num_residual_blocks": 1, "d_num_downsampling_blocks": 1, "label_noise": 1e-6, **d},
        "esrgan": {"filters": 32, "num_residual_blocks": 2, "d_num_downsampling_blocks": 2, **d},
    }
    assert default_options(name) == {**expected[name], "bias": True}
    assert build_model(name, **default_options(name)).count_params() == build_model(name).count_params()


@pytest.mark.parametrize(
    ("name", "scale", "normalisation"),
    [*((name, 2, RESIDUAL) for name in MODELS), ("srcnn", 3, None), ("fsrcnn", 4, MANUAL), ("srgan", 4, None)],
)
def test_any_height_and_width(small, predict, name, scale, normalisation):
    model = small(name, scale, normalisation)
    for height, width in (5, 7), (1, 3):
        assert predict(model, SEA[:, :height, :width]).shape == (3, height * scale, width * scale, 1)


@FORMS
def test_a_cell_depends_on_its_surroundings_only(small, shaken, predict, name, normalisation):
    """So a map can be predicted in tiles that overlap."""
    model = shaken(small(name, normalisation=normalisation))
    tall = np.random.default_rng(3).normal(size=(1, 60, 5, 1)).astype("float32")
    tall = tall * 300 - 1500 if normalisation else tall
    whole, upper = predict(model, tall), predict(model, tall[:, :36])
    np.testing.assert_allclose(upper[:, :16], whole[:, :16], rtol=1e-4, atol=1e-4)
    assert np.abs(upper[:, -1] - whole[:, 71]).max() > 1e-4


@pytest.mark.parametrize(("name", "scale"), NAMES_AND_SCALES)
def test_untrained_residual_model_is_bicubic(predict, name, scale):
    out = predict(build_model(name, scale=scale, normalisation=RESIDUAL), SEA)
    np.testing.assert_allclose(out[..., 0], interpolation.enlarge(SEA[..., 0].astype(float), scale), atol=1e-3)


@pytest.fixture(scope="module")
def homogeneous(predict):
    """Whether a network's output grows as its input does."""

    def judge(model):
        x = np.random.default_rng(2).normal(size=(1, 9, 8, 1)).astype("float32")
        once, thrice = predict(model, x), predict(model, 3 * x)
        return np.abs(thrice - 3 * once).max() < 1e-4 * np.abs(once).max()

    return judge


# not SRGAN: its batch normalisation takes a fixed mean away and adds an offset, biases or none
@pytest.mark.parametrize("name", ["srcnn", "fsrcnn", "espcn", "esrgan"])
def test_without_biases_the_network_is_homogeneous(small, shaken, homogeneous, name):
    assert homogeneous(shaken(small(name, bias=False)))
    assert not homogeneous(shaken(small(name, bias=True)))


def test_batch_normalisation_is_what_keeps_srgan_from_it(small, shaken, homogeneous):
    model = shaken(small("srgan", bias=False))
    assert not homogeneous(model)
    for layer in model.generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(ops.zeros_like(layer.beta))
            layer.moving_mean.assign(ops.zeros_like(layer.moving_mean))
    assert homogeneous(model)


@pytest.mark.parametrize("name", MODELS)
def test_residual_model_does_not_care_how_deep_the_sea_is(small, shaken, predict, name):
    net = shaken(small(name, normalisation=RESIDUAL))
    shallow, deep = predict(net, SEA), predict(net, SEA - 1000)
    np.testing.assert_allclose(deep, shallow - 1000, rtol=0, atol=0.05)
    enlarged = interpolation.enlarge(SEA[..., 0].astype(float), 2)[..., None]
    assert np.abs(shallow - enlarged).max() > 1  # the network adds something to bicubic


@pytest.mark.parametrize("name", MODELS)
def test_residual_model_adds_the_bare_network_to_bicubic(small, shaken, predict, name):
    bare = shaken(small(name))
    metres = small(name, normalisation=RESIDUAL)
    metres.set_weights(bare.get_weights())
    detail = (SEA[..., 0] - local_mean(SEA[..., 0]))[..., None] / 7
    expected = interpolation.enlarge(SEA[..., 0].astype(float), 2)[..., None] + 7 * predict(bare, detail)
    np.testing.assert_allclose(predict(metres, SEA), expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_the_manuals_form_is_the_bare_network_between_scalings(small, shaken, predict, name):
    bare = shaken(small(name))
    metres = small(name, normalisation=MANUAL)
    metres.set_weights(bare.get_weights())
    np.testing.assert_allclose(predict(metres, SEA), predict(bare, UNIT) * 2400 - 2500, rtol=1e-5, atol=0.01)


@FORMS
def test_saved_model_predicts_alone(small, shaken, predict, tmp_path, name, normalisation):
    """A GAN's ``model.keras`` is its generator."""
    model = shaken(small(name, normalisation=normalisation))
    (model.generator if name in GANS else model).save(tmp_path / "model.keras")
    x = SEA if normalisation else UNIT
    np.testing.assert_array_equal(predict(load_model(tmp_path / "model.keras"), x), predict(model, x))


@pytest.mark.parametrize("name", MODELS)
def test_weights_survive_a_file(small, shaken, predict, tmp_path, name):
    model, other = shaken(small(name)), small(name)
    model.save_weights(tmp_path / "new.weights.h5")
    other.load_weights(tmp_path / "new.weights.h5")
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(predict(other, UNIT), predict(model, UNIT))


@pytest.mark.parametrize(
    ("name", "normalisation"),
    [("srcnn", MANUAL), ("fsrcnn", RESIDUAL), ("espcn", RESIDUAL), ("srgan", MANUAL), ("esrgan", RESIDUAL)],
)
def test_half_precision_inside_single_at_both_ends(small, shaken, predict, name, normalisation, set_precision):
    model = shaken(small(name, normalisation=normalisation), by=0.03)
    set_precision("mixed_bfloat16")
    half = small(name, normalisation=normalisation)
    half.set_weights(model.get_weights())
    full, out = predict(model, SEA), predict(half, SEA)
    assert out.dtype == np.float32
    enlarged = interpolation.enlarge(SEA[..., 0].astype(float), 2)[..., None]
    added = full - (enlarged if normalisation.relief else -2500)  # what the network itself contributes
    np.testing.assert_allclose(out, full, rtol=0, atol=0.03 * np.abs(added).max())
    assert np.abs(out - full).max() > 0  # the inside is in half precision


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("unet", {}, "unknown model 'unet'; choose one of srcnn, fsrcnn, espcn, srgan, esrgan"),
        ("srcnn", {"scale": 5}, "scale is 5, expected 2 or 3 or 4 for srcnn"),
        ("srgan", {"scale": 3}, "scale is 3, expected 2 or 4 for srgan"),
        ("esrgan", {"scale": 3}, "scale is 3, expected 2 or 4 for esrgan"),
        ("srcnn", {"depth": 3}, "srcnn: unknown option depth; choose from filters, kernels, bias"),
        ("espcn", {"d_filters": 3}, "espcn: unknown option d_filters; choose from filters, kernels, bias"),
        ("fsrcnn", {"last_initializer": "zeros"}, "fsrcnn: unknown option last_initializer; choose from d, s, m, bias"),
        ("esrgan", {"label_noise": 0.1}, "esrgan: unknown option label_noise; choose from filters, "),
        ("srcnn", {"kernels": (9, 5)}, r"srcnn: kernels is \(9, 5\), expected one more than filters, which has 2"),
        ("srcnn", {"input_shape": (16, 16, 3)}, r"input_shape is \(16, 16, 3\), expected \(rows, columns, 1\)"),
    ],
)
def test_bad_options_name_the_choices(name, options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build_model(name, **options)


@pytest.mark.parametrize("scale", [4.0, np.int64(4)], ids=repr)
@pytest.mark.parametrize("name", ["espcn", "srgan"])
def test_a_whole_number_of_any_kind_is_a_scale(small, predict, name, scale):
    assert predict(small(name, scale), UNIT[:1]).shape == (1, 64, 64, 1)


@pytest.mark.parametrize("damage", ["text", "nothing", "cut short", "a byte changed"])
def test_damaged_model_files_say_so_in_one_line(small, tmp_path, damage):
    path = tmp_path / "model.keras"
    small("espcn").save(path)
    whole = path.read_bytes()
    middle = whole.index(b"espcn")  # in the configuration, which is kept as it is
    path.write_bytes(
        {
            "text": b"not a model\n",
            "nothing": b"",
            "cut short": whole[: len(whole) // 2],
            "a byte changed": whole[:middle] + b"E" + whole[middle + 1 :],
        }[damage]
    )
    with pytest.raises(ValueError, match=r"model\.keras: not a saved model \(") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_model_file():
    with pytest.raises(FileNotFoundError, match=r"nothing\.keras: no such file"):
        load_model("nothing.keras")
