import os
import shutil

import numpy as np
import pytest
import xarray as xr

from bathysr_nb.course import stations
from bathysr_nb.files import project, store


def station(run, name, text="x", **finish):
    made = stations.Station(run, name)
    (made.path / "table.csv").write_text(text)
    made.finish(**{"parameters": {}, **finish})
    return run / name


def test_a_station_takes_its_place_only_when_it_is_finished(tmp_path):
    folder = station(tmp_path, "01_build_dataset", "old")
    again = stations.Station(tmp_path, "01_build_dataset")
    (again.path / "table.csv").write_text("half")
    assert (folder / "table.csv").read_text() == "old"
    stations.Station(tmp_path, "01_build_dataset").finish({})
    assert not (folder / "table.csv").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["01_build_dataset"]


def test_a_station_stopped_while_it_takes_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    folder = station(tmp_path, "01_build_dataset", "old")
    again, replace = stations.Station(tmp_path, "01_build_dataset"), os.replace

    def interrupted(source, target):
        if source == again.path:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        again.finish({})
    assert (folder / "table.csv").read_text() == "old"


def test_files_that_no_notebook_made_are_never_removed(tmp_path):
    folder = station(tmp_path, "01_build_dataset")
    (folder / "beside.csv").write_text("made by a later station")
    station(tmp_path, "02_terrain_features", outputs=[folder / "beside.csv"])
    stations.Station(tmp_path, "01_build_dataset")
    (folder / "my_notes.txt").write_text("x")
    with pytest.raises(FileExistsError, match=r"no notebook made \(my_notes\.txt\)"):
        stations.Station(tmp_path, "01_build_dataset")


def test_a_station_is_done_only_while_its_files_are_there(tmp_path):
    assert not stations.is_done(tmp_path, "s")
    folder = station(tmp_path, "s")
    assert stations.is_done(tmp_path, "s")
    (folder / "table.csv").unlink()
    assert not stations.is_done(tmp_path, "s")
    with pytest.raises(ValueError, match="lacks files"):
        stations.ensure(tmp_path, "s")


@pytest.mark.parametrize("text", ["", "[1]", "{}", "null"])
def test_a_damaged_record_is_not_done(tmp_path, text):
    (station(tmp_path, "s") / "run.json").write_text(text)
    assert not stations.is_done(tmp_path, "s")


def test_a_run_can_be_moved_and_copied(tmp_path):
    run = tmp_path / "a"
    source = station(run, "01") / "table.csv"
    station(run, "02", inputs=[source])
    shutil.copytree(run, tmp_path / "copy")
    run.rename(tmp_path / "moved")
    (tmp_path / "copy" / "01" / "table.csv").unlink()
    assert stations.ensure(tmp_path / "moved", "02") == tmp_path / "moved" / "02"
    assert not stations.is_done(tmp_path / "copy", "01")


def test_changed_inputs_and_unfinished_stations_are_errors(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("a")
    station(tmp_path, "s", inputs=[source])
    stations.ensure(tmp_path, "s")
    source.write_text("b")
    with pytest.raises(ValueError, match=r"in\.txt has changed since s was made"):
        stations.ensure(tmp_path, "s")
    stations.Station(tmp_path, "t")
    with pytest.raises(ValueError, match="t of .* is unfinished"):
        stations.ensure(tmp_path, "t")
    with pytest.raises(
        FileNotFoundError, match="presets only for espcn, espcn-adaptive_mixup, esrgan, fsrcnn, srcnn, srgan"
    ):
        stations.ensure(tmp_path, "06_train/unet")


def test_another_run_is_not_replaced(tmp_path):
    station(tmp_path, "06_train/espcn", parameters={"run_dir": "a", "loss": "mae"})
    stations.refuse_other(tmp_path, "06_train/espcn", {"run_dir": "b", "loss": "mae"})
    stations.refuse_other(tmp_path, "06_train/other", {"run_dir": "b", "loss": "mse"})
    with pytest.raises(ValueError, match=r"made with loss 'mae' \(now 'mse'\); keep both by another name"):
        stations.refuse_other(tmp_path, "06_train/espcn", {"run_dir": "a", "loss": "mse"})


def test_training_set_names_the_choices(tmp_path):
    with pytest.raises(ValueError, match="originals, flips, adaptive_mixup, or a folder"):
        stations.training_set(tmp_path, "nowhere")
    store.save_pair(tmp_path, np.zeros((1, 4, 4)), np.zeros((1, 16, 16)))
    assert stations.training_set(tmp_path, str(tmp_path)) == tmp_path


def test_a_trial_of_a_run_is_made_on_the_ground_of_the_run(tmp_path, monkeypatch):
    from bathysr_nb import grids
    from bathysr_nb.course import ground
    from bathysr_nb.trial import load_settings

    path = tmp_path / "mine.nc"
    lat, lon = 10 + np.arange(40) / 240, 120 + np.arange(50) / 240
    depth = xr.DataArray(grids.seafloor((40, 50), seed=2), {"y": lat[::-1], "x": lon}, ("y", "x"))
    (-depth).to_dataset(name="h").to_netcdf(path)
    own = {"grid": str(path), "reading": {"positive": "down", "crs": "EPSG:4326"}, "kernel_size": 0, "seed": 7}
    cut = {"block_cells": 10, "patch_cells": 24, "stride": 4, "scale": 3, "source_share": 0.5, "validation_size": 0.2}
    monkeypatch.delenv("BATHYSR_RUN_DIR", raising=False)
    stations.Station(tmp_path / "run", "01_build_dataset").finish(own | cut)
    settings = load_settings(
        project.root() / "params" / "ablation_quick.yml", ground.trial_ground(tmp_path / "run") | {"save_dir": "x"}
    )
    assert (settings.grid, settings.positive, settings.crs, settings.split_seed) == (path, "down", "EPSG:4326", 7)
    assert {name: getattr(settings, name) for name in cut} == cut
    read = ground.run_grid(tmp_path / "run")
    np.testing.assert_allclose(read, np.where(depth < 0, depth, np.nan), rtol=1e-6)


@pytest.mark.parametrize("name", [".", "..", "../../x", "/tmp/x", "06_train/..", ""])
def test_a_station_never_leaves_its_run(name, tmp_path):
    station(tmp_path, "06_train/mine", "kept")
    with pytest.raises(ValueError, match="expected a folder below the run folder"):
        stations.Station(tmp_path, name)
    if name:
        with pytest.raises(ValueError, match="expected a folder name without a path"):
            stations.run_name("espcn", "flips", name)
    assert (tmp_path / "06_train" / "mine" / "table.csv").read_text() == "kept"


def test_a_demo_touches_nothing_that_another_run_made(tmp_path, monkeypatch):
    from bathysr_nb.course import demo, parameters

    monkeypatch.delenv("BATHYSR_RUN_DIR", raising=False)
    folder = station(
        tmp_path, "06_train/espcn", "hours of work", parameters=parameters.preset("06_train/espcn") | {"seed": 99}
    )
    with pytest.raises(ValueError, match="exists, made with seed 99 .*give another folder .--run-dir., or delete it"):
        demo.demo(tmp_path)
    assert (folder / "table.csv").read_text() == "hours of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["06_train"]
