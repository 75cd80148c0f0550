"""Intervals by resampling blocks: how sure a score is, given which blocks of the map happened to be scored.

The 25 crops of a block share cells, so patches are no independent draws; blocks nearly are. Whole blocks are
drawn with replacement, and both sides of a difference see the same draw (a paired bootstrap).

Source: ours; B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FEW_BLOCKS = 8
DRAWS = 2000


def resampled_means(values: np.ndarray, block: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Means over patches in each of 2,000 draws of whole blocks.

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
    ndarray, shape (2000, k), or None
        None with fewer than 8 blocks. A draw's mean is over the patches that it holds, so large
        blocks count more, as they do in the mean of all.

    Examples
    --------
    >>> means = resampled_means(np.arange(20.0)[:, None], np.arange(20))
    >>> means.shape, bool(abs(means.mean() - 9.5) < 0.1)
    ((2000, 1), True)
    """
    values = np.asarray(values, dtype=np.float64)
    sums = pd.DataFrame(values).assign(patches=1.0).groupby(np.asarray(block)).sum().to_numpy()
    blocks = len(sums)
    if blocks < FEW_BLOCKS:
        return None
    drawn = np.random.default_rng(seed).integers(0, blocks, (DRAWS, blocks))
    places = drawn + blocks * np.arange(DRAWS)[:, None]
    times = np.bincount(places.ravel(), minlength=blocks * DRAWS).reshape(DRAWS, blocks)  # each block in each draw
    total = times.astype(np.float64) @ sums
    return total[:, :-1] / total[:, -1:]


def quantiles(drawn: np.ndarray | None) -> tuple[float, float]:
    """95% interval of what was drawn, shape (2000,); NaN, NaN for None."""
    if drawn is None:
        return np.nan, np.nan
    return tuple(float(q) for q in np.percentile(drawn, [2.5, 97.5]))


def change_interval(model: np.ndarray, reference: np.ndarray, block: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95% interval of the change in RMSE against a reference, by resampling blocks.

    Parameters
    ----------
    model, reference : ndarray, shape (n,)
        Squared error of each patch (`bathysr_nb.evaluate.squared_error`).
    block : ndarray, shape (n,)
        Block of each patch.
    seed : int

    Returns
    -------
    (float, float)
        Percent; negative is better than the reference. NaN with fewer than 8 blocks.
    """
    drawn = resampled_means(np.column_stack([model, reference]), block, seed)
    return quantiles(None if drawn is None else 100 * (np.sqrt(drawn[:, 0] / drawn[:, 1]) - 1))


def in_words(change: float, low: float, high: float) -> str:
    """What a change in RMSE and its interval say.

    Parameters
    ----------
    change, low, high : float
        Percent; NaN limits: there is no interval.

    Examples
    --------
    >>> in_words(-3.0, -5.0, -1.0)
    'better, RMSE -3.0% [-5.0, -1.0]'
    >>> in_words(-3.0, -5.0, 1.0)
    'no clear difference, RMSE -3.0% [-5.0, +1.0]'
    """
    if np.isnan(low):
        return f"RMSE {change:+.1f}% (too few blocks for an interval)"
    sure = "better" if high < 0 else "worse" if low > 0 else "no clear difference"
    return f"{sure}, RMSE {change:+.1f}% [{low:+.1f}, {high:+.1f}]"
