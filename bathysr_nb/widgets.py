"""Pictures with sliders. The picture is an ordinary output, so it is there without a browser too.

Each function draws once and puts its controls below; moving one draws again in place.
"""

from __future__ import annotations

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from bathysr_nb import plots, resample, terrain


def explore(draw, **controls) -> None:
    """Show a figure and draw it anew whenever a control changes.

    Parameters
    ----------
    draw : callable
        Takes the controls' values by name and returns a matplotlib Figure.
    **controls : ipywidgets.ValueWidget
    """

    def figure():
        drawn = draw(**{name: control.value for name, control in controls.items()})
        plt.close(drawn)
        return drawn

    shown = display(figure(), display_id=True)
    for control in controls.values():
        control.observe(lambda change: shown.update(figure()), names="value")
    display(ipywidgets.VBox(list(controls.values())))


def slider(label: str, low, high, value=None, step=1):
    """A slider of whole or decimal numbers that acts when it is let go."""
    kind = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
    start = low if value is None else value
    layout, style = ipywidgets.Layout(width="32rem"), {"description_width": "8rem"}
    return kind(
        start, min=low, max=high, step=step, description=label, continuous_update=False, layout=layout, style=style
    )


def choice(label: str, options, value=None):
    """A drop-down list."""
    return ipywidgets.Dropdown(options=list(options), value=value or options[0], description=label)


def block_chooser(depth: np.ndarray, cell: float, table, block_cells: int) -> None:
    """Walk through the blocks of a map: where the block lies, and what is in it.

    Parameters
    ----------
    depth : ndarray, shape (H, W)
        Metres, NaN where missing.
    cell : float
        Cell size in metres.
    table : DataFrame
        One row a pair, as `bathysr_nb.blocks.build_pairs` gives it.
    block_cells : int
        Cells along a block's side.
    """
    counts, across = table["block"].value_counts().sort_index(), depth.shape[1] // block_cells
    side, step = block_cells * cell / 1e3, max(1, depth.shape[1] // 600)

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
    """Leaf through pairs: LR beside HR on one depth scale, with the slopes of both.

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
    """Turn, zoom and stretch one patch and read its slope.

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
