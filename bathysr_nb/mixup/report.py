"""What Adaptive Mixup did to a training set: distances, histograms, and pictures of the blends.

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


class Outcome(NamedTuple):
    """What came out.

    Attributes
    ----------
    folder : Path
    feature : str
    values : dict of str to ndarray
        The feature of the sets train, target and picked.
    bins : DataFrame
        As in `bathysr_nb.mixup.planning.Plan`.
    summary : DataFrame
        One row a set: patches, mean, standard deviation, minimum, maximum, and the Wasserstein
        distance to the target in units of the feature.
    kinds : dict of str to int
        Picked originals, blends, flips and turns.
    blends : int
        All that were made.
    target : str
        Where the target's values are from.
    """

    folder: Path
    feature: str
    values: dict
    bins: pd.DataFrame
    summary: pd.DataFrame
    kinds: dict
    blends: int
    target: str


def outcome(plan, feature, target, where: str, folder) -> Outcome:
    """Sum up a `bathysr_nb.mixup.planning.Plan`.

    Parameters
    ----------
    plan : Plan
    feature : Feature
    target : ndarray
        The feature in the target area.
    where : str
        Where the target is from.
    folder : path

    Returns
    -------
    Outcome
    """
    values = {"train": plan.train, "target": np.asarray(target), "picked": plan.picked[feature.name].to_numpy()}
    kinds = plan.picked["kind"].value_counts().to_dict()
    name = f"{feature.name} ({feature.side})"
    return Outcome(Path(folder), name, values, plan.bins, summary(values), kinds, len(plan.blends), where)


def summary(values: dict) -> pd.DataFrame:
    """Table before and after: one row a set, with its distance to the set called target.

    Examples
    --------
    >>> summary({"train": [1.0, 3.0], "target": [2.0, 4.0]})["wasserstein_to_target"].tolist()
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


def figure(result: Outcome) -> Figure:
    """Histograms of train, target and picked, with the distance to the target before and after."""
    drawn = Figure(figsize=(8, 3.8), layout="constrained")
    ax = drawn.subplots()
    plots.histograms(ax, result.values, label=result.feature.replace("_", " "))
    before, after = result.summary.loc[["train", "picked"], "wasserstein_to_target"]
    ax.set_title(f"Wasserstein distance to the target: before {before:.4g}, after {after:.4g}", fontsize=10)
    return drawn


def write(folder, result: Outcome) -> None:
    """Write bins.csv, summary.csv and histograms.png into a folder."""
    folder = Path(folder)
    store.write_text(folder / "bins.csv", result.bins.rename_axis("bin").to_csv())
    store.write_text(folder / "summary.csv", result.summary.to_csv())
    with store.replacing(folder / "histograms.png") as part:
        figure(result).savefig(part, dpi=110)


def text(result: Outcome) -> str:
    """A few lines for the shell."""
    originals, blends, copies = (result.kinds.get(kind, 0) for kind in ("original", "mixup", "variant"))
    before, after = result.summary.loc[["train", "picked"], "wasserstein_to_target"]
    lines = [
        f"target: {result.target}",
        f"{result.folder}: {len(result.values['train'])} originals and {result.blends} blends",
        f"{result.folder / 'picked_images'}: {len(result.values['picked'])} pairs: {originals} originals, "
        f"{blends} blends, {copies} flips and turns",
        f"{result.feature}: Wasserstein distance to the target {before:.4g} before, {after:.4g} after",
    ]
    lost, borrowed = result.bins[["unreachable", "borrowed"]].sum()
    if lost or borrowed:
        lines.append(f"{lost} blends could not be reached; {borrowed} pairs were borrowed from the nearest bins")
    return "\n".join(lines)


def draw_blends(folder, pool, plan, cell: float) -> None:
    """A picture of every blend beside its two patches, HR, six in a file.

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
        whole = drawn is not None and len(some) == ROWS
        drawn = plots.comparison(_picture_rows(some, pool), cell, drawn if whole else None)
        with store.replacing(Path(folder) / f"mixup_{start}-{start + len(some) - 1}.png") as part:
            drawn.savefig(part, dpi=80)


def _picture_rows(blends: pd.DataFrame, pool) -> list[dict]:
    parents = [
        pool.take("HR", blends[which].to_numpy(), blends[f"{which}_variant"].to_numpy()) for which in ("high", "low")
    ]
    rows = []
    for row, high, low, made in zip(blends.to_dict("records"), *parents, pool.blends(blends, "HR")):
        titles = [f"{row[which]} {pool.names[row[f'{which}_variant']]}" for which in ("high", "low")]
        rows.append({titles[0]: high, titles[1]: low, f"blend, weight {row['lam']:.3f}": made})
    return rows
