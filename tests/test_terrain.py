import numpy as np
import pytest

from bathysr_nb.grids import synthetic
from bathysr_nb.terrain import COLUMNS, feature_table, mean_slope_gradient, slope


def double_loop(h, dy, dx):
    total = 0.0
    for i in range(1, h.shape[0] - 1):
        for j in range(1, h.shape[1] - 1):
            sy = sum(h[i - 1, j + k] - h[i + 1, j + k] for k in (-1, 0, 1)) / (6 * dy)
            sx = sum(h[i + k, j - 1] - h[i + k, j + 1] for k in (-1, 0, 1)) / (6 * dx)
            total += (sx**2 + sy**2) ** 0.5
    return total / h.size


@pytest.mark.parametrize("delta", [50.0, (30.0, 70.0)])
def test_agrees_with_a_double_loop(delta):
    h = synthetic.seafloor((3 * 20, 24), province="ridge", seed=3).astype(float).reshape(3, 20, 24)
    dy, dx = np.broadcast_to(delta, 2)
    expected = [double_loop(patch, dy, dx) for patch in h]
    np.testing.assert_allclose(mean_slope_gradient(h, delta), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("n", "d"), [(64, 50.0), (16, 200.0)])
@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2])
def test_plane_loses_the_rim(n, d, angle):
    i, j = np.mgrid[:n, :n] * d
    plane = 0.07 * (np.cos(angle) * i + np.sin(angle) * j)
    assert mean_slope_gradient(plane, d) == pytest.approx(0.07 * ((n - 2) / n) ** 2, rel=1e-12)
    assert mean_slope_gradient(plane, d, border="exclude") == pytest.approx(0.07, rel=1e-12)


def test_any_leading_dimensions():
    h = np.random.default_rng(0).normal(size=(2, 3, 4, 8, 9))
    msg = mean_slope_gradient(h, 50)
    assert msg.shape == (2, 3, 4)
    assert msg[1, 2, 3] == pytest.approx(mean_slope_gradient(h[1, 2, 3], 50))


def test_integer_depths_do_not_overflow():
    steep = np.array([[-30000] * 3, [0] * 3, [30000] * 3], dtype=np.int16)
    assert slope(steep, 1)[0, 0] == pytest.approx(30000)


def test_slope_doubles_with_depth_and_halves_with_cell_size():
    h = np.random.default_rng(1).normal(size=(16, 16))
    assert mean_slope_gradient(2 * h, 50) == pytest.approx(2 * mean_slope_gradient(h, 50))
    assert mean_slope_gradient(h, 100) == pytest.approx(mean_slope_gradient(h, 50) / 2)


@pytest.mark.parametrize(
    ("h", "delta", "border", "message"),
    [
        (np.zeros((2, 9)), 50, "zero", "3 x 3"),
        (np.zeros((9, 9)), 0, "zero", "positive"),
        (np.zeros((9, 9)), (50, -1), "zero", "positive"),
        (np.zeros((9, 9)), np.nan, "zero", "positive"),
        (np.zeros((9, 9)), 50, "mirror", "zero, exclude"),
    ],
)
def test_bad_input_is_named(h, delta, border, message):
    with pytest.raises(ValueError, match=message):
        mean_slope_gradient(h, delta, border)


def test_feature_table_by_hand():
    flat, ramp = np.full((4, 4), -100.0), -100.0 - 10 * np.arange(4.0)[:, None] * np.ones(4)
    table = feature_table(np.stack([flat, ramp])[..., None], 100)
    assert list(table.columns) == list(COLUMNS)
    # slope 0.1 on the 4 inner cells of 16
    np.testing.assert_allclose(table["mean_slope_gradient"], [0, 0.1 * 4 / 16])
    np.testing.assert_allclose(table["altitude_difference"], [0, 30])
    np.testing.assert_allclose(table["mean_altitude"], [-100, -115])
    np.testing.assert_allclose(table["normalized_mean_slope_gradient"], [0, 1])


def test_norm_data_column_equals_the_first():
    patches = synthetic.seafloor((160, 160), province="ridge").reshape(10, 16, 160)[:, :, :16]
    table = feature_table(patches, 200)
    np.testing.assert_allclose(table["mean_slope_gradient_norm_data"], table["mean_slope_gradient"], rtol=1e-12)


def test_flat_file_has_no_nan():
    assert np.isfinite(feature_table(np.zeros((2, 4, 4)), 50)).all(axis=None)
