import json

import numpy as np
import pandas as pd
import pytest

from bathysr_nb import interpolation, synthetic
from bathysr_nb.models import load_model
from bathysr_nb.pipeline import Batches
from bathysr_nb.train import train


def pairs(n, seed):
    hr = synthetic.seafloor((32, 32 * n), province="ridge", seed=seed).reshape(32, n, 32).swapaxes(0, 1)
    return interpolation.resize(hr)[..., None], hr[..., None]


TRAINING, VALIDATION = pairs(48, 0), pairs(12, 1)
FEW = {"steps": 12, "batch_size": 8, "filters": (8, 8)}


def test_batches_keep_pairs_and_use_every_patch_once():
    lr, hr = TRAINING
    batches = Batches(lr, hr, 8, turn=True, seed=3)
    first = [batches[i] for i in range(len(batches))]
    for x, y in first:
        np.testing.assert_allclose(interpolation.resize(y[..., 0]), x[..., 0], rtol=1e-5)
    levels = np.sort(np.concatenate([y.mean(axis=(1, 2, 3)) for _, y in first]))
    np.testing.assert_allclose(levels, np.sort(hr.mean(axis=(1, 2, 3))), rtol=1e-5)
    batches.start(1)
    assert not np.array_equal(first[0][0], batches[0][0])
    np.testing.assert_array_equal(Batches(lr, hr, 8, turn=True, seed=3)[2][0], first[2][0])


def test_training_writes_what_it_says_and_keeps_the_best_weights(tmp_path):
    trained = train("espcn", TRAINING, VALIDATION, tmp_path / "espcn", **FEW)
    names = {"model.keras", "weights_best.weights.h5", "normalisation.json", "history.csv"}
    assert {p.name for p in (tmp_path / "espcn").iterdir()} == names
    history = pd.read_csv(tmp_path / "espcn" / "history.csv", index_col="epoch")
    assert list(history.columns) == ["loss", "rmse", "val_loss", "val_rmse"]
    assert list(history.index) == [1, 2]
    alone = load_model(tmp_path / "espcn" / "model.keras").predict(VALIDATION[0], verbose=0)
    unit = json.loads((tmp_path / "espcn" / "normalisation.json").read_text())["relief"]
    assert np.abs(alone - VALIDATION[1]).mean() / unit == pytest.approx(history["val_loss"].min(), rel=1e-4)
    assert trained.normalisation.relief == pytest.approx(unit)
    with pytest.raises(FileExistsError, match="holds a model already"):
        train("espcn", TRAINING, VALIDATION, tmp_path / "espcn", **FEW)


def test_same_seed_same_weights(tmp_path):
    runs = [
        train("espcn", TRAINING, VALIDATION, tmp_path / str(i), seed=s, **FEW).model for i, s in enumerate((5, 5, 6))
    ]
    for a, b, c in zip(*(run.get_weights() for run in runs)):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


@pytest.mark.parametrize("options", [{"residual": False, "bias": True, "loss": "mse"}, {"residual": True}])
def test_both_forms_train(tmp_path, options):
    trained = train("srcnn", TRAINING, VALIDATION, tmp_path / "a", **FEW, **options)
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]


def test_bad_input_is_named_and_writes_nothing(tmp_path):
    lr, hr = TRAINING
    with pytest.raises(ValueError, match="unknown model 'unet'; choose one of"):
        train("unet", TRAINING, VALIDATION, tmp_path / "a")
    with pytest.raises(ValueError, match="unknown loss"):
        train("espcn", TRAINING, VALIDATION, tmp_path / "a", loss="huber")
    with pytest.raises(ValueError, match="do not fill one batch of 64"):
        train("espcn", TRAINING, VALIDATION, tmp_path / "a", batch_size=64)
    with pytest.raises(ValueError, match="not 2 times"):
        train("espcn", TRAINING, VALIDATION, tmp_path / "a", scale=2)
    with pytest.raises(ValueError, match="no patches"):
        train("espcn", TRAINING, (lr[:0], hr[:0]), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_nan_loss_stops_with_the_epoch(tmp_path):
    broken = TRAINING[0].copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match=r"epoch 1.*learning_rate"):
        train("espcn", (broken, TRAINING[1]), VALIDATION, tmp_path / "a", norm_range=(-4000, 0), residual=False, **FEW)
    assert not (tmp_path / "a" / "model.keras").exists()


@pytest.mark.slow
def test_a_minute_of_training_ends_below_bicubic(tmp_path):
    trained = train("espcn", pairs(400, 2), VALIDATION, tmp_path / "a", steps=600)
    bicubic = interpolation.enlarge(VALIDATION[0][..., 0], 4)
    bicubic_rmse = np.sqrt(np.mean((bicubic - VALIDATION[1][..., 0]) ** 2))
    assert trained.history["val_rmse"].min() < 0.98 * bicubic_rmse
