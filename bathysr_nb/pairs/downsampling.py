"""LR from HR: the rule that makes the low-resolution grid, and which rule a set of pairs was made by."""

from __future__ import annotations

import numpy as np


def pair_scale(lr: np.ndarray, hr: np.ndarray, lr_name, hr_name) -> int:
    """HR cells for each LR cell, the same in both directions; errors name both sides."""
    shapes = f"{hr_name} has shape {hr.shape} and {lr_name} {lr.shape}"
    if lr.ndim != 3 or hr.ndim != 3 or 0 in lr.shape[1:]:
        raise ValueError(f"{shapes}; expected (n, H, W) and (n, h, w)")
    if len(lr) != len(hr):
        raise ValueError(f"{shapes}; expected as many patches in both")
    scale = hr.shape[1] // lr.shape[1]
    if scale < 1 or hr.shape[1:] != (scale * lr.shape[1], scale * lr.shape[2]):
        raise ValueError(f"{shapes}; expected HR a whole multiple of LR, the same in both directions")
    return scale


def downsampling_of(lr: np.ndarray, hr: np.ndarray) -> str | None:
    """How LR patches were made from their HR patches: "bilinear", "area", or None: not from them.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Pairs, metres; some are enough.

    Examples
    --------
    >>> hr = np.arange(64.0).reshape(1, 8, 8) ** 2
    >>> downsampling_of(resize(hr, 4, "area"), hr), downsampling_of(resize(hr, 4) + 7, hr)
    ('area', None)
    """
    scale = pair_scale(lr, hr, "LR", "HR")
    methods = (method for method in ("bilinear", "area") if np.allclose(resize(hr, scale, method), lr, atol=1e-2))
    return next(methods, None)


def resize(grid: np.ndarray, scale: int = 4, method: str = "bilinear") -> np.ndarray:
    """Make the low-resolution grid from the high-resolution one.

    Parameters
    ----------
    grid : ndarray, shape (..., H, W)
        Depths in metres. H and W must be multiples of `scale`.
    scale : int
        High-resolution cells per low-resolution cell along one axis.
    method : {"bilinear", "area"}
        "bilinear" samples the grid at the centres of the coarse cells without an
        antialias filter: at an even factor the mean of the central 2 x 2 cells of each
        block, at an odd one the centre cell. "area" is the mean of all cells.

    Returns
    -------
    ndarray, shape (..., H / scale, W / scale), dtype of the input
        A coarse cell is NaN when any cell it is made from is NaN.

    Raises
    ------
    ValueError
        If the method is unknown or the shape does not divide by `scale`.

    Notes
    -----
    Manual 1.3, ``resize.py``.

    Examples
    --------
    >>> resize(np.arange(16.0).reshape(4, 4))
    array([[7.5]])
    """
    grid = np.asarray(grid)
    if method not in ("bilinear", "area"):
        raise ValueError(f"unknown method {method!r}; choose one of bilinear, area")
    *lead, height, width = grid.shape
    if height % scale or width % scale:
        fit = (height // scale * scale, width // scale * scale)
        raise ValueError(f"grid of {height} x {width} cells does not divide by {scale}; the nearest that does is {fit}")
    cells = grid.reshape(*lead, height // scale, scale, width // scale, scale)
    if method == "bilinear":
        middle = slice((scale - 1) // 2, scale // 2 + 1)
        cells = cells[..., middle, :, middle]
    dtype = grid.dtype if grid.dtype.kind == "f" else np.float64
    return cells.mean(axis=(-3, -1), dtype=np.float64).astype(dtype)
