"""The notebooks as their users run them: through the shell, from anywhere, with mistakes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401  (its .rio)
import xarray as xr
from IPython.display import display

from bathysr_nb import grids, terrain
from bathysr_nb.course import stations
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import features

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("0*.ipynb"))
STATIONS = NOTEBOOKS[1:]  # 00 is a way in: no station, and without parameters


def papermill(notebook, cwd, *options):
    command = [sys.executable, "-m", "papermill", notebook, Path(cwd) / "out.ipynb", "--no-progress-bar", *options]
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=1200)


def last_line(result):
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stderr).strip().splitlines()[-1]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_committed_notebooks_have_outputs_in_order_and_no_local_path(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    data = [output.get("data", output.get("text")) for cell in code for output in cell.outputs]
    text = json.dumps([{k: v for k, v in d.items() if k != "image/png"} if isinstance(d, dict) else d for d in data])
    assert str(ROOT) not in text
    assert "/tmp" not in text
    assert max(len(cell.source.splitlines()) for cell in code) <= 16


@pytest.mark.parametrize("path", STATIONS, ids=lambda p: p.stem)
def test_notebooks_keep_the_frame(path):
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert len(re.findall(r"^# ", prose, re.M)) == 1
    for part in ("**You will**", "**You need**", "**Time:**", "you are here", "## When it fails", "## Summary"):
        assert part in prose, part
    first, second = [cell for cell in cells if cell.cell_type == "code"][:2]
    assert first.metadata.tags == ["parameters"]
    assert f'check_parameters("{path.stem}"' in second.source
    assert "versions()" in second.source


def execute(name, **parameters):
    """Run a notebook's cells here, its parameters set as papermill sets them."""
    injected = "# Parameters\n" + "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    namespace = {"__name__": "__main__", "In": ["", sources[0], injected], "display": display}
    for source in (sources[0], injected, *sources[1:]):
        exec(compile(source, name, "exec"), namespace)
    plt.close("all")


def test_a_fault_is_the_last_line_and_leaves_the_last_finished_result(tmp_path):
    """By papermill, from another directory, as a user's shell runs it."""
    station = stations.Station(tmp_path / "run", "01_build_dataset")
    (station.path / "table.csv").write_text("of the last result")
    station.finish({})
    build = ROOT / "notebooks" / "01_build_dataset.ipynb"
    result = papermill(build, tmp_path, "-p", "run_dir", tmp_path / "run", "-p", "stride", "-8")
    assert result.returncode != 0
    assert "stride" in last_line(result)
    assert (tmp_path / "run" / "01_build_dataset" / "table.csv").read_text() == "of the last result"


@pytest.mark.parametrize(
    ("name", "parameter", "value", "message"),
    [
        ("06_train", "modle", "espcn", "06_train: unknown parameter modle; choose from run_dir, model, training_set"),
        ("06_train", "steps", "many", "06_train: parameter steps is 'many', expected int"),
        ("06_train", "training_set", "nowhere", "expected one of originals, flips, adaptive_mixup, or a folder"),
        ("01_build_dataset", "grid", "nowhere.nc", "nowhere.nc: no such file"),
    ],
)
def test_faults_name_the_parameter_and_the_choices(tmp_path, name, parameter, value, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        execute(name, **{"run_dir": str(tmp_path / "run"), parameter: value})


@pytest.fixture
def built(tmp_path):
    """A run that begins with another grid, of cells that are not square, at another scale."""
    cells = synthetic.seafloor((500, 600), province="ridge", seed=1)
    y, x = 5e6 - 50.0 * np.arange(500), 3e5 + 80.0 * np.arange(600)
    grid = xr.DataArray(cells, {"y": y, "x": x}, ("y", "x"), name="elevation").rio.write_crs(32754)
    grids.write_grid(grid, tmp_path / "mine.nc")
    run = tmp_path / "run dir"
    execute("01_build_dataset", run_dir=str(run), grid=str(tmp_path / "mine.nc"), scale=2, kernel_size=5)
    return run


def test_another_grid_with_cells_that_are_not_square_goes_the_whole_light_way(built):
    execute("02_terrain_features", run_dir=str(built))
    execute("04_adaptive_mixup", run_dir=str(built), trial_steps=20)
    train = built / "01_build_dataset" / "source" / "train"
    assert features.spacing(train / "patches.csv", 32) == (100.0, 160.0)
    table, lr = pd.read_csv(train / "data_LR.csv"), store.load_patches(train / "data_LR.pkl")
    expected = terrain.mean_slope_gradient(lr[..., 0].astype(float), (100.0, 160.0))
    np.testing.assert_allclose(table["mean_slope_gradient"], expected)


@pytest.mark.slow
def test_another_grid_serves_the_models(built):
    execute("05_models", run_dir=str(built))


@pytest.mark.slow
def test_papermill_from_another_directory_makes_what_is_missing_and_the_same_files_and_weights(tmp_path):
    for run in ("a", "b"):
        options = ["-p", "run_dir", tmp_path / run, "-p", "model", "espcn", "-p", "steps", "120"]
        result = papermill(ROOT / "notebooks" / "06_train.ipynb", tmp_path, *options)
        assert result.returncode == 0, last_line(result)
    histories = [(tmp_path / run / "06_train" / "espcn" / "history.csv").read_text() for run in ("a", "b")]
    assert histories[0] == histories[1]
    assert (tmp_path / "a" / "06_train" / "espcn" / "model.keras").is_file()
    assert (tmp_path / "a" / "03_offline_augmentation" / "run.json").is_file()
    for run in ("a", "b"):
        result = papermill(ROOT / "notebooks" / "04_adaptive_mixup.ipynb", tmp_path, "-p", "run_dir", tmp_path / run)
        assert result.returncode == 0, last_line(result)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.pkl"))
    assert len(files) >= 12
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


@pytest.mark.slow
def test_a_failing_notebook_stops_the_demo_with_its_name(tmp_path):
    (tmp_path / "03_offline_augmentation").mkdir()
    (tmp_path / "03_offline_augmentation" / "mine.txt").write_text("not made by a notebook")
    command = [sys.executable, "-m", "bathysr_nb.cli", "demo", "--run-dir", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert result.returncode == 1
    assert "03_offline_augmentation: FileExistsError" in last_line(result)
    assert "no notebook made" in last_line(result)
    assert not (tmp_path / "04_adaptive_mixup").exists()
