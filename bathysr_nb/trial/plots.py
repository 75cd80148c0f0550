"""The ladder as a figure: the effect of a training set against the length of training, a line for each form."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bathysr_nb import plots
from bathysr_nb.scores.words import standing
from bathysr_nb.trial.forms import FORMS
from bathysr_nb.trial.settings import REFERENCE

FORM_COLORS = dict(zip(FORMS, ("#b2182b", "#e08214", "#2166ac", "#1b7837")))
#: Of a network beside bicubic, in a typical block: marker and whether it is filled.
MARKERS = {"better than": ("o", "full"), "level with": ("o", "none"), "worse than": ("x", "full")}
SHOWN = ("adaptive_mixup", "oracle")


def ladder(scores: pd.DataFrame, arms=SHOWN, forms=None) -> Figure:
    """Change against flips and turns in a typical block, against length: a panel for each arm, as it is and corrected.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.trial.comparison.score_trial`.
    arms : sequence of str
        A row of panels each, if they were trained; bicubic takes their place where none was.
    forms : sequence of str, optional
        The lines; None: all.

    Returns
    -------
    matplotlib Figure
        Dots where the network is better than bicubic in a typical block, rings where it is level with it, else crosses.
    """
    chosen = scores[(scores["cells"] == "inner") & (scores["slope"] == "all")]
    chosen = chosen[chosen["form"].isin(list(FORMS if forms is None else forms))]
    arms = [arm for arm in arms if arm in set(chosen["method"])] or ["bicubic"]
    afters = list(dict.fromkeys(chosen["after"]))
    fig = Figure(figsize=(5.2 * len(afters), 3.4 * len(arms) + 0.5), layout="constrained")
    axes = fig.subplots(len(arms), len(afters), sharex=True, sharey="row", squeeze=False)
    for row, arm in zip(axes, arms):
        for ax, after in zip(row, afters):
            _panel(ax, chosen[(chosen["method"] == arm) & (chosen["after"] == after)], sorted(set(chosen["steps"])))
            ax.set_title(f"{arm}, {after}" if after == "as it is" else f"{arm}, after one back-projection of both")
        row[0].set_ylabel(f"RMSE in a typical block\nagainst {REFERENCE} (%)")
    for ax in axes[-1]:
        ax.set_xlabel("optimiser steps")
    handles = [plots.line_handle(FORM_COLORS[form], FORMS[form].words) for form in dict.fromkeys(chosen["form"])]
    for word, (marker, fill) in MARKERS.items():
        handles.append(plots.line_handle("k", f"{word} bicubic in a typical block", marker, fillstyle=fill))
    fig.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return fig


def _panel(ax, rows: pd.DataFrame, lengths: list[int]) -> None:
    """One arm: a line for each form, with intervals."""
    against = {name: rows[rows["reference"] == name].set_index(["form", "steps"]) for name in (REFERENCE, "bicubic")}
    for place, form in enumerate(dict.fromkeys(rows["form"])):
        part = against[REFERENCE].loc[[form]]
        steps = part.index.get_level_values("steps").to_numpy() * 1.04 ** (place - 1.5)  # bars side by side
        spread = np.abs(part[["typical_low", "typical_high"]].to_numpy().T - part["typical"].to_numpy())
        color = FORM_COLORS[form]
        ax.errorbar(steps, part["typical"], spread, color=color, lw=1.5, capsize=3)
        beside = against["bicubic"].loc[[form], ["typical", "typical_low", "typical_high"]].reindex(part.index)
        for step, change, numbers in zip(steps, part["typical"], beside.to_numpy()):
            marker, fill = MARKERS[standing(*numbers)]
            ax.plot(step, change, marker, ms=7, mew=2, color=color, fillstyle=fill)
    ax.axhline(0, color=plots.COLORS["bicubic"], lw=1)
    ax.set_xscale("log")
    ax.set_xlim(lengths[0] / 1.6, lengths[-1] * 1.6)
    ax.set_xticks(lengths, [f"{n:,}" for n in lengths])
    ax.minorticks_off()


def rung(scores: pd.DataFrame, form: str, steps: int) -> Figure:
    """One form and length: what each arm changes against flips and turns, and where it stands against bicubic.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.trial.comparison.score_trial`, of one network.
    form : str
        One of `bathysr_nb.trial.forms.FORMS`.
    steps : int

    Returns
    -------
    matplotlib Figure
        Two panels, changes in a typical block with 95% intervals; or one that says that this was not trained.
    """
    chosen = (scores["form"] == form) & (scores["steps"] == steps) & (scores["after"] == "as it is")
    rows = scores[chosen & (scores["cells"] == "inner") & (scores["slope"] == "all")]
    fig = Figure(figsize=(10, 3.2 if len(rows) else 0.8), layout="constrained")
    title = f"{FORMS[form].words}, {steps:,} steps"
    if not len(rows):
        fig.suptitle(f"{title}: not trained")
        return fig
    arms = [name for name in dict.fromkeys(rows["method"]) if name not in ("bicubic", "spline", "linear filter")]
    scored = rows.drop_duplicates("method").set_index("method")  # an arm with fewer seeds is scored on fewer blocks
    metres = {name: f"{line.rmse:.1f} m, {line.blocks:.0f} blocks" for name, line in scored.iterrows()}
    fig.suptitle(title)
    for ax, reference in zip(fig.subplots(1, 2, sharey=True), (REFERENCE, "bicubic")):
        part = rows[rows["reference"] == reference].set_index("method").reindex(arms)
        plots.interval_dots(ax, -np.arange(len(arms)), part, vertical=False, color=FORM_COLORS[form])
        ax.axvline(0, color=plots.COLORS["bicubic"], lw=1)
        ax.set_yticks(-np.arange(len(arms)), [f"{arm}, {metres[arm]}" for arm in arms])
        ax.set(title=f"against {reference} ({metres[reference]})", xlabel="RMSE in a typical block (%)")
    return fig
