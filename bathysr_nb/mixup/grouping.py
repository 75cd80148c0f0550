"""Which patches are blended: the high and the low group, and pairs of one patch from each.

Source: manual 1.1.1, 1.3 (``Load_csv_norm``, ``mixup_norm``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SLICES = 10
ROUNDS = 200  # of drawing new partners for pairs that are taken already
SHARE = 0.9  # quantile of the source that the threshold does not exceed, so that the high group is not empty


class Groups(NamedTuple):
    """The two groups of originals; each original comes with all its variants.

    Attributes
    ----------
    high, low : ndarray of int
        Numbers of the originals.
    threshold : float
        NaN for a split at random.
    """

    high: np.ndarray
    low: np.ndarray
    threshold: float


class Blends(NamedTuple):
    """Which patches to blend.

    Attributes
    ----------
    high, low : ndarray of int, shape (k,)
        Originals.
    high_variant, low_variant : ndarray of int, shape (k,)
        Numbers of their variants.
    number : ndarray, shape (k,)
        The wanted feature of each blend, or its weight.
    """

    high: np.ndarray
    low: np.ndarray
    high_variant: np.ndarray
    low_variant: np.ndarray
    number: np.ndarray


def split(value: np.ndarray, shares, edges, threshold: float | None, rng: np.random.Generator) -> Groups:
    """Split the originals at a threshold, and balance the high group with low patches.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Feature of the originals.
    shares, edges : ndarray, shape (b,) and (b + 1,)
        Target histogram.
    threshold : float, optional
        The high group starts here. None: the middle of the target's fullest bin, but at
        most the 90% quantile of the originals.
    rng : Generator

    Returns
    -------
    Groups
        The high group is balanced with low patches: slice k below the threshold (of ten)
        contributes as many as slice k above it holds, or all it has. If that would leave no low
        group, the high group is not balanced.

    Raises
    ------
    ValueError
        If a group is empty, naming the threshold and the largest value.

    Notes
    -----
    Manual 1.3, ``Load_csv_norm``.

    Examples
    --------
    >>> value = np.array([1.0, 2.0, 3.0, 7.0, 8.0])
    >>> groups = split(value, np.ones(1), np.array([0.0, 1.0]), 5.0, np.random.default_rng(0))
    >>> groups.high.tolist(), groups.low.tolist()
    ([0, 3, 4], [1, 2])
    """
    if threshold is None:
        fullest = int(np.argmax(shares))
        threshold = min((edges[fullest] + edges[fullest + 1]) / 2, float(np.quantile(value, SHARE)))
    high, low = np.flatnonzero(value >= threshold), np.flatnonzero(value < threshold)
    if not len(high) or not len(low):
        which, limit = ("high", f"at most {value.max():.6g}") if not len(high) else ("low", f"above {value.min():.6g}")
        raise ValueError(
            f"threshold {threshold:.6g} leaves no {which} group: the originals' feature goes from {value.min():.6g} "
            f"to {value.max():.6g}; expected a threshold of {limit}"
        )
    joined = _top_up(value, high, low, threshold, rng)
    if len(joined) < len(low):
        high, low = np.sort(np.concatenate([high, joined])), np.setdiff1d(low, joined)
    return Groups(high, low, float(threshold))


def _top_up(value, high, low, threshold, rng) -> np.ndarray:
    """Low originals to join the high group: from each slice below the threshold as many as its mirror image holds."""
    counts = np.histogram(value[high], SLICES, (threshold, max(value[high].max(), np.nextafter(threshold, np.inf))))[0]
    depth = (threshold - value[low]) / (threshold - value[low].min())
    slices = np.minimum((depth * SLICES).astype(int), SLICES - 1)
    drawn = [rng.permutation(low[slices == k])[: counts[k]] for k in range(SLICES)]
    return np.concatenate(drawn)


def split_at_random(n: int, rng: np.random.Generator) -> Groups:
    """Split the originals into random halves, whatever their feature (plain mixup).

    Parameters
    ----------
    n : int
        Originals.
    rng : Generator

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    if n < 2:
        raise ValueError(f"{n} original patches, expected at least two to blend")
    order = rng.permutation(n)
    return Groups(np.sort(order[: n // 2]), np.sort(order[n // 2 :]), np.nan)


def check_enough(groups: Groups, variants: int, count: int) -> int:
    """Number of different pairs of the two groups in different variants.

    Parameters
    ----------
    groups : Groups
    variants : int
        How many each original has.
    count : int
        Blends wanted.

    Raises
    ------
    ValueError
        If that is fewer than `count`.
    """
    pairs = len(groups.high) * len(groups.low) * variants * (variants - 1)
    if count > pairs:
        raise ValueError(
            f"too few originals: {count} different blends are wanted, and {len(groups.high)} high and "
            f"{len(groups.low)} low originals in {variants} variants make {pairs} pairs"
        )
    return pairs


def random_blends(groups: Groups, variants: np.ndarray, lam: np.ndarray, rng: np.random.Generator) -> Blends:
    """Random pairs, whatever their features, none twice, one for each weight.

    Parameters
    ----------
    groups : Groups
    variants : ndarray of int
        Numbers of the variants to use.
    lam : ndarray, shape (k,)
        Weights.
    rng : Generator

    Raises
    ------
    ValueError
        As `check_enough`.
    """
    # each possible pair has a number, in mixed radix: (high, low, variant of high, step to another variant for low);
    # drawing numbers without replacement gives no pair twice, and no table of all pairs is needed
    kinds = len(variants)
    codes = rng.choice(check_enough(groups, kinds, len(lam)), len(lam), replace=False)
    codes, step = np.divmod(codes, max(kinds - 1, 1))
    codes, first = np.divmod(codes, kinds)
    high, low = np.divmod(codes, len(groups.low))
    second = (first + 1 + step) % kinds
    return Blends(groups.high[high], groups.low[low], variants[first], variants[second], np.asarray(lam))


class _Members(NamedTuple):
    """The patches of a group, in order of their feature."""

    original: np.ndarray
    variant: np.ndarray
    value: np.ndarray


def _members(value: np.ndarray, originals: np.ndarray, variants: np.ndarray) -> _Members:
    values = value[np.ix_(variants, originals)].ravel()
    order = np.argsort(values, kind="stable")
    variant, original = np.divmod(order, len(originals))
    return _Members(originals[original], variants[variant], values[order])


def blends_about(groups: Groups, variants: np.ndarray, value: np.ndarray, wanted: np.ndarray, rng) -> Blends:
    """Pairs with a high patch at or above, and a low one at or below, each wanted feature; none twice.

    Parameters
    ----------
    groups : Groups
    variants : ndarray of int
        Numbers of the variants to use.
    value : ndarray, shape (all variants, n)
        Feature of every patch.
    wanted : ndarray, shape (k,)
    rng : Generator

    Returns
    -------
    Blends
        `number` is the wanted feature. Wanted features with no such pair, or none that was still free
        after 200 draws, are left out.
    """
    high, low = (_members(value, group, variants) for group in groups[:2])
    first, last = np.searchsorted(high.value, wanted, "left"), np.searchsorted(low.value, wanted, "right")
    # each round draws a pair for every wanted feature still open, and keeps those that are new
    chosen, used = np.full((len(wanted), 2), -1), np.empty(0, dtype=np.int64)
    open_ = np.flatnonzero((first < len(high.value)) & (last > 0))
    for _ in range(ROUNDS):
        if not len(open_):
            break
        up, down = rng.integers(first[open_], len(high.value)), rng.integers(0, last[open_])
        pair = up * len(low.value) + down  # one number a pair, to find those that were drawn before
        new = np.zeros(len(open_), dtype=bool)
        new[np.unique(pair, return_index=True)[1]] = True
        new &= (high.variant[up] != low.variant[down]) & ~np.isin(pair, used)
        chosen[open_[new]] = np.stack([up, down], axis=1)[new]
        used, open_ = np.concatenate([used, pair[new]]), open_[~new]
    found = chosen[:, 0] >= 0
    up, down = chosen[found].T
    return Blends(high.original[up], low.original[down], high.variant[up], low.variant[down], wanted[found])
