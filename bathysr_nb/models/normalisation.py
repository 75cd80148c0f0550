"""The units a network works in, kept with its weights.

The same range is used for LR, HR, validation, test and later use: scaling each set by its own
extremes would leak the test truth and make RMSE incomparable.

Source: manual 2.2.22 (``MinMaxNormalizer``); the residual form is ours.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

NORMALISATION = "normalisation.json"  # beside the weights
LOCAL_MEAN_CELLS = 9  # LR cells along the side of the local mean's window


def local_mean(lr: np.ndarray) -> np.ndarray:
    """Mean over the `LOCAL_MEAN_CELLS` square around each cell, edges replicated; shape (..., h, w), float64."""
    size = (1,) * (np.ndim(lr) - 2) + (LOCAL_MEAN_CELLS, LOCAL_MEAN_CELLS)
    return ndimage.uniform_filter(np.asarray(lr, dtype=np.float64), size, mode="nearest")


@dataclass(frozen=True)
class Normalisation:
    """How metres become the numbers a network sees, and back.

    Attributes
    ----------
    low, high : float
        Depths in metres that become 0 and 1 (``norm_range``). PSNR and DSSIM are always
        on this scale.
    relief : float or None
        None: the manual's form, the network sees and gives depths scaled to 0..1.
        A number k in metres: the residual form, SR = bicubic(LR) + k net((LR - m) / k)
        with m the local mean of LR.

    Raises
    ------
    ValueError
        If high <= low or relief <= 0.

    Examples
    --------
    >>> Normalisation(-2500, 0).unit
    2500
    >>> Normalisation(-2500, 0, relief=50).unit
    50
    """

    low: float
    high: float
    relief: float | None = None

    def __post_init__(self):
        if not self.high > self.low:
            raise ValueError(f"norm_range is ({self.low}, {self.high}), expected low < high")
        if self.relief is not None and not self.relief > 0:
            raise ValueError(f"relief is {self.relief}, expected metres > 0 or None")

    @property
    def unit(self) -> float:
        """Metres per unit of the network's output; losses are in these units."""
        return self.high - self.low if self.relief is None else self.relief

    def scaled(self, depth):
        """Metres to 0..1 by `low` and `high`, for a tensor or an array of any shape.

        Examples
        --------
        >>> Normalisation(-2500, 0, relief=50).scaled(-625.0)
        0.75
        """
        return (depth - self.low) / (self.high - self.low)

    @classmethod
    def fit(cls, lr: np.ndarray, hr: np.ndarray, residual: bool, norm_range=None, relief=None) -> Normalisation:
        """Take the units from a training set: its extremes, and the spread of LR about its local mean.

        Parameters
        ----------
        lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
            Training patches in metres.
        residual : bool
            The residual form instead of the manual's.
        norm_range : (float, float), optional
            Depths that become 0 and 1; None takes the training set's extremes.
        relief : float, optional
            Metres that are one unit of the residual form; None takes the standard deviation of LR
            about its local mean.

        Returns
        -------
        Normalisation

        Raises
        ------
        ValueError
            If all depths are equal and there is no `norm_range`.
        """
        low, high = norm_range or (min(lr.min(), hr.min()), max(lr.max(), hr.max()))
        if norm_range is None and low == high:
            raise ValueError(f"all training depths are {low:g} m: there is no relief to learn; give norm_range")
        if residual and relief is None:
            relief = float(np.std(lr[..., 0] - local_mean(lr[..., 0])))
        return cls(float(low), float(high), relief if residual else None)

    def to_json(self) -> str:
        """The text of the file that `load` reads."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def load(cls, path) -> Normalisation:
        """Read a file that holds `to_json`; anything else in it is a ValueError that names it."""
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a normalisation ({error})") from None
