"""Predict patches with a trained network, in batches."""

from __future__ import annotations

import numpy as np

BATCH = 64  # patches predicted at a time


def predict(model, lr: np.ndarray, name: str) -> np.ndarray:
    """SR patches (n, H, W, 1) of LR patches (n, h, w, 1), metres; a ValueError if any of it is NaN."""
    sr = model.predict(lr, batch_size=BATCH, verbose=0)
    if not np.isfinite(sr).all():
        raise ValueError(f"{name}: the weights predict NaN; test those of an earlier epoch")
    return sr
