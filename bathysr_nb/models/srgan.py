"""SRGAN: a residual network with batch normalisation, and a discriminator that judges it.

Source: manual 2.1.4, 2.2.8-2.2.10; Ledig et al., CVPR 2017.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras
from bathysr_nb.models.layers import Conv2DSubPixel, PReLU, ToOneChannel
from bathysr_nb.models.options import BIAS, Srgan

MOMENTUM = 0.8
SLOPE = 0.2


def conv(channels: int, kernel: int = 3, strides: int = 1, *, bias=True, initializer="he_normal", name=None):
    """The GANs' convolution: same padding, linear, he_normal.

    Parameters
    ----------
    channels, kernel, strides : int
    bias : bool
    initializer : str
        Of the kernel.
    name : str, optional
    """
    return keras.layers.Conv2D(
        channels, kernel, strides, padding="same", use_bias=bias, kernel_initializer=initializer, name=name
    )


def residual_block(x, filters: int, bias: bool, name: str):
    """Conv-BN-PReLU-Conv-BN, added to what came in; shape unchanged.

    Parameters
    ----------
    x : tensor, shape (n, h, w, filters)
    filters : int
    bias : bool
    name : str
        Begins the names of its layers.
    """
    skip = x
    x = conv(filters, bias=bias, name=f"{name}_conv_1")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn_1")(x)
    x = PReLU(shared_axes=[1, 2], name=f"{name}_prelu")(x)
    x = conv(filters, bias=bias, name=f"{name}_conv_2")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn_2")(x)
    return keras.layers.add([skip, x], name=f"{name}_add")


def upsampling(x, scale: int, filters: int, activation, bias: bool):
    """One sub-pixel block per factor 2: a convolution to 4 filters, the shuffle, an activation.

    Parameters
    ----------
    x : KerasTensor, shape (n, h, w, filters)
    scale : {2, 4}
    filters : int
    activation : callable
        Makes the activation layer from its name.
    bias : bool

    Returns
    -------
    KerasTensor, shape (n, h scale, w scale, filters)
    """
    for i in range(1, scale.bit_length()):
        x = conv(4 * filters, bias=bias, name=f"up_{i}_conv")(x)
        x = Conv2DSubPixel(2, name=f"up_{i}_sub_pixel")(x)
        x = activation(f"up_{i}_activation")(x)
    return x


def generator(
    x,
    scale: int,
    *,
    filters=Srgan.filters,
    num_residual_blocks=Srgan.num_residual_blocks,
    bias=BIAS,
    last_initializer="he_normal",
):
    """SRGAN's generator on a Keras tensor.

    Parameters
    ----------
    x : KerasTensor, shape (n, h, w, 1)
    scale : {2, 4}
    filters : int
        Channels of all convolutions at low resolution.
    num_residual_blocks : int
    bias : bool
        Biases in the convolutions; batch normalisation has its own in any case.
    last_initializer : str
        Kernel initialiser of the last convolution, which is linear.

    Returns
    -------
    KerasTensor, shape (n, h scale, w scale, 1)
    """
    prelu = lambda name: PReLU(shared_axes=[1, 2], name=name)  # noqa: E731
    x = skip = prelu("first_prelu")(conv(filters, 9, bias=bias, name="first_conv")(x))
    for i in range(1, num_residual_blocks + 1):
        x = residual_block(x, filters, bias, f"block_{i}")
    x = conv(filters, bias=bias, name="after_conv")(x)
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name="after_bn")(x)
    x = keras.layers.add([skip, x], name="after_add")
    x = upsampling(x, scale, filters, prelu, bias)
    return ToOneChannel(9, scale, use_bias=bias, kernel_initializer=last_initializer, name="conv_last")(x)


def discriminator(
    x, *, d_filters=Srgan.d_filters, d_num_downsampling_blocks=Srgan.d_num_downsampling_blocks, dropout=0.0
):
    """Discriminator on a Keras tensor: one logit a patch, real above 0.

    Each block halves the patch and doubles the channels. The mean over cells before the
    last layers makes it take patches of any size.

    Parameters
    ----------
    x : KerasTensor, shape (n, H, W, 1)
    d_filters : int
        Channels of the first convolution.
    d_num_downsampling_blocks : int
    dropout : float
        Share of channels dropped before the logit (ESRGAN).

    Returns
    -------
    KerasTensor, shape (n, 1), float32
    """
    x = conv(d_filters, name="conv_0")(x)
    x = keras.layers.LeakyReLU(SLOPE, name="relu_0")(x)
    for i in range(1, d_num_downsampling_blocks + 1):
        for kind, channels, strides in (("down", d_filters * 2 ** (i - 1), 2), ("conv", d_filters * 2**i, 1)):
            x = conv(channels, strides=strides, name=f"{kind}_{i}")(x)
            x = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{kind}_{i}_bn")(x)
            x = keras.layers.LeakyReLU(SLOPE, name=f"{kind}_{i}_relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    x = keras.layers.Dense(16 * d_filters, kernel_initializer="he_normal", name="dense")(x)
    x = keras.layers.LeakyReLU(SLOPE, name="dense_relu")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, seed=1, name="dropout")(x)
    return keras.layers.Dense(1, kernel_initializer="he_normal", dtype="float32", name="logit")(x)
