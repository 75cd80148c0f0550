import numpy as np
import pytest
from scipy import signal

from bathysr_nb.scores.spectrum import radial_power, spectra

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("axis", "delta", "waves"), [(1, 50.0, 4), (2, 50.0, 16), (1, (50.0, 25.0), 8), (2, (50.0, 25.0), 8)]
)
def test_a_pure_wave_lies_at_its_wavenumber(axis, delta, waves):
    """Nearly all power in its ring and the two beside it, where Hann's window puts it."""
    cell = np.broadcast_to(delta, 2)[axis - 1]
    h = np.sin(2 * np.pi * waves * np.arange(64) / 64 + 0.4)
    h = np.broadcast_to(np.expand_dims(h, 2 - axis), (1, 64, 64))
    wavenumber, power = radial_power(h, delta)
    wanted, step = waves / (64 * cell), np.diff(wavenumber).min()
    assert abs(wavenumber[power[0].argmax()] - wanted) <= step / 2 + 1e-12
    assert power[0][np.abs(wavenumber - wanted) < 1.6 * max(step, 1 / (64 * cell))].sum() > 0.99 * power.sum()
    assert power.sum() == pytest.approx(0.5, rel=0.02)  # the variance of a sine


@pytest.mark.parametrize("shape", [(64, 64), (48, 64), (33, 64), (64, 33), (15, 15)])
def test_rings_sum_to_the_variance_under_the_window(shape):
    """Parseval, worked out in space: odd and even sides, oblong patches."""
    h = RNG.normal(size=(70, *shape))
    _, power = radial_power(h, 50)
    y, x = (part.ravel() for part in np.indices(shape))
    design = np.column_stack([np.ones(y.size), y, x])
    flat = h.reshape(len(h), -1).T
    rest = (flat - design @ np.linalg.lstsq(design, flat, rcond=None)[0]).T.reshape(h.shape)
    window = np.outer(*(signal.windows.hann(size, sym=False) for size in shape))
    np.testing.assert_allclose(power.sum(axis=1), ((rest * window) ** 2).mean(axis=(1, 2)) / (window**2).mean())


def test_a_slope_and_a_mean_depth_have_no_power_and_turning_changes_nothing():
    h = RNG.normal(size=(1, 32, 32))
    tilted = h - 3000 + 40 * np.arange(32)[:, None] + 10 * np.arange(32)
    np.testing.assert_allclose(radial_power(tilted, 50)[1], radial_power(h, 50)[1], atol=1e-9)
    np.testing.assert_allclose(radial_power(h.swapaxes(1, 2), 50)[1], radial_power(h, 50)[1])


def test_spectra_are_means_up_to_the_finest_wave():
    h = RNG.normal(size=(5, 64, 64))
    table = spectra(h, {"half": h / 2, "same": h}, 50)
    np.testing.assert_allclose(table["half"] / table["truth"], 0.25)
    np.testing.assert_allclose(table["same"], table["truth"])
    assert table.index[0] == pytest.approx(1000 / (64 * 50))
    assert table.index[-1] == pytest.approx(10)  # two cells of 50 m
    np.testing.assert_allclose(table["truth"].iloc[2], radial_power(h, 50)[1][:, 3].mean())
