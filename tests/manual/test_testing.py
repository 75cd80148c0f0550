import numpy as np
import pandas as pd
import pytest

from bathysr_nb import interpolation, terrain
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.manual import testing
from bathysr_nb.manual.inputfile import Espcn, Params
from bathysr_nb.models.backend import keras
from bathysr_nb.pairs import downsampling, features

N = 5
METHODS = ("low-res", "bicubic", "super-res")
HR = synthetic.seafloor((32, 32 * N), province="ridge", seed=1).reshape(32, N, 32).swapaxes(0, 1)
HR = (HR - HR.mean(axis=(1, 2), keepdims=True)) * np.linspace(0.05, 5, N)[
    :, None, None
] - 2500  # gentle ones, steep ones
LR = downsampling.resize(HR)


@pytest.fixture
def params(tmp_path):
    """An input file's parameters, with a test set of 50 m cells on disk."""
    test = tmp_path / "data" / "test"
    store.save_pair(test, LR, HR)
    table = pd.DataFrame(
        {"hr_rows": 32, "scale": 4, "hr_dy": 50.0, "hr_dx": 50.0}, index=pd.RangeIndex(N, name="index")
    )
    table.to_csv(test / "patches.csv")
    features.write_features(test / "data_HR.pkl")
    net = {"model": "espcn", "input_shape": (8, 8, 1), "espcn": Espcn(filters=(4,), kernels=(3, 3))}
    return Params(data_dir=tmp_path / "data", log_dir=tmp_path / "log", **net)


SMALL = {"filters": (4,), "kernels": (3, 3)}


def test_all_files_of_the_manual_with_scores_worked_out_anew(saved_network, params):
    model = saved_network(params.log_dir, **SMALL)
    frame = testing.test(params)
    folder = params.log_dir / "test_result"
    bins = ("", "slope0-0.05", "slope0.05-0.1", "slope0.1-")
    tables = {"test_results.csv", *(f"test_results{name}_describe.csv" for name in bins)}
    pictures = {"test_result_0-3.png", "test_result_4-4.png"}
    assert {p.name for p in folder.iterdir()} == tables | pictures | {"data_SR.pkl"}
    read = pd.read_csv(folder / "test_results.csv", index_col="img_index")
    pd.testing.assert_frame_equal(read, frame, check_dtype=False, rtol=1e-6)
    assert list(frame.columns[:5]) == [
        "mean_slope_gradient",
        *(f"low-res_{k}" for k in ("psnr", "dssim", "rmse", "rmse_metres")),
    ]

    sr = keras.ops.convert_to_numpy(model(LR[..., None].astype("float32")))
    np.testing.assert_allclose(store.load_patches(folder / "data_SR.pkl"), sr, rtol=1e-5)
    estimates = (np.kron(LR, np.ones((4, 4))), interpolation.enlarge(LR, 4), sr[..., 0])
    for method, estimate in zip(METHODS, estimates):
        square = ((estimate.astype(float) - HR) ** 2).mean(axis=(1, 2))
        np.testing.assert_allclose(frame[f"{method}_rmse_metres"], np.sqrt(square), rtol=1e-3)
        np.testing.assert_allclose(frame[f"{method}_rmse"], np.sqrt(square) / 2000, rtol=1e-3)
        np.testing.assert_allclose(frame[f"{method}_psnr"], -10 * np.log10(square / 2000**2), atol=0.02)
    np.testing.assert_allclose(frame["mean_slope_gradient"], terrain.mean_slope_gradient(HR, 50), rtol=1e-3)


def test_slope_bins_are_described_and_an_empty_one_counts_nothing(saved_network, params):
    saved_network(params.log_dir, **SMALL)
    frame = testing.test(params, edges=(0.05, 9))
    folder = params.log_dir / "test_result"
    read = {p.stem[12:-9]: pd.read_csv(p, index_col=0) for p in folder.glob("*_describe.csv")}
    assert set(read) == {"", "slope0-0.05", "slope0.05-9", "slope9-"}
    gentle = frame[frame["mean_slope_gradient"] < 0.05]
    assert 0 < len(gentle) < N
    pd.testing.assert_frame_equal(read["slope0-0.05"], gentle.describe(), rtol=1e-6, check_dtype=False)
    assert read[""].loc["count"].eq(N).all()
    assert read["slope9-"].loc["count"].eq(0).all()


@pytest.mark.parametrize("with_table", [True, False])
def test_dropped_patches_keep_slopes_and_scores_in_step(saved_network, params, with_table):
    saved_network(params.log_dir, **SMALL)
    whole = testing.test(params)
    test = params.data_dir / "test"
    holed = HR.copy()
    holed[[0, 4], 3, 3] = np.nan
    store.save_patches(test / "data_HR.pkl", holed, overwrite=True)
    if not with_table:
        (test / "data_HR.csv").unlink()
    with pytest.warns(UserWarning, match="dropped") as told:
        frame = testing.test(params, overwrite=True)
    texts = " ".join(str(w.message) for w in told)
    assert "2 of 5 patches dropped" in texts
    assert ("was missing; computed but not written" in texts) != with_table
    assert (test / "data_HR.csv").exists() == with_table
    assert frame.index.tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(frame, whole.loc[frame.index], rtol=1e-4)
    assert len(store.load_patches(params.log_dir / "test_result" / "data_SR.pkl")) == 3
    assert (params.log_dir / "test_result" / "test_result_1-3.png").is_file()


def test_missing_features_are_made_and_told(saved_network, params):
    saved_network(params.log_dir, **SMALL)
    table = params.data_dir / "test" / "data_HR.csv"
    before = table.read_text()
    table.unlink()
    with pytest.warns(UserWarning, match="data_HR.csv: was missing; written now"):
        testing.test(params)
    assert table.read_text() == before
    table.unlink()
    (table.parent / "patches.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"bathysr features .*data_HR.pkl --delta"):
        testing.test(params, overwrite=True)


@pytest.mark.parametrize("fault", ["rows", "order", "columns", "words", "empty"])
def test_features_of_other_patches_are_refused(saved_network, params, fault):
    saved_network(params.log_dir, **SMALL)
    path = params.data_dir / "test" / "data_HR.csv"
    table = pd.read_csv(path, index_col="index")
    wrong = {
        "rows": table[:-1],
        "order": table[::-1],
        "columns": table.drop(columns="mean_slope_gradient"),
        "words": table.assign(mean_slope_gradient="steep"),
        "empty": pd.DataFrame(),
    }
    path.write_text("" if fault == "empty" else wrong[fault].to_csv())
    with pytest.raises(ValueError, match=r"data_HR.csv: .*make it again \(bathysr features"):
        testing.test(params)
    assert not (params.log_dir / "test_result").exists()


def test_an_earlier_result_is_replaced_only_when_asked_and_notes_in_it_never(saved_network, params):
    saved_network(params.log_dir, **SMALL)
    testing.test(params)
    old = (params.log_dir / "test_result" / "test_results.csv").read_text()
    saved_network(params.log_dir, seed=7, **SMALL)
    with pytest.raises(FileExistsError, match="test_result: exists already"):
        testing.test(params)
    assert (params.log_dir / "test_result" / "test_results.csv").read_text() == old
    testing.test(params, overwrite=True)
    assert (params.log_dir / "test_result" / "test_results.csv").read_text() != old
    (params.log_dir / "test_result" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"notes.txt"):
        testing.test(params, overwrite=True)


def test_nothing_is_left_of_a_test_that_fails(saved_network, params):
    model = saved_network(params.log_dir, **SMALL)
    model.set_weights([w * np.nan for w in model.get_weights()])
    model.save_weights(params.log_dir / "weights_best.weights.h5")
    with pytest.raises(ValueError, match="predict NaN"):
        testing.test(params)
    assert {p.name for p in params.log_dir.iterdir()} == {"weights_best.weights.h5", "normalisation.json"}


def test_summary_tells_the_typical_block_and_pools_cells():
    frame = pd.DataFrame({"bicubic_rmse_metres": [1.0, 7.0], "super-res_rmse_metres": [3.0, 3.0]})
    lines = testing.test_summary(frame, np.array([0, 1])).splitlines()
    assert lines[1].startswith("too few blocks to say in a typical block, +13.4%, better on 1 of 2 blocks")
    assert lines[2] == "pooled RMSE 3.00 m instead of 5.00 (-40.0%, no interval: block 1 has 98% of the squared error)"
    assert "blocks not known" in testing.test_summary(frame, None)
