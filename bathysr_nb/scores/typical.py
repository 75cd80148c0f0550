"""The typical block: what a change is worth where no single rough block decides.

Pooled RMSE is ruled by the few blocks with the largest errors. Here each block counts once: the ratio of two methods'
RMSEs within it, and over the blocks the geometric mean of these ratios. The two numbers answer two questions: what to
expect of a block picked at random, and how large the error of the whole area is.

The interval is Student's t on the logarithms of the ratios. Notebook 08 simulates how often it holds.

Source: ours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from bathysr_nb.scores.intervals import LEVEL

FEWEST = 6  # blocks below which no interval is given


class Typical(NamedTuple):
    """A change in RMSE in a typical block.

    Attributes
    ----------
    change : float
        Percent; negative is better than the reference.
    low, high : float
        Its 95% interval; NaN with fewer than 6 blocks.
    better, blocks : int
        Blocks in which the error is lower than the reference's, and all blocks.
    """

    change: float
    low: float
    high: float
    better: int
    blocks: int


def block_ratios(model: np.ndarray, reference: np.ndarray, block: np.ndarray) -> pd.Series:
    """Ratio of two methods' RMSEs within each block.

    Parameters
    ----------
    model, reference : ndarray, shape (n,)
        Mean squared error of each patch, square metres.
    block : ndarray, shape (n,)
        Block of each patch.

    Returns
    -------
    Series, index: block
        NaN where the reference has no error at all.

    Examples
    --------
    >>> block_ratios(np.array([1.0, 1.0, 4.0]), np.array([4.0, 4.0, 4.0]), np.array([3, 3, 5])).to_dict()
    {3: 0.5, 5: 1.0}
    """
    squares = pd.DataFrame({"model": model, "reference": reference}).groupby(np.asarray(block)).mean()
    return np.sqrt(squares["model"] / squares["reference"].where(squares["reference"] > 0))


def typical_change(model: np.ndarray, reference: np.ndarray, block: np.ndarray) -> Typical:
    """Change in RMSE in a typical block, its 95% interval, and in how many blocks it is a gain.

    Parameters
    ----------
    model, reference : ndarray, shape (n,)
        Mean squared error of each patch, square metres.
    block : ndarray, shape (n,)
        Block of each patch.

    Returns
    -------
    Typical

    Examples
    --------
    >>> block = np.arange(8)
    >>> typical_change(np.full(8, 0.81), np.ones(8), block)
    Typical(change=-10.0, low=-10.0, high=-10.0, better=8, blocks=8)
    """
    ratios = block_ratios(model, reference, block)
    better, blocks = int((ratios < 1).sum()), len(ratios)
    with np.errstate(divide="ignore"):  # a block without error has a ratio of 0
        logs = np.log(ratios.dropna().to_numpy())
    centre = logs.mean() if len(logs) else np.nan
    half = np.nan
    if len(logs) >= FEWEST and np.isfinite(logs).all():
        half = stats.t.ppf((1 + LEVEL) / 2, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    change, low, high = (float(round(100 * np.expm1(value), 10)) for value in (centre, centre - half, centre + half))
    return Typical(change, low, high, better, blocks)
