"""The training loop: each batch by Keras' own step, each epoch's end to its callbacks."""

from __future__ import annotations

import numpy as np

from bathysr_nb.backend import keras
from bathysr_nb.pipeline import Batches

VALIDATED = 64  # validation patches at a time


def fit(model: keras.Model, batches: Batches, validation, callbacks, epochs: int, done: int = 0) -> None:
    """Train a compiled model, as ``model.fit`` does, without a data pipeline of the backend.

    ``fit`` hands its batches through the backend's pipeline, which on TensorFlow and two cores
    costs a fifth of a step and waits when an epoch ends (``docs/results/train_tried.txt``).

    Parameters
    ----------
    model : keras.Model
        With metrics that average since their last reset, as Keras' own do.
    batches : Batches
    validation : (ndarray, ndarray)
        LR (n, h, w, 1) and HR (n, H, W, 1).
    callbacks : list of keras.callbacks.Callback
        May set ``model.stop_training``.
    epochs : int
        The last epoch, counted from 1.
    done : int
        Epochs that are over already.
    """
    calls = keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs, steps=len(batches))
    model.stop_training = False
    calls.on_train_begin()
    for epoch in range(done, epochs):
        calls.on_epoch_begin(epoch)
        logs = train_epoch(model, batches, epoch, calls)
        calls.on_epoch_end(epoch, logs | {f"val_{name}": value for name, value in _scores(model, validation).items()})
        if model.stop_training:
            break
    calls.on_train_end()


def train_epoch(model: keras.Model, batches: Batches, epoch: int, calls: keras.callbacks.CallbackList) -> dict:
    """One step of training a batch; gives loss and metrics averaged over the epoch."""
    model.reset_metrics()
    for step, (lr, hr) in enumerate(batches.epoch(epoch)):
        calls.on_train_batch_begin(step)
        logs = model.train_on_batch(lr, hr, return_dict=True)
        calls.on_train_batch_end(step, logs)
    return logs


def _scores(model, validation) -> dict:
    lr, hr = validation
    model.reset_metrics()
    for start in np.arange(0, len(lr), VALIDATED):
        part = slice(start, start + VALIDATED)
        logs = model.test_on_batch(lr[part], hr[part], return_dict=True)
    return logs
