r"""Blend two patches, and find the weight at which the blend has a wanted feature.

Along the weight :math:`\lambda` of :math:`\lambda x_{high} + (1 - \lambda) x_{low}` the mean slope
gradient (MSG) and the relief (highest minus lowest cell) are convex: they fall to a lowest value, then rise. A
gradient is linear in the patch, so that of a blend is the blend of the two gradients, computed once.

Source: manual 1.1.1; the search for the weight is ours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bathysr_nb.terrain import gradient

CHUNK_CELLS = 1 << 16  # cells solved for together: they stay in the processor's cache
STEPS = 100  # Newton's; ten are enough unless a curve only just touches the wanted value
HALVINGS = 50
ROUNDING = 1e-9  # relative to the wanted value, within which it counts as reached
ZERO = 1e-15  # relative to the steeper patch's value, likewise: for wanted values near 0


def blend(high: np.ndarray, low: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """Blend pairs of patches: lam * high + (1 - lam) * low.

    Parameters
    ----------
    high, low : ndarray, shape (n, h, w)
        Depths in metres.
    lam : ndarray, shape (n,)
        Weights in [0, 1].

    Returns
    -------
    ndarray, shape (n, h, w)

    Notes
    -----
    Manual 1.1.1.

    Examples
    --------
    >>> blend(np.full((1, 1, 1), 10.0), np.zeros((1, 1, 1)), np.array([0.3])).item()
    3.0
    """
    lam = np.asarray(lam, dtype=high.dtype)[:, None, None]
    return lam * high + (1 - lam) * low


class Solution(NamedTuple):
    """What `solve_lambda` found, each of shape (n,).

    Attributes
    ----------
    lam : ndarray
        Weight of the first patch: the solution nearer 0.5, or, without one, that of the nearest feature.
    other : ndarray
        The second solution; NaN if there is none.
    value : ndarray
        The feature reached.
    """

    lam: np.ndarray
    other: np.ndarray
    value: np.ndarray


def solve_lambda(high: np.ndarray, low: np.ndarray, wanted: np.ndarray, delta) -> Solution:
    """Weights at which the blends reach the wanted mean slope gradients.

    Parameters
    ----------
    high, low : ndarray, shape (n, h, w)
        The two patches of each pair, metres.
    wanted : ndarray, shape (n,)
        Wanted MSG of each blend.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).

    Returns
    -------
    Solution
        A wanted value below the curve's minimum, or above both patches, cannot be reached: the
        nearest value is taken.

    Raises
    ------
    ValueError
        If the shapes do not agree, a patch is smaller than 3 x 3 or delta is not positive.

    Notes
    -----
    Newton's method from either end: on a convex curve it approaches the solution and never
    passes it.

    Examples
    --------
    >>> from bathysr_nb.terrain import mean_slope_gradient
    >>> steep = np.outer(np.arange(8.0), np.ones(8))[None]
    >>> solved = solve_lambda(steep, 0 * steep, mean_slope_gradient(steep / 4, 1), 1)
    >>> round(float(solved.lam[0]), 6), float(solved.other[0])
    (0.25, nan)
    """
    return _in_chunks(lambda one, two: _SlopeCurve(one, two, delta), high, low, wanted)


def solve_relief(high: np.ndarray, low: np.ndarray, wanted: np.ndarray) -> Solution:
    """Weights at which the blends reach the wanted reliefs (highest minus lowest cell, metres).

    Parameters
    ----------
    high, low, wanted
        As `solve_lambda`.

    Returns
    -------
    Solution
        As `solve_lambda`.

    Examples
    --------
    >>> high, low = np.array([[[0.0, 100.0]]]), np.array([[[0.0, 20.0]]])
    >>> solve_relief(high, low, np.array([40.0])).lam.round(6).tolist()
    [0.25]
    """
    return _in_chunks(_ReliefCurve, high, low, wanted)


class _SlopeCurve:
    """MSG of the blends of some pairs along the weight, with its slope."""

    def __init__(self, high, low, delta):
        self.cells = high.shape[1] * high.shape[2]
        start, end = (np.stack(gradient(side, delta)).reshape(2, len(side), -1) for side in (low, high))
        self.start, self.change = start, end - start

    def __call__(self, lam: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        change = self.change[:, rows]
        y, x = self.start[:, rows] + lam[:, None] * change
        steepness = np.sqrt(y * y + x * x)
        along = y * change[0] + x * change[1]
        # where a cell is flat its part of the curve has a kink; 0 lies between the curve's slopes on both sides
        along = np.divide(along, steepness, out=np.zeros_like(along), where=steepness > 0)
        return steepness.sum(axis=1) / self.cells, along.sum(axis=1) / self.cells


class _ReliefCurve:
    """Relief of the blends of some pairs along the weight, with its slope."""

    def __init__(self, high, low):
        self.start, end = (side.reshape(len(side), -1) for side in (low, high))
        self.change = end - self.start

    def __call__(self, lam: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        change, row = self.change[rows], np.arange(len(rows))
        cells = self.start[rows] + lam[:, None] * change
        top, bottom = cells.argmax(axis=1), cells.argmin(axis=1)
        return cells[row, top] - cells[row, bottom], change[row, top] - change[row, bottom]


def _in_chunks(curve_of, high, low, wanted) -> Solution:
    high, low, wanted = np.asarray(high), np.asarray(low), np.asarray(wanted, dtype=np.float64)
    if high.ndim != 3 or high.shape != low.shape or wanted.shape != high.shape[:1]:
        found = f"{high.shape}, {low.shape} and {wanted.shape}"
        raise ValueError(f"high, low and wanted have shapes {found}; expected (n, h, w), the same, and (n,)")
    step = max(1, CHUNK_CELLS // max(1, high[:1].size))
    solved = [Solution(*np.empty((3, 0)))]
    for start in range(0, len(wanted), step):
        some = slice(start, start + step)
        curve = curve_of(high[some].astype(np.float64), low[some].astype(np.float64))
        solved.append(_solve(curve, wanted[some]))
    return Solution(*map(np.concatenate, zip(*solved)))


def _solve(curve, wanted: np.ndarray) -> Solution:
    rows = np.arange(len(wanted))
    ends = np.stack([curve(np.full(len(wanted), end), rows)[0] for end in (0.0, 1.0)])
    tolerance = ROUNDING * np.abs(wanted) + ZERO * ends.max(axis=0)
    sides = [_crossing(curve, wanted, tolerance, end) for end in (0.0, 1.0)]
    nearer = np.argmin([np.nan_to_num(np.abs(side - 0.5), nan=9) for side in sides], axis=0)
    lam, other = np.choose(nearer, sides), np.choose(1 - nearer, sides)
    above = np.isnan(lam) & (wanted > ends.max(axis=0))
    lam[above] = np.argmax(ends, axis=0)[above]
    below = np.flatnonzero(np.isnan(lam))
    lam[below] = _lowest(curve, below)
    return Solution(lam, np.where(other == lam, np.nan, other), curve(lam, rows)[0])


def _crossing(curve, wanted, tolerance, end: float) -> np.ndarray:
    """Weights at which the curves, on their way down from an end, meet the wanted values; NaN where they do not."""
    lam, found, unsolved = np.full(len(wanted), end), np.full(len(wanted), np.nan), np.arange(len(wanted))
    # a row is given up when its curve stops falling or its weight leaves 0..1
    for _ in range(STEPS):
        value, rise = curve(lam[unsolved], unsolved)
        above = value - wanted[unsolved]
        met = np.abs(above) <= tolerance[unsolved]
        found[unsolved[met]] = lam[unsolved[met]]
        falls = rise > 0 if end else rise < 0
        further = ~met & (above > 0) & falls
        unsolved, step = unsolved[further], above[further] / rise[further]
        lam[unsolved] -= step
        unsolved = unsolved[(lam[unsolved] >= 0) & (lam[unsolved] <= 1)]
        if not len(unsolved):
            break
    return found


def _lowest(curve, rows: np.ndarray) -> np.ndarray:
    """Weights at which the curves of some rows are lowest, by bisection on the sign of their slope."""
    left, right = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(HALVINGS if len(rows) else 0):
        middle = (left + right) / 2
        rises = curve(middle, rows)[1] > 0
        left, right = np.where(rises, left, middle), np.where(rises, middle, right)
    candidates = np.stack([np.zeros(len(rows)), (left + right) / 2, np.ones(len(rows))])
    values = [curve(lam, rows)[0] for lam in candidates]
    return candidates[np.argmin(values, axis=0), np.arange(len(rows))]
