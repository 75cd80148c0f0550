import numpy as np
import pytest
from scipy import ndimage

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.scores import metrics

RNG = np.random.default_rng(0)
SEABED = ndimage.gaussian_filter(RNG.normal(size=(4, 24, 40)), (0, 2, 2))[..., None]
NOISE = RNG.normal(size=SEABED.shape)
PAIRS = {  # truth and estimate on 0..1
    "alike": (0.5 + 2 * SEABED, 0.5 + 2 * SEABED + 0.01 * NOISE),
    "unlike": (0.5 + 2 * SEABED, 0.5 - SEABED + 0.1 * NOISE),
    "little relief near 1": (0.97 + 0.01 * SEABED, 0.97 + 0.01 * SEABED + 0.001 * NOISE),
    "far off": (0.9 + 0.1 * SEABED, 0.02 * NOISE),
    "flat": (np.full_like(SEABED, 0.5), np.full_like(SEABED, 0.6)),
}
pairs = pytest.mark.parametrize(("truth", "estimate"), PAIRS.values(), ids=PAIRS)
METRES = Normalisation(-4000, -500, relief=20)


def numpy_ssim(x, y):
    """Wang et al. 2004 as printed, in float64, one window at a time."""
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    weight = np.outer(taps, taps) / np.outer(taps, taps).sum()
    values = []
    for i, j in np.ndindex(x.shape[0] - 10, x.shape[1] - 10):
        a, b = x[i : i + 11, j : j + 11, 0], y[i : i + 11, j : j + 11, 0]
        ma, mb = (weight * a).sum(), (weight * b).sum()
        va, vb = (weight * (a - ma) ** 2).sum(), (weight * (b - mb) ** 2).sum()
        cov = (weight * (a - ma) * (b - mb)).sum()
        values.append((2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)))
    return np.mean(values)


@pytest.mark.parametrize("name", ["alike", "unlike", "far off"])
def test_psnr_and_ssim_equal_tensorflow(name):
    """The other pairs are for NumPy alone: there TensorFlow's E[x^2] - E[x]^2 is itself off by up to 2e-4."""
    truth, estimate = PAIRS[name]
    tensorflow = pytest.importorskip("tensorflow", reason="compares with TensorFlow's own metrics")
    x, y = (tensorflow.constant(v, "float32") for v in (truth, estimate))
    psnr, ssim = (ops.convert_to_numpy(f(truth, estimate)) for f in (metrics.psnr, metrics.ssim))
    np.testing.assert_allclose(psnr, tensorflow.image.psnr(x, y, 1.0), rtol=0, atol=1e-5)
    np.testing.assert_allclose(ssim, tensorflow.image.ssim(x, y, 1.0), rtol=0, atol=1e-5)


@pairs
def test_psnr_and_ssim_equal_numpy(truth, estimate):
    psnr = -10 * np.log10(((truth - estimate) ** 2).mean(axis=(1, 2, 3)))
    dissimilar = 1 - np.array([numpy_ssim(x, y) for x, y in zip(truth, estimate)])
    np.testing.assert_allclose(ops.convert_to_numpy(metrics.psnr(truth, estimate)), psnr, atol=2e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(metrics.ssim(truth, estimate)), 1 - dissimilar, atol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(metrics.dssim(truth, estimate)), dissimilar / 2, rtol=1e-4)


def test_identical_patches_get_the_ends_of_the_scales():
    np.testing.assert_allclose(ops.convert_to_numpy(metrics.psnr(SEABED, SEABED)), 140, rtol=1e-6)
    assert (ops.convert_to_numpy(metrics.ssim(SEABED, SEABED)) == 1).all()
    assert (ops.convert_to_numpy(metrics.dssim(SEABED, SEABED)) == 0).all()


@pytest.mark.parametrize("shape", [(1, 10, 64, 1), (1, 64, 8, 1)])
def test_patches_smaller_than_the_window_are_refused(shape):
    with pytest.raises(ValueError, match=rf"{shape[1]} x {shape[2]} cells, SSIM's window needs 11 x 11"):
        metrics.dssim(np.zeros(shape), np.zeros(shape))
    assert metrics.ssim(np.zeros((1, 11, 11, 1)), np.zeros((1, 11, 11, 1))).shape == (1,)


def test_scaled_takes_arrays_and_tensors():
    depths = np.array([-4000.0, -500.0, -1375.0], "float32")
    np.testing.assert_allclose(METRES.scaled(depths), [0, 1, 0.75])
    np.testing.assert_allclose(ops.convert_to_numpy(METRES.scaled(ops.convert_to_tensor(depths))), [0, 1, 0.75])


def metres(name):
    return tuple((v * 3500 - 4000).astype("float32") for v in PAIRS[name])


def test_metrics_take_metres_and_pool_over_unequal_batches():
    truth, estimate = metres("alike")
    truth[0] += 300  # one bad patch: pooling over cells and averaging over batches differ
    scores = metrics.get_metrics(METRES)
    for metric in scores:
        metric.update_state(truth[:3], estimate[:3])
        metric.update_state(truth[3:], estimate[3:])
    found = {metric.name: float(metric.result()) for metric in scores}
    error, x, y = (truth - estimate).astype(float), METRES.scaled(truth.astype(float)), METRES.scaled(estimate)
    expected = {
        "psnr": np.mean(-10 * np.log10(((x - y) ** 2).mean(axis=(1, 2, 3)))),
        "dssim": np.mean([(1 - numpy_ssim(a, b)) / 2 for a, b in zip(x, y)]),
        "rmse": np.sqrt((error**2).mean()),
        "mae": np.abs(error).mean(),
    }
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-5)


def test_rmse_keeps_its_digits_over_many_cells():
    rmse = metrics.get_metrics(METRES)[2]
    truth = np.full((64, 64, 64, 1), -3000, "float32")
    for _ in range(60):  # 16 million cells, where a float32 count of cells would stop
        rmse.update_state(truth, truth + np.float32(0.5))
        rmse.update_state(truth, truth + np.float32(7.5))
    assert float(rmse.result()) == pytest.approx(np.sqrt((0.5**2 + 7.5**2) / 2), rel=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fit_reports_them_in_float32_under_any_policy(policy, set_precision):
    """Patches of unknown static size and batches of unequal length (3 and 1)."""
    set_precision(policy)
    truth, estimate = metres("alike")
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.Rescaling(1.0, dtype="float32")(inputs))
    scores = metrics.get_metrics(METRES)
    model.compile("sgd", "mse", metrics=scores)
    logs = model.fit(estimate, truth, batch_size=3, epochs=1, verbose=0, shuffle=False).history
    assert {v.dtype for metric in scores for v in metric.variables} == {"float32"}
    psnr, dssim = (
        float(ops.mean(f(METRES.scaled(truth), METRES.scaled(estimate)))) for f in metrics.SCALED_SCORES.values()
    )
    assert logs["psnr"][0] == pytest.approx(psnr, rel=1e-5)
    assert logs["dssim"][0] == pytest.approx(dssim, rel=1e-4)
    assert logs["rmse"][0] == pytest.approx(np.sqrt(np.mean((truth - estimate) ** 2)), rel=1e-4)


@pytest.mark.parametrize("index", range(4))
def test_metrics_survive_serialisation(index):
    metric = metrics.get_metrics(METRES)[index]
    other = keras.metrics.deserialize(keras.metrics.serialize(metric))
    for m in (metric, other):
        m.update_state(*metres("alike"))
    assert (other.name, float(other.result())) == (metric.name, float(metric.result()))
