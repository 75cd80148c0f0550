"""Figures of an evaluation: spectra, maps of errors, maps of invented detail."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bathysr_nb import plots
from bathysr_nb.scores.baselines import PLAIN


def spectra(table, lr_nyquist: float) -> Figure:
    """Power against wavenumber, and the ratio of each method's power to the truth's.

    Parameters
    ----------
    table : DataFrame
        As `bathysr_nb.scores.spectrum.spectra`.
    lr_nyquist : float
        Cycles per km; LR holds nothing to the right of it.

    Returns
    -------
    Figure
        Methods that need no network are dashed. Not one of pyplot's: show or save it.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    power, ratio = figure.subplots(1, 2, sharex=True)
    power.plot(table.index, table["truth"], color=plots.COLORS["truth"], lw=2, label="truth")
    for name in table.columns.drop("truth"):
        dashes = "--" if name in PLAIN else "-"
        style = {"color": plots.COLORS.get(name), "ls": dashes, "lw": 1.4, "label": name}
        power.plot(table.index, table[name], **style)
        ratio.plot(table.index, table[name] / table["truth"], **style)
    for ax in (power, ratio):
        ax.axvline(lr_nyquist, color="0.5", lw=1, ls=":", label="finest wave in LR")
        ax.set(xscale="log", xlabel="wavenumber (cycles per km)")
    power.set(yscale="log", ylabel="power (m² in each ring)", ylim=(table["truth"].min() / 1e3, None))
    ratio.set(ylabel="power, ratio to the truth's", ylim=(0, 2))
    ratio.axhline(1, color=plots.COLORS["truth"], lw=1)
    power.legend(frameon=False, fontsize=8)
    return figure


def error_maps(rows, cell: float) -> Figure:
    """Rows of a true patch and the errors of its estimates.

    Parameters
    ----------
    rows : dict of str to (ndarray, dict of str to ndarray)
        Title to the truth (H, W) and, for each method, estimate less truth (H, W), metres.
    cell : float
        Cell size in metres.

    Returns
    -------
    Figure
        The errors of a row are on one scale. Not one of pyplot's: show or save it.
    """
    columns = 1 + len(next(iter(rows.values()))[1])
    figure, axes = _axes(len(rows), columns)
    for line, (title, (truth, errors)) in zip(axes, rows.items()):
        plots.field_row(line[:1], [truth], [f"{title}\ntruth"], [cell], label="")
        names = [f"{name}, RMSE {np.sqrt(np.mean(error**2)):.1f} m" for name, error in errors.items()]
        plots.field_row(
            line[1:], errors.values(), names, [cell] * len(names), plots.DIFFERENCE, label="minus truth (m)"
        )
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
        Not one of pyplot's: show or save it.
    """
    figure, axes = _axes(len(rows), 5)
    for line, (title, (truth, estimate, true_detail, own_detail, invented)) in zip(axes, rows.items()):
        plots.field_row(line[:2], [truth, estimate], [f"{title}\ntruth", name], [cell] * 2, label="")
        names = ["detail in the truth", f"detail in {name}"]
        plots.field_row(line[2:4], [true_detail, own_detail], names, [cell] * 2, plots.DIFFERENCE, label="m")
        plots.field_row(line[4:], [invented], ["invented"], [cell], plots.AMOUNT)
    return figure


def _axes(rows: int, columns: int):
    figure = Figure(figsize=(2.8 * columns + 1, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.supxlabel("km", fontsize=10)
    return figure, axes
