"""FSRCNN: shrink, map and expand at low resolution, then one transposed convolution.

Source: manual 2.1.2, 2.2.6; Dong, Loy and Tang, ECCV 2016.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Deconvolution, PReLU
from bathysr_nb.models.options import BIAS, Fsrcnn


def fsrcnn(x, scale: int, *, d=Fsrcnn.d, s=Fsrcnn.s, m=Fsrcnn.m, bias=BIAS, last_initializer="glorot_uniform"):
    """FSRCNN on a Keras tensor.

    Parameters
    ----------
    x : KerasTensor, shape (n, h, w, 1)
    scale : int
        Also the stride of the transposed convolution.
    d : int
        Channels of the first and of the last but one convolution.
    s : int
        Channels of the mapping convolutions between them.
    m : int
        Number of mapping convolutions.
    bias : bool
        False makes the network homogeneous: net(a x) = a net(x) for a > 0.
    last_initializer : str
        Kernel initialiser of the transposed convolution.

    Returns
    -------
    KerasTensor, shape (n, h scale, w scale, 1)
    """
    steps = [("extract", d, 5), ("shrink", s, 1), *((f"map_{i}", s, 3) for i in range(1, m + 1)), ("expand", d, 1)]
    for name, channels, kernel in steps:
        x = keras.layers.Conv2D(
            channels, kernel, padding="same", use_bias=bias, kernel_initializer="he_normal", name=name
        )(x)
        x = PReLU(shared_axes=[1, 2], name=f"{name}_prelu")(x)
    return Deconvolution(9, scale, use_bias=bias, kernel_initializer=last_initializer, name="deconvolution")(x)
