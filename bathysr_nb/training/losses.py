"""Losses on depths in metres, one value per patch.

mae and mse are in the network's own units (`Normalisation.unit` metres): the manual's
where depths are scaled to 0..1, metres per relief scale in the residual form. psnr, dssim
and vgg are always on depths scaled to 0..1.

Source: manual 2.2.16 (``Loss``).
"""

from __future__ import annotations

import os
import socket
import warnings
from pathlib import Path

from bathysr_nb.models.backend import dtype_policy, keras, ops
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.models.weights import UNREADABLE
from bathysr_nb.scores import metrics
from bathysr_nb.training.choices import LOSSES, PENALTIES, POWERS, SAME_LOSS

LOWEST_PSNR = 1.0  # dB; below it 1/PSNR is continued as a straight line
FEATURE_LAYER = 20  # of VGG19: block5_conv4, after its ReLU
VGG_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
VGG_ORIGIN = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{VGG_FILE}"
TIMEOUT = 20.0  # seconds without an answer until a download is abandoned


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


class ScaledLoss(keras.losses.Loss):
    """A loss on depths scaled to 0..1; subclasses give `per_patch`.

    Parameters
    ----------
    low, high : float
        Depths in metres that become 0 and 1.
    """

    def __init__(self, low: float, high: float, name: str = "loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.normalisation = Normalisation(low, high)

    def call(self, y_true, y_pred):
        y_true, y_pred = (self.normalisation.scaled(ops.cast(y, "float32")) for y in (y_true, y_pred))
        return self.per_patch(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "low": self.normalisation.low, "high": self.normalisation.high}


@keras.saving.register_keras_serializable("bathysr_nb")
class PsnrLoss(ScaledLoss):
    """1 / PSNR of each patch.

    1/PSNR has a pole at 0 dB, where the mean square error is 1, and is negative beyond it.
    Below 1 dB it is continued as its tangent, 2 - PSNR, so that a worse patch always costs more.
    `metrics.psnr` is capped at 140 dB, so identical patches cost 1/140 and have gradient zero.
    """

    def per_patch(self, y_true, y_pred):
        """Shape (n, H, W, 1) and the same to (n,)."""
        psnr = metrics.psnr(y_true, y_pred)
        kept = ops.maximum(psnr, LOWEST_PSNR)
        return 1 / kept + (kept - psnr) / LOWEST_PSNR**2


@keras.saving.register_keras_serializable("bathysr_nb")
class DssimLoss(ScaledLoss):
    """Structural dissimilarity of each patch, `metrics.dssim`."""

    def per_patch(self, y_true, y_pred):
        """Shape (n, H, W, 1) and the same to (n,)."""
        return metrics.dssim(y_true, y_pred)


@keras.saving.register_keras_serializable("bathysr_nb")
class VggLoss(ScaledLoss):
    """Mean square difference of VGG19's features, and a penalty for leaving 0..1.

    Depths scaled to 0..1 become 0..255 on three equal channels and pass VGG19's own
    preprocessing; the features are those of ``VGG19(include_top=False).layers[20]``, which is
    block5_conv4 after its ReLU (layer 0 is the input). VGG19 is frozen, in float32, and
    not part of the model that is trained and saved.

    Parameters
    ----------
    low, high : float
        Depths in metres that become 0 and 1.
    vgg_weights : path, optional
        File of VGG19's weights without top; None: from Keras's cache, else downloaded.
    penalty : {"l1", "l2", "none"}
        Per patch 0.001 sum(e) or 0.001 sum(e^2), e = max(0, abs(x - 0.5) - 0.5) of the scaled prediction x.

    Raises
    ------
    ValueError
        Unknown penalty; a file that does not hold these weights; patches below 16 x 16 cells.
    OSError
        If there are no weights, naming the file and where to put it.
    """

    def __init__(self, low, high, vgg_weights=None, penalty: str = "l1", name: str = "vgg", **kwargs):
        super().__init__(low, high, name=name, **kwargs)
        if penalty not in PENALTIES:
            raise ValueError(f"unknown penalty {penalty!r}; choose one of {', '.join(PENALTIES)}")
        self.vgg_weights, self.penalty = vgg_weights and str(vgg_weights), penalty
        # only the bound method is kept: a network kept here would be saved with every model compiled with this loss
        self._vgg = vgg_features(vgg_weights).__call__

    def features(self, x):
        """Features of depths scaled to 0..1: (n, H, W, 1) to (n, H // 16, W // 16, 512)."""
        if any(cells is not None and cells < 16 for cells in x.shape[1:3]):
            raise ValueError(f"patches of {x.shape[1]} x {x.shape[2]} cells, the vgg loss needs 16 x 16 or more")
        return self._vgg(keras.applications.vgg19.preprocess_input(ops.repeat(255 * x, 3, axis=-1)))

    def per_patch(self, y_true, y_pred):
        """Shape (n, H, W, 1) and the same to (n,)."""
        error = self.features(y_pred) - ops.stop_gradient(self.features(y_true))
        loss = ops.mean(ops.square(error), axis=(1, 2, 3))
        power = PENALTIES[self.penalty]
        if power is None:
            return loss
        excess = ops.relu(ops.abs(y_pred - 0.5) - 0.5)
        return loss + 0.001 * ops.sum(excess**power, axis=(1, 2, 3))

    def get_config(self):
        return {**super().get_config(), "vgg_weights": self.vgg_weights, "penalty": self.penalty}


def vgg_weights_file(vgg_weights=None) -> Path:
    """The file of VGG19's weights: as named, else in Keras's cache, else downloaded into it.

    Parameters
    ----------
    vgg_weights : path, optional

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the named file does not exist.
    OSError
        If the file is neither in the cache (``$KERAS_HOME/models`` or ``~/.keras/models``)
        nor can be downloaded; names the file and where to put it.
    """
    if vgg_weights is not None:
        path = Path(vgg_weights).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file, expected VGG19's weights without top (vgg_weights)")
        return path
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    path = home / "models" / VGG_FILE
    if path.is_file():
        return path
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # Keras's download sets none and would wait forever
    try:
        return Path(keras.utils.get_file(VGG_FILE, VGG_ORIGIN, cache_subdir="models", cache_dir=str(home)))
    except Exception:  # Keras raises no narrower one when a download fails
        raise OSError(
            f"{path}: VGG19's weights are missing and could not be downloaded; "
            f"fetch {VGG_ORIGIN} and put it there, or name the file (vgg_weights; vgg: weights in an input file)"
        ) from None
    finally:
        socket.setdefaulttimeout(usual)


def vgg_features(vgg_weights=None) -> keras.Model:
    """VGG19 up to layer 20, frozen and in float32 under any dtype policy.

    Parameters
    ----------
    vgg_weights : path, optional
        As `vgg_weights_file`; ``.weights.h5`` of Keras 3 or the older ``.h5``.

    Returns
    -------
    keras.Model
        Preprocessed pictures (n, H, W, 3) of any size to (n, H // 16, W // 16, 512).

    Raises
    ------
    ValueError
        If the file does not hold VGG19's weights without top.
    OSError
        If there is no such file.
    """
    path = vgg_weights_file(vgg_weights)
    with dtype_policy("float32"):
        network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
        features = keras.Model(network.input, network.layers[FEATURE_LAYER].output, name="vgg19_features")
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras warns once for each layer that does not fit
            network.load_weights(path)
    except UNREADABLE:
        raise ValueError(f"{path}: does not hold the weights of VGG19 without top") from None
    features.trainable = False
    return features


def get_loss(name: str, normalisation: Normalisation, vgg_weights=None, penalty: str = "l1") -> keras.losses.Loss:
    """The loss of a given name, on depths in metres.

    Parameters
    ----------
    name : {"mae", "mse", "psnr", "dssim", "ssim", "vgg"}
        ssim is another name of dssim.
    normalisation : Normalisation
        mae and mse are in its unit, the others on depths scaled by its low and high.
    vgg_weights, penalty
        As `VggLoss`; ignored by the other losses.

    Returns
    -------
    keras.losses.Loss

    Raises
    ------
    ValueError
        If a name is unknown, listing the choices.
    OSError
        If VGG19's weights are needed and not found.

    Examples
    --------
    >>> get_loss("mae", Normalisation(-2500, 0)).unit
    2500
    """
    low, high, name = normalisation.low, normalisation.high, SAME_LOSS.get(name, name)
    if name in POWERS:
        return PixelLoss(POWERS[name], normalisation.unit, name=name)
    if name == "psnr":
        return PsnrLoss(low, high, name="psnr")
    if name == "dssim":
        return DssimLoss(low, high, name="dssim")
    if name == "vgg":
        return VggLoss(low, high, vgg_weights, penalty)
    raise ValueError(f"unknown loss {name!r}; choose one of {', '.join(LOSSES)}")
