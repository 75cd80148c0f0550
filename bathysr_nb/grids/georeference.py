"""Where a grid lies: its reference system and cell size, and whether two grids cover the same ground."""

from __future__ import annotations

import warnings

import numpy as np
import pyproj
import xarray as xr
from rasterio.crs import CRS

from bathysr_nb.grids.axes import is_degrees, ordered, outer_edges, step_of, turned
from bathysr_nb.grids.formats import reading
from bathysr_nb.grids.vertical import units_of, vertical_crs

WIDEST = 2  # degrees; coordinates within 90 and 360 with a greater step are taken for metres
LOCAL = 1.02  # ratio of a map's metre to a metre on the ground from which cells are measured on the ground


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
        found = _known_part(raw.rio.crs)
    try:
        given = None if given is None else CRS.from_user_input(given)
    except ValueError:  # the base class of rasterio's CRSError
        raise ValueError(f"{name}: crs is {given!r}; expected a reference system such as EPSG:32755") from None
    y, x = (raw[dim] for dim in raw.dims)
    degrees = is_degrees(y)
    if given is not None and (not _same_crs(given, found) if found else degrees and not given.is_geographic):
        raise ValueError(f"{name}: crs is {_say(given)}, but the file has {_say(found) if found else 'degrees'}")
    if given is not None and found and vertical_crs(given) and not vertical_crs(found):
        found = given  # the same on the ground, and it knows the datum
    crs = found or given or (CRS.from_epsg(4326) if degrees else None)
    reach_y, reach_x, step = abs(y.values).max(), abs(x.values).max(), abs(step_of(y.values))
    if crs is None:
        reaches = sorted((reach_y, reach_x))
        if not unlocated and reaches[0] <= 90 and reaches[1] <= 360 and step <= WIDEST and not units_of(y):
            raise ValueError(
                f"{name}: no CRS, and coordinates that look like degrees; give crs='EPSG:4326', "
                "or, if they are metres, a projection such as crs='EPSG:32755'"
            )
    elif crs.is_geographic and (reach_y > 90 + 2 * step or unlocated):  # a finer grid has rows beyond a node at a pole
        raise ValueError(f"{name}: CRS {_say(crs)} is in degrees, but y reaches {reach_y:g}; expected a CRS in metres")
    elif crs.is_geographic and abs(pyproj.CRS(crs.to_wkt()).axis_info[0].unit_conversion_factor - np.pi / 180) > 1e-9:
        raise ValueError(f"{name}: CRS {_say(crs)} is not in degrees; expected degrees or a projection in metres")
    elif not crs.is_geographic and not (crs.is_projected and crs.linear_units_factor[1] == 1):
        unit = f" is in {crs.linear_units}" if crs.is_projected else ""
        raise ValueError(f"{name}: CRS {_say(crs)}{unit}; expected degrees or a projection in metres")
    return crs


def _known_part(crs: CRS | None) -> CRS | None:
    """A file's reference system without what says nothing: an ellipsoid alone, a vertical part without a name."""
    if crs is None or (crs.is_geographic and 'GEOGCS["undefined"' in crs.to_wkt()):
        return None  # GEBCO's files name only an ellipsoid; degrees then mean EPSG:4326
    return crs if vertical_crs(crs) else horizontal(crs)


def horizontal(crs: CRS) -> CRS:
    """A reference system without its vertical part."""
    whole = pyproj.CRS(crs.to_wkt())
    if not whole.sub_crs_list and len(whole.axis_info) < 3:
        return crs
    return CRS.from_wkt((whole.sub_crs_list or [whole.to_2d()])[0].to_wkt("WKT1_GDAL"))


def _same_crs(one: CRS, other: CRS) -> bool:
    """Whether they are equal on the ground, or spellings of one EPSG code; having none does not make them equal."""
    one, other = horizontal(one), horizontal(other)
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
        If it is in degrees, or its metres differ by more than 2% from metres on the ground (Mercator far from the
        equator), the size is that on the ground in the grid's middle.

    Warns
    -----
    UserWarning
        If dx on the ground varies by more than 2% between the rows.
    """
    dy, dx = abs(step_of(y)), abs(step_of(x))
    if crs is None:
        return dy, dx
    middle = (y[0] + y[-1]) / 2
    # cells are widest at the equator and narrow towards the poles, so the extremes are at the ends or at the equator
    rows = [y[0], middle, y[-1], 0.0 if y[-1] < 0 < y[0] else middle]
    try:
        sizes = [_on_the_ground(crs, row, x, dy, dx) for row in rows]
    except pyproj.exceptions.ProjError:  # a corner that the projection does not reach
        return dy, dx
    height, width = sizes[1]
    if not crs.is_geographic and max(abs(height / dy - 1), abs(width / dx - 1)) <= LOCAL - 1:
        return dy, dx
    widths = [size[1] for size in sizes]
    if (change := (max(widths) - min(widths)) / width) > 0.02:
        warnings.warn(
            f"{name}: dx varies by {change:.1%} between the rows ({min(widths):.0f} to {max(widths):.0f} m, "
            f"{width:.0f} m is used); project the grid, or read fewer rows with bounds=",
            stacklevel=3,
        )
    return height, width


def _on_the_ground(crs: CRS, row: float, x: np.ndarray, dy: float, dx: float) -> tuple[float, float]:
    """Metres on the ground along the sides of a cell in a row, in the middle of the grid's columns."""
    system = pyproj.CRS(crs.to_wkt())
    geod = system.get_geod()
    to_degrees = pyproj.Transformer.from_crs(system, system.geodetic_crs, always_xy=True)
    column = (x[0] + x[-1]) / 2
    columns = np.array([column, column, column - dx / 2, column + dx / 2])
    rows = np.array([row - dy / 2, row + dy / 2, row, row])
    if crs.is_geographic:
        rows = np.clip(rows, -90, 90)
    lon, lat = to_degrees.transform(columns, rows, errcheck=True)
    return geod.inv(lon[0], lat[0], lon[1], lat[1])[2], geod.inv(lon[2], lat[2], lon[3], lat[3])[2]


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
