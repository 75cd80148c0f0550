"""The steps of a network with their shapes and costs, and a drawing to scale.

A *step* is a layer that convolves, enlarges or averages; activations, batch normalisation and sums
belong to the step before them.
"""

from __future__ import annotations

import re
from itertools import groupby

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Conv2DSubPixel, Resize

UNITS = 34  # of a drawing per inch: a cell is one unit high, two channels one unit wide
GAP = 15  # between boxes
TITLE = 60  # width that a title takes
INK, ENLARGE, SKIP, BLUES = "0.25", "#b2182b", "#e08214", matplotlib.colormaps["Blues"]
MERGING = (keras.layers.Add, keras.layers.Concatenate)


def _label(layer) -> str | None:
    """What a step does, in a word or two; None for a layer that is part of another step."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return f"{layer.kernel_size[0]}×{layer.kernel_size[0]}\ntransp."
    if isinstance(layer, keras.layers.Conv2D):
        halved = f"\n÷ {layer.strides[0]}" if layer.strides[0] > 1 else ""
        return f"{layer.kernel_size[0]}×{layer.kernel_size[0]}{halved}"
    if isinstance(layer, Resize):
        return f"{layer.method}\n× {layer.scale}"
    if isinstance(layer, Conv2DSubPixel):
        return f"shuffle\n× {layer.scale}"
    names = {keras.layers.InputLayer: "", keras.layers.GlobalAveragePooling2D: "mean", keras.layers.Dense: "dense"}
    return names.get(type(layer))


def _multiplications(layer, before, after) -> int:
    """Weights of the kernel times the cells it is applied to."""
    if not hasattr(layer, "kernel"):
        return 0
    grid = before if isinstance(layer, keras.layers.Conv2DTranspose) else after
    return int(np.prod(layer.kernel.shape)) * int(np.prod(grid[1:-1]))


def _steps(model, input_shape) -> tuple[list[dict], list[tuple[int, int]]]:
    """The steps of a model, and its skip connections as pairs of step numbers."""
    probe = keras.Model(model.inputs, [layer.output for layer in model.layers])
    specs = probe.compute_output_spec([keras.KerasTensor((1, *input_shape))])
    steps, skips, home = [], [], {}
    for layer, spec in zip(model.layers, specs):
        inputs = [] if isinstance(layer, keras.layers.InputLayer) else keras.tree.flatten(layer.input)
        sources = [home[id(tensor)] for tensor in inputs]
        label, shape = _label(layer), tuple(spec.shape)
        if label is not None:
            before = steps[max(sources)]["shape"] if sources else None
            cost = _multiplications(layer, before, shape)
            steps.append({"step": layer.name, "does": label, "shape": shape, "weights": 0, "multiplications": cost})
            sources = [len(steps) - 1]
        if isinstance(layer, MERGING):
            skips += [(source, max(sources)) for source in sources if source < max(sources)]
        home[id(layer.output)] = max(sources)
        steps[max(sources)]["weights"] += layer.count_params()
    return steps, skips


def layer_table(model: keras.Model, input_shape) -> pd.DataFrame:
    """The steps of a network with their shapes and costs.

    Parameters
    ----------
    model : keras.Model
        A functional model with one input and one output, of a GAN its generator or discriminator.
    input_shape : (int, int, int)
        Rows, columns and channels of one patch.

    Returns
    -------
    DataFrame
        One row a step: step (name of the layer), does, rows, columns, channels (of its output), weights
        (including those of the activations after it) and multiplications per patch. Only convolutions
        and dense layers count, by their definition: kernel weights times cells of the output, or
        of the input where the convolution is transposed.

    Examples
    --------
    >>> from bathysr_nb.models.build import build_model
    >>> table = layer_table(build_model("espcn"), (16, 16, 1))
    >>> int(table["weights"].sum()), int(table["multiplications"].sum())
    (24752, 6307840)
    """
    steps, _ = _steps(model, input_shape)
    table = pd.DataFrame(steps)
    grids = [shape[1:] if len(shape) == 4 else (1, 1, shape[-1]) for shape in table.pop("shape")]
    table.insert(2, "rows", [grid[0] for grid in grids])
    table.insert(3, "columns", [grid[1] for grid in grids])
    table.insert(4, "channels", [grid[2] for grid in grids])
    table["does"] = table["does"].str.replace("\n", " ")
    return table


def _boxes(model, input_shape, fold: str | None):
    """Boxes of a drawing and the arcs between them; steps whose names match `fold` share one box."""
    steps, skips = _steps(model, input_shape)
    match = [re.match(fold, step["step"]) if fold else None for step in steps]
    keys = [m.group() if m else i for i, m in enumerate(match)]
    boxes, place = [], []
    for key, members in groupby(range(len(steps)), lambda i: keys[i]):
        members = list(members)
        folded = isinstance(key, str)
        label = f"{len(members)} conv." if folded else steps[members[0]]["does"]
        shape = steps[members[-1]]["shape"]
        boxes.append({"label": label, "rows": shape[1] if len(shape) == 4 else 1, "channels": shape[-1]})
        boxes[-1]["folded"] = len(members) if folded else 0
        place += [len(boxes) - 1] * len(members)
    arcs = {(place[a], place[b]) for a, b in skips if place[a] != place[b]}
    return boxes, sorted(arcs)


def _lay_out(boxes) -> float:
    """Set the position and width of each box, and return the total width."""
    left = 0.0
    for box in boxes:
        box["left"], box["width"] = left, max(box["channels"] / 2, 1.5)
        left += box["width"] + GAP
    return left


def _draw_box(ax, box, before, color) -> None:
    left, width, rows = box["left"], box["width"], box["rows"]
    ax.add_patch(Rectangle((left, -rows / 2), width, rows, fc=color, ec=INK, lw=0.8))
    for i in range(1, box["folded"]):
        ax.plot([left + width * i / box["folded"]] * 2, [-rows / 2, rows / 2], color=INK, lw=0.5)
    ax.text(left + width / 2, -rows / 2 - 2, box["channels"], ha="center", va="top", fontsize=8, color=INK)
    if before is None:
        return
    ink = ENLARGE if rows > before["rows"] else INK
    start = before["left"] + before["width"]
    ax.add_patch(FancyArrowPatch((start, 0), (left, 0), arrowstyle="-|>", mutation_scale=8, color=ink, lw=1))
    ax.text((start + left) / 2, 2, box["label"], ha="center", va="bottom", fontsize=7, color=ink)


def _levels(arcs) -> dict:
    """A level for each arc, short arcs lowest, so that no two overlap."""
    levels: dict = {}
    for arc in sorted(arcs, key=lambda arc: (arc[1] - arc[0], arc)):
        crossed = {level for other, level in levels.items() if other[0] < arc[1] and arc[0] < other[1]}
        levels[arc] = next(level for level in range(len(arcs)) if level not in crossed)
    return levels


def _draw_arc(ax, boxes, start: int, end: int, height: float) -> None:
    x = [boxes[i]["left"] + boxes[i]["width"] * share for i, share in ((start, 0.65), (end, 0.35))]
    tops = [boxes[i]["rows"] / 2 for i in (start, end)]
    ax.plot([x[0], x[0], x[1]], [tops[0], height, height], color=SKIP, lw=1, solid_joinstyle="round")
    shape = {"arrowstyle": "-|>", "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch((x[1], height), (x[1], tops[1]), color=SKIP, lw=1, **shape))


def _draw(ax, title: str, boxes, arcs) -> tuple[float, float]:
    """Draw one network and return its lowest and highest position."""
    grids = sorted({box["rows"] for box in boxes})
    for before, box in zip([None, *boxes], boxes):
        _draw_box(ax, box, before, BLUES(0.3 + 0.55 * grids.index(box["rows"]) / max(len(grids) - 1, 1)))
    levels = _levels(arcs)
    for (start, end), level in levels.items():
        crossed = max(box["rows"] for box in boxes[start : end + 1]) / 2
        _draw_arc(ax, boxes, start, end, crossed + 4 + 3 * level)
    above = max((4 + 3 * level + boxes[arc[0]]["rows"] / 2 for arc, level in levels.items()), default=0)
    half = max(box["rows"] for box in boxes) / 2
    top = max(above, *(box["rows"] / 2 for box in boxes if box["left"] < TITLE))
    ax.text(0, top + 4, title, fontsize=10)
    ax.axis("off")
    return -half - 10, max(top + 16, half + 3)


def draw_networks(networks: dict, input_shape, fold: str | None = "rrdb_[0-9]+") -> Figure:
    """Draw networks one below the other, all to one scale.

    Each box is a step's output: height is grid rows, width channels (the number below it), and
    darker boxes have more rows. Red arrows enlarge; orange lines are added to the box they
    lead to, or joined to it as more channels.

    Parameters
    ----------
    networks : dict
        Title to functional keras.Model.
    input_shape : (int, int, int)
        Rows, columns and channels of one patch.
    fold : str, optional
        Pattern for layer names: steps with the same match share one striped box.

    Returns
    -------
    Figure
        Not registered with pyplot: show or save it.

    Examples
    --------
    >>> from bathysr_nb.models.build import build_model
    >>> figure = draw_networks({"ESPCN": build_model("espcn")}, (16, 16, 1))
    >>> len(figure.axes)
    1
    """
    drawn = {title: _boxes(model, input_shape, fold) for title, model in networks.items()}
    width = max(_lay_out(boxes) for boxes, _ in drawn.values())
    figure = Figure()
    spans = []
    axes = [figure.add_axes((0, 0, 1, 1)) for _ in drawn]
    for ax, (title, (boxes, arcs)) in zip(axes, drawn.items()):
        spans.append(_draw(ax, title, boxes, arcs))
    total = sum(high - low for low, high in spans)
    figure.set_size_inches((width + 4) / UNITS, total / UNITS)
    bottom = 1.0
    for ax, (low, high) in zip(axes, spans):
        bottom -= (high - low) / total
        ax.set_position((0, bottom, 1, (high - low) / total))
        ax.set(xlim=(-2, width + 2), ylim=(low, high))
    return figure
