"""Terrain features of patches: mean slope gradient, relief and depth.

Adaptive Mixup steers by the mean slope gradient (MSG), and scores are binned by it. Its definition
is the manual's, including the border: cells on the patch's rim have no slope and count as zero, and
the mean is over *all* cells.

Source: manual 1.3 (``get_slope``, ``get_slope_LR``, ``bathymetric_map_feature*.py``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

CHUNK = 8  # patches at a time: their temporaries stay in the processor's cache
COLUMNS = (
    "mean_slope_gradient",
    "altitude_difference",
    "mean_altitude",
    "mean_slope_gradient_norm_data",
    "normalized_mean_slope_gradient",
)


def _spacing(delta) -> tuple[float, float]:
    dy, dx = np.broadcast_to(np.asarray(delta, dtype=float), 2)
    if not (np.isfinite([dy, dx]).all() and dy > 0 and dx > 0):
        raise ValueError(f"delta must be positive metres, a number or (dy, dx); found {delta!r}")
    return float(dy), float(dx)


def gradient(h: np.ndarray, delta) -> tuple[np.ndarray, np.ndarray]:
    r"""Gradient down the rows and across the columns, of the inner cells of one or more patches.

    Each component is the mean of three central differences (Prewitt's operator):

    .. math:: s_y = \frac{1}{6 d} \sum_{k=-1}^{1} (h_{i-1,j+k} - h_{i+1,j+k})

    Parameters
    ----------
    h : ndarray, shape (..., rows, cols)
        Depths in metres.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).

    Returns
    -------
    (ndarray, ndarray), each of shape (..., rows - 2, cols - 2)
        Rise over run, no unit. Linear in the patch.

    Raises
    ------
    ValueError
        If a patch is smaller than 3 x 3 or delta is not positive.

    Examples
    --------
    >>> [part.item() for part in gradient(np.outer(np.arange(3.0), np.ones(3)) * 5, 50)]
    [-0.1, 0.0]
    """
    h = np.asarray(h)
    if h.dtype.kind != "f":
        h = h.astype(np.float64)
    if h.ndim < 2 or min(h.shape[-2:]) < 3:
        raise ValueError(f"a slope needs patches of at least 3 x 3 cells, found shape {h.shape}")
    dy, dx = _spacing(delta)
    down = h[..., :-2, :] - h[..., 2:, :]
    across = h[..., :, :-2] - h[..., :, 2:]
    sy = (down[..., :-2] + down[..., 1:-1] + down[..., 2:]) / (6 * dy)
    sx = (across[..., :-2, :] + across[..., 1:-1, :] + across[..., 2:, :]) / (6 * dx)
    return sy, sx


def slope(h: np.ndarray, delta) -> np.ndarray:
    r"""Slope of the inner cells of one or more patches, :math:`\sqrt{s_y^2 + s_x^2}` of their `gradient`.

    Parameters
    ----------
    h : ndarray, shape (..., rows, cols)
        Depths in metres.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).

    Returns
    -------
    ndarray, shape (..., rows - 2, cols - 2)
        Rise over run, no unit.

    Raises
    ------
    ValueError
        As `gradient`.

    Examples
    --------
    >>> slope(np.outer(np.arange(3.0), np.ones(3)) * 5, 50)
    array([[0.1]])
    """
    sy, sx = gradient(h, delta)
    sy *= sy
    sx *= sx
    sy += sx
    return np.sqrt(sy, out=sy)


def mean_slope_gradient(h: np.ndarray, delta, border: str = "zero") -> np.ndarray:
    """Mean slope gradient (MSG) of one or more patches.

    Parameters
    ----------
    h : ndarray, shape (..., rows, cols)
        Depths in metres.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).
    border : {"zero", "exclude"}
        "zero" is the manual's: border cells count as 0 and the mean is over all cells,
        so a plane of gradient g gives g * (62/64)**2 on 64 x 64 cells and
        g * (14/16)**2 on 16 x 16. "exclude" is the mean over the inner cells.

    Returns
    -------
    ndarray, shape (...)
        Rise over run, no unit; a NumPy float for a single patch.

    Raises
    ------
    ValueError
        If `border` is unknown, a patch is smaller than 3 x 3 or delta is not positive.

    Notes
    -----
    Manual 1.3, ``get_slope`` and ``get_slope_LR``.

    Examples
    --------
    >>> plane = 0.1 * 50 * np.arange(64.0)[:, None] * np.ones(64)
    >>> round(float(mean_slope_gradient(plane, 50)), 6) == round(0.1 * (62 / 64) ** 2, 6)
    True
    """
    if border not in ("zero", "exclude"):
        raise ValueError(f"unknown border {border!r}; choose one of zero, exclude")
    h = np.asarray(h)
    rim = 0 if border == "zero" else 2
    cells = (h.shape[-2] - rim) * (h.shape[-1] - rim) if h.ndim > 1 else 0
    if h.ndim < 3:
        return slope(h, delta).sum() / cells
    flat = h.reshape(-1, *h.shape[-2:])
    total = [slope(flat[i : i + CHUNK], delta).sum(axis=(1, 2)) for i in range(0, len(flat), CHUNK)]
    return (np.concatenate(total) if total else np.empty(0)).reshape(h.shape[:-2]) / cells


def _features(h: np.ndarray, delta, low: float, span: float) -> np.ndarray:
    """The first four columns of the table for some patches (n, h, w): shape (n, 4)."""
    relief, mean = np.ptp(h, axis=(1, 2)), h.mean(axis=(1, 2))
    scaled = mean_slope_gradient((h - low) / span, np.divide(delta, span))
    return np.column_stack([mean_slope_gradient(h, delta), relief, mean, scaled])


def feature_table(patches: np.ndarray, delta) -> pd.DataFrame:
    """Table of terrain features, one row a patch.

    Parameters
    ----------
    patches : ndarray, shape (n, h, w) or (n, h, w, 1)
        Depths in metres.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).

    Returns
    -------
    DataFrame, index named ``index``
        mean_slope_gradient : MSG (no unit).
        altitude_difference : deepest to shallowest cell, metres.
        mean_altitude : mean depth, metres, negative down.
        mean_slope_gradient_norm_data : MSG of depths scaled to 0..1 over the whole file, with
            the cell size divided by the same range; hence equal to the first.
        normalized_mean_slope_gradient : the first, scaled to 0..1 over the file.

    Raises
    ------
    ValueError
        If there are no patches or delta is not positive.

    Notes
    -----
    Manual 1.3, ``bathymetric_map_feature.py`` and ``bathymetric_map_feature_LR.py``.

    Examples
    --------
    >>> flat, steep = np.zeros((4, 4)), np.outer(np.arange(4.0), np.ones(4)) * 10
    >>> feature_table(np.stack([flat, steep]), 50)["altitude_difference"].tolist()
    [0.0, 30.0]
    """
    h = np.asarray(patches)
    h = h[..., 0] if h.ndim == 4 else h
    if not len(h):
        raise ValueError("no patches: a feature table needs at least one")
    low, high = float(np.nanmin(h)), float(np.nanmax(h))
    span = high - low if high > low else 1.0
    chunks = (h[i : i + CHUNK].astype(np.float64) for i in range(0, len(h), CHUNK))
    rows = np.concatenate([_features(chunk, delta, low, span) for chunk in chunks])
    msg = rows[:, 0]
    spread = np.ptp(msg) if np.ptp(msg) > 0 else 1.0
    table = pd.DataFrame(np.column_stack([rows, (msg - msg.min()) / spread]), columns=COLUMNS)
    return table.rename_axis("index")
