"""SRCNN: enlarge first, then three convolutions at high resolution.

Source: manual 2.1.1, 2.2.5; Dong et al., arXiv:1501.00092.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Resize, ToOneChannel
from bathysr_nb.models.options import BIAS, Srcnn


def srcnn(x, scale: int, *, filters=Srcnn.filters, kernels=Srcnn.kernels, bias=BIAS, last_initializer="glorot_uniform"):
    """SRCNN on a Keras tensor.

    Parameters
    ----------
    x : KerasTensor, shape (n, h, w, 1)
    scale : int
    filters : sequence of int
        Channels of all convolutions but the last, which has one.
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
    x = Resize(scale, name="resize")(x)
    for i, (channels, kernel) in enumerate(zip(filters, kernels), 1):
        x = keras.layers.Conv2D(channels, kernel, padding="same", activation="relu", use_bias=bias, name=f"conv_{i}")(x)
    return ToOneChannel(kernels[-1], scale, use_bias=bias, kernel_initializer=last_initializer, name="conv_last")(x)
