"""ESRI ASCII grids, checked before GDAL reads them.

GDAL takes a header line that is missing as 0, a word in the body as 0 m and a short body as rows of 0 m.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from bathysr_nb.files import project

#: Each needed key of the header, by all its names; dx and dy may stand for cellsize.
NEEDED = (("ncols",), ("nrows",), ("xllcorner", "xllcenter"), ("yllcorner", "yllcenter"), ("cellsize", "dx"))
KEYS = {key for names in NEEDED for key in names} | {"dy", "nodata_value", "nodata"}
#: Words that mean a missing cell, in lower case.
MISSING = {b"na", b"n/a", b"nan", b"-nan", b"null", b"nodata"}
BOM = b"\xef\xbb\xbf"
_NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_WORD = re.compile(rb"(?<!\S)(?!" + _NUMBER + rb"(?!\S))\S+")
_KINDS = (b" \t\r\n\v\f", b"0123456789", b"+-", b".", b"eE")  # of characters; all others are a kind of their own
_KIND = bytes(next((i for i, kind in enumerate(_KINDS) if c in kind), len(_KINDS)) for c in range(256))
_SPACE, _DIGIT, _SIGN, _POINT, _E, _OTHER = range(6)
_STARTS = bytes(8 * _SPACE + kind for kind in range(1, 6))  # a pair of characters is 8 times one kind plus the other
#: Pairs that occur in numbers; of pairs with a point, one that is alone passes as well.
_IN_NUMBERS = bytes(8 * one + other for one, others in {
    _SPACE: (_SPACE, _DIGIT, _SIGN, _POINT), _DIGIT: (_SPACE, _DIGIT, _POINT, _E), _SIGN: (_DIGIT, _POINT),
    _POINT: (_SPACE, _DIGIT, _E), _E: (_DIGIT, _SIGN),
}.items() for other in others)  # fmt: skip
#: What no number has, its digits left out, and a point without digits.
_FAULTS = [bytes(fault) for fault in ((_POINT, _POINT), (_E, _POINT), (_E, _E), (_E, _SIGN, _POINT), (_E, _SIGN, _E))]
_ALONE = [bytes((*before, _POINT, after)) for before in ((_SPACE,), (_SIGN,)) for after in (_SPACE, _E)]
_PART = 1 << 22  # bytes read at once


def is_ascii_grid(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an ESRI ASCII grid, with or without a byte order mark.

    Examples
    --------
    >>> is_ascii_grid(b"NCOLS 64"), is_ascii_grid(b"x y z")
    (True, False)
    """
    return re.match(rb"\s*(" + "|".join(KEYS).encode() + rb")\s", head.removeprefix(BOM), re.IGNORECASE) is not None


def checked(path: Path) -> bytes | None:
    """Check a file's header, and its body against the header.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bytes or None
        None if GDAL reads the file right as it is, else a corrected copy: without byte order mark, with the value for
        missing cells in place of words such as NA, and its header in GDAL's order.

    Raises
    ------
    ValueError
        If the header lacks a key, gives one twice or has an unknown one; if the body holds another number of values,
        or a word that is not in `MISSING`.
    """
    name = project.shorten(path)
    with open(path, "rb") as file:
        header, start = _header(name, file)
        file.seek(0)
        has_bom = file.read(3) == BOM
        file.seek(start)
        count, words = 0, set()
        for part in _parts(file):
            values, is_plain = _survey(part)
            count += values
            words |= set() if is_plain else {word.group() for word in _WORD.finditer(part)}
        if unknown := sorted(word for word in words if word.lower() not in MISSING):
            found = unknown[0][:20].decode("ascii", "replace")
            raise ValueError(f"{name}: holds {found!r}; expected numbers, and NODATA_value or NA where there is none")
        rows, columns = header["nrows"], header["ncols"]
        if count != rows * columns:
            raise ValueError(f"{name}: holds {count} values; its header says {rows:g} rows of {columns:g}")
        file.seek(0)
        return _corrected(file.read(), start, header) if words or has_bom or not _is_plain(header) else None


def _header(name: str, file) -> tuple[dict[str, float], int]:
    """The header's keys and values, and where the body starts."""
    header, start = {}, 0
    while (line := file.readline(1024).removeprefix(BOM)) and _is_header(line):
        start = file.tell()
        if not line.split():
            continue
        words = line.decode("ascii", "replace").split()
        key = words[0].lower()
        if key not in KEYS or key in header or len(words) != 2:
            known = f"{key} once, with one number" if key in KEYS else f"a key of {', '.join(sorted(KEYS))}"
            raise ValueError(f"{name}: header line {' '.join(words)[:60]!r}; expected {known}")
        header[key] = _number(name, *words)
    for names in NEEDED:
        if not any(key in header for key in names):
            raise ValueError(f"{name}: the header lacks {' or '.join(names)}")
    sizes = {key: header[key] for key in ("cellsize", "dx", "dy") if key in header}
    if list(sizes) not in (["cellsize"], ["dx", "dy"]) or min(sizes.values()) <= 0:
        raise ValueError(f"{name}: the header needs cellsize, or both dx and dy, above 0; found {sizes}")
    if any(header[key] < 1 or header[key] % 1 for key in ("ncols", "nrows")):
        raise ValueError(f"{name}: ncols is {header['ncols']:g} and nrows {header['nrows']:g}; expected whole numbers")
    return header, start


def _is_plain(header: dict[str, float]) -> bool:
    """Whether GDAL takes a header as it is meant: it wants sizes first, and corners or centres on both sides."""
    corners = [key for key in header if key.endswith("corner")]
    return next(iter(header)) in ("ncols", "nrows") and len(corners) != 1 and "nodata" not in header


def _is_header(line: bytes) -> bool:
    found = re.match(rb"\s*([A-Za-z_]{2,})\s", line)
    word = found[1].lower() if found else b""
    return not line.split() or word.decode() in KEYS or (bool(word) and word not in MISSING)


def _number(name: str, key: str, word: str) -> float:
    if key.lower() == "nodata_value" and word.lower().encode() in MISSING:
        return np.nan
    if not re.fullmatch(_NUMBER, word.encode()):
        raise ValueError(f"{name}: {key} is {word!r} in the header; expected a number")
    return float(word)


def _parts(file):
    """The rest of a file in parts that end between two values."""
    rest = b""
    while block := file.read(_PART):
        block = rest + block
        cut = max(block.rfind(space) for space in (b" ", b"\n", b"\t", b"\r")) + 1
        rest = block[cut:]
        yield block[:cut]
    yield rest


def _survey(part: bytes) -> tuple[int, bool]:
    """How many values stand in a text, and whether all of them are numbers; several times as fast as `_WORD`."""
    kinds = (b" " + part + b" ").translate(_KIND)
    codes = np.frombuffer(kinds, np.uint8)
    pairs = (8 * codes[:-1] + codes[1:]).tobytes()
    count = len(pairs) - len(pairs.translate(None, _STARTS))
    if pairs.translate(None, _IN_NUMBERS):
        return count, False
    without_digits = kinds.translate(None, bytes([_DIGIT]))
    faults = _FAULTS if bytes([_E]) in kinds else _FAULTS[:1]
    # a point without digits follows a space or a sign, which most files never have before a point
    alone = _ALONE if any(bytes([8 * one + _POINT]) in pairs for one in (_SPACE, _SIGN)) else []
    is_plain = not any(fault in without_digits for fault in faults) and not any(fault in kinds for fault in alone)
    return count, is_plain


def _corrected(text: bytes, start: int, header: dict[str, float]) -> bytes:
    """The file as GDAL reads it right."""
    fill = header.get("nodata_value", header.get("nodata", np.nan))
    missing = b"-9999" if np.isnan(fill) else b"%.17g" % fill
    dx, dy = (header.get(key, header.get("cellsize")) for key in ("dx", "dy"))
    corners = {
        f"{axis}llcorner": header.get(f"{axis}llcorner", header.get(f"{axis}llcenter", 0) - size / 2)
        for axis, size in (("x", dx), ("y", dy))
    }
    keys = {key: header[key] for key in ("ncols", "nrows")} | corners | {"dx": dx, "dy": dy}
    lines = [f"{key} {value:.17g}".encode() for key, value in keys.items()]
    head = b"\n".join([*lines, b"nodata_value " + missing])
    return head + b"\n" + _WORD.sub(missing, text[start:])
