"""What the numbers of a depth grid mean: their unit, their sign, their datum and which of them are no depths."""

from __future__ import annotations

import re

import numpy as np
import pyproj
import xarray as xr
from rasterio.crs import CRS

#: Metres between which all of the Earth's relief lies, with room: Challenger Deep is -10,935 m, Everest 8,849 m.
PLAUSIBLE = (-12_000, 9_000)
UNKNOWN = "unknown"
_METRES = re.compile(r"m\b|mtrs?\b|met(er|re)s?\b")
_OTHER_UNITS = re.compile(
    r"\b(u ?s ?)?(survey ?|international ?)?(foot|feet|ft|ftus|usft|fathoms?|fath|fth?m|fm|yards?|yd|inch(es)?)(us)?\b"
    r"|\b(km|cm|mm|dm|(kilo|centi|milli|deci|hecto)\s?met\w*|nmi|nautical ?miles?|miles?)\b|^[\d.]"
)
_DATUM = re.compile(
    r"(lowest|highest|mean|local)? ?(sea level|astronomical tide|lower low water|low water|high water)"
    r"|geoid|ellipsoid|chart datum|\b(mllw|mhw|msl|lat|navd ?88|ngvd ?29|egm ?\d+|wgs ?84)\b"
)


def units_of(array: xr.DataArray) -> str:
    """The units attribute, in lower case; empty where there is none."""
    return str(array.attrs.get("units") or "").strip().lower()


def are_other_units(units: str) -> bool:
    """Whether a text names another unit of length than the metre.

    Examples
    --------
    >>> [are_other_units(text) for text in ("m", "metres below sea level", "US survey foot", "us-ft", "ftUS", "km", "")]
    [False, False, True, True, True, True, False]
    """
    plain = re.sub(r"[\s_.\-]+", " ", units.lower()).strip() if not re.match(r"\s*[\d.]", units) else units
    return not _METRES.match(plain) and _OTHER_UNITS.search(plain) is not None


def vertical_crs(crs: CRS | None) -> pyproj.CRS | None:
    """The vertical part of a compound reference system; None if there is none or it names no datum."""
    parts = pyproj.CRS(crs.to_wkt()).sub_crs_list if crs else []
    named = [part for part in parts if part.is_vertical and re.search(r"\w", part.name)]
    return next((part for part in named if part.name.lower() not in ("unknown", "unnamed")), None)


def units_fault(raw: xr.DataArray, crs: CRS | None) -> str | None:
    """What names another unit than the metre, in words, or None.

    Parameters
    ----------
    raw : DataArray
        With the file's attribute units.
    crs : CRS or None
        Whose vertical part may name a unit.
    """
    if are_other_units(units_of(raw)):
        return units_of(raw)
    vertical = vertical_crs(crs)
    axis = vertical.axis_info[0] if vertical and vertical.axis_info else None
    if axis and abs(axis.unit_conversion_factor - 1) > 1e-9:
        return f"{axis.unit_name} by its vertical reference system {vertical.name}"
    return None


def datum(raw: xr.DataArray, crs: CRS | None) -> str:
    """What depths are relative to, as the file says it, or ``"unknown"``.

    Parameters
    ----------
    raw : DataArray
        With the file's attributes: vertical_datum, standard_name or long_name.
    crs : CRS or None
        Whose vertical part comes first.

    Examples
    --------
    >>> datum(xr.DataArray(0.0, attrs={"standard_name": "height_above_mean_sea_level"}), None)
    'mean sea level'
    >>> datum(xr.DataArray(0.0), CRS.from_user_input("EPSG:26918+5703")), datum(xr.DataArray(0.0), None)
    ('NAVD88 height', 'unknown')
    """
    if vertical := vertical_crs(crs):
        return vertical.name
    if given := str(raw.attrs.get("vertical_datum") or "").strip():
        return given
    for key in ("standard_name", "long_name"):
        if found := _DATUM.search(str(raw.attrs.get(key) or "").replace("_", " ").lower()):
            return found.group().strip()
    return UNKNOWN


def attributes(datum: str) -> dict[str, str]:
    """Attributes of depths in metres, negative down, relative to a datum.

    Examples
    --------
    >>> attributes("mean sea level")["long_name"], attributes("unknown")["long_name"]
    ('elevation relative to mean sea level', 'elevation, vertical datum unknown')
    """
    relative = "elevation, vertical datum unknown" if datum == UNKNOWN else f"elevation relative to {datum}"
    return {"long_name": relative, "units": "m", "positive": "up", "vertical_datum": datum}


def declared_sign(raw: xr.DataArray) -> str | None:
    """Which way depths count by the file's metadata: "up", "down", or None where it does not say.

    Parameters
    ----------
    raw : DataArray
        With the attributes positive and standard_name.
    """
    positive = str(raw.attrs.get("positive") or "").strip().lower()
    if positive in ("up", "down"):
        return positive
    standard = str(raw.attrs.get("standard_name") or "").lower()
    if "depth" in standard:
        return "down"
    return "up" if re.search("height|altitude|elevation", standard) else None


def is_named_depth(raw: xr.DataArray, crs: CRS | None) -> bool:
    """Whether a name says depth, which mostly counts downwards.

    Parameters
    ----------
    raw : DataArray
        With its name and long_name.
    crs : CRS or None
        Whose vertical axis may point down.
    """
    words = f"{raw.name} {raw.attrs.get('long_name')}".lower()
    vertical = vertical_crs(crs)
    axis = vertical.axis_info[0].direction if vertical and vertical.axis_info else "up"
    return "depth" in words or axis == "down"


def is_code(raw: xr.DataArray) -> bool:
    """Whether the cells are codes such as GEBCO's type identifiers, not depths."""
    return str(raw.name).lower() == "tid" or not {"flag_values", "flag_masks"}.isdisjoint(raw.attrs)


def without(values, *numbers):
    """The values with NaN in place of each of some numbers.

    Parameters
    ----------
    values : array, float32
    *numbers : float or None
        A number that no depth has, such as -3.4e38, means all cells within 1% of it; None means nothing.

    Examples
    --------
    >>> without(np.float32([-3.4028235e38, -5, -99]), -3.4e38, -99)
    array([nan, -5., nan], dtype=float32)
    """
    for number in numbers:
        if number is not None:
            low, high = sorted((number * 0.99, number * 1.01)) if is_implausible(number) else (number, number)
            with np.errstate(over="ignore"):
                is_missing = (values >= np.float32(low)) & (values <= np.float32(high))
            values = np.where(is_missing, np.float32(np.nan), values)
    return values


def is_implausible(number: float) -> bool:
    """Whether a number is no height or depth in metres, of either sign.

    Examples
    --------
    >>> is_implausible(-32768), is_implausible(-99), is_implausible(11000)
    (True, False, False)
    """
    return not abs(number) <= max(map(abs, PLAUSIBLE))


#: What the NetCDF library writes into cells that were never set, by type, if the variable declares no fill value.
_DEFAULT_FILLS = {"i2": -32767, "i4": -2147483647, "i8": -9223372036854775806, "f4": 9.969209968386869e36}
_DEFAULT_FILLS |= {"f8": _DEFAULT_FILLS["f4"], "u2": 65535, "u4": 4294967295}


def undeclared_fill(raw: xr.DataArray) -> float | None:
    """The value of cells that were never set in a NetCDF variable without a fill value; None if it has one.

    Parameters
    ----------
    raw : DataArray
        As xarray opens it, with its packing in ``encoding``.
    """
    packing = raw.encoding
    if not {"_FillValue", "missing_value"}.isdisjoint(packing):
        return None
    fill = _DEFAULT_FILLS.get(np.dtype(packing.get("dtype", raw.dtype)).str[1:])
    return None if fill is None else fill * packing.get("scale_factor", 1.0) + packing.get("add_offset", 0.0)


def valid_range(raw: xr.DataArray) -> tuple[float, float]:
    """The least and the greatest valid depth by a variable's attributes valid_min, valid_max and valid_range.

    Parameters
    ----------
    raw : DataArray
        As xarray opens it. Limits of the type of packed integers are unpacked, as CF asks.
    """
    low, high = np.ravel(raw.attrs.get("valid_range", (-np.inf, np.inf)))
    limits = [np.ravel(raw.attrs.get(key, limit))[0] for key, limit in (("valid_min", low), ("valid_max", high))]
    packing = raw.encoding
    packed = np.dtype(packing.get("dtype", raw.dtype)).kind in "iu" and "scale_factor" in packing
    scale, offset = packing.get("scale_factor", 1.0), packing.get("add_offset", 0.0)
    unpacked = [
        limit * scale + offset if packed and np.asarray(limit).dtype.kind in "iu" else limit for limit in limits
    ]
    return tuple(float(limit) for limit in sorted(unpacked))
