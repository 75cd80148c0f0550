"""What a map holds beside its elevation: how far it may be off, and where it should not be trusted at all."""

from __future__ import annotations

from typing import NamedTuple

import dask.array as da
import xarray as xr

from bathysr_nb.files import project
from bathysr_nb.maps.applicability import applicability
from bathysr_nb.models.backend import keras
from bathysr_nb.training.training_range import TRAINING_RANGE, TrainingRange
from bathysr_nb.training.uncertainty import Uncertainty

UNCERTAINTY, SPREAD, FLAGS = "uncertainty", "spread", "applicability"


class HalfWidth(NamedTuple):
    """Half-widths at one level, a + b x local relief, and what is said of them.

    Attributes
    ----------
    a : float
        Metres.
    b : float
        Metres per metre.
    attrs : dict
        Of the layer.
    """

    a: float
    b: float
    attrs: dict


def half_width(model, level: float | None, calibration: Uncertainty | None) -> HalfWidth | None:
    """The half-widths that a map is to have.

    Parameters
    ----------
    model : keras.Model or path
    level : float or None
        None: none.
    calibration : Uncertainty or None
        None: from ``uncertainty.json`` beside the model.

    Raises
    ------
    FileNotFoundError, ValueError
        As `bathysr_nb.training.uncertainty.Uncertainty.beside` and its `factor`; if a model in memory has none.
    """
    if level is None:
        return None
    if calibration is None and isinstance(model, keras.Model):
        raise ValueError(
            f"{model.name}: the uncertainty of a model in memory is unknown; give calibration= or its file"
        )
    found = calibration or Uncertainty.beside(model)
    factor = found.factor(level)
    name = f"half-width that {100 * level:.4g}% of the errors are expected within, from {found.blocks} held-out blocks"
    return HalfWidth(factor * found.a, factor * found.b, {"long_name": name, "units": "m", "level": float(level)})


def downsampling_rule(model, given: str | None = None) -> str:
    """The rule that the LR of a network's training pairs was made by.

    Parameters
    ----------
    model : keras.Model or path
    given : {"bilinear", "area"}, optional
        Takes precedence over what is recorded beside the model.

    Raises
    ------
    ValueError
        If none is given and none is recorded.
    """
    training = None if given or isinstance(model, keras.Model) else TrainingRange.beside(model)
    rule = given or (training and training.downsampling)
    if rule is None:
        told = model.name if isinstance(model, keras.Model) else _beside(model)
        raise ValueError(
            f"{told}: does not say how LR was made from HR, so a map cannot be made consistent with it; give "
            "downsampling='bilinear' or 'area' (--downsampling)"
        )
    return rule


def training_range_of(model) -> TrainingRange:
    """The training range of a network, with the cell size that flags need.

    Parameters
    ----------
    model : keras.Model or path

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or it has no cell size.
    """
    if isinstance(model, keras.Model):
        raise ValueError(f"{model.name}: the training range of a model in memory is unknown; give its file")
    training = TrainingRange.beside(project.resolve(model))
    if training is None:
        raise FileNotFoundError(f"{_beside(model)}: no such file, so the training range is unknown")
    if training.cell_size is None:
        raise ValueError(f"{_beside(model)}: cell_size is null, so slopes cannot be compared")
    return training


def _beside(model) -> str:
    return project.shorten(project.resolve(model).with_name(TRAINING_RANGE))


def add_flags(sr: xr.Dataset, grid: xr.DataArray, training: TrainingRange, scale: int, reach: int) -> None:
    """Add the flags of the LR cells to the map, each for all SR cells in it.

    Parameters
    ----------
    sr : Dataset, dims (y, x)
        The map, which gets a layer more.
    grid : DataArray, dims (y, x)
        LR depths in metres.
    training : TrainingRange
    scale, reach : int
        SR cells along an LR cell; see `bathysr_nb.maps.applicability.applicability`.
    """
    flags = applicability(grid, training, reach)
    fine = da.asarray(flags.data)
    for axis in (0, 1):
        fine = da.repeat(fine, scale, axis)
    sr[FLAGS] = (("y", "x"), fine.rechunk(sr.elevation.chunks), flags.attrs)


def name_companions(sr: xr.Dataset) -> None:
    """Tell by CF's ancillary_variables of the elevation which layers say something about it.

    Parameters
    ----------
    sr : Dataset
        The map; its elevation gets the attribute, if there are others.
    """
    others = [name for name in sr.data_vars if name != "elevation"]
    if others:
        sr.elevation.attrs["ancillary_variables"] = " ".join(others)
