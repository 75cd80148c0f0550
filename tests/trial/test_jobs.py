import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bathysr_nb import grids, terrain
from bathysr_nb.cli import main
from bathysr_nb.grids import synthetic
from bathysr_nb.interpolation import enlarge
from bathysr_nb.pairs import blocks
from bathysr_nb.trial import jobs, settings, training_sets
from bathysr_nb.trial.areas import cut_areas, scored_half
from bathysr_nb.trial.forms import FORMS

CONFIG = """\
grid: sea.nc
save_dir: out
arms: [flip_rotate, adaptive_mixup]
seeds: [0]
form: [residual]
block_cells: 28
patch_cells: 20
stride: 4
source_share: 0.5
increase_rate: 1
steps: [4]
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
    area = cut_areas(asked)
    grid = grids.read_grid(asked.grid)
    _, hr, table = blocks.build_pairs(grid.values, grid.attrs["cell_size"], 28, hr_img_shape=(20, 20), hr_stride=(4, 4))
    places = {patch.tobytes(): block for patch, block in zip(hr, table["block"])}
    parts = [*area[:2], *(half[:2] for half in area.halves)]
    dealt = [{places[patch.tobytes()] for patch in pair[1]} for pair in parts]
    assert sum(map(len, dealt)) == len(set.union(*dealt)) == 24
    slopes = [terrain.mean_slope_gradient(lr.astype(float), area.delta).mean() for lr, _ in parts]
    assert max(slopes[:2]) < min(slopes[2:])
    for half in area.halves:
        assert half.table["block"].tolist() == [places[patch.tobytes()] for patch in half.hr]
        np.testing.assert_allclose(half.table["mean_depth"], half.lr.mean(axis=(1, 2)), rtol=1e-5)


def test_odd_seeds_swap_the_halves_and_can_be_kept_from_it(config):
    asked = settings.load_settings(config)
    assert [scored_half(asked, seed) for seed in (0, 1, 2, 3)] == [1, 0, 1, 0]
    assert [scored_half(dataclasses.replace(asked, swap_halves=False), seed) for seed in (0, 1)] == [1, 1]
    for seed in (0, 1):  # the oracle learns from the half that is not scored
        known = {patch.tobytes() for patch in cut_areas(asked).halves[scored_half(asked, seed)].hr}
        steering = {patch.tobytes() for patch in cut_areas(asked).halves[1 - scored_half(asked, seed)].hr}
        oracle = jobs.arm_training_set(asked, "oracle", seed)
        seen = {patch.tobytes() for patch, row in zip(oracle.hr, oracle.pairs["kind"]) if row == "original"}
        assert seen <= steering
        assert not seen & known


def test_every_arm_has_the_same_budget(config):
    asked = dataclasses.replace(settings.load_settings(config), increase_rate=1.5)
    made = {arm: jobs.arm_training_set(asked, arm, 0) for arm in training_sets.ARMS}
    assert {len(part.lr) for part in made.values()} == {round(1.5 * len(cut_areas(asked).source[0]))}


def test_a_ladder_compares_what_is_finished_and_says_what_is_left_out(config, told):
    forms = f"form=[{', '.join(FORMS)}]"
    assert told(config, forms, "arms=[flip_rotate, oracle]", "steps=[2, 4]", "seeds=[0]", "--hours=0")[0] == 1
    status, said = told(config, "form=[manual, residual]", "arms=[flip_rotate]", "steps=[2]", "seeds=[0]")
    assert (status, said.err) == (0, "")
    assert "0 of 2 trainings are done; the other 2 take about" in said.out
    status, said = told(config, forms, "arms=[flip_rotate, oracle]", "steps=[2, 4]", "seeds=[0]", "--hours=0")
    assert (status, said.err) == (0, "")
    assert "2 of 16 trainings are finished. Left out: 6 of 8 at 2 steps; 8 of 8 at 4 steps." in said.out
    assert (
        "One half of the steep blocks (6 blocks) only steers and is not scored: an odd seed would score it." in said.out
    )
    folder = config.parent / "out"
    scores = pd.read_csv(folder / "ablation.csv")
    assert set(scores["form"]) == {"manual", "residual"}
    assert {path.name for path in folder.glob("*.png")} == {"ablation.png", "ladder.png"}
    assert len(list((folder / "scores").glob("*.json"))) == 2


def test_two_seeds_score_every_steep_block_once(config, told):
    assert told(config, "arms=[flip_rotate]", "seeds=[0, 1]")[0] == 0
    scores = pd.read_csv(config.parent / "out" / "ablation.csv")
    whole = scores.query(
        "slope == 'all' and reference == 'bicubic' and after == 'as it is' and method == 'flip_rotate'"
    )
    halves = cut_areas(settings.load_settings(config)).halves
    assert (whole["patches"] == sum(len(half.lr) for half in halves)).all()
    assert (whole["blocks"] == 12).all()
    own = []
    for seed in (0, 1):
        table = pd.read_csv(config.parent / "out" / "scores" / f"espcn-residual-4-flip_rotate-{seed}.csv")
        assert len(table) == len(halves[1 - seed].lr)
        own.append(table["inner"])
    rmse = whole.set_index("cells").loc["inner", "rmse"]
    assert rmse == pytest.approx(np.sqrt(np.concatenate(own).mean()), rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_forms_at_their_start(config, form):
    """Before training: the residual forms are bicubic; a centred one does not know how deep a patch lies."""
    from bathysr_nb.models.build import build_model
    from bathysr_nb.trial.forms import in_form, patch_mean, units

    asked = settings.load_settings(config)
    source, lr = cut_areas(asked).source, cut_areas(asked).halves[0].lr[:3]
    norm = units(source, form)
    network = build_model("espcn", (5, 5, 1), 4, norm, bias=FORMS[form].bias)

    def predicted(lr):
        mean = patch_mean(lr, form)
        return network.predict((lr - mean)[..., None], verbose=0)[..., 0] + mean

    deeper = predicted(lr - 1000) - predicted(lr)
    if FORMS[form].residual:
        np.testing.assert_allclose(predicted(lr), enlarge(lr, 4), rtol=1e-5)
    if form == "manual":
        assert np.abs(deeper + 1000).max() > 10
    else:
        np.testing.assert_allclose(deeper, -1000, rtol=1e-3)
    assert all(side.shape[-1] == 1 for side in in_form(source, form))
    assert norm.high - norm.low > 0


def test_a_network_with_biases_does_not_scale_and_one_without_does(config):
    from bathysr_nb.trial.jobs import unscaled

    lr = cut_areas(settings.load_settings(config)).halves[0].lr[:5].astype(float)
    up = lambda lr, gain: enlarge(lr, 4) + gain(enlarge(lr - lr.mean((1, 2), keepdims=True), 4))  # noqa: E731
    assert unscaled(lambda lr: up(lr, lambda x: 0.3 * x), lr, 4) == pytest.approx(0, abs=1e-6)
    assert unscaled(lambda lr: up(lr, lambda x: x + 5 - x), lr, 4) == pytest.approx(0.5)  # a constant does not double


@pytest.mark.slow
def test_goes_on_where_it_was_stopped(config, told):
    status, said = told(config)
    assert (status, said.err) == (0, "")
    assert "adaptive_mixup" in said.out
    folder = config.parent / "out"
    first = {path.name: path.stat().st_mtime_ns for path in (folder / "scores").iterdir()}
    (folder / "scores" / "espcn-residual-4-adaptive_mixup-0.json").unlink()  # as if it had been killed before that
    errors = (folder / "scores" / "espcn-residual-4-adaptive_mixup-0.csv").read_bytes()
    assert told(config, "seeds=[0,2]")[0] == 0
    second = {path.name: path.stat().st_mtime_ns for path in (folder / "scores").iterdir()}
    assert len(second) == 8
    assert second["espcn-residual-4-flip_rotate-0.csv"] == first["espcn-residual-4-flip_rotate-0.csv"]
    assert (folder / "scores" / "espcn-residual-4-adaptive_mixup-0.csv").read_bytes() == errors
    scores = pd.read_csv(folder / "ablation.csv")
    assert scores.query("method == 'flip_rotate' and slope == 'all'")["seed_spread"].notna().all()
    status, said = told(config, "batch_size=5")
    assert (status, said.err.count("\n")) == (1, 1)
    assert "other settings: batch_size 8 (now 5); choose another save_dir" in said.err
    assert told(config, "batch_size=5", "--force")[0] == 0
    assert len(list((folder / "scores").iterdir())) == 4


def test_scores_are_the_errors_of_the_last_step(config, told):
    """Worked again from the saved network: the mean over seeds of each patch, then pooled."""
    from bathysr_nb.models.build import load_model

    told(config, "arms=[flip_rotate]", "seeds=[0,2]")
    asked = settings.load_settings(config, {"seeds": [0, 2]})
    lr, hr, _ = cut_areas(asked).halves[1]
    squares = []
    for seed in (0, 2):
        model = load_model(asked.save_dir / "trainings" / f"espcn-residual-4-flip_rotate-{seed}" / "model.keras")
        squares.append((model.predict(lr[..., None], verbose=0)[..., 0].astype(float) - hr) ** 2)
    chosen = "slope == 'all' and method == 'flip_rotate' and after == 'as it is' and reference == 'bicubic'"
    scores = pd.read_csv(asked.save_dir / "ablation.csv").query(chosen).set_index("cells")
    assert scores.loc["all", "rmse"] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-4)
    inner = [square[:, 8:-8, 8:-8].mean() for square in squares]
    assert scores.loc["inner", "rmse"] == pytest.approx(np.sqrt(np.mean(inner)), rel=1e-4)
    assert scores.loc["inner", "seed_spread"] == pytest.approx(np.std(np.sqrt(inner), ddof=1), rel=1e-2, abs=1e-3)


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
        ("steps=4", "steps is 4"),
        ("steps=[0]", "steps"),
        ("steps=[8, 4]", "a list of rising whole numbers above 0"),
        ("form=[manual, rung]", "form"),
        ("form=[]", "a list of forms, each once"),
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
        pd.read_csv(config.parent / "shared" / "ablation.csv"), alone, rtol=5e-2
    )  # as many threads do not round alike
