"""The picture of the package: a box a folder with its modules, floors as rows, an arrow an import."""

from __future__ import annotations

import io
import math
import re
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path as Curve
from package_tree import Part, needed

# points, as all lengths here
WIDTH, MARGIN, GUTTER = 900, 14, 40
TITLE, LINE, PAD, APART = 23, 14, 7, 12
LETTER = 5.9  # of a module's name
SETTINGS = {"font.size": 9.6, "svg.fonttype": "none", "svg.hashsalt": "bathysr-nb"}
COLOURS = ("#123f5c", "#1a6480", "#22808f", "#3a9a8f", "#6a9f6b", "#a08a3c", "#b5653a")  # lowest floor first
TINTS = ("#e6edf3", "#ffffff")


class Box(NamedTuple):
    """Where a part is drawn: its left and upper edge, width and height."""

    part: Part
    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top - self.height

    @property
    def middle(self) -> float:
        return self.left + self.width / 2


def svg(parts: list[Part]) -> str:
    """The picture as the text of an SVG file, the same for the same parts.

    Parameters
    ----------
    parts : list of Part
        As `package_tree.read` gives them.
    """
    with matplotlib.rc_context(SETTINGS):
        file = io.StringIO()
        draw(parts).savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", file.getvalue())


def draw(parts: list[Part]) -> Figure:
    """The picture as a figure."""
    rows = _place(parts)
    height = rows[max(rows)][0].top + GUTTER / 2
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    for floor, row in rows.items():
        _draw_floor(axes, floor, row)
    for start, end, path in _arrows(parts, rows):
        _draw_arrow(axes, start, path, straight=end.part.floor == start.part.floor - 1)
    for box in (box for row in rows.values() for box in row):
        _draw_box(axes, box)
    return figure


def _columns(part: Part) -> list[list[str]]:
    """Modules of a part in two or three columns of nearly one length."""
    names = list(part.modules)
    lines = math.ceil(len(names) / (3 if len(names) > 8 else 2))
    return [names[i : i + lines] for i in range(0, len(names), lines)] if names else []


def _width(column: list[str]) -> float:
    return LETTER * max(map(len, column)) + 1.6 * PAD


def _size(part: Part) -> tuple[float, float]:
    if not part.modules:
        return LETTER * 1.25 * (len(part.name) + 3) + 2 * PAD, TITLE + PAD
    columns = _columns(part)
    return sum(map(_width, columns)) + PAD, TITLE + LINE * len(columns[0]) + PAD


def _place(parts: list[Part]) -> dict[int, list[Box]]:
    """Boxes of each floor, lowest first: evenly across the width, their upper edges in line."""
    rows, bottom = {}, GUTTER / 2
    for floor in sorted({part.floor for part in parts}):
        row = [part for part in parts if part.floor == floor]
        sizes = [_size(part) for part in row]
        height = max(height for _, height in sizes)
        space = (WIDTH - 2 * MARGIN - sum(width for width, _ in sizes)) / (len(row) + 1)
        left, rows[floor] = MARGIN + space, []
        for part, size in zip(row, sizes):
            rows[floor].append(Box(part, left, bottom + height, *size))
            left += size[0] + space
        bottom += height + GUTTER
    return rows


def _arrows(parts: list[Part], rows) -> list[tuple[Box, Box, Curve]]:
    boxes = {box.part.name: box for row in rows.values() for box in row}
    pairs = [(boxes[name], boxes[target]) for name, targets in needed(parts).items() for target in targets]
    starts, ends = (_ports(pairs, side) for side in (0, 1))
    lanes = {floor: _Lanes(row) for floor, row in rows.items()}
    return [(*pair, _curve(*pair, lanes, starts[i], ends[i])) for i, pair in enumerate(pairs)]


def _ports(pairs: list[tuple[Box, Box]], side: int) -> dict[int, float]:
    """Where each arrow leaves (side 0) or meets (side 1) its box: in the order of what lies at its other end."""
    ports = {}
    for box in {pair[side].part.name: pair[side] for pair in pairs}.values():
        mine = [i for i, pair in enumerate(pairs) if pair[side] is box]
        mine.sort(key=lambda i: pairs[i][1 - side].middle)
        ports |= {i: box.left + box.width * (place + 1) / (len(mine) + 1) for place, i in enumerate(mine)}
    return ports


class _Lanes:
    """The room between the boxes of a floor, for arrows that pass it."""

    def __init__(self, row: list[Box]):
        self.top, self.bottom = row[0].top, _bottom(row)
        edges = [0, *(edge for box in row for edge in (box.left, box.right)), WIDTH]
        self.free = [x for left, right in zip(edges[::2], edges[1::2]) for x in range(int(left), int(right))]
        self.free = [x for x in self.free if all(abs(x - edge) >= APART for edge in edges)]

    def take(self, x: float) -> float:
        """The free place nearest to x; what lies beside it is free no more."""
        lane = min(self.free, key=lambda free: abs(free - x))
        self.free = [free for free in self.free if abs(free - lane) >= APART]
        return lane


def _curve(start: Box, end: Box, lanes: dict[int, _Lanes], x_start: float, x_end: float) -> Curve:
    """From a box down to another, through the gaps between the boxes of the floors that it passes."""
    points, codes = [(x_start, start.bottom)], [Curve.MOVETO]

    def bend(x: float, y: float) -> None:
        (x0, y0), half = points[-1], (points[-1][1] - y) / 2
        points.extend([(x0, y0 - half), (x, y + half), (x, y)])
        codes.extend([Curve.CURVE4] * 3)

    for floor in range(start.part.floor - 1, end.part.floor, -1):
        (x, y), passed = points[-1], lanes[floor]
        lane = passed.take(x + (x_end - x) * (y - passed.top) / (y - end.top))
        bend(lane, passed.top)
        points.append((lane, passed.bottom))
        codes.append(Curve.LINETO)
    bend(x_end, end.top)
    return Curve(points, codes)


def _bottom(row: list[Box]) -> float:
    return min(box.bottom for box in row)


def _draw_floor(axes, floor: int, row: list[Box]) -> None:
    low, high = _bottom(row) - GUTTER / 2, row[0].top + GUTTER / 2
    axes.add_patch(Rectangle((0, low), WIDTH, high - low, color=TINTS[floor % 2], linewidth=0, zorder=0))
    axes.text(MARGIN, row[0].top - TITLE / 2, f"floor {floor}", va="center", color=COLOURS[floor - 1], size=9.5)


def _draw_box(axes, box: Box) -> None:
    colour, part = COLOURS[box.part.floor - 1], box.part
    corner = {"boxstyle": "round,pad=0,rounding_size=4", "linewidth": 1.1, "zorder": 3}
    place = ((box.left, box.bottom), box.width, box.height)
    axes.add_patch(FancyBboxPatch(*place, facecolor="white" if part.modules else colour, edgecolor=colour, **corner))
    if part.modules:
        head = ((box.left, box.top - TITLE + 3), box.width, TITLE - 3)
        axes.add_patch(FancyBboxPatch(*head, facecolor=colour, edgecolor=colour, **corner))
    title = part.name if part.modules else f"{part.name}.py"
    y = box.top - (TITLE - 3 if part.modules else box.height) / 2
    text = {"va": "center_baseline", "zorder": 4}
    axes.text(box.middle, y, title, ha="center", color="white", weight="bold", size=11.5, **text)
    x = box.left + PAD
    for column in _columns(part):
        for i, module in enumerate(column):
            axes.text(x, box.top - TITLE - LINE * (i + 0.5), module, color="#1f2a33", **text)
        x += _width(column)


def _draw_arrow(axes, start: Box, path: Curve, straight: bool) -> None:
    colour = COLOURS[start.part.floor - 1]
    style = {
        "arrowstyle": "-|>",
        "mutation_scale": 9,
        "linewidth": 1.4,
        "shrinkA": 0,
        "shrinkB": 0,
        "capstyle": "round",
    }
    axes.add_patch(FancyArrowPatch(path=path, color=colour, alpha=0.9 if straight else 0.65, zorder=2, **style))
