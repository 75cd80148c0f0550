"""Training, validation and test sets, read from their folders and checked: missing cells, pairing, scale, shape.

Source: manual 2.2.20 (``DataLoader``).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb import terrain
from bathysr_nb.files import store
from bathysr_nb.manual.inputfile import Params
from bathysr_nb.pairs import features
from bathysr_nb.pairs.downsampling import pair_scale

DEFAULT_PAIRS = (("data_HR.pkl", "data_LR.pkl"),)


class LoadedPairs(NamedTuple):
    """Pairs without missing cells.

    Attributes
    ----------
    lr : ndarray, shape (n, h, w, 1), float32
        Metres.
    hr : ndarray, shape (n, H, W, 1), float32
        Metres.
    kept : ndarray, shape (n,), int
        Row of each patch in the joined files.
    """

    lr: np.ndarray
    hr: np.ndarray
    kept: np.ndarray


def load_set(folder, pairs=DEFAULT_PAIRS, scale: int | None = None, input_shape=None) -> LoadedPairs:
    """Read a set's pairs of pickles, join them, and drop patches with missing cells.

    Parameters
    ----------
    folder : path
        E.g. ``dataset/train``.
    pairs : sequence of (str, str)
        Names of an HR and an LR pickle in it, HR first as in the manual's input file.
    scale : int, optional
        HR cells per LR cell along an axis; None takes it from the first pair.
    input_shape : (int, int, int), optional
        Rows, columns and 1 of an LR patch; None takes it from the first pair.

    Returns
    -------
    LoadedPairs

    Warns
    -----
    UserWarning
        How many patches of a pair were dropped because a cell is NaN or infinite on either side;
        which pickles of the folder were not read.

    Raises
    ------
    FileNotFoundError
        If the folder or a pickle is missing.
    ValueError
        If a file holds no patches or the two do not pair, HR is not `scale` times LR, LR is not
        of `input_shape`, or no patch is left.

    Notes
    -----
    Manual 2.2.20, ``DataLoader``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store.save_pair(folder, np.zeros((3, 4, 4)), np.zeros((3, 8, 8)))
    ...     training = load_set(folder, scale=2)
    >>> training.lr.shape, training.hr.shape, training.kept.tolist()
    ((3, 4, 4, 1), (3, 8, 8, 1), [0, 1, 2])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {' and '.join(pairs[0])} in it")
    _warn_of_unread(folder, {name for pair in pairs for name in pair})
    parts, first = [], 0
    for names in pairs:
        hr_path, lr_path = (folder / name for name in names)
        hr, lr = store.load_patches(hr_path), store.load_patches(lr_path)
        found = _check_shapes(lr, hr, lr_path, hr_path, scale, input_shape)
        scale, input_shape = scale or found, input_shape or lr.shape[1:]
        whole = _whole(lr, hr, lr_path, hr_path)
        parts.append(
            LoadedPairs(lr[whole], hr[whole], first + whole)
            if len(whole) < len(lr)
            else LoadedPairs(lr, hr, whole + first)
        )
        first += len(lr)
    joined = parts[0] if len(parts) == 1 else LoadedPairs(*map(np.concatenate, zip(*parts)))
    if not len(joined.kept):
        many = f"all {first} patches have missing or infinite cells" if first else "holds no patches"
        raise ValueError(f"{folder}: {many}")
    return joined


def _warn_of_unread(folder: Path, named: set[str]) -> None:
    unread = sorted(path.name for path in folder.glob("*.pkl") if path.name not in named)
    if unread:
        remedy = "; name it in train_data to use it" if folder.name == "train" else ""
        warnings.warn(f"{folder}: also holds {', '.join(unread)}, which is not read{remedy}", stacklevel=3)


def _check_shapes(lr, hr, lr_path, hr_path, scale, input_shape) -> int:
    """The pair's scale; raise a ValueError that names the files and every fault of their shapes."""
    found = pair_scale(lr[..., 0], hr[..., 0], lr_path, hr_path)
    faults = []
    if scale is not None and found != scale:
        faults.append(f"HR patches are {hr.shape[1:3]} and LR {lr.shape[1:3]}, expected {scale} times LR, not {found}")
    if input_shape is not None and lr.shape[1:] != tuple(input_shape):
        faults.append(f"LR patches have shape {lr.shape[1:]}, expected input_shape {tuple(input_shape)}")
    if faults:
        raise ValueError(f"{lr_path} and {hr_path.name}: {'; '.join(faults)}")
    return found


def _whole(lr, hr, lr_path, hr_path) -> np.ndarray:
    """Index of the pairs without missing or infinite cells on either side; warn of the others."""
    finite = np.isfinite(lr).all(axis=(1, 2, 3)) & np.isfinite(hr).all(axis=(1, 2, 3))
    if not finite.all():
        warnings.warn(
            f"{hr_path}: {np.sum(~finite)} of {len(finite)} patches dropped: missing or infinite cells there or "
            f"in {lr_path.name}",
            stacklevel=3,
        )
    return np.flatnonzero(finite)


def training_and_validation(params: Params) -> tuple[LoadedPairs, LoadedPairs]:
    """The training and the validation set of an input file; see `load_set`.

    Parameters
    ----------
    params : Params
        Its data_dir holds ``train`` with the pickles of `train_data`, and ``validation``.

    Returns
    -------
    (LoadedPairs, LoadedPairs)

    Raises
    ------
    FileNotFoundError, ValueError
    """
    shapes = {"scale": params.scale, "input_shape": params.input_shape}
    return (
        load_set(params.data_dir / "train", params.train_data, **shapes),
        load_set(params.data_dir / "validation", **shapes),
    )


def test_set(params: Params) -> LoadedPairs:
    """The test set of an input file, ``data_dir/test``; see `load_set`.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_set`; if ``data_HR.pkl`` is missing, the error says that scores need it.
    """
    truth = params.data_dir / "test" / "data_HR.pkl"
    if truth.parent.is_dir() and not truth.is_file():
        raise FileNotFoundError(f"{truth}: no such file; scores need the true depths, HR patches in the order of LR")
    return load_set(params.data_dir / "test", scale=params.scale, input_shape=params.input_shape)


def patch_blocks(pickle: Path, kept: np.ndarray) -> np.ndarray | None:
    """The block of each patch, from the ``patches.csv`` beside a pickle.

    Parameters
    ----------
    pickle : path
    kept : ndarray of int
        Rows of the patches in the pickle.

    Returns
    -------
    ndarray or None
        None if there is no such file.

    Raises
    ------
    ValueError
        If it has too few rows, no blocks, or a block that is no number.
    """
    table = Path(pickle).with_name("patches.csv")
    if not table.is_file():
        return None
    frame = pd.read_csv(table)
    if "block" not in frame or len(frame) <= kept[-1]:
        found = f"{len(frame)} rows with columns {', '.join(frame)}"
        raise ValueError(f"{table}: has {found}; expected a block for each of {kept[-1] + 1} patches or more")
    block = pd.to_numeric(frame["block"], errors="coerce").to_numpy()
    if np.isnan(block).any():
        row = int(np.flatnonzero(np.isnan(block))[0])
        raise ValueError(f"{table}: block of patch {row} is {frame['block'][row]!r}; expected a number")
    return block[kept]


def true_slopes(pickle: Path, pairs: LoadedPairs) -> np.ndarray:
    """Mean slope gradient of the true patches, from the feature table beside them.

    Parameters
    ----------
    pickle : path
        HR patches; their table has the same stem (``data_HR.csv``). A missing table is computed, with
        a warning, and written unless patches were dropped.
    pairs : LoadedPairs
        The set, read from it.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    FileNotFoundError, ValueError
        If the table is of other patches, or it is missing and the cell size is unknown.
    """
    path, remedy = pickle.with_suffix(".csv"), f"bathysr features {pickle} --force"
    if not path.is_file():
        return _computed_slopes(pickle, pairs)
    slope, relief = _read_features(path)
    if len(slope) <= pairs.kept[-1] or not np.isfinite(slope[pairs.kept]).all():
        raise ValueError(
            f"{path}: expected mean_slope_gradient of {pairs.kept[-1] + 1} patches or more; make it again ({remedy})"
        )
    if not np.allclose(relief[pairs.kept], np.ptp(pairs.hr, axis=(1, 2, 3)), rtol=1e-3, atol=0.1):
        raise ValueError(f"{path}: is of other patches than {pickle.name}; make it again ({remedy})")
    return slope[pairs.kept]


def _read_features(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Slope and relief of each patch, NaN where not a number; empty if the file is not a feature table."""
    try:
        table = pd.read_csv(path)[["mean_slope_gradient", "altitude_difference"]]
    except (ValueError, KeyError):
        return np.empty(0), np.empty(0)
    return tuple(pd.to_numeric(table[column], errors="coerce").to_numpy(float) for column in table)


def _computed_slopes(pickle: Path, pairs: LoadedPairs) -> np.ndarray:
    whole = len(pairs.kept) == len(store.load_patches(pickle))
    try:
        delta = features.spacing(pickle, pairs.hr.shape[1])
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{error}: bathysr features {pickle} --delta 50") from None
    table = features.write_features(pickle, delta) if whole else terrain.feature_table(pairs.hr, delta)
    done = "written now" if whole else "computed but not written, because patches were dropped"
    warnings.warn(f"{pickle.with_suffix('.csv')}: was missing; {done}", stacklevel=2)
    return table["mean_slope_gradient"].to_numpy()
