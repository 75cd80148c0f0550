"""ESRGAN: dense blocks without batch normalisation, judged by a relativistic discriminator.

Source: manual 2.1.5, 2.2.11-2.2.14; Wang et al., ECCV Workshops 2018.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Scale, ToOneChannel
from bathysr_nb.models.options import BIAS, Esrgan
from bathysr_nb.models.srgan import SLOPE, conv, upsampling

BETA = 0.2  # share of a block's output that is added to what came in
DROPOUT = 0.4


def dense_block(x, filters: int, bias: bool, name: str):
    """Five convolutions, each of which sees the block's input and all earlier outputs once.

    Parameters
    ----------
    x : tensor, shape (n, h, w, filters)
    filters : int
    bias : bool
    name : str
        Begins the names of its layers.
    """
    seen = [x]
    for i in range(1, 6):
        inputs = keras.layers.concatenate(seen, name=f"{name}_seen_{i}") if len(seen) > 1 else x
        out = conv(filters, bias=bias, name=f"{name}_conv_{i}")(inputs)
        if i < 5:
            seen.append(keras.layers.LeakyReLU(SLOPE, name=f"{name}_relu_{i}")(out))
    return keras.layers.add([x, Scale(BETA, name=f"{name}_beta")(out)], name=f"{name}_add")


def rrdb(x, filters: int, bias: bool, name: str):
    """Residual in residual dense block: three dense blocks within one more weak skip.

    Parameters
    ----------
    x : tensor, shape (n, h, w, filters)
    filters : int
    bias : bool
    name : str
        Begins the names of its layers.
    """
    out = x
    for i in range(1, 4):
        out = dense_block(out, filters, bias, f"{name}_dense_{i}")
    return keras.layers.add([x, Scale(BETA, name=f"{name}_beta")(out)], name=f"{name}_add")


def generator(
    x,
    scale: int,
    *,
    filters=Esrgan.filters,
    num_residual_blocks=Esrgan.num_residual_blocks,
    bias=BIAS,
    last_initializer="he_normal",
):
    """ESRGAN's generator on a Keras tensor.

    Parameters
    ----------
    x : KerasTensor, shape (n, h, w, 1)
    scale : {2, 4}
    filters : int
        Channels of every convolution, also the growth of the dense blocks.
    num_residual_blocks : int
        Residual in residual dense blocks, one after the other.
    bias : bool
        False makes the network homogeneous: net(a x) = a net(x) for a > 0.
    last_initializer : str
        Kernel initialiser of the last convolution, which is linear.

    Returns
    -------
    KerasTensor, shape (n, h scale, w scale, 1)
    """
    leaky = lambda name: keras.layers.LeakyReLU(SLOPE, name=name)  # noqa: E731
    x = skip = conv(filters, bias=bias, name="first_conv")(x)
    for i in range(1, num_residual_blocks + 1):
        x = rrdb(x, filters, bias, f"rrdb_{i}")
    x = keras.layers.add([skip, conv(filters, bias=bias, name="after_conv")(x)], name="after_add")
    x = upsampling(x, scale, filters, leaky, bias)
    return ToOneChannel(3, scale, use_bias=bias, kernel_initializer=last_initializer, name="conv_last")(x)
