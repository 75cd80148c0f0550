import numpy as np
import pytest
import xarray as xr

from bathysr_nb import terrain
from bathysr_nb.grids import synthetic
from bathysr_nb.maps.applicability import FLAGS, applicability, local_slope
from bathysr_nb.pairs import downsampling
from bathysr_nb.training.training_range import TrainingRange

DEPTH, SLOPE, NEAR, MISSING = FLAGS.values()


def mapped(depth, cell=(50.0, 50.0)):
    rows, columns = depth.shape
    axes = {"y": -(np.arange(rows) + 0.5) * cell[0], "x": (np.arange(columns) + 0.5) * cell[1]}
    return xr.DataArray(depth, axes, ("y", "x"))


def ramp(shape=(40, 60), steep=30, gradient=(0.02, 0.2), cell=50.0):
    """A slope that changes from one gradient to another at a column."""
    columns = np.arange(shape[1])
    rise = np.where(columns < steep, *gradient) * cell
    return np.tile(-1000 + np.cumsum(rise), (shape[0], 1)).astype("float32")


TRAINING = TrainingRange((-1000, -800), (0.01, 0.01, 0.02, 0.03, 0.05, 0.05, 0.05), cells=9, cell_size=(50, 50))


def test_flags_by_construction():
    depth = ramp()
    depth[0, 0], depth[30, 5] = -2000, np.nan
    flags = applicability(mapped(depth), TRAINING, reach=2).values
    assert flags[30, 5] == MISSING
    near = np.zeros(depth.shape, bool)
    near[28:33, 3:8] = True
    np.testing.assert_array_equal(flags & NEAR > 0, near & np.isfinite(depth))
    np.testing.assert_array_equal(flags & DEPTH > 0, (depth < -1000) | (depth > -800))
    # 0.02 and 0.2 mix in a window of 7: from 2 of 7 steep columns on the mean is above 0.05
    assert not (flags[8:20, 8:27] & SLOPE).any()
    assert (flags[8:20, 30:] & SLOPE > 0).all()


@pytest.mark.parametrize("cell", [(50.0, 50.0), (40.0, 60.0)])
def test_local_slope_is_the_mean_slope_gradient_of_the_patch(cell):
    depth = synthetic.seafloor((40, 50), province="ridge", seed=1).astype(float)
    patch = depth[10:19, 20:29]
    expected = terrain.mean_slope_gradient(patch, cell, border="exclude")
    assert local_slope(depth, cell, 7)[14, 24] == pytest.approx(expected, rel=1e-9)


def test_training_set_itself_is_inside():
    depth = downsampling.resize(synthetic.seafloor((160, 240), province="ridge", seed=2)).astype("float32")
    crops = np.lib.stride_tricks.sliding_window_view(depth, (9, 9)).reshape(-1, 9, 9, 1)
    training = TrainingRange.fit(crops, 200)
    inner = applicability(mapped(depth, (200, 200)), training).values[4:-4, 4:-4]
    assert not inner.any()
    assert (applicability(mapped(depth * 3, (200, 200)), training).values[4:-4, 4:-4] & SLOPE).any()


def test_slope_of_unknown_cells_is_not_compared():
    crops = ramp((9, 9), steep=0)[None, ..., None]
    unknown, known = TrainingRange.fit(crops), TrainingRange.fit(crops, 50)
    assert (unknown.slope[-1], known.slope[-1]) == pytest.approx((10, 0.2))
    twice = ramp(steep=0, gradient=(0, 0.4))
    with pytest.raises(ValueError, match="no cell_size"):
        applicability(mapped(twice), unknown)
    assert not (applicability(mapped(twice, (100, 100)), known).values & SLOPE).any()


@pytest.mark.parametrize("chunks", [{"y": 13, "x": 17}, -1])
def test_dask_is_numpy(chunks, monkeypatch):
    monkeypatch.setattr("bathysr_nb.maps.applicability.TILE", 16)
    depth = ramp()
    depth[np.random.default_rng(0).random(depth.shape) < 0.05] = np.nan
    lazy = applicability(mapped(depth).chunk(chunks), TRAINING, reach=3)
    assert lazy.chunks
    xr.testing.assert_identical(lazy.compute(), applicability(mapped(depth), TRAINING, reach=3))
