"""Pick patches so that the histogram of a feature matches the target area's.

Source: manual 1.3 (``pick_images``, ``idx_of_the_nearest``, ``indices_of_the_nearest``).
"""

from __future__ import annotations

import numpy as np

BINS = 20
ROUNDING = 1e-9  # relative: distances that differ by less count as equal


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
        raise ValueError("the target's feature values have no range: expected at least two different ones")
    counts, edges = np.histogram(target, bins)
    return counts / counts.sum(), edges


def idx_of_the_nearest(data, value: float) -> int:
    """Index of the element nearest to a value, the first of several.

    Parameters
    ----------
    data, value
        As `indices_of_the_nearest`.

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

    Parameters
    ----------
    data : sequence of float
    value : float

    Returns
    -------
    ndarray of int
        Distances that differ by rounding alone count as equal.

    Raises
    ------
    ValueError
        If `data` is empty.

    Notes
    -----
    Manual 1.3, ``indices_of_the_nearest``.
    """
    distance = np.abs(np.asarray(data, dtype=np.float64) - value)
    if not distance.size:
        raise ValueError("data is empty, expected at least one element")
    return np.flatnonzero(np.isclose(distance, distance.min(), rtol=ROUNDING, atol=0))


def wanted_counts(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in given proportions that add up to a total, by the largest remainder.

    Parameters
    ----------
    shares : ndarray, shape (b,)
        They add up to 1.
    total : int

    Returns
    -------
    ndarray of int, shape (b,)

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
    """Number of each value's bin; bins of the same width continue beyond the edges on both sides.

    Parameters
    ----------
    values : ndarray, shape (n,)
    edges : ndarray, shape (b + 1,)
        Of equally wide bins.

    Returns
    -------
    ndarray of int, shape (n,)
        0 to b - 1 between the edges, below 0 and from b on beyond them.

    Examples
    --------
    >>> bin_numbers([-0.1, 0.0, 0.9, 2.0, 2.1], np.array([0.0, 1.0, 2.0])).tolist()
    [-1, 0, 0, 1, 2]
    """
    values, bins = np.asarray(values, dtype=np.float64), len(edges) - 1
    inside = np.searchsorted(edges, values, side="right") - 1
    inside[values == edges[-1]] = bins - 1
    width = (edges[-1] - edges[0]) / bins
    # clipped to what int64 holds: a value may be any number of bins away
    beyond = np.floor((values - edges[0]) / width).clip(-(2.0**60), 2.0**60).astype(np.int64)
    return np.where(values < edges[0], beyond.clip(max=-1), np.where(values > edges[-1], beyond.clip(bins), inside))


def even_stride(count: int, of: int) -> np.ndarray:
    """Indices of some elements spread evenly over many.

    Parameters
    ----------
    count : int
        How many to choose.
    of : int
        How many there are.

    Examples
    --------
    >>> even_stride(3, 9).tolist(), even_stride(2, 2).tolist()
    ([1, 4, 7], [0, 1])
    """
    return (2 * np.arange(count) + 1) * of // (2 * max(count, 1))


class _Shelves:
    """The candidates not picked yet, in lots by bin and by whether they are spare, each in order of mean depth."""

    def __init__(self, bins, depth, spare):
        order = np.lexsort((depth, spare, bins))
        keys = np.stack([bins[order], spare[order]])
        cuts = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0)) + 1
        self.lots = {(int(bins[lot[0]]), bool(spare[lot[0]])): lot for lot in np.split(order, cuts) if len(lot)}
        self.bins = np.unique(bins)

    def take(self, number: int, count: int) -> np.ndarray:
        """At most `count` of a bin: originals and blends first, then flips and turns."""
        taken = [np.empty(0, dtype=int)]
        for spare in (False, True):
            lot = self.lots.get((number, spare))
            if lot is None or not count:
                continue
            chosen = even_stride(min(count, len(lot)), len(lot))
            taken.append(lot[chosen])
            self.lots[number, spare] = np.delete(lot, chosen)
            count -= len(chosen)
        return np.concatenate(taken)

    def nearest(self, number: int) -> list[int]:
        """The bins that have held candidates, the nearest first; of two equally near, the lower first."""
        return self.bins[np.argsort(np.abs(self.bins - number), kind="stable")].tolist()


def pick(value, depth, spare, edges: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick candidates so that each bin has the wanted number.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Feature of each candidate.
    depth : ndarray, shape (n,)
        Mean depth, metres; within a bin candidates are taken at an even stride along it.
    spare : ndarray of bool, shape (n,)
        Whether a candidate is taken only if the others of its bin do not suffice (flips and turns).
    edges : ndarray, shape (b + 1,)
        Of equally wide bins.
    wanted : ndarray of int, shape (b,)

    Returns
    -------
    (ndarray, ndarray) of int, shape (sum of wanted,)
        Candidates picked, none twice, and the bin that each was picked for. A bin with too few
        takes them from the nearest bins that have candidates left, also beyond the edges.

    Raises
    ------
    ValueError
        If there are fewer candidates than wanted, naming how many more are needed.

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
            f"not enough candidates: {len(value)} originals, blends, flips and turns available, {lacking} more needed; "
            "use a smaller increase_rate or more originals"
        )
    shelves = _Shelves(bin_numbers(value, edges), np.asarray(depth), np.asarray(spare, dtype=bool))
    picked = [shelves.take(number, count) for number, count in enumerate(wanted)]
    for number, count in enumerate(wanted):
        for other in shelves.nearest(number):
            if len(picked[number]) < count:
                more = shelves.take(other, int(count) - len(picked[number]))
                picked[number] = np.concatenate([picked[number], more])
    return np.concatenate(picked), np.repeat(np.arange(len(wanted)), [len(part) for part in picked])
