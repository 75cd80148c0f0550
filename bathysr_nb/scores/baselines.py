"""What a network must beat: LR enlarged by methods that need none."""

from __future__ import annotations

import numpy as np

from bathysr_nb import interpolation
from bathysr_nb.scores.linear import LinearFilter

LINEAR = "linear filter"
PLAIN = {*interpolation.METHODS, interpolation.SPLINE, LINEAR}  # the methods that need no network


def enlarged(lr: np.ndarray, scale: int) -> dict[str, np.ndarray]:
    """What pictures show beside a network's patches.

    Parameters
    ----------
    lr : ndarray, shape (n, h, w, 1)
        Depths in metres.
    scale : int

    Returns
    -------
    dict of str to ndarray, shape (n, h * scale, w * scale, 1)
        low-res (nearest: each cell as a square) and bicubic.
    """
    methods = {"low-res": "nearest", "bicubic": "bicubic"}
    return {name: interpolation.enlarge(lr[..., 0], scale, method)[..., None] for name, method in methods.items()}


def baseline_estimates(lr: np.ndarray, scale: int, linear: LinearFilter | None = None) -> dict[str, np.ndarray]:
    """LR enlarged by every method that needs no network.

    Parameters
    ----------
    lr : ndarray, shape (n, h, w)
        Depths in metres.
    scale : int
    linear : bathysr_nb.scores.linear.LinearFilter, optional
        The best linear filter of the training pairs.

    Returns
    -------
    dict of str to ndarray, shape (n, h * scale, w * scale)
        nearest, bilinear, bicubic, spline (`bathysr_nb.interpolation.enlarge`), and linear filter.

    Examples
    --------
    >>> {name: sr.shape for name, sr in baseline_estimates(np.zeros((3, 4, 4)), 2).items()}["spline"]
    (3, 8, 8)
    """
    names = (*interpolation.METHODS, interpolation.SPLINE)
    estimates = {name: interpolation.enlarge(lr, scale, name) for name in names}
    return estimates if linear is None else estimates | {LINEAR: linear.predict(lr).astype(lr.dtype)}


def rivals(errors: dict[str, np.ndarray]) -> dict[str, str]:
    """What a network has to beat: bicubic, and the method without a network that has the lowest RMSE.

    Parameters
    ----------
    errors : dict of str to ndarray, shape (n,)
        Squared error of each patch for each method.

    Returns
    -------
    dict of str to str
        Method to what a sentence calls it; bicubic alone if it is that method.

    Examples
    --------
    >>> rivals({"bicubic": np.array([2.0]), "spline": np.array([1.0]), "espcn": np.array([0.5])})
    {'bicubic': 'bicubic', 'spline': 'spline, the best method without a network'}
    """
    best = min(sorted(PLAIN & errors.keys()), key=lambda method: errors[method].mean())
    return {"bicubic": "bicubic"} | {best: f"{best}, the best method without a network"}
