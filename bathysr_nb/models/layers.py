"""Custom layers: enlarging, sub-pixel shuffle, scaling, local mean, and two fast convolutions.

All of them run on every backend (`keras.ops`) and accept any height and width. `ToOneChannel` and
`Deconvolution` give the same numbers as Keras' own layers, with the same weights, in a fraction of the
time on a CPU: both are a convolution to scale^2 channels and the sub-pixel shuffle.

Source: manual 2.2.2 (``Resize``), 2.2.3 (``Conv2DSubPixel``), 2.2.4 (``Scale``).
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.interpolation import REACH, kernel_1d
from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.normalisation import LOCAL_MEAN_CELLS


def depth_to_space(x, scale: int):
    """Shuffle channels into space: (n, h, w, c s^2) -> (n, h s, w s, c).

    Parameters
    ----------
    x : tensor, shape (n, h, w, c s^2)
    scale : int
        s, HR cells for each LR cell along one axis.
    """
    _, height, width, _ = ops.shape(x)
    channels = x.shape[-1] // scale**2
    x = ops.reshape(x, (-1, height, width, scale, scale, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height * scale, width * scale, channels))


def _replicate(x, cells: int):
    """Repeat the outermost rows and columns `cells` times outwards."""
    if not cells:
        return x
    rows = [ops.repeat(x[:, :1], cells, 1), x, ops.repeat(x[:, -1:], cells, 1)]
    x = ops.concatenate(rows, 1)
    return ops.concatenate([ops.repeat(x[:, :, :1], cells, 2), x, ops.repeat(x[:, :, -1:], cells, 2)], 2)


def _enlarged(input_shape, scale, more=0):
    batch, height, width, channels = input_shape
    grow = lambda size: None if size is None else size * scale + more  # noqa: E731
    return batch, grow(height), grow(width), channels


def _phases(x, taps: np.ndarray):
    """Each of the s phases of the finer rows as a sum of shifted coarse rows: s tensors (n, h, w, 1)."""
    rows = ops.shape(x)[1]
    padded = ops.pad(x, ((0, 0), (REACH, REACH), (0, 0), (0, 0)))
    shifted = [padded[:, k : k + rows] for k in range(taps.shape[1])]
    return [sum(float(tap) * row for tap, row in zip(phase, shifted) if tap) for phase in taps]


def _stretch_rows(x, taps: np.ndarray):
    """(n, h, w, 1) -> (n, h s, w, 1)."""
    _, rows, columns, _ = ops.shape(x)
    inside = _phases(ops.ones_like(x[:1, :, :1]), taps)
    finer = ops.stack([phase / weight for phase, weight in zip(_phases(x, taps), inside)], 2)
    return ops.reshape(finer, (-1, rows * len(taps), columns, 1))


def _stretch_columns(x, taps: np.ndarray):
    turn = (0, 2, 1, 3)
    return ops.transpose(_stretch_rows(ops.transpose(x, turn), taps), turn)


@keras.saving.register_keras_serializable("bathysr_nb")
class Resize(keras.layers.Layer):
    """Enlarge one-channel patches by a whole factor, the same on every backend and device.

    Parameters
    ----------
    scale : int
    method : {"bicubic", "bilinear", "nearest"}
        As `bathysr_nb.interpolation.enlarge`.
    margin : int
        Cells added on each side of the enlarged patch, edges replicated.

    Notes
    -----
    Manual 2.2.2. Input (n, h, w, 1), output (n, h scale + 2 margin, w scale + 2 margin, 1). Along
    each axis in turn, every fine cell is a weighted sum of coarse cells, divided by the weights that lie
    inside the patch. It is computed by float32 sums and products, not by a convolution, because GPUs
    round a convolution's inputs to 11 bits by default, which is a metre at 2,000 m depth.
    """

    def __init__(self, scale, method="bicubic", margin=0, trainable=False, **kwargs):
        super().__init__(trainable=trainable, **kwargs)
        self.scale, self.method, self.margin = int(scale), method, int(margin)
        self.taps = kernel_1d(self.scale, method)

    def resized_shape(self, input_shape):
        """Rows and columns of the enlarged patch."""
        return self.compute_output_shape(input_shape)[1:3]

    def call(self, x):
        return _replicate(_stretch_columns(_stretch_rows(x, self.taps), self.taps), self.margin)

    def compute_output_shape(self, input_shape):
        return _enlarged(input_shape, self.scale, 2 * self.margin)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "method": self.method, "margin": self.margin}


@keras.saving.register_keras_serializable("bathysr_nb")
class Conv2DSubPixel(keras.layers.Layer):
    """Sub-pixel convolution's last step: channels become space.

    Parameters
    ----------
    scale : int

    Notes
    -----
    Manual 2.2.3; Shi et al. 2016 (ESPCN). Input (n, h, w, c scale^2), output
    (n, h scale, w scale, c).
    """

    def __init__(self, scale, trainable=False, **kwargs):
        super().__init__(trainable=trainable, **kwargs)
        self.scale = int(scale)

    def call(self, x):
        return depth_to_space(x, self.scale)

    def compute_output_shape(self, input_shape):
        return (*_enlarged(input_shape, self.scale)[:3], input_shape[-1] // self.scale**2)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("bathysr_nb")
class Scale(keras.layers.Layer):
    """Multiply by a constant, after adding one: (x + offset) * factor.

    Parameters
    ----------
    factor : float
    offset : float

    Notes
    -----
    Manual 2.2.4 (``factor`` alone); with `offset` it is also the min-max normalisation.
    """

    def __init__(self, factor, offset=0.0, trainable=False, **kwargs):
        super().__init__(trainable=trainable, **kwargs)
        self.factor, self.offset = float(factor), float(offset)

    def call(self, x):
        return (x + self.offset) * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "offset": self.offset}


def _window_mean(cells: int, window: int, dtype):
    """Matrix (cells, cells) whose column j holds the weights of the mean around cell j, edges replicated."""
    i, j, reach = ops.arange(cells)[:, None], ops.arange(cells), window // 2
    inside = ops.cast(ops.abs(i - j) <= reach, "int32")
    before = ops.where(i == 0, ops.maximum(reach - j, 0), 0)
    after = ops.where(i == cells - 1, ops.maximum(reach + j - (cells - 1), 0), 0)
    return ops.cast(inside + before + after, dtype) / window


@keras.saving.register_keras_serializable("bathysr_nb")
class LocalMean(keras.layers.Layer):
    """Mean over the cells of a square window around each cell, edges replicated; shape unchanged.

    Local rather than the patch's mean, so that a map does not depend on how it is cut into tiles.

    Parameters
    ----------
    window : int
        Cells along the window's side, odd.

    Notes
    -----
    Two matrix products, down the columns and along the rows. Average pooling gives the same numbers, but its
    gradient takes as long as a whole training step for the discriminators' window of 37 cells.
    """

    def __init__(self, window=LOCAL_MEAN_CELLS, trainable=False, **kwargs):
        super().__init__(trainable=trainable, **kwargs)
        self.window = int(window)

    def call(self, x):
        _, rows, columns, _ = ops.shape(x)
        level = ops.mean(x, axis=(1, 2, 3), keepdims=True)  # taken off first, so that float32 products are exact enough
        detail = ops.matmul((x - level)[..., 0], _window_mean(columns, self.window, x.dtype))
        detail = ops.matmul(ops.transpose(_window_mean(rows, self.window, x.dtype)), detail)
        return detail[..., None] + level

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "window": self.window}


@keras.saving.register_keras_serializable("bathysr_nb")
class PReLU(keras.layers.PReLU):
    """Keras' PReLU, the input times one slope where it is negative, with fewer passes over memory.

    Parameters
    ----------
    **kwargs
        As `keras.layers.PReLU`.

    Notes
    -----
    One product x (1 + (alpha - 1) [x < 0]) where Keras takes the difference of two ReLUs: half the passes, which
    take all the time on a CPU. Weights and results are Keras'.
    """

    def call(self, inputs):
        negative = ops.cast(inputs < 0, inputs.dtype)
        return inputs * (1 + (self.alpha - 1) * negative)


def _by_phase(kernel, place: np.ndarray):
    """Copy a kernel once for each of the s x s cells of a block, shifted accordingly: (k, l, c) -> (i, j, c, s s).

    `place`, shape (s, i, k), is 1 where tap k is at position i of phase s, else 0.
    """
    place = ops.cast(place, kernel.dtype)
    out = ops.einsum("aik,klc->ailc", place, kernel)
    out = ops.einsum("bjl,ailc->ijcab", place, out)
    return ops.reshape(out, (*out.shape[:3], -1))


@keras.saving.register_keras_serializable("bathysr_nb")
class ToOneChannel(keras.layers.Conv2D):
    """A convolution to one channel, same padding, computed a block of cells at a time.

    Parameters
    ----------
    kernel_size : int
    block : int
        Height and width of the input must be multiples of it.
    **kwargs
        As `keras.layers.Conv2D`.

    Notes
    -----
    A convolution to a single channel leaves a CPU's vector units idle. One with stride `block` to
    block^2 channels, followed by the sub-pixel shuffle, gives the same numbers. Weights are
    those of ``Conv2D(1, kernel_size)``.
    """

    def __init__(self, kernel_size, block, **kwargs):
        kwargs.pop("filters", None)
        super().__init__(1, kernel_size, **kwargs | {"padding": "same"})
        self.block = int(block)

    def convolution_op(self, inputs, kernel):
        size = kernel.shape[0]
        place = np.arange(size + self.block - 1)[:, None] - np.arange(size) == np.arange(self.block)[:, None, None]
        rim = ((size - 1) // 2, size // 2)
        padded = ops.pad(inputs, ((0, 0), rim, rim, (0, 0)))
        return depth_to_space(ops.conv(padded, _by_phase(kernel[..., 0], place), self.block, "valid"), self.block)

    def get_config(self):
        return {**super().get_config(), "block": self.block}


@keras.saving.register_keras_serializable("bathysr_nb")
class Deconvolution(keras.layers.Conv2DTranspose):
    """A transposed convolution to one channel, computed as a sub-pixel convolution.

    Parameters
    ----------
    kernel_size : int
    strides : int
        HR cells per LR cell.
    **kwargs
        As `keras.layers.Conv2DTranspose`.

    Notes
    -----
    Fine cell s j + p depends only on the kernel's taps k = p + pad (mod s), so each phase p is a
    small convolution of its own. Weights and results are those of
    ``Conv2DTranspose(1, kernel_size, strides, padding="same")``, on every backend.
    """

    def __init__(self, kernel_size, strides, **kwargs):
        kwargs.pop("filters", None)
        super().__init__(1, kernel_size, strides, **kwargs | {"padding": "same"})

    def call(self, inputs):
        size, scale = self.kernel_size[0], self.strides[0]
        before = max(size - scale, 0) // 2
        reach = size // scale + 1
        tap = np.arange(scale)[:, None] + before - scale * np.arange(-reach, reach + 1)
        place = tap[:, :, None] == np.arange(size)
        used = np.abs(np.flatnonzero(place.any(axis=(0, 2))) - reach).max()
        place = place[:, reach - used : reach + used + 1]
        out = depth_to_space(ops.conv(inputs, _by_phase(self.kernel[..., 0, :], place), padding="same"), scale)
        return self.activation(out if self.bias is None else out + self.bias)
