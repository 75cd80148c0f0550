"""Receptive field of a network: the overlap that tiles need to give the same cells as the whole map."""

from __future__ import annotations

import math
from fractions import Fraction

from bathysr_nb.interpolation import REACH
from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Conv2DSubPixel, LocalMean, Resize, Scale

#: Layers whose output cells depend on the same input cell alone (batch normalisation only when predicting).
CELLWISE = (
    keras.layers.InputLayer,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.Add,
    keras.layers.Subtract,
    keras.layers.Average,
    keras.layers.Multiply,
    keras.layers.Concatenate,
    keras.layers.Rescaling,
    keras.layers.Identity,
    Scale,
)


def _step(layer) -> tuple[Fraction | int, Fraction | int] | None:
    """Input cells that a layer sees to each side, and output cells per input cell along an axis; None if unknown."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return max(layer.kernel_size) // (2 * layer.strides[0]) + 1, layer.strides[0]
    if isinstance(layer, keras.layers.Conv2D):
        size = max((k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate))
        return size // 2, Fraction(1, layer.strides[0])
    if isinstance(layer, Resize):
        return REACH, layer.scale
    if isinstance(layer, keras.layers.UpSampling2D):
        return REACH, layer.size[0]
    if isinstance(layer, LocalMean):
        return layer.window // 2, 1
    if isinstance(layer, Conv2DSubPixel):
        return 0, layer.scale
    return (0, 1) if isinstance(layer, CELLWISE) else None


def receptive_field(model: keras.Model) -> int | None:
    """How many LR cells to each side of a cell its SR cells depend on.

    Parameters
    ----------
    model : keras.Model
        A functional model with one input and one output, of a GAN its generator.

    Returns
    -------
    int or None
        An upper bound from the layers' kernels, windows and enlargements; None where a layer sees the whole
        map, or its receptive field is unknown.

    Examples
    --------
    >>> from bathysr_nb.models.build import build_model
    >>> from bathysr_nb.models.normalisation import Normalisation
    >>> receptive_field(build_model("espcn"))  # kernels 5, 3 and 3
    4
    >>> receptive_field(build_model("espcn", normalisation=Normalisation(-1, 0, relief=1)))  # and 9 x 9 cells' mean
    8
    """
    seen: dict[int, tuple[Fraction, Fraction]] = {}  # per tensor: reach in LR cells, its cells per LR cell
    for layer in model.layers:
        step = _step(layer)
        output = getattr(layer, "output", None)
        if step is None or not isinstance(output, keras.KerasTensor):
            return None
        first = isinstance(layer, keras.layers.InputLayer)
        before = [] if first else [seen.get(id(tensor)) for tensor in keras.tree.flatten(layer.input)]
        if None in before:
            return None
        reach = max((reach for reach, _ in before), default=Fraction(0))
        cells = before[0][1] if before else Fraction(1)
        seen[id(output)] = reach + step[0] / cells, cells * step[1]
    return math.ceil(seen[id(model.outputs[0])][0])
