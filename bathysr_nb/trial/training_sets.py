"""Training sets to compare Adaptive Mixup with: every arm gives the same number of pairs.

Source: manual 1.1.1 and 1.3 for the method; the other arms are ours. C-Mixup: Yao et al. 2022,
"C-Mixup: Improving Generalization in Regression", NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb import mixup
from bathysr_nb.augment.offline import DSCALES, XYSCALES, scale_pairs
from bathysr_nb.mixup import planning
from bathysr_nb.mixup.feature import Feature
from bathysr_nb.mixup.grouping import Blends, random_blends, split_at_random
from bathysr_nb.mixup.picking import bin_numbers, target_bins, wanted_counts
from bathysr_nb.mixup.pool import Pool
from bathysr_nb.pairs.downsampling import downsampling_of

BANDWIDTH = 0.1  # of C-Mixup's kernel, in standard deviations of the slope
CHUNK = 256  # pairs drawn at a time from the kernel
DRAWS = 50  # give up after drawing this many times the pairs wanted: the same pairs keep coming


class TrainingSet(NamedTuple):
    """The training set of an arm.

    Attributes
    ----------
    lr, hr : ndarray, shape (total, h, w) and (total, H, W), float32
        Metres, in random order.
    pairs : DataFrame
        One row a pair: kind (original, variant, mixup), high and low (source indices),
        high_variant and low_variant, lam (weight of the first).
    """

    lr: np.ndarray
    hr: np.ndarray
    pairs: pd.DataFrame


@dataclass(frozen=True)
class Material:
    """What an arm's training set is made from; see `make_training_set`."""

    pool: Pool
    delta: float | tuple[float, float]
    target: np.ndarray
    total: int
    rng: np.random.Generator
    share: float
    options: dict  # of `bathysr_nb.mixup.planning.plan`


def make_training_set(
    name: str,
    lr,
    hr,
    *,
    delta,
    target_lr,
    total: int,
    seed: int = 0,
    reference=None,
    share: float = 0.5,
    threshold: float | None = None,
    lambda_policy: str = "target",
    alpha: float = 0.5,
    lamb: float = 0.8,
) -> TrainingSet:
    """Make the training set of one arm.

    Parameters
    ----------
    name : str
        One of `ARMS`.
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Source pairs, metres.
    delta : float or (float, float)
        LR cell size, metres.
    target_lr : ndarray, shape (m, h, w)
        LR patches of the target area, whose slopes steer; HR of the target is never used.
    total : int
        Pairs of the result, the same for every arm.
    seed : int
    reference : (ndarray, ndarray), optional
        LR and HR of the target's steering half, for the arm oracle alone.
    share : float
        Share of untouched originals in adaptive_mixup+originals, above 0 and below 1.
    threshold, lambda_policy, alpha, lamb
        Of `bathysr_nb.mixup.planning.plan`, for the adaptive arms; alpha also for mixup and c_mixup.

    Returns
    -------
    TrainingSet

    Raises
    ------
    ValueError
        If the arm is unknown, an argument is out of its range, or as `bathysr_nb.mixup.planning.plan`.

    Notes
    -----
    none : the originals, repeated evenly.
    flip_rotate : originals, flips and turns by multiples of 30 degrees, every original equally often; on cells or
        patches that are not square flips alone.
    symmetries : originals, flips, quarter turns and transposes, which interpolate nothing; where cells are not square
        the same as flip_rotate.
    scale : originals and their depth-stretched and zoomed copies, every original equally often.
    mixup : blends of any two patches, Beta weights.
    c_mixup : blends of two patches of similar slope (Gaussian kernel), Beta weights.
    reweight : originals, flips and turns drawn to the target's histogram, repeated where there are too few.
    adaptive_mixup : blends made, and patches picked, to match the target's histogram.
    adaptive_mixup+symmetries : adaptive_mixup of the variants of symmetries alone.
    adaptive_mixup+originals : a share of untouched originals, the rest adaptive_mixup.
    oracle : flip_rotate of the target's own pairs: a yardstick but no upper bound, as it has fewer originals.

    Examples
    --------
    >>> hr = np.random.default_rng(0).normal(size=(20, 16, 16)) * np.arange(1, 21)[:, None, None]
    >>> lr = hr.reshape(20, 4, 4, 4, 4).mean(axis=(2, 4))
    >>> arm = lambda name: make_training_set(name, lr, hr, delta=200, target_lr=lr[5:], total=50, reference=(lr, hr))
    >>> {len(arm(name).pairs) for name in ARMS}
    {50}
    """
    if name not in ARMS:
        raise ValueError(f"unknown arm {name!r}; choose one of {', '.join(ARMS)}")
    if total < 1:
        raise ValueError(f"total is {total}, expected at least 1")
    if not 0 < share < 1:
        raise ValueError(f"share is {share}, expected a number above 0 and below 1")
    if name == "oracle":
        if reference is None:
            raise ValueError("arm oracle: reference is missing, expected the target's LR and HR patches")
        lr, hr = reference
    planning.check_options(lambda_policy, alpha, lamb)
    downsampling = downsampling_of(lr[:100], hr[:100])
    pool = Pool(lr, hr, delta=delta, downsampling=downsampling, exact=name in EXACT_ARMS)
    target = Feature("mean_slope_gradient", delta)(target_lr)
    rng = np.random.default_rng(seed)
    options = {"threshold": threshold, "lambda_policy": lambda_policy, "alpha": alpha, "lamb": lamb}
    ordered = ARMS[name](Material(pool, delta, target, total, rng, share, options))
    order = rng.permutation(total)
    return TrainingSet(ordered.lr[order], ordered.hr[order], ordered.pairs.iloc[order].reset_index(drop=True))


def _drawn(given: Material, table: pd.DataFrame) -> TrainingSet:
    columns = ["kind", "high", "low", "high_variant", "low_variant", "lam"]
    return TrainingSet(*given.pool.draw(table), planning.named(table[columns], given.pool))


def _singles(index: np.ndarray, which: np.ndarray) -> pd.DataFrame:
    kind = np.where(which == 0, "original", "variant")
    columns = {"high": index, "low": index, "high_variant": which, "low_variant": which}
    return pd.DataFrame({"kind": kind, **columns, "lam": 1.0})


def deal(n: int, kinds: int, total: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Deal originals and variants so that all originals come equally often, and all variants of each.

    Parameters
    ----------
    n : int
        Originals.
    kinds : int
        Variants of each, the original itself (0) among them.
    total : int
        Pairs to deal.
    rng : Generator

    Returns
    -------
    (ndarray, ndarray) of int, shape (total,)
        Original and variant. The first n are the untouched originals, and a variant is repeated only
        after all others of the same original.

    Examples
    --------
    >>> index, which = deal(2, 3, 6, np.random.default_rng(0))
    >>> sorted(zip(index.tolist(), which.tolist()))
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    """
    rounds = -(-total // n)
    order = np.zeros((n, kinds), dtype=int)
    order[:, 1:] = rng.permuted(np.tile(np.arange(1, kinds), (n, 1)), axis=1)
    index = np.tile(np.arange(n), rounds)
    index[(rounds - 1) * n :] = rng.permutation(n)  # the last round may be cut short: a random part of it stays
    index = index[:total]
    return index, order[index, np.arange(total) // n % kinds]


def _none(given: Material) -> TrainingSet:
    index, which = deal(len(given.pool), 1, given.total, given.rng)
    return _drawn(given, _singles(index, which))


def _all_variants(given: Material) -> TrainingSet:
    index, which = deal(len(given.pool), len(given.pool.names), given.total, given.rng)
    return _drawn(given, _singles(index, which))


def _scale(given: Material) -> TrainingSet:
    pool, factors = given.pool, [None, *((d, None) for d in DSCALES), *((None, z) for z in XYSCALES)]
    index, which = deal(len(pool), len(factors), given.total, given.rng)
    names = np.full(given.total, "original", dtype="U12")
    lr, hr = (np.empty((given.total, *side.shape[1:]), np.float32) for side in (pool.lr, pool.hr))
    for number in np.unique(which):
        rows = np.flatnonzero(which == number)
        lr[rows], hr[rows] = pool.lr[index[rows]], pool.hr[index[rows]]
        if factors[number]:
            depth, zoom = ([] if factor is None else [factor] for factor in factors[number])
            copies = scale_pairs(pool.lr[index[rows]], pool.hr[index[rows]], depth, zoom, pool.downsampling)
            lr[rows], hr[rows], names[rows] = copies.lr, copies.hr, copies.variant
    return TrainingSet(lr, hr, _singles(index, which).assign(high_variant=names, low_variant=names))


def _beta(given: Material) -> np.ndarray:
    return given.rng.beta(given.options["alpha"], given.options["alpha"], given.total)


def _blended(given: Material, blends) -> TrainingSet:
    return _drawn(given, planning.blend_table(blends, "wanted"))


def _mixup(given: Material) -> TrainingSet:
    groups = split_at_random(len(given.pool), given.rng)
    return _blended(given, random_blends(groups, given.pool.distinct(), _beta(given), given.rng))


def _c_mixup(given: Material) -> TrainingSet:
    """Blends of two patches of similar slope: a partner's probability is a Gaussian of the difference."""
    pool, lam = given.pool, _beta(given)
    slope = Feature("mean_slope_gradient", given.delta)(pool.lr)
    width = BANDWIDTH * slope.std() or 1.0
    kinds, seen, parts = len(pool.names), np.empty(0, dtype=np.int64), []
    possible = len(pool) * (len(pool) - 1) * kinds * (kinds - 1) // 2
    # drawing until all are different gets slow when most of the possible pairs are wanted: then it is not tried
    rounds = DRAWS * -(-given.total // CHUNK) if given.total <= possible // 4 else 0
    for _ in range(rounds):
        high, which = given.rng.integers(len(pool), size=CHUNK), given.rng.integers(kinds, size=CHUNK)
        low = _alike(slope, high, width, given.rng)
        other = (which + given.rng.integers(1, kinds, CHUNK)) % kinds
        ends = np.sort([high * kinds + which, low * kinds + other], axis=0)
        code = ends[0] * len(pool) * kinds + ends[1]  # one number a pair, whichever of the two comes first
        new = np.intersect1d(np.unique(code, return_index=True)[1], np.flatnonzero(~np.isin(code, seen)))
        new = new[: given.total - len(seen)]
        seen = np.concatenate([seen, code[new]])
        parts.append(np.stack([high, low, which, other], axis=1)[new])
        if len(seen) == given.total:
            break
    else:
        raise ValueError(f"too few originals: {given.total} different blends of similar slope wanted from {len(pool)}")
    high, low, which, other = np.concatenate(parts).T
    return _blended(given, Blends(high, low, which, other, lam))


def _alike(slope: np.ndarray, index: np.ndarray, width: float, rng) -> np.ndarray:
    """A partner for each original in `index`, never itself, drawn by a Gaussian kernel of the slopes."""
    distance = ((slope[index, None] - slope) / width) ** 2 / 2
    distance[np.arange(len(index)), index] = np.inf
    chance = np.exp(distance.min(axis=1, keepdims=True) - distance).cumsum(axis=1)
    drawn = rng.uniform(0, chance[:, -1])
    return (chance <= drawn[:, None]).sum(axis=1)


def _reweight(given: Material) -> TrainingSet:
    value, _ = given.pool.measure(Feature("mean_slope_gradient", given.delta))
    shares, edges = target_bins(given.target)
    numbers = bin_numbers(value.ravel(), edges)
    filled = np.unique(numbers)
    drawn = []
    for number, count in enumerate(wanted_counts(shares, given.total)):
        nearest = filled[np.argmin(np.abs(filled - number))]
        members = np.flatnonzero(numbers == nearest)
        rounds = [given.rng.permutation(members) for _ in range(-(-int(count) // len(members)))]
        drawn.append(np.concatenate([np.empty(0, dtype=int), *rounds])[:count])
    which, index = np.divmod(np.concatenate(drawn), len(given.pool))
    return _drawn(given, _singles(index, which))


def _plan(given: Material, total: int) -> pd.DataFrame:
    feature = Feature("mean_slope_gradient", given.delta)
    seed = int(given.rng.integers(2**32))
    return mixup.plan(given.pool, feature, given.target, total, seed=seed, **given.options).picked


def _adaptive_mixup(given: Material) -> TrainingSet:
    return _drawn(given, _plan(given, given.total))


def _with_originals(given: Material) -> TrainingSet:
    kept = round(given.share * given.total)
    if not 0 < kept < given.total:
        raise ValueError(f"total is {given.total}, too few to keep a share of {given.share} untouched")
    untouched = _singles(*deal(len(given.pool), 1, kept, given.rng))
    return _drawn(given, pd.concat([untouched, _plan(given, given.total - kept)], ignore_index=True))


#: The function that makes each arm's training set.
ARMS = {
    "none": _none,
    "flip_rotate": _all_variants,
    "symmetries": _all_variants,
    "scale": _scale,
    "mixup": _mixup,
    "c_mixup": _c_mixup,
    "reweight": _reweight,
    "adaptive_mixup": _adaptive_mixup,
    "adaptive_mixup+symmetries": _adaptive_mixup,
    "adaptive_mixup+originals": _with_originals,
    "oracle": _all_variants,
}
#: Arms whose variants only move cells.
EXACT_ARMS = ("symmetries", "adaptive_mixup+symmetries")
