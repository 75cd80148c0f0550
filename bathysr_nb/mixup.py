r"""Adaptive Mixup: blend gentle and steep patches towards a target area's slopes.

A blend of two pairs is :math:`x = \lambda x_{high} + (1 - \lambda) x_{low}`, on LR and HR
with the same weight. Its mean slope gradient is convex in the weight, so a blend is never
steeper than the steeper of its pair, and between the two every value is reached.

Source: manual 1.1.1 and 1.3 (``mixup.py``); Murakami et al. 2025,
doi:10.1029/2024EA003610.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb.augment import FLIPS, VARIANTS, pick_variants
from bathysr_nb.terrain import mean_slope_gradient

BINS = 20
HALVINGS = 50
ROUNDING = 1e-9


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
        Weight of the first patch: the solution nearer 0.5, or where the slope comes nearest.
    other : ndarray
        The second solution; NaN where there is none.
    value : ndarray
        The MSG reached.
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
        Cell size in metres.

    Returns
    -------
    Solution

    Notes
    -----
    Along the weight the MSG is convex: it falls to its lowest value (golden-section search), then rises, so
    each side has one solution at most (bisection). A wanted value below the lowest, or above
    both patches, is not reached: the nearest is given.

    Examples
    --------
    >>> steep = np.outer(np.arange(8.0), np.ones(8))[None]
    >>> solved = solve_lambda(steep, 0 * steep, mean_slope_gradient(steep / 4, 1), 1)
    >>> round(float(solved.lam[0]), 6), float(solved.other[0])
    (0.25, nan)
    """
    high, low = np.asarray(high, dtype=np.float64), np.asarray(low, dtype=np.float64)
    wanted = np.asarray(wanted, dtype=np.float64)

    def slope(lam):
        return mean_slope_gradient(blend(high, low, lam), delta)

    lowest = _lowest(slope, len(wanted))
    zeros, ones = np.zeros(len(wanted)), np.ones(len(wanted))
    sides = [_crossing(slope, lowest, end, wanted) for end in (zeros, ones)]
    nearer = np.where(np.abs(np.nan_to_num(sides[0], nan=9) - 0.5) < np.abs(np.nan_to_num(sides[1], nan=9) - 0.5), 0, 1)
    lam, other = np.choose(nearer, sides), np.choose(1 - nearer, sides)
    steeper = np.where(slope(ones) >= slope(zeros), 1.0, 0.0)
    nearest = np.where(wanted < slope(lowest), lowest, steeper)
    lam = np.where(np.isnan(lam), nearest, lam)
    return Solution(lam, other, slope(lam))


def _lowest(slope, n: int) -> np.ndarray:
    """Where a convex function of the weight is lowest in 0..1, n of them at once."""
    golden = (np.sqrt(5) - 1) / 2
    left, right = np.zeros(n), np.ones(n)
    for _ in range(HALVINGS):
        inner = right - golden * (right - left), left + golden * (right - left)
        first = slope(inner[0]) <= slope(inner[1])
        left, right = np.where(first, left, inner[0]), np.where(first, inner[1], right)
    ends = np.stack([np.zeros(n), (left + right) / 2, np.ones(n)])
    return ends[np.argmin([slope(lam) for lam in ends], axis=0), np.arange(n)]


def _crossing(slope, lowest: np.ndarray, end: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Weight between the lowest point and an end at which the slope is the wanted one; NaN where it is not."""
    reached = (slope(lowest) <= wanted * (1 + ROUNDING)) & (wanted <= slope(end) * (1 + ROUNDING)) & (lowest != end)
    below, above = lowest, end
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        under = slope(middle) < wanted
        below, above = np.where(under, middle, below), np.where(under, above, middle)
    return np.where(reached, above, np.nan)


def target_bins(target: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Histogram of the target area's feature, as shares.

    Parameters
    ----------
    target : ndarray, shape (n,)
    bins : int
        Equal bins over the target's range.

    Returns
    -------
    (ndarray (bins,), ndarray (bins + 1,))
        Share of each bin and the edges.

    Raises
    ------
    ValueError
        If the target has no range.
    """
    target = np.asarray(target, dtype=np.float64)
    if not len(target) or not np.ptp(target) > 0:
        raise ValueError("the target's feature values have no range: at least two different ones are needed")
    counts, edges = np.histogram(target, bins)
    return counts / counts.sum(), edges


def idx_of_the_nearest(data, value: float) -> int:
    """Index of the element nearest to a value, the first of several.

    Notes
    -----
    Manual 1.3, ``idx_of_the_nearest``.

    Examples
    --------
    >>> idx_of_the_nearest([0.1, 0.3, 0.5], 0.35), indices_of_the_nearest([0.1, 0.3, 0.5], 0.2).tolist()
    (1, [0, 1])
    """
    return int(indices_of_the_nearest(data, value)[0])


def indices_of_the_nearest(data, value: float) -> np.ndarray:
    """Indices of all elements that are nearest to a value.

    Distances that differ by rounding alone count as equal.

    Raises
    ------
    ValueError
        If there are no data.

    Notes
    -----
    Manual 1.3, ``indices_of_the_nearest``.
    """
    distance = np.abs(np.asarray(data, dtype=np.float64) - value)
    if not distance.size:
        raise ValueError("no data to find the nearest of")
    return np.flatnonzero(np.isclose(distance, distance.min(), rtol=ROUNDING, atol=0))


def wanted_counts(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in the given proportions that add up to `total` (largest remainder).

    Examples
    --------
    >>> wanted_counts(np.array([0.5, 0.3, 0.2]), 7).tolist()
    [4, 2, 1]
    """
    exact = np.asarray(shares, dtype=np.float64) * total
    counts = np.floor(exact).astype(int)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts


class Picked(NamedTuple):
    """A training set steered to the target area.

    Attributes
    ----------
    lr, hr : ndarray, shape (m, h, w) and (m, H, W), float32
        Picked pairs in metres.
    pairs : DataFrame
        One row a pair: kind (original, mixup, variant), high and low (source indices),
        high_variant and low_variant (names of `bathysr_nb.augment.VARIANTS`), lam,
        mean_slope_gradient (LR).
    bins : DataFrame
        One row a bin: from, to, wanted, originals, mixups, borrowed (variants of the
        nearest slopes that there are, where nothing reaches the bin).
    """

    lr: np.ndarray
    hr: np.ndarray
    pairs: pd.DataFrame
    bins: pd.DataFrame


def adaptive_mixup(lr, hr, delta, target_slope, increase_rate: int = 2, seed: int = 0) -> Picked:
    """Pick originals and make blends so that the slopes follow the target's histogram.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Source pairs, metres.
    delta : float or (float, float)
        LR cell size in metres.
    target_slope : ndarray
        MSG of the target area's LR patches at the same cell size.
    increase_rate : int
        Size of the result, in multiples of n.
    seed : int

    Returns
    -------
    Picked

    Raises
    ------
    ValueError
        If the target has no range, or the copies to borrow are used up.

    Notes
    -----
    Per bin: the originals in it; then blends of a steeper and a gentler original, in
    different variants, with the weight from `solve_lambda`; a bin that no pair reaches
    borrows flips and turns of the originals nearest to it. Where cells are not square there
    are no quarter turns: they would change the slope.

    Examples
    --------
    >>> hr = np.random.default_rng(0).normal(size=(30, 16, 16)) * np.arange(1, 31)[:, None, None]
    >>> lr = hr.reshape(30, 4, 4, 4, 4).mean(axis=(2, 4))
    >>> len(adaptive_mixup(lr, hr, 200, mean_slope_gradient(lr[10:], 200)).lr)
    60
    """
    rng = np.random.default_rng(seed)
    slope = mean_slope_gradient(np.asarray(lr, dtype=np.float64), delta)
    shares, edges = target_bins(target_slope)
    dy, dx = np.broadcast_to(delta, 2)
    kinds = len(VARIANTS) if dy == dx else len(FLIPS) + 1  # the original, flips, then quarter turns
    drawn, rows = [], []
    if increase_rate < 1:
        raise ValueError(f"increase_rate is {increase_rate}, expected at least 1")
    for start, stop, count in zip(edges[:-1], edges[1:], wanted_counts(shares, increase_rate * len(slope))):
        inside = np.flatnonzero((slope >= start) & ((slope < stop) | (slope == stop) & (stop == edges[-1])))
        kept = np.sort(rng.permutation(inside)[:count])
        blends = _draw_blends(slope, start, stop, count - len(kept), kinds, rng)
        drawn += [_single("original", kept, 0, slope), blends]
        rows.append((start, stop, count, len(kept), len(blends), count - len(kept) - len(blends)))
    bins = pd.DataFrame(rows, columns=["from", "to", "wanted", "originals", "mixups", "borrowed"])
    drawn.append(_borrow(slope, bins, kinds - 1))
    return _assemble(lr, hr, delta, pd.concat(drawn, ignore_index=True), bins)


def _single(kind, index, which, slope) -> pd.DataFrame:
    """Rows of patches that are not blended: the same original on both sides, weight 1."""
    columns = {"high": index, "low": index, "high_variant": which, "low_variant": which}
    return pd.DataFrame({"kind": kind, **columns, "lam": 1.0, "mean_slope_gradient": slope[index]})


def _draw_blends(slope, start, stop, count, kinds, rng) -> pd.DataFrame:
    """Wanted slopes inside the bin, each with a steeper and a gentler original of another variant."""
    bottom, top = max(start, slope.min()), min(stop, slope.max())
    count = count if bottom < top else 0
    order = np.argsort(slope, kind="stable")
    wanted = rng.uniform(bottom, max(top, bottom), count)
    first_above = np.searchsorted(slope[order], wanted, side="left").clip(1)
    variant = rng.integers(0, kinds, count)
    return pd.DataFrame(
        {
            "kind": "mixup",
            "high": order[rng.integers(first_above, len(slope))],
            "low": order[rng.integers(0, first_above)],
            "high_variant": variant,
            "low_variant": (variant + rng.integers(1, kinds, count)) % kinds,
            "lam": np.nan,
            "mean_slope_gradient": wanted,
        }
    )


def _borrow(slope, bins, copies) -> pd.DataFrame:
    """For each bin that lacks some, flips and turns of the originals nearest in slope, none twice."""
    lacking = int(bins["borrowed"].sum()) - copies * len(slope)
    if lacking > 0:
        raise ValueError(f"increase_rate is too large: all flips and turns are used up and {lacking} patches lack")
    used, drawn = np.zeros(len(slope), dtype=int), []
    for start, stop, count in bins[["from", "to", "borrowed"]].itertuples(index=False):
        nearest = np.argsort(np.abs(slope - (start + stop) / 2), kind="stable")
        index = np.repeat(nearest, copies - used[nearest])[: int(count)]
        rank = pd.Series(index).groupby(index).cumcount().to_numpy()
        drawn.append(_single("variant", index, 1 + used[index] + rank, slope))
        np.add.at(used, index, 1)
    return pd.concat(drawn, ignore_index=True)


def _assemble(lr, hr, delta, pairs, bins) -> Picked:
    high, low = (
        tuple(pick_variants(side, pairs[which], pairs[f"{which}_variant"]) for side in (lr, hr))
        for which in ("high", "low")
    )
    mixed = np.flatnonzero(pairs["kind"] == "mixup")
    solved = solve_lambda(high[0][mixed], low[0][mixed], pairs["mean_slope_gradient"].to_numpy()[mixed], delta)
    pairs.loc[mixed, "lam"], pairs.loc[mixed, "mean_slope_gradient"] = solved.lam, solved.value
    sides = [
        blend(h.astype(np.float64), lo.astype(np.float64), pairs["lam"]).astype(np.float32) for h, lo in zip(high, low)
    ]
    for which in ("high_variant", "low_variant"):
        pairs[which] = [VARIANTS[number] for number in pairs[which]]
    return Picked(*sides, pairs, bins)
