"""Read depth grids, with coordinates, cell size and reference system.

Depths are metres, negative down; a missing cell is NaN; the top row is north. Files are
recognised by their first bytes, text and arrays by their suffix. They are opened lazily, so
that a window of a global grid costs no more than the window.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import dask
import numpy as np
import xarray as xr
from rasterio.errors import NotGeoreferencedWarning

from bathysr_nb.files import project
from bathysr_nb.files.kinds import Count, Positive, Text
from bathysr_nb.files.yamlfile import Limit
from bathysr_nb.grids import axes, georeference, vertical
from bathysr_nb.grids.formats import file_kind, opened, reading

WINDOW = 1024  # cells along the side of the parts that a file is looked through in
Bounds = Annotated[
    tuple[float, float, float, float],
    Limit("[left, bottom, right, top], rising", lambda b: b[0] < b[2] and b[1] < b[3]),
]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a grid's file is read: keys with one name and one meaning in every verb, input file and notebook.

    Attributes
    ----------
    variable, crs, cell_size, bounds, positive, missing_value
        See `read_grid`.
    """

    variable: Text | Count | None = None
    crs: Text | int | None = None
    cell_size: Positive | tuple[Positive, Positive] | None = None
    bounds: Bounds | None = None
    positive: Literal["up", "down"] | None = None
    missing_value: float | None = None

    @property
    def options(self) -> dict:
        """The keys as arguments of `read_grid`."""
        return {field.name: getattr(self, field.name) for field in fields(Reading)}


def bundled_grid() -> Path:
    """Path of the real grid that comes with the project (Great Barrier Reef to Queensland Trough)."""
    return project.root() / "data" / "cairns_271m.nc"


def read_grid(
    path,
    variable: str | int | None = None,
    *,
    bounds=None,
    cell_size=None,
    crs=None,
    positive: str | None = None,
    land: str = "keep",
    missing_value=None,
    chunks: int | None = None,
) -> xr.DataArray:
    """Read a depth grid, or a window of it.

    Parameters
    ----------
    path : path
        NetCDF-3 or -4 (GMT's older kind too), GeoTIFF, BAG, S-102, Surfer, ESRI ASCII, XYZ columns (.xyz, .txt,
        .csv), pickle (.pkl, .pickle) or .npy. A relative path counts from the project's root.
    variable : str or int, optional
        The depth variable of a NetCDF file, column of an XYZ file, or band of a raster by its description or number;
        by default the one called elevation, z or topo, else the only one.
    bounds : (left, bottom, right, top), optional
        Read only the cells whose centres lie inside, in the grid's coordinates.
    cell_size : float or (dy, dx), optional
        Metres; for files without coordinates (pickles and .npy), and needed there.
    crs : str, int or CRS, optional
        Reference system of a file that has none.
    positive : {"up", "down"}, optional
        Which way depths count, if the file does not say so or says it wrongly; "down" negates them.
    land : {"keep", "mask"}
        "mask" makes cells at or above sea level missing.
    missing_value : float, optional
        A further number that means missing, after packed integers are unpacked; one that no depth has, such as
        -3.4e38, means all cells within 1% of it. NaN always does, and the file's own fill value, cells outside the
        valid range that it declares, the default fill value of NetCDF, and exactly 0 in pickles.
    chunks : int, optional
        For a NetCDF or GeoTIFF file larger than memory: cells along the side of dask's chunks, which are read once
        now to check them and again when they are needed, so the file must not change. The file's own compressed
        chunks are read whole.

    Returns
    -------
    DataArray, dims (y, x), float32
        Metres, negative down, NaN where missing, y falling and x rising; ``attrs["cell_size"]``
        is (dy, dx) in metres on the ground, in the grid's middle; ``attrs["vertical_datum"]`` is what depths are
        relative to, or "unknown"; ``.rio.crs`` is the reference system, with its vertical part.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or of another kind, has no or several depth variables, is not
        2-D, regular and in metres or degrees, has infinite cells or only missing ones, or if
        an argument does not fit the file.

    Warns
    -----
    UserWarning
        If the cells of a grid in degrees differ in width by more than 2% between the rows.

    Notes
    -----
    Which way depths count is told by `positive`, else by the file's attribute ``positive`` or its standard_name.
    Where none says it, depths count upwards, but a variable that is called depth in its name, long_name or vertical
    reference system counts downwards if no cell is negative, and is refused otherwise; so is a grid without any cell
    below 0. Cells outside -12,000 to 9,000 m are refused, not taken for depths.

    Examples
    --------
    >>> grid = read_grid(bundled_grid())
    >>> grid.shape, round(grid.attrs["cell_size"][0], 1)
    ((1188, 1584), 270.9)
    >>> read_grid(bundled_grid(), bounds=(400_000, 8_000_000, 427_090, 8_027_090)).shape
    (100, 100)
    """
    where = "" if Path(path).is_absolute() else f" (a relative path counts from {project.root()})"
    path, variable = project.resolve(path), None if variable is None else str(variable)
    name = project.shorten(path)
    if missing_value is not None and not isinstance(missing_value, (int, float, np.number)):
        raise ValueError(f"{name}: missing_value is {missing_value!r}; expected a number")
    if chunks is not None and (type(chunks) is not int or chunks < 1):
        raise ValueError(f"{name}: chunks is {chunks!r}; expected a number of cells, 1 or more")
    if positive not in (None, "up", "down"):
        raise ValueError(f"{name}: positive is {positive!r}; choose one of up, down")
    if land not in ("keep", "mask"):
        raise ValueError(f"{name}: land is {land!r}; choose one of keep, mask")
    if not path.is_file():
        raise FileNotFoundError(f"{name}: no such file{where}")
    kind = file_kind(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
        with opened(path, kind, variable) as raw:
            raw, unlocated = _with_coordinates(name, _two_dimensional(name, raw), cell_size)
            crs = georeference.reference_system(name, raw, crs, unlocated)
            whole, raw = raw, _window(name, raw, bounds)
            with reading(name, kind), np.errstate(over="ignore"):
                values = (raw.values if chunks is None else raw.chunk(chunks).data).astype(np.float32)
                values = _known(raw, values, kind, missing_value)
                found = _extremes(values)
                in_file = _extremes_of_file(whole, kind, missing_value) if _asks_the_file(raw, crs, bounds) else found
    if vertical.is_code(raw) or vertical.is_width(raw):
        attrs = {k: v for k, v in raw.attrs.items() if k.startswith("flag_") or k in ("long_name", "units")}
    else:
        values = _depths(name, raw, values, found, in_file, crs=crs, positive=positive, land=land)
        attrs = vertical.attributes(vertical.datum(raw, crs))
        crs = georeference.horizontal(crs) if vertical.points_down(crs) else crs  # what is returned counts upwards
    sides = {"y": raw[raw.dims[0]].values.astype(float), "x": raw[raw.dims[1]].values.astype(float)}
    grid = xr.DataArray(values, sides, ("y", "x"), attrs=attrs).rename(
        raw.name
    )  # else it gets the name of a dask array
    grid = axes.turned(grid)
    if chunks is None:
        grid.values = np.ascontiguousarray(grid.values)
    grid.encoding["source"] = name
    if crs is not None:
        grid = grid.rio.write_crs(crs)
    if unlocated:
        grid.attrs["coordinates_from"] = "cell_size"
    grid.attrs["cell_size"] = georeference.cell_size_of_axes(name, grid.y.values, grid.x.values, crs)
    return grid


def _two_dimensional(name: str, raw: xr.DataArray) -> xr.DataArray:
    """The grid without leading dimensions of length 1."""
    single = [dim for dim in raw.dims if raw.sizes[dim] == 1][: max(raw.ndim - 2, 0)]
    sizes = ", ".join(map(str, raw.shape))
    raw = raw.isel({dim: 0 for dim in single})
    if raw.ndim != 2 or raw.dtype.kind not in "iuf":
        raise ValueError(f"{name}: holds {raw.dtype} of shape ({sizes}); expected numbers on 2 dimensions")
    if min(raw.shape) < 2:
        raise ValueError(f"{name}: has shape ({sizes}); expected at least 2 cells along each axis")
    return raw


def _with_coordinates(name: str, raw: xr.DataArray, cell_size) -> tuple[xr.DataArray, bool]:
    """The grid as (y, x) with checked coordinates, and whether they were made from `cell_size`."""
    if curved := [str(key) for key, axis in raw.coords.items() if axis.ndim == 2]:
        raise ValueError(
            f"{name}: {' and '.join(curved)} have 2 dimensions (a curvilinear grid); regrid it to regular steps first, "
            "e.g. with gdalwarp -geoloc or xESMF"
        )
    missing = [dim for dim in raw.dims if dim not in raw.coords]
    if not missing:
        if cell_size is not None:
            raise ValueError(f"{name}: has coordinates of its own, but cell_size is {cell_size!r}; leave it out")
        return axes.ordered(name, raw), False
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
    plain = raw.reset_coords(drop=True).rename(dict(zip(raw.dims, ("y", "x"))))
    return plain.assign_coords(y=y, x=x), True


def _window(name: str, raw: xr.DataArray, bounds) -> xr.DataArray:
    """The part of a grid whose cell centres lie inside `bounds`, not yet loaded."""
    if bounds is None:
        return raw
    try:
        left, bottom, right, top = map(float, bounds)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: bounds are {bounds!r}; expected (left, bottom, right, top)") from None
    picked = {}
    for dim, low, high in zip(raw.dims, (bottom, left), (top, right)):
        centres = raw[dim].values
        slack = axes.REGULAR * abs(axes.step_of(centres))
        edges = axes.outer_edges(centres)
        if not (edges[0] - slack <= low < high <= edges[1] + slack):
            (bottom, top), (left, right) = (axes.outer_edges(raw[axis].values) for axis in raw.dims)
            extent = ", ".join(f"{edge:.10g}" for edge in (left, bottom, right, top))
            raise ValueError(f"{name}: bounds {tuple(bounds)} are not inside the file's ({extent}) with left < right")
        inside = np.flatnonzero((centres >= low - slack) & (centres <= high + slack))
        picked[dim] = slice(inside[0], inside[-1] + 1) if len(inside) else slice(0)
    return _two_dimensional(f"{name}: the window {tuple(bounds)}", raw.isel(picked))


def _known(raw: xr.DataArray, values, kind: str, missing_value: float | None):
    """The values with NaN in place of all that the file, its format or the reader declares missing."""
    if kind == "pickle":
        return vertical.without(values, missing_value, 0)
    if not kind.startswith("NetCDF"):
        return vertical.without(values, missing_value)
    values = vertical.without(values, missing_value, *vertical.declared_fills(raw))
    low, high = np.float32(vertical.valid_range(raw))
    if np.isinf([low, high]).all():
        return values
    return np.where((values < low) | (values > high), np.float32(np.nan), values)


def _extremes(values) -> tuple[float, float]:
    """The least and the greatest known value, in one pass through a dask array; NaN if none is known."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        return tuple(float(end) for end in dask.compute(np.nanmin(values), np.nanmax(values)))


def _asks_the_file(raw: xr.DataArray, crs, bounds) -> bool:
    """Whether which way a window's depths count can only be told from all cells of the file."""
    unsaid = vertical.declared_sign(raw) is None and (vertical.is_named_depth(raw, crs) or vertical.is_ambiguous(raw))
    return bounds is not None and unsaid and not vertical.is_code(raw)


def _extremes_of_file(whole: xr.DataArray, kind: str, missing_value) -> tuple[float, float]:
    return _extremes(_known(whole, whole.chunk(WINDOW).data.astype(np.float32), kind, missing_value))


def _depths(name: str, raw: xr.DataArray, values, found: tuple[float, float], in_file, *, crs, positive, land: str):
    """The values checked, positive-down depths negated, and land masked if asked for."""
    if fault := vertical.units_fault(raw):
        raise ValueError(f"{name}: {raw.name or 'the grid'} is in {fault}; expected metres")
    if np.isnan(found[0]):
        raise ValueError(f"{name}: all cells are missing")
    if np.isinf(found).any():
        count = int(np.isinf(values).sum())
        raise ValueError(f"{name}: {count} infinite cells; make them NaN or name them with missing_value=")
    down = _counts_down(name, raw, in_file, crs, positive)
    low, high = (-found[1], -found[0]) if down else found
    _check_plausible(name, values, found, (low, high))
    if low >= 0 and (land == "mask" or not positive):
        way = "down" if not down else "up"
        raise ValueError(
            f"{name}: no cell lies below 0 ({low:g} to {high:g} m); give positive='{way}' if depths count {way}wards"
        )
    values = 0 - values if down else values  # not -values, which would make -0.0 of 0
    return np.where(values < 0, values, np.float32(np.nan)) if land == "mask" else values


def _counts_down(name: str, raw: xr.DataArray, found: tuple[float, float], crs, positive: str | None) -> bool:
    """Whether depths are positive, by what is said of the whole file, never by how many cells of a window are."""
    if sign := positive or vertical.declared_sign(raw):
        return sign == "down"
    named = vertical.is_named_depth(raw, crs)
    if found[0] < 0 and (named or (vertical.is_ambiguous(raw) and found[1] > 0)):
        says = "counts depths" if vertical.points_down(crs) else "is called depth"
        raise ValueError(
            f"{name}: {raw.name or 'the grid'} {f'{says} and ' if named else ''}holds negative numbers ({found[0]:g} "
            f"to {found[1]:g}); say which way it counts: positive='up' or positive='down'"
        )
    return named


def _check_plausible(name: str, values, found: tuple[float, float], depths: tuple[float, float]) -> None:
    low, high = vertical.PLAUSIBLE
    fill = max(found, key=lambda value: abs(value))
    if low <= depths[0] and depths[1] <= high and not (abs(fill) == 9999 and _stands_alone(values, fill)):
        return
    count = int((values == np.float32(fill)).sum())
    raise ValueError(
        f"{name}: {count} cells hold {fill:.8g}, which is no depth (expected {low} to {high} m); "
        f"if that means missing, give missing_value={fill:.8g}"
    )


def _stands_alone(values, fill: float) -> bool:
    """Whether no other value lies within 1% of a number, so that it is no depth among depths."""
    near = (abs(values - np.float32(fill)) <= 0.01 * abs(fill)) & (values != np.float32(fill))
    return not bool(near.any())


def measured(tid, keep) -> np.ndarray:
    """Where a depth comes from one of the wanted sources.

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
