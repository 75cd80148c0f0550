r"""Adaptive Mixup: blend gentle and steep patches towards a target area's slopes.

A blend of two pairs is :math:`x = \lambda x_{high} + (1 - \lambda) x_{low}`, on LR and HR
with the same weight. Its mean slope gradient is convex in the weight, so a blend is never
steeper than the steeper of its pair, and between the two every value is reached.

Source: manual 1.1.1 and 1.3 (``mixup.py``); Murakami et al. 2025,
doi:10.1029/2024EA003610.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from bathysr_nb.files import project
from bathysr_nb.mixup import grouping
from bathysr_nb.mixup.blending import blend
from bathysr_nb.mixup.feature import Feature
from bathysr_nb.mixup.picking import bin_numbers, pick, target_bins, wanted_counts
from bathysr_nb.mixup.pool import PORTION, Pool
from bathysr_nb.pairs.downsampling import downsampling_of

Policy = Literal["target", "beta", "fixed"]  # how the weight of a blend is found
POLICIES = get_args(Policy)
SETTINGS = ("threshold", "lambda_policy", "alpha", "lamb")  # of `plan`, by their names in input files
KINDS = ("original", "mixup", "variant")
SIDES = ("high", "low")


class Plan(NamedTuple):
    """What to blend and what to pick, before any patch is made.

    Attributes
    ----------
    blends : DataFrame
        One row a blend: kind, high and low (originals), high_variant and low_variant (numbers
        into the pool's names), lam, the feature, mean_altitude (LR, metres).
    picked : DataFrame
        The same columns, one row a picked pair: originals, then blends, then flips and turns.
        Its index is the row in originals-then-blends, for flips and turns -1.
    bins : DataFrame
        One row a bin of the target: from, to, wanted, originals, mixups, variants (of the bin itself),
        borrowed (from nearby bins), unreachable (wanted features without a pair of patches on both
        sides).
    threshold : float
        Between the low and the high group; NaN for a random split.
    train : ndarray, shape (n,)
        Feature of the originals.
    """

    blends: pd.DataFrame
    picked: pd.DataFrame
    bins: pd.DataFrame
    threshold: float
    train: np.ndarray


class Picked(NamedTuple):
    """A training set steered to the target area.

    Attributes
    ----------
    lr, hr : ndarray, shape (m, h, w) and (m, H, W), float32
        Picked pairs in metres.
    pairs : DataFrame
        One row a pair: kind (original, mixup, variant), high and low (source indices),
        high_variant and low_variant (names of `bathysr_nb.mixup.pool.Pool`), lam, the feature,
        mean_altitude (LR, metres).
    bins : DataFrame
        As in `Plan`.
    """

    lr: np.ndarray
    hr: np.ndarray
    pairs: pd.DataFrame
    bins: pd.DataFrame


def adaptive_mixup(
    lr, hr, delta, target_slope, increase_rate: float = 2, seed: int = 0, exact=False, **options
) -> Picked:
    """Blend and pick pairs so that their slopes have the target's histogram.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Source pairs, metres.
    delta : float or (float, float)
        LR cell size in metres.
    target_slope : ndarray
        MSG of the target area's LR patches at the same cell size.
    increase_rate : float
        Size of the result, in multiples of n, at least 1.
    seed : int
    exact : bool
        Variants only move cells: flips, quarter turns and transposes. False: the manual's flips and turns by multiples
        of 30 degrees.
    options
        Other options of `plan`: threshold, random_split, lambda_policy, alpha, lamb.

    Returns
    -------
    Picked

    Raises
    ------
    ValueError
        As `plan`.

    Notes
    -----
    Manual 1.3, ``mixup.py``. Cells that are not square are not turned: that would distort the
    terrain.

    Examples
    --------
    >>> from bathysr_nb.terrain import mean_slope_gradient
    >>> hr = np.random.default_rng(0).normal(size=(30, 16, 16)) * np.arange(1, 31)[:, None, None]
    >>> lr = hr.reshape(30, 4, 4, 4, 4).mean(axis=(2, 4))
    >>> len(adaptive_mixup(lr, hr, 200, mean_slope_gradient(lr[10:], 200)).lr)
    60
    """
    pool = Pool(lr, hr, delta=delta, downsampling=downsampling_of(lr[:100], hr[:100]), exact=exact)
    total = wanted_total(increase_rate, len(pool))
    planned = plan(pool, Feature("mean_slope_gradient", delta), target_slope, total, seed=seed, **options)
    return Picked(*pool.draw(planned.picked), named(planned.picked, pool), planned.bins)


def wanted_total(increase_rate: float, originals: int) -> int:
    """Size of the picked set.

    Parameters
    ----------
    increase_rate : float
        At least 1.
    originals : int

    Raises
    ------
    ValueError
        If the rate is below 1.
    """
    if not increase_rate >= 1:
        raise ValueError(f"increase_rate is {increase_rate}, expected at least 1")
    return round(increase_rate * originals)


def plan(
    pool: Pool,
    feature: Feature,
    target,
    total: int,
    *,
    threshold: float | None = None,
    random_split: bool = False,
    lambda_policy: str = "target",
    alpha: float = 0.5,
    lamb: float = 0.8,
    seed: int = 0,
) -> Plan:
    """Choose what to blend and what to pick.

    Parameters
    ----------
    pool : Pool
        Source patches.
    feature : Feature
    target : ndarray
        The feature in the target area.
    total : int
        Pairs to pick.
    threshold : float, optional
        Between the low and the high group; None: see `bathysr_nb.mixup.grouping.split`.
    random_split : bool
        Split into random halves, whatever the feature (plain mixup).
    lambda_policy : {"target", "beta", "fixed"}
        "target": in each bin as many blends as it has too few originals, each solved for a value drawn
        in the bin. "beta": weights drawn from Beta(alpha, alpha), as in the manual; "fixed": all `lamb`;
        both make `total` blends to pick from.
    alpha : float
        Above 0.
    lamb : float
        0 to 1.
    seed : int

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If an option is out of its range, the target has no range, a group is empty, or there
        are fewer pairs or candidates than wanted.

    Notes
    -----
    Manual 1.3, ``mixup_norm`` and ``pick_images``. Each bin takes originals and blends first, then flips
    and turns, then patches of the nearest bins.

    The feature of every flip and turn is measured, not taken from its original, because turns other than
    quarter turns move terrain out of the patch's corners and fill others by reflection: on the bundled grid
    they change the MSG by -4% in the median, and by -48% to +29% at most.
    """
    check_options(lambda_policy, alpha, lamb)
    rng = np.random.default_rng(seed)
    shares, edges = target_bins(target)
    wanted = wanted_counts(shares, total)
    value, depth = pool.measure(feature)
    if random_split:
        groups = grouping.split_at_random(len(pool), rng)
    else:
        groups = grouping.split(value[0], shares, edges, threshold, rng)
    variants = pool.distinct()
    if lambda_policy == "target":
        aims = _aims(value[0], edges, wanted, rng)
        grouping.check_enough(groups, len(variants), len(aims))
        chosen = grouping.blends_about(groups, variants, value, aims, rng)
    else:
        lam = rng.beta(alpha, alpha, total) if lambda_policy == "beta" else np.full(total, float(lamb))
        aims, chosen = None, grouping.random_blends(groups, variants, lam, rng)
    blends = blend_table(chosen, feature.name)
    _weigh(pool, feature, blends, solve=aims is not None)
    blends["mean_altitude"] = _mean_depth(blends, depth)
    candidates = _candidates(blends, value, depth, variants, feature.name)
    rows, bins = pick(
        candidates[feature.name].to_numpy(),
        candidates["mean_altitude"].to_numpy(),
        (candidates["kind"] == "variant").to_numpy(),
        edges,
        wanted,
    )
    counts = _counts(candidates.iloc[rows], bins, edges, wanted, feature.name)
    counts["unreachable"] = 0 if aims is None else _unreachable(aims, chosen.number, edges)
    order = np.argsort(rows, kind="stable")
    return Plan(blends, candidates.iloc[rows[order]], counts, groups.threshold, value[0])


def check_options(lambda_policy: str, alpha: float, lamb: float) -> None:
    """Raise one ValueError for all faulty options of `plan`.

    Parameters
    ----------
    lambda_policy : str
        One of `POLICIES`.
    alpha : float
        Above 0.
    lamb : float
        0 to 1.
    """
    faults = []
    if lambda_policy not in POLICIES:
        faults.append(f"lambda_policy is {lambda_policy!r}, expected one of {', '.join(POLICIES)}")
    if not 0 < alpha < np.inf:
        faults.append(f"alpha is {alpha}, expected a number above 0")
    if not 0 <= lamb <= 1:
        faults.append(f"lamb is {lamb}, expected a number from 0 to 1")
    if faults:
        raise ValueError("; ".join(faults))


def _aims(value, edges, wanted, rng) -> np.ndarray:
    """Features to aim at: in each bin as many as it has too few originals."""
    bins = len(wanted)
    numbers = bin_numbers(value, edges)
    originals = np.bincount(numbers[(numbers >= 0) & (numbers < bins)], minlength=bins)
    lacking = np.maximum(wanted - originals, 0)
    start, stop = np.repeat(edges[:-1], lacking), np.repeat(edges[1:], lacking)
    return rng.uniform(start, stop)


def blend_table(chosen: grouping.Blends, feature: str) -> pd.DataFrame:
    """Table of blends before they are weighed: weight and feature are both still `chosen.number`.

    Parameters
    ----------
    chosen : bathysr_nb.mixup.grouping.Blends
    feature : str
        Name of its column.

    Returns
    -------
    DataFrame
        One row a blend: kind, high, low, high_variant, low_variant, lam, the feature.
    """
    columns = {name: getattr(chosen, name) for name in ("high", "low", "high_variant", "low_variant")}
    return pd.DataFrame({"kind": "mixup", **columns, "lam": chosen.number, feature: chosen.number})


def _weigh(pool: Pool, feature: Feature, blends: pd.DataFrame, solve: bool) -> None:
    """Fill in the blends' weights, if they are to be solved for, and the feature that each blend has."""
    lam, value = blends["lam"].to_numpy(copy=True), np.empty(len(blends))
    for start in project.progress(range(0, len(blends), PORTION), "weights"):
        rows = blends.iloc[start : start + PORTION]
        some = slice(start, start + len(rows))
        if solve:
            sides = (pool.take(feature.side, rows[k].to_numpy(), rows[f"{k}_variant"].to_numpy()) for k in SIDES)
            lam[some], _, value[some] = feature.solve(*sides, lam[some])
        else:
            value[some] = feature(pool.blends(rows, feature.side))
    blends["lam"], blends[feature.name] = lam, value


def _mean_depth(blends: pd.DataFrame, depth: np.ndarray) -> np.ndarray:
    high, low = (depth[blends[f"{k}_variant"], blends[k]] for k in SIDES)
    return blend(high[:, None, None], low[:, None, None], blends["lam"].to_numpy()).ravel()


def _candidates(blends, value, depth, variants, feature: str) -> pd.DataFrame:
    """All that can be picked: originals, blends, then flips and turns, which have the index -1."""
    which, index = (part.ravel() for part in np.meshgrid(variants, np.arange(value.shape[1]), indexing="ij"))
    singles = {"high": index, "low": index, "high_variant": which, "low_variant": which, "lam": 1.0}
    table = pd.DataFrame({"kind": np.where(which == 0, "original", "variant"), **singles, feature: value[which, index]})
    table["mean_altitude"] = depth[which, index]
    originals, copies = table[which == 0], table[which != 0]
    together = pd.concat([originals, blends, copies], ignore_index=True)
    together.index = np.where(together["kind"] == "variant", -1, together.index)
    return together


def _counts(picked: pd.DataFrame, bins, edges, wanted, feature: str) -> pd.DataFrame:
    """How many picked pairs of each kind lie in the bin they were picked for, and how many it borrowed."""
    inside = bin_numbers(picked[feature], edges) == bins
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "wanted": wanted})
    for kind in KINDS:
        here = inside & (picked["kind"] == kind).to_numpy()
        table[f"{kind}s"] = np.bincount(bins[here], minlength=len(wanted))
    table["borrowed"] = np.bincount(bins[~inside], minlength=len(wanted))
    return table


def _unreachable(aims, reached, edges) -> np.ndarray:
    """Number of aims in each bin for which there was no pair."""
    before, after = (np.bincount(bin_numbers(part, edges), minlength=len(edges) - 1) for part in (aims, reached))
    return before - after


def named(pairs: pd.DataFrame, pool: Pool) -> pd.DataFrame:
    """A table of pairs with variants by name and rows numbered from 0.

    Parameters
    ----------
    pairs : DataFrame
        As `Plan.picked`.
    pool : Pool

    Returns
    -------
    DataFrame
    """
    names = np.array(pool.names)
    columns = {column: names[pairs[column]] for column in ("high_variant", "low_variant")}
    return pairs.assign(**columns).reset_index(drop=True)
