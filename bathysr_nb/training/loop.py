"""The training loop: Keras' own step for each batch, Keras' callbacks at each epoch's end."""

from __future__ import annotations

import numpy as np

from bathysr_nb.models.backend import keras
from bathysr_nb.training.batches import Batches

VALIDATION_BATCH = 64  # patches


def fit(model: keras.Model, batches: Batches, validation, callbacks, *, epochs: int, done: int = 0) -> None:
    """Train a compiled model as ``model.fit`` does, but without the backend's data pipeline.

    On TensorFlow and two cores that pipeline slows every step and pauses between epochs
    (``docs/results/train_tried.txt``).

    Parameters
    ----------
    model : keras.Model
    batches : Batches
    validation : (ndarray, ndarray)
        LR (n, h, w, 1) and HR (n, H, W, 1).
    callbacks : list of keras.callbacks.Callback
        May set ``model.stop_training``.
    epochs : int
        The last epoch, counted from 1.
    done : int
        Epochs already trained.
    """
    calls = keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs, steps=len(batches))
    model.stop_training = False
    calls.on_train_begin()
    for epoch in range(done, epochs):
        calls.on_epoch_begin(epoch)
        logs = train_epoch(model, batches, epoch, calls)
        calls.on_epoch_end(epoch, logs | {f"val_{name}": value for name, value in scores(model, validation).items()})
        if model.stop_training:
            break
    calls.on_train_end()


def train_epoch(model: keras.Model, batches: Batches, epoch: int, calls: keras.callbacks.CallbackList) -> dict:
    """Train one epoch, a step per batch; returns loss and metrics over the whole epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    batches : Batches
    epoch : int
        From 0.
    calls : keras.callbacks.CallbackList
    """
    logs = []
    for step, (lr, hr) in enumerate(batches.epoch(epoch)):
        calls.on_train_batch_begin(step)
        model.reset_metrics()
        logs.append(model.train_on_batch(lr, hr, return_dict=True))
        calls.on_train_batch_end(step, logs[-1])
    return pooled(logs, [1] * len(logs))


def scores(model: keras.Model, pairs) -> dict:
    """Loss and metrics over LR and HR patches, without training.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    pairs : (ndarray, ndarray)
        LR (n, h, w, 1) and HR (n, H, W, 1), metres.
    """
    lr, hr = pairs
    logs, sizes = [], []
    for start in range(0, len(lr), VALIDATION_BATCH):
        part = slice(start, start + VALIDATION_BATCH)
        model.reset_metrics()
        logs.append(model.test_on_batch(lr[part], hr[part], return_dict=True))
        sizes.append(len(lr[part]))
    return pooled(logs, sizes)


def pooled(logs: list[dict], sizes: list[int]) -> dict:
    """Combine the losses and metrics of batches into those of all patches; rmse is pooled over cells.

    Parameters
    ----------
    logs : list of dict
        One a batch.
    sizes : list of int
        Patches in each batch, as weights.

    Returns
    -------
    dict

    Examples
    --------
    >>> pooled([{"mae": 1.0, "rmse": 1.0}, {"mae": 2.0, "rmse": 7.0}], [1, 1])
    {'mae': 1.5, 'rmse': 5.0}
    """

    def over_all(name: str) -> float:
        power = 2 if name == "rmse" else 1
        return float(np.average([float(row[name]) ** power for row in logs], weights=sizes) ** (1 / power))

    return {name: over_all(name) for name in logs[0]}
