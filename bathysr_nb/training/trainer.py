"""Train a network on patch pairs in metres; the same seed gives the same result.

Source: manual 2.2.29 (``Trainer``), 2.4.3.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb import plots
from bathysr_nb.files import store
from bathysr_nb.files.record import RECORD, differences, package_versions, read_record
from bathysr_nb.models.backend import dtype_policy, keras
from bathysr_nb.models.build import BEST, build_model, predictor
from bathysr_nb.models.normalisation import NORMALISATION, Normalisation
from bathysr_nb.models.weights import load_weights
from bathysr_nb.pairs.downsampling import downsampling_of
from bathysr_nb.scores import baselines, metrics, tables
from bathysr_nb.training import callbacks, loop, losses
from bathysr_nb.training.batches import Batches
from bathysr_nb.training.recipe import Recipe
from bathysr_nb.training.state import STATE, load_state
from bathysr_nb.training.training_range import TRAINING_RANGE, TrainingRange
from bathysr_nb.training.uncertainty import UNCERTAINTY, calibrate, cannot_calibrate

MODEL = "model.keras"
#: Everything that a training, its test and its evaluation write into log_dir.
WRITTEN = (
    RECORD,
    STATE,
    MODEL,
    NORMALISATION,
    TRAINING_RANGE,
    UNCERTAINTY,
    callbacks.HISTORY,
    BEST,
    "weights_[0-9]*.weights.h5",
    "history_[0-9]*.png",
    "test_[0-9]*.png",
    "tensorboard",
    "test_result",
    "evaluation",
)
LEFT_OVER = tuple(f".{Path(pattern).stem}-*" for pattern in WRITTEN)  # half-written when a run was killed
#: Folders that other verbs make in log_dir, a file that each of them has, and the verb.
SIGNS = {
    "tensorboard": ("events.out.*", "training"),
    "test_result": ("test_results.csv", "test"),
    "evaluation": ("scores.md", "evaluation"),
}
TEST_PATCHES = 4  # validation patches in test_*.png


class Trained(NamedTuple):
    """What `train` returns.

    Attributes
    ----------
    model : keras.Model
        From metres to metres, with the weights that ``recipe.keep`` asks for.
    history : DataFrame
        One row an epoch: loss in units of the network, psnr, dssim, rmse and mae in metres,
        for GANs g_loss and d_loss, and val_ of each.
    normalisation : Normalisation
    """

    model: keras.Model
    history: pd.DataFrame
    normalisation: Normalisation


def train(
    name: str,
    training,
    validation,
    log_dir,
    recipe: Recipe | None = None,
    *,
    scale: int = 4,
    residual: bool = True,
    relief: float | None = None,
    norm_range=None,
    weights=None,
    cell_size=None,
    validation_block=None,
    resume: bool = False,
    force: bool = False,
    draw=None,
    verbose: bool = False,
    **options,
) -> Trained:
    """Train one network and save it in a folder.

    Parameters
    ----------
    name : str
        A network of `bathysr_nb.models.build.MODELS`.
    training, validation : (ndarray, ndarray)
        LR (n, h, w, 1) and HR (n, H, W, 1) patches in metres.
    log_dir : path
        Receives model.keras (for a GAN only the generator), weights_best.weights.h5,
        normalisation.json, training_range.json, history.csv, state.npz (for `resume`) and run.json; every
        ``recipe.log_period`` epochs history_*.png, test_*.png and weights_*.weights.h5.
    recipe : Recipe, optional
    scale : int
    residual : bool
        Predict the difference from bicubic; False is the manual's form, depths scaled to
        0..1 by `norm_range`.
    relief : float, optional
        Metres that are one unit of the residual form; None takes the training set's.
    norm_range : (float, float), optional
        Depths that become 0 and 1; None takes the training set's extremes.
    weights : path, optional
        Weights to start from; None starts a new network.
    cell_size : float or (float, float), optional
        LR cell size in metres, or (dy, dx), kept in training_range.json: maps of another cell size get a warning.
    validation_block : ndarray, shape (n,), optional
        Block of each validation patch; of 8 or more blocks, the uncertainty of the network is calibrated at the end and
        written to uncertainty.json, see `bathysr_nb.training.uncertainty.calibrate`.
    resume : bool
        Continue the run in `log_dir` from its last completed epoch; start it if there is none.
    force : bool
        Delete an earlier run's files from `log_dir`, and nothing else, as soon as this run can start.
    draw : callable, optional
        Takes the history so far to a figure, which is shown and updated in a notebook while the
        network trains.
    verbose : bool
        Print the layer tables and, where there is no terminal for a progress bar, an occasional line.
    **options
        Of the network; see `bathysr_nb.models.options`.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        If a name is unknown, patches do not fill a batch or have another scale, weights are of another
        network, a loss becomes NaN (naming epoch and batch), or a run to `resume` had other parameters
        or data.
    FileExistsError
        If the folder holds a run and neither `resume` nor `force` is true, or files that no run made.
    """
    recipe = recipe or Recipe()
    log_dir, (lr, hr) = Path(log_dir), _checked(training, scale)
    validation = _checked(validation, scale, validation_block)
    if len(lr) < recipe.batch_size:
        raise ValueError(f"{len(lr)} training patches do not fill one batch of {recipe.batch_size}")
    asked = {"model": name, "scale": scale, "residual": residual, "relief": relief, "norm_range": norm_range}
    record = _record(asked | {"weights": weights} | options | asdict(recipe), training, validation)
    if force:
        _spare(log_dir, weights)
    _refuse_foreign(log_dir)
    resumes = not force and _check_folder(log_dir, record, resume)

    use_every_gpu(recipe.batch_size)
    with dtype_policy(recipe.mixed_precision):
        keras.utils.set_random_seed(recipe.seed)
        normalisation = Normalisation.fit(lr, hr, residual, norm_range, relief)
        model = build_model(name, lr.shape[1:], scale, normalisation, **options)
    if weights is not None:
        load_weights(model, weights)
        _warn_of_other_units(Path(weights).with_name(NORMALISATION), normalisation)
    batches = _batches(lr, hr, recipe)
    epochs = recipe.number_of_epochs(len(batches))
    compile_model(model, recipe, normalisation, epochs * len(batches))
    if verbose:
        model.summary()
    rows = load_state(log_dir / STATE, model) if resumes else []
    # only now is an earlier run deleted: all that can be refused was refused above
    _clear(log_dir, (*WRITTEN, *LEFT_OVER) if force else LEFT_OVER)
    if not resumes:
        made = downsampling_of(*(side[:100, ..., 0] for side in validation))
        _begin_folder(log_dir, normalisation, TrainingRange.fit(lr, cell_size, made), record)
    history = callbacks.HistoryLogger(log_dir, recipe.log_period, rows)
    if len(rows) < epochs and not history.is_stale(recipe.patience):
        watchers = _watchers(history, recipe, validation, normalisation)
        _fit(model, batches, validation, epochs, watchers=watchers, history=history, draw=draw, verbose=verbose)
    if recipe.keep == "best":
        load_weights(model, log_dir / BEST)
    _save(model, log_dir)
    _calibrate(model, log_dir, validation, validation_block, cell_size)
    _close_record(log_dir, history, record)
    return Trained(model, history.frame(), normalisation)


def _batches(lr, hr, recipe: Recipe) -> Batches:
    return Batches(
        lr,
        hr,
        recipe.batch_size,
        turn=recipe.turn,
        seed=recipe.seed,
        online=recipe.online,
        downsampling=downsampling_of(lr[:100, ..., 0], hr[:100, ..., 0]) if recipe.online else None,
        magnification=recipe.magnification,
    )


def compile_model(model: keras.Model, recipe: Recipe, normalisation: Normalisation, steps: int) -> None:
    """Compile a model with the loss, metrics and optimiser of a recipe, for a training of `steps` steps in all.

    Parameters
    ----------
    model : keras.Model
    recipe : Recipe
    normalisation : Normalisation
        Whose units loss and metrics are in.
    steps : int
        Optimiser steps of the whole training, for the schedule.
    """
    model.compile(
        recipe.make_optimizer(steps),
        losses.get_loss(recipe.loss, normalisation, recipe.vgg_weights, recipe.penalty),
        metrics=metrics.get_metrics(normalisation),
        jit_compile=recipe.xla or ("auto" if keras.backend.backend() == "jax" else False),
    )


def reset_weights(model: keras.Model, seed: int) -> None:
    """Reset a model to untrained: weights, batch statistics and optimiser.

    Parameters
    ----------
    model : keras.Model
    seed : int
        The same seed gives the same weights.

    Notes
    -----
    Manual 2.2.29, ``reset_weights``.
    """
    keras.utils.set_random_seed(seed)
    fresh = type(model).from_config(model.get_config())
    model.set_weights(fresh.get_weights())
    if model.compiled:
        model.compile_from_config(model.get_compile_config())


def use_every_gpu(batch_size: int, kind: str = "gpu") -> int:
    """Share each batch among all GPUs if the backend can; if not, warn that only one is used.

    Parameters
    ----------
    batch_size : int
        Must be a multiple of the number of GPUs.
    kind : {"gpu", "cpu"}

    Returns
    -------
    int
        Number of devices used.

    Raises
    ------
    ValueError
        If the batch cannot be shared evenly.
    """
    try:
        devices = [name for name in keras.distribution.list_devices() if name.startswith(kind)]
    except AttributeError:  # PyTorch's backend has no list
        return 1
    if len(devices) < 2:
        return 1
    backend = keras.backend.backend()
    if backend != "jax":
        warnings.warn(f"1 of {len(devices)} GPUs is used with {backend}; KERAS_BACKEND=jax uses all", stacklevel=2)
        return 1
    if batch_size % len(devices):
        raise ValueError(f"batch_size is {batch_size}, expected a multiple of the {len(devices)} GPUs")
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return len(devices)


def _checked(pair, scale: int, block=None):
    lr, hr = pair
    if not len(lr):
        raise ValueError("no patches to train or validate on")
    if block is not None and len(block) != len(lr):
        raise ValueError(f"validation_block has {len(block)} numbers, expected one for each of {len(lr)} patches")
    if hr.shape[1:3] != (lr.shape[1] * scale, lr.shape[2] * scale):
        raise ValueError(f"HR patches of {hr.shape[1:3]} are not {scale} times the LR patches of {lr.shape[1:3]}")
    return lr, hr


def _record(parameters: dict, training, validation) -> dict:
    """The content of run.json: parameters, checksums of the data, versions."""
    sets = {"training": training, "validation": validation}
    inputs = {
        f"{name} {side}": hashlib.sha256(np.ascontiguousarray(array)).hexdigest()
        for name, pair in sets.items()
        for side, array in zip(("LR", "HR"), pair)
    }
    record = {
        "parameters": parameters,
        "inputs": inputs,
        "outputs": [],
        "versions": package_versions() | {"backend": keras.backend.backend()},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    return json.loads(json.dumps(record, default=str))


def _check_folder(log_dir: Path, record: dict, resume: bool) -> bool:
    """Whether a run in the folder is resumed; raise an error if it must not be touched."""
    if not (log_dir / RECORD).exists():
        return False
    if not resume:
        raise FileExistsError(
            f"{log_dir}: holds an earlier run; continue it with resume (--resume), choose another log_dir, or "
            "delete it with force (--force)"
        )
    before = read_record(log_dir)
    if before is None:
        raise ValueError(f"{log_dir / RECORD}: is damaged; start again with force (--force) or in another log_dir")
    may_differ = ("epochs",) if record["parameters"]["schedule"] == "constant" else ()
    for part in ("parameters", "inputs"):
        if other := differences(before[part], record[part], may_differ):
            raise ValueError(f"{log_dir}: cannot resume, the earlier run had other {part}: {other}")
    return (log_dir / STATE).exists()


def _refuse_foreign(log_dir: Path) -> None:
    """Raise a FileExistsError if the folder has files where a run would write that no run is known to have made."""
    if not (log_dir / RECORD).exists():
        strangers = sorted(path.name for pattern in WRITTEN for path in log_dir.glob(pattern))
        if strangers:
            raise FileExistsError(
                f"{log_dir}: holds {strangers[0]} without {RECORD}, so no run is known to have made it; "
                "move it away, or choose another log_dir"
            )
    for name, (sign, maker) in SIGNS.items():
        folder = log_dir / name
        if folder.exists() and any(folder.rglob("*")) and not any(folder.rglob(sign)):
            raise FileExistsError(f"{folder}: was made by no {maker}; move it away, or choose another log_dir")


def _spare(log_dir: Path, weights) -> None:
    """Raise a ValueError if the weights to start from would be deleted with the earlier run."""
    if weights is not None and Path(weights).resolve() in {p.resolve() for w in WRITTEN for p in log_dir.glob(w)}:
        raise ValueError(f"{weights}: belongs to the run that --force would delete; move it, or choose another log_dir")


def _warn_of_other_units(path: Path, normalisation: Normalisation) -> None:
    if path.is_file() and (other := Normalisation.load(path)) != normalisation:
        warnings.warn(
            f"{path}: the weights to start from were trained in other units (low {other.low:g}, high {other.high:g}, "
            f"relief {other.relief}); give norm_range and relief to keep them",
            stacklevel=3,
        )


def _clear(log_dir: Path, patterns) -> None:
    for path in [path for pattern in patterns for path in log_dir.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _begin_folder(log_dir: Path, normalisation: Normalisation, training_range: TrainingRange, record: dict) -> None:
    """Write what is known before the first epoch."""
    log_dir.mkdir(parents=True, exist_ok=True)
    store.write_text(log_dir / RECORD, json.dumps(record, indent=2), overwrite=True)  # first: it says whose the rest is
    store.write_text(log_dir / NORMALISATION, normalisation.to_json(), overwrite=True)
    store.write_text(log_dir / TRAINING_RANGE, training_range.to_json(), overwrite=True)


def _watchers(history, recipe: Recipe, validation, normalisation: Normalisation) -> list[keras.callbacks.Callback]:
    """The callbacks that check and write, in the order in which they must run: NaN first, the state last."""
    log_dir, period = history.log_dir, recipe.log_period
    watchers = [
        callbacks.StopOnNaN(log_dir, history),
        history,
        callbacks.ModelLogger(log_dir, period, history, recipe.patience),
    ]
    if period:
        watchers.append(callbacks.TestLogger(log_dir, period, *_test_picture(validation, normalisation)))
    if recipe.tensorboard:
        watchers.append(keras.callbacks.TensorBoard(log_dir / "tensorboard"))
    return [*watchers, callbacks.StateLogger(log_dir, history)]


def _fit(model, batches: Batches, validation, epochs: int, *, watchers, history, draw, verbose: bool) -> None:
    done = len(history.rows)
    bar = callbacks.Progress(epochs, len(batches), done, verbose)
    with bar, callbacks.LiveCurves(draw, history) as curves:
        loop.fit(model, batches, validation, [*watchers, curves, bar], epochs=epochs, done=done)


def _test_picture(validation, normalisation: Normalisation):
    """A function that draws a few validation patches beside what the network makes of them, and their LR."""
    chosen = np.linspace(0, len(validation[0]) - 1, TEST_PATCHES).astype(int)
    lr, hr = (side[chosen] for side in validation)
    enlarged = baselines.enlarged(lr, hr.shape[1] // lr.shape[1])

    def draw(sr):
        scores = tables.patch_scores(hr, enlarged | {"super-res": sr}, normalisation).set_axis(chosen)
        sides = {"low-res": lr, "bicubic": enlarged["bicubic"], "super-res": sr, "high-res": hr}
        return plots.comparison(tables.comparison_rows(sides, scores))

    return draw, lr


def _save(model, log_dir: Path) -> None:
    with store.replacing(log_dir / MODEL, overwrite=True) as part:
        predictor(model).save(part)


def _calibrate(model, log_dir: Path, validation, block, cell_size) -> None:
    if cannot_calibrate(validation[0], block):
        return
    found = calibrate(predictor(model), *validation, block, cell_size)
    found = replace(found, model=store.checksum(log_dir / MODEL))
    store.write_text(log_dir / UNCERTAINTY, found.to_json(), overwrite=True)


def _close_record(log_dir: Path, history, record: dict) -> None:
    begun = time.mktime(time.strptime(record["started"][:19], "%Y-%m-%dT%H:%M:%S"))
    outputs = sorted(str(path.relative_to(log_dir)) for path in log_dir.rglob("*") if path.is_file())
    record |= {"outputs": outputs, "epochs": len(history.rows), "seconds": round(time.time() - begun, 1)}
    store.write_text(log_dir / RECORD, json.dumps(record, indent=2), overwrite=True)
