"""What the notebooks' texts take from elsewhere: links back, forward and up, and the table of the course.

Titles come from the notebooks' own headings, what each teaches and how long it runs from the README's table; the
minutes of study, measured with readers, stand here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

START = "00_start_here"
#: Minutes that a reader needs who is new to the field, without the exercises.
STUDY = {"01": 25, "02": 20, "03": 15, "04": 40, "05": 75, "06": 25, "07": 35, "08": 50}


def notebooks(root: Path) -> list[Path]:
    """The notebooks of the course in order, 00 first."""
    return sorted((root / "notebooks").glob("0*.ipynb"))


def title(path: Path) -> str:
    """The notebook's first heading."""
    return re.search(r"^# (.*)$", first_cell(json.loads(path.read_text(encoding="utf-8"))), re.M)[1]


def first_cell(notebook: dict) -> str:
    """The text of the first cell."""
    return "".join(notebook["cells"][0]["source"])


def links(path: Path, root: Path) -> str:
    """The line of links below a notebook's heading."""
    order = notebooks(root)
    at = order.index(path)
    parts = [] if path.stem == START else [f"[{title(order[0])}]({START}.ipynb)"]
    if at > 1:
        parts.append(f"[← {title(order[at - 1])}]({order[at - 1].name})")
    if at + 1 < len(order):
        parts.append(f"[{title(order[at + 1])} →]({order[at + 1].name})")
    return " · ".join(parts)


def course(root: Path) -> str:
    """The table of the course: notebook, what it teaches, minutes of study and of run."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d\d) [^\]]*\]\(notebooks/[^)]*\) \| ([^|]*) \| ([^|]*) \|$", readme, re.M)
    taught = {number: (teaches, minutes) for number, teaches, minutes in rows}
    lines = ["| notebook | teaches | study, min | run, min |", "|---|---|---|---|"]
    for path in notebooks(root)[1:]:
        teaches, minutes = taught[path.stem[:2]]
        lines.append(f"| [{title(path)}]({path.name}) | {teaches} | {STUDY[path.stem[:2]]} | {minutes} |")
    return "\n".join(lines)


def pages(root: Path, replaced) -> dict[Path, str]:
    """Each notebook with its links, and 00 with the table, as they should be.

    Parameters
    ----------
    root : Path
    replaced : callable
        Takes a text, a marker, what is to stand there and the page's name; see `make_docs.replaced`.
    """
    made = {}
    for path in notebooks(root):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        pieces = {"nav": links(path, root)} | ({"course": course(root)} if path.stem == START else {})
        for marker, piece in pieces.items():
            cell = next(c for c in notebook["cells"] if f"<!-- {marker}: begin -->" in "".join(c["source"]))
            text = replaced("".join(cell["source"]), marker, piece, path.name)
            cell["source"] = text.splitlines(keepends=True)
        made[path] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return made
