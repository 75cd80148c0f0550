"""The networks, and the one function that builds them.

A model takes depths in metres, shape (n, h, w, 1), and gives depths in metres, shape
(n, h scale, w scale, 1): its normalisation is its first and last layer.

Source: manual 2.2.5-2.2.14, 2.2.28 (``Modeler``).
"""

from __future__ import annotations

import textwrap
import zipfile
from functools import partial
from pathlib import Path

from bathysr_nb.models import espcn, esrgan, fsrcnn, srcnn, srgan
from bathysr_nb.models.backend import keras
from bathysr_nb.models.gan import GAN
from bathysr_nb.models.layers import LocalMean, Resize, Scale
from bathysr_nb.models.normalisation import WINDOW, Normalisation
from bathysr_nb.models.weights import UNREADABLE

MODELS = {
    "srcnn": srcnn.srcnn,
    "fsrcnn": fsrcnn.fsrcnn,
    "espcn": espcn.espcn,
    "srgan": srgan.generator,
    "esrgan": esrgan.generator,
}
D_OPTIONS = {"d_filters": 4, "d_num_downsampling_blocks": 1}
GAN_OPTIONS = D_OPTIONS | {"loss_weights": (1, 1e-7)}
#: Of each GAN: the discriminator, how the pair is made, and the options besides the generator's.
DISCRIMINATORS = {
    "srgan": (srgan.discriminator, {}, GAN_OPTIONS | {"label_noise": 1e-6}),
    "esrgan": (
        partial(srgan.discriminator, dropout=esrgan.DROPOUT),
        {"relativistic": True},
        GAN_OPTIONS | {"d_num_downsampling_blocks": 2},
    ),
}
SCALES = (2, 3, 4)
BEST = "weights_best.weights.h5"  # at the lowest validation loss


def check_name(name: str) -> None:
    """Raise a ValueError that names the choices unless `name` is a network."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; choose one of {', '.join(MODELS)}")


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
        raise ValueError(f"{path}: not a saved model (cut short, or another kind of file)")
    try:
        return keras.models.load_model(path, compile=False)
    except UNREADABLE as error:
        raise ValueError(f"{path}: not a saved model ({textwrap.shorten(str(error), 200)})") from None


def predictor(model: keras.Model) -> keras.Model:
    """The part of a model that predicts: a GAN's generator, any other model itself."""
    return model.generator if isinstance(model, GAN) else model


def default_options(name: str) -> dict:
    """The options of a network with their defaults.

    Examples
    --------
    >>> default_options("fsrcnn")
    {'d': 56, 's': 12, 'm': 4, 'bias': True}
    """
    check_name(name)
    options = {key: value for key, value in MODELS[name].__kwdefaults__.items() if key != "last_initializer"}
    return options | DISCRIMINATORS[name][2] if name in DISCRIMINATORS else options


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
        See `default_options` and the network's own function.

    Returns
    -------
    keras.Model
        For a GAN a `bathysr_nb.models.gan.GAN`; its `generator` predicts.

    Raises
    ------
    ValueError
        Naming the choices, if the name, the scale or an option is unknown; or if `kernels` are
        not one more than `filters`.

    Examples
    --------
    >>> build_model("srcnn", scale=4).count_params()
    8129
    """
    allowed = default_options(name)
    scales = (2, 4) if name in DISCRIMINATORS else SCALES
    if scale not in scales:
        raise ValueError(f"{name}: scale is {scale!r}, expected one of {', '.join(map(str, scales))}")
    if len(input_shape) != 3 or input_shape[-1] != 1:
        raise ValueError(f"input_shape is {tuple(input_shape)}, expected (rows, columns, 1)")
    if unknown := set(options) - set(allowed):
        raise ValueError(f"{name}: unknown option {', '.join(sorted(unknown))}; choose from {', '.join(allowed)}")
    options = allowed | options
    own = {key: options.pop(key) for key in MODELS[name].__kwdefaults__ if key in options}
    _check_kernels(name, **own)
    scale = int(scale)
    if normalisation is not None and normalisation.relief is not None:
        own["last_initializer"] = "zeros"
    network = lambda x: MODELS[name](x, scale, **own)  # noqa: E731
    lr = keras.Input((None, None, 1), name="lr")
    model = keras.Model(lr, _in_metres(lr, network, scale, normalisation), name=name)
    return _with_discriminator(model, scale, normalisation, options) if name in DISCRIMINATORS else model


def _check_kernels(name: str, filters=(), kernels=None, **_) -> None:
    if kernels is not None and len(kernels) != len(filters) + 1:
        raise ValueError(
            f"{name}: kernels is {tuple(kernels)}, expected one more than filters, which has {len(filters)}"
        )


def _with_discriminator(generator, scale: int, normalisation, options) -> GAN:
    network, kind, _ = DISCRIMINATORS[generator.name]
    hr = keras.Input((None, None, 1), name="hr")
    own = {key: options.pop(key) for key in D_OPTIONS}
    logit = network(_from_metres(hr, normalisation, WINDOW * scale + 1 - WINDOW * scale % 2), **own)
    discriminator = keras.Model(hr, logit, name="discriminator")
    return GAN(generator, discriminator, name=generator.name, **kind | options)


def _from_metres(depth, normalisation: Normalisation | None, window: int = WINDOW):
    """Metres to what a network sees; in 32 bits whatever the network computes in."""
    if normalisation is None:
        return depth
    if normalisation.relief is None:
        span = normalisation.high - normalisation.low
        return Scale(1 / span, offset=-normalisation.low, dtype="float32", name="from_metres")(depth)
    mean = LocalMean(window, dtype="float32", name="local_mean")(depth)
    detail = keras.layers.Subtract(dtype="float32", name="detail")([depth, mean])
    return Scale(1 / normalisation.relief, dtype="float32", name="from_metres")(detail)


def _in_metres(lr, network, scale: int, normalisation: Normalisation | None):
    out = network(_from_metres(lr, normalisation))
    if normalisation is None:
        return out
    if normalisation.relief is None:
        span = normalisation.high - normalisation.low
        return Scale(span, offset=normalisation.low / span, dtype="float32", name="to_metres")(out)
    correction = Scale(normalisation.relief, dtype="float32", name="to_metres")(out)
    enlarged = Resize(scale, dtype="float32", name="bicubic")(lr)
    return keras.layers.Add(dtype="float32", name="sr")([enlarged, correction])
