"""Make ``cairns_271m.nc``, the bundled real grid, from the source it was published in.

    pip download --no-deps --no-binary anuga anuga==4.1.0
    python data/make_cairns.py anuga-4.1.0.tar.gz

The grid is ``examples/data/cairns/cairns.zip`` inside that source distribution. Both
checksums below are verified. Attribution and licence: ``data/README.md``.
"""

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import rioxarray  # noqa: F401
import xarray as xr

SDIST = "870aa27a996aca17f1519e60fe6ed9e029f3cd718ab4cb6b69a6a15c0d7435ff"
ASC = "d19b5627354652f471dd82b595bd6947872b4d34277b66cc599e93795de0dfdc"
MEMBER = "anuga-4.1.0/examples/data/cairns/cairns.zip"
FILL = -32768
ATTRIBUTES = {
    "title": "Bathymetry off Cairns: Great Barrier Reef lagoon to Queensland Trough and Plateau",
    "institution": "Geoscience Australia",
    "source": "Australian bathymetry and topography grid, June 2005 (P. Petkovic and M. Webster), 9 arc-seconds",
    "license": "(C) Commonwealth of Australia (Geoscience Australia); see data/README.md",
    "history": "data/make_cairns.py from anuga 4.1.0, examples/data/cairns; land (>= 0) set to missing",
    "Conventions": "CF-1.8",
}


def verified(content: bytes, sha256: str, name: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SystemExit(f"{name}: SHA-256 is {found}, expected {sha256}")
    return content


def read_asc(sdist: Path) -> str:
    content = verified(sdist.read_bytes(), SDIST, sdist.name)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        zipped = tar.extractfile(MEMBER).read()
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return verified(archive.read("cairns.asc"), ASC, "cairns.asc").decode("ascii")


def to_grid(asc: str) -> xr.DataArray:
    lines = asc.splitlines()
    head = {key.lower(): float(value) for key, value in (line.split() for line in lines[:6])}
    depth = np.loadtxt(lines[6:], dtype=np.int16)
    depth = np.where((depth >= 0) | (depth == head["nodata_value"]), FILL, depth).astype(np.int16)
    rows, cols, cell = *depth.shape, head["cellsize"]
    x = head["xllcorner"] + (np.arange(cols) + 0.5) * cell
    y = head["yllcorner"] + (np.arange(rows)[::-1] + 0.5) * cell
    grid = xr.DataArray(depth, {"y": y, "x": x}, ("y", "x"), name="elevation")
    grid.attrs = {"long_name": "depth below sea level", "units": "m", "positive": "up"}
    return grid.rio.write_crs(32755).rio.write_coordinate_system()


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    target = Path(__file__).with_name("cairns_271m.nc")
    grid = to_grid(read_asc(Path(sys.argv[1])))
    grid.encoding |= {"zlib": True, "complevel": 9, "shuffle": True, "chunksizes": grid.shape, "_FillValue": FILL}
    part = target.with_suffix(".part")
    grid.to_dataset().assign_attrs(ATTRIBUTES).to_netcdf(part, engine="h5netcdf")
    part.replace(target)
    print(f"{target.name}: {grid.shape[0]} x {grid.shape[1]} cells, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
