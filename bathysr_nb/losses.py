"""Losses and metrics on depths in metres.

A loss is in the network's own units (`Normalisation.unit` metres): the manual's mse and
mae where depths are scaled to 0..1, metres per relief scale in the residual form.

Source: manual 2.2.15 (``Metric``), 2.2.16 (``Loss``).
"""

from __future__ import annotations

from bathysr_nb.backend import keras, ops
from bathysr_nb.normalization import Normalisation


@keras.saving.register_keras_serializable("bathysr_nb")
class PixelLoss(keras.losses.Loss):
    """Mean absolute or squared error per patch, in units of the network.

    Parameters
    ----------
    power : {1, 2}
        1: mae, 2: mse.
    unit : float
        Metres per unit.
    """

    def __init__(self, power: int, unit: float, name: str = "loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.power, self.unit = power, unit

    def call(self, y_true, y_pred):
        error = ops.abs(y_true - y_pred) / self.unit
        return ops.mean(error**self.power, axis=(1, 2, 3))

    def get_config(self):
        return {**super().get_config(), "power": self.power, "unit": self.unit}


LOSSES = {"mae": 1, "mse": 2}


def get_loss(name: str, normalisation: Normalisation) -> PixelLoss:
    """The loss of that name in the units of a normalisation.

    Parameters
    ----------
    name : {"mae", "mse"}
    normalisation : Normalisation

    Returns
    -------
    PixelLoss

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> get_loss("mae", Normalisation(-2500, 0)).unit
    2500
    """
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; choose one of {', '.join(LOSSES)}")
    return PixelLoss(LOSSES[name], normalisation.unit, name=name)
