"""Compare the arms of a trial: on each rung and at each length, as it is and after one back-projection.

Errors are averaged over seeds, patch by patch; two arms are compared on the seeds that both have finished.
"""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd

from bathysr_nb.scores import baselines, tables
from bathysr_nb.scores.linear import LinearFilter
from bathysr_nb.scores.typical import typical_change
from bathysr_nb.trial import jobs
from bathysr_nb.trial.areas import cut_areas, scored_half
from bathysr_nb.trial.jobs import AS_IT_IS, BACK_PROJECTED, Job
from bathysr_nb.trial.settings import REFERENCE, Ablation

PLAIN_METHODS = ("bicubic", "spline", baselines.LINEAR)  # methods that need no network
#: What changes are told against: the manual's flips and turns, exact symmetries, and what needs no network.
REFERENCES = (REFERENCE, "symmetries", "bicubic", "spline")
AFTER = {"as it is": AS_IT_IS, "back-projected": BACK_PROJECTED}
GROUP = ["model", "form", "steps", "cells", "after", "reference"]


def score_trial(ablation: Ablation) -> pd.DataFrame:
    """Read the errors of a trial's finished trainings and compare the arms.

    Parameters
    ----------
    ablation : Ablation

    Returns
    -------
    DataFrame
        One row for each model, form, steps, cells (inner, all), after (as it is, back-projected), reference (of
        `REFERENCES`), slope bin and method: the columns of `bathysr_nb.scores.tables.score_table`; and for all slopes
        seeds, how many the method and the reference share, seed_low and seed_high, the least and the greatest change in
        a typical block that one seed alone gives, and seed_spread, the standard deviation of the method's RMSE over the
        seeds that are scored on the same half (m; NaN with one seed a half).

    Raises
    ------
    ValueError
        If no training of the reference `bathysr_nb.trial.settings.REFERENCE` is finished.
    """
    errors = _Errors(ablation)
    if not errors.rungs:
        raise ValueError(f"{ablation.save_dir}: no training of {REFERENCE} is finished, so there is nothing to compare")
    parts = [
        _compare(errors, rung, cells, after, reference)
        for rung, cells, after, reference in itertools.product(errors.rungs, ("inner", "all"), AFTER, REFERENCES)
        if reference in errors.methods(rung)
    ]
    scores = pd.concat(parts, ignore_index=True)
    return scores[[*GROUP, *scores.columns.drop(GROUP)]]


class _Errors:
    """Squared errors of all finished trainings, and of the methods without a network on the same halves."""

    def __init__(self, ablation: Ablation):
        self.ablation = ablation
        self.halves = [half.table for half in cut_areas(ablation).halves]
        self.finished = {job: _read(ablation, job) for job in jobs.finished_jobs(ablation)}
        self.plain = _without_network(ablation)
        rungs = dict.fromkeys(job[:3] for job in self.finished if job.arm == REFERENCE)
        order = {name: place for place, name in enumerate(ablation.form)}
        self.rungs = sorted(rungs, key=lambda rung: (rung[0], order[rung[1]], rung[2]))

    def methods(self, rung) -> list[str]:
        """All that was scored on a rung: methods without a network, then arms."""
        arms = dict.fromkeys(job.arm for job in self.finished if job[:3] == rung)
        return [*PLAIN_METHODS, *(arm for arm in self.ablation.arms if arm in arms)]

    def seeds(self, rung, method: str) -> set[int]:
        """The seeds with which a method was scored; a method without a network counts with those of the reference."""
        arm = REFERENCE if method in PLAIN_METHODS else method
        return {job.seed for job in self.finished if job[:3] == rung and job.arm == arm}

    def of(self, rung, method: str, seeds, column: str) -> np.ndarray:
        """Errors of each patch of the scored halves, averaged over seeds."""
        by_half = {}
        for seed in sorted(seeds):
            half = scored_half(self.ablation, seed)
            table = self.plain[half][method] if method in PLAIN_METHODS else self.finished[Job(*rung, method, seed)]
            by_half.setdefault(half, []).append(table[column].to_numpy())
        return np.concatenate([np.mean(by_half[half], axis=0) for half in sorted(by_half)])

    def ground(self, seeds) -> pd.DataFrame:
        """Block, slope and depth of each patch of the halves that these seeds score."""
        halves = sorted({scored_half(self.ablation, seed) for seed in seeds})
        return pd.concat([self.halves[half] for half in halves], ignore_index=True)

    def by_seed(self, rung, method: str, reference: str, seeds, column: str) -> dict[str, float]:
        """How much a result depends on the training: of each seed alone."""
        change, rmse = {}, {}
        for seed in seeds:
            own, other = (self.of(rung, name, [seed], column) for name in (method, reference))
            change[seed] = typical_change(own, other, self.ground([seed])["block"]).change
            rmse[seed] = np.sqrt(own.mean())
        variance = pd.Series(rmse).groupby(lambda seed: scored_half(self.ablation, seed)).var()
        spread = np.nan if method in PLAIN_METHODS else np.sqrt(variance.mean())
        lowest, highest = (np.nan, np.nan) if method == reference else (min(change.values()), max(change.values()))
        return {"seeds": len(seeds), "seed_low": lowest, "seed_high": highest, "seed_spread": spread}


def _compare(errors: _Errors, rung, cells: str, after: str, reference: str) -> pd.DataFrame:
    """All methods of a rung against one reference; those of the same seeds together."""
    column, groups = cells + AFTER[after], {}
    for method in errors.methods(rung):
        seeds = errors.seeds(rung, method) & errors.seeds(rung, reference)
        if method != reference and seeds:
            groups.setdefault(tuple(sorted(seeds)), []).append(method)
    edges = errors.ablation.slope_edges if after == "as it is" else ()
    parts = []
    for seeds, methods in groups.items():
        ground = errors.ground(seeds)
        compared = {name: errors.of(rung, name, seeds, column) for name in (reference, *methods)}
        slope = ground["mean_slope_gradient"].to_numpy()
        table = tables.score_table(compared, slope, ground["block"], edges, reference=reference)
        by_seed = pd.DataFrame({name: errors.by_seed(rung, name, reference, seeds, column) for name in compared}).T
        table = table.join(by_seed, on="method")
        table.loc[table["slope"] != "all", list(by_seed)] = np.nan
        parts.append(table if len(seeds) == len(errors.seeds(rung, reference)) else table[table["method"] != reference])
    labels = dict(zip(GROUP, (*rung, cells, after, reference)))
    if not edges:
        parts = [table[table["slope"] == "all"] for table in parts]
    return pd.concat(parts).assign(**labels)


def why_table(ablation: Ablation) -> pd.DataFrame:
    """Why a rung gains or does not: how each depends on relief, depth and slope, for training on flips and turns.

    Parameters
    ----------
    ablation : Ablation

    Returns
    -------
    DataFrame
        One row for each model, form and steps: unscaled (`bathysr_nb.trial.jobs.unscaled`, the mean over seeds), level
        (share of the squared error that one back-projection removes), and the rank correlations over patches of RMSE
        with the distance from the source's mean depth (with_depth) and with the slope (with_slope).
    """
    errors, rows = _Errors(ablation), []
    depth = float(cut_areas(ablation).source[0].mean(dtype=np.float64))
    for rung in errors.rungs:
        seeds = errors.seeds(rung, REFERENCE)
        ground = errors.ground(seeds)
        about = [_about(ablation, Job(*rung, REFERENCE, seed)) for seed in sorted(seeds)]
        inner, back = (errors.of(rung, REFERENCE, seeds, f"inner{after}") for after in AFTER.values())
        away = (ground["mean_depth"] - depth).abs()
        rows.append(
            dict(zip(GROUP[:3], rung))
            | {
                "unscaled": np.mean([one["unscaled"] for one in about]),
                "level": 1 - back.mean() / inner.mean(),
                "with_depth": away.corr(pd.Series(inner), method="spearman"),
                "with_slope": ground["mean_slope_gradient"].corr(pd.Series(inner), method="spearman"),
            }
        )
    return pd.DataFrame(rows)


def training_set_table(ablation: Ablation) -> pd.DataFrame:
    """Pairs, originals and distance (see `bathysr_nb.trial.jobs.run_job`) of each arm, averaged over trainings."""
    rows = [{"arm": job.arm} | _about(ablation, job) for job in jobs.finished_jobs(ablation)]
    return pd.DataFrame(rows).groupby("arm", sort=False)[["pairs", "originals", "distance"]].mean()


def _about(ablation: Ablation, job: Job) -> dict:
    return json.loads(jobs.score_file(ablation, job, ".json").read_text())


def _read(ablation: Ablation, job: Job) -> pd.DataFrame:
    return pd.read_csv(jobs.score_file(ablation, job, ".csv"))


def _without_network(ablation: Ablation) -> list[dict[str, pd.DataFrame]]:
    """Errors of the methods without a network, for each half."""
    area, scale = cut_areas(ablation), ablation.scale
    linear, found = LinearFilter.fit(*area.source), []
    for half in area.halves:
        estimates = baselines.baseline_estimates(half.lr, scale, linear)
        found.append({name: jobs.errors(half.hr, estimates[name], half.lr) for name in PLAIN_METHODS})
    return found
