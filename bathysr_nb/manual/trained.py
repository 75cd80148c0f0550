"""The trained network of an input file: find its weights, check and load them."""

from __future__ import annotations

import warnings
from pathlib import Path

from bathysr_nb.files import record
from bathysr_nb.manual.inputfile import Params
from bathysr_nb.models.build import BEST, build_model
from bathysr_nb.models.normalisation import NORMALISATION, Normalisation
from bathysr_nb.models.weights import load_weights


def find_weights(params: Params, weights=None) -> Path:
    """Find the weights to test.

    Parameters
    ----------
    params : Params
        Its fname_model_weights if set, else log_dir's read_test_weights if set, else log_dir's best.
    weights : path, optional
        Takes precedence over all of these.

    Returns
    -------
    Path
        With ``.weights.h5`` in place of ``.h5``, or the other way round, if only that file exists.

    Raises
    ------
    FileNotFoundError
        Naming the file, the key that asks for it, and the remedy.
    """
    named = {
        "weights": weights,
        "fname_model_weights": params.fname_model_weights,
        "read_test_weights": params.read_test_weights and params.log_dir / params.read_test_weights,
        "the best of log_dir": params.log_dir / BEST,
    }
    key, path = next((key, Path(path)) for key, path in named.items() if path)
    stem = path.name.removesuffix(".h5").removesuffix(".weights")
    found = next(
        (p for p in (path, path.with_name(f"{stem}.weights.h5"), path.with_name(f"{stem}.h5")) if p.is_file()), None
    )
    if found is None:
        remedy = "train first (bathysr train ...) or name other weights in fname_model_weights"
        raise FileNotFoundError(f"{path}: no such file ({key}); {remedy}")
    return found


def find_normalisation(params: Params, weights: Path) -> Normalisation:
    """Find the normalisation beside some weights, else that of log_dir, with a warning.

    Parameters
    ----------
    params : Params
    weights : path

    Returns
    -------
    Normalisation

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or it cannot be read.
    """
    beside, in_log_dir = (folder / NORMALISATION for folder in (weights.parent, params.log_dir))
    if not beside.is_file() and in_log_dir.is_file():
        warnings.warn(f"{beside}: no such file; {in_log_dir} is used instead", stacklevel=2)
    path = beside if beside.is_file() else in_log_dir
    if not path.is_file():
        raise FileNotFoundError(f"{beside}: no such file; bathysr train writes it beside its weights")
    return Normalisation.load(path)


def load_network(params: Params, weights=None):
    """Load the trained network of an input file, ready to predict.

    Parameters
    ----------
    params : Params
    weights : path, optional
        See `find_weights`.

    Returns
    -------
    (keras.Model, Normalisation)
        From metres to metres.

    Raises
    ------
    FileNotFoundError, ValueError
        If weights or normalisation are missing, damaged, or of another network or scale.
    """
    path = find_weights(params, weights)
    normalisation = find_normalisation(params, path)
    check_record(path, params)
    model = build_model(params.model, params.input_shape, params.scale, normalisation, **params.options)
    load_weights(model, path)
    return model, normalisation


def check_record(path: Path, params: Params) -> None:
    """Raise a ValueError if run.json beside the weights names another network or scale.

    SRCNN's and FSRCNN's weights alone do not tell the scale.

    Parameters
    ----------
    path : Path
        Weights.
    params : Params
    """
    recorded = (record.read_record(path.parent) or {}).get("parameters", {})
    for key, expected in (("model", params.model), ("scale", params.scale)):
        if recorded.get(key, expected) != expected:
            found = f"{key} {recorded[key]} in run.json"
            raise ValueError(f"{path}: holds weights of another network ({found}); expected {key} {expected}")
