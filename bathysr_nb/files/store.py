"""Files: patch pickles, read safely and written whole or not at all.

Everything is written to a temporary name and renamed, and nothing is replaced unless
asked. Pickles are read by an unpickler that admits numeric NumPy arrays and nothing else,
because a pickle from elsewhere is a program.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
import tempfile
from pathlib import Path

import numpy as np

from bathysr_nb.files import project


@contextlib.contextmanager
def replacing(path, overwrite: bool = False):
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    Parameters
    ----------
    path : path
        The file to make. Its folder is made if missing.
    overwrite : bool
        Replace a file that is there already.

    Yields
    ------
    Path
        Write here. If the block raises, the file is removed and `path` is untouched.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is false.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists already; pass overwrite=True (--force) to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")  # known before it is there
    try:
        part.touch(exist_ok=False)
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno and error.filename is None:  # a full disk does not say which file it was
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path, overwrite: bool = False):
    """Yield a temporary folder beside `path` that takes its place when the block succeeds.

    Parameters
    ----------
    path : path
        The folder to make. The folder above it is made if missing.
    overwrite : bool
        Replace a folder that is there already and is not empty.

    Yields
    ------
    Path
        Write here. If the block raises, it is removed and `path` is untouched.

    Raises
    ------
    FileExistsError
        If `path` exists, is not empty, and `overwrite` is false.
    """
    path = Path(path).resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())) and not overwrite:
        raise FileExistsError(f"{path}: exists already; pass overwrite=True (--force) to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-", ignore_cleanup_errors=True) as scratch:
        part, old = Path(scratch) / "new", Path(scratch) / "old"
        part.mkdir()
        yield part
        try:
            if path.exists():
                os.replace(path, old)
            os.replace(part, path)
        except BaseException:
            if old.exists() and not path.exists():
                os.replace(old, path)
            raise


def write_text(path, text: str, overwrite: bool = False) -> None:
    """Write a UTF-8 text file whole or not at all; see `replacing`."""
    with replacing(path, overwrite) as part:
        part.write_text(text, encoding="utf-8")


def save_patches(path, patches: np.ndarray, overwrite: bool = False) -> None:
    """Save patches as the manual's pickle: float32, shape (n, h, w, 1).

    Parameters
    ----------
    path : path
    patches : ndarray, shape (n, h, w) or (n, h, w, 1)
        Depths in metres.
    overwrite : bool
        Replace a file that is there already.

    Raises
    ------
    ValueError
        If the array has another number of dimensions.
    FileExistsError
        If the file exists and `overwrite` is false.

    Notes
    -----
    Manual 1.2.1, ``save``.
    """
    patches = np.asarray(patches, dtype=np.float32)
    if patches.ndim == 3:
        patches = patches[..., None]
    if patches.ndim != 4:
        raise ValueError(f"{path}: patches have shape {patches.shape}, expected (n, h, w) or (n, h, w, 1)")
    save_array(path, patches, overwrite)


def save_array(path, array: np.ndarray, overwrite: bool = False) -> None:
    """Pickle an array as it is, whole or not at all; see `replacing` and `load_array`."""
    with replacing(path, overwrite) as part, open(part, "wb") as file:
        pickle.dump(np.ascontiguousarray(array), file, protocol=5)  # 5 writes without a copy


def _latin1(text, encoding="latin1"):
    return text.encode("latin1")


def _admitted() -> dict:
    """The names that NumPy 1 and 2 write when they pickle a numeric array, and no others."""
    from numpy._core import multiarray, numeric

    names = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _latin1}
    for core in ("numpy.core", "numpy._core"):
        names[core + ".multiarray", "_reconstruct"] = multiarray._reconstruct
        names[core + ".numeric", "_frombuffer"] = numeric._frombuffer
    return names


class _ArrayUnpickler(pickle.Unpickler):
    admitted = _admitted()

    def find_class(self, module, name):
        found = self.admitted.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        # a pickle may set attributes of what it is given: of a function it gets one of its own
        return found if isinstance(found, type) else lambda *arguments: found(*arguments)


def load_array(path) -> np.ndarray:
    """Read a pickled numeric array; anything else in the file is an error and is not run.

    Parameters
    ----------
    path : path

    Returns
    -------
    ndarray
        As it was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, cut short, or holds anything but a numeric array.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with open(path, "rb") as file:
            array = _ArrayUnpickler(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"{path}: not a pickle of a numeric array ({error or type(error).__name__})") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{path}: holds {kind}, expected a numeric array")
    return array


def load_patches(path) -> np.ndarray:
    """Read a pickle of patches.

    Parameters
    ----------
    path : path

    Returns
    -------
    ndarray, shape (n, h, w, 1), float32
        Depths in metres.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_array`; also when the shape is not (n, h, w) or (n, h, w, 1).
    """
    patches = load_array(path).astype(np.float32, copy=False)
    if patches.ndim == 3:
        patches = patches[..., None]
    if patches.ndim != 4 or patches.shape[-1] != 1:
        raise ValueError(f"{path}: patches have shape {patches.shape}, expected (n, h, w, 1)")
    return patches


def load_pair(folder) -> tuple[np.ndarray, np.ndarray]:
    """Read ``data_LR.pkl`` and ``data_HR.pkl`` of a folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    (ndarray, ndarray)
        LR (n, h, w, 1) and HR (n, H, W, 1), metres.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_patches`; also when the two differ in number.
    """
    lr, hr = (load_patches(Path(folder) / f"data_{side}.pkl") for side in ("LR", "HR"))
    if len(lr) != len(hr):
        raise ValueError(f"{folder}: data_LR.pkl has {len(lr)} patches and data_HR.pkl {len(hr)}; they must pair")
    if not len(lr):
        raise ValueError(f"{folder}: holds no patches")
    return lr, hr


def save_pair(folder, lr: np.ndarray, hr: np.ndarray, overwrite: bool = False) -> None:
    """Write ``data_LR.pkl`` and ``data_HR.pkl`` into a folder; see `save_patches`."""
    if len(lr) != len(hr):
        raise ValueError(f"{folder}: {len(lr)} LR patches and {len(hr)} HR patches; they must pair")
    for side, patches in (("LR", lr), ("HR", hr)):
        save_patches(Path(folder) / f"data_{side}.pkl", patches, overwrite)


def checksum(path) -> str:
    """SHA-256 of a file, as hexadecimal text; a relative path counts from the project's root."""
    with open(project.resolve(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
