"""Gaps in the sea filled from the cells around them; land left missing.

Source: manual 1.2.1 (``cleansing``); the treatment of land is ours.
"""

from __future__ import annotations

import numpy as np


def cleansing(img: np.ndarray, kernel_size: tuple[int, int] = (5, 5), missing_value: float | None = None) -> np.ndarray:
    """Fill each missing cell with the mean of the cells around it that are not missing.

    Parameters
    ----------
    img : ndarray, shape (H, W)
        Depths in metres, NaN where missing.
    kernel_size : (int, int)
        Rows and columns of the window, both odd.
    missing_value : float, optional
        A further value that means missing (0 in the manual's pickles).

    Returns
    -------
    ndarray, shape (H, W)
        Filled from the *original* cells only, never from freshly filled ones. A cell with none
        in its window stays NaN; at the edge, only the part of the window inside the grid counts.

    Raises
    ------
    ValueError
        If the image is not 2-D or the window is not odd.

    Notes
    -----
    Manual 1.2.1, ``cleansing``.

    Examples
    --------
    >>> cleansing(np.array([[1.0, np.nan, 3.0]]), (1, 3))
    array([[1., 2., 3.]])
    """
    img = np.asarray(img)
    if img.ndim != 2 or any(size < 1 or size % 2 == 0 for size in kernel_size):
        raise ValueError(
            f"expected a 2-D grid and an odd window, found shape {img.shape} and kernel_size {kernel_size}"
        )
    reach = [size // 2 for size in kernel_size]
    # only missing cells are visited, by their place in the flat padded grid: there are few of them in a large grid
    filled = np.pad(
        img.astype(img.dtype if img.dtype.kind == "f" else np.float64), [(r, r) for r in reach], constant_values=np.nan
    )
    if missing_value is not None:
        filled[filled == missing_value] = np.nan
    width, cells = filled.shape[1], filled.ravel()
    gaps = np.flatnonzero(np.isnan(cells))
    row, col = np.divmod(gaps, width)
    inside = (row >= reach[0]) & (row < len(filled) - reach[0]) & (col >= reach[1]) & (col < width - reach[1])
    gaps = gaps[inside]
    total, known = np.zeros(len(gaps)), np.zeros(len(gaps), dtype=np.int32)
    for dy in range(-reach[0], reach[0] + 1):
        for dx in range(-reach[1], reach[1] + 1):
            neighbour = cells[gaps + (dy * width + dx)]
            is_known = ~np.isnan(neighbour)
            known += is_known
            total += np.where(is_known, neighbour, 0)
    cells[gaps[known > 0]] = (total[known > 0] / known[known > 0]).astype(cells.dtype)
    return filled[reach[0] : -reach[0] or None, reach[1] : -reach[1] or None]


def ocean(depth: np.ndarray, kernel_size: tuple[int, int] | None, land: str = "mask") -> np.ndarray:
    """Mask land and fill gaps in the sea.

    Parameters
    ----------
    depth : ndarray, shape (H, W)
        Metres, negative down; land is 0 and above, a gap is NaN.
    kernel_size : (int, int) or None
        Window of `cleansing`; None fills no gaps.
    land : {"mask", "keep"}
        "keep" leaves land as it is and fills gaps anywhere.

    Returns
    -------
    ndarray, shape (H, W)
        Land is NaN: it is masked again after filling, which would otherwise move the coast.
        Land that is NaN already cannot be told from a gap.

    Examples
    --------
    >>> ocean(np.array([[-4.0, np.nan, -8.0, 5.0]]), (1, 3))
    array([[-4., -6., -8., nan]])
    """
    depth = np.asarray(depth)
    masked = (depth >= 0) & (land == "mask")
    depth = np.where(masked, depth.dtype.type(np.nan), depth)
    if kernel_size is None:
        return depth
    filled = cleansing(depth, kernel_size)
    filled[masked] = np.nan
    return filled
