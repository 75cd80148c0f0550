"""Figures of an evaluation: spectra, maps of error, maps of what was invented.

Differences are drawn in cmocean's ``balance`` (white is none), amounts in its ``amp``.
"""

from __future__ import annotations

import cmocean
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from bathysr_nb import plots

AMOUNT = cmocean.cm.amp
BASELINES = {"nearest": "#e6ab02", "bilinear": "#a6761d", "spline": "#7570b3", "linear filter": "#e7298a"}


def spectra(table, lr_nyquist: float) -> Figure:
    """Power against wavenumber, and each method's share of the truth's.

    Parameters
    ----------
    table : DataFrame
        As `bathysr_nb.scores.spectrum.spectra`.
    lr_nyquist : float
        Cycles per km; right of it there is nothing in LR.

    Returns
    -------
    Figure
        It belongs to no window: show or save it.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    power, ratio = figure.subplots(1, 2, sharex=True)
    power.plot(table.index, table["truth"], color="k", lw=2, label="truth")
    for name in table.columns.drop("truth"):
        color = BASELINES.get(name, plots.COLORS.get(name))
        style = {"color": color, "ls": "--" if name in BASELINES else "-", "lw": 1.4, "label": name}
        power.plot(table.index, table[name], **style)
        ratio.plot(table.index, table[name] / table["truth"], **style)
    for ax in (power, ratio):
        ax.axvline(lr_nyquist, color="0.5", lw=1, ls=":", label="finest wave in LR")
        ax.set(xscale="log", xlabel="wavenumber (cycles per km)")
    power.set(yscale="log", ylabel="power (m² in each ring)", ylim=(table["truth"].min() / 1e3, None))
    ratio.set(ylabel="power, of the truth's", ylim=(0, 2))
    ratio.axhline(1, color="k", lw=1)
    power.legend(frameon=False, fontsize=8)
    return figure


def error_maps(rows, cell: float) -> Figure:
    """Rows of a true patch and what estimates of it are off by.

    Parameters
    ----------
    rows : dict of str to (ndarray, dict of str to ndarray)
        Title to the truth (H, W) and, for each method, estimate less truth (H, W), metres.
    cell : float
        Cell size in metres.

    Returns
    -------
    Figure
        A row's differences are on one scale. It belongs to no window: show or save it.
    """
    columns = 1 + len(next(iter(rows.values()))[1])
    figure, axes = _axes(len(rows), columns)
    for line, (title, (truth, errors)) in zip(axes, rows.items()):
        plots.hillshade(line[0], truth, cell, title=f"{title}\ntruth")
        for ax, (name, error) in zip(line[1:], errors.items()):
            rmse = np.sqrt(np.mean(error**2))
            image = _field(
                ax, error, cell, plots.DIFFERENCE, _symmetric(*errors.values()), f"{name}, RMSE {rmse:.1f} m"
            )
        figure.colorbar(image, ax=list(line[1:]), label="minus truth (m)", shrink=0.85, pad=0.02)
    return figure


def invented_maps(rows, name: str, cell: float) -> Figure:
    """Rows of truth, estimate, the detail beyond bicubic in each, and what was invented.

    Parameters
    ----------
    rows : dict of str to tuple of 5 ndarrays, shape (H, W)
        Title to truth, estimate, their `bathysr_nb.scores.terrain_measures.detail_beyond_bicubic`, and
        `bathysr_nb.scores.terrain_measures.invented`, metres.
    name : str
        Of the estimates.
    cell : float
        Cell size in metres.

    Returns
    -------
    Figure
        It belongs to no window: show or save it.
    """
    figure, axes = _axes(len(rows), 5)
    for line, (title, (truth, estimate, true_detail, own_detail, invented)) in zip(axes, rows.items()):
        low, high = plots.limits(truth, estimate)
        for ax, depth, label in zip(line, (truth, estimate), (f"{title}\ntruth", name)):
            plots.hillshade(ax, depth, cell, low, high, title=label)
        norm = _symmetric(true_detail, own_detail)
        for ax, field, label in zip(line[2:], (true_detail, own_detail), ("detail in the truth", f"detail in {name}")):
            image = _field(ax, field, cell, plots.DIFFERENCE, norm, label)
        figure.colorbar(image, ax=list(line[2:4]), label="m", shrink=0.85, pad=0.02)
        image = _field(line[4], invented, cell, AMOUNT, Normalize(0, float(invented.max()) or 1.0), "invented")
        figure.colorbar(image, ax=line[4], label="m (RMS)", shrink=0.85, pad=0.02)
    return figure


def _axes(rows: int, columns: int):
    figure = Figure(figsize=(2.8 * columns + 1, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.supxlabel("km", fontsize=10)
    return figure, axes


def _symmetric(*fields) -> Normalize:
    span = max(float(np.percentile(np.abs(field), 99)) for field in fields) or 1.0
    return Normalize(-span, span)


def _field(ax, field: np.ndarray, cell: float, colours, norm: Normalize, title: str):
    extent = [0, field.shape[1] * cell / 1e3, field.shape[0] * cell / 1e3, 0]
    ax.set_title(title, fontsize=10)
    return ax.imshow(field, cmap=colours, norm=norm, extent=extent, interpolation="nearest")
