"""Weights files, checked before they are loaded.

Keras ignores layers that a file has and the network lacks; here they are an error.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import h5py

from bathysr_nb.models.backend import keras

SUFFIX = ".weights.h5"


def _shapes(path: Path) -> tuple[Counter, bool]:
    """How often each shape occurs among a file's arrays, and whether the file has Keras 2's format."""
    arrays = []

    def collect(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            arrays.append(item.shape)

    with h5py.File(path) as file:
        file.visititems(collect)
        return Counter(arrays), "layer_names" in file.attrs


def _scale(model: keras.Model) -> int:
    return getattr(model, "generator", model).compute_output_shape((1, 8, 8, 1))[1] // 8


def _listed(shapes: Counter) -> str:
    texts = [str(shape) for shape in shapes.elements()]
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if texts[3:] else "") or "nothing"


def load_weights(model: keras.Model, path) -> None:
    """Load weights into a network, all of them or none.

    Parameters
    ----------
    model : keras.Model
        As `bathysr_nb.models.build.build_model` makes it.
    path : path
        Weights saved by Keras, ``.weights.h5`` or ``.h5``. An optimiser's state in it is ignored.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a file of weights, or its arrays do not fit the network: another
        network, other options, or another scale. The scale is not checked for SRCNN and
        FSRCNN, whose arrays are the same at every scale.

    Examples
    --------
    >>> from bathysr_nb.models.build import build_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     build_model("espcn", scale=2).save_weights(f"{folder}/best.weights.h5")
    ...     load_weights(build_model("espcn", scale=2), f"{folder}/best.weights.h5")
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        found, keras_2 = _shapes(path)
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path}: not a file of weights ({str(error).splitlines()[0]})") from None
    expected = Counter(tuple(weight.shape) for weight in model.weights)
    if found != expected:
        raise ValueError(
            f"{path}: holds weights of another network (with {_listed(found - expected)} where it has "
            f"{_listed(expected - found)}); expected {model.name} at scale {_scale(model)}"
        )
    try:
        _load(model, path, keras_2)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path}: holds weights of another network ({reason}); expected {model.name} at scale {_scale(model)}"
        ) from None


def _load(model: keras.Model, path: Path, keras_2: bool) -> None:
    if keras_2 or path.name.endswith(SUFFIX):
        model.load_weights(path)
        return
    with tempfile.TemporaryDirectory() as folder:  # Keras takes the format from the file's name alone
        model.load_weights(shutil.copy(path, Path(folder) / f"copy{SUFFIX}"))


#: What Keras, h5py and zipfile raise on a file that is damaged or holds something else.
UNREADABLE = (ValueError, OSError, KeyError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error)
