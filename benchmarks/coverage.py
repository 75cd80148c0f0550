"""How much of the errors the calibrated half-widths cover, by slope, on ground that took no part.

    python benchmarks/coverage.py

writes docs/results/uncertainty.md and .csv. The gentle blocks of the bundled grid are dealt into five parts. Five small
networks are each trained on two parts, calibrated on two, and judged on the last, so that every gentle block judges
once; the steep blocks, which no network was trained or calibrated on, are judged by all five. The trainings are kept
in runs/coverage, and found there by the next call.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from bathysr_nb import grids, pairs, terrain, training
from bathysr_nb.files import project
from bathysr_nb.files.record import package_versions
from bathysr_nb.models.build import load_model
from bathysr_nb.scores import conformal
from bathysr_nb.scores.page import markdown
from bathysr_nb.training.trainer import MODEL
from bathysr_nb.training.uncertainty import RIM, Uncertainty, held_out_errors

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
PARTS, STEPS, SCALE = 5, 600, 4
EDGES = (0.015, 0.03, 0.05)
LEVELS = (0.5, 0.8, 0.9, 0.95)
DRAWS = 2000
COUNTS = ["cells", "covered", "width", "score"]


def cut() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """LR, HR, block and slope of all pairs, the source's blocks, and the LR cell size; as notebook 01 cuts them."""
    grid = grids.read_grid(grids.bundled_grid())
    depth, cell = pairs.ocean(grid.values, None), grid.attrs["cell_size"]
    lr, hr, table = pairs.build_pairs(depth, cell, 100, hr_img_shape=(64, 64), hr_stride=(8, 8), scale=SCALE)
    delta = tuple(SCALE * d for d in cell)
    source, _ = pairs.source_and_target(table["block"], terrain.mean_slope_gradient(lr.astype(float), delta))
    slope = terrain.mean_slope_gradient(hr.astype(float), cell)
    return lr[..., None], hr[..., None], table["block"].to_numpy(), slope, source, delta


def network(folder: Path, lr, hr, delta, seed: int):
    """A small network, trained or found in its folder; its last weights, so that no set is used to choose them."""
    recipe = training.Recipe(steps=STEPS, keep="last", seed=seed)
    few = (lr[:: len(lr) // 32], hr[:: len(lr) // 32])
    training.train("espcn", (lr, hr), few, folder, recipe, bias=False, cell_size=delta, resume=True)
    return load_model(folder / MODEL)


def constant(relief, error, block) -> Uncertainty:
    """The same calibration where nothing is known of a cell: one width for all."""
    none = np.zeros_like(relief)
    widths = conformal.covering_widths(conformal.held_out_ratios(none, error, block))
    return Uncertainty(conformal.fit_scale(none, error, block)[0], 0.0, widths, len(np.unique(block)), (0, 0))


def judged(found: Uncertainty, relief, error, bins) -> pd.DataFrame:
    """Counts of cells, for each level, patch and bin of the slope at the LR cell."""
    rows = []
    for level in LEVELS:
        width = found.half_width(relief, level)[..., None]
        outside = np.maximum(error - width, 0)
        each = {
            "cells": np.full(relief.shape, error.shape[-1]),
            "covered": (error <= width).sum(-1),
            "width": width[..., 0] * error.shape[-1],
            "score": (2 * width + 2 / (1 - level) * outside).sum(-1),
        }
        for name in range(len(EDGES) + 1):
            inside = bins == name
            sums = {key: np.where(inside, value, 0).sum((1, 2)) for key, value in each.items()}
            rows.append(pd.DataFrame(sums).assign(level=level, cell_bin=name, patch=np.arange(len(relief))))
    return pd.concat(rows).query("cells > 0")


def fold(k: int, data, parts, run: Path) -> pd.DataFrame:
    """Train and calibrate without part k; judge on it and on the steep blocks."""
    lr, hr, block, slope, source, delta = data
    chosen = [np.isin(block, parts[(k + i) % PARTS]) for i in range(PARTS)]
    judge, calibrate, learn = chosen[0], chosen[1] | chosen[2], chosen[3] | chosen[4]
    model = network(run / str(k), lr[learn], hr[learn], delta, k)
    error, relief = held_out_errors(model, lr[calibrate], hr[calibrate])
    kinds = {
        "by relief": training.calibrate(model, lr[calibrate], hr[calibrate], block[calibrate], delta),
        "constant": constant(relief, error, block[calibrate]),
    }
    rows = []
    for area, where in (("source", judge), ("target", ~np.isin(block, source))):
        error, relief = held_out_errors(model, lr[where], hr[where])
        local = terrain.slope(lr[where][..., 0].astype(float), delta)[:, RIM - 1 : 1 - RIM, RIM - 1 : 1 - RIM]
        bins, patches = np.digitize(local, EDGES), np.digitize(slope[where], EDGES)
        for kind, found in kinds.items():
            table = judged(found, relief, error, bins).assign(area=area, kind=kind, fold=k)
            rows.append(table.assign(block=block[where][table["patch"]], patch_bin=patches[table["patch"]]))
    return pd.concat(rows).drop(columns="patch")


def interval(table: pd.DataFrame) -> tuple[float, float]:
    """95% interval of the coverage, from resampling blocks."""
    sums = table.groupby("block")[["covered", "cells"]].sum().to_numpy()
    if len(sums) < 6:
        return np.nan, np.nan
    drawn = np.random.default_rng(0).integers(0, len(sums), (DRAWS, len(sums)))
    total = sums[drawn].sum(axis=1)
    return tuple(np.quantile(total[:, 0] / total[:, 1], (0.025, 0.975)))


def summary(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """A row for each area, kind, level and slope bin, with the last row for all slopes."""
    rows = []
    for (area, kind, level), part in table.groupby(["area", "kind", "level"]):
        for name, cells in [*part.groupby(by), ("all", part)]:
            low, high = interval(cells)
            cells_, covered, width, score = cells[COUNTS].sum()
            rows.append(
                {"slope of": by.removesuffix("_bin"), "area": area, "width": kind, "level": level, "slope": name}
                | {"coverage": covered / cells_, "low": low, "high": high, "mean half-width": width / cells_}
                | {"interval score": score / cells_, "blocks": cells["block"].nunique(), "share": cells_}
            )
    frame = pd.DataFrame(rows)
    whole = frame[frame["slope"] == "all"].set_index(["area", "width", "level"])["share"]
    frame["share"] /= whole.loc[list(frame[["area", "width", "level"]].itertuples(index=False, name=None))].to_numpy()
    frame["slope"] = frame["slope"].map(dict(enumerate(names())) | {"all": "all"})
    return frame


def names() -> list[str]:
    edges = [f"{edge:g}" for edge in EDGES]
    return [f"< {edges[0]}", *(f"{a} to {b}" for a, b in zip(edges, edges[1:])), f">= {edges[-1]}"]


def typical_width(table: pd.DataFrame) -> float:
    """Mean width by relief over the constant one within a block: geometric mean over blocks."""
    sums = table.groupby(["kind", "block"])[["width", "cells"]].sum()
    mean = np.log(sums["width"] / sums["cells"]).unstack("kind")
    return float(np.exp((mean["by relief"] - mean["constant"]).mean()))


PAGE = """# How much the calibrated half-widths cover

Written by `python benchmarks/coverage.py`, in about five minutes on two CPU cores, or one if the trainings are there;
{versions}.

{words}

Five networks (ESPCN, residual form without biases, {steps} steps) are each trained on two fifths of the gentle blocks
of the bundled grid (the source), calibrated on two fifths (28 blocks), and judged on the last fifth, so that every
gentle block judges once. The steep blocks (the target) took part in nothing and are judged by all five. *By relief* is
what `bathysr calibrate` makes; *constant* is one width for all cells, calibrated in the same way. Inner cells count.

Brackets are 95% intervals from resampling blocks, given from 6 blocks on. The *interval score* is the mean of the whole
width plus, for an error outside, 20 times what it is outside by (2 / (1 - level)): the lower, the better; a band is
rewarded for being narrow only where it holds. All numbers, for all levels: [uncertainty.csv](uncertainty.csv).

## 90% bands, by the mean slope of the true patch

{patch}

## 90% bands, by the slope of the LR grid at the cell

{cell}

## Other levels, all slopes

{levels}
"""


def change(ratio: float) -> str:
    return f"{abs(ratio - 1):.0%} {'narrower' if ratio < 1 else 'wider'}"


def words(found: pd.DataFrame, table: pd.DataFrame) -> str:
    """What was found, in sentences."""
    at = found[found["slope of"] == "patch"].set_index(["area", "level", "width", "slope"])
    lines = []
    for area in ("source", "target"):
        by, plain = at.loc[(area, 0.9, "by relief")], at.loc[(area, 0.9, "constant")]
        bins, flat = (side["coverage"].drop("all") for side in (by, plain))
        score = by.loc["all", "interval score"] / plain.loc["all", "interval score"] - 1
        lines.append(
            f"* **On the {area}, the 90% band covers {by.loc['all', 'coverage']:.1%} of the cells, and "
            f"{bins.min():.1%} to {bins.max():.1%} in the slope bins** (a constant width: "
            f"{plain.loc['all', 'coverage']:.1%}, and {flat.min():.1%} to {flat.max():.1%}). "
            f"Its interval score is {-score:.0%} lower than the constant width's."
        )
    narrow = []
    for level in (0.9, 0.95):
        by, plain = (at.loc[("source", level, kind, "all"), "mean half-width"] for kind in ("by relief", "constant"))
        typical = typical_width(table.query(f"area == 'source' and level == {level}"))
        narrow.append(
            f"the {level:.0%} band is {change(typical)} in a typical block and {change(by / plain)} in the mean"
        )
    lines.append(f"* Against a constant width of the same coverage on the source, {'; '.join(narrow)}.")
    return "\n".join(lines)


def shown(frame: pd.DataFrame, keys: list[str]) -> str:
    """A table of coverage, widths and scores in Markdown."""
    span = [f"[{low:.1%}, {high:.1%}]" if low == low else "" for low, high in frame[["low", "high"]].to_numpy()]
    columns = {key: frame[key] for key in keys} | {"coverage": frame["coverage"].map("{:.1%}".format), "interval": span}
    columns |= {f"{key} (m)": frame[key].map("{:.2f}".format) for key in ("mean half-width", "interval score")}
    columns |= {"blocks": frame["blocks"], "share of the cells": frame["share"].map("{:.1%}".format)}
    return markdown(pd.DataFrame(columns))


def page(found: pd.DataFrame, table: pd.DataFrame) -> str:
    by = {name: found[(found["slope of"] == name) & (found["level"] == 0.9)] for name in ("patch", "cell")}
    keys = ["area", "width", "slope"]
    levels = found[(found["slope of"] == "patch") & (found["slope"] == "all") & (found["level"] != 0.9)]
    return PAGE.format(
        versions=", ".join(f"{name} {version}" for name, version in package_versions().items()),
        words=words(found, table),
        steps=STEPS,
        patch=shown(by["patch"], keys),
        cell=shown(by["cell"], keys),
        levels=shown(levels.drop(columns="slope"), ["area", "width", "level"]),
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run-dir", type=Path, default=ROOT / "runs" / "coverage", help="where trainings are kept")
    return parser.parse_args()


def main() -> None:
    run = parse().run_dir
    data = cut()
    parts = np.array_split(np.random.default_rng(0).permutation(data[4]), PARTS)
    table = pd.concat(fold(k, data, parts, run) for k in project.progress(range(PARTS), "folds"))
    found = pd.concat([summary(table, "patch_bin"), summary(table, "cell_bin")], ignore_index=True)
    found.round(4).to_csv(RESULTS / "uncertainty.csv", index=False)
    (RESULTS / "uncertainty.md").write_text(page(found, table), encoding="utf-8")
    print(words(found, table))


if __name__ == "__main__":
    main()
