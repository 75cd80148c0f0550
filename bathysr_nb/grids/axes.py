"""The two axes of a grid: which is which, regular steps, edges."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from bathysr_nb.grids.vertical import are_metres, units_of

Y_NAMES = ("y", "lat", "latitude", "northing", "north", "n", "y_coord", "utm_y")
X_NAMES = ("x", "lon", "long", "longitude", "easting", "east", "e", "x_coord", "utm_x")
DEGREE_NAMES = ("lat", "latitude", "lon", "long", "longitude")
#: Standard names and the attribute ``axis`` of CF, by side.
_STANDARD = {"y": ("latitude", "projection_y_coordinate"), "x": ("longitude", "projection_x_coordinate")}
#: Greatest distance of a coordinate from its place on a regular axis, as a share of the step.
REGULAR = 0.02


def ordered(name: str, raw: xr.DataArray) -> xr.DataArray:
    """A 2-D grid with rows along the first axis and its coordinates checked.

    Parameters
    ----------
    name : str
        What errors call the grid.
    raw : DataArray
        With coordinates that are known by their name (y and x, lat and lon, northing and easting), by units of
        degrees_north and degrees_east, or by CF's standard_name or axis.

    Returns
    -------
    DataArray
        Longitudes that jump by 360 degrees at the date line go on beyond 180.

    Raises
    ------
    ValueError
        If there are no such coordinates, or they are irregular or in other units than metres or degrees.

    Examples
    --------
    >>> ordered("grid", xr.DataArray(np.zeros((2, 3)), {"lon": [1.0, 2], "lat": [5.0, 6, 7]}, ("lon", "lat"))).dims
    ('lat', 'lon')
    >>> ordered("grid", xr.DataArray(np.zeros((2, 3)), {"lat": [1.0, 2], "lon": [179, 180, -179]})).lon.values
    array([179, 180, 181])
    """
    raw = raw.transpose(_axis(name, raw, "y"), _axis(name, raw, "x"))
    x = raw[raw.dims[1]]
    if is_degrees(x) and x.dtype.kind in "iuf" and abs(np.diff(x)).max() > 180:
        attrs = x.attrs
        raw = raw.assign_coords({x.name: np.unwrap(x.values, period=360).astype(x.dtype)})
        raw[x.name].attrs |= attrs
    for dim in raw.dims:
        _check_regular(name, raw[dim])
    return raw


def is_degrees(axis: xr.DataArray) -> bool:
    """Whether an axis is in degrees, by its name, units or standard name."""
    named = str(axis.name).lower() in DEGREE_NAMES or axis.attrs.get("standard_name") in ("latitude", "longitude")
    return named or units_of(axis).startswith("degree")


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


def _axis(name: str, raw: xr.DataArray, side: str) -> str:
    """The dimension of one side, "y" or "x"; what says more comes first."""
    names, direction = {"y": (Y_NAMES, "n"), "x": (X_NAMES, "e")}[side]
    tests = (
        lambda axis: str(axis.name).lower() in names,
        lambda axis: re.match(rf"degrees?_?{direction}", units_of(axis)),
        lambda axis: str(axis.attrs.get("standard_name")).lower() in _STANDARD[side],
        lambda axis: str(axis.attrs.get("axis")).lower() == side,
    )
    for dim in raw.dims:
        if "grid_l" in str(raw[dim].attrs.get("standard_name")):
            raise ValueError(
                f"{name}: {dim} belongs to a rotated pole; warp it first: gdalwarp -t_srs EPSG:4326 IN OUT.tif"
            )
    for is_one in tests:
        if found := [dim for dim in raw.dims if is_one(raw[dim])]:
            return found[0]
    raise ValueError(
        f"{name}: dimensions {', '.join(map(str, raw.dims))}; expected y and x, lat and lon, northing and easting, "
        "or coordinates with units, standard_name or axis that say which is which"
    )


def _check_regular(name: str, axis: xr.DataArray) -> None:
    centres = axis.values
    if centres.ndim != 1 or centres.dtype.kind not in "iuf":
        raise ValueError(f"{name}: coordinate {axis.name} holds {centres.dtype}; expected numbers")
    if not (are_metres(units_of(axis)) or re.match(r"deg(ree)?s?\b|degrees?_?[nesw]", units_of(axis))):
        raise ValueError(f"{name}: coordinate {axis.name} is in {units_of(axis)}; expected metres or degrees")
    step = step_of(centres)
    rounding = float(np.spacing(abs(centres).max())) if centres.dtype.kind == "f" else 0
    off = abs(centres - np.linspace(centres[0], centres[-1], len(centres))).max()
    if not (step and off <= REGULAR * abs(step) + rounding):  # in this form NaN is an error too
        raise ValueError(f"{name}: the steps of {axis.name} are irregular (by up to {off:g}); expected equal steps")


def step_of(centres) -> float:
    """Mean step of an axis from centre to centre, negative if it falls."""
    return (float(centres[-1]) - float(centres[0])) / (len(centres) - 1)


def outer_edges(centres) -> tuple[float, float]:
    """Lower and upper end of an axis, half a cell beyond its outer centres."""
    half = abs(step_of(centres)) / 2
    return float(min(centres[0], centres[-1])) - half, float(max(centres[0], centres[-1])) + half
