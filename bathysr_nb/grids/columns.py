"""Grids given as points in columns: text with x, y and depth, in any of the usual dialects."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bathysr_nb.grids.axes import REGULAR, X_NAMES, Y_NAMES

#: Separators and decimal marks, in the order in which they are tried.
_DIALECTS = ((";", "."), (";", ","), ("\t", "."), ("\t", ","), (",", "."), (r"\s+", "."), (r"\s+", ","))
_COMMENTS = ("#", "%", "//")


def read_columns(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table in columns, named by the header or, without one, x, y, z.

    Parameters
    ----------
    path : Path
        Separated by semicolons, tabs, commas or spaces, with decimal points or commas. A header may stand in a comment.
        Units may stand in a second header line, as ERDDAP writes them, or in brackets behind a name.

    Returns
    -------
    (DataFrame, dict of str to str)
        The table, and the unit of each column that has one.

    Raises
    ------
    ValueError
        If there is no line of numbers, if commas may be decimal or group thousands, or if there are other than three
        columns and no header.
    """
    heads, first, separator, decimal = _survey(path)
    options = {"sep": separator, "decimal": decimal, "skipinitialspace": True, "encoding_errors": "replace"}
    table = pd.read_csv(path, header=None, skiprows=first, encoding="utf-8-sig", comment="#", **options)
    names = [words for words in heads if len(words) == table.shape[1]]
    if not names:
        if table.shape[1] != 3:
            raise ValueError(f"{table.shape[1]} columns and no header, expected x, y and depth")
        _check_order(table)
        return table.set_axis(["x", "y", "z"], axis=1), {}
    columns, units = zip(*(_name_and_unit(word) for word in names[0]))
    if len(names) > 1:
        units = [word or unit for word, unit in zip(names[1], units)]
    return table.set_axis(list(columns), axis=1), {name: unit for name, unit in zip(columns, units) if unit}


def _survey(path: Path) -> tuple[list[list[str]], int, str, str]:
    """The words of the lines above the numbers, how many lines those are, the separator and the decimal mark."""
    above = []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file):
            for separator, decimal in _DIALECTS:
                words = _words(line, separator)
                if sum(_is_number(word, decimal) for word in words) >= 3 and not line.startswith(_COMMENTS):
                    sample = [line, *islice(file, 1000)]
                    _check_commas(sample, separator, decimal)
                    return [_words(text.lstrip("#%/ "), separator) for text in above], number, separator, decimal
            above += [line] if line.strip() else []
    raise ValueError("no line with three numbers, expected x, y and depth")


def _words(line: str, separator: str) -> list[str]:
    return [word.strip().strip('"').strip() for word in re.split(separator, line.strip())]


def _is_number(word: str, decimal: str) -> bool:
    if decimal == "," and "." in word:
        return False
    try:
        return float(word.replace(decimal, ".")) is not None
    except ValueError:
        return False


def _check_commas(lines: list[str], separator: str, decimal: str) -> None:
    """Raise an error if all commas of some numbers may just as well group thousands."""
    with_comma = [word for line in lines for word in _words(line, separator) if "," in word]
    if decimal == "," and with_comma and all(re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+", word) for word in with_comma):
        raise ValueError(f"{with_comma[0]} may be a decimal or thousands; write numbers with decimal points")


def _check_order(table: pd.DataFrame) -> None:
    """Raise an error if columns without names look like latitude before longitude."""
    first, second = (abs(pd.to_numeric(table[column])).max() for column in (0, 1))
    if first <= 90 < second <= 360:
        raise ValueError("the columns have no names and the first looks like latitude; name them in a header")


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
    sides = [[c for c in table if str(c).lower() in names] for names in (Y_NAMES, X_NAMES)]
    if [len(side) for side in sides] != [1, 1]:
        raise ValueError(f"{name}: columns {', '.join(table)}; expected a header with x or lon, y or lat, and a depth")
    y, x = sides[0][0], sides[1][0]
    depth = pick([column for column in table if column not in (y, x)])
    table = table[[y, x, depth]].apply(_numeric, name=name)
    axes, places = zip(*(_regular(name, side, table[side].to_numpy()) for side in (y, x)))
    shape = tuple(map(len, axes))
    if shape[0] * shape[1] > 100 * len(table):  # scattered points would fill the memory with an almost empty grid
        raise ValueError(f"{name}: {len(table)} points on {shape[0]} x {shape[1]} cells; expected a regular grid")
    cells = np.ravel_multi_index(places, shape)
    order, counts = np.unique(cells, return_counts=True)
    if counts.max() > 1:
        at = table.loc[cells == order[counts.argmax()], [x, y]].iloc[0]
        raise ValueError(f"{name}: {counts.max()} points at {x} {at[x]:.10g}, {y} {at[y]:.10g}; expected one a cell")
    values = np.full(shape, np.nan)
    values.flat[cells] = table[depth]
    raw = xr.DataArray(values, dict(zip((y, x), axes)), (y, x), depth)
    for variable in (raw, raw[y], raw[x]):
        variable.attrs |= {"units": units[variable.name]} if variable.name in units else {}
    return raw


def _numeric(column: pd.Series, name: str) -> pd.Series:
    try:
        return pd.to_numeric(column).astype(float)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: column {column.name}: {error}; expected numbers") from None


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
        raise ValueError(
            f"{name}: {len(found)} values of {axis} on {(found[-1] - found[0]) / step + 1:.0f} cells; "
            "expected a regular grid: put scattered points on one first, e.g. with gmt surface or verde"
        )
    places = np.concatenate([[0], np.cumsum(np.rint(gaps / step).astype(int))])
    regular = np.linspace(found[0], found[-1], places[-1] + 1)
    off = abs(found - regular[places]).max()
    if not off <= REGULAR * (regular[1] - regular[0]):
        raise ValueError(f"{name}: the steps of {axis} are irregular; expected points on a regular grid")
    return regular, places[inverse]
