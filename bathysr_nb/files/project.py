"""The project's root folder, paths relative to it, and progress bars."""

from __future__ import annotations

import os
from pathlib import Path


def root() -> Path:
    """The project's folder: that of the editable install, else the working directory."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def resolve(path) -> Path:
    """An absolute path; a relative one counts from the project's root."""
    return root() / Path(path).expanduser()


def shorten(path) -> str:
    """A path as it is shown and recorded: relative to the project's root if it lies inside.

    Examples
    --------
    >>> shorten(resolve("runs/demo"))
    'runs/demo'
    """
    path = resolve(path)
    return str(path.relative_to(root()) if path.is_relative_to(root()) else path)


def progress(items, label: str):
    """Show a progress bar while iterating, on a terminal or in JupyterLab only, and not during the first second.

    Parameters
    ----------
    items : iterable
    label : str
        Text before the bar.
    """
    return progress_bar()(items, desc=label, leave=False, disable=None, delay=1)


def progress_bar() -> type:
    """The class of tqdm's bars: a widget in JupyterLab, text elsewhere.

    A notebook run headless gets the text bar, which ``disable=None`` hides, as its output is no terminal.
    """
    if "JPY_SESSION_NAME" in os.environ:  # set by JupyterLab, not by papermill
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm
