"""How Adaptive Mixup changed a training set: distances, histograms, and pictures of the blends.

Source: manual 1.3 (``mixup.py``: ``plot_figure``).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import wasserstein_distance

from bathysr_nb import plots
from bathysr_nb.files import project, store

ROWS = 6  # blends in one picture


class MixupReport(NamedTuple):
    """What Adaptive Mixup made, and how near its slopes are to the target's.

    Attributes
    ----------
    folder : Path
        Where the pairs are written.
    feature : str
        Name and side.
    values : dict of str to ndarray
        The feature of the sets train, target and picked.
    bins : DataFrame
        As in `bathysr_nb.mixup.planning.Plan`.
    statistics : DataFrame
        As `set_statistics`.
    kinds : dict of str to int
        Picked originals, blends, flips and turns.
    blends : int
        All blends, picked or not.
    target : str
        Where the target's values come from.
    """

    folder: Path
    feature: str
    values: dict
    bins: pd.DataFrame
    statistics: pd.DataFrame
    kinds: dict
    blends: int
    target: str


def summarise(plan, feature, target, *, source: str, folder) -> MixupReport:
    """Sum up a `bathysr_nb.mixup.planning.Plan`.

    Parameters
    ----------
    plan : Plan
    feature : Feature
    target : ndarray
        The feature in the target area.
    source : str
        Where the target comes from.
    folder : path
        Where the pairs are written.

    Returns
    -------
    MixupReport
    """
    values = {"train": plan.train, "target": np.asarray(target), "picked": plan.picked[feature.name].to_numpy()}
    kinds = plan.picked["kind"].value_counts().to_dict()
    name = f"{feature.name} ({feature.side})"
    return MixupReport(Path(folder), name, values, plan.bins, set_statistics(values), kinds, len(plan.blends), source)


def set_statistics(values: dict) -> pd.DataFrame:
    """One row a set: patches, mean, std, min, max and the Wasserstein distance to the set called target.

    Examples
    --------
    >>> set_statistics({"train": [1.0, 3.0], "target": [2.0, 4.0]})["wasserstein_to_target"].tolist()
    [1.0, 0.0]
    """
    rows = {
        name: [len(value), *(float(f(value)) for f in (np.mean, np.std, np.min, np.max))]
        + [float(wasserstein_distance(value, values["target"]))]
        for name, value in values.items()
    }
    columns = ["patches", "mean", "std", "min", "max", "wasserstein_to_target"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("set")
    return table.astype({"patches": int})


def figure(report: MixupReport) -> Figure:
    """Histograms of train, target and picked, titled with the distance to the target before and after."""
    drawn = Figure(figsize=(8, 3.8), layout="constrained")
    ax = drawn.subplots()
    plots.histograms(ax, report.values, label=report.feature.replace("_", " "))
    before, after = report.statistics.loc[["train", "picked"], "wasserstein_to_target"]
    ax.set_title(f"Wasserstein distance to the target: before {before:.4g}, after {after:.4g}", fontsize=10)
    return drawn


def write(folder, report: MixupReport) -> None:
    """Write bins.csv, summary.csv (the statistics) and histograms.png.

    Parameters
    ----------
    folder : path
    report : MixupReport
    """
    folder = Path(folder)
    store.write_text(folder / "bins.csv", report.bins.rename_axis("bin").to_csv())
    store.write_text(folder / "summary.csv", report.statistics.to_csv())
    with store.replacing(folder / "histograms.png") as part:
        figure(report).savefig(part, dpi=110)


def text(report: MixupReport) -> str:
    """The report as a few lines of text."""
    originals, blends, copies = (report.kinds.get(kind, 0) for kind in ("original", "mixup", "variant"))
    before, after = report.statistics.loc[["train", "picked"], "wasserstein_to_target"]
    lines = [
        f"target: {report.target}",
        f"{report.folder}: {len(report.values['train'])} originals and {report.blends} blends",
        f"{report.folder / 'picked_images'}: {len(report.values['picked'])} pairs: {originals} originals, "
        f"{blends} blends, {copies} flips and turns",
        f"{report.feature}: Wasserstein distance to the target {before:.4g} before, {after:.4g} after",
    ]
    unreachable, borrowed = report.bins[["unreachable", "borrowed"]].sum()
    if unreachable or borrowed:
        lines.append(f"{unreachable} target values were unreachable; {borrowed} pairs came from nearby bins")
    return "\n".join(lines)


def draw_blends(folder, pool, plan, cell: float) -> None:
    """Write a picture of every blend beside its two patches (HR), six blends a file.

    Parameters
    ----------
    folder : path
    pool : bathysr_nb.mixup.pool.Pool
    plan : bathysr_nb.mixup.planning.Plan
    cell : float
        HR cell size, metres.
    """
    drawn = None
    for start in project.progress(range(0, len(plan.blends), ROWS), "pictures"):
        some = plan.blends.iloc[start : start + ROWS]
        same_rows = drawn is not None and len(some) == ROWS  # then the figure can be drawn on again
        drawn = plots.comparison(_picture_rows(some, pool), cell, drawn if same_rows else None)
        with store.replacing(Path(folder) / f"mixup_{start}-{start + len(some) - 1}.png") as part:
            drawn.savefig(part, dpi=80)


def _picture_rows(blends: pd.DataFrame, pool) -> list[dict]:
    parents = [
        pool.take("HR", blends[which].to_numpy(), blends[f"{which}_variant"].to_numpy()) for which in ("high", "low")
    ]
    rows = []
    for row, high, low, blend in zip(blends.to_dict("records"), *parents, pool.blends(blends, "HR")):
        titles = [f"{row[which]} {pool.names[row[f'{which}_variant']]}" for which in ("high", "low")]
        rows.append({titles[0]: high, titles[1]: low, f"blend, weight {row['lam']:.3f}": blend})
    return rows
