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
#: Metres, and words that say of what; and units that say nothing.
_METRES = re.compile(r"(m|mtrs?|met(er|re)s?)( [-a-z,() ]*)?")
_NONE = ("", "1", "none", "unknown", "user_z_unit", "-")
_OTHER = (
    r"(u ?s ?)?(survey ?|international ?)?(foot|feet|ft|fti|sft|usft)(us)?|fathoms?|fath|fth?m|fm|yards?|yd|inch(es)?"
    r"|km|cm|mm|dm|hm|(kilo|centi|milli|deci|hecto)\s?met\w*|nmi|nautical ?miles?|miles?"
)
#: A unit in a name: in brackets, after "in", or last after an underscore.
_IN_NAME = re.compile(rf"[(\[]\s*({_OTHER})\s*[)\]]|\bin ({_OTHER})\b|_({_OTHER})$")
_DATUM = re.compile(
    r"(lowest|highest|mean|local)? ?(sea level|astronomical tide|lower low water|low water|high water)"
    r"|geoid|ellipsoid|chart datum|\b(mllw|mhw|msl|navd ?88|ngvd ?29|egm ?\d+)\b"
)
_UNIT_KEYS = ("units", "unit", "geospatial_vertical_units")


def units_of(array: xr.DataArray) -> str:
    """The units attribute, in lower case; empty where there is none."""
    keys = {str(key).lower(): value for key, value in array.attrs.items()}
    found = next((str(keys[key]) for key in _UNIT_KEYS if keys.get(key)), "")
    return found.strip().lower()


def are_metres(units: str) -> bool:
    """Whether a text says metres, or nothing.

    Examples
    --------
    >>> [are_metres(text) for text in ("m", "metres below sea level", "", "US survey foot", "ftUS", "0.1 m", "m/s")]
    [True, True, True, False, False, False, False]
    """
    plain = re.sub(r"[\s_.]+", " ", units.lower()).strip()
    is_other = re.search(rf"\b({_OTHER})\b", plain.replace("-", " "))
    return units.strip().lower() in _NONE or (_METRES.fullmatch(plain) is not None and not is_other)


def _parts(crs: CRS | None) -> list[pyproj.CRS]:
    """The vertical parts of a reference system."""
    whole = pyproj.CRS(crs.to_wkt()) if crs else None
    return [part for part in whole.sub_crs_list if part.is_vertical] if whole else []


def vertical_crs(crs: CRS | None) -> pyproj.CRS | None:
    """The vertical part of a compound reference system; None if there is none or it names no datum."""
    named = [part for part in _parts(crs) if re.search(r"\w", part.name)]
    return next((part for part in named if part.name.lower() not in ("unknown", "unnamed")), None)


def wkt_of(datum: str, crs: CRS | None) -> str | None:
    """The vertical reference system of heights as text; None where the datum is unknown.

    Parameters
    ----------
    datum : str
        As `datum` returns it.
    crs : CRS or None
        Whose vertical part, if it has one, says more.
    """
    if vertical := vertical_crs(crs):
        return vertical.to_wkt("WKT1_GDAL")
    if datum == UNKNOWN:
        return None
    name = datum.replace('"', "'")
    return f'VERT_CS["{name}",VERT_DATUM["{name}",2005],UNIT["metre",1],AXIS["Gravity-related height",UP]]'


def points_down(crs: CRS | None) -> bool:
    """Whether the vertical axis of a reference system with a named vertical part points down."""
    vertical = vertical_crs(crs)
    return bool(vertical and vertical.axis_info and vertical.axis_info[0].direction == "down")


def units_fault(raw: xr.DataArray) -> str | None:
    """What names another unit than the metre, in words, or None.

    Parameters
    ----------
    raw : DataArray
        With the file's name and attributes of the depths, and its reference system.
    """
    if not are_metres(units_of(raw)):
        return units_of(raw)
    for text in (str(raw.name), str(raw.attrs.get("long_name"))):
        if found := _IN_NAME.search(text.lower()):
            return found.group().strip("()[]_ ").removeprefix("in ")
    for vertical in _parts(raw.rio.crs):
        axis = vertical.axis_info[0] if vertical.axis_info else None
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
        return vertical.datum.name if points_down(crs) and vertical.datum else vertical.name
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
    return "depth" in f"{raw.name} {raw.attrs.get('long_name')}".lower() or points_down(crs)


def is_ambiguous(raw: xr.DataArray) -> bool:
    """Whether a name is used for depths that count downwards and for such that count upwards."""
    return re.search(r"bathy|^h$|^hraw$|sounding", str(raw.name).lower()) is not None


def is_width(raw: xr.DataArray) -> bool:
    """Whether the cells are no depths but say how far depths may be off."""
    return str(raw.name).lower() in ("uncertainty", "spread")


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


def declared_fills(raw: xr.DataArray) -> list[float]:
    """Values that mean missing in a NetCDF variable beside those that xarray has masked already.

    Parameters
    ----------
    raw : DataArray
        As xarray opens it, with its packing in ``encoding``.

    Returns
    -------
    list of float
        In unpacked units: what attributes give as text, in unpacked units or by another name; if there is no fill
        value at all, what the NetCDF library writes into cells that were never set.
    """
    packing = raw.encoding
    scale, offset = packing.get("scale_factor", 1.0), packing.get("add_offset", 0.0)
    given = {str(key).lower(): value for key, value in (raw.attrs | packing).items()}
    found = [
        given[key] for key in ("_fillvalue", "missing_value", "fill_value", "nodata", "nodata_value") if key in given
    ]
    if not found:
        dtype = np.dtype(packing.get("dtype", raw.dtype)).str[1:]
        undeclared = [_DEFAULT_FILLS[dtype]] if dtype in _DEFAULT_FILLS else []
        undeclared += [-32768] if dtype == "i2" and (scale, offset) != (1.0, 0.0) else []
        return [fill * scale + offset for fill in undeclared]
    numbers = [number for value in found for number in _numbers(value)]
    return [number for number in numbers if number != 0 and np.isfinite(number)]


def _numbers(value) -> list[float]:
    """The numbers of an attribute, which may be a text."""
    parts = re.split(r"[\s,;]+", value.strip("[]() ")) if isinstance(value, str) else np.ravel(value)
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return []


def valid_range(raw: xr.DataArray) -> tuple[float, float]:
    """The least and the greatest valid depth by a variable's attributes valid_min, valid_max and valid_range.

    Parameters
    ----------
    raw : DataArray
        As xarray opens it. Limits of the type of packed integers are unpacked, as CF asks.
    """
    packing = raw.encoding
    packed = np.dtype(packing.get("dtype", raw.dtype)).kind in "iu" and "scale_factor" in packing
    scale, offset = packing.get("scale_factor", 1.0), packing.get("add_offset", 0.0)

    def limits(key: str, count: int) -> list[float]:
        value = raw.attrs.get(key, "")
        numbers = _numbers(value) if len(_numbers(value)) == count else []
        in_packed = packed and not isinstance(value, str) and np.asarray(value).dtype.kind in "iu"
        return [number * scale + offset if in_packed else number for number in numbers]

    low, high = sorted(limits("valid_range", 2)) or (-np.inf, np.inf)
    return (*limits("valid_min", 1), low)[0], (*limits("valid_max", 1), high)[0]
