import subprocess
import sys

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from bathysr_nb import grids

UTM = "EPSG:32755"

#: 3 x 4 cells of 50 m (north-south) by 100 m; top left cell -1, below it -5, right of it -2
DEPTHS = -np.arange(1.0, 13).reshape(3, 4)

Y, X = 8000.0 + np.array([125.0, 75, 25]), 500000.0 + np.array([50.0, 150, 250, 350])


def projected(values=DEPTHS, y=Y, x=X):
    return xr.DataArray(np.asarray(values, "f4"), {"y": y, "x": x}, ("y", "x")).rio.write_crs(UTM)


@pytest.mark.parametrize("suffix", [".nc", ".tif", ".tiff"])
@pytest.mark.parametrize("place", ["projected", "degrees", "nowhere"])
def test_round_trip(suffix, place, tmp_path):
    source = projected() if place == "projected" else projected().drop_vars("spatial_ref")
    if place == "degrees":
        source = source.assign_coords(y=28 + 0.01 * np.arange(3)[::-1], x=128 + 0.01 * np.arange(4)).rio.write_crs(4326)
    grids.write_grid(source, tmp_path / "source.nc")
    grid = grids.read_grid(tmp_path / "source.nc")
    assert (grid.rio.crs is None) == (place == "nowhere")
    grid[1, 2] = np.nan
    path = tmp_path / "folder" / f"a{suffix}"
    grids.write_grid(grid, path)
    again = grids.read_grid(path)
    np.testing.assert_array_equal(again, grid)
    np.testing.assert_allclose(again.rio.bounds(), grid.rio.bounds(), rtol=1e-12)
    assert again.rio.crs == grid.rio.crs
    assert again.attrs["cell_size"] == pytest.approx(grid.attrs["cell_size"])
    with pytest.raises(FileExistsError, match="exists already"):
        grids.write_grid(grid, path)
    grids.write_grid(grid * 2, path, overwrite=True)
    assert float(grids.read_grid(path).min()) == -24
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_written_netcdf_follows_cf(tmp_path):
    grids.write_grid(projected(), tmp_path / "a.nc")
    written = xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf")
    assert written.attrs["Conventions"] == "CF-1.8"
    assert written.elevation.attrs["grid_mapping"] == "spatial_ref"
    assert (written.elevation.units, written.elevation.positive) == ("m", "up")
    assert written.elevation.encoding["zlib"]
    assert written.x.standard_name == "projection_x_coordinate"


def test_write_faults_leave_the_old_file(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"cannot write \.xyz; choose one of \.nc, \.tif, \.tiff"):
        grids.write_grid(projected(), tmp_path / "a.xyz")
    with pytest.raises(ValueError, match=r"dims \('x', 'y'\), expected \(y, x\)"):
        grids.write_grid(projected().T, tmp_path / "a.nc")
    for suffix, writer in ((".nc", xr.Dataset), (".tif", rioxarray.raster_array.RasterArray)):
        path = tmp_path / f"a{suffix}"
        grids.write_grid(projected(), path)

        def full(self, part, **options):
            part.write_bytes(b"half")
            raise OSError("no space left")

        with monkeypatch.context() as patch:
            patch.setattr(writer, "to_netcdf" if suffix == ".nc" else "to_raster", full)
            with pytest.raises(OSError, match="no space"):
                grids.write_grid(projected(), path, overwrite=True)
        np.testing.assert_array_equal(grids.read_grid(path), DEPTHS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nc", "a.tif"]


def test_a_grid_can_be_written_before_any_is_read(tmp_path):
    """In a process of its own: reading imports rioxarray, which would hide that writing needs it too."""
    code = (
        "import sys, numpy as np, xarray as xr; from bathysr_nb import grids;"
        "grid = xr.DataArray(-np.ones((3, 4)), {'y': [3., 2, 1], 'x': [1., 2, 3, 4]}, ('y', 'x'));"
        "grids.write_grid(grid, sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.nc")], check=True)
    assert grids.read_grid(tmp_path / "a.nc", crs="EPSG:32755").shape == (3, 4)
