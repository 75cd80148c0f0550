"""Figures: depth with hillshade, patches side by side, histograms, bars per slope bin.

A colour means the same in every figure: depth is drawn in cmocean's ``deep`` (dark is deep), differences in
its ``balance`` (zero is white), amounts in its ``amp`` (zero is white); methods, training sets and the two
groups of Adaptive Mixup have the colours of the tables below.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import NamedTuple

import cmocean
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Colormap, LightSource, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: Of methods; a network trained on another set than the flips is called network-set.
COLORS = {
    "truth": "k",
    "nearest": "#e6ab02",
    "bilinear": "#e7298a",
    "bicubic": "0.55",
    "spline": "#7570b3",
    "linear filter": "#8c510a",
    "srcnn": "#762a83",
    "fsrcnn": "#2166ac",
    "espcn": "#1b7837",
    "espcn-adaptive_mixup": "#17becf",
    "srgan": "#e08214",
    "esrgan": "#b2182b",
}
#: Of the two patches of a blend, the groups they come from, and the blend.
GROUP_COLORS = {"steep": "#b2182b", "gentle": "#2166ac", "blend": "#1b7837"}
#: Of the slopes that Adaptive Mixup starts from, aims at and reaches; matplotlib's first three, as in `histograms`.
SET_COLORS = {"source": "C0", "target": "C1", "picked": "C2"}


UNKNOWN_CELL = 50  # metres, for the shading of patches of unknown cell size


def _show_in_notebooks() -> None:
    """Let a notebook show the figure that a cell ends with even before pyplot has drawn one, which switches that on."""
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(shell, {"png"})


_show_in_notebooks()


def limits(*arrays) -> tuple[float, float]:
    """Shared colour limits: the smallest and the largest cell of all arrays, NaN left out."""
    return min(float(np.nanmin(a)) for a in arrays), max(float(np.nanmax(a)) for a in arrays)


def symmetric_limits(*arrays) -> tuple[float, float]:
    """Shared colour limits about 0: the largest of the arrays' 99% quantiles of absolute values, NaN left out."""
    span = max(float(np.nanpercentile(np.abs(a), 99)) for a in arrays) or 1.0
    return -span, span


def limits_from_zero(*arrays) -> tuple[float, float]:
    """Shared colour limits from 0 to the largest cell of all arrays, NaN left out."""
    return 0.0, limits(*arrays)[1] or 1.0


class Quantity(NamedTuple):
    """How the cells of a field are coloured.

    Attributes
    ----------
    colours : Colormap
    limits : callable
        Takes fields to the colour limits that they share.
    label : str
        Of the colour bar.
    shaded : bool
        Lit from the north-west, for depths.
    """

    colours: Colormap
    limits: Callable
    label: str
    shaded: bool = False


DEPTH = Quantity(cmocean.cm.deep_r, limits, "depth (m)", shaded=True)
DIFFERENCE = Quantity(cmocean.cm.balance, symmetric_limits, "difference (m)")
AMOUNT = Quantity(cmocean.cm.amp, limits_from_zero, "m (RMS)")


def _draw(ax, field: np.ndarray, cell: float, norm: Normalize, quantity: Quantity, exaggeration: float = 5) -> None:
    """Draw one field on axes in kilometres."""
    image = _shaded(field, cell, norm, exaggeration) if quantity.shaded else field
    extent = [0, field.shape[1] * cell / 1e3, field.shape[0] * cell / 1e3, 0]
    ax.imshow(image, cmap=quantity.colours, norm=norm, extent=extent, interpolation="nearest")


def _shaded(depth: np.ndarray, cell: float, norm: Normalize, exaggeration: float = 5) -> np.ndarray:
    """Colours (h, w, 4) of depths lit from the north-west, missing cells white."""
    filled = np.nan_to_num(depth, nan=norm.vmax)
    light = LightSource(315, 45)
    rgb = light.shade(filled, DEPTH.colours, norm=norm, blend_mode="soft", vert_exag=exaggeration, dx=cell, dy=cell)
    rgb[np.isnan(depth)] = 1
    return rgb


def hillshade(ax, depth: np.ndarray, cell: float, vmin=None, vmax=None, *, exaggeration: float = 5, title: str = ""):
    """Draw depths in colour, lit from the north-west.

    Parameters
    ----------
    ax : matplotlib Axes
    depth : ndarray, shape (h, w)
        Metres, negative down, NaN where missing (left white).
    cell : float
        Cell size in metres.
    vmin, vmax : float, optional
        Colour limits in metres.
    exaggeration : float
        Vertical exaggeration of the shading.
    title : str

    Returns
    -------
    ScalarMappable
        For a colour bar.
    """
    low, high = limits(depth)
    norm = Normalize(low if vmin is None else vmin, high if vmax is None else vmax)
    _draw(ax, depth, cell, norm, DEPTH, exaggeration)
    ax.set_title(title, fontsize=10)
    return plt.cm.ScalarMappable(norm, DEPTH.colours)


def colorbar(mappable, axes, label: str = DEPTH.label):
    """A colour bar beside one or more axes.

    Parameters
    ----------
    mappable : ScalarMappable
    axes : matplotlib Axes or sequence of them
    label : str
    """
    figure = np.ravel(axes)[0].figure  # not pyplot's current one, which need not be theirs
    return figure.colorbar(mappable, ax=axes, label=label, shrink=0.85, pad=0.02)


def field_row(axes, fields, titles, cells, quantity: Quantity = DEPTH, *, norm=None, label: str | None = None) -> None:
    """Fields of one place side by side on one colour scale, with its bar.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
    fields : sequence of ndarray, shape (h, w)
        They may differ in shape but cover the same ground.
    titles : sequence of str
    cells : sequence of float
        Cell size of each, metres.
    quantity : Quantity
        What is shown: `DEPTH`, `DIFFERENCE` or `AMOUNT`.
    norm : matplotlib Normalize, optional
        A scale shared with other rows; by default that of `quantity` for these fields.
    label : str, optional
        Of the colour bar, by default the quantity's; "" draws none.
    """
    norm = norm or Normalize(*quantity.limits(*fields))
    for ax, field, title, cell in zip(axes, fields, titles, cells):
        _draw(ax, field, cell, norm, quantity)
        ax.set_title(title, fontsize=10)
    if label != "":
        colorbar(plt.cm.ScalarMappable(norm, quantity.colours), list(axes), label or quantity.label)


def patch_row(axes, patches, titles, cells) -> None:
    """Patches of one place side by side, hillshaded on one colour scale.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
    patches : sequence of ndarray, shape (h, w)
        Metres; they may differ in shape but cover the same ground.
    titles : sequence of str
    cells : sequence of float
        Cell size of each, metres.
    """
    field_row(axes, patches, titles, cells)
    for ax in axes:
        ax.set_xlabel("km")


def difference_row(axes, differences, titles, cell: float) -> None:
    """Differences in metres side by side on one symmetric colour scale.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
    differences : sequence of ndarray, shape (h, w)
        Metres.
    titles : sequence of str
    cell : float
        Cell size in metres.
    """
    field_row(axes, differences, titles, [cell] * len(differences), DIFFERENCE)
    for ax in axes:
        ax.set_xlabel("km")


def histograms(ax, values: dict, bins: int = 40, label: str = "mean slope gradient") -> None:
    """Outlined histograms of several sets as shares of each set.

    Parameters
    ----------
    ax : matplotlib Axes
    values : dict of str to ndarray, shape (n,)
        Name to the set's values.
    bins : int
        Equal bins over the range of all.
    label : str
        Of the values.
    """
    low, high = limits(*values.values())
    edges = np.linspace(low, high, bins + 1)
    for name, value in values.items():
        ax.hist(value, edges, weights=np.full(len(value), 100 / len(value)), histtype="step", lw=1.8, label=name)
    ax.set(xlabel=label, ylabel="share of patches (%)")
    ax.legend(frameon=False)


def slope_bars(ax, scores, methods) -> None:
    """RMSE in metres of each method in each slope bin.

    Parameters
    ----------
    ax : matplotlib Axes
    scores : DataFrame
        As `bathysr_nb.scores.tables.score_table`.
    methods : sequence of str
        In the order of the bars.
    """
    labels = list(dict.fromkeys(scores["slope"]))
    width = 0.8 / len(methods)
    for i, method in enumerate(methods):
        rmse = scores[scores["method"] == method].set_index("slope").loc[labels, "rmse"]
        place = np.arange(len(labels)) + (i - (len(methods) - 1) / 2) * width
        bars = ax.bar(place, rmse, width * 0.92, color=COLORS.get(method), label=method)
        ax.bar_label(bars, fmt="%.1f", fontsize=8)
    _label_bins(ax, scores, labels)
    ax.set_ylabel("RMSE (m)")
    ax.legend(frameon=False, loc="upper left")


def typical_changes(ax, scores, reference: str = "bicubic") -> None:
    """Change in a typical block with its 95% interval, per slope bin; hollow where there are too few blocks for one.

    Parameters
    ----------
    ax : matplotlib Axes
    scores : DataFrame
        As `bathysr_nb.scores.tables.score_table`; methods with a change are drawn.
    reference : str
        The method that changes are measured against.
    """
    labels = list(dict.fromkeys(scores["slope"]))
    methods = list(scores.dropna(subset="typical")["method"].unique())
    for i, method in enumerate(methods):
        part = scores[scores["method"] == method].set_index("slope").loc[labels]
        place = np.arange(len(labels)) + (i - (len(methods) - 1) / 2) * 0.8 / len(methods)
        interval_dots(ax, place, part, vertical=True, color=COLORS.get(method), label=method)
    ax.axhline(0, color=COLORS["bicubic"], lw=1)
    _label_bins(ax, scores, labels)
    ax.set_ylabel(f"RMSE in a typical block\nagainst {reference} (%)")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def interval_dots(ax, place, part, *, vertical: bool, color, label: str = "") -> None:
    """Changes in a typical block as dots with bars; as hollow dots where there is no interval.

    Parameters
    ----------
    ax : matplotlib Axes
    place : ndarray, shape (n,)
        Of each dot on the other axis.
    part : DataFrame
        Columns typical, typical_low, typical_high, n rows; NaN where there is nothing to draw.
    vertical : bool
        Changes go up, not to the right.
    color : color
    label : str
        For the legend.
    """
    change = part["typical"].to_numpy(dtype=float)
    few = part["typical_low"].isna().to_numpy()
    spread = np.abs(np.stack([part["typical_low"], part["typical_high"]]) - change)
    xy = (place, change) if vertical else (change, place)
    ax.errorbar(*xy, **{"yerr" if vertical else "xerr": spread}, fmt="none", capsize=3, color=color)
    for some, face, name in ((~few, color, label), (few, "w", "" if (~few).any() else label)):
        if some.any():
            ax.plot(*(side[some] for side in xy), "o", ms=5, color=color, markerfacecolor=face, label=name or None)


def _label_bins(ax, scores, labels: list[str]) -> None:
    """Name the slope bins on the axis, with the number of blocks in each."""
    blocks = scores.groupby("slope", sort=False)["blocks"].first()
    known = {
        label: f"\n{blocks[label]:.0f} block{'' if blocks[label] == 1 else 's'}" for label in blocks.dropna().index
    }
    ax.set_xticks(range(len(labels)), [label + known.get(label, "") for label in labels])
    ax.set_xlabel("mean slope gradient of the true patch")


def line_handle(color, label: str, marker: str = "", fillstyle: str = "full") -> Line2D:
    """An entry of a legend: a line, or a marker without one.

    Parameters
    ----------
    color : color
    label : str
    marker : str
        Empty: a line.
    fillstyle : {"full", "none"}
    """
    style = {"marker": marker, "fillstyle": fillstyle, "ls": "" if marker else "-"}
    return Line2D([], [], color=color, mew=2, label=label, **style)


def forest(scores, reference: str) -> Figure:
    """Change in a typical block with its 95% interval: a panel for each slope bin, a line for each method.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.scores.tables.score_table`, with a column model; methods with a change are drawn.
    reference : str
        The method that changes are measured against.

    Returns
    -------
    matplotlib Figure
        A row of panels for each model; hollow dots where there are too few blocks for an interval.
    """
    drawn = scores.dropna(subset="typical")
    models, labels, methods = (list(dict.fromkeys(drawn[name])) for name in ("model", "slope", "method"))
    size = (2.8 * len(labels) + 2.5, (0.36 * len(methods) + 1.3) * len(models))
    fig = Figure(figsize=size, layout="constrained")
    axes = fig.subplots(len(models), len(labels), sharey=True, squeeze=False)
    place = -np.arange(len(methods))
    for (i, model), (j, label) in itertools.product(enumerate(models), enumerate(labels)):
        part = drawn[(drawn["model"] == model) & (drawn["slope"] == label)].set_index("method").reindex(methods)
        ax, blocks = axes[i, j], part["blocks"].max()
        interval_dots(ax, place, part, vertical=False, color=COLORS["espcn"])
        ax.axvline(0, color=COLORS["bicubic"], lw=1)
        ax.set_yticks(place, methods)
        slopes = f"slope {label}" if label != "all" else "all slopes"
        ax.set(title=f"{slopes}, {blocks:.0f} block{'' if blocks == 1 else 's'}", xlabel=f"against {reference} (%)")
    for ax, model in zip(axes[:, 0], models):
        ax.set_ylabel(model)
    return fig


def feature_scatter(table):
    """Relief against mean depth, coloured by mean slope gradient; one point a patch.

    Parameters
    ----------
    table : DataFrame
        As `bathysr_nb.terrain.feature_table`.

    Returns
    -------
    matplotlib Figure
    """
    fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    steepness = table["mean_slope_gradient"]
    points = ax.scatter(table["altitude_difference"], table["mean_altitude"], c=steepness, s=8, cmap="magma_r")
    ax.set(xlabel="altitude difference (m)", ylabel="mean altitude (m)")
    colorbar(points, ax, "mean slope gradient")
    return fig


def feature_histograms(table):
    """A histogram of each column of a feature table.

    Parameters
    ----------
    table : DataFrame
        As `bathysr_nb.terrain.feature_table`.

    Returns
    -------
    matplotlib Figure
    """
    fig, axes = plt.subplots(1, table.shape[1], figsize=(3.2 * table.shape[1], 3), layout="constrained", sharey=True)
    for ax, column in zip(axes, table):
        ax.hist(table[column], 40, color=SET_COLORS["source"])
        ax.set_xlabel(column.replace("_", " "), fontsize=8)
    axes[0].set_ylabel("patches")
    return fig


def patch_rows(rows, cell: float | None) -> Figure:
    """Rows of named patches on one figure, hillshaded on one colour scale.

    Parameters
    ----------
    rows : sequence of dict
        Title to patch, ndarray of shape (h, w), metres. Rows may differ in length.
    cell : float or None
        Cell size in metres; None draws no axes.

    Returns
    -------
    Figure
        Not one of pyplot's: show or save it.
    """
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(2.1 * columns + 1, 2.3 * len(rows)), layout="constrained")
    norm = Normalize(*limits(*(patch for row in rows for patch in row.values())))
    for line, row in zip(figure.subplots(len(rows), columns, squeeze=False), rows):
        field_row(line, row.values(), row, [cell or UNKNOWN_CELL] * columns, norm=norm, label="")
        for ax in line[: len(row)]:
            ax.tick_params(labelsize=8)
            ax.axis("on" if cell else "off")
        for ax in line[len(row) :]:
            ax.remove()
    figure.supxlabel("km" if cell else "", fontsize=10)
    colorbar(plt.cm.ScalarMappable(norm, DEPTH.colours), figure.axes)
    return figure


def comparison(rows, cell: float | None = None, figure: Figure | None = None) -> Figure:
    """Rows of patches to compare, hillshaded, each row on its own colour scale.

    Parameters
    ----------
    rows : sequence of dict
        Title to patch, ndarray of shape (h, w), metres; a row's patches may differ in shape but
        cover the same ground.
    cell : float, optional
        Cell size of the finest patches in metres.
    figure : Figure, optional
        One that this function drew for as many rows of the same lengths: it is drawn on again,
        which is faster.

    Returns
    -------
    Figure
        The depths that a row's colours span stand beside it. Not one of pyplot's: show or save it.

    Notes
    -----
    Manual 2.2.24, ``plot_test_imgs``.
    """
    columns, lines = max(map(len, rows)), len(rows)
    if figure is None:
        figure = Figure(figsize=(2 * columns + 0.3, 2.35 * lines + 0.3), layout="constrained")
        figure.subplots(lines, columns, squeeze=False)
    else:
        figure.set_layout_engine("none")  # the first drawing's layout stays; to lay out takes longer than to draw
    for line, row in zip(np.reshape(figure.axes, (lines, columns)), rows):
        norm = Normalize(*limits(*row.values()))
        finest = max(patch.shape[1] for patch in row.values())
        for ax, (title, patch) in zip(line, row.items()):
            own_cell = (cell or UNKNOWN_CELL) * finest / patch.shape[1]
            if ax.images:  # of the first drawing
                ax.images[0].set_data(_shaded(patch, own_cell, norm))
            else:
                _draw(ax, patch, own_cell, norm, DEPTH)
                ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=8)
        line[0].set_ylabel(f"{norm.vmin:,.0f} to {norm.vmax:,.0f} m", fontsize=7)
        for ax in line[len(row) :]:
            ax.axis("off")
    figure.supxlabel(f"each patch is {finest * cell / 1e3:g} km wide" if cell else "", fontsize=8)
    return figure


def history(frame) -> Figure:
    """Losses, PSNR and DSSIM of a training, training and validation together.

    Parameters
    ----------
    frame : DataFrame
        ``history.csv``, one row an epoch. GANs have g_loss and d_loss, which are drawn in place of the loss.

    Returns
    -------
    Figure
        Not one of pyplot's: show or save it.

    Notes
    -----
    Manual 2.2.24, ``plot_history_graph``.
    """
    losses = ("g_loss", "d_loss") if "g_loss" in frame else ("loss",)
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for ax, names in zip(figure.subplots(1, 3), (losses, ("psnr",), ("dssim",))):
        for color, name in zip(("C0", "C1"), names):
            ax.plot(frame.index, frame[name], color=color, label=name)
            ax.plot(frame.index, frame[f"val_{name}"], color=color, ls="--", label=f"val_{name}")
        ax.set(xlabel="epoch", ylabel=" and ".join(names), yscale="linear" if names == ("psnr",) else "log")
        ax.legend(frameon=False, fontsize=8)
    return figure
