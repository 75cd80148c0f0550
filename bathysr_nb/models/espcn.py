"""ESPCN: convolutions at low resolution, then the sub-pixel shuffle.

Source: manual 2.1.3, 2.2.7; Shi et al., CVPR 2016.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Conv2DSubPixel
from bathysr_nb.models.options import BIAS, Espcn


def espcn(x, scale: int, *, filters=Espcn.filters, kernels=Espcn.kernels, bias=BIAS, last_initializer="glorot_uniform"):
    """ESPCN on a Keras tensor.

    Parameters
    ----------
    x : KerasTensor, shape (n, h, w, 1)
    scale : int
    filters : sequence of int
        Channels of all convolutions but the last, which has scale**2.
    kernels : sequence of int
        Kernel size of each convolution, one more than `filters`.
    bias : bool
        False makes the network homogeneous: net(a x) = a net(x) for a > 0.
    last_initializer : str
        Kernel initialiser of the last convolution.

    Returns
    -------
    KerasTensor, shape (n, h scale, w scale, 1)
    """
    for i, (channels, kernel) in enumerate(zip(filters, kernels), 1):
        x = keras.layers.Conv2D(channels, kernel, padding="same", activation="relu", use_bias=bias, name=f"conv_{i}")(x)
    x = keras.layers.Conv2D(
        scale**2, kernels[-1], padding="same", use_bias=bias, kernel_initializer=last_initializer, name="conv_last"
    )(x)
    return Conv2DSubPixel(scale, name="sub_pixel")(x)
