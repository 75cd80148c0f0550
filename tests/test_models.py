import ast
from pathlib import Path

import numpy as np
import pytest

from bathysr_nb import interpolation, layers, models
from bathysr_nb.backend import keras, ops
from bathysr_nb.models import MODELS, build_model, load_model
from bathysr_nb.normalization import Normalisation, local_mean

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")
RESIDUAL = Normalisation(-2500, 0, relief=7.0)


def shaken(model, seed=0):
    """The model with every weight moved off its initial value, so that nothing is zero."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(scale=0.05, size=w.shape).astype("float32") for w in model.get_weights()])
    return model


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("method", ["bicubic", "bilinear", "nearest"])
def test_resize_layer_equals_numpy(scale, method):
    x = np.random.default_rng(1).normal(size=(2, 7, 9, 1)).astype("float32")
    out = ops.convert_to_numpy(layers.Resize(scale, method)(x))
    np.testing.assert_allclose(out[..., 0], interpolation.enlarge(x[..., 0].astype(float), scale, method), atol=1e-5)


@pytest.mark.parametrize(("scale", "tolerance"), [(2, 2e-3), (3, 0.3), (4, 2e-3)])
def test_bicubic_equals_tensorflow(scale, tolerance):
    """At scale 3 only nearly: TensorFlow takes the kernel from a table of 1,024 positions."""
    tensorflow = pytest.importorskip("tensorflow", reason="compares with TensorFlow's own resize")
    expected = tensorflow.image.resize(SEA, (16 * scale, 16 * scale), "bicubic").numpy()
    np.testing.assert_allclose(ops.convert_to_numpy(layers.Resize(scale)(SEA)), expected, atol=tolerance)
    np.testing.assert_allclose(
        interpolation.enlarge(SEA[..., 0].astype(float), scale)[..., None], expected, atol=tolerance
    )


def test_sub_pixel_lays_channels_out_in_space():
    x = np.arange(1 * 2 * 3 * 8).reshape(1, 2, 3, 8).astype("float32")
    out = ops.convert_to_numpy(layers.Conv2DSubPixel(2)(x))
    assert out.shape == (1, 4, 6, 2)
    for i, j, a, b, c in np.ndindex(2, 3, 2, 2, 2):
        assert out[0, 2 * i + a, 2 * j + b, c] == x[0, i, j, (2 * a + b) * 2 + c]


def test_local_mean_layer_equals_numpy():
    out = ops.convert_to_numpy(layers.LocalMean()(SEA))
    np.testing.assert_allclose(out[..., 0], local_mean(SEA[..., 0]), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "scale", "options", "expected"),
    [
        ("srcnn", 4, {}, 81 * 64 + 64 + 64 * 32 + 32 + 25 * 32 + 1),  # 8,129, as the manual prints
        ("srcnn", 2, {"filters": (32, 16)}, 81 * 32 + 32 + 32 * 16 + 16 + 25 * 16 + 1),
        ("espcn", 4, {}, 25 * 64 + 64 + 9 * 64 * 32 + 32 + 9 * 32 * 16 + 16),
        ("espcn", 3, {"bias": False}, 25 * 64 + 9 * 64 * 32 + 9 * 32 * 9),
    ],
)
def test_parameter_counts_by_hand(name, scale, options, expected):
    assert build_model(name, scale=scale, **options).count_params() == expected
    assert build_model(name, scale=scale, normalisation=RESIDUAL, **options).count_params() == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_untrained_residual_model_is_bicubic(name, scale):
    out = build_model(name, scale=scale, normalisation=RESIDUAL).predict(SEA, verbose=0)
    np.testing.assert_allclose(out[..., 0], interpolation.enlarge(SEA[..., 0].astype(float), scale), atol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_without_biases_the_network_is_homogeneous(name):
    x = np.random.default_rng(2).normal(size=(1, 16, 16, 1)).astype("float32")
    net = shaken(build_model(name, bias=False))
    once, thrice = net.predict(x, verbose=0), net.predict(3 * x, verbose=0)
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-4, atol=1e-5)
    biased = shaken(build_model(name, bias=True))
    assert np.abs(biased.predict(3 * x, verbose=0) - 3 * biased.predict(x, verbose=0)).max() > 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_residual_model_does_not_care_how_deep_the_sea_is(name):
    net = shaken(build_model(name, normalisation=RESIDUAL, bias=False))
    deep, shallow = net.predict(SEA - 1000, verbose=0), net.predict(SEA, verbose=0)
    np.testing.assert_allclose(deep, shallow - 1000, atol=1e-2)


@pytest.mark.parametrize("name", MODELS)
def test_the_manuals_form_is_the_bare_network_between_scalings(name):
    bare = shaken(build_model(name))
    metres = build_model(name, normalisation=Normalisation(-2500, -100))
    metres.set_weights(bare.get_weights())
    expected = bare.predict((SEA + 2500) / 2400, verbose=0) * 2400 - 2500
    np.testing.assert_allclose(metres.predict(SEA, verbose=0), expected, atol=2e-2)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("normalisation", [RESIDUAL, Normalisation(-2500, 0)])
def test_saved_model_predicts_metres_alone_and_at_any_size(tmp_path, name, normalisation):
    model = shaken(build_model(name, normalisation=normalisation))
    model.save(tmp_path / "model.keras")
    other = load_model(tmp_path / "model.keras")
    wide = np.concatenate([SEA, SEA], axis=2)[:, :11]
    np.testing.assert_allclose(other.predict(wide, verbose=0), model.predict(wide, verbose=0), atol=1e-3)
    assert other.predict(wide, verbose=0).shape == (3, 44, 128, 1)


def test_normalisation_is_of_the_training_set_and_survives_a_file(tmp_path):
    hr = np.repeat(np.repeat(SEA, 4, 1), 4, 2)
    hr[0, 0, 0, 0] = -3000
    fitted = Normalisation.fit(SEA, hr, residual=True)
    assert (fitted.low, fitted.high) == (-3000, SEA.max())
    assert fitted.relief == pytest.approx(np.std(SEA[..., 0] - local_mean(SEA[..., 0])))
    (tmp_path / "normalisation.json").write_text(fitted.to_json())
    assert Normalisation.load(tmp_path / "normalisation.json") == fitted
    assert Normalisation.fit(SEA, hr, residual=False, norm_range=(-2500, 0)) == Normalisation(-2500, 0)


def test_bad_input_names_the_choices():
    with pytest.raises(ValueError, match="unknown model 'unet'; choose one of srcnn, espcn"):
        build_model("unet")
    with pytest.raises(ValueError, match="expected one of 2, 3, 4"):
        build_model("srcnn", scale=5)
    with pytest.raises(ValueError, match="unknown option depth; choose from filters, kernels"):
        build_model("srcnn", depth=3)
    with pytest.raises(ValueError, match="rows, columns, 1"):
        build_model("srcnn", input_shape=(16, 16, 3))
    with pytest.raises(ValueError, match="low < high"):
        Normalisation(0, -2500)
    with pytest.raises(FileNotFoundError, match=r"nothing\.keras"):
        load_model("nothing.keras")


def test_package_uses_no_backend_by_name():
    for path in Path(models.__file__).parents[1].rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imported = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
        assert not (names | imported) & {"tf", "tensorflow", "torch", "jax"}, path
    assert keras.backend.backend()
