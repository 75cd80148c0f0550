"""Where a network is asked for what it was not trained on: slopes and depths outside its training set.

A network knows the seafloor it was trained on. Its training range lies beside the weights, and a map
says cell by cell where a grid leaves it.
"""

from __future__ import annotations

import dask.array as da
import numpy as np
import xarray as xr
from scipy import ndimage

from bathysr_nb import terrain
from bathysr_nb.grids import georeference
from bathysr_nb.maps.tiles import map_tiles
from bathysr_nb.training.training_range import TrainingRange

#: Bits of the map; a missing cell has none of the others.
FLAGS = {"depth_outside_training": 1, "slope_outside_training": 2, "near_missing": 4, "missing": 8}
TILE = 1024
ROUNDING = 1e-5  # of the range's ends: depths have 24 bits


def local_slope(depth: np.ndarray, delta, cells: int) -> np.ndarray:
    """Mean slope of the cells of a square window around each cell.

    Parameters
    ----------
    depth : ndarray, shape (rows, cols)
        Metres, NaN where missing.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).
    cells : int
        Cells along the window's side, odd.

    Returns
    -------
    ndarray, shape (rows, cols)
        The mean over those cells of the window that have a slope, that is, eight neighbours; NaN where none has.

    Examples
    --------
    >>> local_slope(np.arange(0.0, 50, 10)[:, None] * np.ones(5), 100, 3).round(3)[2].tolist()
    [0.1, 0.1, 0.1, 0.1, 0.1]
    """
    slope = np.pad(terrain.slope(depth.astype(np.float64), delta), 1, constant_values=np.nan)
    known = np.isfinite(slope)
    total = ndimage.uniform_filter(np.where(known, slope, 0), cells, mode="constant")
    share = ndimage.uniform_filter(known.astype(np.float64), cells, mode="constant")
    return np.where(share * cells**2 > 0.5, total / np.maximum(share, 0.5 / cells**2), np.nan)


def applicability(grid: xr.DataArray, training: TrainingRange, reach: int = 0) -> xr.DataArray:
    """Where a grid leaves the range that a network was trained on.

    Parameters
    ----------
    grid : DataArray, dims (y, x)
        LR depths in metres, NaN where missing, as `bathysr_nb.grids.read.read_grid` gives them; lazily where it is
        dask's.
    training : TrainingRange
    reach : int
        Cells around a missing one that are flagged too: the network's `receptive_field`, as far as what stands
        in for a missing cell is seen.

    Returns
    -------
    DataArray, dims (y, x), uint8
        0, or the sum of 1: the cell is deeper or shallower than all training cells; 2: the mean slope of the cells
        around it, in a window like a training patch, is lower or higher than of all training patches;
        4: near a missing cell. 8: missing. As CF's flag_masks and flag_meanings say.

    Examples
    --------
    >>> training = TrainingRange((-100, 0), (0,) * 6 + (0.1,), cells=5, cell_size=(10, 10))
    >>> axis = np.arange(6.0) * 10
    >>> grid = xr.DataArray(np.full((6, 6), -50.0), {"y": axis[::-1], "x": axis}, ("y", "x"))
    >>> grid[0, 0] = -101
    >>> applicability(grid, training).values[0]
    array([3, 2, 2, 0, 0, 0], dtype=uint8)
    """
    grid = georeference.north_up(grid)
    if training.cell_size is None:
        raise ValueError("the training range has no cell_size, so slopes cannot be compared; train again with it")
    delta = georeference.cell_size_of(grid)
    cells = max(training.cells - 2, 1) // 2 * 2 + 1
    lazy = grid.chunks is not None
    array = grid.data if lazy else da.from_array(grid.values, chunks=-1)
    options = {"training": training, "delta": delta, "cells": cells, "reach": reach}
    margin = max(cells // 2 + 1, reach)
    flags = map_tiles(_flags, array, TILE if lazy else max(array.shape), margin, dtype=np.uint8, **options)[0]
    attrs = {
        "long_name": "where the network's training set does not reach",
        "flag_masks": np.array(list(FLAGS.values()), dtype=np.uint8),
        "flag_meanings": " ".join(FLAGS),
    }
    made = xr.DataArray(flags if lazy else flags.compute(scheduler="synchronous"), grid.coords, grid.dims, attrs=attrs)
    return made.rename("applicability")


def _flags(window, inner, *, training: TrainingRange, delta, cells: int, reach: int) -> np.ndarray:
    missing = ~np.isfinite(window)
    slope = local_slope(np.where(missing, np.nan, window), delta, cells)
    flags = FLAGS["depth_outside_training"] * _outside(window, training.depth)
    flags |= FLAGS["slope_outside_training"] * _outside(slope, (training.slope[0], training.slope[-1]))
    near = ndimage.maximum_filter(missing.astype(np.uint8), 2 * reach + 1, mode="constant")
    flags |= FLAGS["near_missing"] * near
    return np.where(missing, FLAGS["missing"], flags).astype(np.uint8)[None, inner[0], inner[1]]


def _outside(values, span) -> np.ndarray:
    slack = ROUNDING * max(map(abs, span))
    return ((values < span[0] - slack) | (values > span[1] + slack)).astype(np.uint8)
