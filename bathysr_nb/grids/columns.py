"""Grids given as points in columns: text with x, y and depth, in any of the usual dialects."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bathysr_nb.grids.axes import REGULAR, X_NAMES, Y_NAMES

_SEPARATORS = (";", "\t", ",", r"\s+")


def read_columns(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table of numbers in columns, named by the header or, without one, x, y, z.

    Parameters
    ----------
    path : Path
        Separated by semicolons, tabs, commas or spaces; decimal points or, beside semicolons or tabs, decimal commas.
        Lines that begin with # are left out. Units may stand in a second header line, as ERDDAP writes them, or
        in brackets behind a name.

    Returns
    -------
    (DataFrame, dict of str to str)
        The table, and the unit of each column that has one.

    Raises
    ------
    ValueError
        If a cell is no number, or there are other than three columns and no header.
    """
    with open(path, encoding="utf-8-sig") as file:
        lines = list(islice((line for line in file if line.strip() and not line.startswith("#")), 3))
    separator = next(s for s in _SEPARATORS if re.search(s, lines[0].strip()) or s == _SEPARATORS[-1])
    decimal = "," if separator in (";", "\t") and any("," in line for line in lines[1:]) else "."
    heads = [_words(line, separator) for line in lines]
    header = next((i for i, words in enumerate(heads) if _are_numbers(words, decimal)), len(heads))
    table = pd.read_csv(
        path, sep=separator, header=None, skiprows=_skipped(path, header), comment="#", dtype=float,
        decimal=decimal, skipinitialspace=True, encoding="utf-8-sig",
    )  # fmt: skip
    if header == 0:
        if table.shape[1] != 3:
            raise ValueError(f"{table.shape[1]} columns and no header, expected x, y and depth")
        return table.set_axis(["x", "y", "z"], axis=1), {}
    names, units = zip(*(_name_and_unit(word) for word in heads[0]))
    if header == 2:
        units = [word or unit for word, unit in zip(heads[1], units)]
    if len(names) != table.shape[1]:
        raise ValueError(f"{len(names)} names above {table.shape[1]} columns")
    return table.set_axis(list(names), axis=1), {name: unit for name, unit in zip(names, units) if unit}


def _skipped(path: Path, header: int) -> int:
    """Lines of the file down to the last one of its header."""
    if header == 0:
        return 0
    with open(path, encoding="utf-8-sig") as file:
        rows = (i for i, line in enumerate(file) if line.strip() and not line.startswith("#"))
        return next(islice(rows, header - 1, None)) + 1


def _words(line: str, separator: str) -> list[str]:
    return [word.strip().strip('"').strip() for word in re.split(separator, line.strip())]


def _are_numbers(words: list[str], decimal: str) -> bool:
    try:
        return all(word.lower() in ("", "na") or float(word.replace(decimal, ".")) is not None for word in words)
    except ValueError:
        return False


def _name_and_unit(word: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.+?)\s*[(\[](.+)[)\]]", word)
    return (found[1], found[2]) if found else (word, "")


def grid_of_columns(name: str, table: pd.DataFrame, units: dict[str, str], pick) -> xr.DataArray:
    """XYZ columns laid out on their regular grid; holes are NaN.

    Parameters
    ----------
    name : str
        What errors call the file.
    table, units
        As `read_columns` returns them.
    pick : callable
        Takes the names of the columns besides the coordinates and returns that of the depths.

    Raises
    ------
    ValueError
        If there are no such columns, points are irregular, scattered or given twice.
    """
    sides = [[c for c in table if c.lower() in names] for names in (Y_NAMES, X_NAMES)]
    if [len(side) for side in sides] != [1, 1]:
        raise ValueError(f"{name}: columns {', '.join(table)}; expected a header with x or lon, y or lat, and a depth")
    y, x = sides[0][0], sides[1][0]
    depth = pick([column for column in table if column not in (y, x)])
    axes, places = zip(*(_regular(name, side, table[side].to_numpy()) for side in (y, x)))
    shape = tuple(map(len, axes))
    if shape[0] * shape[1] > 100 * len(table):  # scattered points would fill the memory with an almost empty grid
        raise ValueError(f"{name}: {len(table)} points on {shape[0]} x {shape[1]} cells; expected a regular grid")
    cells = np.ravel_multi_index(places, shape)
    order, counts = np.unique(cells, return_counts=True)
    if counts.max() > 1:
        at = table.loc[cells == order[counts.argmax()], [x, y]].iloc[0]
        raise ValueError(f"{name}: {counts.max()} points at {x} {at[x]:g}, {y} {at[y]:g}; expected one a cell")
    values = np.full(shape, np.nan)
    values.flat[cells] = table[depth]
    raw = xr.DataArray(values, dict(zip((y, x), axes)), (y, x), depth)
    for variable in (raw, raw[y], raw[x]):
        variable.attrs |= {"units": units[variable.name]} if variable.name in units else {}
    return raw


def _regular(name: str, axis: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regular coordinates that include all values of a column, and the position of each value among them."""
    found, inverse = np.unique(values, return_inverse=True)
    if len(found) < 2 or not np.isfinite(found).all():
        raise ValueError(f"{name}: {len(found)} different values of {axis}; expected at least 2 and none missing")
    gaps = np.diff(found)
    # coordinates that differ by rounding alone are one; the others are whole steps apart
    steps = gaps[gaps > 1e-3 * np.sort(gaps)[(len(gaps) - 1) // 2]]
    step = np.median(steps[steps < 1.5 * steps.min()])
    if (found[-1] - found[0]) / step > 100 * len(values):
        raise ValueError(f"{name}: {len(found)} values of {axis} on {(found[-1] - found[0]) / step + 1:.0f} cells")
    places = np.concatenate([[0], np.cumsum(np.rint(gaps / step).astype(int))])
    regular = np.linspace(found[0], found[-1], places[-1] + 1)
    off = abs(found - regular[places]).max()
    if not off <= REGULAR * (regular[1] - regular[0]):
        raise ValueError(f"{name}: the steps of {axis} are irregular; expected points on a regular grid")
    return regular, places[inverse]
