"""Where things are and what was asked for: the project's root, presets, parameters."""

from __future__ import annotations

import ast
import platform
from importlib import metadata
from pathlib import Path

import yaml

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


PACKAGES = ("bathysr-nb", "numpy", "pandas", "xarray", "keras", "tensorflow")


def package_versions() -> dict[str, str]:
    """Version of Python and of each package that can change a result, where it is installed."""
    installed = {dist.name.lower(): dist.version for dist in metadata.distributions() if dist.name}
    return {"python": platform.python_version()} | {p: installed[p] for p in PACKAGES if p in installed}


def versions() -> str:
    """`package_versions` as one line for a notebook's head."""
    return ", ".join(f"{name} {version}" for name, version in package_versions().items())


def root() -> Path:
    """The project's folder: that of the editable install, else the working directory."""
    here = Path(__file__).resolve().parents[1]
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


def load_yaml(path) -> dict:
    """Read a YAML file of keys and values.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, is not YAML, or is not a mapping.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values, found {type(values).__name__}")
    return values


def preset(station: str, name: str = "quick") -> dict:
    """Parameters of a station's notebook in a preset (``params/<name>/<station>.yml``).

    ``06_train/srcnn`` is read from ``06_train_srcnn.yml``.
    """
    return load_yaml(root() / "params" / name / f"{station.replace('/', '_')}.yml")


def _assigned(source: str) -> set[str]:
    body = ast.parse(source).body
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    return {t.id for t in targets if isinstance(t, ast.Name)}


def check_parameters(station: str, namespace: dict) -> dict:
    """Check the parameters of a running notebook and return them.

    papermill sets any name it is given; here a name or a type that the notebook does not
    know is an error before any work is done.

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
    # papermill puts what it was given into a cell that begins with this comment
    injected = [cell for cell in namespace.get("In", []) if cell.startswith("# Parameters")]
    unknown = sorted(set().union(*map(_assigned, injected)) - set(known))
    if unknown:
        raise ValueError(f"{station}: unknown parameter {', '.join(unknown)}; choose from {', '.join(known)}")
    values = {name: namespace[name] for name in known}
    types = namespace.get("__annotations__", {})
    for name, value in values.items():
        wanted = types.get(name)
        wanted = wanted if isinstance(wanted, type) else object
        if wanted is float and type(value) is int:
            continue
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted in (int, float)):
            raise ValueError(f"{station}: parameter {name} is {value!r}, expected {wanted.__name__}")
    return values
