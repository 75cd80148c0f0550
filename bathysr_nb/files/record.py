"""Run records: `run.json`, what was done, with which versions and inputs."""

from __future__ import annotations

import contextlib
import json
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("bathysr-nb", "numpy", "pandas", "xarray", "keras", "tensorflow")


def package_versions() -> dict[str, str]:
    """Version of Python and of each package that can change a result, where it is installed."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def versions() -> str:
    """`package_versions` as one line for a notebook's head."""
    return ", ".join(f"{name} {version}" for name, version in package_versions().items())


RECORD = "run.json"


def read_record(folder) -> dict | None:
    """The ``run.json`` of a station's folder, or None where there is none that can be read."""
    try:
        record = json.loads((Path(folder) / RECORD).read_text())
        return record if {"parameters", "inputs", "outputs"} <= set(record) else None
    except (OSError, ValueError, TypeError):
        return None
