"""What a network must beat: LR enlarged without one."""

from __future__ import annotations

import numpy as np

from bathysr_nb import interpolation
from bathysr_nb.scores.linear import LinearFilter

LINEAR = "linear filter"


PLAIN = {*interpolation.METHODS, interpolation.SPLINE, LINEAR}  # what needs no network


def enlarged(lr: np.ndarray, scale: int) -> dict[str, np.ndarray]:
    """What a network is shown beside: LR (n, h, w, 1) enlarged by nearest ("low-res") and by bicubic."""
    methods = {"low-res": "nearest", "bicubic": "bicubic"}
    return {name: interpolation.enlarge(lr[..., 0], scale, method)[..., None] for name, method in methods.items()}


def baseline_estimates(lr: np.ndarray, scale: int, linear: LinearFilter | None = None) -> dict[str, np.ndarray]:
    """What a network must beat: LR enlarged without one.

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
    made = {name: interpolation.enlarge(lr, scale, name) for name in (*interpolation.METHODS, interpolation.SPLINE)}
    return made if linear is None else made | {LINEAR: linear.predict(lr).astype(lr.dtype)}


def rivals(errors: dict[str, np.ndarray]) -> dict[str, str]:
    """What a network has to beat among the methods that need none: bicubic, and the one with the lowest RMSE.

    Parameters
    ----------
    errors : dict of str to ndarray, shape (n,)
        Squared error of each patch for each method.

    Returns
    -------
    dict of str to str
        Method to what a sentence calls it; one where bicubic is the best.

    Examples
    --------
    >>> rivals({"bicubic": np.array([2.0]), "spline": np.array([1.0]), "espcn": np.array([0.5])})
    {'bicubic': 'bicubic', 'spline': 'spline, the best that needs no network'}
    """
    best = min(sorted(PLAIN & errors.keys()), key=lambda method: errors[method].mean())
    return {"bicubic": "bicubic"} | {best: f"{best}, the best that needs no network"}
