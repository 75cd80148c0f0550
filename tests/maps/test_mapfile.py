import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401  (its .rio)
import xarray as xr

from bathysr_nb import cli, grids
from bathysr_nb.grids import georeference, synthetic, write
from bathysr_nb.maps.inference import superresolve
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.training.training_range import TRAINING_RANGE, TrainingRange

pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's


@pytest.fixture
def folder(small, shaken, tmp_path):
    """A model with its training range, and a grid with a hole."""
    shaken(small("espcn", normalisation=Normalisation(-2500, 0, relief=7.0)), by=0.05).save(tmp_path / "model.keras")
    depth = synthetic.seafloor((70, 90), province="ridge", seed=0).astype("float32") - 3000
    training = TrainingRange.fit(np.stack([depth[:16, :16], depth[16:32, :16]])[..., None], (200, 200))
    (tmp_path / TRAINING_RANGE).write_text(training.to_json())
    depth[40:50, 20:30] = np.nan
    axes = {"y": 8e6 - np.arange(70) * 200.0, "x": 3e5 + np.arange(90) * 200.0}
    grids.write_grid(xr.DataArray(depth, axes, ("y", "x")).rio.write_crs("EPSG:32755"), tmp_path / "lr.nc")
    return tmp_path


def run(capsys, folder, *arguments):
    before = os.getcwd()
    os.chdir(folder)
    try:
        status = cli.main(["superresolve", *map(str, arguments)])
    finally:
        os.chdir(before)
    return status, capsys.readouterr()


@pytest.mark.parametrize("suffix", [".tif", ".nc"])
def test_files_from_the_shell_hold_the_map(suffix, folder, capsys):
    names = [f"sr{suffix}", "--applicability", f"flags{suffix}", "--average", "--tile", "30"]
    status, said = run(capsys, folder, "model.keras", "lr.nc", *names)
    assert status == 0, said.err
    assert said.out.splitlines()[0].endswith(f"sr{suffix}: 140 x 180 cells of 100 x 100 m")
    lr = grids.read_grid(folder / "lr.nc")
    expected = superresolve(lr, folder / "model.keras", tile=30, average=True)
    written = grids.read_grid(folder / f"sr{suffix}")
    np.testing.assert_allclose(written, expected.elevation, rtol=0, atol=1e-3)
    georeference.check_same_ground(lr, written, 2)
    if suffix == ".tif":
        with rasterio.open(folder / "sr.tif") as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert (file.descriptions, file.units) == (("elevation", "spread"), ("m", "m"))
            spread = file.read(2)
            history = file.tags()["history"]
    else:
        with xr.open_dataset(folder / "sr.nc") as file:
            assert (file.elevation.units, file.elevation.encoding["zlib"], file.Conventions) == ("m", True, "CF-1.8")
            spread, history = file.spread.values, file.history
    np.testing.assert_allclose(spread, expected.spread, rtol=0, atol=1e-3)
    assert "superresolve: espcn of" in history
    assert "mean of 8 orientations" in history
    flags = grids.read_grid(folder / f"flags{suffix}")
    np.testing.assert_array_equal(flags == 8, np.isnan(lr))
    assert "flag_masks" in flags.attrs
    shown = np.mean((flags.values[flags != 8].astype(int) & 3) > 0)
    near = np.mean((flags.values[flags != 8].astype(int) & 4) > 0)
    assert f"flags{suffix}: of the known cells, {shown:.1%} are outside the training range, {near:.1%} see" in said.out
    assert sorted(path.name for path in folder.glob("[!.]*")) == sorted(
        ["lr.nc", "model.keras", TRAINING_RANGE, f"sr{suffix}", f"flags{suffix}"]
    )
    assert not list(folder.glob(".*"))


def test_window_of_the_grid(folder, capsys):
    bounds = ("--bounds", 3.02e5, 7.99e6, 3.08e5, 7.996e6)
    assert run(capsys, folder, "model.keras", "lr.nc", "part.tif", *bounds)[0] == 0
    with rasterio.open(folder / "part.tif") as file:
        np.testing.assert_allclose(file.bounds, (301_900, 7_989_900, 308_100, 7_996_100))


def test_without_a_training_range_nothing_is_begun(folder, capsys):
    (folder / TRAINING_RANGE).unlink()
    status, said = run(capsys, folder, "model.keras", "lr.nc", "sr.tif", "--applicability", "flags.tif")
    assert (status, said.err.count("\n")) == (1, 1)
    assert f"{TRAINING_RANGE}: no such file" in said.err
    assert not (folder / "sr.tif").exists()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("model.keras", "lr.nc", "sr.png"), r"sr.png: cannot write .png; choose one of .nc, .tif, .tiff"),
        (("model.keras", "lr.nc", "lr.nc"), "lr.nc: exists already; .*--force"),
        (("model.keras", "none.nc", "sr.tif"), "none.nc: no such file"),
        (("lr.nc", "lr.nc", "sr.tif"), "lr.nc: not a saved model"),
        (("none.keras", "lr.nc", "sr.tif"), "none.keras: no such file"),
        (("model.keras", "lr.nc", "sr.tif", "--applicability", "sr.tif"), "must be different files"),
        (
            ("model.keras", "lr.nc", "sr.tif", "--applicability", "lr.nc/f.nc"),
            "f.nc: cannot write into .*lr.nc",
        ),
        (("model.keras", "lr.nc", "lr.nc", "--force"), "must be different files"),
        (("model.keras", "lr.nc", "sr.tif", "--applicability", "lr.nc", "--force"), "must be different files"),
        (("model.keras", "lr.nc", "sr.tif", "--tile", "0"), "tile is 0"),
        (("model.keras", "lr.nc", "lr.nc/sr.tif"), "lr.nc"),
        (("model.keras", "lr.nc", "sr.tif", "--bounds", 299_900, 7_999_300, 317_900, 8_000_100), "lr.nc: 4 x 90 cells"),
    ],
)
def test_faults_are_one_line_and_leave_nothing(arguments, match, folder, capsys):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, said = run(capsys, folder, *arguments)
    assert status == 1
    assert len(said.err.splitlines()) == 1
    assert re.search(match, said.err)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["sr.tif", "sr.nc"])
def test_broken_off_leaves_what_was_there(name, folder, capsys, monkeypatch):
    assert run(capsys, folder, "model.keras", "lr.nc", name)[0] == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bathysr_nb.maps.inference.fill_missing", full)
    status, said = run(capsys, folder, "model.keras", "lr.nc", name, "--force")
    assert (status, len(said.err.splitlines())) == (1, 1), said.err
    assert "No space left" in said.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["sr.tif", pytest.param("sr.nc", marks=pytest.mark.slow)])
def test_terminated_leaves_nothing(name, folder):
    """A scheduler's SIGTERM, once a temporary file is there."""
    before = sorted(path.name for path in folder.iterdir())
    arguments = ["superresolve", "model.keras", "lr.nc", name, "--tile", "5", "--average"]
    call = [sys.executable, "-c", f"import sys; from bathysr_nb.cli import main; sys.exit(main({arguments}))"]
    with subprocess.Popen(call, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        while sorted(path.name for path in folder.iterdir()) == before and process.poll() is None:
            time.sleep(0.01)
        process.terminate()
        said = process.stderr.read()
    assert process.returncode == 143, said
    assert "bathysr superresolve: stopped\n" in said
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_grid_without_a_place_has_its_corners_in_rasterio(tmp_path):
    axes = {"y": np.arange(60.0)[::-1] * 200 + 100, "x": np.arange(70.0) * 200 + 100}
    grids.write_grid(xr.DataArray(np.zeros((60, 70), "f4"), axes, ("y", "x")), tmp_path / "a.nc")
    with rasterio.open(tmp_path / "a.nc") as file:
        np.testing.assert_allclose(file.bounds, (0, 0, 14_000, 12_000))


def test_dask_is_written_as_numpy_is(tmp_path):
    axes = {"y": np.arange(600.0)[::-1], "x": np.arange(700.0)}
    depth = xr.DataArray(np.random.default_rng(0).normal(size=(600, 700)).astype("float32"), axes, ("y", "x"))
    for name, grid in (("lazy", depth.chunk(250)), ("plain", depth)):
        for suffix in (".tif", ".nc"):
            write.write_grid(grid, tmp_path / f"{name}{suffix}")
            np.testing.assert_array_equal(grids.read_grid(tmp_path / f"{name}{suffix}"), depth)
    with rasterio.open(tmp_path / "lazy.tif") as file:
        assert file.overviews(1) == [2]
