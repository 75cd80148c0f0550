import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from bathysr_nb import interpolation
from bathysr_nb.augment.online import OnlineAugmentation
from bathysr_nb.files import store
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import BEST, MODELS, build_model, load_model
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.training import recipe
from bathysr_nb.training.recipe import Recipe
from bathysr_nb.training.trainer import compile_model, reset_weights, train

FEW = Recipe(steps=12, batch_size=8)
SMALL = {
    "srcnn": {"filters": (8, 8)},
    "fsrcnn": {"d": 8, "s": 4, "m": 1},
    "espcn": {"filters": (8, 8)},
    "srgan": {"filters": 4},
    "esrgan": {"filters": 4, "num_residual_blocks": 1, "d_num_downsampling_blocks": 1},
}
SHOWN = ["loss", "psnr", "dssim", "rmse", "mae"]


@pytest.fixture
def few(training_pairs, validation_pairs):
    """A training of a few steps."""

    def run(log_dir, name="espcn", recipe=FEW, **options):
        return train(name, training_pairs, validation_pairs, log_dir, recipe, **SMALL[name] | options)

    return run


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_training_writes_what_it_says_and_keeps_the_best_weights(few, validation_pairs, tmp_path):
    trained = few(tmp_path / "espcn")
    ours = {"normalisation.json", "training_range.json", "run.json"}
    written = ours | {"model.keras", BEST, "history.csv", "state.npz"}
    assert names(tmp_path / "espcn") == written
    history = pd.read_csv(tmp_path / "espcn" / "history.csv", index_col="epoch")
    assert list(history.columns) == [*SHOWN, *(f"val_{name}" for name in SHOWN)]
    assert list(history.index) == [1, 2]
    alone = load_model(tmp_path / "espcn" / "model.keras").predict(validation_pairs[0], verbose=0)
    unit = json.loads((tmp_path / "espcn" / "normalisation.json").read_text())["relief"]
    assert np.abs(alone - validation_pairs[1]).mean() / unit == pytest.approx(history["val_loss"].min(), rel=1e-4)
    rmse = np.sqrt(np.mean((alone.astype(float) - validation_pairs[1]) ** 2))
    assert rmse == pytest.approx(history.loc[history["val_loss"].idxmin(), "val_rmse"], rel=1e-4)
    assert trained.normalisation.relief == pytest.approx(unit)
    record = json.loads((tmp_path / "espcn" / "run.json").read_text())
    assert (record["parameters"]["model"], record["parameters"]["seed"], record["epochs"]) == ("espcn", 0, 2)
    assert set(record["outputs"]) == written
    with pytest.raises(FileExistsError, match="holds an earlier run; continue it with resume"):
        few(tmp_path / "espcn")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srgan", "esrgan"])
def test_gans_show_their_losses_and_leave_the_generator(few, validation_pairs, tmp_path, name):
    trained = few(tmp_path / name, name)
    gan = {"g_loss", "d_loss"}
    assert set(trained.history) == {f"{part}{column}" for part in ("", "val_") for column in {*SHOWN} | gan}
    alone = load_model(tmp_path / name / "model.keras")
    assert alone.name == name
    np.testing.assert_allclose(
        alone.predict(validation_pairs[0], verbose=0), trained.model.predict(validation_pairs[0], verbose=0), atol=1e-3
    )
    assert np.abs(
        alone.predict(validation_pairs[0], verbose=0) - validation_pairs[1]
    ).mean() / trained.normalisation.unit == (pytest.approx(trained.history["val_loss"].min(), rel=1e-3))


def test_periodic_files_have_their_epoch(few, tmp_path):
    few(tmp_path / "a", recipe=Recipe(epochs=4, batch_size=24, log_period=2))
    kinds = (("history", ".png"), ("test", ".png"), ("weights", ".weights.h5"))
    wanted = {f"{kind}_0000{epoch}{suffix}" for kind, suffix in kinds for epoch in (2, 4)}
    assert wanted <= names(tmp_path / "a")
    assert not {f"history_0000{epoch}.png" for epoch in (1, 3)} & names(tmp_path / "a")


def test_tensorboard_on_request(few, tmp_path):
    settings = {"epochs": 1, "batch_size": 24, "tensorboard": True}
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ValueError, match="pip install tensorboard"):
            Recipe(**settings)
        pytest.skip("tensorboard is not installed: only the error that says so was checked")
    few(tmp_path / "a", recipe=Recipe(**settings))
    assert any((tmp_path / "a" / "tensorboard").rglob("*events*"))


def test_same_seed_same_weights(few, tmp_path):
    runs = [
        few(tmp_path / str(i), recipe=Recipe(steps=12, batch_size=8, seed=s)).model for i, s in enumerate((5, 5, 6))
    ]
    for a, b, c in zip(*(run.get_weights() for run in runs)):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


@pytest.mark.parametrize("options", [{"residual": False, "bias": True}, {"residual": True}])
def test_both_forms_train(few, tmp_path, options):
    trained = few(tmp_path / "a", "srcnn", Recipe(steps=36, batch_size=8, loss="mse"), **options)
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]


@pytest.mark.parametrize("name", recipe.OPTIMIZERS)
def test_every_optimiser_moves_the_weights(training_pairs, tmp_path, name):
    settings = Recipe(epochs=1, batch_size=8, optimizer=name, schedule="constant", learning_rate=0.1)
    model = build_model("espcn", filters=(4,), kernels=(3, 3), normalisation=Normalisation(-5000, 0, 10.0))
    compile_model(model, settings, Normalisation(-5000, 0, 10.0), steps=6)
    model.run_eagerly = True  # six steps take less time than to compile them
    before = model.get_weights()
    model.fit(*training_pairs, batch_size=8, verbose=0)
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    assert type(model.optimizer).__name__.lower() == name


@pytest.mark.parametrize("loss", ["psnr", "dssim"])  # mae and mse train in other tests
def test_every_loss_trains(few, tmp_path, loss):
    history = few(tmp_path / loss, recipe=Recipe(epochs=2, batch_size=8, loss=loss)).history
    assert np.isfinite(history.to_numpy()).all()


def test_online_augmentation_lengthens_the_epoch_and_changes_what_is_seen(few, tmp_path):
    online = OnlineAugmentation(zoom_range=(0.5, 0.6), depth_scale_range=(1.4, 1.5))
    plain = few(tmp_path / "a", recipe=Recipe(epochs=1, batch_size=8, turn=False))
    changed = few(tmp_path / "b", recipe=Recipe(epochs=1, batch_size=8, turn=False, online=online, magnification=2))
    assert int(changed.model.optimizer.iterations) == 2 * int(plain.model.optimizer.iterations) == 12
    assert changed.history["rmse"].iloc[0] > plain.history["rmse"].iloc[0]


def test_patience_stops_and_keeps_the_best(few, validation_pairs, tmp_path):
    settings = Recipe(epochs=30, batch_size=24, patience=2, learning_rate=3.0, schedule="constant")
    trained = few(tmp_path / "a", recipe=settings, residual=False, bias=True)
    best = trained.history["val_loss"].idxmin()
    assert len(trained.history) == best + 2 < 30
    error = np.abs(trained.model.predict(validation_pairs[0], verbose=0) - validation_pairs[1]).mean()
    assert error / trained.normalisation.unit == pytest.approx(trained.history["val_loss"].min(), rel=1e-3)
    again = few(tmp_path / "a", recipe=settings, residual=False, bias=True, resume=True)
    assert len(again.history) == len(trained.history)


@pytest.mark.parametrize("policy", recipe.PRECISIONS)
def test_mixed_precision_keeps_metres_in_32_bits(few, validation_pairs, tmp_path, policy):
    trained = few(tmp_path / "a", recipe=Recipe(steps=6, batch_size=8, mixed_precision=policy))
    layers = {layer.name: layer.compute_dtype for layer in trained.model.layers}
    assert layers["conv_1"] == policy.removeprefix("mixed_")
    assert {layers[name] for name in ("from_metres", "local_mean", "bicubic", "to_metres", "sr")} == {"float32"}
    assert trained.model.predict(validation_pairs[0], verbose=0).dtype == np.float32
    assert np.isfinite(trained.history.to_numpy()).all()
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
def test_xla_gives_the_same_within_rounding(few, tmp_path):
    plain, compiled = (few(tmp_path / str(x), recipe=Recipe(steps=6, batch_size=8, xla=x)) for x in (False, True))
    np.testing.assert_allclose(plain.history["loss"], compiled.history["loss"], rtol=1e-3)


def test_start_from_weights_and_reset(few, tmp_path):
    first = few(tmp_path / "a")
    second = few(
        tmp_path / "b", recipe=Recipe(steps=6, batch_size=8, learning_rate=1e-9), weights=tmp_path / "a" / BEST
    )
    for a, b in zip(first.model.get_weights(), second.model.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)
    with pytest.raises(ValueError, match="another network"):
        few(tmp_path / "c", "srcnn", weights=tmp_path / "a" / BEST)
    assert not (tmp_path / "c").exists()
    reset_weights(first.model, 3)
    once = first.model.get_weights()
    assert int(first.model.optimizer.iterations) == 0
    reset_weights(second.model, 3)
    for a, b in zip(once, second.model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_resume_refuses_another_run(few, training_pairs, validation_pairs, tmp_path):
    few(tmp_path / "a")
    with pytest.raises(ValueError, match=r"other parameters: seed 0 \(now 4\)"):
        few(tmp_path / "a", recipe=Recipe(steps=12, batch_size=8, seed=4), resume=True)
    lr, hr = training_pairs
    with pytest.raises(ValueError, match="other inputs: training HR"):
        train("espcn", (lr, hr + 1), validation_pairs, tmp_path / "a", FEW, resume=True, **SMALL["espcn"])
    (tmp_path / "a" / "state.npz").write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match=r"state\.npz: cannot be read"):
        few(tmp_path / "a", resume=True)


def test_resume_of_nothing_begins_and_constant_rate_may_be_prolonged(few, tmp_path):
    settings = {"batch_size": 8, "schedule": "constant"}
    short = few(tmp_path / "a", recipe=Recipe(epochs=2, **settings), resume=True)
    prolonged = few(tmp_path / "a", recipe=Recipe(epochs=4, **settings), resume=True)
    whole = few(tmp_path / "b", recipe=Recipe(epochs=4, **settings))
    assert (len(short.history), len(prolonged.history)) == (2, 4)
    np.testing.assert_allclose(prolonged.history, whole.history, rtol=1e-5)


def test_bad_input_is_named_and_writes_nothing(training_pairs, validation_pairs, tmp_path):
    lr, hr = training_pairs
    with pytest.raises(ValueError, match="unknown model 'unet'; choose one of"):
        train("unet", training_pairs, validation_pairs, tmp_path / "a")
    with pytest.raises(ValueError, match=r"unknown loss 'huber'.*unknown optimizer 'lion'.*steps is 0"):
        Recipe(loss="huber", optimizer="lion", steps=0)
    with pytest.raises(ValueError, match="validation_block has 3 numbers, expected one for each of"):
        train("espcn", training_pairs, validation_pairs, tmp_path / "a", validation_block=np.arange(3))
    with pytest.raises(ValueError, match="do not fill one batch of 64"):
        train("espcn", training_pairs, validation_pairs, tmp_path / "a", Recipe(batch_size=64))
    with pytest.raises(ValueError, match="not 2 times"):
        train("espcn", training_pairs, validation_pairs, tmp_path / "a", scale=2)
    with pytest.raises(ValueError, match="no patches"):
        train("espcn", training_pairs, (lr[:0], hr[:0]), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_nan_loss_stops_with_epoch_batch_and_last_good_weights(few, training_pairs, validation_pairs, tmp_path):
    lr, hr = (side.copy() for side in training_pairs)
    hr[3] = np.nan
    with pytest.raises(
        ValueError, match=r"loss became NaN or infinite in epoch 1, batch \d; no epoch completed before"
    ):
        train("espcn", (lr, hr), validation_pairs, tmp_path / "a", FEW, norm_range=(-4000, 0), residual=False)
    assert not (tmp_path / "a" / "model.keras").exists()
    settings = {"batch_size": 8, "schedule": "constant", "optimizer": "sgd"}
    few(tmp_path / "b", recipe=Recipe(epochs=1, learning_rate=1e-3, **settings))
    state_with_nan(tmp_path / "b" / "state.npz")
    with pytest.raises(ValueError, match=r"in epoch 2, batch 1; last good weights: .*b/weights_best.* \(epoch 1\)"):
        few(tmp_path / "b", recipe=Recipe(epochs=2, learning_rate=1e-3, **settings), resume=True)


def test_a_last_step_that_breaks_the_weights_is_not_kept(few, tmp_path):
    once = Recipe(epochs=1, batch_size=48, schedule="constant", learning_rate=1e38)
    with pytest.raises(ValueError, match=r"val_loss became NaN or infinite after epoch 1; no epoch completed before"):
        few(tmp_path / "a", recipe=once, residual=False)
    assert names(tmp_path / "a") == {"normalisation.json", "training_range.json", "run.json"}


def state_with_nan(path):
    with np.load(path) as file:
        arrays = dict(file)
    weights = {name: np.full_like(a, np.nan) for name, a in arrays.items() if name.startswith("model")}
    np.savez(path, **arrays | weights)


TRAIN = """
from bathysr_nb.files.store import load_pair
from bathysr_nb.training.recipe import Recipe
from bathysr_nb.training.trainer import train
pairs = load_pair({sets!r} + "/train"), load_pair({sets!r} + "/validation")
train({name!r}, *pairs, {folder!r}, Recipe(epochs=6, batch_size=8), resume=True, **{options!r})
"""


@pytest.fixture
def script(tmp_path, training_pairs, validation_pairs):
    """What a process of its own runs to train a small network in a folder, or to go on with it."""
    store.save_pair(tmp_path / "train", *training_pairs)
    store.save_pair(tmp_path / "validation", *validation_pairs)
    return lambda name, folder: TRAIN.format(sets=str(tmp_path), name=name, folder=str(folder), options=SMALL[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_run_killed_at_any_moment_goes_on_to_the_same_weights(script, tmp_path, name):
    environment = {**os.environ, "TF_DETERMINISTIC_OPS": "1"}
    for folder, kills in (("whole", 0), ("killed", 2)):
        code = script(name, tmp_path / folder)
        for kill in range(kills):
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
            history = tmp_path / folder / "history.csv"
            while process.poll() is None and (not history.exists() or len(history.read_text().splitlines()) < 2 + kill):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not (tmp_path / folder / "model.keras").exists(), "it ended before it was killed"
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    whole, killed = (load_model(tmp_path / folder / "model.keras").get_weights() for folder in ("whole", "killed"))
    # rounding differs between processes, and Adam makes it a share of the learning rate where a gradient is near zero;
    # a lost optimiser state or a batch seen twice moves the weights by about the learning rate itself
    for a, b in zip(whole, killed):
        np.testing.assert_allclose(a, b, rtol=0, atol=0.01 * Recipe().learning_rate)
    histories = [pd.read_csv(tmp_path / folder / "history.csv") for folder in ("whole", "killed")]
    np.testing.assert_allclose(*histories, rtol=1e-3, atol=1e-5)
    assert len(histories[1]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_training_runs_unchanged_on_another_backend(validation_pairs, script, tmp_path, backend):
    found = subprocess.run([sys.executable, "-c", f"import {backend}"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"{backend} is not installed")
    for name in MODELS:
        code = script(name, tmp_path / name)
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "KERAS_BACKEND": backend}, check=True)
        assert load_model(tmp_path / name / "model.keras").predict(validation_pairs[0], verbose=0).shape == (
            12,
            32,
            32,
            1,
        )


@pytest.mark.slow
def test_two_devices_share_a_batch_under_jax(script, tmp_path):
    found = subprocess.run([sys.executable, "-c", "import jax"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("jax is not installed")
    code = "from bathysr_nb.training.trainer import use_every_gpu; assert use_every_gpu(8, 'cpu') == 2\n"
    code += script("espcn", tmp_path / "a")
    flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **flags}, check=True)


@pytest.mark.slow
def test_a_minute_of_training_ends_below_bicubic(validation_pairs, ridge_pairs, tmp_path):
    pairs = tuple(side[..., None] for side in ridge_pairs(400, 32, seed=2))
    trained = train("espcn", pairs, validation_pairs, tmp_path / "a", Recipe(steps=600))
    bicubic = interpolation.enlarge(validation_pairs[0][..., 0], 4)
    bicubic_rmse = np.sqrt(np.mean((bicubic - validation_pairs[1][..., 0]) ** 2))
    assert trained.history["val_rmse"].min() < 0.98 * bicubic_rmse


def test_training_range_tells_depth_slope_and_cells(few, training_pairs, tmp_path):
    from bathysr_nb import terrain
    from bathysr_nb.training.training_range import TrainingRange

    few(tmp_path / "a", cell_size=200)
    training = TrainingRange.beside(tmp_path / "a" / "model.keras")
    lr = training_pairs[0][..., 0]
    assert training.depth == pytest.approx((lr.min(), lr.max()))
    slope = terrain.mean_slope_gradient(lr.astype(float), 200, border="exclude")
    assert (training.slope[0], training.slope[-1]) == pytest.approx((slope.min(), slope.max()))
    assert (training.cells, training.cell_size) == (8, (200, 200))
    few(tmp_path / "b")
    assert TrainingRange.beside(tmp_path / "b" / "model.keras").cell_size is None
