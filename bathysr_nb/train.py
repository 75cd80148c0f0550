"""Train a network on patch pairs, in metres, with the same result for the same seed.

Source: manual 2.2.29 (``Trainer``), 2.4.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from bathysr_nb import losses, store
from bathysr_nb.backend import keras
from bathysr_nb.models import build_model
from bathysr_nb.normalization import Normalisation


class Batches(keras.utils.PyDataset):
    """Batches of patch pairs in an order of their own each epoch.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
    batch_size : int
    turn : bool
        Flip and turn each batch at random.
    seed : int
        Epoch e is drawn from ``default_rng([seed, e])``. Patches beyond the last whole
        batch wait for another epoch.
    """

    def __init__(self, lr, hr, batch_size: int, turn: bool, seed: int):
        super().__init__()
        self.arrays, self.batch_size, self.turn, self.seed = (lr, hr), batch_size, turn, seed
        self.epoch = -1
        self.on_epoch_end()

    def __len__(self):
        return len(self.order) // self.batch_size

    def __getitem__(self, i):
        chosen = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        turns, flipped = divmod(self.orientation[i], 2)
        step = -1 if flipped else 1
        return tuple(np.rot90(array[chosen], turns, axes=(1, 2))[:, :, ::step] for array in self.arrays)

    def on_epoch_end(self):
        self.epoch += 1
        rng = np.random.default_rng([self.seed, self.epoch])
        self.order = rng.permutation(len(self.arrays[0]))
        self.orientation = rng.integers(0, 8 if self.turn else 1, len(self))


class _Progress(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.bar = tqdm(total=self.params["epochs"], desc="epochs", leave=False)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.update()
        self.bar.set_postfix({key: f"{value:.3g}" for key, value in logs.items()})

    def on_train_end(self, logs=None):
        self.bar.close()


def one_cycle(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Learning rate that rises to `peak` over a quarter of the steps and falls to zero."""
    warm = max(1, steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        peak / 25, max(1, steps - warm), warmup_target=peak, warmup_steps=warm
    )


class Trained(NamedTuple):
    """What `train` gives back.

    Attributes
    ----------
    model : keras.Model
        From metres to metres, with the weights of the lowest validation loss.
    history : DataFrame
        One row an epoch: loss and val_loss in units of the network, rmse and val_rmse in
        metres.
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
    *,
    scale: int = 4,
    residual: bool = True,
    bias: bool = False,
    loss: str = "mae",
    learning_rate: float = 2e-3,
    steps: int = 2500,
    batch_size: int = 32,
    norm_range=None,
    turn: bool = True,
    seed: int = 0,
    **options,
) -> Trained:
    """Train one network and keep it in a folder.

    Parameters
    ----------
    name : str
        A network of `bathysr_nb.models.MODELS`.
    training, validation : (ndarray, ndarray)
        LR (n, h, w, 1) and HR (n, H, W, 1) patches in metres.
    log_dir : path
        Gets model.keras, weights_best.weights.h5, normalisation.json and history.csv.
    scale : int
    residual : bool
        Predict the difference to bicubic; False is the manual's form, depths scaled to
        0..1 by `norm_range`.
    bias : bool
        Biases in the convolutions.
    loss : {"mae", "mse"}
    learning_rate : float
        Peak of the one-cycle schedule, with Adam.
    steps : int
        Optimiser steps, rounded to whole epochs.
    batch_size : int
    norm_range : (float, float), optional
        Depths that become 0 and 1; None takes the training set's extremes.
    turn : bool
        Flip and turn each batch at random.
    seed : int
    **options
        Passed to the network.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        Unknown names; too few patches for one batch; patches of another scale; NaN loss.
    FileExistsError
        If the folder holds a model already.
    """
    (lr, hr), (val_lr, val_hr) = _checked(training, scale), _checked(validation, scale)
    for key, value in (("steps", steps), ("batch_size", batch_size), ("learning_rate", learning_rate)):
        if not value > 0:
            raise ValueError(f"{key} is {value}, expected more than 0")
    if len(lr) < batch_size:
        raise ValueError(f"{len(lr)} training patches do not fill one batch of {batch_size}")
    log_dir = Path(log_dir)
    if (log_dir / "model.keras").exists():
        raise FileExistsError(f"{log_dir}: holds a model already; choose another log_dir")
    keras.utils.set_random_seed(seed)
    normalisation = Normalisation.fit(lr, hr, residual, norm_range)
    model = build_model(name, lr.shape[1:], scale, normalisation, bias=bias, **options)
    error = losses.get_loss(loss, normalisation)
    batches = Batches(lr, hr, batch_size, turn, seed)
    epochs = max(1, round(steps / len(batches)))
    optimizer = keras.optimizers.Adam(one_cycle(learning_rate, epochs * len(batches)))
    model.compile(optimizer, error, metrics=[keras.metrics.RootMeanSquaredError(name="rmse")])
    log_dir.mkdir(parents=True, exist_ok=True)
    store.write_text(log_dir / "normalisation.json", normalisation.to_json(), overwrite=True)
    best = log_dir / "weights_best.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True, save_weights_only=True)
    callbacks = [keras.callbacks.TerminateOnNaN(), keep, _Progress()]
    logs = model.fit(batches, validation_data=(val_lr, val_hr), epochs=epochs, verbose=0, callbacks=callbacks)
    history = pd.DataFrame(logs.history, index=pd.RangeIndex(1, len(logs.epoch) + 1, name="epoch"))
    store.write_text(log_dir / "history.csv", history.to_csv(), overwrite=True)
    if not np.isfinite(history["loss"]).all():
        raise ValueError(f"{name}: the loss became NaN in epoch {len(history)}; lower learning_rate ({learning_rate})")
    model.load_weights(best)
    with store.replacing(log_dir / "model.keras") as part:
        model.save(part)
    return Trained(model, history, normalisation)


def _checked(pair, scale: int):
    lr, hr = pair
    if not len(lr):
        raise ValueError("no patches to train or validate on")
    if hr.shape[1:3] != (lr.shape[1] * scale, lr.shape[2] * scale):
        raise ValueError(f"HR patches of {hr.shape[1:3]} are not {scale} times the LR patches of {lr.shape[1:3]}")
    return lr, hr
