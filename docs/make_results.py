"""Run the demo and write its results: ``docs/results/demo.md``, its pictures, and the times in the README.

make results
"""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd

from bathysr_nb.course import demo, parameters
from bathysr_nb.scores import page as score_page
from bathysr_nb.scores import tables

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
RUN = ROOT / "runs" / "demo"
PICTURES = {
    "demo_patches.png": RUN / "07_test" / "patches_median.png",
    "demo_typical.png": RUN / "08_slope_binned_evaluation" / "typical.png",
    "demo_rmse.png": RUN / "08_slope_binned_evaluation" / "rmse.png",
}


def records() -> dict:
    return {name: json.loads((RUN / name / "run.json").read_text()) for name in demo.STEPS}


def page(runs: dict) -> str:
    scores, sentences = demo.scores_and_verdict(RUN)
    versions = ", ".join(f"{name} {version}" for name, version in runs[demo.STEPS[-1]]["versions"].items())
    times = pd.DataFrame({"station": list(runs), "seconds": [run["seconds"] for run in runs.values()]})
    parts = []
    for cells in ("inner", "all"):
        parts += score_page.score_tables(scores[scores["cells"] == cells], f"{cells} cells")
    parts = [
        "# The demo's result",
        f"Written by `make results` on {os.cpu_count()} CPU cores, without a GPU; {versions}.",
        *(f"**{text}**" for text in sentences[:3]),
        "![change in a typical block, per slope bin](demo_typical.png)",
        "## Every network against what needs none\n\n" + "\n".join(f"* {text}" for text in sentences[3:]),
        tables.ABOUT,
        *parts,
        "![RMSE per slope bin](demo_rmse.png)",
        f"## Seconds for each station\n\n{score_page.markdown(times)}",
    ]
    return "\n\n".join(parts) + "\n"


def minutes(runs: dict, station: str) -> str:
    seconds = max(run["seconds"] for name, run in runs.items() if name.split("/")[0] == station)
    return "under 1" if seconds < 60 else f"{seconds / 60:.0f} to {seconds / 60 + 1:.0f}"


def write_times(runs: dict) -> None:
    text = (ROOT / "README.md").read_text()
    for station in parameters.STATIONS:
        text = re.sub(rf"(\| \[{station[:2]} [^\n]*\| )[^|\n]*( \|)\n", rf"\g<1>{minutes(runs, station)}\g<2>\n", text)
    (ROOT / "README.md").write_text(text)


def main() -> None:
    demo.demo(RUN)
    RESULTS.mkdir(exist_ok=True)
    runs = records()
    (RESULTS / "demo.md").write_text(page(runs))
    for name, source in PICTURES.items():
        shutil.copy(source, RESULTS / name)
    write_times(runs)


if __name__ == "__main__":
    main()
