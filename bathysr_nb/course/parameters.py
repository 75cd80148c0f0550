"""The stations, the presets of their notebooks, and the check of parameters that papermill injects."""

from __future__ import annotations

import ast
from typing import Literal

from bathysr_nb import grids
from bathysr_nb.files.project import root
from bathysr_nb.files.yamlfile import describe, fits, load_yaml, signature

STATIONS = (
    "01_build_dataset",
    "02_terrain_features",
    "03_offline_augmentation",
    "04_adaptive_mixup",
    "05_models",
    "06_train",
    "07_test",
    "08_slope_binned_evaluation",
)


def preset(station: str, name: str = "quick") -> dict:
    """Parameters of a station's notebook in a preset (``params/<name>/<station>.yml``).

    For ``06_train/srcnn``, those of ``06_train.yml`` overridden by ``06_train_srcnn.yml``.

    Parameters
    ----------
    station : str
        E.g. ``01_build_dataset`` or ``06_train/srcnn``.
    name : {"quick", "full"}

    Raises
    ------
    FileNotFoundError
        If there is no such preset, naming those there are.
    """
    folder = root() / "params" / name
    notebook, _, variant = station.partition("/")
    values = load_yaml(folder / f"{notebook}.yml")
    if variant:
        known = sorted(path.stem.removeprefix(f"{notebook}_") for path in folder.glob(f"{notebook}_*.yml"))
        if variant not in known:
            raise FileNotFoundError(f"{station}: missing, and there are presets only for {', '.join(known)}")
        values |= load_yaml(folder / f"{notebook}_{variant}.yml")
    return values


def _assigned(source: str) -> set[str]:
    """Names that a piece of code assigns to."""
    body = ast.parse(source).body
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    return {t.id for t in targets if isinstance(t, ast.Name)}


def check_parameters(station: str, namespace: dict) -> dict:
    """Check the parameters of a running notebook and return them.

    papermill sets any name to any value; here an unknown name or a wrong type is an error before
    any work is done.

    Parameters
    ----------
    station : str
        The notebook, e.g. ``06_train``.
    namespace : dict
        The notebook's ``globals()``.

    Returns
    -------
    dict
        Name and value of each parameter.

    Raises
    ------
    ValueError
        Naming the notebook, the parameter, what was found and what is allowed.
    """
    known = list(preset(station))
    # papermill puts the values it was given into a cell that begins with this comment
    injected = [cell for cell in namespace.get("In", []) if cell.startswith("# Parameters")]
    unknown = sorted(set().union(*map(_assigned, injected)) - set(known))
    if unknown:
        raise ValueError(f"{station}: unknown parameter {', '.join(unknown)}; choose from {', '.join(known)}")
    values = {name: namespace[name] for name in known}
    types = namespace.get("__annotations__", {})
    for name, value in values.items():
        wanted = types.get(name)
        wanted = wanted if isinstance(wanted, type) else object  # a union such as `int | None` is not checked
        if wanted is float and type(value) is int:
            continue
        _refuse_text_for_numbers(station, name, value, preset(station)[name])
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted in (int, float)):
            raise ValueError(f"{station}: parameter {name} is {value!r}, expected {wanted.__name__}")
    if faults := _reading_faults(values.get("reading", {})):
        raise ValueError(f"{station}: {'; '.join(faults)}")
    return values


def _refuse_text_for_numbers(station: str, name: str, value, usual) -> None:
    """Raise an error for a number in a list that papermill's YAML reads as text, such as 1e-1."""
    if isinstance(value, list) and isinstance(usual, list) and usual and not any(isinstance(x, str) for x in usual):
        texts = [(i, item) for i, item in enumerate(value) if isinstance(item, str)]
        if texts:
            i, item = texts[0]
            raise ValueError(f"{station}: parameter {name}[{i}] is the text {item!r}, expected a number such as 0.1")


def _reading_faults(reading: dict) -> list[str]:
    """What is wrong with how a grid is to be read, a fault for each key."""
    keys = {name: hint for name, (hint, _) in signature(grids.Reading).items()} | {"land": Literal["mask", "keep"]}
    unknown = [f"unknown key reading.{name}; choose from {', '.join(keys)}" for name in reading if name not in keys]
    return unknown + [
        f"reading.{name} is {value!r}, expected {describe(keys[name])}"
        for name, value in reading.items()
        if name in keys and not fits(value, keys[name])
    ]
