"""Pick patches so that a feature's histogram is the target area's.

Source: manual 1.3 (``pick_images``, ``idx_of_the_nearest``, ``indices_of_the_nearest``).
"""

from __future__ import annotations

import numpy as np

BINS = 20
ROUNDING = 1e-9


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


def bin_numbers(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the bin of each value; the bins go on, equally wide, beyond the edges to both sides.

    Examples
    --------
    >>> bin_numbers([-0.1, 0.0, 0.9, 2.0, 2.1], np.array([0.0, 1.0, 2.0])).tolist()
    [-1, 0, 0, 1, 2]
    """
    values, bins = np.asarray(values, dtype=np.float64), len(edges) - 1
    inside = np.searchsorted(edges, values, side="right") - 1
    inside[values == edges[-1]] = bins - 1
    width = (edges[-1] - edges[0]) / bins
    beyond = np.floor((values - edges[0]) / width).clip(-(2.0**60), 2.0**60).astype(np.int64)
    return np.where(values < edges[0], beyond.clip(max=-1), np.where(values > edges[-1], beyond.clip(bins), inside))


def even_stride(count: int, of: int) -> np.ndarray:
    """Places of `count` things spread evenly over `of`.

    Examples
    --------
    >>> even_stride(3, 9).tolist(), even_stride(2, 2).tolist()
    ([1, 4, 7], [0, 1])
    """
    return (2 * np.arange(count) + 1) * of // (2 * max(count, 1))


class _Shelves:
    """The candidates not picked yet, by bin and rank, each lot in order of mean depth."""

    def __init__(self, place, depth, spare):
        order = np.lexsort((depth, spare, place))
        keys = np.stack([place[order], spare[order]])
        cuts = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0)) + 1
        self.lots = {(int(place[lot[0]]), bool(spare[lot[0]])): lot for lot in np.split(order, cuts) if len(lot)}
        self.places = np.unique(place)

    def take(self, place: int, count: int) -> np.ndarray:
        """At most `count` of a bin: originals and blends first, then flips and turns."""
        taken = [np.empty(0, dtype=int)]
        for spare in (False, True):
            lot = self.lots.get((place, spare))
            if lot is None or not count:
                continue
            chosen = even_stride(min(count, len(lot)), len(lot))
            taken.append(lot[chosen])
            self.lots[place, spare] = np.delete(lot, chosen)
            count -= len(chosen)
        return np.concatenate(taken)

    def nearest(self, number: int) -> list[int]:
        """The bins that hold candidates, the nearest first, of two the lower one."""
        return self.places[np.argsort(np.abs(self.places - number), kind="stable")].tolist()


def pick(value, depth, spare, edges: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick candidates so that each bin has the wanted number.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Feature of each candidate.
    depth : ndarray, shape (n,)
        Mean depth, metres; within a bin candidates are taken at an even stride along it.
    spare : ndarray of bool, shape (n,)
        Whether it is only to be taken where the others of its bin do not suffice (flips and turns).
    edges : ndarray, shape (b + 1,)
        Of equally wide bins.
    wanted : ndarray of int, shape (b,)

    Returns
    -------
    (ndarray, ndarray) of int, shape (sum of wanted,)
        Candidates picked, none twice, and the bin that each was picked for. What a bin lacks
        is borrowed from the nearest bins that have candidates left, also beyond the edges.

    Raises
    ------
    ValueError
        If there are fewer candidates than wanted, naming how many lack.

    Notes
    -----
    Manual 1.3, ``pick_images``.

    Examples
    --------
    >>> value, spare = np.array([0.1, 0.2, 0.3, 1.5]), np.array([False, False, True, False])
    >>> pick(value, np.zeros(4), spare, np.array([0.0, 1.0, 2.0]), np.array([2, 2]))[0].tolist()
    [0, 1, 3, 2]
    """
    lacking = int(np.sum(wanted)) - len(value)
    if lacking > 0:
        raise ValueError(
            f"all candidates are used up: {len(value)} originals, blends, flips and turns, and {lacking} patches lack; "
            "take a smaller increase_rate or more originals"
        )
    shelves = _Shelves(bin_numbers(value, edges), np.asarray(depth), np.asarray(spare, dtype=bool))
    picked = [shelves.take(number, count) for number, count in enumerate(wanted)]
    for number, count in enumerate(wanted):
        for place in shelves.nearest(number):
            if len(picked[number]) < count:
                more = shelves.take(place, int(count) - len(picked[number]))
                picked[number] = np.concatenate([picked[number], more])
    return np.concatenate(picked), np.repeat(np.arange(len(wanted)), [len(part) for part in picked])
