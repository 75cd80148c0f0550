"""Predict patches with a trained network, in batches."""

from __future__ import annotations

import numpy as np

BATCH = 64  # patches predicted at a time


def predict(model, lr: np.ndarray, name: str) -> np.ndarray:
    """Super-resolve patches.

    Parameters
    ----------
    model : keras.Model
        From metres to metres.
    lr : ndarray, shape (n, h, w, 1)
        Metres.
    name : str
        Of the network, for the error message.

    Returns
    -------
    ndarray, shape (n, H, W, 1)
        Metres.

    Raises
    ------
    ValueError
        If any value predicted is NaN or infinite.
    """
    sr = model.predict(lr, batch_size=BATCH, verbose=0)
    if not np.isfinite(sr).all():
        raise ValueError(f"{name}: the weights predict NaN or infinite depths; use those of an earlier epoch")
    return sr
