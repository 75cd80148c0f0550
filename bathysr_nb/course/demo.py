"""Run the notebooks one after the other on the bundled grid and gather what they show."""

from __future__ import annotations

import shutil
import sys
import time

import pandas as pd

from bathysr_nb.course import parameters, report, stations
from bathysr_nb.course.stations import executed, run_notebook
from bathysr_nb.files import project
from bathysr_nb.scores import tables

#: Stations of the run folder, in order; 06 trains one network on one set a run.
TRAININGS = ("06_train/srcnn", "06_train/espcn", "06_train/espcn-adaptive_mixup")
STEPS = (*parameters.STATIONS[:5], *TRAININGS, *parameters.STATIONS[6:])


def outcome(run_dir) -> tuple[pd.DataFrame, list[str]]:
    """Scores and verdict of a run, as notebook 08 left them."""
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
    NotebookError
        If a notebook fails; the ones after it are not run.
    """
    started = time.monotonic()
    run_dir = stations.run_folder(run_dir)
    for name in TRAININGS:  # the demo's own trainings are made again whatever they were made with
        shutil.rmtree(run_dir / name, ignore_errors=True)
    for number, name in enumerate(STEPS, 1):
        print(f"[{number}/{len(STEPS)}] {name}", flush=True)
        run_notebook(name, run_dir, progress=sys.stderr.isatty())
    scores, sentences = outcome(run_dir)
    page = report.write_report(run_dir, [executed(run_dir, name) for name in STEPS], scores, sentences)
    print(f"\ndone in {(time.monotonic() - started) / 60:.1f} minutes\n\n{tables.ABOUT}\n")
    for cells, part in scores.groupby("cells", sort=False):
        print(f"{cells} cells\n{tables.wide_table(part).to_string()}\n")
    print("inner cells, all slopes", *sentences, sep="\n")
    print(f"\nreport: {project.shorten(page)}")
