"""Depth grids in and out, with coordinates, cell size and reference system.

Depths are metres, negative down; a missing cell is NaN; the top row is north. Files are
told apart by their first bytes, text and arrays by their suffix. They are opened lazily, so
a window of a global grid costs no more than the window.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pyproj
import xarray as xr
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning

from bathysr_nb import config
from bathysr_nb.gridfiles import X_NAMES, Y_NAMES, file_kind, opened, reading
from bathysr_nb.gridwriter import ATTRIBUTES
from bathysr_nb.gridwriter import write_grid as write_grid

NOT_METRES = r"(km|kilomet|cm|centimet|dm|decimet|ft|feet|foot|us_survey|fathom)"


def bundled_grid() -> Path:
    """Path of the real grid that comes with the project (Great Barrier Reef to Queensland Trough)."""
    return config.root() / "data" / "cairns_271m.nc"


def read_grid(
    path, variable: str | None = None, *, bounds=None, cell_size=None, crs=None, land: str = "keep", missing_value=None
) -> xr.DataArray:
    """Read a depth grid, or a window of it.

    Parameters
    ----------
    path : path
        NetCDF-3 or -4, GeoTIFF, ESRI ASCII, XYZ columns (.xyz, .txt, .csv), pickle (.pkl,
        .pickle) or .npy. A relative path counts from the project's root.
    variable : str, optional
        The depth variable of a NetCDF file or column of an XYZ file; by default the one
        called elevation, z or topo, else the only one.
    bounds : (left, bottom, right, top), optional
        Read only the cells whose centres lie inside, in the grid's coordinates.
    cell_size : float or (dy, dx), optional
        Metres; for files without coordinates (pickles and .npy), and needed there.
    crs : str, int or CRS, optional
        Reference system of a file that has none.
    land : {"keep", "mask"}
        "mask" makes cells at or above sea level missing.
    missing_value : float, optional
        One further number that means missing, as the file has it. NaN and the file's own
        fill value always do, and exactly 0 in pickles.

    Returns
    -------
    DataArray, dims (y, x), float32
        Metres, negative down, NaN where missing, y falling and x rising; ``attrs["cell_size"]``
        is (dy, dx) in metres (of degrees: at mid-latitude) and ``.rio.crs`` the reference system.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or of another kind, has no or several depth variables, is not
        2-D, regular and in metres or degrees, holds inf or nothing but missing cells, or if
        an argument does not fit the file.

    Warns
    -----
    UserWarning
        If the cells of a grid in degrees differ in width by more than 2% between the rows.

    Notes
    -----
    Depths stored positive are turned when the attribute ``positive`` says "down", or when it
    is absent, the variable's name, standard_name or long_name says depth, and more cells are
    above than below 0.

    Examples
    --------
    >>> grid = read_grid(bundled_grid())
    >>> grid.shape, round(grid.attrs["cell_size"][0], 1)
    ((1188, 1584), 270.9)
    >>> read_grid(bundled_grid(), bounds=(400_000, 8_000_000, 427_090, 8_027_090)).shape
    (100, 100)
    """
    where = "" if Path(path).is_absolute() else f" (a relative path counts from {config.root()})"
    path = config.resolve(path)
    name = config.shorten(path)
    if land not in ("keep", "mask"):
        raise ValueError(f"{name}: land is {land!r}; choose one of keep, mask")
    if not path.is_file():
        raise FileNotFoundError(f"{name}: no such file{where}")
    kind = file_kind(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
        with opened(path, kind, variable) as raw:
            raw, unlocated = _with_coordinates(name, _two_dimensional(name, raw), cell_size)
            crs = _reference(name, raw, crs, unlocated)
            raw = _window(name, raw, bounds)
            with reading(name, kind), np.errstate(over="ignore"):
                values = raw.values.astype(np.float32)
    values = _depths(name, raw, values, {missing_value, 0 if kind == "pickle" else None} - {None}, land)
    attrs = {k: v for k, v in raw.attrs.items() if k.startswith("flag_")} if _is_code(raw) else ATTRIBUTES
    axes = {"y": raw[raw.dims[0]].values.astype(float), "x": raw[raw.dims[1]].values.astype(float)}
    grid = xr.DataArray(values, axes, ("y", "x"), raw.name, attrs)
    grid = grid.isel(y=_turn(axes["y"], rising=False), x=_turn(axes["x"], rising=True))
    grid.values = np.ascontiguousarray(grid.values)
    grid.encoding["source"] = name
    if crs is not None:
        grid = grid.rio.write_crs(crs)
    if unlocated:
        grid.attrs["coordinates_from"] = "cell_size"
    grid.attrs["cell_size"] = _metres(name, grid.y.values, grid.x.values, crs)
    return grid


def _two_dimensional(name: str, raw: xr.DataArray) -> xr.DataArray:
    """Leading dimensions of length 1 taken off."""
    raw = raw.isel({dim: 0 for dim in raw.dims[:-2] if raw.sizes[dim] == 1})
    sizes = ", ".join(map(str, raw.shape))
    if raw.ndim != 2 or raw.dtype.kind not in "iuf":
        raise ValueError(f"{name}: holds {raw.dtype} of shape ({sizes}); expected numbers on 2 dimensions")
    if min(raw.shape) < 2:
        raise ValueError(f"{name}: has shape ({sizes}); expected at least 2 cells along each axis")
    return raw


def _with_coordinates(name: str, raw: xr.DataArray, cell_size) -> tuple[xr.DataArray, bool]:
    """The grid as (y, x) with checked coordinates, and whether they were made from `cell_size`."""
    missing = [dim for dim in raw.dims if dim not in raw.coords]
    if not missing:
        if cell_size is not None:
            raise ValueError(f"{name}: has coordinates of its own, but cell_size is {cell_size!r}; leave it out")
        raw = raw.transpose(_axis(name, raw, Y_NAMES, "north"), _axis(name, raw, X_NAMES, "east"))
        for dim in raw.dims:
            _check_regular(name, raw[dim])
        return raw, False
    if cell_size is None:
        raise ValueError(f"{name}: has no coordinates; give cell_size= in metres, a number or (dy, dx)")
    try:
        dy, dx = np.broadcast_to(np.asarray(cell_size, dtype=float), 2)
    except (TypeError, ValueError):
        dy = dx = np.nan
    if not (0 < dy < np.inf and 0 < dx < np.inf):
        raise ValueError(f"{name}: cell_size is {cell_size!r}; expected positive metres, a number or (dy, dx)")
    rows, columns = raw.shape
    y, x = (np.arange(rows)[::-1] + 0.5) * dy, (np.arange(columns) + 0.5) * dx
    return xr.DataArray(raw.variable.data, {"y": y, "x": x}, ("y", "x"), raw.name, raw.attrs), True


def _axis(name: str, raw: xr.DataArray, names: tuple, direction: str) -> str:
    """The dimension that is named so, or whose units are degrees_north (degrees_east)."""
    for dim in raw.dims:
        if str(dim).lower() in names or re.match(rf"degrees?_?{direction[0]}", _units(raw[dim])):
            return dim
    raise ValueError(
        f"{name}: dimensions {', '.join(map(str, raw.dims))}; expected y and x, lat and lon, "
        "or coordinates in degrees_north and degrees_east"
    )


def _units(array: xr.DataArray) -> str:
    return str(array.attrs.get("units", "")).strip().lower()


def _check_regular(name: str, axis: xr.DataArray) -> None:
    centres = axis.values
    if centres.ndim != 1 or centres.dtype.kind not in "iuf":
        raise ValueError(f"{name}: coordinate {axis.name} holds {centres.dtype}; expected numbers")
    if re.match(NOT_METRES, _units(axis)):
        raise ValueError(f"{name}: coordinate {axis.name} is in {_units(axis)}; expected metres or degrees")
    step = _step(centres)
    rounding = 2 * float(np.spacing(abs(centres).max())) if centres.dtype.kind == "f" else 0
    off = abs(np.diff(centres.astype(float)) - step).max()
    if not (step and off <= 1e-3 * abs(step) + rounding):  # so that NaN is an error too
        raise ValueError(f"{name}: the steps of {axis.name} are irregular (by up to {off:g}); expected equal steps")


def _step(centres) -> float:
    return (float(centres[-1]) - float(centres[0])) / (len(centres) - 1)


def _turn(centres, rising: bool) -> slice:
    return slice(None, None, 1 if rising == (centres[0] < centres[-1]) else -1)


def _outer(centres) -> tuple[float, float]:
    """Outer edges, half a cell beyond the centres."""
    half = abs(_step(centres)) / 2
    return float(min(centres[0], centres[-1])) - half, float(max(centres[0], centres[-1])) + half


def _reference(name: str, raw: xr.DataArray, given, unlocated: bool) -> CRS | None:
    """The file's reference system, or the one given, or EPSG:4326 for degrees."""
    with reading(name, "grid"):
        found = raw.rio.crs
    if found and found.is_geographic and 'GEOGCS["undefined"' in found.to_wkt():
        found = None  # GEBCO's files name an ellipsoid only
    try:
        given = None if given is None else CRS.from_user_input(given)
    except ValueError:  # rasterio's CRSError is one
        raise ValueError(f"{name}: crs is {given!r}; expected a reference system such as EPSG:32755") from None
    y, x = (raw[dim] for dim in raw.dims)
    degrees = str(y.name).lower() in Y_NAMES[1:] or _units(y).startswith("degree")
    if given is not None and (not _same_crs(given, found) if found else degrees and not given.is_geographic):
        raise ValueError(f"{name}: crs is {_say(given)}, but the file has {_say(found) if found else 'degrees'}")
    crs = found or given or (CRS.from_epsg(4326) if degrees else None)
    reach_y, reach_x = abs(y.values).max(), abs(x.values).max()
    if crs is None:
        if not unlocated and reach_y <= 90 and reach_x <= 360 and abs(_step(y.values)) < 1:
            raise ValueError(f"{name}: no CRS, and coordinates that look like degrees; give crs='EPSG:4326'")
    elif crs.is_geographic and (reach_y > 90 or unlocated):
        raise ValueError(f"{name}: CRS {_say(crs)} is in degrees, but y reaches {reach_y:g}; expected a CRS in metres")
    elif not crs.is_geographic and not (crs.is_projected and crs.linear_units_factor[1] == 1):
        raise ValueError(f"{name}: CRS {_say(crs)}; expected degrees or a projection in metres")
    return crs


def _same_crs(one: CRS, other: CRS) -> bool:
    return one == other or one.to_epsg() == other.to_epsg() is not None


def _say(crs: CRS) -> str:
    return crs.to_string() if len(crs.to_string()) < 60 else pyproj.CRS(crs.to_wkt()).name


def _window(name: str, raw: xr.DataArray, bounds) -> xr.DataArray:
    """The cells whose centres lie inside `bounds`, not yet loaded."""
    if bounds is None:
        return raw
    try:
        left, bottom, right, top = map(float, bounds)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: bounds are {bounds!r}; expected (left, bottom, right, top)") from None
    picked = {}
    for dim, low, high in zip(raw.dims, (bottom, left), (top, right)):
        centres = raw[dim].values
        slack = 1e-3 * abs(_step(centres))
        edges = _outer(centres)
        if not (edges[0] - slack <= low < high <= edges[1] + slack):
            own = ", ".join(
                f"{value:.10g}" for value in np.transpose([_outer(raw[d].values) for d in raw.dims[::-1]]).flat
            )
            raise ValueError(f"{name}: bounds {tuple(bounds)} are not inside the file's own ({own}) with left < right")
        inside = np.flatnonzero((centres >= low - slack) & (centres <= high + slack))
        picked[dim] = slice(inside[0], inside[-1] + 1) if len(inside) else slice(0)
    return _two_dimensional(f"{name}: the window {tuple(bounds)}", raw.isel(picked))


def _depths(name: str, raw: xr.DataArray, values: np.ndarray, missing: set, land: str) -> np.ndarray:
    """Missing cells made NaN, depths turned to negative down, land masked, and faults found."""
    if re.match(NOT_METRES, _units(raw)):
        raise ValueError(f"{name}: {raw.name} is in {_units(raw)}; expected metres")
    for number in missing:
        values[values == np.float32(number)] = np.nan
    if infinite := np.count_nonzero(np.isinf(values)):
        raise ValueError(f"{name}: {infinite} infinite cells; make them NaN or name them with missing_value=")
    if np.isnan(values).all():
        raise ValueError(f"{name}: all cells are missing")
    if _is_positive_down(raw, values):
        values = 0 - values
    if land == "mask":
        values[values >= 0] = np.nan
        if np.isnan(values).all():
            raise ValueError(f"{name}: no cell lies below 0; depths stored positive need the attribute positive='down'")
    return values


def _is_positive_down(raw: xr.DataArray, values: np.ndarray) -> bool:
    positive = str(raw.attrs.get("positive", "")).lower()
    if positive in ("up", "down"):
        return positive == "down"
    words = f"{raw.name} {raw.attrs.get('standard_name')} {raw.attrs.get('long_name')}".lower()
    return "depth" in words and not _is_code(raw) and np.count_nonzero(values > 0) > np.count_nonzero(values < 0)


def _is_code(raw: xr.DataArray) -> bool:
    return str(raw.name).lower() == "tid" or not {"flag_values", "flag_masks"}.isdisjoint(raw.attrs)


def _metres(name: str, y: np.ndarray, x: np.ndarray, crs: CRS | None) -> tuple[float, float]:
    """Cell size (dy, dx); in degrees at mid-latitude, with a warning when dx varies by more than 2%."""
    dy, dx = abs(_step(y)), abs(_step(x))
    if crs is None or not crs.is_geographic:
        return dy, dx
    geod = pyproj.CRS(crs.to_wkt()).get_geod()
    middle = (y[0] + y[-1]) / 2
    rows = [y[0], middle, y[-1], 0.0 if y[-1] < 0 < y[0] else middle]
    width = [geod.inv(0, lat, dx, lat)[2] for lat in rows]
    if (change := (max(width) - min(width)) / width[1]) > 0.02:
        warnings.warn(
            f"{name}: dx varies by {change:.1%} between the rows ({min(width):.0f} to {max(width):.0f} m, "
            f"{width[1]:.0f} m is used); project the grid, or read fewer rows with bounds=",
            stacklevel=3,
        )
    return geod.inv(0, middle - dy / 2, 0, middle + dy / 2)[2], width[1]


def cell_size(grid: xr.DataArray) -> tuple[float, float]:
    """Cell size (dy, dx) of a grid in metres, from its coordinates; of degrees at mid-latitude.

    Parameters
    ----------
    grid : DataArray or Dataset, dims (y, x)

    Examples
    --------
    >>> tuple(round(size, 1) for size in cell_size(read_grid(bundled_grid())[::4, ::4]))
    (1083.6, 1083.6)
    """
    with warnings.catch_warnings(action="ignore"):  # whoever read the grid was told
        return _metres("grid", grid.y.values, grid.x.values, grid.rio.crs)


def finer_axes(grid: xr.DataArray, scale: int) -> dict[str, np.ndarray]:
    """Cell centres of a finer grid of the same ground: the outer edges are the same.

    Parameters
    ----------
    grid : DataArray or Dataset, dims (y, x)
    scale : int
        Fine cells along a cell of the grid.

    Returns
    -------
    dict of str to ndarray
        y and x, in the order of the grid's.

    Examples
    --------
    >>> grid = xr.DataArray(np.zeros((2, 2)), {"y": [30.0, 10.0], "x": [10.0, 30.0]}, ("y", "x"))
    >>> finer_axes(grid, 2)["y"]
    array([35., 25., 15.,  5.])
    """
    axes = {}
    for axis in ("y", "x"):
        centres = grid[axis].values
        step = _step(centres)
        axes[axis] = float(centres[0]) + ((np.arange(len(centres) * scale) + 0.5) / scale - 0.5) * step
    return axes


def north_up(grid: xr.DataArray) -> xr.DataArray:
    """A grid with dims (y, x), y falling and x rising, from one with lat and lon or another order.

    Raises
    ------
    ValueError
        If it is not a 2-D DataArray with such coordinates.

    Examples
    --------
    >>> grid = xr.DataArray(np.zeros((3, 2)), {"lat": [1.0, 2.0, 3.0], "lon": [5.0, 6.0]}, ("lat", "lon"))
    >>> north_up(grid).y.values
    array([3., 2., 1.])
    """
    if not isinstance(grid, xr.DataArray) or grid.ndim != 2:
        found = f"dims {grid.dims}" if isinstance(grid, xr.DataArray) else type(grid).__name__
        raise ValueError(f"grid: {found}; expected a DataArray with dims (y, x) as read_grid gives it")
    if missing := [dim for dim in grid.dims if dim not in grid.coords]:
        raise ValueError(f"grid: dims {', '.join(map(str, missing))} have no coordinates")
    y, x = _axis("grid", grid, Y_NAMES, "north"), _axis("grid", grid, X_NAMES, "east")
    crs, grid = grid.rio.crs, grid.transpose(y, x)
    for dim in grid.dims:
        _check_regular("grid", grid[dim])
    turned = grid.isel({y: _turn(grid[y].values, rising=False), x: _turn(grid[x].values, rising=True)})
    turned = turned.rename({old: new for old, new in ((y, "y"), (x, "x")) if old != new})
    return turned if crs is None else turned.rio.write_crs(crs)


def check_same_ground(lr: xr.DataArray, hr: xr.DataArray, scale: int) -> None:
    """Check that an LR and an HR grid cover the same ground.

    Parameters
    ----------
    lr, hr : DataArray, dims (y, x)
        As `read_grid` gives them. Of grids without coordinates of their own (pickles, .npy)
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
        edges = np.array([_outer(lr[axis].values), _outer(hr[axis].values)])
        if abs(edges[0] - edges[1]).max() > 0.01 * abs(_step(lr[axis].values)):
            found = " and ".join(f"{low:.10g} to {high:.10g}" for low, high in edges)
            raise ValueError(f"{sides}: {axis} from {found}, expected the same outer edges within 1% of an LR cell")


def measured(tid, keep) -> np.ndarray:
    """Where a depth comes from one of the wanted kinds of source.

    Parameters
    ----------
    tid : array, shape (rows, cols)
        GEBCO's Type Identifier of each cell, e.g. ``read_grid(path, variable="tid")``.
    keep : iterable of int
        The codes to keep, e.g. 10 to 17 for direct measurements.

    Returns
    -------
    ndarray of bool, shape (rows, cols)

    Raises
    ------
    ValueError
        If `keep` is empty or none of its codes occurs.

    Examples
    --------
    >>> measured(np.array([[11, 40], [0, 17]]), keep=range(10, 18))
    array([[ True, False],
           [False,  True]])
    """
    tid, keep = np.asarray(tid), list(keep)
    if not keep:
        raise ValueError("keep is empty; name the TID codes to keep, e.g. 10 to 17 for direct measurements")
    found = np.isin(tid, keep)
    if not found.any():
        codes = ", ".join(f"{code:g}" for code in np.unique(tid[~np.isnan(tid)]))
        raise ValueError(f"no cell has a TID code of keep {keep}; the grid holds {codes}")
    return found
