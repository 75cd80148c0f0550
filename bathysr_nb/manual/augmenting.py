"""Augment the pairs in two pickles: read them, make the copies, write them and a table of their sources.

The augmentations themselves are in `bathysr_nb.augment.offline`.
Source: manual 1.3 (``flip.py``, ``rotate.py``, ``scale.py``).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd

from bathysr_nb.augment.offline import Copies
from bathysr_nb.files import project, store
from bathysr_nb.pairs.downsampling import pair_scale

PORTION = 500  # originals augmented at a time


def augment_files(
    train_dir, train_data, train_savedata, make, *, with_originals=False, force=False, overwrite=False
) -> list[Path]:
    """Augment the pairs in two pickles and write the copies, with a table of their sources.

    Parameters
    ----------
    train_dir : path
        Folder of the training set.
    train_data, train_savedata : (str, str)
        Names of the HR and the LR pickle to read and to write, HR first as in the
        manual.
    make : callable
        Takes LR (n, h, w) and HR (n, H, W), returns `Copies`; e.g. `flip_pairs`.
    with_originals : bool
        Write the originals before their copies.
    force : bool
        Allow a folder called validation or test.
    overwrite : bool
        Replace existing output files. The inputs are never replaced.

    Returns
    -------
    list of Path
        The HR pickle, the LR pickle, and a table beside HR (``data_HR_flip.pkl`` ->
        ``data_HR_flip_source.csv``) with the columns index, source_index and variant
        ("original" for an original). All three are written, or none.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        Also if the folder is not a training set's, the four names are not different, or
        the files do not hold pairs.

    Examples
    --------
    >>> import tempfile
    >>> from bathysr_nb.augment.offline import flip_pairs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store.save_pair(folder, np.zeros((2, 4, 4)), np.zeros((2, 8, 8)))
    ...     files = augment_files(folder, ["data_HR.pkl", "data_LR.pkl"], ["flip_HR.pkl", "flip_LR.pkl"], flip_pairs)
    ...     [file.name for file in files], store.load_patches(files[0]).shape
    (['flip_HR.pkl', 'flip_LR.pkl', 'flip_HR_source.csv'], (6, 8, 8, 1))
    """
    inputs, outputs = _files(Path(train_dir), train_data, train_savedata, force, overwrite)
    hr, lr = (store.load_patches(path)[..., 0] for path in inputs)
    pair_scale(lr, hr, inputs[1], inputs[0])
    for path, side in zip(inputs, (hr, lr)):
        store.check_complete(path, side)
    copies = _in_portions(make, lr, hr)
    if with_originals:
        copies = _originals_first(lr, hr, copies)
    table = pd.DataFrame({"source_index": copies.source_index, "variant": copies.variant}).rename_axis("index")
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(store.replacing(path, overwrite)) for path in outputs]
        store.save_patches(parts[0], copies.hr, overwrite=True)
        store.save_patches(parts[1], copies.lr, overwrite=True)
        table.to_csv(parts[2])
    return outputs


def _in_portions(make, lr, hr) -> Copies:
    """The copies of all pairs, made a portion at a time, with a progress bar."""
    portions = []
    for start in project.progress(range(0, len(hr), PORTION), "pairs"):
        copies = make(lr[start : start + PORTION], hr[start : start + PORTION])
        portions.append(copies._replace(source_index=copies.source_index + start))
    return Copies(*map(np.concatenate, zip(*portions))) if portions else make(lr, hr)


def _files(folder: Path, train_data, train_savedata, force: bool, overwrite: bool):
    """Paths to read (HR, LR) and to write (HR, LR, table), checked before any work."""
    for key, names in (("train_data", train_data), ("train_savedata", train_savedata)):
        if isinstance(names, str) or len(names) != 2:
            raise ValueError(f"{key}: expected two file names [HR, LR], found {names!r}")
    inputs, outputs = ([folder / name for name in names] for names in (train_data, train_savedata))
    outputs.append(outputs[0].with_name(outputs[0].stem + "_source.csv"))
    if len({path.resolve() for path in inputs + outputs}) < 5:
        raise ValueError(
            f"train_data and train_savedata: expected four different files, found {[*train_data, *train_savedata]}"
        )
    for path in inputs + outputs:
        folders = {path.parent.name.lower(), path.resolve().parent.name.lower()}
        if folders & {"validation", "test"} and not force:
            where = f"{path.parent}; pass force=True (--force) to do it anyway"
            raise ValueError(f"augmentation is for the training set only: {where}")
    for path in outputs:
        if path.is_dir():
            raise FileExistsError(f"{path}: is a folder, expected the name of a file to write")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path}: exists already; pass overwrite=True (--force) to replace it")
    return inputs, outputs


def _originals_first(lr: np.ndarray, hr: np.ndarray, copies: Copies) -> Copies:
    return Copies(
        np.concatenate([lr, copies.lr]),
        np.concatenate([hr, copies.hr]),
        np.concatenate([np.arange(len(hr)), copies.source_index]),
        np.concatenate([np.full(len(hr), "original"), copies.variant]),
    )
