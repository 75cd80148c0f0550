import numpy as np
import pytest

from bathysr_nb import interpolation
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.pairs import downsampling
from bathysr_nb.scores.linear import LinearFilter

SEA = seafloor((256, 256), province="ridge", seed=2)
HR = np.stack([SEA[i : i + 32, j : j + 32] for i in range(0, 256, 32) for j in range(0, 256, 32)])
LR = downsampling.resize(HR, 4)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_finds_again_what_is_linear(scale):
    """Bicubic enlargement is such a filter, so it must come out to the last digit inside."""
    lr = np.random.default_rng(0).normal(size=(40, 9, 10)) - 3000
    hr = interpolation.enlarge(lr, scale)
    out = LinearFilter.fit(lr, hr).predict(lr)
    inner = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(out[:, inner, inner], hr[:, inner, inner], atol=1e-6)


def test_no_other_weights_are_better_on_the_training_pairs():
    linear = LinearFilter.fit(LR, HR)

    def rmse(weights):
        error = (LinearFilter(weights, 4).predict(LR) - HR)[:, 8:-8, 8:-8]
        return np.sqrt((error**2).mean())

    best, rng = rmse(linear.weights), np.random.default_rng(1)
    assert best < np.sqrt(((interpolation.enlarge(LR, 4) - HR)[:, 8:-8, 8:-8] ** 2).mean())
    assert all(rmse(linear.weights + 0.01 * rng.normal(size=linear.weights.shape)) > best for _ in range(5))


def test_depth_shifts_and_stretches_with_the_ground():
    linear = LinearFilter.fit(LR, HR)
    np.testing.assert_allclose(linear.predict(2 * LR + 500), 2 * linear.predict(LR) + 500, atol=1e-6)


def test_small_patches_and_broken_multiples_are_told():
    with pytest.raises(ValueError, match=r"LR patches of \(4, 4\) cells, expected at least 5 x 5"):
        LinearFilter.fit(LR[:, :4, :4], HR[:, :16, :16])
    with pytest.raises(ValueError, match="HR"):
        LinearFilter.fit(LR, HR[:, :30])
