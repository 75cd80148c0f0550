"""Enlarge grids by whole factors, with cell centres aligned.

Every enlargement in this package is the same small convolution, so NumPy here and the networks'
first layer (`bathysr_nb.models.layers.Resize`) give the same numbers. The cubic kernel is that of
Keys (1981) with a = -0.5; weights outside the patch are dropped and the rest renormalised, as
``tf.image.resize`` does (it takes the kernel from a table of 1,024 positions, so at scale 3 the two
differ slightly). `enlarge` also has SciPy's cubic spline, in which each fine cell depends on all coarse
cells.

Source: manual 2.2.2 (``Resize``); R. Keys, "Cubic convolution
interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

METHODS = ("nearest", "bilinear", "bicubic")
SPLINE = "spline"
REACH = 2  # cells that a kernel spans on either side: 5 taps


def keys(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel (a = -0.5): the weight of a cell at a distance in cells.

    Examples
    --------
    >>> keys(np.array([0.0, 0.5, 1.0, 1.5, 2.0]))
    array([ 1.    ,  0.5625,  0.    , -0.0625,  0.    ])
    """
    d = np.abs(distance)
    return np.where(d <= 1, _inner(d), np.where(d < 2, _outer(d), 0.0))


def keys_taps(fraction: np.ndarray) -> list[np.ndarray]:
    """`keys` weights of the four cells -1, 0, 1 and 2 for a point between cells 0 and 1.

    Parameters
    ----------
    fraction : ndarray
        How far the point is past cell 0, in cells, 0 to 1.

    Returns
    -------
    list of 4 ndarrays, each of the input's shape and dtype

    Examples
    --------
    >>> [weight.tolist() for weight in keys_taps(np.array([0.5]))]
    [[-0.0625], [0.5625], [0.5625], [-0.0625]]
    """
    return [_outer(fraction + 1), _inner(fraction), _inner(1 - fraction), _outer(2 - fraction)]


def _inner(d: np.ndarray) -> np.ndarray:
    return (1.5 * d - 2.5) * d * d + 1


def _outer(d: np.ndarray) -> np.ndarray:
    return ((2.5 - 0.5 * d) * d - 4) * d + 2


def kernel_1d(scale: int, method: str = "bicubic") -> np.ndarray:
    """Weights of the five nearest coarse cells for each fine cell inside a coarse cell.

    Parameters
    ----------
    scale : int
        Fine cells per coarse cell along one axis.
    method : {"bicubic", "bilinear", "nearest"}

    Returns
    -------
    ndarray, shape (scale, 5)
        Row p: weights of the coarse cells at offsets -2 .. 2 for the p-th fine cell.

    Raises
    ------
    ValueError
        If the method is unknown or the scale is not a whole number >= 1.

    Examples
    --------
    >>> kernel_1d(2, "bilinear")
    array([[0.  , 0.25, 0.75, 0.  , 0.  ],
           [0.  , 0.  , 0.75, 0.25, 0.  ]])
    """
    _check(method, scale, METHODS)
    centre = (np.arange(scale) + 0.5) / scale - 0.5
    offsets = np.arange(-REACH, REACH + 1)
    if method == "nearest":
        return np.tile((offsets == 0).astype(float), (scale, 1))
    distance = centre[:, None] - offsets[None, :]
    return keys(distance) if method == "bicubic" else np.clip(1 - np.abs(distance), 0, None)


def _check(method: str, scale: int, known) -> None:
    if method not in known:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(known)}")
    if int(scale) != scale or scale < 1:
        raise ValueError(f"scale must be a whole number >= 1, found {scale!r}")


def _matrix(size: int, scale: int, method: str) -> np.ndarray:
    if method == SPLINE:
        return ndimage.zoom(np.eye(size), (scale, 1), order=3, mode="reflect", grid_mode=True)
    taps = kernel_1d(scale, method)
    matrix = np.zeros((size * scale, size))
    for phase, weights in enumerate(taps):
        for offset, weight in zip(range(-REACH, REACH + 1), weights):
            cell = np.arange(max(0, -offset), min(size, size - offset))
            matrix[cell * scale + phase, cell + offset] = weight
    return matrix / matrix.sum(axis=1, keepdims=True)


def enlarge(patches: np.ndarray, scale: int, method: str = "bicubic") -> np.ndarray:
    """Enlarge patches by a whole factor.

    Parameters
    ----------
    patches : ndarray, shape (..., h, w)
        Depths in metres.
    scale : int
    method : {"bicubic", "bilinear", "nearest", "spline"}
        "spline" is ``scipy.ndimage.zoom`` of order 3 with ``grid_mode``, patches mirrored at
        their rim: a cubic B-spline through all cells, cell centres aligned.

    Returns
    -------
    ndarray, shape (..., h * scale, w * scale), dtype of the input

    Raises
    ------
    ValueError
        If the method is unknown or the scale is not a whole number >= 1.

    Examples
    --------
    >>> enlarge(np.array([[0.0, 4.0]]), 2, "bilinear")
    array([[0., 1., 3., 4.],
           [0., 1., 3., 4.]])
    """
    _check(method, scale, (*METHODS, SPLINE))
    patches = np.asarray(patches)
    dtype = patches.dtype if patches.dtype.kind == "f" else np.float64
    rows = _matrix(patches.shape[-2], scale, method).astype(dtype)
    cols = _matrix(patches.shape[-1], scale, method).astype(dtype)
    return rows @ patches.astype(dtype) @ cols.T
