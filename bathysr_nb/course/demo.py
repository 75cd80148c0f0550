"""Run the notebooks one after the other on the bundled grid and gather their results."""

from __future__ import annotations

import sys
import time

import pandas as pd

from bathysr_nb.course import parameters, report, stations
from bathysr_nb.files import project
from bathysr_nb.scores import tables

#: Stations of the run folder, in order; each run of 06 trains one network on one set.
TRAININGS = ("06_train/srcnn", "06_train/espcn", "06_train/espcn-adaptive_mixup")
STEPS = (*parameters.STATIONS[:5], *TRAININGS, *parameters.STATIONS[6:])


def scores_and_verdict(run_dir) -> tuple[pd.DataFrame, list[str]]:
    """The scores and the sentences of the verdict that notebook 08 wrote."""
    last = stations.run_folder(run_dir) / STEPS[-1]
    return pd.read_csv(last / "scores.csv"), (last / "verdict.txt").read_text().splitlines()


def demo(run_dir="runs/demo") -> None:
    """Run notebooks 01 to 08, write the report, print the slope-binned table.

    Parameters
    ----------
    run_dir : path
        The run folder; a relative path counts from the project's root.

    Raises
    ------
    ValueError
        If the folder holds a station that was made with other parameters than the demo's; nothing is touched then.
    NotebookError
        If a notebook fails; those after it are not run.
    """
    started = time.monotonic()
    run_dir = stations.run_folder(run_dir)
    for name in STEPS:  # before any work: a demo replaces only a demo
        stations.refuse_other(run_dir, name, parameters.preset(name), "give another folder (--run-dir), or delete it")
    for number, name in enumerate(STEPS, 1):
        print(f"[{number}/{len(STEPS)}] {name}", flush=True)
        stations.run_notebook(name, run_dir, progress=sys.stderr.isatty())
    scores, sentences = scores_and_verdict(run_dir)
    executed = [stations.executed(run_dir, name) for name in STEPS]
    page = report.write_report(run_dir, executed, scores, sentences, run_dir / STEPS[-1] / "typical.png")
    print(f"\ndone in {(time.monotonic() - started) / 60:.1f} minutes\n\n{tables.ABOUT}\n")
    for cells, part in scores.groupby("cells", sort=False):
        print(f"{cells} cells, change against bicubic in a typical block\n{tables.typical_table(part).to_string()}\n")
        print(f"{cells} cells, pooled RMSE\n{tables.wide_table(part).to_string()}\n")
    print("inner cells, all slopes", *sentences, sep="\n")
    print(f"\nreport: {project.shorten(page)}")
