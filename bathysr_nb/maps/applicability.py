"""Where a grid has slopes or depths that the network's training set did not have.

The training range is kept beside the weights; the map made here flags each cell that lies outside it.
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

#: Bits of the map; a missing cell has no other.
FLAGS = {"depth_outside_training": 1, "slope_outside_training": 2, "near_missing": 4, "missing": 8}
TILE = 1024
ROUNDING = 1e-5  # relative tolerance at the ends of a range: 32-bit depths have 24 significant bits


def local_slope(depth: np.ndarray, delta, cells: int) -> np.ndarray:
    """Mean slope in a square window around each cell.

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
        The mean over the cells of the window whose eight neighbours are known; NaN if there are none.

    Examples
    --------
    >>> local_slope(np.arange(0.0, 50, 10)[:, None] * np.ones(5), 100, 3).round(3)[2].tolist()
    [0.1, 0.1, 0.1, 0.1, 0.1]
    """
    # a filter spreads NaN over its whole window, so sums and counts are filtered separately; half a cell is rounding
    slope = np.pad(terrain.slope(depth.astype(np.float64), delta), 1, constant_values=np.nan)
    known = np.isfinite(slope)
    total = ndimage.uniform_filter(np.where(known, slope, 0), cells, mode="constant")
    share = ndimage.uniform_filter(known.astype(np.float64), cells, mode="constant")
    return np.where(share * cells**2 > 0.5, total / np.maximum(share, 0.5 / cells**2), np.nan)


def applicability(grid: xr.DataArray, training: TrainingRange, reach: int = 0) -> xr.DataArray:
    """Where a grid lies outside the range that a network was trained on.

    Parameters
    ----------
    grid : DataArray, dims (y, x)
        LR depths in metres, NaN where missing, as `bathysr_nb.grids.read.read_grid` returns them. If it is a dask
        array, the result is lazy too.
    training : TrainingRange
    reach : int
        Cells to each side of a missing one that are flagged too: the network's `receptive_field`, within which it
        sees the depth that replaces the missing cell.

    Returns
    -------
    DataArray, dims (y, x), uint8
        0, or a sum of 1: deeper or shallower than all training cells; 2: mean slope around the cell, in a window
        as large as a training patch, lower or higher than in all training patches; 4: within reach of a missing
        cell; or 8: missing. The CF attributes flag_masks and flag_meanings say the same.

    Raises
    ------
    ValueError
        If the training range has no cell size.

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
        raise ValueError("the training range has no cell_size, so slopes cannot be compared; train with cell_size=")
    delta = georeference.cell_size_of(grid)
    cells = max(training.cells - 2, 1) // 2 * 2 + 1
    lazy = grid.chunks is not None
    array = grid.data if lazy else da.from_array(grid.values, chunks=-1)
    options = {"training": training, "delta": delta, "cells": cells, "reach": reach}
    margin = max(cells // 2 + 1, reach)
    flags = map_tiles(_flags, array, TILE if lazy else max(array.shape), margin, dtype=np.uint8, **options)[0]
    attrs = {
        "long_name": "outside the network's training range",
        "flag_masks": np.array(list(FLAGS.values()), dtype=np.uint8),
        "flag_meanings": " ".join(FLAGS),
    }
    flags = flags if lazy else flags.compute(scheduler="synchronous")
    return xr.DataArray(flags, grid.coords, grid.dims, "applicability", attrs)


def _flags(window, inner, *, training: TrainingRange, delta, cells: int, reach: int) -> np.ndarray:
    missing = ~np.isfinite(window)
    slope = local_slope(np.where(missing, np.nan, window), delta, cells)
    flags = FLAGS["depth_outside_training"] * _outside(window, training.depth)
    flags |= FLAGS["slope_outside_training"] * _outside(slope, (training.slope[0], training.slope[-1]))
    near = ndimage.maximum_filter(missing.astype(np.uint8), 2 * reach + 1, mode="constant")
    flags |= FLAGS["near_missing"] * near
    return np.where(missing, FLAGS["missing"], flags).astype(np.uint8)[None, inner[0], inner[1]]


def _outside(values, span) -> np.ndarray:
    """1 where a value lies outside a range, else 0; also for NaN, which compares false."""
    slack = ROUNDING * max(map(abs, span))
    return ((values < span[0] - slack) | (values > span[1] + slack)).astype(np.uint8)
