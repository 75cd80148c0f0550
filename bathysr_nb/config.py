"""Where things are and what was asked for: the project's root, presets, parameters."""

from __future__ import annotations

import ast
import contextlib
import inspect
import math
import platform
import types
import typing
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
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


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


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that also knows ``!!python/tuple``, which the manual's files use."""


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node)))


def load_yaml(path) -> dict:
    """Read a YAML file of keys and values; ``!!python/tuple`` is known, nothing else is run.

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
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values, found {type(values).__name__}")
    return values


def fits(value, hint) -> bool:
    """Whether a value read from YAML is of an annotated type; a whole number is a float too.

    Examples
    --------
    >>> fits([64, 64], tuple[int, int]), fits(True, int), fits(None, int | None), fits("a", float)
    (True, False, True, False)
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, part) for part in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin in (list, tuple):
        if not isinstance(value, (list, tuple)):
            return False
        parts = arguments[:1] * len(value) if origin is list or arguments[-1] is ... else arguments
        return len(parts) == len(value) and all(map(fits, value, parts))
    if hint in (int, float):
        allowed = (int, float) if hint is float else int
        return isinstance(value, allowed) and not isinstance(value, bool) and math.isfinite(value)
    if hint is Path:
        return isinstance(value, str) and bool(value)
    return value is None if hint is type(None) else isinstance(value, hint)


def _hint_name(hint) -> str:
    """An annotation in words."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(map(repr, parts))
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_hint_name, parts))
    if origin is tuple:
        count = "of any length" if parts[-1] is ... else f"of {len(parts)}"
        return f"a list {count}, each {_hint_name(parts[0])}"
    words = {Path: "a path", type(None): "null", int: "a whole number", float: "a number", str: "a text"}
    return words.get(hint, "true or false")


def _as_hint(value, hint, folder: Path):
    """YAML's value as the function wants it: paths from the file's folder, sequences as tuples."""
    wants_path = hint is Path or Path in typing.get_args(hint)
    if isinstance(value, str) and wants_path:
        return folder / Path(value).expanduser()
    return tuple(value) if isinstance(value, list) else value


def signature(function) -> dict[str, tuple]:
    """Name, annotation and default of each parameter of a function or class."""
    code = function.__init__ if inspect.isclass(function) else function
    hints, parameters = typing.get_type_hints(code), inspect.signature(function).parameters
    return {name: (hints[name], parameter.default) for name, parameter in parameters.items()}


def arguments(keys: dict[str, tuple], path, overrides: dict | None = None) -> dict:
    """A YAML file as keyword arguments, checked against the annotations of a function.

    Parameters
    ----------
    keys : dict of str to (type, default)
        The keys the file may have, as `signature` gives them; those whose default is
        ``inspect.Parameter.empty`` are required.
    path : path
        YAML file. Relative paths in it count from its folder.
    overrides : dict, optional
        Values that take the place of the file's (``--set key=value``).

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        Naming the file and every unknown key, missing key and wrong type at once.
    """
    values = load_yaml(path) | (overrides or {})
    faults = [f"unknown key {key}; choose from {', '.join(keys)}" for key in values if key not in keys]
    for key, (hint, default) in keys.items():
        if key in values and not fits(values[key], hint):
            faults.append(f"{key} is {values[key]!r}, expected {_hint_name(hint)}")
        elif key not in values and default is inspect.Parameter.empty:
            faults.append(f"key {key} is missing, expected {_hint_name(hint)}")
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)}")
    folder = Path(path).resolve().parent
    return {key: _as_hint(value, keys[key][0], folder) for key, value in values.items()}


def preset(station: str, name: str = "quick") -> dict:
    """Parameters of a station's notebook in a preset (``params/<name>/<station>.yml``).

    For ``06_train/srcnn``, those of ``06_train.yml`` and over them ``06_train_srcnn.yml``.

    Raises
    ------
    FileNotFoundError
        If there is no such preset, naming those that are.
    """
    folder = root() / "params" / name
    notebook, _, variant = station.partition("/")
    values = load_yaml(folder / f"{notebook}.yml")
    if variant:
        known = sorted(path.stem.removeprefix(f"{notebook}_") for path in folder.glob(f"{notebook}_*.yml"))
        if variant not in known:
            raise FileNotFoundError(f"{station}: not made yet, and only {', '.join(known)} can be made by themselves")
        values |= load_yaml(folder / f"{notebook}_{variant}.yml")
    return values


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


def progress(items, label: str):
    """A progress bar over some items, drawn only where someone can see it."""
    from tqdm.auto import tqdm

    return tqdm(items, desc=label, leave=False, disable=None)
