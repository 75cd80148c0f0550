"""Flips and quarter turns, which only move cells.

A square has eight symmetries, a rectangle four. Each is written as a number of quarter turns
counter-clockwise, then a mirroring left-right or not.
"""

from __future__ import annotations

import numpy as np

SQUARE = tuple((quarters, mirrored) for quarters in range(4) for mirrored in (False, True))
RECTANGLE = tuple((quarters, mirrored) for quarters in (0, 2) for mirrored in (False, True))


def orient(patches: np.ndarray, quarters: int, mirrored: bool = False, axes=(-2, -1)) -> np.ndarray:
    """Turn patches counter-clockwise, then mirror them left-right.

    Parameters
    ----------
    patches : ndarray
        Its rows and columns are `axes`.
    quarters : int
        Quarter turns; odd numbers swap the sides of a rectangle.
    mirrored : bool
    axes : (int, int)
        Rows and columns.

    Returns
    -------
    ndarray
        A view of the input.

    Examples
    --------
    >>> orient(np.array([[1, 2], [3, 4]]), 1).tolist()
    [[2, 4], [1, 3]]
    >>> orient(np.array([[1, 2], [3, 4]]), 2, mirrored=True).tolist()
    [[3, 4], [1, 2]]
    """
    turned = np.rot90(patches, quarters, axes)
    return np.flip(turned, axes[1]) if mirrored else turned


def restore(patches: np.ndarray, quarters: int, mirrored: bool = False, axes=(-2, -1)) -> np.ndarray:
    """Undo `orient` with the same arguments.

    Parameters
    ----------
    patches, quarters, mirrored, axes
        As `orient`.

    Returns
    -------
    ndarray
        A view of the input.

    Examples
    --------
    >>> patch = np.arange(6).reshape(2, 3)
    >>> all(np.array_equal(restore(orient(patch, *way), *way), patch) for way in SQUARE)
    True
    """
    unmirrored = np.flip(patches, axes[1]) if mirrored else patches
    return np.rot90(unmirrored, -quarters, axes)


def orient_each(patches: np.ndarray, which: np.ndarray) -> None:
    """Turn and mirror every patch in its own way, in place.

    Parameters
    ----------
    patches : ndarray, shape (n, h, w) or (n, h, w, 1)
        Overwritten.
    which : ndarray of int, shape (n,)
        Numbers from 0 to 7 into `SQUARE`; where h and w differ, each way in `RECTANGLE` has two numbers.

    Examples
    --------
    >>> patches = np.array([[[1, 2], [3, 4]]] * 2)
    >>> orient_each(patches, np.array([0, 1]))
    >>> patches.tolist()
    [[[1, 2], [3, 4]], [[2, 1], [4, 3]]]
    """
    ways = SQUARE if patches.shape[1] == patches.shape[2] else RECTANGLE * 2
    for number, way in enumerate(ways):
        chosen = which == number
        if way != (0, False):
            patches[chosen] = orient(patches[chosen], *way, axes=(1, 2))
