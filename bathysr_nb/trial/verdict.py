"""The page of a trial: what helps, on which rung, at which length; the tables, and how to read them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd

from bathysr_nb import plots
from bathysr_nb.files import record, store
from bathysr_nb.scores import page as score_page
from bathysr_nb.scores.linear import NEIGHBOURHOOD
from bathysr_nb.scores.typical import Typical
from bathysr_nb.scores.words import HOW_TO_READ, STANDINGS, bracketed, signed, standing, verdict_word
from bathysr_nb.trial import jobs
from bathysr_nb.trial.areas import cut_areas, scored_half
from bathysr_nb.trial.comparison import score_trial, training_set_table, why_table
from bathysr_nb.trial.forms import FORMS
from bathysr_nb.trial.plots import ladder
from bathysr_nb.trial.settings import REFERENCE, Ablation

ABOUT = f"""Networks learn from the grid's gentle blocks. Half of its steep blocks steer the training sets, by their
low resolution alone; the other half is scored. `flip_rotate` is what the manual compares with (flips and turns by
multiples of 30 degrees; flips alone where cells are not square); `symmetries` has only copies that interpolate
nothing; `oracle` is trained on the true depths of the steering half; `linear filter` is the source's best filter of
{NEIGHBOURHOOD} x {NEIGHBOURHOOD} cells. An arm with fewer seeds is compared on those, and its metres are of the
blocks that they score. All figures are of inner cells unless a heading says otherwise."""
BACK = """One back-projection adds to a map, enlarged by bicubic, what the LR has and the downsampled map lacks; it
mends wrong levels. Here every method is back-projected, bicubic too."""
LEAD = """Changes in RMSE are told in a typical block, in percent, with 95% intervals over blocks and the number of
blocks that got better; each form at its greatest length."""
WHY = f"""Of the networks trained on `{REFERENCE}`. *Unscaled*: the relief of every patch is doubled. 0 means that
what the network adds to bicubic doubles too, which is ideal: it need not be shown steep ground. 1 means that it is
off by as much as it should have added. *Level*: share of the squared error that one back-projection removes. The
last two columns are rank correlations of a patch's error with how far its depth is from the source's mean, and with
its slope."""
LADDER_ARMS = ("adaptive_mixup", "adaptive_mixup+symmetries", "mixup", "reweight", "oracle")


def write_verdict(ablation: Ablation, command: str = "") -> pd.DataFrame:
    """Write ``ablation.csv``, ``ablation.md``, ``ablation.png``, ``why.csv`` and, for a ladder, ``ladder.png``.

    Parameters
    ----------
    ablation : Ablation
        Trainings that are not finished are left out, and the page says how many.
    command : str
        The command to name in ``ablation.md``.

    Returns
    -------
    DataFrame
        As `bathysr_nb.trial.comparison.score_trial`.
    """
    scores, folder = score_trial(ablation), ablation.save_dir
    why = why_table(ablation)
    store.write_text(folder / "why.csv", why.to_csv(index=False, float_format="%.4g"), overwrite=True)
    store.write_text(folder / "ablation.csv", scores.to_csv(index=False, float_format="%.5g"), overwrite=True)
    store.write_text(folder / "ablation.md", verdict_page(ablation, scores, why, command), overwrite=True)
    figures = {"ablation.png": plots.forest(_forest_rows(scores), REFERENCE)}
    if is_ladder(scores):
        figures["ladder.png"] = ladder(scores)
    for name, figure in figures.items():
        with store.replacing(folder / name, overwrite=True) as part:
            figure.savefig(part, dpi=110)
    return scores


def read_trial(folder) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """A finished trial from its folder.

    Parameters
    ----------
    folder : path
        The save_dir of `bathysr ablate`.

    Returns
    -------
    (str, DataFrame, DataFrame)
        Name of the grid's file; scores as `bathysr_nb.trial.comparison.score_trial`; and as
        `bathysr_nb.trial.comparison.why_table`.

    Raises
    ------
    FileNotFoundError
        If there is none, naming the file and the command that makes it.
    """
    paths = [Path(folder) / name for name in (jobs.RECORD, "ablation.csv", "why.csv")]
    if missing := [path for path in paths if not path.is_file()]:
        raise FileNotFoundError(f"{missing[0]}: no such file; bathysr ablate params/ladder.yml makes it")
    grid = json.loads(paths[0].read_text())["parameters"]["grid"]
    return grid, pd.read_csv(paths[1]), pd.read_csv(paths[2])


def is_ladder(scores: pd.DataFrame) -> bool:
    """Whether there is more than one rung or length."""
    return len(scores[["form", "steps"]].drop_duplicates()) > 1


def verdict_page(ablation: Ablation, scores: pd.DataFrame, why: pd.DataFrame, command: str = "") -> str:
    """The verdict, the tables and how to read them, as Markdown.

    Parameters
    ----------
    ablation : Ablation
    scores : DataFrame
        As `bathysr_nb.trial.comparison.score_trial`.
    why : DataFrame
        As `bathysr_nb.trial.comparison.why_table`.
    command : str
        The command that made the page.
    """
    parts = ["# Which training set helps on steep ground", LEAD, *(f"* {text}" for text in verdict_sentences(scores))]
    parts += [] if not is_ladder(scores) else ["![effect against length](ladder.png)"]
    parts += [f"_{text}_" for text in left_out(ablation)]
    for after, note in (("as it is", ""), ("back-projected", BACK)):
        parts += [f"## Typical block and RMSE, {after}", note, score_page.markdown(ladder_table(scores, after))]
    parts += ["## Why", WHY, score_page.markdown(why.round(2).astype(str)), "## How to read it", ABOUT, HOW_TO_READ]
    if not is_ladder(scores):
        parts += _tables_of_bins(scores)
    sets = training_set_table(ablation).round({"pairs": 0, "originals": 0, "distance": 4}).reset_index()
    sets = sets.astype(dict.fromkeys(("pairs", "originals"), int))
    parts += ["## The training sets", score_page.markdown(sets)]
    parts += [f"![change against {REFERENCE} in a typical block](ablation.png)", _settings(ablation)]
    parts += [f"Made by `{command}`."] if command else []
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict_sentences(scores: pd.DataFrame, arm: str = "adaptive_mixup") -> list[str]:
    """For each network and form, at its greatest length: what an arm changes, and where it stands against bicubic.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.trial.comparison.score_trial`.
    arm : str

    Returns
    -------
    list of str
        Markdown. Forms in which the arm was not trained are left out.
    """
    found = []
    for (model, form), part in scores.groupby(["model", "form"], sort=False):
        steps = part.loc[part["method"] == arm, "steps"].max()
        if steps == steps:
            found.append(f"**{model}, {FORMS[form].words}, {steps:,.0f} steps.** {_sentence(part, arm, steps)}")
    return found


def in_short(scores: pd.DataFrame, grid: str, arm: str = "adaptive_mixup") -> str:
    """One sentence: what an arm changes, for networks worse than bicubic, level with it and better than it.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.trial.comparison.score_trial`.
    grid : str
        What the grid is called.
    arm : str

    Returns
    -------
    str
        The change against flips and turns in a typical block, for each form at each length.
    """
    found = {word: [] for word in STANDINGS}
    for (_, form), part in scores.groupby(["model", "form"], sort=False):
        told = {word: [] for word in STANDINGS}
        for steps in sorted(part.loc[part["method"] == arm, "steps"].unique()):
            flips, bicubic = (_row(part, steps, arm, reference) for reference in (REFERENCE, "bicubic"))
            ends = bracketed(flips.typical_low, flips.typical_high)
            word = standing(bicubic.typical, bicubic.typical_low, bicubic.typical_high)
            told[word].append(f"{signed(flips.typical)}% {ends} at {steps:,} steps")
        for word, changes in told.items():
            if changes:
                found[word].append(f"{FORMS[form].words}, {', '.join(changes)}")
    told = [f"mong networks {word} bicubic: {'; '.join(each)}" for word, each in found.items() if each]
    return f"In the trial on {grid}, {arm} against {REFERENCE} in a typical block, a{'. A'.join(told)}."


def _sentence(part: pd.DataFrame, arm: str, steps: int) -> str:
    flips, bicubic = (_row(part, steps, arm, reference) for reference in (REFERENCE, "bicubic"))
    plain = _row(part, steps, REFERENCE, "bicubic")
    both = _row(part, steps, arm, REFERENCE, "back-projected")
    rmse = {arm: flips, REFERENCE: plain, "bicubic": _row(part, steps, "bicubic", "bicubic", missing=plain)}
    word = verdict_word(flips.typical_low, flips.typical_high)
    return " ".join(
        [
            f"{arm} against {REFERENCE}: {word}, {_typical(flips)}{_by_seed(flips)}.",
            f"Against bicubic: {arm} {_typical(bicubic)}, {REFERENCE} {_typical(plain)}.",
            f"Pooled RMSE: {', '.join(f'{name} {line.rmse:.1f} m' for name, line in rmse.items())}.",
            f"After back-projecting every method, {arm} against {REFERENCE}: {_typical(both)}.",
        ]
    )


def ladder_table(scores: pd.DataFrame, after: str) -> pd.DataFrame:
    """One row a model, form and length: RMSE of flips and bicubic, and changes of each arm in a typical block, as text.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.trial.comparison.score_trial`.
    after : {"as it is", "back-projected"}

    Returns
    -------
    DataFrame of str
    """
    rows = []
    arms = [arm for arm in ("symmetries", *LADDER_ARMS) if arm in set(scores["method"])]
    for (model, form, steps), part in scores.groupby(["model", "form", "steps"], sort=False):
        flips = _row(part, steps, REFERENCE, "bicubic", after)
        row = {"network": model, "form": FORMS[form].words, "steps": f"{steps:,}", "blocks": f"{flips.blocks:.0f}"}
        row["bicubic, pooled (m)"] = f"{_row(part, steps, 'bicubic', 'bicubic', after, flips).rmse:.1f}"
        row[f"{REFERENCE}, pooled (m)"] = f"{flips.rmse:.1f}"
        row["seeds"] = f"{_row(part, steps, REFERENCE, 'bicubic', after).seeds:.0f}"
        for other in ("bicubic", "spline"):
            row[f"{REFERENCE} against {other}"] = _typical(_row(part, steps, REFERENCE, other, after))
        for arm in arms:
            line = _row(part, steps, arm, REFERENCE, after)
            fewer = "" if line is None or line.blocks == flips.blocks else f" ({line.blocks:.0f} blocks)"
            row[f"{arm}, pooled (m)"] = "" if line is None else f"{line.rmse:.1f}{fewer}"
            row[f"{arm} against {REFERENCE}"] = _typical(line) + ("" if line is None else _by_seed(line))
            if arm.startswith("adaptive"):
                row[f"{arm} against symmetries"] = _typical(_row(part, steps, arm, "symmetries", after))
                row[f"{arm} against bicubic"] = _typical(_row(part, steps, arm, "bicubic", after))
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.loc[:, (table != "").any()]


def left_out(ablation: Ablation) -> list[str]:
    """What the trial's settings ask for and is not finished or not scored, in sentences."""
    asked, done = jobs.all_jobs(ablation), set(jobs.finished_jobs(ablation))
    every, missing = (Counter(job.steps for job in some) for some in (asked, [job for job in asked if job not in done]))
    sentences = []
    if missing:
        where = "; ".join(f"{n} of {every[steps]} at {steps:,} steps" for steps, n in sorted(missing.items()))
        sentences.append(f"{len(done)} of {len(asked)} trainings are finished. Left out: {where}.")
    for half in {0, 1} - {scored_half(ablation, seed) for seed in ablation.seeds}:
        blocks = cut_areas(ablation).halves[half].table["block"].nunique()
        which = "odd" if half == 0 else "even"
        add = f"an {which} seed would score it" if ablation.swap_halves else "swap_halves is false"
        sentences.append(f"One half of the steep blocks ({blocks} blocks) only steers and is not scored: {add}.")
    return sentences


def _row(part: pd.DataFrame, steps, method: str, reference: str, after: str = "as it is", missing=None):
    """The line of a method on the inner cells of all slopes, or `missing`."""
    chosen = part[
        (part["steps"] == steps)
        & (part["method"] == method)
        & (part["reference"] == reference)
        & (part["after"] == after)
        & (part["cells"] == "inner")
        & (part["slope"] == "all")
    ]
    return next(chosen.itertuples(), missing)


def _typical(line) -> str:
    """A line's change in a typical block, its interval and the blocks that got better; empty without a line."""
    if line is None:
        return ""
    change = Typical(line.typical, line.typical_low, line.typical_high, int(line.better), int(line.blocks))
    ends = bracketed(change.low, change.high)
    return f"{signed(change.change)}% {ends}".rstrip() + f" ({change.better} of {change.blocks} blocks)"


def _by_seed(line) -> str:
    """The range of a change over trainings with one seed each; empty with one seed."""
    if not line.seeds > 1:
        return ""
    return f" (single seeds from {signed(line.seed_low)} to {signed(line.seed_high)}%)"


def _forest_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of the forest: inner cells, as it is, the greatest length of each form."""
    chosen = scores[(scores["cells"] == "inner") & (scores["after"] == "as it is") & (scores["reference"] == REFERENCE)]
    last = chosen.groupby(["model", "form"])["steps"].transform("max")
    chosen = chosen[chosen["steps"] == last]
    names = [f"{line.model}, {line.form}\n{line.steps:,} steps" for line in chosen.itertuples()]
    return chosen.assign(model=names)


def _tables_of_bins(scores: pd.DataFrame) -> list[str]:
    """The tables of all slope bins, for a trial of one rung and length."""
    parts = []
    chosen = scores[(scores["after"] == "as it is") & (scores["reference"] == REFERENCE)]
    for (model, cells), part in chosen.groupby(["model", "cells"], sort=False):
        parts += score_page.score_tables(part, f"{model}, {cells} cells", REFERENCE)
        spread = part[part["slope"] == "all"].set_index("method")["seed_spread"].dropna()
        if len(spread):
            told = ", ".join(f"{name} {value:.2f}" for name, value in spread.items())
            parts.append(f"Standard deviation of the RMSE over seeds (m): {told}.")
    return parts


def _settings(ablation: Ablation) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in ablation.fixed.items())
    return f"Seeds {', '.join(map(str, ablation.seeds))}; {settings}; {record.versions()}."
