"""Figures of the method: how a blend is made, its slope along the weight, and who is steep.

Source: manual 1.1.1 (its figure 2 shows the same steps).
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bathysr_nb import plots
from bathysr_nb.mixup.blending import blend
from bathysr_nb.mixup.picking import BINS
from bathysr_nb.terrain import mean_slope_gradient

STEEP, GENTLE, MIXED = "#b2182b", "#2166ac", "#1b7837"
LINE = np.linspace(0, 1, 101)


def method(high: np.ndarray, low: np.ndarray, lam: float, cell: float, slopes: dict[str, np.ndarray]) -> Figure:
    """The method in one drawing: two patches become a third, and the slopes of many approach the target's.

    Parameters
    ----------
    high, low : ndarray, shape (h, w)
        A steep and a gentle patch, metres.
    lam : float
        Weight of the steep one.
    cell : float
        Cell size in metres.
    slopes : dict of str to ndarray
        Names and mean slope gradients of the source, the target and what is picked.

    Returns
    -------
    matplotlib Figure
    """
    fig = Figure(figsize=(11, 6), layout="constrained")
    above, below = fig.subfigures(2, 1, height_ratios=(1.15, 1))
    mixed = blend(high[None].astype(float), low[None], np.array([lam]))[0]
    relief = [patch - patch.mean() for patch in (high, low, mixed)]
    axes = above.subplots(1, 3)
    titles = ("steep patch", "gentle patch", "blend")
    colors = (STEEP, GENTLE, MIXED)
    for ax, patch, title, color in zip(axes, relief, titles, colors):
        plots.hillshade(ax, patch, cell, *plots.limits(*relief))
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
        ax.set_title(title, color=color)
    signs = (f"{lam:.2f} x", f"+ {1 - lam:.2f} x", "=")
    for ax, sign in zip(axes, signs):
        ax.set_ylabel(sign, rotation=0, ha="right", va="center", fontsize=15)
    for ax, (name, slope), color in zip(below.subplots(1, 3, sharex=True, sharey=True), slopes.items(), colors):
        edges = np.linspace(*plots.limits(*slopes.values()), BINS + 1)
        ax.hist(slope, edges, weights=np.full(len(slope), 100 / len(slope)), color=color, alpha=0.8)
        ax.set(title=name, xlabel="mean slope gradient")
    below.axes[0].set_ylabel("share of patches (%)")
    return fig


def along_weight(ax, high: np.ndarray, low: np.ndarray, delta, lam: float | None = None) -> None:
    """Mean slope gradient of the blends of a pair, from weight 0 to 1, and a dot at one weight.

    Parameters
    ----------
    ax : matplotlib Axes
    high, low : ndarray, shape (h, w)
        LR patches, metres.
    delta : float or (float, float)
        LR cell size in metres.
    lam : float, optional
    """
    curve = slope_of_blends(high, low, LINE, delta)
    ax.plot(LINE, curve, color=MIXED, label="blend")
    ax.plot([0, 1], curve[[0, -1]], "--", color="0.6", label="straight line")
    if lam is not None:
        value = slope_of_blends(high, low, np.array([lam]), delta)[0]
        ax.plot(lam, value, "o", color=MIXED, ms=9)
        ax.annotate(f"{value:.4f}", (lam, value), (8, 8), textcoords="offset points")
    ax.set(xlabel=r"weight $\lambda$ of the steeper patch", ylabel="mean slope gradient (LR)", ylim=(0, None))
    ax.legend(frameon=False)


def slope_of_blends(high: np.ndarray, low: np.ndarray, lam: np.ndarray, delta) -> np.ndarray:
    """Mean slope gradients of the blends of one pair at many weights, shape (n,)."""
    sides = [np.repeat(patch[None].astype(float), len(lam), axis=0) for patch in (high, low)]
    return mean_slope_gradient(blend(*sides, lam), delta)


def groups(ax, slope: np.ndarray, target: np.ndarray, split) -> None:
    """The originals' slopes coloured by group, the target's outlined.

    Parameters
    ----------
    ax : matplotlib Axes
    slope, target : ndarray
        MSG of the originals and of the target.
    split : bathysr_nb.mixup.grouping.Groups
    """
    edges = np.linspace(*plots.limits(slope, target), 2 * BINS + 1)
    parts, labels = [slope[split.high], slope[split.low]], (f"high: {len(split.high)}", f"low: {len(split.low)}")
    share = 100 / len(slope)
    weights = [np.full(len(part), share) for part in parts]
    ax.hist(parts, edges, weights=weights, stacked=True, color=(STEEP, GENTLE), alpha=0.8, label=labels)
    ax.hist(
        target, edges, weights=np.full(len(target), 100 / len(target)), histtype="step", color="0.2", label="target"
    )
    ax.axvline(split.threshold, color="0.2", ls="--")
    ax.set(xlabel="mean slope gradient (LR)", ylabel="share of patches (%)", title=f"threshold {split.threshold:.4f}")
    ax.legend(frameon=False)
