"""No room: one line that names the file, what was there stays, nothing is left beside it."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from bathysr_nb import grids
from bathysr_nb.files import store

resource = pytest.importorskip("resource", reason="limits of file sizes exist on Unix only")

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
from bathysr_nb.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path):
    axes = {"y": 8e6 - 50 * np.arange(600.0), "x": 4e5 + 50 * np.arange(600.0)}
    depth = xr.DataArray(-1 - np.random.default_rng(0).random((600, 600), dtype="f4"), axes, ("y", "x"))
    grids.write_grid(depth.rio.write_crs("EPSG:32651"), tmp_path / "in.tif")
    (tmp_path / "resize.yml").write_text("hr: in.tif\nlr: out.nc\nscale: 2\n")
    return tmp_path


@pytest.mark.parametrize("target", ["out.nc", "out.tif", "out.bag"])
def test_a_grid_that_does_not_fit(target, folder):
    (folder / target).write_text("the good one")
    before = sorted(path.name for path in folder.iterdir())
    command = ["resize", str(folder / "resize.yml"), "--set", f"lr={folder / target}", "--force"]
    done = subprocess.run([sys.executable, "-c", LIMITED, *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert f"{folder / target}: no space left: it may take" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (folder / target).read_text() == "the good one"
    assert sorted(path.name for path in folder.iterdir()) == before


def test_patches_that_do_not_fit(tmp_path):
    store.save_patches(tmp_path / "a.pkl", np.zeros((2, 4, 4)))
    good = (tmp_path / "a.pkl").read_bytes()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(OSError, match=r"a\.pkl: no space left: it may take 0\.0 MB"):
            store.save_patches(tmp_path / "a.pkl", np.zeros((99, 4, 4)), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert (tmp_path / "a.pkl").read_bytes() == good
    assert [path.name for path in tmp_path.iterdir()] == ["a.pkl"]
