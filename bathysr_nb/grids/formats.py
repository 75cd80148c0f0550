"""Open grid files of all kinds lazily and unchanged; `bathysr_nb.grids.read` interprets them.

Files are recognised by their first bytes, text and arrays by their suffix.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import rioxarray
import xarray as xr

from bathysr_nb.files import project, store

NAMES = ("elevation", "z", "topo")
#: First bytes of a file, and what it is.
MAGIC = {
    b"\x89HDF\r\n\x1a\n": "NetCDF-4",
    b"CDF\x01": "NetCDF-3",
    b"CDF\x02": "NetCDF-3",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "GeoTIFF"),
    b"\x93NUMPY": "npy",
}
Y_NAMES, X_NAMES = ("y", "lat", "latitude"), ("x", "lon", "longitude")
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
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"CDF\x05"):
        raise ValueError(f"{project.shorten(path)}: is NetCDF in CDF-5 format; convert it with nccopy -k nc4")
    if re.match(rb"\s*(ncols|nrows)\s", head, re.IGNORECASE):
        return "ESRI ASCII"
    if head and path.suffix.lower() in SUFFIXES:
        return SUFFIXES[path.suffix.lower()]
    raise ValueError(
        f"{project.shorten(path)}: {'not a grid file' if head else 'empty file'}; expected NetCDF, GeoTIFF, "
        "ESRI ASCII, XYZ (.xyz, .txt, .csv), pickle (.pkl, .pickle) or .npy"
    )


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
    if variable is not None and kind not in ("NetCDF-3", "NetCDF-4", "XYZ"):
        raise ValueError(f"{name}: variable is {variable!r}, but a file of kind {kind} holds one grid; leave it out")
    if kind == "pickle":
        yield xr.DataArray(store.load_array(path))
        return
    with contextlib.ExitStack() as stack:
        with reading(name, kind):
            if kind == "npy":
                raw = xr.DataArray(np.load(path, mmap_mode="r", allow_pickle=False))
            elif kind == "XYZ":
                columns = read_columns(path)
            elif kind in ("NetCDF-3", "NetCDF-4"):
                # xarray warns of a grid mapping that is named but absent, which many files do
                warnings.filterwarnings("ignore", message=".*referenced in")
                engine = "scipy" if kind == "NetCDF-3" else "h5netcdf"
                options = {"decode_coords": "all", "decode_times": False, "cache": False}
                dataset = stack.enter_context(xr.open_dataset(path, engine=engine, **options))
            else:
                stack.enter_context(rasterio.Env())  # sends GDAL's own messages to the log, not to the screen
                driver = "GTiff" if kind == "GeoTIFF" else "AAIGrid"
                raw = rioxarray.open_rasterio(path, mask_and_scale=True, cache=False, driver=driver)
                stack.callback(raw.close)
        if kind == "XYZ":
            raw = _from_columns(name, columns, variable)
        elif kind in ("NetCDF-3", "NetCDF-4"):
            flat = [v for v in dataset if dataset[v].squeeze().ndim == 2 and dataset[v].dtype.kind in "iuf"]
            raw = dataset[_pick(name, list(dataset), flat, variable)]
        elif kind == "GeoTIFF":
            raw = _band(raw)
            if raw.rio.crs is None and raw.rio.transform().is_identity:
                raw = raw.drop_vars(["y", "x"])
        yield raw


def _band(raw: xr.DataArray) -> xr.DataArray:
    """The one band of several that is described as depths; all bands if none or several are."""
    described = raw.attrs.get("long_name")
    named = [i for i, text in enumerate(described) if text in NAMES] if isinstance(described, tuple) else []
    return raw[named].assign_attrs(long_name=described[named[0]]) if len(named) == 1 else raw


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


def read_columns(path: Path) -> pd.DataFrame:
    """A table of numbers in columns, named by the header or, without one, x, y, z."""
    with open(path, encoding="utf-8-sig") as file:
        first = next((line for line in file if line.strip() and not line.startswith("#")), "")
    separator = "," if "," in first else r"\s+"
    words = [word.strip() for word in re.split(separator, first.strip())]
    try:
        header = None if [float(word) for word in words] else 0
    except ValueError:
        header = 0
    table = pd.read_csv(
        path, sep=separator, header=header, comment="#", dtype=float, skipinitialspace=True, encoding="utf-8-sig"
    )
    if header is None:
        if table.shape[1] != 3:
            raise ValueError(f"{table.shape[1]} columns and no header, expected x, y and depth")
        table.columns = ["x", "y", "z"]
    return table.rename(columns=lambda column: str(column).strip())


def _from_columns(name: str, table: pd.DataFrame, variable: str | None) -> xr.DataArray:
    """XYZ columns laid out on their regular grid; holes are NaN."""
    sides = [[c for c in table if c.lower() in names] for names in (Y_NAMES, X_NAMES)]
    if [len(side) for side in sides] != [1, 1]:
        raise ValueError(f"{name}: columns {', '.join(table)}; expected a header with x or lon, y or lat, and a depth")
    y, x = sides[0][0], sides[1][0]
    others = [column for column in table if column not in (y, x)]
    depth = _pick(name, others, others, variable)
    axes, places = zip(*(_regular(name, side, table[side].to_numpy()) for side in (y, x)))
    shape = tuple(map(len, axes))
    if shape[0] * shape[1] > 100 * len(table):  # scattered points would fill the memory with an almost empty grid
        raise ValueError(f"{name}: {len(table)} points on {shape[0]} x {shape[1]} cells; expected a regular grid")
    cells = np.ravel_multi_index(places, shape)
    order, counts = np.unique(cells, return_counts=True)
    if counts.max() > 1:
        at = table.loc[cells == order[counts.argmax()], [x, y]].iloc[0]
        raise ValueError(f"{name}: {counts.max()} points at {x} {at[x]:g}, {y} {at[y]:g}; expected one a cell")
    values = np.full(shape, np.nan)
    values.flat[cells] = table[depth]
    return xr.DataArray(values, dict(zip((y, x), axes)), (y, x), depth)


def _regular(name: str, axis: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regular coordinates that include all values of a column, and the position of each value among them."""
    found, inverse = np.unique(values, return_inverse=True)
    if len(found) < 2 or not np.isfinite(found).all():
        raise ValueError(f"{name}: {len(found)} different values of {axis}; expected at least 2 and none missing")
    gaps = np.diff(found) / np.diff(found).min()
    if abs(gaps - np.rint(gaps)).max() > 1e-3:
        raise ValueError(f"{name}: the steps of {axis} are irregular; expected points on a regular grid")
    places = np.concatenate([[0], np.cumsum(np.rint(gaps).astype(int))])
    if places[-1] > 100 * len(values):
        raise ValueError(f"{name}: {len(found)} values of {axis} on {places[-1] + 1} cells; expected a regular grid")
    return np.linspace(found[0], found[-1], places[-1] + 1), places[inverse]
