"""How close two sets of patches are: PSNR and SSIM on depths scaled to 0..1, RMSE and MAE in metres.

All run on every backend (`keras.ops`), compute in float32 whatever the precision policy, and are
quick enough for every training step.

Source: manual 2.2.15 (``Metric``); SSIM: Wang et al. 2004, the form of ``tf.image.ssim``.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.normalisation import Normalisation

SSIM_WINDOW = 11  # cells along the side of SSIM's Gaussian window
SSIM_SIGMA = 1.5  # its standard deviation in cells
C1, C2 = 0.01**2, 0.03**2  # SSIM's constants for data of range 1
FLOOR = 1e-14  # least mean square error: float32 resolves no smaller difference of numbers near 1


def psnr(y_true, y_pred):
    """Peak signal-to-noise ratio of each patch, -10 log10 of the mean square error.

    Parameters
    ----------
    y_true, y_pred : tensor or ndarray, shape (n, H, W, 1)
        Depths scaled to 0..1.

    Returns
    -------
    tensor, shape (n,)
        Decibels. Never above 140 (`FLOOR`), which identical patches get instead of infinity,
        so that means and gradients stay finite.

    Examples
    --------
    >>> import numpy as np
    >>> float(psnr(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.1))[0])
    20.0
    """
    error = ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")
    return -10 * ops.log10(ops.maximum(ops.mean(ops.square(error), axis=(1, 2, 3)), FLOOR))


def _window(cells: int):
    """Gaussian weights of each valid window along one axis: a banded matrix (cells, cells - 10)."""
    reach = SSIM_WINDOW // 2
    offset = ops.expand_dims(ops.arange(cells), 1) - ops.arange(cells - 2 * reach) - reach
    offset = ops.cast(offset, "float32")
    weight = ops.where(ops.abs(offset) <= reach, ops.exp(-ops.square(offset) / (2 * SSIM_SIGMA**2)), 0.0)
    return weight / ops.sum(weight, axis=0)


def _local_means(maps):
    """Gaussian-weighted means of maps (k, H, W) in all whole windows: (k, H - 10, W - 10).

    As matrix products, which take a half to a fifth of the time of separable convolutions on a CPU.
    """
    _, rows, columns = ops.shape(maps)
    return ops.matmul(ops.transpose(_window(rows)), ops.matmul(maps, _window(columns)))


def _centred(patches):
    """Patches (n, H, W, 1) as (n, H, W) less their means, which SSIM needs apart, and the means (n, 1, 1)."""
    small = [cells for cells in patches.shape[1:3] if cells is not None and cells < SSIM_WINDOW]
    if small:
        rows, columns = patches.shape[1:3]
        raise ValueError(
            f"patches of {rows} x {columns} cells, SSIM's window needs {SSIM_WINDOW} x {SSIM_WINDOW} or more"
        )
    patches = ops.cast(patches, "float32")[..., 0]
    mean = ops.mean(patches, axis=(1, 2), keepdims=True)
    return patches - mean, mean


def dssim(y_true, y_pred):
    """Structural dissimilarity of each patch, (1 - SSIM) / 2.

    Parameters
    ----------
    y_true, y_pred : tensor or ndarray, shape (n, H, W, 1)
        Depths scaled to 0..1; at least 11 x 11 cells.

    Returns
    -------
    tensor, shape (n,)
        0 (identical) to 1.

    Raises
    ------
    ValueError
        If the patches are smaller than SSIM's window.

    Notes
    -----
    With the means mx, my and variances vx, vy under the window, and vd the variance of x - y,
    SSIM = (1 - a)(1 - b), a = (mx - my)^2 / (mx^2 + my^2 + c1), b = vd / (vx + vy + c2). This
    is the usual formula rearranged so that 1 - SSIM = a + b - ab does not lose its digits for
    patches that are nearly alike. Variances do not depend on a patch's mean, so it is subtracted
    first, for the same reason.
    """
    (x, mean_x), (y, mean_y) = _centred(y_true), _centred(y_pred)
    maps = ops.concatenate([x, y, ops.square(x - y), ops.square(x) + ops.square(y)])
    mx, my, d2, s2 = ops.split(_local_means(maps), 4)
    variance_d = d2 - ops.square(mx - my)
    variances = s2 - ops.square(mx) - ops.square(my)
    mx, my = mx + mean_x, my + mean_y
    a = ops.square(mx - my) / (ops.square(mx) + ops.square(my) + C1)
    b = variance_d / (variances + C2)
    return ops.mean(a + b - a * b, axis=(1, 2)) / 2


def ssim(y_true, y_pred):
    """Structural similarity of each patch, 1 - 2 `dssim`: 1 where they are identical.

    Parameters
    ----------
    y_true, y_pred : tensor or ndarray, shape (n, H, W, 1)
        Depths scaled to 0..1; at least 11 x 11 cells.

    Returns
    -------
    tensor, shape (n,)
        -1 to 1: window 11 x 11 cells, Gaussian of 1.5 cells, whole windows only, k1 = 0.01, k2 = 0.03.

    Raises
    ------
    ValueError
        If the patches are smaller than SSIM's window.

    Examples
    --------
    >>> import numpy as np
    >>> patch = np.linspace(0, 1, 144).reshape(1, 12, 12, 1)
    >>> float(ssim(patch, patch)[0])
    1.0
    """
    return 1 - 2 * dssim(y_true, y_pred)


SCALED_SCORES = {"psnr": psnr, "dssim": dssim}


@keras.saving.register_keras_serializable("bathysr_nb")
class PatchScore(keras.metrics.Mean):
    """Mean over patches of a score on depths scaled to 0..1; takes depths in metres.

    Parameters
    ----------
    score : {"psnr", "dssim"}
    low, high : float
        Depths in metres that become 0 and 1.
    """

    def __init__(self, score: str, low: float, high: float, name: str | None = None, dtype="float32"):
        super().__init__(name=name or score, dtype=dtype)
        self.score, self.normalisation = score, Normalisation(low, high)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (self.normalisation.scaled(ops.cast(y, "float32")) for y in (y_true, y_pred))
        return super().update_state(SCALED_SCORES[self.score](y_true, y_pred), sample_weight)

    def get_config(self):
        units = {"low": self.normalisation.low, "high": self.normalisation.high}
        return {**super().get_config(), "score": self.score, **units}


def get_metrics(normalisation: Normalisation) -> list[keras.metrics.Metric]:
    """The metrics that every training reports, for ``model.compile``; all take depths in metres.

    Parameters
    ----------
    normalisation : Normalisation
        Its low and high scale psnr and dssim.

    Returns
    -------
    list of keras.metrics.Metric
        psnr (dB) and dssim, means over patches; rmse and mae in metres, pooled over cells.

    Examples
    --------
    >>> [metric.name for metric in get_metrics(Normalisation(-2500, 0))]
    ['psnr', 'dssim', 'rmse', 'mae']
    """
    return [
        *(PatchScore(score, normalisation.low, normalisation.high) for score in SCALED_SCORES),
        keras.metrics.RootMeanSquaredError(name="rmse", dtype="float32"),
        keras.metrics.MeanAbsoluteError(name="mae", dtype="float32"),
    ]
