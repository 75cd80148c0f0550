"""Where things are: the project's root, paths from it, and progress bars."""

from __future__ import annotations

import os
from pathlib import Path


def root() -> Path:
    """The project's folder: that of the editable install, else the working directory."""
    here = Path(__file__).resolve().parents[2]
    return here if (here / "notebooks").is_dir() else Path.cwd()


def resolve(path) -> Path:
    """An absolute path; a relative one counts from the project's root."""
    return root() / Path(path).expanduser()


def shorten(path) -> str:
    """A path as it is shown and recorded: relative to the project's root where it lies inside.

    Examples
    --------
    >>> shorten(resolve("runs/demo"))
    'runs/demo'
    """
    path = resolve(path)
    return str(path.relative_to(root()) if path.is_relative_to(root()) else path)


def progress(items, label: str):
    """A progress bar over some items, drawn only where someone can see it, and not for what takes a second."""
    return progress_bar()(items, desc=label, leave=False, disable=None, delay=1)


def progress_bar() -> type:
    """tqdm: as a widget in a notebook that is open in JupyterLab, as text elsewhere; none in one that runs headless."""
    if "JPY_SESSION_NAME" in os.environ:
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm
