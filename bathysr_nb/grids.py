"""Depth grids in, with coordinates, cell size and reference system.

Depths are metres, negative down; a missing cell is NaN.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rioxarray  # noqa: F401  (gives every DataArray its .rio)
import xarray as xr

from bathysr_nb import config

NAMES = ("elevation", "z", "topo")


def bundled_grid() -> Path:
    """Path of the real grid that comes with the project (Great Barrier Reef to Queensland Trough)."""
    return config.root() / "data" / "cairns_271m.nc"


def read_grid(path, variable: str | None = None) -> xr.DataArray:
    """Read a depth grid from a NetCDF file.

    Parameters
    ----------
    path : path
        A relative path counts from the project's root.
    variable : str, optional
        Name of the depth variable; by default the one called elevation, z or topo.

    Returns
    -------
    DataArray, dims (y, x), float32
        Metres, negative down, NaN where missing; ``attrs["cell_size"]`` is (dy, dx) in
        metres and ``.rio.crs`` the reference system.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the variable is not in the file, or the grid is not projected in metres.

    Examples
    --------
    >>> grid = read_grid(bundled_grid())
    >>> grid.shape, round(grid.attrs["cell_size"][0], 1)
    ((1188, 1584), 270.9)
    """
    path = config.resolve(path)
    if not path.is_file():
        raise FileNotFoundError(f"{config.shorten(path)}: no such file")
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf", decode_coords="all")
    except (OSError, ValueError) as error:
        raise ValueError(f"{config.shorten(path)}: not a NetCDF-4 file ({error})") from None
    wanted = [variable] if variable else NAMES
    found = [name for name in wanted if name in dataset]
    if len(found) != 1:
        choices = ", ".join(map(str, dataset.data_vars))
        raise ValueError(f"{config.shorten(path)}: expected one variable of {', '.join(wanted)}; it holds {choices}")
    grid = dataset[found[0]].astype(np.float32)
    if grid.rio.crs is None or not grid.rio.crs.is_projected:
        raise ValueError(f"{config.shorten(path)}: expected a projected grid in metres, found CRS {grid.rio.crs}")
    grid.attrs["cell_size"] = tuple(float(abs(np.diff(grid[axis]).mean())) for axis in ("y", "x"))
    return grid


def center_crop_shape(shape: tuple[int, int], cells: int) -> tuple[int, int]:
    """Largest shape inside `shape` that divides by `cells`.

    Examples
    --------
    >>> center_crop_shape((1188, 1584), 100)
    (1100, 1500)
    """
    return shape[0] // cells * cells, shape[1] // cells * cells
