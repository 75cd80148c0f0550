"""The terrain feature that Adaptive Mixup steers by, and its distribution in the target area.

Source: manual 1.3 (``mixup.py``: ``target_value``, ``threshold``, ``std``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bathysr_nb.mixup.blending import Solution, solve_lambda, solve_relief
from bathysr_nb.terrain import mean_slope_gradient

#: In the order of the manual's ``target_value``.
FEATURES = (
    "normalized_mean_slope_gradient",
    "altitude_difference",
    "mean_slope_gradient_norm_data",
    "mean_slope_gradient",
)
QUANTILES = 10_000


@dataclass(frozen=True)
class Feature:
    """A feature of patches.

    Attributes
    ----------
    name : str
        One of `FEATURES`. ``mean_slope_gradient_norm_data`` equals ``mean_slope_gradient``
        mathematically and is computed as that.
    delta : float or (float, float)
        Cell size in metres, or (dy, dx).
    side : {"LR", "HR"}
        Side of the pairs that it is measured on.
    low, span : float
        ``normalized_mean_slope_gradient`` is (MSG - low) / span: the target's lowest MSG and its range.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> Feature("altitude_difference", 200)(np.array([[[-30.0, -10.0]]])).tolist()
    [20.0]
    """

    name: str
    delta: float | tuple[float, float]
    side: str = "LR"
    low: float = 0.0
    span: float = 1.0

    def __post_init__(self):
        if self.name not in FEATURES:
            raise ValueError(f"unknown feature {self.name!r}; choose one of {', '.join(FEATURES)}")

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Feature of patches (n, h, w), float64: shape (n,)."""
        patches = np.asarray(patches, dtype=np.float64)
        if self.name == "altitude_difference":
            return np.ptp(patches, axis=(1, 2))
        return (mean_slope_gradient(patches, self.delta) - self.low) / self.span

    def solve(self, high: np.ndarray, low: np.ndarray, wanted: np.ndarray) -> Solution:
        """Weights at which the blends have the wanted features.

        Parameters
        ----------
        high, low, wanted
            As `bathysr_nb.mixup.blending.solve_lambda`, `wanted` in units of the feature.

        Returns
        -------
        Solution
            Its value is in units of the feature too.
        """
        if self.name == "altitude_difference":
            return solve_relief(high, low, wanted)
        solved = solve_lambda(high, low, np.asarray(wanted) * self.span + self.low, self.delta)
        return solved._replace(value=(solved.value - self.low) / self.span)

    def scaled(self, slopes) -> Feature:
        """The feature with 0 to 1 set to the range of some MSGs; itself if its kind is not scaled."""
        if self.name != "normalized_mean_slope_gradient":
            return self
        return replace(self, low=float(np.min(slopes)), span=float(np.ptp(slopes)) or 1.0)


def target_of_patches(patches: np.ndarray, feature: Feature) -> tuple[Feature, np.ndarray]:
    """The target area's distribution, from its patches.

    Parameters
    ----------
    patches : ndarray, shape (n, h, w)
        Depths in metres.
    feature : Feature

    Returns
    -------
    (Feature, ndarray (n,))
        The feature, scaled with the target's range if it is scaled, and its values.
    """
    patches = np.asarray(patches, dtype=np.float64)
    if feature.name == "normalized_mean_slope_gradient":
        feature = feature.scaled(mean_slope_gradient(patches, feature.delta))
    return feature, feature(patches)


def target_of_csv(path, feature: Feature) -> tuple[Feature, np.ndarray]:
    """The target area's distribution, from a feature table.

    Parameters
    ----------
    path : path
        As `bathysr_nb.pairs.features.write_features` writes it.
    feature : Feature

    Returns
    -------
    (Feature, ndarray (n,))
        As `target_of_patches`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, empty or has something else than numbers, naming the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"target_data_csv: {path}: no such file")
    needed = [feature.name]
    if feature.name == "normalized_mean_slope_gradient":
        needed.append("mean_slope_gradient")  # its range becomes 0 to 1
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a table of comma-separated values ({str(error).strip()})") from None
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(f"{path}: no column {', '.join(missing)}; found {', '.join(table.columns)}")
    for name in needed:
        values = pd.to_numeric(table[name], errors="coerce")
        if not len(values) or not np.isfinite(values).all():
            raise ValueError(f"{path}: column {name}: expected finite numbers in every row, at least one")
        table[name] = values
    return feature.scaled(table[needed[-1]].to_numpy(float)), table[feature.name].to_numpy(np.float64)


def normal_target(threshold: float, std: float) -> np.ndarray:
    """A target where none is given: 10,000 quantiles of a normal distribution, without those below 0.

    Parameters
    ----------
    threshold, std : float
        Mean and standard deviation.

    Returns
    -------
    ndarray
        Quantiles (k + 0.5) / 10000.

    Raises
    ------
    ValueError
        If std is not above 0, or nothing is left.

    Examples
    --------
    >>> round(float(np.median(normal_target(0.1, 0.01))), 6)
    0.1
    """
    if not std > 0:
        raise ValueError(f"std is {std}, expected a number above 0")
    values = threshold + std * ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
    if not (values >= 0).any():
        raise ValueError(f"threshold {threshold} and std {std}: all of this normal distribution is below 0")
    return values[values >= 0]
