"""The networks, and the one function that builds them.

A model takes depths in metres, shape (n, h, w, 1), and gives depths in metres, shape
(n, h scale, w scale, 1): its normalisation is its first and last layer.

Source: manual 2.2.5-2.2.14, 2.2.28 (``Modeler``).
"""

from __future__ import annotations

import inspect
import textwrap
import zipfile
from functools import partial
from pathlib import Path

from bathysr_nb.models import espcn, esrgan, fsrcnn, srcnn, srgan
from bathysr_nb.models.backend import keras
from bathysr_nb.models.gan import GAN
from bathysr_nb.models.layers import LocalMean, Resize, Scale
from bathysr_nb.models.normalisation import LOCAL_MEAN_CELLS, Normalisation
from bathysr_nb.models.options import complete_options, scale_fault
from bathysr_nb.models.weights import UNREADABLE

#: Every network's function: of a GAN, its generator's.
MODELS = {
    "srcnn": srcnn.srcnn,
    "fsrcnn": fsrcnn.fsrcnn,
    "espcn": espcn.espcn,
    "srgan": srgan.generator,
    "esrgan": esrgan.generator,
}
#: Of each GAN: its discriminator, and what sets its losses apart.
DISCRIMINATORS = {
    "srgan": (srgan.discriminator, {}),
    "esrgan": (partial(srgan.discriminator, dropout=esrgan.DROPOUT), {"relativistic": True}),
}
BEST = "weights_best.weights.h5"  # weights at the lowest validation loss


def load_model(path) -> keras.Model:
    """Read a ``model.keras``: metres to metres, ready to predict.

    Parameters
    ----------
    path : path

    Returns
    -------
    keras.Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: not a saved model (truncated, or another kind of file)")
    try:
        return keras.models.load_model(path, compile=False)
    except UNREADABLE as error:
        raise ValueError(f"{path}: not a saved model ({textwrap.shorten(str(error), 200)})") from None


def predictor(model: keras.Model) -> keras.Model:
    """The part of a model that predicts: of a GAN its generator, else the model itself."""
    return model.generator if isinstance(model, GAN) else model


def build_model(
    name: str, input_shape=(16, 16, 1), scale: int = 4, normalisation: Normalisation | None = None, **options
):
    """Build one of the networks, from metres to metres.

    Parameters
    ----------
    name : {"srcnn", "fsrcnn", "espcn", "srgan", "esrgan"}
    input_shape : (int, int, int)
        Rows, columns and channels of an LR patch; only the last counts, as the network takes
        any height and width.
    scale : {2, 3, 4}
        HR cells per LR cell along one axis; 2 or 4 for the GANs.
    normalisation : Normalisation, optional
        None: the input is already 0..1 and so is the output. In the residual form the
        last layer starts at zero, so that the untrained model is bicubic exactly.
    **options
        Of the network; see `bathysr_nb.models.options`.

    Returns
    -------
    keras.Model
        For a GAN a `bathysr_nb.models.gan.GAN`; its `generator` predicts.

    Raises
    ------
    ValueError
        Naming the choices, if the name, the scale or an option is unknown; if `kernels` are
        not one more than `filters`; if patches have more than one channel.

    Examples
    --------
    >>> build_model("srcnn", scale=4).count_params()
    8129
    """
    options = complete_options(name, options)
    if fault := scale_fault(name, scale):
        raise ValueError(fault)
    if len(input_shape) != 3 or input_shape[-1] != 1:
        raise ValueError(f"input_shape is {tuple(input_shape)}, expected (rows, columns, 1)")
    scale, network_options = int(scale), _take(options, MODELS[name])
    if normalisation is not None and normalisation.relief is not None:
        network_options["last_initializer"] = "zeros"
    lr = keras.Input((None, None, 1), name="lr")
    out = MODELS[name](_from_metres(lr, normalisation), scale, **network_options)
    model = keras.Model(lr, _to_metres(lr, out, scale, normalisation), name=name)
    return _with_discriminator(model, scale, normalisation, options) if name in DISCRIMINATORS else model


def _take(options: dict, function) -> dict:
    """Remove from the options those that a function takes, and return them."""
    return {key: options.pop(key) for key in inspect.signature(function).parameters if key in options}


def _with_discriminator(generator, scale: int, normalisation, options: dict) -> GAN:
    network, losses = DISCRIMINATORS[generator.name]
    hr = keras.Input((None, None, 1), name="hr")
    window = LOCAL_MEAN_CELLS * scale
    window += 1 - window % 2  # a window has a cell in its middle
    logit = network(_from_metres(hr, normalisation, window), **_take(options, network))
    discriminator = keras.Model(hr, logit, name="discriminator")
    return GAN(generator, discriminator, name=generator.name, **losses, **options)


def _from_metres(depth, normalisation: Normalisation | None, window: int = LOCAL_MEAN_CELLS):
    """Metres to a network's units; in float32 whatever precision the network computes in."""
    if normalisation is None:
        return depth
    if normalisation.relief is None:
        span = normalisation.high - normalisation.low
        return Scale(1 / span, offset=-normalisation.low, dtype="float32", name="from_metres")(depth)
    mean = LocalMean(window, dtype="float32", name="local_mean")(depth)
    detail = keras.layers.Subtract(dtype="float32", name="detail")([depth, mean])
    return Scale(1 / normalisation.relief, dtype="float32", name="from_metres")(detail)


def _to_metres(lr, out, scale: int, normalisation: Normalisation | None):
    """A network's output to metres; in the residual form it is added to bicubic."""
    if normalisation is None:
        return out
    if normalisation.relief is None:
        span = normalisation.high - normalisation.low
        return Scale(span, offset=normalisation.low / span, dtype="float32", name="to_metres")(out)
    correction = Scale(normalisation.relief, dtype="float32", name="to_metres")(out)
    enlarged = Resize(scale, dtype="float32", name="bicubic")(lr)
    return keras.layers.Add(dtype="float32", name="sr")([enlarged, correction])
