"""Radial power spectra: how much relief an enlarged map has at each wavelength, compared with the truth.

Source: ours; W. Press et al., "Numerical Recipes", section 13.4 (windows and normalisation).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import fft, signal

BATCH = 64  # patches at a time, to bound memory


def radial_power(patches: np.ndarray, delta) -> tuple[np.ndarray, np.ndarray]:
    r"""Power of each patch by wavenumber, summed over all directions.

    The best-fitting plane is subtracted, a Hann window applied, and the power of the Fourier components summed over
    rings of one frequency step. It is scaled so that the sum over rings is the variance under the window,
    :math:`\overline{(wh)^2} / \overline{w^2}` (Parseval).

    Parameters
    ----------
    patches : ndarray, shape (n, H, W)
        Depths in metres.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).

    Returns
    -------
    wavenumber : ndarray, shape (k,)
        Cycles per metre, 0 first; rings beyond 0.5 / delta lie in the spectrum's corners and are incomplete.
    power : ndarray, shape (n, k)
        Square metres in each ring.

    Examples
    --------
    >>> wave = np.sin(2 * np.pi * np.arange(64) / 8) * np.ones((1, 64, 64))  # 8 cells of 50 m
    >>> wavenumber, power = radial_power(wave, 50)
    >>> float(1 / wavenumber[power[0].argmax()])
    400.0
    """
    n, rows, cols = patches.shape
    wavenumber, order, starts = _rings(rows, cols, *np.broadcast_to(delta, 2))
    window = np.outer(signal.windows.hann(rows, sym=False), signal.windows.hann(cols, sym=False))
    twice = np.full(cols // 2 + 1, 2.0)  # rfft2 leaves out the mirrored half, but for columns that are their own mirror
    twice[0] = 1
    if cols % 2 == 0:
        twice[-1] = 1
    weight = twice / ((rows * cols) ** 2 * (window**2).mean())
    power = np.empty((n, len(wavenumber)))
    for start in range(0, n, BATCH):
        component = fft.rfft2(without_plane(patches[start : start + BATCH]) * window)
        square = (component.real**2 + component.imag**2) * weight
        flat = square.reshape(len(square), -1)[:, order]
        power[start : start + BATCH] = np.add.reduceat(flat, starts, axis=1)
    return wavenumber, power


def _rings(rows: int, cols: int, dy: float, dx: float):
    """Wavenumber of each ring; the order of rfft2's components by ring, and where each ring begins in it."""
    radius = np.hypot(fft.fftfreq(rows, dy)[:, None], fft.rfftfreq(cols, dx))
    step = 1 / min(rows * dy, cols * dx)
    ring = np.rint(radius / step).astype(int).ravel()
    order = np.argsort(ring, kind="stable")
    rings, starts = np.unique(ring[order], return_index=True)
    return rings * step, order, starts


def without_plane(patches: np.ndarray) -> np.ndarray:
    """Patches (n, H, W) less the plane that fits each best by least squares, float64.

    Examples
    --------
    >>> plane = 7 + np.add.outer(np.arange(4.0), -2 * np.arange(6.0))[None]
    >>> float(np.abs(without_plane(plane)).max().round(9))
    0.0
    """
    h = np.asarray(patches, dtype=np.float64)
    h = h - h.mean(axis=(1, 2), keepdims=True)
    y, x = (np.arange(size) - (size - 1) / 2 for size in h.shape[1:])
    down = h.mean(axis=2) @ y / (y @ y)
    across = h.mean(axis=1) @ x / (x @ x)
    return h - down[:, None, None] * y[:, None] - across[:, None, None] * x


def spectra(truth: np.ndarray, estimates: dict[str, np.ndarray], delta) -> pd.DataFrame:
    """Mean radial power of the truth and of each method.

    Parameters
    ----------
    truth : ndarray, shape (n, H, W)
        Depths in metres.
    estimates : dict of str to ndarray, shape (n, H, W)
        Method to its depths.
    delta : float or (float, float)
        HR cell size in metres, or (dy, dx).

    Returns
    -------
    DataFrame
        Index wavenumber (cycles per km), from the first above 0 to the HR grid's Nyquist;
        columns truth and the methods, square metres in each ring, mean over patches. A method's column divided by
        the truth's is its spectral ratio.
    """
    powers = {name: radial_power(h, delta) for name, h in ({"truth": truth} | estimates).items()}
    wavenumber = powers["truth"][0]
    table = pd.DataFrame({name: power.mean(axis=0) for name, (_, power) in powers.items()}, index=1e3 * wavenumber)
    nyquist = 1e3 / (2 * np.max(delta))
    return table[(table.index > 0) & (table.index <= nyquist * (1 + 1e-9))].rename_axis("wavenumber")
