"""Pictures with sliders. The picture is an ordinary output, so a notebook run without a browser has it too.

Each function draws once and puts its controls below; moving one redraws the picture in place.
"""

from __future__ import annotations

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from bathysr_nb import plots, terrain
from bathysr_nb.augment import resample
from bathysr_nb.mixup import grouping, picking
from bathysr_nb.mixup import plots as mixup_plots


def explore(draw, **controls) -> None:
    """Show a figure and redraw it whenever a control changes.

    Parameters
    ----------
    draw : callable
        Takes the controls' values by name and returns a matplotlib Figure.
    **controls : ipywidgets.ValueWidget
    """

    def figure():
        drawn = draw(**{name: control.value for name, control in controls.items()})
        plt.close(drawn)  # else the notebook shows it a second time
        return drawn

    shown = display(figure(), display_id=True)
    for control in controls.values():
        control.observe(lambda change: shown.update(figure()), names="value")
    display(ipywidgets.VBox(list(controls.values())))


def slider(label: str, low, high, value=None, step=1):
    """A slider that acts when it is released, so that a picture is not redrawn at every step on the way.

    Parameters
    ----------
    label : str
    low, high : float
    value : float, optional
        Where it starts; by default at `low`.
    step : int or float
        An int makes a slider of whole numbers.
    """
    kind, readout = (ipywidgets.IntSlider, "d") if isinstance(step, int) else (ipywidgets.FloatSlider, ".4g")
    start = low if value is None else value
    layout, style = ipywidgets.Layout(width="32rem"), {"description_width": "8rem"}
    limits = {"min": low, "max": high, "step": step, "readout_format": readout}
    return kind(start, description=label, continuous_update=False, layout=layout, style=style, **limits)


def choice(label: str, options, value=None):
    """A drop-down list.

    Parameters
    ----------
    label : str
    options : sequence of str
    value : str, optional
        The first choice; by default the first option.
    """
    return ipywidgets.Dropdown(options=list(options), value=value or options[0], description=label)


def block_chooser(depth: np.ndarray, cell: float, table, block_cells: int) -> None:
    """Step through the blocks of a map: where each lies, and what is in it.

    Parameters
    ----------
    depth : ndarray, shape (H, W)
        Metres, NaN where missing.
    cell : float
        Cell size in metres.
    table : DataFrame
        One row a pair, as `bathysr_nb.pairs.blocks.build_pairs` gives it.
    block_cells : int
        Cells along a block's side.
    """
    counts, across = table["block"].value_counts().sort_index(), depth.shape[1] // block_cells
    side, step = block_cells * cell / 1e3, max(1, depth.shape[1] // 600)  # every step-th cell is enough for the map

    def draw(number):
        block = counts.index[number]
        i, j = divmod(block, across)
        fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
        plots.hillshade(
            left, depth[::step, ::step], cell * step, title=f"block {block}: {counts[block]} complete patches"
        )
        left.add_patch(plt.Rectangle((j * side, i * side), side, side, fill=False, color="red", lw=2))
        inside = depth[i * block_cells : (i + 1) * block_cells, j * block_cells : (j + 1) * block_cells]
        plots.colorbar(plots.hillshade(right, inside, cell, title="the block"), right)
        return fig

    explore(draw, number=slider("block", 0, len(counts) - 1, len(counts) // 3))


def patch_browser(lr: np.ndarray, hr: np.ndarray, cell: float) -> None:
    """Browse pairs: LR beside HR on one depth scale, with the slopes of both.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Metres.
    cell : float
        HR cell size in metres.
    """
    scale = hr.shape[-1] // lr.shape[-1]

    def draw(patch):
        fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
        msg = [
            terrain.mean_slope_gradient(side[patch].astype(float), d) for side, d in ((lr, scale * cell), (hr, cell))
        ]
        titles = [f"{name}, slope {slope:.4f}" for name, slope in zip(("LR", "HR"), msg)]
        plots.patch_row(axes, [lr[patch], hr[patch]], titles, [scale * cell, cell])
        return fig

    explore(draw, patch=slider("patch", 0, len(hr) - 1, len(hr) // 2))


def turn_and_zoom(patch: np.ndarray, cell: float) -> None:
    """Turn, zoom and stretch one patch and see how its slope changes.

    Parameters
    ----------
    patch : ndarray, shape (h, h)
        Metres.
    cell : float
        Cell size in metres.
    """
    before = terrain.mean_slope_gradient(patch.astype(float), cell)

    def draw(angle, zoom, depth, fill):
        changed = resample.rotate(patch[None].astype(float), [angle], fill)
        changed = resample.stretch(resample.zoom(changed, [zoom]), [depth])[0]
        after = terrain.mean_slope_gradient(changed, cell)
        fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
        titles = [f"original, slope {before:.4f}", f"changed, slope {after:.4f} ({after / before:.2f} times)"]
        plots.patch_row(axes, [patch, changed], titles, [cell, cell])
        return fig

    explore(
        draw,
        angle=slider("turn (degrees)", 0, 345, 30, 15),
        zoom=slider("zoom", 0.5, 1.0, 1.0, 0.05),
        depth=slider("depth factor", 0.5, 1.5, 1.0, 0.1),
        fill=choice("fill", resample.FILL_MODES, "reflect"),
    )


def blender(high, low, cell: float, delta) -> None:
    """Move the weight of a blend: the two patches, the blend, and its slope on the curve.

    Parameters
    ----------
    high, low : (ndarray, ndarray)
        LR (h, w) and HR (H, W) of the steep and of the gentle patch, metres.
    cell : float
        HR cell size in metres.
    delta : float or (float, float)
        LR cell size in metres.
    """
    relief = [side[1] - side[1].mean() for side in (high, low)]

    def draw(weight):
        fig, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
        mixed = weight * relief[0] + (1 - weight) * relief[1]
        titles, norm = ("steep", f"blend, {weight:.2f}", "gentle"), plots.Normalize(*plots.limits(*relief))
        plots.field_row(axes[:3], (relief[0], mixed, relief[1]), titles, [cell] * 3, norm=norm, label="")
        mixup_plots.along_weight(axes[3], high[0], low[0], delta, weight)
        return fig

    explore(draw, weight=slider("weight of steep", 0.0, 1.0, 0.6, 0.05))


def threshold(slope: np.ndarray, target: np.ndarray, seed: int = 0) -> None:
    """Move the threshold between steep and gentle and see which patches fall into which group.

    Parameters
    ----------
    slope, target : ndarray
        MSG of the originals and of the target area, both of LR patches.
    seed : int
        Of the choice of low originals that join the high group.
    """
    shares, edges = picking.target_bins(target)
    quantiles = np.round(np.quantile(slope, (0.05, 0.95)), 4)
    start = grouping.split(slope, shares, edges, None, np.random.default_rng(seed)).threshold

    def draw(at):
        split = grouping.split(slope, shares, edges, at, np.random.default_rng(seed))
        fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
        mixup_plots.groups(ax, slope, target, split)
        return fig

    explore(draw, at=slider("threshold", *map(float, quantiles), float(start), 0.0005))


def swipe(views: dict[str, np.ndarray], cell: float) -> None:
    """Draw a curtain between two maps of the same ground.

    Parameters
    ----------
    views : dict of str to ndarray, shape (H, W)
        Two names and depths in metres, the first to the left of the curtain.
    cell : float
        Cell size in metres.
    """
    (left, one), (right, other) = views.items()
    low, high = plots.limits(one, other)

    def draw(curtain):
        edge = round(curtain * one.shape[1])
        fig, ax = plt.subplots(figsize=(7, 6.4), layout="constrained")
        mixed = np.concatenate([one[:, :edge], other[:, edge:]], axis=1)
        plots.colorbar(plots.hillshade(ax, mixed, cell, low, high, title=f"{left} | {right}"), ax)
        ax.axvline(edge * cell / 1e3, color="w", lw=1)
        return fig

    explore(draw, curtain=slider("curtain", 0.0, 1.0, 0.5, 0.05))
