"""YAML files of keys and values, checked against the annotations of a function or dataclass."""

from __future__ import annotations

import inspect
import os
import re
import reprlib
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import yaml


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, extended by what the manual writes: ``!!python/tuple``, ``1e-7`` and ``None``."""


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node)))
# YAML 1.1 requires a point and a signed exponent: without this, 1e-7 would be read as text
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+\Z", re.ASCII)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"None\Z"), ["N"])

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 8


def _duplicate_keys(node, prefix: str, seen: set) -> list[str]:
    """A fault for each key given twice in one mapping, of which YAML would silently keep the last."""
    faults, lines = [], {}
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return faults
    seen.add(id(node))
    for key, value in node.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in lines:
            where = f"line {line}" if lines[name] == line else f"lines {lines[name]} and {line}"
            faults.append(f"key {name} is given twice, in {where}")
        lines.setdefault(name, line)
        faults += _duplicate_keys(value, f"{name}.", seen)
    return faults


def _parse(text: str) -> tuple[object, list[str]]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        faults = _duplicate_keys(node, "", set())  # now: construct_document adds to the nodes the keys that `<<` merges
        return (None if node is None else loader.construct_document(node)), faults
    finally:
        loader.dispose()


# besides its own errors, PyYAML lets through whatever int() and the like raise on ``!!int x``
_BAD_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def parse(text: str):
    """The value of a YAML text; no code in it is run.

    Raises
    ------
    ValueError
        If it is not YAML, or a key is given twice.

    Examples
    --------
    >>> parse("[1, 1e-7, None]"), parse("!!python/tuple [16, 16, 1]")
    ([1, 1e-07, None], (16, 16, 1))
    """
    try:
        value, faults = _parse(text)
    except _BAD_YAML as error:
        raise ValueError(f"not valid YAML ({' '.join(str(error).split())})") from None
    if faults:
        raise ValueError("; ".join(faults))
    return value


def _read(path) -> tuple[dict, list[str]]:
    """The file's keys and values, and a fault for each key given twice."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        values, faults = _parse(path.read_text(encoding="utf-8"))
    except _BAD_YAML as error:
        raise ValueError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        found = "nothing" if values is None else type(values).__name__
        raise ValueError(f"{path}: expected keys and values, found {found}")
    return values, faults


def load_yaml(path) -> dict:
    """Read a YAML file of keys and values; ``!!python/tuple`` is understood, no code is run.

    ``1e-7`` is a number and ``None`` is null, as in the manual's files.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing, is not YAML, is not a mapping, or gives a key twice.
    """
    values, faults = _read(path)
    _refuse(path, faults)
    return values


def _refuse(path, faults: list[str]) -> None:
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)}")


@dataclass(frozen=True)
class Limit:
    """A condition besides the type: ``Annotated[int, Limit("a whole number above 0", lambda n: n > 0)]``.

    Attributes
    ----------
    words : str
        What is expected, type and limit, as error messages say it.
    holds : callable
        Takes a value of the type, returns whether it is allowed.
    """

    words: str
    holds: Callable[[typing.Any], bool]


@dataclass(frozen=True)
class Spelling:
    """Alternative spellings of a value: ``Annotated[Literal["dssim", "ssim"], Spelling({"ssim": "dssim"})]``."""

    means: dict


def fits(value, hint) -> bool:
    """Whether a value read from YAML is of an annotated type; a whole number counts as a float.

    Parameters
    ----------
    value
        As `load_yaml` reads it.
    hint : type
        int, float, str, bool, Path, None, a list, tuple, union or ``Literal`` of these, or ``Annotated`` by a `Limit`.

    Examples
    --------
    >>> fits([64, 64], tuple[int, int]), fits(True, int), fits(None, int | None), fits("a", float)
    (True, False, True, False)
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limits = [part for part in parts[1:] if isinstance(part, Limit)]
        return fits(value, parts[0]) and all(limit.holds(value) for limit in limits)
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, part) for part in parts)
    if origin is typing.Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin in (list, tuple):
        if not isinstance(value, (list, tuple)):
            return False
        wanted = parts[:1] * len(value) if origin is list or parts[-1] is ... else parts
        return len(wanted) == len(value) and all(map(fits, value, wanted))
    if hint in (int, float):
        allowed = (int, float) if hint is float else int
        number = isinstance(value, allowed) and not isinstance(value, bool)
        return number and (hint is int or abs(value) <= sys.float_info.max)  # NaN and infinity fail this
    if hint is Path:
        return isinstance(value, (str, Path)) and bool(str(value))
    return value is None if hint is type(None) else isinstance(value, hint)


def describe(hint) -> str:
    """An annotation in words."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return next((part.words for part in parts[1:] if isinstance(part, Limit)), describe(parts[0]))
    if origin is typing.Literal:
        return " or ".join(map(repr, parts))
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(describe, parts))
    if origin is tuple:
        count = "of any length" if parts[-1] is ... else f"of {len(parts)}"
        return f"a list {count}, each {describe(parts[0])}"
    words = {Path: "a path", type(None): "null", int: "a whole number", float: "a number", str: "text"}
    return words.get(hint, "true or false")


def _as_hint(value, hint, folder: Path):
    """YAML's value as the function takes it: paths relative to the file's folder, sequences as tuples."""
    parts = typing.get_args(hint)
    for spelling in (part for part in parts if isinstance(part, Spelling)):
        value = spelling.means.get(value, value)
    if isinstance(value, (str, Path)) and (hint is Path or Path in parts):
        return Path(os.path.normpath(folder / os.path.expanduser(value)))
    return _as_tuple(value)


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, (list, tuple)) else value


def signature(function) -> dict[str, tuple]:
    """Each named parameter of a function or class: its annotation and its default."""
    plain_class = inspect.isclass(function) and not is_dataclass(function)
    code = function.__init__ if plain_class else function  # a dataclass's own hints know where each field was inherited
    hints, parameters = typing.get_type_hints(code, include_extras=True), inspect.signature(function).parameters
    named = {name: parameter for name, parameter in parameters.items() if parameter.kind != parameter.VAR_KEYWORD}
    return {name: (hints[name], parameter.default) for name, parameter in named.items()}


def _judge(values: dict, keys: dict[str, tuple], folder: Path, prefix: str = "") -> tuple[dict, list[str]]:
    """The valid values as keyword arguments, and a fault for each other one."""
    unknown = [f"{prefix}{key}" for key in values if key not in keys]
    faults = [f"unknown key {', '.join(unknown)}; choose from {', '.join(keys)}"] if unknown else []
    valid = {}
    for key, (hint, default) in keys.items():
        name, value = f"{prefix}{key}", values.get(key)
        if key not in values:
            if default is inspect.Parameter.empty:
                faults.append(f"key {name} is missing, expected {describe(hint)}")
        elif is_dataclass(hint):
            valid[key], found = _build(hint, value, folder, name)
            faults += found
        elif fits(value, hint):
            valid[key] = _as_hint(value, hint, folder)
        else:
            faults.append(f"{name} is {_SHORT.repr(value)}, expected {describe(hint)}")
    return valid, faults


def _build(section: type, values, folder: Path, name: str = "") -> tuple[object, list[str]]:
    """A dataclass from a mapping (null: its defaults) and no faults, or None and the faults."""
    values = {} if values is None else values
    if not isinstance(values, dict):
        return None, [f"{name} is {_SHORT.repr(values)}, expected keys and values"]
    keys, prefix = signature(section), f"{name}." if name else ""
    valid, faults = _judge(values, keys, folder, prefix)
    known = valid | {key: default for key, (_, default) in keys.items() if key not in values}
    known = {key: value for key, value in known.items() if value is not inspect.Parameter.empty}
    for needed, fault in getattr(section, "RELATIONS", ()):
        if needed <= known.keys() and (found := fault(**{key: known[key] for key in needed})):
            faults.append(f"{prefix}{found}")
    return (None if faults else section(**valid)), faults


def _overridden(values: dict, overrides: dict) -> dict:
    """The values with some overridden; ``section.key`` names a key of a section."""
    values = dict(values)
    for name, value in overrides.items():
        section, _, key = str(name).partition(".")
        inner = values.get(section) or {}
        if key and isinstance(inner, dict):
            values[section] = inner | {key: value}
        else:
            values[name] = value
    return values


def arguments(keys: dict[str, tuple], path, overrides: dict | None = None) -> dict:
    """A YAML file as keyword arguments, checked against the annotations of a function.

    Parameters
    ----------
    keys : dict of str to (type, default)
        The keys the file may have, as `signature` returns them; those whose default is
        ``inspect.Parameter.empty`` are required.
    path : path
        YAML file. Relative paths in it count from its folder.
    overrides : dict, optional
        Values that override the file's (``--set key=value``).

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
    values, faults = _read(path)
    valid, found = _judge(values | (overrides or {}), keys, Path(path).resolve().parent)
    _refuse(path, faults + found)
    return valid


def load(section: type, path, overrides: dict | None = None):
    """A YAML file as a dataclass, checked against its annotations; fields that are dataclasses are sections.

    Parameters
    ----------
    section : dataclass
        May have ``RELATIONS``: pairs (set of field names, function of these fields that returns
        how they contradict each other, or None).
    path : path
        YAML file. Relative paths in it count from its folder. A section given as null takes its defaults.
    overrides : dict, optional
        Values that override the file's; ``section.key`` names a key of a section.

    Returns
    -------
    section

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        Naming the file and every fault at once: unknown, missing and duplicate keys, wrong
        types, values out of range or contradicting each other.
    """
    values, faults = _read(path)
    settings, found = _build(section, _overridden(values, overrides or {}), Path(path).resolve().parent)
    _refuse(path, faults + found)
    return settings
