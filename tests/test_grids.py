import hashlib

import numpy as np
import pytest
import xarray as xr

from bathysr_nb import grids


def test_bundled_grid_is_the_one_its_script_makes():
    depth = grids.read_grid(grids.bundled_grid())
    assert depth.shape == (1188, 1584)
    assert depth.rio.crs.to_epsg() == 32755
    assert depth.attrs["cell_size"] == pytest.approx((270.90250589988,) * 2)
    np.testing.assert_allclose(depth.rio.bounds()[:2], (285455.22987171, 7953325.2470893), atol=1e-3)
    cells = np.nan_to_num(depth.values, nan=-32768).astype("<i2")
    assert (
        hashlib.sha256(cells.tobytes()).hexdigest()
        == "9bd558cd9738897e28bd0806ec44f09746c34cb6802e36daad61c5e5f8b12a92"
    )
    assert float(depth.max()) == -1


def test_faults_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.nc: no such file"):
        grids.read_grid(tmp_path / "nothing.nc")
    (tmp_path / "text.nc").write_text("not a grid")
    with pytest.raises(ValueError, match=r"text\.nc: not a NetCDF-4 file"):
        grids.read_grid(tmp_path / "text.nc")
    plain = xr.Dataset({"elevation": (("y", "x"), np.zeros((3, 4)))}, {"y": [0.0, 1, 2], "x": [0.0, 1, 2, 3]})
    plain.to_netcdf(tmp_path / "plain.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"plain\.nc: expected a projected grid"):
        grids.read_grid(tmp_path / "plain.nc")
    with pytest.raises(ValueError, match=r"plain\.nc: expected one variable of depth; it holds elevation"):
        grids.read_grid(tmp_path / "plain.nc", variable="depth")
