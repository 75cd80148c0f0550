"""The state of a training at the end of an epoch, in one file, so that a killed run can resume.

The file holds only arrays (NumPy's ``.npz`` without pickles) and is replaced in one step, so it is
always that of a completed epoch.
"""

from __future__ import annotations

import json
import zipfile
import zlib

import numpy as np

from bathysr_nb.files import store
from bathysr_nb.models.backend import keras

STATE = "state.npz"


def _variables(model: keras.Model) -> dict[str, list]:
    """All that training changes: weights, statistics and random seeds; the optimiser's variables."""
    metrics = {id(v) for v in model.metrics_variables}
    return {
        "model": [v for v in model.variables if id(v) not in metrics],
        "optimizer": list(model.optimizer.variables),
    }


def save_state(path, model: keras.Model, history: list[dict]) -> None:
    """Write a compiled model's state and the history so far.

    Parameters
    ----------
    path : path
    model : keras.Model
    history : list of dict
        One per epoch.
    """
    arrays = {f"{kind}_{i}": v.numpy() for kind, vs in _variables(model).items() for i, v in enumerate(vs)}
    with store.replacing(path, overwrite=True) as part:
        np.savez(part, history=np.frombuffer(json.dumps(history).encode(), np.uint8), **arrays)


def load_state(path, model: keras.Model) -> list[dict]:
    """Restore a compiled model to the state that `save_state` wrote.

    Parameters
    ----------
    path : path
    model : keras.Model
        Built and compiled in the same way.

    Returns
    -------
    list of dict
        The history.

    Raises
    ------
    ValueError
        If the file is damaged or of another network.
    """
    model.optimizer.build(model.trainable_variables)
    wanted = {f"{kind}_{i}": v for kind, vs in _variables(model).items() for i, v in enumerate(vs)}
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        history = json.loads(arrays.pop("history").tobytes())
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read ({error}); delete it to start again") from None
    if {k: v.shape for k, v in arrays.items()} != {k: tuple(v.shape) for k, v in wanted.items()}:
        raise ValueError(f"{path}: is the state of another network or optimizer")
    for name, variable in wanted.items():
        variable.assign(arrays[name])
    return history
