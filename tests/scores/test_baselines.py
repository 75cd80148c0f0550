import numpy as np

from bathysr_nb.scores import baselines
from bathysr_nb.scores.linear import LinearFilter


def test_baselines_side_by_side():
    rng = np.random.default_rng(0)
    lr, hr = rng.normal(size=(4, 8, 8)).astype("float32"), rng.normal(size=(4, 16, 16)).astype("float32")
    linear = LinearFilter.fit(lr, hr)
    made = baselines.baseline_estimates(lr, 2, linear)
    assert list(made) == ["nearest", "bilinear", "bicubic", "spline", "linear filter"]
    assert {(sr.shape, sr.dtype.name) for sr in made.values()} == {((4, 16, 16), "float32")}
    np.testing.assert_array_equal(made["nearest"], lr.repeat(2, axis=1).repeat(2, axis=2))
    np.testing.assert_allclose(made["linear filter"], linear.predict(lr), rtol=1e-6)
