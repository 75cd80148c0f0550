"""Run the notebooks one after the other on the bundled grid and gather what they show."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pandas as pd
import papermill

from bathysr_nb import config, evaluate, report, runs

#: Stations of the run folder, in order; 06 trains one network on one set a run.
TRAININGS = ("06_train/srcnn", "06_train/espcn", "06_train/espcn-adaptive_mixup")
STEPS = (*config.STATIONS[:5], *TRAININGS, *config.STATIONS[6:])


class NotebookError(RuntimeError):
    """A notebook stopped: its station and its own error, in one line."""


def executed(run_dir, name: str) -> Path:
    """Where the executed notebook of a station is kept."""
    return runs.run_folder(run_dir) / "notebooks" / f"{name.replace('/', '_')}.ipynb"


def run_notebook(name: str, run_dir, progress: bool = False) -> Path:
    """Run one station's notebook headless with the quick preset.

    Parameters
    ----------
    name : str
        The station, e.g. ``01_build_dataset`` or ``06_train/espcn``.
    run_dir : path
        The run folder.
    progress : bool
        Show a bar of cells.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook or preset.
    NotebookError
        If a cell fails.
    """
    source = config.root() / "notebooks" / f"{name.split('/')[0]}.ipynb"
    if not source.is_file():
        raise FileNotFoundError(f"{config.shorten(source)}: no such notebook")
    target = executed(run_dir, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")  # same seed, same table
    parameters = {**config.preset(name), "run_dir": str(run_dir)}
    try:
        papermill.execute_notebook(
            source, target, parameters, progress_bar=progress, kernel_name="python3", extra_arguments=["--log-level=40"]
        )
    except papermill.PapermillExecutionError as error:
        raise NotebookError(f"{name}: {error.ename}: {error.evalue}") from None
    return target


def outcome(run_dir) -> tuple[pd.DataFrame, list[str]]:
    """Scores and verdict of a run, as notebook 08 left them."""
    last = runs.run_folder(run_dir) / STEPS[-1]
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
    run_dir = runs.run_folder(run_dir)
    for name in TRAININGS:  # the demo's own trainings are made again whatever they were made with
        shutil.rmtree(run_dir / name, ignore_errors=True)
    for number, name in enumerate(STEPS, 1):
        print(f"[{number}/{len(STEPS)}] {name}", flush=True)
        run_notebook(name, run_dir, progress=sys.stderr.isatty())
    scores, sentences = outcome(run_dir)
    page = report.write_report(run_dir, [executed(run_dir, name) for name in STEPS], scores, sentences)
    print(f"\ndone in {(time.monotonic() - started) / 60:.1f} minutes\n\n{evaluate.ABOUT}\n")
    for cells, part in scores.groupby("cells", sort=False):
        print(f"{cells} cells\n{evaluate.wide_table(part).to_string()}\n")
    print("inner cells, all slopes", *sentences, sep="\n")
    print(f"\nreport: {config.shorten(page)}")
