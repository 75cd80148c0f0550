import itertools

import numpy as np
import pandas as pd
import pytest

from bathysr_nb.scores import tables
from bathysr_nb.trial import verdict
from bathysr_nb.trial.plots import ladder, rung

BLOCK = np.arange(10)


def rows(form, steps, rmse, after="as it is"):
    """The comparison of methods whose RMSE is the same in every block."""
    errors = {name: np.full(10, value**2) for name, value in rmse.items()}
    parts = []
    for reference in ("flip_rotate", "bicubic", "spline"):
        table = tables.score_table(errors, np.zeros(10), BLOCK, (), reference=reference)
        labels = {"model": "espcn", "form": form, "steps": steps, "cells": "inner", "after": after}
        by_seed = {"seeds": 2, "seed_low": table["typical"] - 1, "seed_high": table["typical"] + 1}
        parts.append(table.assign(reference=reference, **labels, **by_seed))
    return pd.concat(parts)


@pytest.fixture(scope="module")
def scores():
    """Adaptive mixup gains in the manual's form, more at first, and loses in the residual one."""
    plain = {"bicubic": 10.0, "spline": 9.0}
    arms = {
        ("manual", 2500): {"flip_rotate": 40.0, "adaptive_mixup": 30.0, "oracle": 20.0},
        ("manual", 40000): {"flip_rotate": 12.0, "adaptive_mixup": 9.6, "oracle": 9.0},
        ("residual", 2500): {"flip_rotate": 8.0, "adaptive_mixup": 8.4, "oracle": 7.0},
    }
    every = itertools.product(arms.items(), ("as it is", "back-projected"))
    return pd.concat([rows(*rung, plain | rmse, after) for (rung, rmse), after in every], ignore_index=True)


def test_sentences_tell_the_longest_training_beside_flips_and_beside_bicubic(scores):
    first, second = verdict.verdict_sentences(scores)
    assert first.startswith(
        "**espcn, manual's form, 40,000 steps.** adaptive_mixup against flip_rotate: better, -20.0% "
    )
    assert "Pooled RMSE: adaptive_mixup 9.6 m, flip_rotate 12.0 m, bicubic 10.0 m." in first
    bicubic = (
        "Against bicubic: adaptive_mixup -4.0% [-4.0, -4.0] (10 of 10 blocks), flip_rotate +20.0% [+20.0, +20.0] (0"
    )
    assert bicubic in first
    assert "(single seeds from -21.0 to -19.0%)" in first
    start = "**espcn, residual form without biases, 2,500 steps.** adaptive_mixup against flip_rotate: worse"
    assert second.startswith(start)
    short = verdict.in_short(scores, "a grid")
    worse, better = short.split(". Among networks ")
    assert worse.endswith("among networks worse than bicubic: manual's form, -25.0% [-25.0, -25.0] at 2,500 steps")
    assert better.startswith("better than bicubic: manual's form, -20.0% [-20.0, -20.0] at 40,000 steps; residual form")
    assert better.endswith("residual form without biases, +5.0% [+5.0, +5.0] at 2,500 steps.")
    assert verdict.verdict_sentences(scores, "mixup") == []


def test_the_table_has_a_row_for_each_rung_and_length(scores):
    table = verdict.ladder_table(scores, "as it is").set_index(["form", "steps"])
    assert len(table) == 3
    row = table.loc[("manual's form", "40,000")]
    assert (row["bicubic, pooled (m)"], row["flip_rotate, pooled (m)"], row["adaptive_mixup, pooled (m)"]) == (
        "10.0",
        "12.0",
        "9.6",
    )
    assert row["flip_rotate against spline"].startswith("+33.3% ")
    assert row["oracle against flip_rotate"].startswith("-25.0% ")
    assert row["adaptive_mixup against bicubic"].startswith("-4.0% ")
    assert not any("symmetries" in name for name in table)


def test_the_figure_marks_where_the_network_passes_bicubic(scores):
    axes = ladder(scores).axes
    assert [ax.get_title() for ax in axes][:2] == [
        "adaptive_mixup, as it is",
        "adaptive_mixup, after one back-projection of both",
    ]
    drawn = {"o": [], "x": []}
    for line in axes[0].lines:
        drawn.get(line.get_marker(), []).extend(line.get_ydata())
    assert drawn["o"] == pytest.approx([-20, 5])
    assert drawn["x"] == pytest.approx([-25])
    assert axes[0].get_xlim()[1] > 40000


def test_one_rung_shows_every_arm_beside_bicubic_or_says_that_it_was_not_trained(scores):
    figure = rung(scores, "manual", 40000)
    assert [ax.get_title() for ax in figure.axes] == [
        "against flip_rotate (12.0 m, 10 blocks)",
        "against bicubic (10.0 m, 10 blocks)",
    ]
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == [f"{name} m, 10 blocks" for name in ("flip_rotate, 12.0", "adaptive_mixup, 9.6", "oracle, 9.0")]
    missing = rung(scores, "residual", 40000)
    assert not missing.axes
    assert missing.get_suptitle() == "residual form without biases, 40,000 steps: not trained"


def test_a_missing_trial_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ablation.json: no such file; bathysr ablate params/ladder.yml"):
        verdict.read_trial(tmp_path)
