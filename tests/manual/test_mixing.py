import re
import warnings

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import wasserstein_distance

from bathysr_nb import augment, cli, terrain
from bathysr_nb.augment import offline
from bathysr_nb.files import store
from bathysr_nb.manual import mixing

#: As the manual prints it, but for a line break inside the comment.
MANUAL = """\
train_dir: output/train
train_data: ['data_HR.pkl', 'data_LR.pkl']
target_data_csv: data_LR.csv
# 0: normalized_mean_slope_gradient, 1: altitude_difference, 2: mean_slope_gradient_norm_data, 3: mean_slope_gradient
target_value: 3
threshold: 0.1
std: 0.05
save_dir_name: mixup_data
random_split: False
alpha: 0.5
lamb: 0.8
plot_figure: False
original_image_num: 11053
increase_rate: 2

get_slope_difference:
  valid: True
  input_data_dir: oki_test_inter/test
  delta: 50
"""
N = 40


def patches_csv(folder, cell, scale=4, rows=64):
    table = pd.DataFrame({"hr_dy": cell, "hr_dx": cell, "hr_rows": rows, "scale": scale}, index=[0])
    table.to_csv(folder / "patches.csv")


@pytest.fixture
def place(tmp_path, ridge_pairs):
    """A source of 50 m and 200 m cells, a steeper target, its feature table, and a file that names them."""
    source = ridge_pairs(N, seed=0, gentlest=0.1, steepest=1.2)
    target = ridge_pairs(30, seed=1, gentlest=0.4, steepest=1.2)
    for folder, pairs in (("output/train", source), ("oki_test_inter/test", target)):
        store.save_pair(tmp_path / folder, *pairs)
        patches_csv(tmp_path / folder, 50.0)
    lr = store.load_patches(tmp_path / "oki_test_inter/test/data_LR.pkl")
    terrain.feature_table(lr, 200.0).to_csv(tmp_path / "data_LR.csv")
    (tmp_path / "mixup.yml").write_text(MANUAL)
    return tmp_path


def run(place, force=False, **overrides):
    params = mixing.load_mixup_params(place / "mixup.yml", {"original_image_num": N, "threshold": None} | overrides)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mixing.mix_files(params, force)


CSV = {"get_slope_difference.valid": False}


def test_the_manuals_file_is_read_as_printed(place):
    params = mixing.load_mixup_params(place / "mixup.yml")
    assert params.train_dir == place / "output" / "train"
    assert params.target_data_csv == place / "data_LR.csv"
    assert params.save_dir == place / "output" / "train" / "mixup_data"
    difference = params.get_slope_difference
    assert difference == mixing.SlopeDifference(True, place / "oki_test_inter" / "test", 50)
    values = (params.target_value, params.threshold, params.std, params.alpha, params.lamb, params.increase_rate)
    assert values == (3, 0.1, 0.05, 0.5, 0.8, 2)
    assert (params.original_image_num, params.random_split, params.plot_figure) == (11053, False, False)
    assert params.lambda_policy == "target"


def test_all_files_are_there_and_agree(place):
    outcome = run(place, **CSV)
    folder = place / "output" / "train" / "mixup_data"
    blends, pairs = pd.read_csv(folder / "blends.csv"), pd.read_csv(folder / "picked_images" / "pairs.csv")
    source, all_, picked = (store.load_pair(path) for path in (folder.parent, folder, folder / "picked_images"))
    for side in range(2):
        np.testing.assert_array_equal(all_[side][:N], source[side])
        assert len(all_[side]) == N + len(blends)
        assert len(picked[side]) == len(pairs) == 2 * N
    for path, (lr, _) in ((folder, all_), (folder / "picked_images", picked)):
        table = pd.read_csv(path / "data_LR.csv")
        np.testing.assert_allclose(
            table["mean_slope_gradient"], terrain.mean_slope_gradient(lr[..., 0].astype(float), 200.0)
        )
    np.testing.assert_allclose(terrain.feature_table(picked[0], 200.0)["mean_slope_gradient"], pairs.iloc[:, 7], 1e-4)
    rows = [(r.high, r.high_variant, r.low, r.low_variant) for r in blends.itertuples()]
    for row, lr in list(zip(pairs.itertuples(), picked[0]))[:: N // 4]:
        if row.kind == "mixup":
            where = rows.index((row.high, row.high_variant, row.low, row.low_variant))
            np.testing.assert_array_equal(lr, all_[0][N + where])
        elif row.kind == "original":
            np.testing.assert_array_equal(lr, source[0][row.high])
    bins, summary = pd.read_csv(folder / "bins.csv"), pd.read_csv(folder / "summary.csv", index_col=0)
    assert bins["wanted"].sum() == 2 * N
    target = pd.read_csv(place / "data_LR.csv")["mean_slope_gradient"]
    expected = wasserstein_distance(pairs["mean_slope_gradient"], target)
    assert summary.loc["picked", "wasserstein_to_target"] == pytest.approx(expected)
    assert expected < 0.5 * summary.loc["train", "wasserstein_to_target"]
    assert (folder / "histograms.png").stat().st_size > 10_000
    assert outcome.folder == folder


def test_the_slope_difference_wins_and_is_taken_at_its_cell_size(place):
    hr = store.load_patches(place / "oki_test_inter/test/data_HR.pkl")[..., 0].astype(float)
    params = mixing.load_mixup_params(place / "mixup.yml", {"original_image_num": None, "threshold": None})
    with pytest.warns(UserWarning, match="target_data_csv is not read"):
        outcome = mixing.mix_files(params)
    np.testing.assert_allclose(outcome.values["target"], terrain.mean_slope_gradient(hr, 50.0))
    train = store.load_patches(place / "output/train/data_HR.pkl")[..., 0].astype(float)
    np.testing.assert_allclose(outcome.values["train"], terrain.mean_slope_gradient(train, 50.0))
    picked = store.load_patches(params.save_dir / "picked_images" / "data_HR.pkl")[..., 0].astype(float)
    np.testing.assert_allclose(outcome.values["picked"], terrain.mean_slope_gradient(picked, 50.0), rtol=1e-4)
    coarse = run(place, force=True, **{"get_slope_difference.delta": 200})
    lr = store.load_patches(place / "oki_test_inter/test/data_LR.pkl")[..., 0].astype(float)
    np.testing.assert_allclose(coarse.values["target"], terrain.mean_slope_gradient(lr, 200.0))


@pytest.mark.parametrize("target_value", range(4))
def test_every_feature_of_the_table_comes_nearer_to_the_target(place, target_value):
    outcome = run(place, target_value=target_value, **CSV)
    column = mixing.FEATURES[target_value]
    np.testing.assert_allclose(outcome.values["target"], pd.read_csv(place / "data_LR.csv")[column], rtol=1e-6)
    if target_value == 0:
        assert outcome.values["target"].min() == 0
        assert outcome.values["target"].max() == 1
        assert outcome.values["train"].min() < 0  # in the target's range, not its own
    distances = outcome.statistics["wasserstein_to_target"]
    assert distances["picked"] < 0.6 * distances["train"]


def test_without_a_target_a_normal_one_is_taken(place):
    outcome = run(place, target_data_csv=None, threshold=0.05, std=0.02, **CSV)
    target = outcome.values["target"]
    assert target.min() >= 0
    assert np.median(target[target > 0]) == pytest.approx(0.05, abs=0.001)
    below = 10_000 - len(target)
    assert below == pytest.approx(62, abs=1)  # Phi(-2.5) of 10,000


@pytest.mark.parametrize("policy", ["target", "beta"])
def test_same_seed_same_files(place, policy):
    folder = place / "output" / "train"
    for name in ("a", "b"):
        run(place, save_dir_name=name, lambda_policy=policy, **CSV)
    files = sorted(path.relative_to(folder / "a") for path in (folder / "a").rglob("*.*") if path.suffix != ".png")
    assert len(files) == 10
    assert all((folder / "a" / file).read_bytes() == (folder / "b" / file).read_bytes() for file in files)


def test_flips_and_turns_that_are_in_the_file_are_used(place):
    folder = place / "output" / "train"
    lr, hr = (side[..., 0] for side in store.load_pair(folder))
    copies = [augment.flip_pairs(lr, hr), augment.rotate_pairs(lr, hr, [90, 45])]
    for side, own in (("lr", lr), ("hr", hr)):
        store.save_patches(folder / f"all_{side}.pkl", np.concatenate([own, *(getattr(c, side) for c in copies)]))
    outcome = run(place, train_data=["all_hr.pkl", "all_lr.pkl"], **CSV)
    assert len(outcome.values["train"]) == N
    pairs = pd.read_csv(folder / "mixup_data" / "blends.csv")
    assert set(pairs["high_variant"]) == {"original", *offline.FLIPS, "turn_1", "turn_2"}
    with pytest.raises(ValueError, match="original_image_num is 39, but there are 240 patches"):
        run(place, True, train_data=["all_hr.pkl", "all_lr.pkl"], original_image_num=39, **CSV)


def test_every_blend_is_drawn_where_asked_for(place):
    outcome = run(place, plot_figure=True, increase_rate=1, original_image_num=None, **CSV)
    files = list((outcome.folder / "figures").glob("mixup_*-*.png"))
    assert len(files) == -(-outcome.blends // 6) > 1


FAULTS = {
    "alpha": ({"alpha": 0}, "alpha is 0, expected a number above 0"),
    "lamb": ({"lamb": 1.1}, "lamb is 1.1, expected a number from 0 to 1"),
    "rate": ({"increase_rate": 0.9}, "increase_rate is 0.9, expected a number of at least 1"),
    "value": ({"target_value": 4}, "target_value is 4, expected 0 or 1 or 2 or 3"),
    "policy": ({"lambda_policy": "gamma"}, "lambda_policy is 'gamma', expected 'target' or 'beta' or 'fixed'"),
    "name": ({"save_dir_name": "../x"}, "save_dir_name is '../x', expected a folder name"),
    "originals": ({"original_image_num": 41}, "original_image_num is 41, but there are 40 patches"),
    "threshold": (CSV | {"threshold": 9}, "threshold 9 leaves no high group"),
    "no target": (CSV | {"target_data_csv": None, "std": None}, "no target: expected target_data_csv"),
    "no csv": (CSV | {"target_data_csv": "none.csv"}, "none.csv: no such file"),
    "no folder": ({"get_slope_difference.input_data_dir": "x"}, "data_HR.pkl: no such file"),
    "half a section": ({"get_slope_difference": {"valid": True}}, "get_slope_difference.input_data_dir and delta: mis"),
    "delta": ({"get_slope_difference.delta": 70}, r"delta is 70, .* 200 m \(data_LR.pkl\) or 50 m \(data_HR.pkl\)"),
    "too few": ({"lambda_policy": "beta", "increase_rate": 9999}, "too few originals: 399960 different blends"),
    "twice": ({"save_dir_name": "."}, "save_dir_name is '.', expected a folder name"),
}


@pytest.mark.parametrize(("overrides", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_one_line_from_the_shell_and_leave_nothing(place, capsys, overrides, message):
    settings = {"original_image_num": N, "threshold": None} | overrides
    text = [f"--set={key}={yaml.safe_dump(value, default_flow_style=True).strip()}" for key, value in settings.items()]
    text = [part.removesuffix("\n...") for part in text]
    assert cli.main(["mixup", str(place / "mixup.yml"), *text]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if ": note: " not in line]
    assert len(lines) == 1
    assert re.search(message, lines[0])
    assert not (place / "output" / "train" / "mixup_data").exists()


def test_tables_that_do_not_serve_are_named(place):
    table = pd.read_csv(place / "data_LR.csv", index_col=0)
    table.drop(columns="mean_slope_gradient").to_csv(place / "data_LR.csv")
    with pytest.raises(ValueError, match="data_LR.csv: no column mean_slope_gradient; found index, altitude"):
        run(place, **CSV)
    table.assign(mean_slope_gradient=0.1).to_csv(place / "data_LR.csv")
    with pytest.raises(ValueError, match="no range"):
        run(place, **CSV)
    table.assign(mean_slope_gradient="steep").to_csv(place / "data_LR.csv")
    with pytest.raises(ValueError, match="column mean_slope_gradient: expected finite numbers"):
        run(place, **CSV)


def test_mixed_resolutions_name_both_files(ridge_pairs, place):
    table = pd.read_csv(place / "data_LR.csv", index_col=0)
    table.to_csv(place / "data_HR.csv")
    with pytest.raises(ValueError, match=r"data_HR.csv has the name of .* HR patches; .*data_LR.pkl"):
        run(place, target_data_csv=str(place / "data_HR.csv"), **CSV)
    patches_csv(place / "oki_test_inter/test", 60.0)
    with pytest.raises(ValueError, match=r"test/data_HR.pkl has cells of 60 m and .*train/data_HR.pkl of 50 m"):
        run(place)
    table.to_csv(place / "oki_test_inter/test/data_LR.csv")
    with pytest.raises(ValueError, match=r"data_LR.csv is of patches with cells of 240 m; .*200 m, as .*data_LR.pkl"):
        run(place, target_data_csv=str(place / "oki_test_inter/test/data_LR.csv"), **CSV)
    lr, hr = ridge_pairs(8, gentlest=0.1)
    store.save_pair(place / "oki_test_inter/test", lr[:, :8, :8], hr[:, :32, :32], overwrite=True)
    with pytest.raises(ValueError, match=r"patches of \(32, 32\) cells and .*of \(64, 64\); expected the same"):
        run(place)


def test_only_the_training_set_is_mixed_and_nothing_is_replaced_unasked(place):
    outcome = run(place, **CSV)
    before = (outcome.folder / "data_HR.pkl").read_bytes()
    with pytest.raises(FileExistsError, match="mixup_data: exists already"):
        run(place, seed=1, **CSV)
    assert (outcome.folder / "data_HR.pkl").read_bytes() == before
    run(place, force=True, seed=1, **CSV)
    assert (outcome.folder / "data_HR.pkl").read_bytes() != before
    with pytest.raises(ValueError, match="train_dir: mixup is for the training set only"):
        run(place, train_dir=str(place / "oki_test_inter/test"), original_image_num=None)


def test_without_patches_csv_the_manuals_cells_are_taken(place):
    for folder in ("output/train", "oki_test_inter/test"):
        (place / folder / "patches.csv").unlink()
    params = mixing.load_mixup_params(place / "mixup.yml", {"original_image_num": N, "threshold": None} | CSV)
    with pytest.warns(UserWarning, match="no patches.csv, so HR cells of 50 m and LR cells of 200 m are assumed"):
        mixing.mix_files(params)
