"""Open grid files of all kinds lazily and unchanged; `bathysr_nb.grids.read` interprets them.

Files are recognised by their first bytes, text and arrays by their suffix.
"""

from __future__ import annotations

import contextlib
import secrets
import struct
import warnings
from pathlib import Path

import h5py
import numpy as np
import rasterio
import rioxarray
import xarray as xr
from rasterio.enums import ColorInterp

from bathysr_nb.files import project, store
from bathysr_nb.grids import asciigrid
from bathysr_nb.grids.columns import grid_of_columns, read_columns

NAMES = ("elevation", "z", "topo")
#: First bytes of a file, and what it is.
MAGIC = {
    b"\x89HDF\r\n\x1a\n": "NetCDF-4",
    b"CDF\x01": "NetCDF-3",
    b"CDF\x02": "NetCDF-3",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "GeoTIFF"),
    b"\x93NUMPY": "npy",
    b"DSBB": "Surfer 6",
    b"DSAA": "Surfer ASCII",
    b"DSRB": "Surfer 7",
}
#: GDAL's names for the kinds that it reads here.
DRIVERS = {"GeoTIFF": "GTiff", "ESRI ASCII": "AAIGrid", "BAG": "BAG", "S-102": "S102"}
DRIVERS |= {"Surfer 6": "GSBG", "Surfer ASCII": "GSAG", "Surfer 7": "GS7BG"}
PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z"}
#: Variables of GMT's netCDF files before 2004, which have no coordinates.
OLD_GMT = {"x_range", "y_range", "spacing", "dimension", "z"}
SUFFIXES = {".xyz": "XYZ", ".txt": "XYZ", ".csv": "XYZ", ".pkl": "pickle", ".pickle": "pickle"}


def file_kind(path: Path) -> str:
    """The kind of a file: one of the values of `MAGIC` and `SUFFIXES`, or ESRI ASCII.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    with open(path, "rb") as file:
        head = file.read(512)
    name = project.shorten(path)
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return _hdf5_kind(name, path) if kind == "NetCDF-4" else kind
    for magic, packer in PACKED.items():
        if head.startswith(magic):
            raise ValueError(f"{name}: is packed with {packer}; unpack it and give the grid inside")
    if head.startswith(b"CDF\x05"):
        raise ValueError(f"{name}: is NetCDF in CDF-5 format; convert it with nccopy -k nc4")
    if asciigrid.is_ascii_grid(head):
        return "ESRI ASCII"
    if head and path.suffix.lower() in SUFFIXES:
        return SUFFIXES[path.suffix.lower()]
    raise ValueError(
        f"{name}: {'not a grid file' if head else 'empty file'}; expected NetCDF, GeoTIFF, BAG, Surfer, S-102, "
        "ESRI ASCII, XYZ (.xyz, .txt, .csv), pickle (.pkl, .pickle) or .npy"
    )


def _hdf5_kind(name: str, path: Path) -> str:
    """NetCDF-4, BAG or S-102, which all are HDF5 files."""
    with reading(name, "NetCDF-4"), h5py.File(path) as file:
        groups = set(file)
        refined = "BAG_root" in groups and "varres_metadata" in file["BAG_root"]
    if refined:
        raise ValueError(
            f"{name}: is a BAG with variable-resolution refinements; resample it to one cell size first: "
            "gdal_translate -oo MODE=RESAMPLED_GRID -oo RES_STRATEGY=MEAN IN.bag OUT.tif"
        )
    return "BAG" if "BAG_root" in groups else "S-102" if "BathymetryCoverage" in groups else "NetCDF-4"


@contextlib.contextmanager
def reading(name: str, kind: str):
    """Context in which any error of a library becomes one line that names the file.

    Parameters
    ----------
    name : str
        The file, as errors call it.
    kind : str
        As `file_kind` returns it.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{name}: damaged, or not a {kind} file ({reason})") from None


@contextlib.contextmanager
def opened(path: Path, kind: str, variable: str | None):
    """Context that yields the depth variable of a file, not yet loaded.

    Parameters
    ----------
    path : Path
    kind : str
        As `file_kind` returns it.
    variable : str or None
        Name of the depths, if the file holds several variables.

    Raises
    ------
    ValueError
        If the file is damaged, or the depth variable cannot be found.
    """
    name = project.shorten(path)
    if variable is not None and kind in ("pickle", "npy", "ESRI ASCII"):
        raise ValueError(f"{name}: variable is {variable!r}, but a file of kind {kind} holds one grid; leave it out")
    with contextlib.ExitStack() as stack:
        if kind == "pickle":
            yield xr.DataArray(store.load_array(path))
        elif kind == "npy":
            with reading(name, kind):
                raw = xr.DataArray(np.load(path, mmap_mode="r", allow_pickle=False))
            yield raw
        elif kind == "XYZ":
            with reading(name, kind):
                table, units = read_columns(path)
            yield grid_of_columns(name, table, units, lambda columns: _pick(name, columns, columns, variable))
        elif kind in ("NetCDF-3", "NetCDF-4"):
            yield _netcdf(name, path, kind, variable, stack)
        else:
            yield _raster(name, path, kind, variable, stack)


def _netcdf(name: str, path: Path, kind: str, variable: str | None, stack) -> xr.DataArray:
    # xarray warns of a grid mapping that is named but absent, which many files do
    warnings.filterwarnings("ignore", message=".*referenced in")
    engine = "scipy" if kind == "NetCDF-3" else "h5netcdf"
    options = {"decode_coords": "all", "decode_times": False, "cache": False}
    with reading(name, kind):
        dataset = stack.enter_context(xr.open_dataset(path, engine=engine, **options))
    if OLD_GMT <= set(dataset) and variable in (None, "z"):
        return _old_gmt(name, dataset)
    flat = [v for v in dataset if dataset[v].squeeze().ndim == 2 and dataset[v].dtype.kind in "iuf"]
    return dataset[_pick(name, list(dataset), flat, variable)]


def _old_gmt(name: str, dataset: xr.Dataset) -> xr.DataArray:
    """The grid of one of GMT's older netCDF files: cells in one row from the north-west, ranges beside them."""
    with reading(name, "GMT"):
        columns, rows = (int(size) for size in dataset["dimension"].values)
        cells = dataset["z"]
        half = (dataset["spacing"].values / 2) * int(np.ravel(cells.attrs.get("node_offset", 0))[0])
        (west, east), (south, north) = (dataset[f"{axis}_range"].values for axis in "xy")
        y = np.linspace(north - half[1], south + half[1], rows)
        x = np.linspace(west + half[0], east - half[0], columns)
        attrs = {"units": dataset["z_range"].attrs.get("units", "")} if "z_range" in dataset else {}
        attrs |= {key: value for key, value in cells.attrs.items() if key in ("long_name", "units")}
        values = cells.values.reshape(rows, columns)
    raw = xr.DataArray(values, {"y": y, "x": x}, ("y", "x"), "z", attrs)
    raw.encoding = cells.encoding
    for axis in "yx":
        raw[axis].attrs |= {k: v for k, v in dataset[f"{axis}_range"].attrs.items() if k == "units" and "user" not in v}
    return raw


def _raster(name: str, path: Path, kind: str, variable: str | None, stack) -> xr.DataArray:
    """The depth band of a file that GDAL reads."""
    source = asciigrid.checked(path) if kind == "ESRI ASCII" else None
    if kind == "BAG" and path.suffix.lower() != ".bag":
        raise ValueError(f"{name}: is a BAG, whose name must end in .bag; rename it")
    if kind == "Surfer 7":
        _refuse_rotation(name, path)
    with reading(name, kind):
        stack.enter_context(rasterio.Env())  # sends GDAL's own messages to the log, not to the screen
        opening = _copy(source, path, stack) if source else path
        file = stack.enter_context(rasterio.open(opening, driver=DRIVERS[kind]))
        raw = rioxarray.open_rasterio(file, mask_and_scale=True, cache=False)
        stack.callback(raw.close)
        transform, points, colours = file.transform, file.gcps[0], file.colorinterp
    if points or transform.b or transform.d:
        placed = "placed by ground control points" if points else "rotated or sheared"
        raise ValueError(f"{name}: is {placed}; turn it north up first: gdalwarp IN OUT.tif")
    if ColorInterp.alpha in colours:
        raise ValueError(
            f"{name}: marks missing cells by an alpha band; write a value instead: "
            "gdalwarp -dstnodata -99999 IN OUT.tif"
        )
    raw = _band(name, raw, variable)
    if transform.is_identity:  # the file says nothing of its place
        raw = raw.drop_vars(["y", "x"])
    if source is not None:
        with reading(name, kind):
            raw = raw.load()  # the copy in memory does not outlive this
    if kind in ("BAG", "S-102"):  # by their standards; GDAL gives S-102 as depths
        raw.attrs["positive"] = "up" if kind == "BAG" else "down"
    return raw


def _refuse_rotation(name: str, path: Path) -> None:
    with reading(name, "Surfer 7"), open(path, "rb") as file:
        rotation = struct.unpack_from("<d", file.read(84), 76)[0]
    if rotation:
        raise ValueError(f"{name}: is rotated by {rotation:g} degrees; grid it again without rotation")


def _copy(text: bytes, path: Path, stack) -> str:
    """A copy in memory of an ASCII grid, with the file of its reference system beside it."""
    folder = f"bathysr-{secrets.token_hex(8)}"
    beside = path.with_suffix(".prj")
    if beside.is_file():
        stack.enter_context(rasterio.MemoryFile(beside.read_bytes(), dirname=folder, filename="grid.prj"))
    return stack.enter_context(rasterio.MemoryFile(text, dirname=folder, filename="grid.asc")).name


def _band(name: str, raw: xr.DataArray, variable: str | None) -> xr.DataArray:
    """One band: the one asked for by its description or number, the only one, or the one described as depths."""
    count = raw.sizes["band"]
    described = raw.attrs.get("long_name")
    names = list(described) if isinstance(described, tuple) else [described] * (count == 1)
    names = [str(text or i + 1) for i, text in enumerate(names or [""] * count)]
    if variable is not None or count > 1:
        wanted = (
            [variable] if variable is not None else [*NAMES, *(("depth",) if "depth" in map(str.lower, names) else ())]
        )
        found = [i for i, text in enumerate(names) if text.lower() in wanted or variable in (text, str(i + 1))]
        found = found or [i for i, text in enumerate(names) if variable and text.lower() == variable.lower()]
        if len(found) != 1:
            asked = f"band {variable!r}" if variable else "one band of depths"
            raise ValueError(
                f"{name}: expected {asked}, found bands {', '.join(names)}; name the depth band with variable="
            )
    else:
        found = [0]
    band = raw[found].squeeze("band", drop=True)
    for key in ("long_name", "units", "scale_factor", "add_offset"):
        value = raw.attrs.get(key)
        if isinstance(value, tuple):
            band.attrs[key] = value[found[0]]
    return band.rename(names[found[0]] if described else raw.name)


def _pick(name: str, present: list, flat: list, variable: str | None) -> str:
    """The one depth variable among those `present`, of which those in `flat` are 2-D."""
    if variable is not None:
        found = [variable] if variable in present else []
    else:
        found = [v for v in present if str(v).lower() in NAMES] or flat
    if len(found) != 1:
        wanted = f"variable {variable!r}" if variable else "one 2-D depth variable"
        holds = ", ".join(map(str, found or present)) or "none"
        raise ValueError(f"{name}: expected {wanted}, found {holds}; name the depth variable with variable=")
    return found[0]
