"""Make an enlarged map agree with the low-resolution map it came from.

The high-resolution maps that a downsampling rule turns into a given LR map form an affine set, and the truth lies in
it where LR was made by that rule. `make_consistent` is the orthogonal projection onto that set: it can never raise
the squared error. `back_project` corrects levels smoothly, with bicubic as the way back, and is the usual remedy where
the rule is not known exactly.

Source: M. Irani and S. Peleg, "Improving resolution by image registration", CVGIP 53(3), 1991 (back-projection); the
projection is ours.
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.interpolation import enlarge
from bathysr_nb.pairs.downsampling import pair_scale, resize, sampled_cells


def back_project(sr: np.ndarray, lr: np.ndarray, times: int = 1, downsampling: str = "bilinear") -> np.ndarray:
    """Add to SR, enlarged by bicubic, what LR has and downsampled SR lacks.

    Parameters
    ----------
    sr : ndarray, shape (n, H, W)
        Estimated depths in metres.
    lr : ndarray, shape (n, h, w)
        Depths in metres that they were made from.
    times : int
        How often; each time leaves less of the difference.
    downsampling : {"bilinear", "area"}
        How LR is made from HR; see `bathysr_nb.pairs.downsampling.resize`.

    Returns
    -------
    ndarray, shape (n, H, W), dtype of `sr`

    Raises
    ------
    ValueError
        If the shapes do not belong together, or `times` is negative.

    Examples
    --------
    >>> lr = np.array([[[-5.0, -7.0], [-6.0, -9.0]]])
    >>> sr = enlarge(lr, 4) + 3  # a network that is 3 m too high
    >>> float(abs(back_project(sr, lr) - enlarge(lr, 4)).mean().round(2)) < 0.1
    True
    """
    if times < 0:
        raise ValueError(f"times is {times}, expected a whole number of at least 0")
    scale = pair_scale(lr, sr, "lr", "sr")
    for _ in range(times):
        sr = (sr + enlarge(lr - resize(sr, scale, downsampling), scale)).astype(sr.dtype)
    return sr


def make_consistent(sr: np.ndarray, lr: np.ndarray, downsampling: str = "bilinear") -> np.ndarray:
    """Change SR as little as possible so that downsampling it gives LR back.

    An LR cell is the mean of certain HR cells; what that mean lacks is added to each of them. As the truth gives LR
    back too, this can never raise the squared error of a patch; with the bilinear rule at an even scale s it lowers its
    mean by 4 / s^2 times the mean squared difference to LR.

    Parameters
    ----------
    sr : ndarray, shape (n, H, W)
        Estimated depths in metres.
    lr : ndarray, shape (n, h, w)
        Depths in metres, made from the truth by `downsampling`.
    downsampling : {"bilinear", "area"}
        The rule; see `bathysr_nb.pairs.downsampling.resize`.

    Returns
    -------
    ndarray, shape (n, H, W), dtype of `sr`

    Raises
    ------
    ValueError
        If the shapes do not belong together or the rule is unknown.

    Examples
    --------
    >>> truth = np.random.default_rng(0).normal(size=(3, 16, 16))
    >>> lr = resize(truth)
    >>> sr = make_consistent(enlarge(lr, 4), lr)
    >>> bool(np.allclose(resize(sr), lr)), bool(((sr - truth) ** 2).mean() < ((enlarge(lr, 4) - truth) ** 2).mean())
    (True, True)
    """
    scale = pair_scale(lr, sr, "lr", "sr")
    lacking = lr - resize(sr, scale, downsampling)
    cells = np.array(sr).reshape(len(sr), lr.shape[1], scale, lr.shape[2], scale)
    sampled = sampled_cells(scale, downsampling)
    cells[:, :, sampled, :, sampled] += lacking[:, :, None, :, None]
    return cells.reshape(sr.shape)
