"""Changes in words: the typical block first, then the pooled RMSE.

The two numbers answer two questions. The typical block: what to expect of a block picked at random. The pooled RMSE:
how large the error of the whole area is, which a few rough blocks decide.

Source: ours.
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.scores.intervals import FEW_BLOCKS, FEW_EFFECTIVE, change_interval, roughest_block
from bathysr_nb.scores.typical import FEWEST, Typical, typical_change

HOW_TO_READ = f"""**Typical block**: the ratio of the two RMSEs within each block, averaged over blocks (geometric
mean), so that each block counts once; it says what to expect of a block picked at random. Brackets are 95% intervals
over blocks (Student's t), given from {FEWEST} blocks on; then the number of blocks that got better. **Pooled RMSE**
is over all cells; it says how large the error of the whole area is, and a few rough blocks decide it. Its brackets
are 95% intervals from resampling blocks, both sides of a change with the same draw, widened for the effective number
of blocks (in parentheses); with fewer than {FEW_BLOCKS} blocks, or fewer than {FEW_EFFECTIVE} effective ones, there
is none, and the row "most error in" names the block that decides. RMSE of inner and of all cells are over different
cells, so either may be the larger: compare methods within a row. Intervals say how much depends on which blocks
were scored; they exclude variation between training runs."""


def signed(percent: float) -> str:
    """A percentage with its sign, one decimal and no -0.0.

    Examples
    --------
    >>> signed(-3.14), signed(-0.01)
    ('-3.1', '+0.0')
    """
    return f"{round(percent, 1) + 0:+.1f}"


def bracketed(low: float, high: float) -> str:
    """An interval in brackets; empty without one.

    Parameters
    ----------
    low, high : float
        Percent; NaN: there is none.

    Examples
    --------
    >>> bracketed(-5.0, 1.0), bracketed(np.nan, np.nan)
    ('[-5.0, +1.0]', '')
    """
    return "" if np.isnan(low) else f"[{signed(low)}, {signed(high)}]"


def verdict_word(low: float, high: float) -> str:
    """What an interval of a change says: better, worse, no clear difference, or too few blocks to say.

    Parameters
    ----------
    low, high : float
        Percent; NaN: there is no interval.

    Examples
    --------
    >>> verdict_word(-5.0, -1.0), verdict_word(-5.0, 1.0), verdict_word(np.nan, np.nan)
    ('better', 'no clear difference', 'too few blocks to say')
    """
    if np.isnan(low):
        return "too few blocks to say"
    return "better" if high < 0 else "worse" if low > 0 else "no clear difference"


def typical_in_words(typical: Typical) -> str:
    """A change in a typical block as a verdict.

    Parameters
    ----------
    typical : Typical

    Examples
    --------
    >>> typical_in_words(Typical(-6.1, -8.4, -3.7, 16, 19))
    'better in a typical block, -6.1% [-8.4, -3.7], on 16 of 19 blocks'
    """
    change = f"{signed(typical.change)}% {bracketed(typical.low, typical.high)}".rstrip()
    word, blocks = verdict_word(typical.low, typical.high), f"{typical.better} of {typical.blocks} blocks"
    return f"{word} in a typical block, {change}, {'on' if word == 'better' else 'better on'} {blocks}"


def pooled_in_words(model: np.ndarray, reference: np.ndarray, block: np.ndarray | None) -> str:
    """Pooled RMSE of two methods in metres, and the change with its interval, or why it has none.

    Parameters
    ----------
    model, reference : ndarray, shape (n,)
        Squared error of each patch.
    block : ndarray, shape (n,), or None
        Block of each patch; None: not known.

    Examples
    --------
    >>> pooled_in_words(np.full(9, 0.81), np.ones(9), np.arange(9))
    'pooled RMSE 0.90 m instead of 1.00 (-10.0% [-10.0, -10.0], better)'
    """
    rmse, other = (float(np.sqrt(np.mean(error))) for error in (model, reference))
    change = f"{signed(100 * (rmse / other - 1))}%" if other > 0 else "no change to give"
    if block is None:
        why = ", blocks not known, so no interval"
    else:
        low, high = change_interval(model, reference, block)
        label, share = roughest_block(reference, block)
        given = f" {bracketed(low, high)}, {verdict_word(low, high)}"
        withheld = f", no interval: block {label:g} has {share:.0%} of the squared error"
        why = withheld if np.isnan(low) else given
    return f"pooled RMSE {rmse:.2f} m instead of {other:.2f} ({change}{why})"


def change_in_words(model: np.ndarray, reference: np.ndarray, block: np.ndarray | None) -> str:
    """The change in a typical block as a verdict, then the pooled RMSEs.

    Parameters
    ----------
    model, reference : ndarray, shape (n,)
        Squared error of each patch.
    block : ndarray, shape (n,), or None
        Block of each patch; None: not known.

    Examples
    --------
    >>> print(change_in_words(np.full(9, 0.81), np.ones(9), np.arange(9)))
    better in a typical block, -10.0% [-10.0, -10.0], on 9 of 9 blocks; pooled RMSE 0.90 m instead of 1.00 \
(-10.0% [-10.0, -10.0], better)
    """
    pooled = pooled_in_words(model, reference, block)
    return pooled if block is None else f"{typical_in_words(typical_change(model, reference, block))}; {pooled}"


#: Where a method stands beside another, worst first.
STANDINGS = ("worse than", "level with", "better than")


def standing(typical: float, low: float, high: float) -> str:
    """Where a method stands beside another in a typical block: one of `STANDINGS`.

    Parameters
    ----------
    typical, low, high : float
        Change and its interval, percent; without an interval (NaN) the sign of the change decides.

    Examples
    --------
    >>> standing(-1.1, -8.5, 6.8), standing(-5.0, -8.0, -2.0), standing(3.0, np.nan, np.nan)
    ('level with', 'better than', 'worse than')
    """
    low, high = (typical, typical) if np.isnan(low) else (low, high)
    return STANDINGS[0] if low > 0 else STANDINGS[2] if high < 0 else STANDINGS[1]
