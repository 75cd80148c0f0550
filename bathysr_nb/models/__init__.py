"""The networks, and the one function that builds them.

A model takes depths in metres, shape (n, h, w, 1), and gives depths in metres, shape
(n, h scale, w scale, 1): its normalisation is its first and last layer.

Source: manual 2.2.5-2.2.7, 2.2.28 (``Modeler``).
"""

from __future__ import annotations

from pathlib import Path

from bathysr_nb.backend import keras
from bathysr_nb.layers import LocalMean, Resize, Scale
from bathysr_nb.models import espcn, srcnn
from bathysr_nb.normalization import Normalisation

MODELS = {"srcnn": srcnn.srcnn, "espcn": espcn.espcn}
SCALES = (2, 3, 4)


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
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    return keras.models.load_model(path, compile=False)


def build_model(
    name: str, input_shape=(16, 16, 1), scale: int = 4, normalisation: Normalisation | None = None, **options
):
    """Build one of the networks, from metres to metres.

    Parameters
    ----------
    name : {"srcnn", "espcn"}
    input_shape : (int, int, int)
        Rows, columns and channels of an LR patch; only the last counts, as the network takes
        any height and width.
    scale : {2, 3, 4}
        HR cells per LR cell along one axis.
    normalisation : Normalisation, optional
        None: the input is already 0..1 and so is the output. In the residual form the
        last layer starts at zero, so that the untrained model is bicubic exactly.
    **options
        filters, kernels, bias; see the network's own function.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        Naming the choices, if the name, the scale or an option is unknown.

    Examples
    --------
    >>> build_model("srcnn", scale=4).count_params()
    8129
    """
    check_name(name)
    if scale not in SCALES:
        raise ValueError(f"scale is {scale!r}, expected one of {', '.join(map(str, SCALES))}")
    if len(input_shape) != 3 or input_shape[-1] != 1:
        raise ValueError(f"input_shape is {tuple(input_shape)}, expected (rows, columns, 1)")
    allowed = MODELS[name].__kwdefaults__
    if unknown := set(options) - set(allowed):
        raise ValueError(f"{name}: unknown option {', '.join(sorted(unknown))}; choose from {', '.join(allowed)}")
    lr = keras.Input((None, None, 1), name="lr")
    residual = normalisation is not None and normalisation.relief is not None
    options.setdefault("last_initializer", "zeros" if residual else "glorot_uniform")
    network = lambda x: MODELS[name](x, scale, **options)  # noqa: E731
    return keras.Model(lr, _in_metres(lr, network, scale, normalisation), name=name)


def _in_metres(lr, network, scale: int, normalisation: Normalisation | None):
    if normalisation is None:
        return network(lr)
    if normalisation.relief is None:
        low, span = normalisation.low, normalisation.unit
        scaled = network(Scale(1 / span, offset=-low, name="from_metres")(lr))
        return Scale(span, offset=low / span, name="to_metres")(scaled)
    mean = LocalMean(name="local_mean")(lr)
    detail = Scale(1 / normalisation.relief, name="from_metres")(keras.layers.subtract([lr, mean]))
    correction = Scale(normalisation.relief, name="to_metres")(network(detail))
    return keras.layers.add([Resize(scale, name="bicubic")(lr), correction], name="sr")
