"""Figures of the method: how a blend is made, its slope along the weight, and the two groups.

Source: manual 1.1.1 (its figure 2 shows the same steps).
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bathysr_nb import plots
from bathysr_nb.mixup.blending import blend
from bathysr_nb.mixup.picking import BINS
from bathysr_nb.terrain import mean_slope_gradient

LINE = np.linspace(0, 1, 101)  # weights


def method(high: np.ndarray, low: np.ndarray, lam: float, cell: float, slopes: dict[str, np.ndarray]) -> Figure:
    """The method in one figure: two patches become a third, and the slopes of many approach the target's.

    Parameters
    ----------
    high, low : ndarray, shape (h, w)
        A steep and a gentle patch, metres.
    lam : float
        Weight of the steep one.
    cell : float
        Cell size in metres.
    slopes : dict of str to ndarray
        Mean slope gradients of the sets source, target and picked.

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
    plots.field_row(axes, relief, titles, [cell] * 3, label="")
    for ax, title, color in zip(axes, titles, plots.GROUP_COLORS.values()):
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, color=color)
    signs = (f"{lam:.2f} x", f"+ {1 - lam:.2f} x", "=")
    for ax, sign in zip(axes, signs):
        ax.set_ylabel(sign, rotation=0, ha="right", va="center", fontsize=15)
    edges = np.linspace(*plots.limits(*slopes.values()), BINS + 1)
    for ax, (name, slope) in zip(below.subplots(1, 3, sharex=True, sharey=True), slopes.items()):
        ax.hist(slope, edges, weights=_percent(slope, len(slope)), color=plots.SET_COLORS[name], alpha=0.8)
        ax.set(title=name, xlabel="mean slope gradient")
    below.axes[0].set_ylabel("share of patches (%)")
    return fig


def along_weight(ax, high: np.ndarray, low: np.ndarray, delta, lam: float | None = None) -> None:
    """Mean slope gradient of a pair's blends, from weight 0 to 1, and a dot at one weight.

    Parameters
    ----------
    ax : matplotlib Axes
    high, low : ndarray, shape (h, w)
        LR patches, metres.
    delta : float or (float, float)
        LR cell size in metres.
    lam : float, optional
        Weight of the dot.
    """
    curve = slope_of_blends(high, low, LINE, delta)
    ax.plot(LINE, curve, color=plots.GROUP_COLORS["blend"], label="blend")
    ax.plot([0, 1], curve[[0, -1]], "--", color="0.6", label="straight line")
    if lam is not None:
        value = slope_of_blends(high, low, np.array([lam]), delta)[0]
        ax.plot(lam, value, "o", color=plots.GROUP_COLORS["blend"], ms=9)
        ax.annotate(f"{value:.4f}", (lam, value), (8, 8), textcoords="offset points")
    ax.set(xlabel=r"weight $\lambda$ of the steeper patch", ylabel="mean slope gradient (LR)", ylim=(0, None))
    ax.legend(frameon=False)


def slope_of_blends(high: np.ndarray, low: np.ndarray, lam: np.ndarray, delta) -> np.ndarray:
    """Mean slope gradients of the blends of one pair at many weights.

    Parameters
    ----------
    high, low : ndarray, shape (h, w)
        Metres.
    lam : ndarray, shape (n,)
        Weights of `high`.
    delta : float or (float, float)
        Cell size in metres.

    Returns
    -------
    ndarray, shape (n,)
    """
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
    weights, colors = [_percent(part, len(slope)) for part in parts], list(plots.GROUP_COLORS.values())[:2]
    ax.hist(parts, edges, weights=weights, stacked=True, color=colors, alpha=0.8, label=labels)
    ax.hist(target, edges, weights=_percent(target, len(target)), histtype="step", color="0.2", label="target")
    ax.axvline(split.threshold, color="0.2", ls="--")
    ax.set(xlabel="mean slope gradient (LR)", ylabel="share of patches (%)", title=f"threshold {split.threshold:.4f}")
    ax.legend(frameon=False)


def _percent(values: np.ndarray, whole: int) -> np.ndarray:
    """Weights with which a histogram of values is in percent of a whole set."""
    return np.full(len(values), 100 / whole)
