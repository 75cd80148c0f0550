"""Where a grid lies: its axes, cell size and reference system."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pyproj
import xarray as xr
from rasterio.crs import CRS

from bathysr_nb.grids.formats import X_NAMES, Y_NAMES, reading

NOT_METRES = r"(km|kilomet|cm|centimet|dm|decimet|ft|feet|foot|us_survey|fathom)"


def ordered(name: str, raw: xr.DataArray) -> xr.DataArray:
    """A 2-D grid with rows along the first axis and its coordinates checked.

    Parameters
    ----------
    name : str
        What errors call the grid.
    raw : DataArray
        With coordinates named y and x, lat and lon, or in degrees_north and degrees_east.

    Raises
    ------
    ValueError
        If there are no such coordinates, or they are irregular or in other units than metres or degrees.

    Examples
    --------
    >>> ordered("grid", xr.DataArray(np.zeros((2, 3)), {"lon": [1.0, 2], "lat": [5.0, 6, 7]}, ("lon", "lat"))).dims
    ('lat', 'lon')
    """
    raw = raw.transpose(_axis(name, raw, Y_NAMES, "north"), _axis(name, raw, X_NAMES, "east"))
    for dim in raw.dims:
        _check_regular(name, raw[dim])
    return raw


def turned(grid: xr.DataArray) -> xr.DataArray:
    """A grid with its first coordinate falling and its second rising: north up.

    Examples
    --------
    >>> turned(xr.DataArray(np.zeros((2, 2)), {"y": [1.0, 2.0], "x": [9.0, 8.0]}, ("y", "x"))).y.values
    array([2., 1.])
    """
    rising = dict(zip(grid.dims, (False, True)))
    steps = {dim: 1 if rising[dim] == (step_of(grid[dim].values) > 0) else -1 for dim in grid.dims}
    return grid.isel({dim: slice(None, None, step) for dim, step in steps.items()})


def _axis(name: str, raw: xr.DataArray, names: tuple, direction: str) -> str:
    """The dimension with one of the names, or with units of degrees_north (degrees_east)."""
    for dim in raw.dims:
        if str(dim).lower() in names or re.match(rf"degrees?_?{direction[0]}", units_of(raw[dim])):
            return dim
    raise ValueError(
        f"{name}: dimensions {', '.join(map(str, raw.dims))}; expected y and x, lat and lon, "
        "or coordinates in degrees_north and degrees_east"
    )


def units_of(array: xr.DataArray) -> str:
    """The units attribute, in lower case; empty where there is none."""
    return str(array.attrs.get("units", "")).strip().lower()


def _check_regular(name: str, axis: xr.DataArray) -> None:
    centres = axis.values
    if centres.ndim != 1 or centres.dtype.kind not in "iuf":
        raise ValueError(f"{name}: coordinate {axis.name} holds {centres.dtype}; expected numbers")
    if re.match(NOT_METRES, units_of(axis)):
        raise ValueError(f"{name}: coordinate {axis.name} is in {units_of(axis)}; expected metres or degrees")
    step = step_of(centres)
    rounding = 2 * float(np.spacing(abs(centres).max())) if centres.dtype.kind == "f" else 0
    off = abs(np.diff(centres.astype(float)) - step).max()
    if not (step and off <= 1e-3 * abs(step) + rounding):  # in this form NaN is an error too
        raise ValueError(f"{name}: the steps of {axis.name} are irregular (by up to {off:g}); expected equal steps")


def step_of(centres) -> float:
    """Mean step of an axis from centre to centre, negative if it falls."""
    return (float(centres[-1]) - float(centres[0])) / (len(centres) - 1)


def outer_edges(centres) -> tuple[float, float]:
    """Lower and upper end of an axis, half a cell beyond its outer centres."""
    half = abs(step_of(centres)) / 2
    return float(min(centres[0], centres[-1])) - half, float(max(centres[0], centres[-1])) + half


def reference_system(name: str, raw: xr.DataArray, given, unlocated: bool) -> CRS | None:
    """Reference system of a grid: its own, else the given one, else EPSG:4326 for degrees.

    Parameters
    ----------
    name : str
        What errors call the grid.
    raw : DataArray, 2-D
    given : str, int, CRS or None
    unlocated : bool
        Whether the coordinates were made up from a cell size.

    Raises
    ------
    ValueError
        If the given one is invalid, or contradicts the file's, or either contradicts the coordinates.
    """
    with reading(name, "grid"):
        found = raw.rio.crs
    if found and found.is_geographic and 'GEOGCS["undefined"' in found.to_wkt():
        found = None  # GEBCO's files name only an ellipsoid; degrees then mean EPSG:4326
    try:
        given = None if given is None else CRS.from_user_input(given)
    except ValueError:  # the base class of rasterio's CRSError
        raise ValueError(f"{name}: crs is {given!r}; expected a reference system such as EPSG:32755") from None
    y, x = (raw[dim] for dim in raw.dims)
    degrees = str(y.name).lower() in Y_NAMES[1:] or units_of(y).startswith("degree")
    if given is not None and (not _same_crs(given, found) if found else degrees and not given.is_geographic):
        raise ValueError(f"{name}: crs is {_say(given)}, but the file has {_say(found) if found else 'degrees'}")
    crs = found or given or (CRS.from_epsg(4326) if degrees else None)
    reach_y, reach_x = abs(y.values).max(), abs(x.values).max()
    if crs is None:
        if not unlocated and reach_y <= 90 and reach_x <= 360 and abs(step_of(y.values)) < 1:
            raise ValueError(f"{name}: no CRS, and coordinates that look like degrees; give crs='EPSG:4326'")
    elif crs.is_geographic and (reach_y > 90 or unlocated):
        raise ValueError(f"{name}: CRS {_say(crs)} is in degrees, but y reaches {reach_y:g}; expected a CRS in metres")
    elif not crs.is_geographic and not (crs.is_projected and crs.linear_units_factor[1] == 1):
        raise ValueError(f"{name}: CRS {_say(crs)}; expected degrees or a projection in metres")
    return crs


def _same_crs(one: CRS, other: CRS) -> bool:
    """Whether they are equal, or spellings of the same EPSG code; neither having a code does not make them equal."""
    return one == other or one.to_epsg() == other.to_epsg() is not None


def _say(crs: CRS) -> str:
    """A short text such as EPSG:32755, where its full definition would fill several lines."""
    return crs.to_string() if len(crs.to_string()) < 60 else pyproj.CRS(crs.to_wkt()).name


def cell_size_of_axes(name: str, y: np.ndarray, x: np.ndarray, crs: CRS | None) -> tuple[float, float]:
    """Cell size (dy, dx) in metres from the coordinates of a grid's rows and columns.

    Parameters
    ----------
    name : str
        What the warning calls the grid.
    y, x : ndarray
        Cell centres.
    crs : CRS or None
        If it is in degrees, the size is that at mid-latitude.

    Warns
    -----
    UserWarning
        If dx varies by more than 2% between the rows.
    """
    dy, dx = abs(step_of(y)), abs(step_of(x))
    if crs is None or not crs.is_geographic:
        return dy, dx
    geod = pyproj.CRS(crs.to_wkt()).get_geod()
    middle = (y[0] + y[-1]) / 2
    # cells are widest at the equator and narrow towards the poles, so the extremes are at the ends or at the equator
    rows = [y[0], middle, y[-1], 0.0 if y[-1] < 0 < y[0] else middle]
    width = [geod.inv(0, latitude, dx, latitude)[2] for latitude in rows]
    if (change := (max(width) - min(width)) / width[1]) > 0.02:
        warnings.warn(
            f"{name}: dx varies by {change:.1%} between the rows ({min(width):.0f} to {max(width):.0f} m, "
            f"{width[1]:.0f} m is used); project the grid, or read fewer rows with bounds=",
            stacklevel=3,
        )
    return geod.inv(0, middle - dy / 2, 0, middle + dy / 2)[2], width[1]


def cell_size_of(grid: xr.DataArray) -> tuple[float, float]:
    """Cell size (dy, dx) of a grid in metres, from its coordinates; if they are in degrees, at mid-latitude.

    Parameters
    ----------
    grid : DataArray or Dataset, dims (y, x)

    Examples
    --------
    >>> from bathysr_nb.grids.read import bundled_grid, read_grid
    >>> tuple(round(size, 1) for size in cell_size_of(read_grid(bundled_grid())[::4, ::4]))
    (1083.6, 1083.6)
    """
    with warnings.catch_warnings(action="ignore"):  # read_grid has warned already
        return cell_size_of_axes("grid", grid.y.values, grid.x.values, grid.rio.crs)


def finer_axes(grid: xr.DataArray, scale: int) -> dict[str, np.ndarray]:
    """Cell centres of a finer grid with the same outer edges.

    Parameters
    ----------
    grid : DataArray or Dataset, dims (y, x)
    scale : int
        Fine cells along a cell of the grid.

    Returns
    -------
    dict of str to ndarray
        y and x, each in the direction of the grid's.

    Examples
    --------
    >>> grid = xr.DataArray(np.zeros((2, 2)), {"y": [30.0, 10.0], "x": [10.0, 30.0]}, ("y", "x"))
    >>> finer_axes(grid, 2)["y"]
    array([35., 25., 15.,  5.])
    """
    axes = {}
    for axis in ("y", "x"):
        centres = grid[axis].values
        step = step_of(centres)
        axes[axis] = float(centres[0]) + ((np.arange(len(centres) * scale) + 0.5) / scale - 0.5) * step
    return axes


def north_up(grid: xr.DataArray) -> xr.DataArray:
    """A grid with dims (y, x), y falling and x rising, from one with lat and lon or in another order.

    A grid in degrees without a reference system gets EPSG:4326, as in `bathysr_nb.grids.read.read_grid`.

    Raises
    ------
    ValueError
        If it is not a 2-D DataArray with such coordinates, or its depths are positive down.

    Warns
    -----
    UserWarning
        If it names a reference system that was lost when the file was opened.

    Examples
    --------
    >>> grid = xr.DataArray(np.zeros((3, 2)), {"lat": [1.0, 2.0, 3.0], "lon": [5.0, 6.0]}, ("lat", "lon"))
    >>> north_up(grid).y.values
    array([3., 2., 1.])
    """
    if not isinstance(grid, xr.DataArray) or grid.ndim != 2:
        found = f"dims {grid.dims}" if isinstance(grid, xr.DataArray) else type(grid).__name__
        raise ValueError(f"grid: {found}; expected a DataArray with dims (y, x) as read_grid returns it")
    if missing := [dim for dim in grid.dims if dim not in grid.coords]:
        raise ValueError(f"grid: dims {', '.join(map(str, missing))} have no coordinates")
    if str(grid.attrs.get("positive", "")).lower() == "down":
        raise ValueError("grid: depths are positive down; expected metres, negative down, as read_grid returns them")
    # without decode_coords="all", xarray leaves the CRS in a variable of its own, which selecting the depths drops;
    # what remains is its name, in the attributes or the encoding
    lost_crs = grid.attrs.get("grid_mapping", grid.encoding.get("grid_mapping"))
    grid = turned(ordered("grid", grid))
    crs = reference_system("grid", grid, None, unlocated="coordinates_from" in grid.attrs)
    if crs is None and lost_crs:
        remedy = "open it with decode_coords='all', or with read_grid"
        warnings.warn(f"grid: CRS {lost_crs} was lost when the file was opened; {remedy}", stacklevel=3)
    grid = grid.rename({old: new for old, new in zip(grid.dims, ("y", "x")) if old != new})
    return grid if crs is None else grid.rio.write_crs(crs)


def check_same_ground(lr: xr.DataArray, hr: xr.DataArray, scale: int) -> None:
    """Check that an LR and an HR grid cover the same ground.

    Parameters
    ----------
    lr, hr : DataArray, dims (y, x)
        As `bathysr_nb.grids.read.read_grid` returns them. Of grids without coordinates of their own (pickles, .npy)
        only the shapes are compared.
    scale : int
        HR cells along an LR cell.

    Raises
    ------
    ValueError
        If the shapes are not in the ratio `scale`, the reference systems differ, or an outer
        corner differs by more than 1% of an LR cell.

    Examples
    --------
    >>> from bathysr_nb.grids.read import bundled_grid, read_grid
    >>> hr = read_grid(bundled_grid())
    >>> check_same_ground(hr.coarsen(y=4, x=4).mean(), hr, 4)
    """
    sides = " and ".join(
        f"{side} {grid.encoding['source']}" if "source" in grid.encoding else side
        for side, grid in (("LR", lr), ("HR", hr))
    )
    if hr.shape != (lr.shape[0] * scale, lr.shape[1] * scale):
        raise ValueError(f"{sides}: shapes {lr.shape} and {hr.shape}, expected HR to be {scale} times LR")
    if "coordinates_from" in lr.attrs or "coordinates_from" in hr.attrs:
        return
    if lr.rio.crs and hr.rio.crs and not _same_crs(lr.rio.crs, hr.rio.crs):
        raise ValueError(f"{sides}: CRS {_say(lr.rio.crs)} and {_say(hr.rio.crs)}, expected the same")
    for axis in ("y", "x"):
        edges = np.array([outer_edges(lr[axis].values), outer_edges(hr[axis].values)])
        if abs(edges[0] - edges[1]).max() > 0.01 * abs(step_of(lr[axis].values)):
            found = " and ".join(f"{low:.10g} to {high:.10g}" for low, high in edges)
            raise ValueError(f"{sides}: {axis} from {found}, expected the same outer edges within 1% of an LR cell")
