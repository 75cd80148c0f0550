import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bathysr_nb import grids, terrain
from bathysr_nb.cli import main
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import blocks
from bathysr_nb.trial import jobs, settings, training_sets

CONFIG = """\
grid: sea.nc
save_dir: out
arms: [flip_rotate, adaptive_mixup]
seeds: [0]
block_cells: 28
patch_cells: 20
stride: 4
source_share: 0.5
increase_rate: 1
steps: 4
batch_size: 8
slope_edges: [0.05]
"""


@pytest.fixture(scope="module")
def sea(tmp_path_factory):
    """A made grid of 24 blocks, steep in the east."""
    folder = tmp_path_factory.mktemp("sea")
    depth = synthetic.seafloor((112, 168), cell=100.0, province="ridge", seed=4)
    depth = (depth - depth.mean()) * np.linspace(0.1, 1, 168) - 3000
    centres = {"y": np.arange(112) * -100.0, "x": np.arange(168) * 100.0}
    grid = xr.DataArray(depth.astype("float32"), centres, ("y", "x"), attrs={"cell_size": (100.0, 100.0)})
    grids.write_grid(grid, folder / "sea.nc")
    return folder / "sea.nc"


@pytest.fixture
def config(tmp_path, sea):
    shutil.copy(sea, tmp_path / "sea.nc")
    path = tmp_path / "ablation.yml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def told(tmp_path, capsys):
    """Run `bathysr ablate` and give its status and what it said."""

    def call(config, *settings):
        capsys.readouterr()
        flags = [part for text in settings for part in ((text,) if text.startswith("--") else ("--set", text))]
        status = main(["ablate", str(config), *flags])
        return status, capsys.readouterr()

    return call


def test_areas_are_disjoint_and_the_target_is_the_steep_part(config):
    asked = settings.load_settings(config)
    area = jobs.areas(asked)
    grid = grids.read_grid(asked.grid)
    _, hr, table = blocks.build_pairs(grid.values, grid.attrs["cell_size"], 28, hr_img_shape=(20, 20), hr_stride=(4, 4))
    places = {patch.tobytes(): block for patch, block in zip(hr, table["block"])}
    dealt = [{places[patch.tobytes()] for patch in pair[1]} for pair in area[:4]]
    assert sum(map(len, dealt)) == len(set.union(*dealt)) == 24
    slopes = [terrain.mean_slope_gradient(lr.astype(float), area.delta).mean() for lr, _ in area[:4]]
    assert max(slopes[:2]) < min(slopes[2:])
    assert len(area.table) == len(area.scored[0])
    assert area.table["block"].tolist() == [places[patch.tobytes()] for patch in area.scored[1]]


def test_every_arm_has_the_same_budget(config):
    asked = dataclasses.replace(settings.load_settings(config), increase_rate=1.5)
    made = {arm: jobs.arm_training_set(asked, arm, 0) for arm in training_sets.ARMS}
    assert {len(part.lr) for part in made.values()} == {round(1.5 * len(jobs.areas(asked).source[0]))}


@pytest.mark.slow
def test_goes_on_where_it_was_stopped(config, told):
    status, said = told(config)
    assert (status, said.err) == (0, "")
    assert "adaptive_mixup" in said.out
    folder = config.parent / "out"
    first = {path.name: path.stat().st_mtime_ns for path in (folder / "scores").iterdir()}
    (folder / "scores" / "espcn-adaptive_mixup-0.json").unlink()  # as if it had been killed before that
    errors = (folder / "scores" / "espcn-adaptive_mixup-0.csv").read_bytes()
    assert told(config, "seeds=[0,1]")[0] == 0
    second = {path.name: path.stat().st_mtime_ns for path in (folder / "scores").iterdir()}
    assert len(second) == 8
    assert second["espcn-flip_rotate-0.csv"] == first["espcn-flip_rotate-0.csv"]
    assert (folder / "scores" / "espcn-adaptive_mixup-0.csv").read_bytes() == errors
    scores = pd.read_csv(folder / "ablation.csv")
    assert scores.query("method == 'flip_rotate'")["seed_spread"].notna().all()
    status, said = told(config, "steps=5")
    assert (status, said.err.count("\n")) == (1, 1)
    assert "other settings: steps 4 (now 5); choose another save_dir" in said.err
    assert told(config, "steps=5", "--force")[0] == 0
    assert len(list((folder / "scores").iterdir())) == 4


def test_scores_are_the_errors_of_the_last_step(config, told):
    """Worked again from the saved network: the mean over seeds of each patch, then pooled."""
    from bathysr_nb.models.build import load_model

    told(config, "arms=[flip_rotate]", "seeds=[0,1]")
    asked = settings.load_settings(config, {"seeds": [0, 1]})
    lr, hr = jobs.areas(asked).scored
    squares = []
    for seed in (0, 1):
        model = load_model(asked.save_dir / "trainings" / f"espcn-flip_rotate-{seed}" / "model.keras")
        squares.append((model.predict(lr[..., None], verbose=0)[..., 0].astype(float) - hr) ** 2)
    scores = pd.read_csv(asked.save_dir / "ablation.csv").query("slope == 'all' and method == 'flip_rotate'")
    scores = scores.set_index("cells")
    assert scores.loc["all", "rmse"] == pytest.approx(np.sqrt(np.mean(squares)))
    inner = [square[:, 8:-8, 8:-8].mean() for square in squares]
    assert scores.loc["inner", "rmse"] == pytest.approx(np.sqrt(np.mean(inner)))
    assert scores.loc["inner", "seed_spread"] == pytest.approx(np.std(np.sqrt(inner), ddof=1))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("arms=[none]", "flip_rotate among them"),
        ("arms=[flip_rotate, mixdown]", "arms"),
        ("seeds=[1, 1]", "each once"),
        ("models=[unet]", "models"),
        ("source_share=1", "source_share"),
        ("increase_rate=0.5", "increase_rate"),
        ("grid=nowhere.nc", "nowhere.nc"),
        ("steps=0", "steps"),
        ("patch_cells=16", "patch_cells is 16, expected at least 20 at scale 4"),
    ],
)
def test_faults_are_one_line_and_write_nothing(config, told, setting, message):
    status, said = told(config, setting)
    assert (status, said.err.count("\n")) == (1, 1)
    assert message in said.err
    assert not (config.parent / "out").exists()


def test_a_call_that_fails_does_not_stand_in_the_way(config, told):
    status, said = told(config, "patch_cells=22")
    assert (status, "multiples of the scale 4" in said.err) == (1, True)
    assert not (config.parent / "out").exists()
    assert told(config, "arms=[flip_rotate]")[0] == 0


def test_what_no_ablation_made_is_left_alone(config, told):
    mine = config.parent / "out" / "scores" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    for force in ((), ("--force",)):
        status, said = told(config, *force)
        assert (status, said.err.count("\n"), "no ablation made (scores/mine.txt)" in said.err) == (1, 1, True)
    assert mine.read_text() == "mine"


@pytest.mark.slow
def test_processes_give_what_one_gives(config, told):
    told(config)
    alone = pd.read_csv(config.parent / "out" / "ablation.csv")
    assert told(config, "save_dir=shared", "--workers=2")[0] == 0
    pd.testing.assert_frame_equal(
        pd.read_csv(config.parent / "shared" / "ablation.csv"), alone, rtol=5e-3
    )  # as many threads do not round alike
