"""Whether a given LR grid is the same seafloor, in the same place, as the HR grid beside it.

A pair of grids that are shifted or offset against each other teaches a network that shift, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bathysr_nb.pairs.downsampling import resize

SMALLEST = 12  # LR cells along a side, for a shift to be found
REACH = 2  # LR cells of the largest shift that is looked for
LEAST = 0.05  # LR cells, and share of the rms difference, below which nothing is said


@dataclass(frozen=True)
class Agreement:
    """How an LR grid differs from HR made coarser; depths in metres.

    Attributes
    ----------
    rule : {"bilinear", "area"}
        The way of making HR coarser that comes nearer.
    rms : float
        Root mean square of the difference.
    offset : float
        Mean of the difference, LR minus HR.
    rms_without_offset : float
    shift : (float, float)
        Rows and columns, in LR cells, by which LR lies below and to the right of HR where they fit best.
    rms_without_shift : float
    """

    rule: str
    rms: float
    offset: float
    rms_without_offset: float
    shift: tuple[float, float]
    rms_without_shift: float

    def sentences(self) -> list[str]:
        """The difference in words, and a line for a shift or an offset that explains more than half of it."""
        lines = [
            f"LR against HR made coarser ({self.rule}): rms difference {self.rms:.3g} m, mean {self.offset:+.3g} m"
        ]
        down, right = self.shift
        if self.rms_without_shift < self.rms / 2 and max(abs(down), abs(right)) > LEAST:
            lines.append(
                f"LR lies {down:+.2g} of its cells down and {right:+.2g} to the right of HR: moved back, the rms "
                f"difference is {self.rms_without_shift:.3g} m; check the corners of both grids before you train"
            )
        if self.rms_without_offset < self.rms / 2:
            lines.append(
                f"an offset of {self.offset:+.3g} m explains most of the difference (without it "
                f"{self.rms_without_offset:.3g} m); check the vertical datum of both grids"
            )
        return lines


def compare_resolutions(lr: np.ndarray, hr: np.ndarray) -> Agreement:
    """Compare a given LR grid with the HR grid of the same ground.

    Parameters
    ----------
    lr, hr : ndarray, shape (h, w) and (h scale, w scale)
        Metres, NaN where missing; at least `SMALLEST` cells along each side of LR.

    Returns
    -------
    Agreement

    Raises
    ------
    ValueError
        If the grids are too small, or no cell is known in both.

    Notes
    -----
    Whole shifts are tried up to 2 LR cells each way; between them the mean squared difference is taken for a parabola,
    and the result is rounded to HR cells, at which the difference is measured again.

    Examples
    --------
    >>> y, x = np.mgrid[:80.0, :80.0]
    >>> hr = 50 * np.sin(y / 9) * np.cos(x / 7)
    >>> lr = resize(np.roll(hr, (6, 0), (0, 1)), 4, "area")
    >>> compare_resolutions(lr[3:-3, 3:-3], hr[12:-12, 12:-12]).shift
    (1.5, 0.0)
    """
    lr, hr = np.asarray(lr, float), np.asarray(hr, float)
    scale = hr.shape[0] // lr.shape[0]
    if min(lr.shape) < SMALLEST or hr.shape != tuple(scale * size for size in lr.shape):
        raise ValueError(
            f"LR {lr.shape} and HR {hr.shape}; expected a whole scale and at least {SMALLEST} LR cells a side"
        )
    known = {rule: _difference(lr, resize(hr, scale, rule)) for rule in ("bilinear", "area")}
    rule = min(known, key=lambda name: _rms(known[name]))
    difference = known[rule]
    if not len(difference):
        raise ValueError("LR and HR have no known cell in common")
    shift = _best_shift(lr, resize(hr, scale, rule), scale)
    moved = _difference(*_overlap(lr, hr, shift, scale, rule))
    return Agreement(
        rule=rule,
        rms=_rms(difference),
        offset=float(difference.mean()),
        rms_without_offset=float(difference.std()),
        shift=tuple(cells / scale for cells in shift),
        rms_without_shift=_rms(moved),
    )


def _difference(lr: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    difference = (lr - coarse).ravel()
    return difference[np.isfinite(difference)]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else np.inf


def _best_shift(lr: np.ndarray, coarse: np.ndarray, scale: int) -> tuple[int, int]:
    """The shift with the least mean squared difference, in HR cells."""
    most = REACH + 1  # so that the largest shift has neighbours on both sides
    reach = np.arange(-most, most + 1)
    inner = lr[most:-most, most:-most]
    rows, cols = inner.shape
    error = np.array(
        [
            [_rms(_difference(inner, coarse[most - i : most - i + rows, most - j : most - j + cols])) for j in reach]
            for i in reach
        ]
    )
    at = np.unravel_index(np.argmin(error), error.shape)
    profiles = (error[:, at[1]] ** 2, error[at[0]] ** 2)
    best = [reach[i] + _vertex(profile, i) for i, profile in zip(at, profiles)]
    return tuple(round(scale * min(max(cells, -REACH), REACH)) for cells in best)


def _vertex(profile: np.ndarray, at: int) -> float:
    """Where between the neighbours of its least value a parabola through them has its least; 0 at the ends."""
    if not 0 < at < len(profile) - 1 or not np.isfinite(profile[at - 1 : at + 2]).all():
        return 0.0
    left, middle, right = profile[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return float((left - right) / (2 * bend)) if bend > 0 else 0.0


def _overlap(lr: np.ndarray, hr: np.ndarray, shift, scale: int, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """LR without its rim, and HR made coarser under it after moving LR back by whole HR cells."""
    most = REACH + 2
    rim, inner = most * scale, lr[most:-most, most:-most]
    sides = (slice(rim - cells, rim - cells + scale * size) for cells, size in zip(shift, inner.shape))
    return inner, resize(hr[tuple(sides)], scale, rule)
