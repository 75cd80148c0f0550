"""The stations, the presets of their notebooks, and the check of parameters that papermill injects."""

from __future__ import annotations

import ast

from bathysr_nb.files.project import root
from bathysr_nb.files.yamlfile import load_yaml

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
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted in (int, float)):
            raise ValueError(f"{station}: parameter {name} is {value!r}, expected {wanted.__name__}")
    return values
