"""The verdict of a trial: RMSE in metres per slope bin and arm, compared with flips and turns.

Errors are averaged over seeds, patch by patch; then blocks are resampled, both sides of a difference
with the same draw. Bins with few blocks say so.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from bathysr_nb import plots
from bathysr_nb.files import record, store
from bathysr_nb.scores import baselines, tables
from bathysr_nb.scores import page as score_page
from bathysr_nb.scores.intervals import HOW_TO_READ, in_words
from bathysr_nb.scores.linear import NEIGHBOURHOOD, LinearFilter
from bathysr_nb.trial import jobs
from bathysr_nb.trial.settings import REFERENCE, Ablation

PLAIN_METHODS = ("bicubic", "spline", baselines.LINEAR)  # methods that need no network
ABOUT = f"""Trained on the grid's gentle blocks, scored on half of its steep blocks; the LR of the other half
steers. RMSE in metres, pooled over cells, per bin of the true patch's mean slope gradient; change against {REFERENCE}
in percent. {HOW_TO_READ} The column `seeds, all` shows that variation: the standard deviation of the RMSE over seeds.
`oracle` is trained on the true depths of the steering half; `linear filter` is the source's best filter of
{NEIGHBOURHOOD} x {NEIGHBOURHOOD} cells."""


def score_trial(ablation: Ablation) -> pd.DataFrame:
    """Read the errors of all trainings of a trial and compare the arms.

    Parameters
    ----------
    ablation : Ablation
        All its trainings must be there; see `bathysr_nb.trial.jobs.run_trial`.

    Returns
    -------
    DataFrame
        One row for each model, cells (inner, all), slope bin and method: as
        `bathysr_nb.scores.tables.score_table`, and seed_spread, the standard deviation of the
        RMSE over seeds (m; NaN with one seed).
    """
    slope, block = jobs.areas(ablation).table[["mean_slope_gradient", "block"]].to_numpy().T
    plain, parts = _without_network(ablation), []
    for model in ablation.models:
        for cells in ("inner", "all"):
            seeds = {arm: _errors(ablation, model, arm)[cells] for arm in ablation.arms}
            mean = {name: table[cells].to_numpy() for name, table in plain.items()}
            mean |= {arm: errors.mean(axis=0) for arm, errors in seeds.items()}
            table = tables.score_table(mean, slope, block, ablation.slope_edges, reference=REFERENCE)
            spread = _seed_spread(seeds, tables.slope_parts(slope, ablation.slope_edges))
            table["seed_spread"] = [spread.get((line.slope, line.method), np.nan) for line in table.itertuples()]
            parts.append(table.assign(model=model, cells=cells))
    scores = pd.concat(parts, ignore_index=True)
    return scores[["model", "cells", *scores.columns.drop(["model", "cells"])]]


def training_set_table(ablation: Ablation) -> pd.DataFrame:
    """Pairs, steps, originals and distance (see `bathysr_nb.trial.jobs.run_job`) of each arm, averaged over seeds."""
    rows = [
        {"arm": job.arm} | json.loads(jobs.score_file(ablation, job, ".json").read_text())
        for job in jobs.all_jobs(ablation)
    ]
    return pd.DataFrame(rows).groupby("arm", sort=False).mean()


def write_verdict(ablation: Ablation, command: str = "") -> pd.DataFrame:
    """Write ``ablation.csv``, ``ablation.md`` and ``ablation.png`` into save_dir.

    Parameters
    ----------
    ablation : Ablation
        All its trainings must be there.
    command : str
        The command to name in ``ablation.md``.

    Returns
    -------
    DataFrame
        As `score_trial`.
    """
    scores, folder = score_trial(ablation), ablation.save_dir
    store.write_text(folder / "ablation.csv", scores.to_csv(index=False), overwrite=True)
    store.write_text(folder / "ablation.md", verdict_page(ablation, scores, command), overwrite=True)
    with store.replacing(folder / "ablation.png", overwrite=True) as part:
        plots.forest(scores[scores["cells"] == "inner"], REFERENCE).savefig(part, dpi=110)
    return scores


def verdict_page(ablation: Ablation, scores: pd.DataFrame, command: str = "") -> str:
    """The verdict, the tables and how to read them, as Markdown.

    Parameters
    ----------
    ablation : Ablation
    scores : DataFrame
        As `score_trial`.
    command : str
        The command that made the page.
    """
    parts = [
        "# Ablation: which training set helps on steep ground",
        *verdict_sentences(scores),
        ABOUT,
        _settings(ablation),
    ]
    parts += [f"Made by `{command}`."] if command else []
    for (model, cells), part in scores.groupby(["model", "cells"], sort=False):
        wide = tables.wide_table(part, REFERENCE)
        last = part[part["slope"] == "all"].set_index("method")["seed_spread"]
        wide["seeds, all"] = [f"{last[name]:.2f}" if last.get(name, np.nan) >= 0 else "" for name in wide.index]
        parts += [f"## {model}, {cells} cells", score_page.markdown(wide)]
    sets = training_set_table(ablation).round({"originals": 0, "distance": 4}).reset_index()
    sets = sets.astype(dict.fromkeys(("pairs", "steps", "originals"), int))
    parts += ["## The training sets", score_page.markdown(sets), f"![change against {REFERENCE}](ablation.png)"]
    return "\n\n".join(parts) + "\n"


def verdict_sentences(scores: pd.DataFrame) -> list[str]:
    """One sentence for each network and adaptive arm, on the inner cells of all bins."""
    chosen = scores[(scores["cells"] == "inner") & (scores["slope"] == "all")]
    chosen = chosen[chosen["method"].str.startswith("adaptive")]
    where = f"against {REFERENCE}**, on the inner cells of all patches."
    return [
        f"**{line.model}: {line.method} {in_words(line.change, line.low, line.high)} {where}"
        for line in chosen.itertuples()
    ]


def _settings(ablation: Ablation) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in ablation.fixed.items())
    return f"Seeds {', '.join(map(str, ablation.seeds))}; {settings}; {record.versions()}."


def _without_network(ablation: Ablation) -> dict[str, pd.DataFrame]:
    area = jobs.areas(ablation)
    lr, hr = area.scored
    estimates = baselines.baseline_estimates(lr, ablation.scale, LinearFilter.fit(*area.source))
    return {name: jobs.errors(hr, estimates[name], ablation.scale) for name in PLAIN_METHODS}


def _errors(ablation: Ablation, model: str, arm: str) -> dict[str, np.ndarray]:
    """Squared errors over the inner and over all cells, each of shape (seeds, patches)."""
    files = [jobs.score_file(ablation, jobs.Job(model, arm, seed), ".csv") for seed in ablation.seeds]
    read = [pd.read_csv(path) for path in files]
    return {cells: np.stack([table[cells] for table in read]) for cells in ("inner", "all")}


def _seed_spread(seeds: dict[str, np.ndarray], parts: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
    return {
        (label, arm): float(np.sqrt(errors[:, part].mean(axis=1)).std(ddof=1))
        for label, part in parts.items()
        for arm, errors in seeds.items()
        if len(part) and len(errors) > 1
    }
