"""The range of the training data, kept with the weights: depths, slopes, cell size, and how LR was made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bathysr_nb import terrain
from bathysr_nb.pairs.downsampling import METHODS

TRAINING_RANGE = "training_range.json"  # beside the weights
QUANTILES = (0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class TrainingRange:
    """The depths, slopes and cell size that a network was trained on.

    Attributes
    ----------
    depth : (float, float)
        Deepest and shallowest LR cell, metres.
    slope : tuple of float
        Quantiles 0, 0.01, 0.05, 0.5, 0.95, 0.99 and 1 of the LR patches' mean slope gradient without their border
        cells; rise over run, or metres per cell if the cell size is unknown.
    cells : int
        Rows of an LR patch.
    cell_size : (float, float) or None
        LR cell size (dy, dx) in metres; None if unknown.
    downsampling : {"bilinear", "area"} or None
        The rule that LR was made from HR by; None if by neither or unknown.

    Raises
    ------
    ValueError
        If there are not two depths and seven slopes, in rising order, cells are not positive, or there is no such rule.
    """

    depth: tuple[float, float]
    slope: tuple[float, ...]
    cells: int
    cell_size: tuple[float, float] | None = None
    downsampling: str | None = None

    def __post_init__(self):
        for name, count in (("depth", 2), ("slope", len(QUANTILES))):
            values = getattr(self, name)
            if len(values) != count or not (np.diff(values) >= 0).all():
                raise ValueError(f"{name} is {values}, expected {count} rising numbers")
        size = (1, 1) if self.cell_size is None else self.cell_size
        if not (self.cells >= 3 and len(size) == 2 and min(size) > 0):
            raise ValueError(f"cells is {self.cells} and cell_size {self.cell_size}, expected 3 or more and (dy, dx)")
        if self.downsampling not in (None, *METHODS):
            raise ValueError(f"downsampling is {self.downsampling!r}, expected null or one of {', '.join(METHODS)}")

    @classmethod
    def fit(cls, lr: np.ndarray, cell_size=None, downsampling: str | None = None) -> TrainingRange:
        """Take the range from the LR patches of a training set.

        Parameters
        ----------
        lr : ndarray, shape (n, h, w, 1)
            Metres.
        cell_size : float or (float, float), optional
            LR cell size in metres, or (dy, dx).
        downsampling : {"bilinear", "area"}, optional

        Examples
        --------
        >>> plane = np.arange(-8.0, 0)[:, None] * np.full(8, 20)
        >>> TrainingRange.fit(plane[None, ..., None], 200).slope[-1]
        0.1
        """
        size = None if cell_size is None else tuple(map(float, np.broadcast_to(cell_size, 2)))
        slope = terrain.mean_slope_gradient(lr[..., 0].astype(np.float64), size or 1, border="exclude")
        quantiles = tuple(np.quantile(slope, QUANTILES).round(9).tolist())
        return cls((float(lr.min()), float(lr.max())), quantiles, int(lr.shape[1]), size, downsampling)

    def to_json(self) -> str:
        """The text of the file that `load` reads."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def load(cls, path) -> TrainingRange:
        """Read a file that holds `to_json`; anything else in it is a ValueError that names it."""
        try:
            values = json.loads(Path(path).read_text())
            return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a training range ({error})") from None

    @classmethod
    def beside(cls, model) -> TrainingRange | None:
        """The training range in the folder of a model's file, or None where there is none."""
        path = Path(model).with_name(TRAINING_RANGE)
        return cls.load(path) if path.is_file() else None


def cell_ratio(one, other) -> float:
    """How many times larger the larger of two cell sizes (dy, dx) is, along the axis where they differ most.

    Parameters
    ----------
    one, other : float or (float, float)
        Metres.

    Examples
    --------
    >>> cell_ratio((100, 100), (50, 50)), cell_ratio((50, 200), (100, 100))
    (2.0, 2.0)
    """
    ratio = np.asarray(one, float) / np.asarray(other, float)
    return float(max(ratio.max(), 1 / ratio.min()))
