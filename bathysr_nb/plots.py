"""Figures: depth with hillshade, patches side by side, histograms, bars per slope bin.

Depth is drawn in cmocean's ``deep`` (dark is deep), differences in its ``balance``
(white is none), so a colour means the same thing in every notebook.
"""

from __future__ import annotations

import itertools
import sys

import cmocean
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LightSource, Normalize
from matplotlib.figure import Figure

DEPTH = cmocean.cm.deep_r
DIFFERENCE = cmocean.cm.balance
COLORS = {
    "bicubic": "0.55",
    "spline": "0.75",
    "linear filter": "#8c510a",
    "srcnn": "#762a83",
    "fsrcnn": "#2166ac",
    "espcn": "#1b7837",
    "espcn-adaptive_mixup": "#5aae61",
    "srgan": "#e08214",
    "esrgan": "#b2182b",
}


def _show_in_notebooks() -> None:
    """Let a notebook show a figure that a cell ends with, before pyplot has drawn one of its own."""
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(shell, {"png"})


_show_in_notebooks()


def limits(*arrays) -> tuple[float, float]:
    """Shared colour limits: the smallest and largest cell of all arrays."""
    return min(float(np.nanmin(a)) for a in arrays), max(float(np.nanmax(a)) for a in arrays)


def hillshade(ax, depth: np.ndarray, cell: float, vmin=None, vmax=None, exaggeration: float = 5, title: str = ""):
    """Draw depths in colour with the light from the north-west.

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
    extent = [0, depth.shape[1] * cell / 1e3, depth.shape[0] * cell / 1e3, 0]
    ax.imshow(_shaded(depth, cell, norm, exaggeration), extent=extent, interpolation="nearest")
    ax.set_title(title, fontsize=10)
    return plt.cm.ScalarMappable(norm, DEPTH)


def _shaded(depth: np.ndarray, cell: float, norm: Normalize, exaggeration: float = 5) -> np.ndarray:
    """Colours (h, w, 4) of depths lit from the north-west, missing cells white."""
    filled = np.nan_to_num(depth, nan=norm.vmax)
    light = LightSource(315, 45)
    rgb = light.shade(filled, DEPTH, norm=norm, blend_mode="soft", vert_exag=exaggeration, dx=cell, dy=cell)
    rgb[np.isnan(depth)] = 1
    return rgb


def colorbar(mappable, axes, label: str = "depth (m)"):
    """A colour bar beside one or more axes."""
    return plt.colorbar(mappable, ax=axes, label=label, shrink=0.85, pad=0.02)


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
    low, high = limits(*patches)
    for ax, patch, title, cell in zip(axes, patches, titles, cells):
        mappable = hillshade(ax, patch, cell, low, high, title=title)
        ax.set_xlabel("km")
    colorbar(mappable, list(axes))


def difference_row(axes, differences, titles, cell: float) -> None:
    """Differences in metres side by side on one symmetric colour scale."""
    span = max(float(np.nanpercentile(np.abs(d), 99)) for d in differences)
    extent = [0, differences[0].shape[1] * cell / 1e3, differences[0].shape[0] * cell / 1e3, 0]
    for ax, difference, title in zip(axes, differences, titles):
        image = ax.imshow(difference, cmap=DIFFERENCE, vmin=-span, vmax=span, extent=extent)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("km")
    colorbar(image, list(axes), "difference (m)")


def histograms(ax, values: dict, bins=40, label: str = "mean slope gradient") -> None:
    """Outlined histograms of several sets as shares of each set."""
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
    labels, shown = list(dict.fromkeys(scores["slope"])), _without_few(scores)
    width = 0.8 / len(methods)
    for i, method in enumerate(methods):
        rmse = shown[shown["method"] == method].set_index("slope").loc[labels, "rmse"]
        place = np.arange(len(labels)) + (i - (len(methods) - 1) / 2) * width
        bars = ax.bar(place, rmse, width * 0.92, color=COLORS.get(method), label=method)
        ax.bar_label(bars, fmt="%.1f", fontsize=8)
    _say_few(ax, scores, labels)
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlabel="mean slope gradient of the true patch", ylabel="RMSE (m)")
    ax.legend(frameon=False, loc="upper left")


def change_intervals(ax, scores) -> None:
    """Change in RMSE against bicubic with its 95% interval, per slope bin of enough blocks."""
    labels, shown = list(dict.fromkeys(scores["slope"])), _without_few(scores)
    methods = list(scores.dropna(subset="change")["method"].unique())
    for i, method in enumerate(methods):
        part = shown[shown["method"] == method].set_index("slope").loc[labels]
        place = np.arange(len(labels)) + (i - (len(methods) - 1) / 2) * 0.15
        spread = [part["change"] - part["low"], part["high"] - part["change"]]
        ax.errorbar(place, part["change"], spread, fmt="o", capsize=4, color=COLORS.get(method), label=method)
    ax.axhline(0, color=COLORS["bicubic"], lw=1)
    _say_few(ax, scores, labels)
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlabel="mean slope gradient of the true patch", ylabel="RMSE against bicubic (%)")
    ax.legend(frameon=False)


def _without_few(scores):
    """The scores with no numbers in bins of few blocks."""
    return scores.assign(**{name: scores[name].mask(scores["few"]) for name in ("rmse", "change", "low", "high")})


def _say_few(ax, scores, labels: list[str]) -> None:
    few = scores.groupby("slope", sort=False)["few"].any()
    for place in np.flatnonzero(few[labels]):
        ax.annotate("few blocks", (place, 0), (0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=9)


def forest(scores, reference: str) -> Figure:
    """Change in RMSE against a reference with its 95% interval: a panel for each slope bin, a line for each method.

    Parameters
    ----------
    scores : DataFrame
        As `bathysr_nb.scores.tables.score_table`, with a column model; methods with a change are drawn.
    reference : str
        What the changes are against.

    Returns
    -------
    matplotlib Figure
        A row of panels for each model; that of a bin with few blocks says so and nothing else.
    """
    drawn = _without_few(scores.dropna(subset="change"))
    models, labels, methods = (list(dict.fromkeys(drawn[name])) for name in ("model", "slope", "method"))
    size = (2.6 * len(labels) + 1.5, (0.32 * len(methods) + 1.2) * len(models))
    fig = Figure(figsize=size, layout="constrained")
    axes = fig.subplots(len(models), len(labels), sharey=True, squeeze=False)
    for (i, model), (j, label) in itertools.product(enumerate(models), enumerate(labels)):
        part = drawn[(drawn["model"] == model) & (drawn["slope"] == label)].set_index("method").reindex(methods)
        if part["few"].any():
            axes[i, j].text(0.5, 0.5, "few blocks", ha="center", transform=axes[i, j].transAxes, backgroundcolor="w")
            axes[i, j].set_xticks([])
        spread = np.stack([part["change"] - part["low"], part["high"] - part["change"]])
        ax, place = axes[i, j], -np.arange(len(methods))
        ax.errorbar(part["change"], place, xerr=spread, fmt="o", ms=4, capsize=3, color=COLORS["espcn"])
        ax.axvline(0, color=COLORS["bicubic"], lw=1)
        ax.set_yticks(place, methods)
        ax.set(title=f"slope {label}" if label != "all" else "all slopes", xlabel=f"RMSE against {reference} (%)")
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
        ax.hist(table[column], 40, color="#2166ac")
        ax.set_xlabel(column.replace("_", " "), fontsize=8)
    axes[0].set_ylabel("patches")
    return fig


def patch_rows(rows, cell: float | None) -> Figure:
    """Rows of named patches on one figure, hillshaded on one colour scale.

    Parameters
    ----------
    rows : sequence of dict
        Title to patch, ndarray of shape (h, w), metres.
    cell : float or None
        Cell size in metres; None draws no axes.

    Returns
    -------
    Figure
        Rows may differ in length. It belongs to no window: show or save it.
    """
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(2.1 * columns + 1, 2.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    low, high = limits(*(patch for row in rows for patch in row.values()))
    for line, row in zip(grid, rows):
        for ax, (title, patch) in zip(line, row.items()):
            mappable = hillshade(ax, patch, cell or 50, low, high, title=title)
            ax.tick_params(labelsize=8)
            ax.axis("on" if cell else "off")
        for ax in line[len(row) :]:
            ax.remove()
    figure.supxlabel("km" if cell else "", fontsize=10)
    figure.colorbar(mappable, ax=figure.axes, label="depth (m)", shrink=0.85, pad=0.02)
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
        One that this function made for rows of the same number and length: it is drawn anew,
        which is faster.

    Returns
    -------
    Figure
        The depths that a row's colours span stand beside it. It belongs to no window: show or
        save it.

    Notes
    -----
    Manual 2.2.24, ``plot_test_imgs``.
    """
    columns, lines = max(map(len, rows)), len(rows)
    if figure is None:
        figure = Figure(figsize=(2 * columns + 0.3, 2.35 * lines + 0.3), layout="constrained")
        figure.subplots(lines, columns, squeeze=False)
    else:
        figure.set_layout_engine("none")  # as it was laid out for the first
    for line, row in zip(np.reshape(figure.axes, (lines, columns)), rows):
        norm = Normalize(*limits(*row.values()))
        finest = max(patch.shape[1] for patch in row.values())
        for ax, (title, patch) in zip(line, row.items()):
            _redraw(ax, _shaded(patch, (cell or 50) * finest / patch.shape[1], norm), title)
        line[0].set_ylabel(f"{norm.vmin:,.0f} to {norm.vmax:,.0f} m", fontsize=7)
        for ax in line[len(row) :]:
            ax.axis("off")
    figure.supxlabel(f"each patch is {finest * cell / 1e3:g} km wide" if cell else "", fontsize=8)
    return figure


def _redraw(ax, rgb: np.ndarray, title: str) -> None:
    if ax.images:
        ax.images[0].set_data(rgb)
    else:
        ax.imshow(rgb, extent=[0, 1, rgb.shape[0] / rgb.shape[1], 0], interpolation="nearest")
        ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=8)


def history(frame) -> Figure:
    """Losses, PSNR and DSSIM of a training, training and validation together.

    Parameters
    ----------
    frame : DataFrame
        ``history.csv``, one row an epoch. Where it has g_loss and d_loss (GANs), these take
        the place of the loss.

    Returns
    -------
    Figure
        It belongs to no window: show or save it.

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
