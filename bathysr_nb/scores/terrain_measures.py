"""What RMSE does not show: slope, roughness, consistency with LR, invented detail.

Each measure is a map over a patch's cells; a score is its mean over patches, on all cells or on the inner
ones, which lie at least 2 LR cells from the patch's rim.

Source: ours. Roughness as the spread of depth about its local mean: M. Wilson et al., "Multiscale terrain
analysis of multibeam bathymetry data", Marine Geodesy 30, 2007.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

from bathysr_nb import interpolation, terrain
from bathysr_nb.pairs.downsampling import pair_scale, resize

RIM = 2  # LR cells off each side of a patch: the inner cells
CELLS = {"inner": RIM, "all": 0}
CHUNK = 16  # patches at a time: their maps stay in the processor's cache


def detail(h: np.ndarray, scale: int) -> np.ndarray:
    """Depth less its local mean: relief too fine for LR cells.

    The mean is over (2 scale + 1) x (2 scale + 1) cells, about one wave at the LR grid's Nyquist
    wavenumber: that wave and shorter ones are kept whole, of a wave twice as long a third is kept.

    Parameters
    ----------
    h : ndarray, shape (..., H, W)
        Metres. Patches are mirrored at their rim, so on the outermost `scale` cells a slope counts as detail.
    scale : int
        HR cells per LR cell along an axis.

    Returns
    -------
    ndarray, shape (..., H, W)
        Metres.

    Examples
    --------
    >>> plane = np.add.outer(np.arange(16.0), 3 * np.arange(16.0))
    >>> float(np.abs(detail(plane, 2)[2:-2, 2:-2]).max().round(9))
    0.0
    """
    return h - _local_mean(h, 2 * scale + 1)


def _local_mean(h: np.ndarray, window: int) -> np.ndarray:
    return ndimage.uniform_filter(h, (1,) * (h.ndim - 2) + (window, window), mode="reflect")


def slope_angle(h: np.ndarray, delta) -> np.ndarray:
    """`bathysr_nb.terrain.slope` as an angle.

    Parameters
    ----------
    h : ndarray, shape (..., H, W)
        Depths in metres.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).

    Returns
    -------
    ndarray, shape (..., H - 2, W - 2)
        Degrees.

    Examples
    --------
    >>> slope_angle(np.outer(np.arange(3.0), np.ones(3)) * 50, 50).round(6).tolist()
    [[45.0]]
    """
    return np.degrees(np.arctan(terrain.slope(h, delta)))


def detail_beyond_bicubic(h: np.ndarray, lr: np.ndarray) -> np.ndarray:
    """`detail` of the difference from bicubic: what a map shows that cannot be had from its LR alone.

    Parameters
    ----------
    h : ndarray, shape (..., H, W)
        A truth or an estimate, metres.
    lr : ndarray, shape (..., h, w)
        Its LR patches, metres.

    Returns
    -------
    ndarray, shape (..., H, W)
        Metres; 0 for bicubic itself.
    """
    scale = h.shape[-1] // lr.shape[-1]
    return detail(h - interpolation.enlarge(lr, scale), scale)


def invented(truth: np.ndarray, estimate: np.ndarray, lr: np.ndarray, rim: int = 0) -> np.ndarray:
    r"""Map of fine detail added to bicubic that does not match the truth.

    With the detail beyond bicubic of the estimate, e, and of the truth, t (`detail_beyond_bicubic`), and means over
    (4 scale + 1) x (4 scale + 1) cells, it is the part of e that is not proportional to t:

    .. math:: \sqrt{\overline{e^2} - \frac{\max(\overline{et}, 0)^2}{\overline{t^2}}}

    Detail in the right place does not count, however weak or strong; inverted detail counts, and so
    does detail where the truth has none.

    Parameters
    ----------
    truth, estimate : ndarray, shape (..., H, W)
        Metres.
    lr : ndarray, shape (..., h, w)
        Metres.
    rim : int
        LR cells to leave out on each side: bicubic lacks neighbours at a patch's rim, so an
        estimate may rightly differ from it there.

    Returns
    -------
    ndarray, shape (..., H - 2 scale rim, W - 2 scale rim)
        Metres, 0 or more: the local RMS of invented detail. 0 for the truth and for bicubic.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.

    Examples
    --------
    >>> truth = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> lr = resize(truth)
    >>> float(invented(truth, truth, lr).max().round(6))
    0.0
    """
    if truth.shape != estimate.shape:
        raise ValueError(f"truth has shape {truth.shape} and estimate {estimate.shape}; they must agree")
    scale = truth.shape[-1] // lr.shape[-1]
    estimated, true = (_inside(detail_beyond_bicubic(side, lr), rim * scale) for side in (estimate, truth))
    window = 4 * scale + 1
    matching = _matching(estimated, true, _local_mean(true * true, window), window)
    return np.sqrt(np.maximum(_local_mean(estimated * estimated, window) - matching, 0))


def _matching(estimated: np.ndarray, true: np.ndarray, true_square: np.ndarray, window: int) -> np.ndarray:
    """Local mean square of the part of `estimated` that is proportional to `true`, by a factor of 0 or more."""
    product = np.maximum(_local_mean(estimated * true, window), 0)
    return product**2 / np.maximum(true_square, np.finfo(true.dtype).tiny)


def _inside(h: np.ndarray, cells: int) -> np.ndarray:
    cut = slice(cells, -cells or None)
    return h[..., cut, cut]


def _mean(h: np.ndarray, cells: int = 0) -> np.ndarray:
    """Mean of each map without so many cells at its rim."""
    return _inside(h, cells).mean(axis=(-2, -1), dtype=np.float64)


def patch_measures(
    truth: np.ndarray, estimates: dict[str, np.ndarray], lr: np.ndarray, delta, downsampling: str = "bilinear"
) -> dict[str, dict[str, pd.DataFrame]]:
    """The means of each patch that `bathysr_nb.scores.tables.full_table` needs.

    Parameters
    ----------
    truth : ndarray, shape (n, H, W)
        Depths in metres.
    estimates : dict of str to ndarray, shape (n, H, W)
        Method to its depths in metres.
    lr : ndarray, shape (n, h, w)
        What the estimates were made from, metres.
    delta : float or (float, float)
        HR cell size in metres, or (dy, dx).
    downsampling : {"bilinear", "area"}
        How LR was made from HR; see `bathysr_nb.pairs.downsampling.resize`.

    Returns
    -------
    dict of str to dict of str to DataFrame
        Cells ("inner", "all"), then method, then one row a patch: squared (m2) and absolute (m) error,
        rmse (m), slope_absolute and slope_signed error (degrees, on cells that have all their
        neighbours), roughness and true_roughness (m2, mean square of `detail` where its
        window is whole), lr_squared (m2, downsampled estimate less LR), true_detail (m2, mean square of the
        truth's `detail_beyond_bicubic`) and invented (m2, of `invented`).

    Raises
    ------
    ValueError
        If shapes do not fit each other, or patches have no inner cells.
    """
    scale = pair_scale(lr, truth, "LR", "truth")
    if min(lr.shape[1:]) <= 2 * RIM:
        raise ValueError(f"LR patches have {lr.shape[1:]} cells, inner cells need more than {2 * RIM} along each side")
    wrong = [f"{name} has shape {sr.shape}" for name, sr in estimates.items() if sr.shape != truth.shape]
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}; expected that of the truth, {truth.shape}")
    rows = {(cells, method): [] for cells in CELLS for method in estimates}
    for start in range(0, len(truth), CHUNK):
        part = slice(start, start + CHUNK)
        true = _Truth(truth[part], lr[part], delta, scale)
        for method, estimate in estimates.items():
            for cells, measures in true.measure(estimate[part], downsampling).items():
                rows[cells, method].append(pd.DataFrame(measures))
    return {c: {method: pd.concat(rows[c, method], ignore_index=True) for method in estimates} for c in CELLS}


class _Truth:
    """Some true patches and all that the methods are compared with, computed once for all methods."""

    def __init__(self, h: np.ndarray, lr: np.ndarray, delta, scale: int):
        self.h, self.lr, self.delta, self.scale, self.window = h, lr, delta, scale, 4 * scale + 1
        self.angle = slope_angle(h, delta)
        fine = detail(h, scale)
        self.roughness = fine**2
        self.bicubic_detail = detail(interpolation.enlarge(lr, scale), scale)
        self.beyond = fine - self.bicubic_detail
        inside = {rim: _inside(self.beyond, rim * scale) for rim in CELLS.values()}
        self.inside = {rim: (part, _local_mean(part * part, self.window)) for rim, part in inside.items()}

    def measure(self, estimate: np.ndarray, downsampling: str) -> dict[str, dict[str, np.ndarray]]:
        """Kind of cells, then measure, to one value a patch."""
        error = estimate - self.h
        steeper = slope_angle(estimate, self.delta) - self.angle
        fine = detail(estimate, self.scale)
        down = resize(estimate, self.scale, downsampling) - self.lr
        square, absolute, slope, rough, down = error**2, np.abs(error), np.abs(steeper), fine**2, down**2
        beyond = fine - self.bicubic_detail  # `detail` is linear: that of the difference from bicubic
        found = {}
        for cells, rim in CELLS.items():
            off = rim * self.scale
            found[cells] = {
                "squared": _mean(square, off),
                "rmse": np.sqrt(_mean(square, off)),
                "absolute": _mean(absolute, off),
                "slope_absolute": _mean(slope, max(off - 1, 0)),  # slopes lack the outermost cells already
                "slope_signed": _mean(steeper, max(off - 1, 0)),
                "roughness": _mean(rough, max(off, self.scale)),
                "true_roughness": _mean(self.roughness, max(off, self.scale)),
                "lr_squared": _mean(down, rim),
                "true_detail": _mean(self.inside[rim][0] ** 2),
                "invented": self._invented(_inside(beyond, off), rim),
            }
        return found

    def _invented(self, beyond: np.ndarray, rim: int) -> np.ndarray:
        """Mean square of `invented`, with one filter less: with mirrored rims the mean of local means is the mean."""
        return np.maximum(_mean(beyond**2) - _mean(_matching(beyond, *self.inside[rim], self.window)), 0)
