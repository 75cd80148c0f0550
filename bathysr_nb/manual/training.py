"""Train as an input file asks: the file layer over `bathysr_nb.training.trainer`.

Source: manual 2.2.29 (``Trainer``), 2.2.31 (``Main``), 2.4.3.
"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np

from bathysr_nb import interpolation
from bathysr_nb.manual import sets, trained
from bathysr_nb.manual.inputfile import Params
from bathysr_nb.pairs import features
from bathysr_nb.scores import tables
from bathysr_nb.training import trainer
from bathysr_nb.training.recipe import Recipe
from bathysr_nb.training.trainer import Trained


def make_recipe(params: Params, **flags) -> Recipe:
    """The recipe that an input file asks for.

    Parameters
    ----------
    params : Params
    **flags
        mixed_precision, xla, tensorboard.

    Returns
    -------
    Recipe
    """
    return Recipe(
        loss=params.loss,
        vgg_weights=params.vgg.weights,
        penalty=params.vgg.penalty,
        optimizer=params.optimizer,
        learning_rate=params.learning_rate,
        schedule=params.schedule,
        epochs=params.epochs,
        batch_size=params.batch_size,
        turn=False,
        online=params.online_da.augmentation,
        magnification=params.online_da.magnification,
        patience=params.patience,
        log_period=params.log_period,
        seed=params.seed,
        **flags,
    )


def train_params(params: Params, *, resume: bool = False, force: bool = False, **flags) -> Trained:
    """Train the network of an input file into its log_dir.

    Parameters
    ----------
    params : Params
    resume : bool
        Continue the run in log_dir from its last completed epoch.
    force : bool
        Delete an earlier run's files from log_dir, and nothing else, as soon as this run can start.
    **flags
        mixed_precision, xla, tensorboard; see `Recipe`.

    Returns
    -------
    Trained

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        As `bathysr_nb.manual.sets.training_and_validation` and `bathysr_nb.training.trainer.train`.
    """
    recipe = make_recipe(params, **flags)
    weights = params.fname_model_weights and trained.find_weights(params)
    if weights:
        trained.check_record(weights, params)
    training, validation = sets.training_and_validation(params)
    return trainer.train(
        params.model,
        (training.lr, training.hr),
        (validation.lr, validation.hr),
        params.log_dir,
        recipe,
        scale=params.scale,
        residual=params.residual is not None,
        relief=params.relief,
        norm_range=params.norm_range,
        weights=weights,
        cell_size=cell_size(params),
        validation_block=sets.patch_blocks(params.data_dir / "validation" / "data_HR.pkl", validation.kept),
        resume=resume,
        force=force,
        verbose=True,
        **params.options,
    )


def cell_size(params: Params) -> tuple[float, float] | None:
    """LR cell size (dy, dx) in metres from ``patches.csv`` beside the training patches; None if there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return features.spacing(params.data_dir / "train" / "data_LR.pkl", params.input_shape[0])
    return None


def training_summary(params: Params, result: Trained) -> str:
    """One line: the best epoch's RMSE on the validation set beside bicubic's.

    Parameters
    ----------
    params : Params
    result : Trained
        As `train_params` returns it.
    """
    with warnings.catch_warnings(action="ignore"):  # the same warnings came when the training started
        validation = sets.load_set(params.data_dir / "validation", scale=params.scale, input_shape=params.input_shape)
    bicubic = interpolation.enlarge(validation.lr[..., 0], params.scale)
    reference = np.sqrt(tables.squared_error(validation.hr[..., 0], bicubic).mean())
    best = result.history["val_loss"].idxmin()
    rmse = result.history.loc[best, "val_rmse"]
    return (
        f"{params.log_dir}: lowest val_loss in epoch {best} of {len(result.history)}; validation RMSE {rmse:.3f} m, "
        f"bicubic {reference:.3f} m, change {100 * (rmse / reference - 1):+.1f}%"
    )
