import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from bathysr_nb import grids
from bathysr_nb.grids import georeference

UTM = "EPSG:32755"

#: 3 x 4 cells of 50 m (north-south) by 100 m; top left cell -1, below it -5, right of it -2
DEPTHS = -np.arange(1.0, 13).reshape(3, 4)

Y, X = 8000.0 + np.array([125.0, 75, 25]), 500000.0 + np.array([50.0, 150, 250, 350])


def projected(values=DEPTHS, y=Y, x=X):
    return xr.DataArray(np.asarray(values, "f4"), {"y": y, "x": x}, ("y", "x")).rio.write_crs(UTM)


def test_same_ground():
    hr = projected(np.zeros((8, 12)), 25.0 * np.arange(8)[::-1], 25.0 * np.arange(12))
    lr = hr.coarsen(y=4, x=4).mean()
    georeference.check_same_ground(lr, hr, 4)
    georeference.check_same_ground(lr.assign_coords(x=lr.x + 0.9), hr, 4)
    with pytest.raises(ValueError, match=r"x from 36\.5 to 336\.5|x from -11\.4 to 288\.6 and -12\.5 to 287\.5"):
        georeference.check_same_ground(lr.assign_coords(x=lr.x + 1.1), hr, 4)
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(8, 12\), expected HR to be 3 times LR"):
        georeference.check_same_ground(lr, hr, 3)
    with pytest.raises(ValueError, match="CRS EPSG:32754 and EPSG:32755"):
        georeference.check_same_ground(lr.rio.write_crs("EPSG:32754"), hr, 4)
    georeference.check_same_ground(lr.drop_vars("spatial_ref"), hr, 4)


def test_arrays_compare_shapes_only(tmp_path):
    np.save(tmp_path / "lr.npy", DEPTHS)
    np.save(tmp_path / "hr.npy", np.repeat(np.repeat(DEPTHS, 2, 0), 2, 1))
    lr, hr = (grids.read_grid(tmp_path / f"{side}.npy", cell_size=70) for side in ("lr", "hr"))
    georeference.check_same_ground(lr, hr, 2)
    with pytest.raises(ValueError, match=r"LR .*lr\.npy and HR .*hr\.npy: shapes"):
        georeference.check_same_ground(lr, hr, 4)
