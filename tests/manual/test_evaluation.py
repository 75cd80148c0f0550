import numpy as np
import pandas as pd
import pytest
import yaml

from bathysr_nb import cli, interpolation
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.manual import evaluation
from bathysr_nb.manual.inputfile import load_params
from bathysr_nb.manual.sets import test_set as read_test_set
from bathysr_nb.pairs import downsampling, features

N = 20
SMALL = {"filters": (4,), "kernels": (3, 3)}
HR = synthetic.seafloor((32, 32 * N), province="ridge", seed=1).reshape(32, N, 32).swapaxes(0, 1) - 2500
HR = HR.astype(np.float32)
LR = downsampling.resize(HR)
FILES = {"scores.csv", "scores.md", "spectrum.csv", "spectrum.png", "errors.png", "invented.png"}


@pytest.fixture
def config(saved_network, tmp_path):
    """An input file whose network has weights and whose data set is on disk, each patch a block of its own."""
    for name, part in (("train", slice(0, 8)), ("test", slice(8, N))):
        folder = tmp_path / "data" / name
        store.save_pair(folder, LR[part], HR[part])
        count = len(HR[part])
        table = pd.DataFrame({"block": np.arange(count), "hr_rows": 32, "scale": 4, "hr_dy": 50.0, "hr_dx": 50.0})
        table.to_csv(folder / "patches.csv", index_label="index")
        features.write_features(folder / "data_HR.pkl")
    keys = {"data_dir": "data", "log_dir": "log", "model": "espcn", "input_shape": [8, 8, 1]}
    path = tmp_path / "input.yml"
    path.write_text(yaml.safe_dump(keys | {"espcn": {"filters": [4], "kernels": [3, 3]}}))
    saved_network(tmp_path / "log", **SMALL)
    return path


def run(capsys, *arguments):
    status = cli.main(["evaluate", *map(str, arguments)])
    return status, capsys.readouterr()


def test_from_the_shell(config, capsys):
    status, said = run(capsys, config, "--slope-edges", "0.02,0.04")
    assert status == 0, said.err
    folder = config.parent / "log" / "evaluation"
    assert {path.name for path in folder.iterdir()} == FILES
    assert all((folder / name).stat().st_size > 20_000 for name in FILES if name.endswith("png"))
    scores = pd.read_csv(folder / "scores.csv")
    assert list(scores["method"].unique()) == ["nearest", "bilinear", "bicubic", "spline", "linear filter", "espcn"]
    assert set(scores["slope"]) <= {"0-0.02", "0.02-0.04", "0.04-", "all"}
    line = scores.query("cells == 'inner' and slope == 'all' and method == 'bicubic'").iloc[0]
    bicubic = interpolation.enlarge(LR[8:], 4).astype(float) - HR[8:]
    assert line["rmse"] == pytest.approx(np.sqrt((bicubic[:, 8:-8, 8:-8] ** 2).mean()), rel=1e-4)
    down = (downsampling.resize(interpolation.enlarge(LR[8:], 4)) - LR[8:])[:, 2:-2, 2:-2]
    assert line["lr_consistency"] == pytest.approx(np.sqrt((down.astype(float) ** 2).mean()), rel=1e-3)
    assert said.out.splitlines()[1].startswith("all slopes, against bicubic: ")
    assert said.out.splitlines()[-1].endswith("scores.md")
    assert (folder / "scores.md").read_text().startswith("# espcn on the test set")
    status, said = run(capsys, config)
    assert (status, "evaluation: exists already" in said.err) == (1, True)
    (folder / "notes.txt").write_text("mine")
    assert "holds files that no evaluation made (notes.txt)" in run(capsys, config, "--force")[1].err


@pytest.mark.parametrize("edges", ["steep", "0.1,0.05", "0,0.1", ""])
def test_slope_edges_that_do_not_rise_are_told(config, capsys, edges):
    with pytest.raises(SystemExit):
        run(capsys, config, "--slope-edges", edges)
    assert f"found {edges}, expected rising numbers above 0" in capsys.readouterr().err


def test_the_manuals_test_takes_slope_edges_too(config):
    assert cli.main(["test", str(config), "--slope-edges", "0.03"]) == 0
    names = {path.name for path in (config.parent / "log" / "test_result").glob("*slope*")}
    assert names == {"test_resultsslope0-0.03_describe.csv", "test_resultsslope0.03-_describe.csv"}


@pytest.mark.parametrize("verb", ["evaluate", "test"])
def test_without_truth_there_is_one_line_and_no_folder(config, capsys, verb):
    (config.parent / "data" / "test" / "data_HR.pkl").unlink()
    assert cli.main([verb, str(config)]) == 1
    said = capsys.readouterr().err.strip()
    assert "test/data_HR.pkl: no such file; scores need the true depths" in said
    assert len(said.splitlines()) == 1
    assert not (config.parent / "log" / "evaluation").exists()


def test_without_a_training_set_the_filter_is_left_out(config):
    params = load_params(config)
    assert evaluation.training_filter(params).scale == 4
    (params.data_dir / "train").rename(params.data_dir / "away")
    with pytest.warns(UserWarning, match="train: no such folder.*; the best linear filter is left out"):
        assert evaluation.training_filter(params) is None


def test_ground_without_patches_csv_takes_the_cell_size_that_makes_the_slopes(config):
    params = load_params(config)
    truth, pairs = params.data_dir / "test" / "data_HR.pkl", read_test_set(params)
    known = evaluation.survey(truth, pairs)
    np.testing.assert_array_equal(known.block, np.arange(12))
    assert (known.delta, known.downsampling) == ((50.0, 50.0), "bilinear")
    truth.with_name("patches.csv").unlink()
    with pytest.warns(UserWarning, match="patches.csv: no such file; the cell size is 50 m, .* no intervals"):
        unknown = evaluation.survey(truth, pairs)
    assert unknown.block is None
    assert unknown.delta == pytest.approx((50, 50), rel=1e-4)


def test_ground_of_dropped_patches_and_of_another_downsampling(config):
    params = load_params(config)
    test = params.data_dir / "test"
    store.save_patches(test / "data_LR.pkl", downsampling.resize(HR[8:], 4, "area"), overwrite=True)
    holed = HR[8:].copy()
    holed[[0, 5], 3, 3] = np.nan
    store.save_patches(test / "data_HR.pkl", holed, overwrite=True)
    with pytest.warns(UserWarning, match="2 of 12 patches dropped"):
        pairs = read_test_set(params)
    ground = evaluation.survey(test / "data_HR.pkl", pairs)
    assert ground.block.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert ground.downsampling == "area"
    with pytest.warns(UserWarning, match="LR consistency assumes bilinear"):
        assert evaluation.survey(test / "data_HR.pkl", pairs._replace(lr=pairs.lr + 9)).downsampling == "bilinear"
    (test / "patches.csv").write_text("index,hr_rows,scale,hr_dy,hr_dx\n0,32,4,50,50\n")
    with pytest.raises(ValueError, match=r"patches.csv: has 1 rows .*expected a block for each of 12 patches"):
        evaluation.survey(test / "data_HR.pkl", pairs)


@pytest.mark.parametrize("wrong", ["abc", ""])
def test_a_block_that_is_no_number_is_told(config, wrong):
    params = load_params(config)
    truth, pairs = params.data_dir / "test" / "data_HR.pkl", read_test_set(params)
    table = pd.read_csv(truth.with_name("patches.csv")).astype({"block": object})
    table.loc[3, "block"] = wrong
    table.to_csv(truth.with_name("patches.csv"), index=False)
    with pytest.raises(ValueError, match="patches.csv: block of patch 3 is .*expected a number"):
        evaluation.survey(truth, pairs)


def test_the_model_is_the_one_that_was_trained(saved_network, units, config):
    """Scores of the network itself, predicted here."""
    params = load_params(config)
    model = saved_network(params.log_dir, **SMALL)
    sr = model.predict(LR[8:, ..., None], verbose=0)[..., 0]
    found, _ = evaluation.evaluate_params(params)
    line = found.scores.query("cells == 'all' and slope == 'all' and method == 'espcn'").iloc[0]
    error = sr.astype(float) - HR[8:]
    assert line["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
    assert line["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert line["psnr"] == pytest.approx(
        np.mean(-10 * np.log10((error**2).mean(axis=(1, 2)) / (units.high - units.low) ** 2)), rel=1e-3
    )
