"""LR from HR: the rules that make a coarse grid, applied to arrays, grids and files, and recognised in pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bathysr_nb import grids
from bathysr_nb.files import store

if TYPE_CHECKING:
    import xarray as xr

METHODS = ("bilinear", "area")  # the rules; see `resize`


def resize(grid: np.ndarray, scale: int = 4, method: str = "bilinear") -> np.ndarray:
    """Make the low-resolution grid from the high-resolution one.

    Parameters
    ----------
    grid : ndarray, shape (..., H, W)
        Depths in metres. H and W must be multiples of `scale`.
    scale : int
        High-resolution cells per low-resolution cell along one axis.
    method : {"bilinear", "area"}
        "bilinear" samples the grid at the centres of the coarse cells without antialias: the mean
        of the central 2 x 2 cells at an even scale, the centre cell at an odd one. "area" is the mean of all cells.

    Returns
    -------
    ndarray, shape (..., H / scale, W / scale), dtype of the input
        A coarse cell is NaN if any cell it is made from is NaN.

    Raises
    ------
    ValueError
        If the method is unknown or the shape does not divide by `scale`.

    Notes
    -----
    Manual 1.3, ``resize.py``.

    Examples
    --------
    >>> resize(np.arange(16.0).reshape(4, 4))
    array([[7.5]])
    """
    grid = np.asarray(grid)
    sampled = sampled_cells(scale, method)
    *lead, height, width = grid.shape
    if height % scale or width % scale:
        fit = (height // scale * scale, width // scale * scale)
        raise ValueError(f"grid of {height} x {width} cells does not divide by {scale}; the nearest that does is {fit}")
    cells = grid.reshape(*lead, height // scale, scale, width // scale, scale)[..., sampled, :, sampled]
    dtype = grid.dtype if grid.dtype.kind == "f" else np.float64
    return cells.mean(axis=(-3, -1), dtype=np.float64).astype(dtype)


def sampled_cells(scale: int, method: str = "bilinear") -> slice:
    """Which of the `scale` rows, and of the columns, of HR cells in an LR cell its depth is the mean of.

    Parameters
    ----------
    scale : int
    method : {"bilinear", "area"}
        See `resize`.

    Returns
    -------
    slice

    Raises
    ------
    ValueError
        If the method is unknown.

    Examples
    --------
    >>> sampled_cells(4), sampled_cells(3), sampled_cells(4, "area")
    (slice(1, 3, None), slice(1, 2, None), slice(0, 4, None))
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")
    return slice((scale - 1) // 2, scale // 2 + 1) if method == "bilinear" else slice(0, scale)


def coarsen(grid: xr.DataArray, scale: int = 4, downsampling: str = "bilinear") -> xr.DataArray:
    """The low-resolution grid of a high-resolution one, with coordinates.

    Parameters
    ----------
    grid : DataArray, dims (y, x)
        As `bathysr_nb.grids.read.read_grid` returns it. Rows and columns beyond a multiple of the scale are left out.
    scale : int
    downsampling : {"bilinear", "area"}
        See `resize`.

    Returns
    -------
    DataArray, dims (y, x)

    Examples
    --------
    >>> grid = grids.read_grid(grids.bundled_grid())[:40, :60]
    >>> coarse = coarsen(grid)
    >>> coarse.shape, [round(size, 1) for size in coarse.attrs["cell_size"]]
    ((10, 15), [1083.6, 1083.6])
    """
    rows, cols = (size // scale * scale for size in grid.shape)
    fine = grid[:rows, :cols]
    coarse = fine.coarsen(y=scale, x=scale).mean().copy(data=resize(fine.values, scale, downsampling))
    if "cell_size" in grid.attrs:
        coarse.attrs["cell_size"] = tuple(scale * size for size in grid.attrs["cell_size"])
    return coarse


def resize_file(
    hr: Path,
    lr: Path,
    *,
    scale: int = 4,
    downsampling: Literal["bilinear", "area"] = "bilinear",
    land: Literal["keep", "mask"] = "keep",
    overwrite: bool = False,
    **reading,
) -> None:
    """Make a low-resolution file from a high-resolution one: a grid, or a pickle of patches.

    Parameters
    ----------
    hr : path
        A grid that `bathysr_nb.grids.read.read_grid` reads, or a pickle of a grid or of patches.
    lr : path
        A pickle for a pickle, else a NetCDF (``.nc``) or GeoTIFF (``.tif``) file.
    scale : int
    downsampling : {"bilinear", "area"}
        See `resize`.
    land : {"keep", "mask"}
        "mask" makes cells at or above sea level missing.
    overwrite : bool
        Replace an existing file.
    **reading
        How a grid is read; see `bathysr_nb.grids.read.Reading`.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError

    Notes
    -----
    Manual 1.3, ``resize.py``. Rows and columns beyond a multiple of the scale are left out.
    """
    if hr.resolve() == lr.resolve():
        raise ValueError(f"{lr}: is the input; write the coarse grid to another file")
    if scale < 2:
        raise ValueError(f"scale is {scale}, expected a whole number of at least 2")
    in_pickle, out_pickle = (path.suffix in (".pkl", ".pickle") for path in (hr, lr))
    is_patches = in_pickle and hr.is_file() and store.load_array(hr).ndim > 2
    grid = None if is_patches else grids.read_grid(hr, land=land, **reading)
    fine = store.load_patches(hr)[..., 0] if is_patches else grid.values
    if in_pickle != out_pickle:
        raise ValueError(f"{lr}: a pickle is made from a pickle, a grid from a grid; the input is {hr}")
    if min(fine.shape) == 0 or min(fine.shape[-2:]) < scale or not np.isfinite(fine[~np.isnan(fine)]).all():
        raise ValueError(f"{hr}: has shape {fine.shape}, expected finite depths of at least {scale} x {scale} cells")
    if not out_pickle:
        grids.write_grid(coarsen(grid, scale, downsampling), lr, overwrite)
        return
    rows, cols = (size // scale * scale for size in fine.shape[-2:])
    save = store.save_patches if is_patches else store.save_array
    save(lr, resize(fine[..., :rows, :cols], scale, downsampling), overwrite)


def pair_scale(lr: np.ndarray, hr: np.ndarray, lr_name, hr_name) -> int:
    """Number of HR cells along an LR cell.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
    lr_name, hr_name : path or str
        What errors call them.

    Raises
    ------
    ValueError
        If the shapes are no pairs with the same whole scale in both directions.
    """
    shapes = f"{hr_name} has shape {hr.shape} and {lr_name} {lr.shape}"
    if lr.ndim != 3 or hr.ndim != 3 or 0 in lr.shape[1:]:
        raise ValueError(f"{shapes}; expected (n, H, W) and (n, h, w)")
    if len(lr) != len(hr):
        raise ValueError(f"{shapes}; expected as many patches in both")
    scale = hr.shape[1] // lr.shape[1]
    if scale < 1 or hr.shape[1:] != (scale * lr.shape[1], scale * lr.shape[2]):
        raise ValueError(f"{shapes}; expected HR a whole multiple of LR, the same in both directions")
    return scale


def downsampling_of(lr: np.ndarray, hr: np.ndarray) -> str | None:
    """How LR patches were made from their HR patches: "bilinear", "area", or None if by neither.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Pairs, metres; a few are enough.

    Examples
    --------
    >>> hr = np.arange(64.0).reshape(1, 8, 8) ** 2
    >>> downsampling_of(resize(hr, 4, "area"), hr), downsampling_of(resize(hr, 4) + 7, hr)
    ('area', None)
    """
    scale = pair_scale(lr, hr, "LR", "HR")
    methods = (method for method in METHODS if np.allclose(resize(hr, scale, method), lr, atol=1e-2))
    return next(methods, None)
