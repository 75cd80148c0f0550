"""How far a map may be off: widths that cover a wanted share of the cells of blocks that took no part.

A cell's error is measured in units of its *scale*, a + b x local relief, which is known from LR alone. Errors within a
block resemble each other, so a block, not a cell, is what is drawn again: each block weighs the same, and a width is
judged by blocks that it was not made from.

Source: split conformal prediction, V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World, 2005;
blocks as in R. Dunn, L. Wasserman and A. Ramdas, "Distribution-free prediction sets for two-layer hierarchical models",
JASA 118, 2023. The scale and the choice of the rank by leaving out a block are ours.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage, optimize

FEWEST = 8  # blocks below which nothing is calibrated
REACH = 2  # cells to each side that a cell's local relief depends on
RANKS = 1000  # order statistics that stand for the errors of a block
FITTED = 0.9  # share of the errors that the scale follows
GROUPS = 20  # groups of cells, by relief, that the scale is fitted to
CELLS = 3000  # LR cells of each block that it is fitted to
LEAST = 1e-6  # metres, below which a scale is taken as this
ROUNDING = 1e-9
#: Levels whose widths are kept; between them widths are interpolated.
LEVELS = (*np.arange(0.05, 0.9, 0.05).round(2).tolist(), *np.arange(0.9, 0.995, 0.01).round(2).tolist())


def local_relief(depth: np.ndarray) -> np.ndarray:
    """How far a cell and its neighbours lie from the mean of *their* four neighbours.

    It is zero on any plane, however steep, since a plane is enlarged without error, and it is large where depth bends
    within a cell or two, which LR cannot show.

    Parameters
    ----------
    depth : ndarray, shape (..., rows, cols)
        Metres, all known.

    Returns
    -------
    ndarray, shape (..., rows, cols), float64
        Root mean square over 3 x 3 cells, in metres. Edges are replicated, so that it grows there, as errors do.

    Examples
    --------
    >>> plane = np.arange(9.0) * 50 + np.zeros((9, 1))
    >>> plane[4, 4] += 8  # a knoll
    >>> local_relief(plane)[4].round(1).tolist()
    [10.2, 7.2, 0.7, 2.9, 3.0, 2.9, 0.7, 7.2, 10.2]
    """
    depth = np.asarray(depth, np.float64)
    lead = (0,) * (depth.ndim - 2)
    padded = np.pad(depth, [(0, 0)] * len(lead) + [(1, 1)] * 2, mode="edge")
    around = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    size = (1,) * len(lead) + (3, 3)
    squares = ndimage.uniform_filter((around / 4 - depth) ** 2, size, mode="nearest")
    return np.sqrt(np.maximum(squares, 0))


def fit_scale(relief: np.ndarray, error: np.ndarray, block: np.ndarray) -> tuple[float, float]:
    """The line a + b x relief that the 90% quantile of the errors follows.

    Parameters
    ----------
    relief : ndarray, shape (n, h, w)
        Local relief of LR, metres; see `local_relief`.
    error : ndarray, shape (n, h, w, m)
        Size of the errors of the HR cells in each LR cell, metres.
    block : ndarray, shape (n,)
        Block of each patch. Each weighs the same.

    Returns
    -------
    (float, float)
        a in metres, and b; neither is negative.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> relief = rng.uniform(0, 9, (8, 30, 30))
    >>> error = (2 + 3 * relief)[..., None] * rng.uniform(0, 1 / 0.9, (8, 30, 30, 16))
    >>> [round(value) for value in fit_scale(relief, error, np.arange(8))]
    [2, 3]
    """
    return _fit_line(*_drawn_alike(relief, error, block))


def _drawn_alike(relief, error, block) -> tuple[np.ndarray, np.ndarray]:
    """Relief (k, c) and errors (k, c, m) of about as many LR cells of each of k blocks, evenly spaced."""
    rows = [np.flatnonzero(block == name) for name in np.unique(block)]
    cells = relief[0].size
    count = min(len(row) for row in rows) * cells
    count = max(min(count, CELLS), min(CELLS, cells))
    chosen = [np.linspace(0, len(row) * cells - 1, count).astype(int) for row in rows]
    drawn = [relief[row].reshape(-1)[pick] for row, pick in zip(rows, chosen)]
    errors = [error[row].reshape(-1, error.shape[-1])[pick] for row, pick in zip(rows, chosen)]
    return np.stack(drawn), np.stack(errors)


def _fit_line(relief: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    order = np.argsort(relief, axis=None, kind="stable")
    groups = [part for part in np.array_split(order, GROUPS) if len(part)]
    relief, error = relief.reshape(-1), error.reshape(-1, error.shape[-1])
    middle = np.array([relief[part].mean() for part in groups])
    high = np.maximum([np.quantile(error[part], FITTED) for part in groups], LEAST)
    # relative misfits, so that gentle ground counts as much as rough ground
    (a, b), _ = optimize.nnls(np.stack([np.ones_like(middle), middle], axis=1) / high[:, None], np.ones_like(high))
    return max(float(a), LEAST), float(b)


def held_out_ratios(relief: np.ndarray, error: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Errors in units of the scale, each block's with the scale that is fitted to the other blocks.

    Parameters
    ----------
    relief, error, block : ndarray
        As in `fit_scale`.

    Returns
    -------
    ndarray, shape (blocks, ranks)
        Of each block equally many order statistics, rising.
    """
    drawn = _drawn_alike(relief, error, block)
    place, rows = (np.arange(RANKS) + 0.5) / RANKS, []
    for k, name in enumerate(np.unique(block)):
        a, b = _fit_line(*(np.delete(side, k, axis=0) for side in drawn))
        own = block == name
        rows.append(_quantiles(error[own] / (a + b * relief[own])[..., None], place))
    return np.stack(rows)


def covering_widths(ratios: np.ndarray, levels=LEVELS) -> dict[float, float]:
    """Widths that cover given shares of the cells of a block that they were not made from.

    A width is a quantile of the ratios of all blocks. Which one is found by leaving out each block in turn: that which
    covers, on average over the blocks left out, the wanted share of their cells. With few blocks that differ much it is
    a good deal above the wanted share itself.

    Parameters
    ----------
    ratios : ndarray, shape (blocks, ranks)
        Rising along the rows, as `held_out_ratios` returns them.
    levels : sequence of float
        Shares between 0 and 1, rising.

    Returns
    -------
    dict of float to float
        Width at each level, in units of the scale; without the levels that even the largest ratio of the other blocks
        does not cover.

    Examples
    --------
    >>> ratios = np.sort(np.random.default_rng(0).exponential(size=(40, 500)), axis=1)
    >>> {level: round(width, 1) for level, width in covering_widths(ratios, (0.5, 0.9)).items()}  # 0.69, 2.3
    {0.5: 0.7, 0.9: 2.3}
    """
    share = np.linspace(0, 1, 2 * RANKS + 1)
    covered = np.zeros_like(share)
    for k, own in enumerate(ratios):
        others = _quantiles(np.delete(ratios, k, axis=0), share)
        covered += np.searchsorted(own, others, side="right") / len(own)
    covered = covered / len(ratios) + ROUNDING
    reached = [level for level in levels if level <= covered[-1]]
    least = share[np.searchsorted(covered, reached)]  # the lowest quantile that covers enough
    return dict(zip(reached, _quantiles(ratios, least).tolist()))


def _quantiles(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """What np.quantile gives, which is slow for many shares."""
    values = np.sort(values, axis=None)
    return np.interp(share * (len(values) - 1), np.arange(len(values)), values)
