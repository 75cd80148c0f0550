"""Write grids tile by tile as compressed NetCDF, cloud-optimised GeoTIFF or BAG, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
import rioxarray  # noqa: F401 (its import gives grids their .rio)
import xarray as xr

from bathysr_nb.files import project, store
from bathysr_nb.grids import georeference, vertical

SUFFIXES = (".nc", ".tif", ".tiff", ".bag")
BAG_FIELDS = ("elevation", "uncertainty")
BLOCK = 256  # cells along the side of a compressed chunk
PACKED = {"compress": "DEFLATE", "predictor": "YES", "bigtiff": "IF_SAFER"}
OVERHEAD = 50_000  # bytes of a file's own bookkeeping, at most
CACHE = 128  # MiB of GDAL's cache; its default grows with the machine's memory
KEPT = ("long_name", "standard_name", "units", "positive", "flag_masks", "flag_values", "flag_meanings")
KEPT += ("vertical_datum", "ancillary_variables", "level")
GLOBAL = ("title", "source", "history")


def write_grid(grid: xr.DataArray | xr.Dataset, path, overwrite: bool = False) -> None:
    """Write a depth grid as compressed NetCDF-4 (.nc), cloud-optimised GeoTIFF (.tif, .tiff) or BAG (.bag).

    Parameters
    ----------
    grid : DataArray or Dataset, dims (y, x)
        Metres, negative down, NaN where missing, as `read_grid` returns it; or several fields, which become
        variables, or bands described by the fields' names. Dask arrays are computed and written tile by
        tile. A dataset's title, source and history are kept. A BAG holds elevation and uncertainty.
    path : path
        A relative path counts from the project's root.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    ValueError
        If the suffix is none of these, the dimensions are not (y, x) with coordinates, or a BAG is asked for without a
        reference system or with other fields.
    FileExistsError
        If the file exists and `overwrite` is false.
    OSError
        If there is no room for it, before anything is written.

    Examples
    --------
    >>> import tempfile
    >>> from bathysr_nb.grids.read import bundled_grid, read_grid
    >>> grid = read_grid(bundled_grid()).coarsen(y=4, x=4).mean()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_grid(grid, Path(folder) / "coarse.tif")
    ...     round(read_grid(Path(folder) / "coarse.tif").attrs["cell_size"][0], 1)
    1083.6
    """
    path = project.resolve(path)
    check_writable(path, overwrite)
    plain = _plain(project.shorten(path), grid)
    copies = 1 if path.suffix.lower() == ".nc" else 2  # a raster is first written uncompressed, beside the file
    store.require_room(path, copies * plain.nbytes + OVERHEAD)
    with store.replacing(path, overwrite) as part:
        if path.suffix.lower() == ".nc":
            _write_netcdf(plain, part)
        elif path.suffix.lower() == ".bag":
            _check_bag(project.shorten(path), plain)
            options = _bag_options(plain)
            if plain.rio.crs.is_geographic:  # with heights, GDAL's driver would lose it; they are in the options
                plain = plain.rio.write_crs(georeference.horizontal(plain.rio.crs))
            _write_raster(plain, part, "BAG", options)
        else:
            averaged = "AVERAGE" if all(field.dtype.kind == "f" for field in plain.data_vars.values()) else "NEAREST"
            _write_raster(plain, part, "COG", {**PACKED, "overview_resampling": averaged})


def check_writable(path, overwrite: bool = False) -> None:
    """Raise the errors of `write_grid` before anything is computed: wrong suffix, existing file, no access.

    Parameters
    ----------
    path : path
        The file to write; a relative path counts from the project's root.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    ValueError, FileExistsError, OSError
    """
    path = project.resolve(path)
    name = project.shorten(path)
    if path.suffix.lower() not in SUFFIXES:
        found = path.suffix or "a file without suffix"
        raise ValueError(f"{name}: cannot write {found}; choose one of {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise ValueError(f"{name}: is a folder; expected a file to write")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{name}: exists already; pass overwrite=True (--force) to replace it")
    folder = next(above for above in path.parents if above.exists())
    try:
        tempfile.TemporaryFile(dir=folder).close()  # trying is the only sure test of permissions
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{name}: cannot write into {project.shorten(folder)} ({reason})") from None


def _plain(name: str, grid) -> xr.Dataset:
    """The fields as they are written: bare coordinates, CF attributes, reference system."""
    fields = dict(grid.data_vars) if isinstance(grid, xr.Dataset) else {"elevation": grid}
    for field in fields.values():
        if field.dims != ("y", "x") or not {"y", "x"} <= set(field.coords):
            raise ValueError(f"{name}: the grid has dims {field.dims}, expected (y, x) with coordinates")
    axes = {"y": grid.y.values, "x": grid.x.values}
    known = {"elevation": _elevation_attributes(fields["elevation"])} if "elevation" in fields else {}
    plain = xr.Dataset(
        {
            key: xr.DataArray(
                field.data if field.dtype.kind in "iu" and key != "elevation" else field.data.astype(np.float32),
                axes,
                ("y", "x"),
                attrs={k: v for k, v in field.attrs.items() if k in KEPT} | known.get(key, {}),
            )
            for key, field in fields.items()
        }
    )
    if grid.rio.crs is not None:
        plain = plain.rio.write_crs(grid.rio.crs).rio.write_coordinate_system()
    else:
        for axis in "yx":  # without these, GDAL does not know which axis is which
            plain[axis].attrs |= {"units": "m", "axis": axis.upper(), "standard_name": f"projection_{axis}_coordinate"}
    more = grid.attrs if isinstance(grid, xr.Dataset) else {}
    return plain.assign_attrs({"Conventions": "CF-1.8"} | {k: more[k] for k in GLOBAL if k in more})


def _write_netcdf(plain: xr.Dataset, part: Path) -> None:
    for field in plain.data_vars.values():
        chunks = tuple(min(BLOCK, size) for size in field.shape)
        field.encoding |= {"zlib": True, "complevel": 4, "shuffle": True, "chunksizes": chunks}
        field.encoding |= {"_FillValue": np.float32(np.nan) if field.dtype.kind == "f" else None}
    plain.to_netcdf(part, engine="h5netcdf", encoding={axis: {"_FillValue": None} for axis in ("y", "x")})


def _elevation_attributes(field: xr.DataArray) -> dict[str, str]:
    return vertical.attributes(str(field.attrs.get("vertical_datum", vertical.UNKNOWN)))


def _check_bag(name: str, plain: xr.Dataset) -> None:
    others = [field for field in plain.data_vars if field not in BAG_FIELDS]
    if others or "elevation" not in plain:
        raise ValueError(f"{name}: a BAG holds elevation and uncertainty; found {', '.join(plain.data_vars)}")
    if plain.rio.crs is None:
        raise ValueError(f"{name}: a BAG needs a reference system, and the grid has none; give crs=")


def _bag_options(plain: xr.Dataset) -> dict[str, str]:
    """What the BAG's metadata say of its making, for the template of GDAL's driver."""
    history = str(plain.attrs.get("history", "written by bathysr-nb"))
    crs = plain.rio.crs
    named = vertical.vertical_crs(crs) is not None and not crs.is_geographic  # GDAL then takes it from the grid
    wkt = None if named else vertical.wkt_of(plain["elevation"].attrs["vertical_datum"], crs)
    return ({"VAR_VERT_WKT": wkt} if wkt else {}) | {
        "VAR_ABSTRACT": str(plain.attrs.get("title", history)),
        "VAR_PROCESS_STEP_DESCRIPTION": history,
    }


def _write_raster(plain: xr.Dataset, part: Path, driver: str, options: dict[str, str]) -> None:
    """Write a plain GeoTIFF tile by tile, then copy it to a format that GDAL cannot write in tiles."""
    bands = _bands(plain)
    missing = np.nan if bands.dtype.kind == "f" else None
    tiles = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "IF_SAFER"}
    part.unlink()  # rasterio would try to open the empty file
    with store.scratch_beside(part) as folder, rasterio.Env(GDAL_CACHEMAX=CACHE):
        whole, copy = folder / "plain.tif", folder / f"copy{part.suffix}"
        tags = {key: str(plain.attrs[key]) for key in GLOBAL if key in plain.attrs}
        bands.rio.write_nodata(missing).rio.to_raster(whole, driver="GTiff", lock=True, tags=tags, **tiles)
        with rasterio.open(whole, "r+") as file:
            file.units = [plain[name].attrs.get("units", "") for name in plain.data_vars]
        rasterio.shutil.copy(whole, copy, driver=driver, **options)
        os.replace(copy, part)


def _bands(plain: xr.Dataset) -> xr.DataArray:
    """One field unchanged; several stacked along ``band``, described by their names."""
    names = list(plain.data_vars)
    if len(names) == 1:
        return plain[names[0]]
    bands = plain.to_dataarray("band").drop_vars("band")
    elevation = plain["elevation"].attrs if "elevation" in plain else {}
    bands.attrs = {"long_name": tuple(names)} | {
        k: elevation[k] for k in ("positive", "vertical_datum") if k in elevation
    }
    return bands.rio.write_crs(plain.rio.crs) if plain.rio.crs is not None else bands
