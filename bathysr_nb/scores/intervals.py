"""Intervals by resampling blocks: how much a score depends on which blocks of the map were scored.

The 25 crops of a block share cells, so patches are not independent; blocks nearly are. Whole blocks are
drawn with replacement, and both sides of a difference see the same draw (a paired bootstrap).

Where one block has most of the squared error, nineteen blocks tell little more than one, and plain percentiles of the
draws are too narrow. Percentiles further out are taken instead, by Student's t for the *effective number of blocks*;
below two of those no draw reaches far enough, and there is no interval.

Source: ours; B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993; T. Hesterberg, "What teachers should
know about the bootstrap", The American Statistician 69(4), 2015 (expanded percentiles); L. Kish, "Survey Sampling",
1965 (effective number).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

FEW_BLOCKS = 8
FEW_EFFECTIVE = 2
DRAWS = 5000
LEVEL = 0.95


def resampled_means(values: np.ndarray, block: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Means over patches in each of 5,000 draws of whole blocks.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        k quantities of each patch.
    block : ndarray, shape (n,)
        Block of each patch.
    seed : int
        The same seed and blocks give the same draws.

    Returns
    -------
    ndarray, shape (5000, k), or None
        None with fewer than 8 blocks. A draw's mean is over the patches that it holds, so large
        blocks count more, as they do in the mean of all.

    Examples
    --------
    >>> means = resampled_means(np.arange(20.0)[:, None], np.arange(20))
    >>> means.shape, bool(abs(means.mean() - 9.5) < 0.1)
    ((5000, 1), True)
    """
    values = np.asarray(values, dtype=np.float64)
    sums = pd.DataFrame(values).assign(patches=1.0).groupby(np.asarray(block)).sum().to_numpy()
    blocks = len(sums)
    if blocks < FEW_BLOCKS:
        return None
    drawn = np.random.default_rng(seed).integers(0, blocks, (DRAWS, blocks))
    places = drawn + blocks * np.arange(DRAWS)[:, None]
    times = np.bincount(places.ravel(), minlength=blocks * DRAWS).reshape(DRAWS, blocks)  # of each block in each draw
    total = times.astype(np.float64) @ sums
    return total[:, :-1] / total[:, -1:]


def effective_blocks(weight: np.ndarray, block: np.ndarray) -> float:
    """Effective number of blocks: as many equally rough blocks would give the same precision.

    Parameters
    ----------
    weight : ndarray, shape (n,)
        What each patch adds to a sum, not negative: its squared error.
    block : ndarray, shape (n,)
        Block of each patch.

    Returns
    -------
    float
        The square of the sum over blocks divided by the sum of the blocks' squares: the number of blocks if all
        add the same, 1 if one adds everything.

    Examples
    --------
    >>> [round(effective_blocks(weight, np.arange(4)), 2) for weight in ([5, 5, 5, 5], [9, 1, 0, 0])]
    [4.0, 1.22]
    """
    sums = pd.Series(np.asarray(weight, dtype=np.float64)).groupby(np.asarray(block)).sum()
    return float(sums.sum() ** 2 / (sums**2).sum()) if sums.any() else float(len(sums))


def roughest_block(weight: np.ndarray, block: np.ndarray) -> tuple:
    """The block that adds most to a sum, and its share: where it is large, this block decides a pooled score.

    Parameters
    ----------
    weight, block : ndarray, shape (n,)
        As `effective_blocks`.

    Returns
    -------
    (label, float)
        Share from 0 to 1; NaN if the sum is 0.

    Examples
    --------
    >>> label, share = roughest_block(np.array([1.0, 2.0, 1.0]), np.array([7, 8, 8]))
    >>> int(label), share
    (8, 0.75)
    """
    sums = pd.Series(np.asarray(weight, dtype=np.float64)).groupby(np.asarray(block)).sum()
    return sums.idxmax(), float(sums.max() / sums.sum()) if sums.any() else np.nan


def quantiles(drawn: np.ndarray | None, effective: float = np.inf) -> tuple[float, float]:
    """95% interval from draws.

    Parameters
    ----------
    drawn : ndarray, shape (draws,), or None
        One value a draw; None: there are none.
    effective : float
        Effective number of blocks k: percentiles are taken as far out as t(k - 1) sqrt(k / (k - 1)) is on the normal
        curve, which is 2.5% and 97.5% for many blocks, and the outermost draws for three.

    Returns
    -------
    (float, float)
        NaN, NaN without draws or with fewer than 2 effective blocks. Draws that are not finite do not count.

    Examples
    --------
    >>> drawn = np.arange(1001.0)
    >>> [[round(end) for end in quantiles(drawn, effective)] for effective in (np.inf, 10)]
    [[25, 975], [9, 991]]
    """
    drawn = np.empty(0) if drawn is None else drawn[np.isfinite(drawn)]
    if not len(drawn) or not effective >= FEW_EFFECTIVE:
        return np.nan, np.nan
    tail = (1 - LEVEL) / 2
    if effective < np.inf:
        freedom = effective - 1
        tail = stats.norm.cdf(stats.t.ppf(tail, freedom) * np.sqrt((freedom + 1) / freedom))
    return tuple(float(q) for q in np.quantile(drawn, [tail, 1 - tail]))


def change_interval(model: np.ndarray, reference: np.ndarray, block: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95% interval of the change in RMSE against a reference, by resampling blocks.

    Parameters
    ----------
    model, reference : ndarray, shape (n,)
        Squared error of each patch (`bathysr_nb.scores.tables.squared_error`).
    block : ndarray, shape (n,)
        Block of each patch.
    seed : int

    Returns
    -------
    (float, float)
        Percent; negative is better than the reference. NaN with fewer than 8 blocks, or fewer than 2 effective ones
        (`effective_blocks` of the reference).
    """
    drawn = resampled_means(np.column_stack([model, reference]), block, seed)
    if drawn is None:
        return quantiles(None)
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw in which the reference has no error has no change
        change = 100 * (np.sqrt(drawn[:, 0] / drawn[:, 1]) - 1)
    return quantiles(change, effective_blocks(reference, block))
