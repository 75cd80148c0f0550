"""Run records: ``run.json`` says what was done, with which parameters, versions and inputs."""

from __future__ import annotations

import contextlib
import json
import platform
import reprlib
from importlib import metadata
from pathlib import Path

PACKAGES = ("bathysr-nb", "numpy", "pandas", "xarray", "keras", "tensorflow")
RECORD = "run.json"

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 12


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that can change a result."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def versions() -> str:
    """`package_versions` as one line for the head of a notebook."""
    return ", ".join(f"{name} {version}" for name, version in package_versions().items())


def read_record(folder) -> dict | None:
    """The ``run.json`` of a folder, or None if there is none that can be read."""
    try:
        record = json.loads((Path(folder) / RECORD).read_text())
        return record if {"parameters", "inputs", "outputs"} <= set(record) else None
    except (OSError, ValueError, TypeError):
        return None


def differences(recorded: dict, parameters: dict, ignore=()) -> str:
    """Which parameters differ from recorded ones, in words for an error; empty if none does.

    Parameters
    ----------
    recorded : dict
        Parameters of an earlier run, as its record gives them.
    parameters : dict
        Parameters now. Only these are compared, so that a record may hold more.
    ignore : iterable of str
        Parameters that may differ.

    Examples
    --------
    >>> differences({"loss": "mae", "seed": 0}, {"loss": "mse", "seed": 0, "steps": 10})
    "loss 'mae' (now 'mse'), steps None (now 10)"
    """
    return ", ".join(
        f"{key} {_SHORT.repr(recorded.get(key))} (now {_SHORT.repr(value)})"
        for key, value in parameters.items()
        if key not in ignore and recorded.get(key) != value
    )
