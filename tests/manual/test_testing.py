import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from bathysr_nb import interpolation, terrain
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.manual import testing, trained
from bathysr_nb.manual.inputfile import Espcn, Params
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import build_model
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.models.weights import load_weights
from bathysr_nb.pairs import downsampling, features

N = 5
UNITS = Normalisation(-3500, -1500, relief=5)
METHODS = ("low-res", "bicubic", "super-res")
HR = synthetic.seafloor((32, 32 * N), province="ridge", seed=1).reshape(32, N, 32).swapaxes(0, 1)
HR = (HR - HR.mean(axis=(1, 2), keepdims=True)) * np.linspace(0.05, 5, N)[
    :, None, None
] - 2500  # gentle ones, steep ones
LR = downsampling.resize(HR)


def saved_network(log_dir, name="espcn", scale=4, seed=0, file="weights_best.weights.h5", **options):
    """A network with weights drawn at random, saved as training would save it."""
    model = build_model(name, scale=scale, normalisation=UNITS, **options)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.05, size=w.shape) for w in model.get_weights()])
    log_dir.mkdir(exist_ok=True)
    model.save_weights(log_dir / "x.weights.h5")
    (log_dir / "x.weights.h5").rename(log_dir / file)
    (log_dir / "normalisation.json").write_text(UNITS.to_json())
    return model


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


def test_all_files_of_the_manual_with_scores_worked_out_anew(params):
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


def test_slope_bins_are_described_and_an_empty_one_counts_nothing(params):
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
def test_dropped_patches_keep_slopes_and_scores_in_step(params, with_table):
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


def test_missing_features_are_made_and_told(params):
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
def test_features_of_other_patches_are_refused(params, fault):
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


def test_an_earlier_result_is_replaced_only_when_asked_and_notes_in_it_never(params):
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


def test_nothing_is_left_of_a_test_that_fails(params):
    model = saved_network(params.log_dir, **SMALL)
    model.set_weights([w * np.nan for w in model.get_weights()])
    model.save_weights(params.log_dir / "weights_best.weights.h5")
    with pytest.raises(ValueError, match="predict NaN"):
        testing.test(params)
    assert {p.name for p in params.log_dir.iterdir()} == {"weights_best.weights.h5", "normalisation.json"}


def test_which_weights_are_tested(params, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for folder, name in ((params.log_dir, "weights_best"), (params.log_dir, "weights_00020"), (elsewhere, "mine")):
        saved_network(folder, file=f"{name}.weights.h5", **SMALL)
    find = lambda **keys: trained.find_weights(dataclasses.replace(params, **keys))  # noqa: E731
    assert find().name == "weights_best.weights.h5"
    assert find(read_test_weights="weights_00020.weights.h5").name == "weights_00020.weights.h5"
    assert find(read_test_weights="weights_00020.h5").name == "weights_00020.weights.h5"
    mine = elsewhere / "mine.weights.h5"
    assert find(fname_model_weights=mine, read_test_weights="weights_00020.weights.h5") == mine
    assert trained.find_weights(dataclasses.replace(params, fname_model_weights=mine), find()) == find()
    (params.log_dir / "weights_best.weights.h5").rename(params.log_dir / "weights_best.h5")
    assert find().name == "weights_best.h5"
    (params.log_dir / "weights_best.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"log/weights_best.weights.h5: no such file .*bathysr train"):
        find()
    with pytest.raises(FileNotFoundError, match=r"other.h5: no such file \(read_test_weights\)"):
        find(read_test_weights="other.h5")


def test_normalisation_is_that_of_the_weights(params, tmp_path):
    saved_network(params.log_dir, **SMALL)
    elsewhere = tmp_path / "elsewhere"
    saved_network(elsewhere, **SMALL)
    (params.log_dir / "normalisation.json").write_text(Normalisation(-9000, 0).to_json())
    params = dataclasses.replace(params, fname_model_weights=elsewhere / "weights_best.weights.h5")
    assert trained.load_network(params)[1] == UNITS
    (elsewhere / "normalisation.json").unlink()
    with pytest.warns(
        UserWarning, match=r"elsewhere/normalisation.json: no such file; .*log/normalisation.json is used"
    ):
        assert trained.load_network(params)[1] == Normalisation(-9000, 0)
    (params.log_dir / "normalisation.json").write_text('{"low": 3}')
    with (
        pytest.warns(UserWarning, match="is used"),
        pytest.raises(ValueError, match=r"normalisation.json: not a normalisation"),
    ):
        trained.load_network(params)
    (params.log_dir / "normalisation.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"normalisation.json: no such file; bathysr train"):
        trained.load_network(params)


def test_run_json_tells_a_scale_that_srcnns_weights_do_not(params):
    saved_network(params.log_dir, "srcnn", scale=2)
    params = dataclasses.replace(params, model="srcnn")
    trained.load_network(params)
    record = {"parameters": {"model": "srcnn", "scale": 2}, "inputs": {}, "outputs": []}
    (params.log_dir / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"weights_best.weights.h5: .*scale 2 in run.json.*expected scale 4"):
        trained.load_network(params)


@pytest.mark.parametrize("name", ["srcnn", "fsrcnn", "espcn", "srgan", "esrgan"])
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_come_back_for_each_network_by_either_name(tmp_path, name, suffix):
    model = saved_network(tmp_path, name, file=f"best{suffix}")
    other = build_model(name, normalisation=UNITS)
    load_weights(other, tmp_path / f"best{suffix}")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_optimisers_state_in_the_file_is_no_fault(tmp_path):
    model = saved_network(tmp_path, "srgan")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "best.weights.h5")
    assert (tmp_path / "best.weights.h5").stat().st_size > 2 * (tmp_path / "weights_best.weights.h5").stat().st_size
    other = build_model("srgan", normalisation=UNITS)
    load_weights(other, tmp_path / "best.weights.h5")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


OTHERS = {
    "network": ("fsrcnn", {}),
    "scale": ("espcn", {"scale": 2}),
    "options": ("espcn", {"filters": (8, 8)}),
    "no biases": ("espcn", {"bias": False}),
    "more layers": ("espcn", {"filters": (64, 32, 32), "kernels": (5, 3, 3, 3)}),
}


@pytest.mark.parametrize(("name", "options"), OTHERS.values(), ids=OTHERS)
def test_other_weights_are_refused_before_anything_changes(tmp_path, name, options):
    saved_network(tmp_path, name, **options)
    model = build_model("espcn")
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"weights_best.weights.h5: holds weights of another network .*expected espcn at scale 4$"
    ):
        load_weights(model, tmp_path / "weights_best.weights.h5")
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_gan_at_another_scale_is_refused(tmp_path):
    saved_network(tmp_path, "srgan", scale=2)
    with pytest.raises(ValueError, match="expected srgan at scale 4"):
        load_weights(build_model("srgan"), tmp_path / "weights_best.weights.h5")


@pytest.mark.parametrize("damage", [b"", b"not HDF5 at all", None], ids=["empty", "text", "cut short"])
def test_damaged_weights_are_one_line(tmp_path, damage):
    saved_network(tmp_path)
    path = tmp_path / "weights_best.weights.h5"
    path.write_bytes(path.read_bytes()[:5000] if damage is None else damage)
    with pytest.raises(ValueError, match=r"weights_best.weights.h5: not a file of weights") as fault:
        load_weights(build_model("espcn"), path)
    assert "\n" not in str(fault.value)
    with pytest.raises(FileNotFoundError, match="none.weights.h5: no such file"):
        load_weights(build_model("espcn"), tmp_path / "none.weights.h5")


def test_summary_pools_cells():
    frame = pd.DataFrame({"bicubic_rmse_metres": [1.0, 7.0], "super-res_rmse_metres": [3.0, 3.0]})
    lines = testing.test_summary(frame).splitlines()
    assert lines[1].split() == ["bicubic", "5.00", "m"]
    assert lines[2].split() == ["super-res", "3.00", "m", "-40.0%"]
