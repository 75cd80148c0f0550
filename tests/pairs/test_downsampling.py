import numpy as np
import pytest

from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.pairs import downsampling
from bathysr_nb.pairs.downsampling import resize

HR = seafloor((3 * 64, 64), province="ridge", seed=1).reshape(3, 64, 64)


@pytest.mark.parametrize("method", ["bilinear", "area"])
def test_how_lr_was_made_is_seen_from_the_pairs(method):
    assert downsampling.downsampling_of(resize(HR, 4, method), HR) == method
    assert downsampling.downsampling_of(resize(HR, 4, method) + 0.5, HR) is None


@pytest.mark.parametrize(("scale", "cells"), [(2, [0, 1]), (3, [1]), (4, [1, 2])])
def test_resize_samples_the_coarse_centres(scale, cells):
    grid = np.random.default_rng(0).normal(size=(scale, scale))
    assert resize(grid, scale).item() == pytest.approx(grid[np.ix_(cells, cells)].mean())
    assert resize(grid, scale, "area").item() == pytest.approx(grid.mean())


def test_resize_passes_missing_cells_on_only_where_they_are_used():
    grid = np.zeros((4, 8))
    grid[0, 0] = grid[1, 5] = np.nan
    np.testing.assert_array_equal(np.isnan(resize(grid)), [[False, True]])
    np.testing.assert_array_equal(np.isnan(resize(grid, method="area")), [[True, True]])


def test_resize_names_the_nearest_shape():
    with pytest.raises(ValueError, match=r"\(8, 12\)"):
        resize(np.zeros((10, 13)))
    with pytest.raises(ValueError, match="bilinear, area"):
        resize(np.zeros((8, 8)), method="bicubic")
