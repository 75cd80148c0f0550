"""Files and folders written whole or not at all; patch pickles, read safely.

Everything is written to a temporary name and renamed, and nothing is replaced without being
asked. Pickles are read by an unpickler that admits numeric NumPy arrays and nothing else,
because loading an ordinary pickle can run any code in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
import shutil
import sys
from collections.abc import Callable
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
        Replace an existing file.

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
    # named before it exists, so that `finally` can remove it wherever the block is interrupted
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        part.touch(exist_ok=False)
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno and error.filename is None:  # the error of a full disk names no file
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        part.unlink(missing_ok=True)


def require_room(path, size: int) -> None:
    """Raise an error if there is no room for a file, before long work and before a library is cut off in writing it.

    Parameters
    ----------
    path : path
        The file to write; it and its folder need not exist.
    size : int
        Bytes that it, and what is written on the way to it, may take.

    Raises
    ------
    OSError
        Naming the file, the room that it may take and the room there is.
    """
    path = Path(path)
    folder = next(above for above in path.absolute().parents if above.exists())
    room = shutil.disk_usage(folder).free
    if sys.platform != "win32":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        room = room if limit == resource.RLIM_INFINITY else min(room, limit)
    if size > room:
        needed, left = (f"{count / 1e6:,.1f} MB" for count in (size, room))
        raise OSError(f"{path}: no space left: it may take {needed}, and there is room for {left}")


@contextlib.contextmanager
def replacing_folder(path, overwrite: bool = False):
    """Yield a temporary folder beside `path` that takes its place when the block succeeds.

    Parameters
    ----------
    path : path
        The folder to make. The folder above it is made if missing.
    overwrite : bool
        Replace an existing folder that is not empty.

    Yields
    ------
    Path
        Write here. If the block raises, it is removed and `path` is untouched.

    Raises
    ------
    FileExistsError
        If `path` is a file, or is not empty and `overwrite` is false.
    """
    path = Path(path).resolve()
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{path}: is a file; expected a folder to write, which never replaces a file")
    if path.exists() and any(path.iterdir()) and not overwrite:
        raise FileExistsError(f"{path}: exists already; pass overwrite=True (--force) to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_beside(path) as scratch:
        part = scratch / "new"
        part.mkdir()
        yield part
        move_into_place(part, path)


def move_into_place(part, path) -> None:
    """Rename a finished folder to its final name, in place of the one that has it.

    If that is interrupted between the two renames, the old folder gets its name back.

    Parameters
    ----------
    part : path
        The finished folder, on the same disk.
    path : path
        Its final name. What is there now is deleted at the end.
    """
    path = Path(path)
    with scratch_beside(path) as scratch:
        old = scratch / "old"
        try:
            if path.exists():
                os.replace(path, old)
            os.replace(part, path)
        except BaseException:
            if old.exists() and not path.exists():
                os.replace(old, path)
            raise


@contextlib.contextmanager
def scratch_beside(path: Path):
    """A temporary folder on the same disk as `path`, so that renaming from one to the other is atomic."""
    # named before it exists, so that `finally` can remove it wherever the block is interrupted
    scratch = path.with_name(f".{path.name.lstrip('.')}-{secrets.token_hex(4)}")
    try:
        scratch.mkdir()
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def refuse_foreign(folder, is_ours: Callable[[str], object], maker: str) -> None:
    """Raise an error if a folder that is about to be replaced holds files that we did not write.

    Parameters
    ----------
    folder : path
        It need not exist.
    is_ours : callable
        Takes a file's path inside the folder, such as "train/data_LR.pkl"; true if we wrote it.
    maker : str
        What writes into such a folder, for the message.

    Raises
    ------
    FileExistsError
        Naming the first of the other files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder) / "scores.csv", "")
    ...     refuse_foreign(folder, {"scores.csv"}.__contains__, "evaluation")
    """
    found = (path for path in Path(folder).rglob("*") if path.is_symlink() or not path.is_dir())
    foreign = sorted(name for name in (path.relative_to(folder).as_posix() for path in found) if not is_ours(name))
    if foreign:
        raise FileExistsError(f"{folder}: holds files that no {maker} made ({foreign[0]}); move them away")


def write_text(path, text: str, overwrite: bool = False) -> None:
    """Write a UTF-8 text file whole or not at all.

    Parameters
    ----------
    path : path
    text : str
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FileExistsError
        As `replacing`.
    """
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
        Replace an existing file.

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
    """Pickle an array as it is, whole or not at all; `load_array` reads it.

    Parameters
    ----------
    path : path
    array : ndarray
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FileExistsError
        As `replacing`.
    """
    require_room(path, array.nbytes)
    with replacing(path, overwrite) as part, open(part, "wb") as file:
        pickle.dump(np.ascontiguousarray(array), file, protocol=5)  # protocol 5 writes the array without copying it


def _latin1(text, encoding="latin1"):
    return text.encode("latin1")


def _admitted() -> dict:
    """The only functions a pickle may name: those with which NumPy 1 and 2 pickle a numeric array."""
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
            raise pickle.UnpicklingError(f"it would load {module}.{name}")
        # a pickle can set attributes of what it is given, so a function is given as a throw-away wrapper
        return found if isinstance(found, type) else lambda *arguments: found(*arguments)


def load_array(path) -> np.ndarray:
    """Read a pickled numeric array; anything else in the file is an error and no code is run.

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
        As `load_array`; also if the shape is not (n, h, w) or (n, h, w, 1).
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
        As `load_patches`; also if the two differ in number or are empty.
    """
    lr, hr = (load_patches(Path(folder) / f"data_{side}.pkl") for side in ("LR", "HR"))
    if len(lr) != len(hr):
        raise ValueError(f"{folder}: data_LR.pkl has {len(lr)} patches and data_HR.pkl {len(hr)}; they must pair")
    if not len(lr):
        raise ValueError(f"{folder}: holds no patches")
    return lr, hr


def save_pair(folder, lr: np.ndarray, hr: np.ndarray, overwrite: bool = False) -> None:
    """Write ``data_LR.pkl`` and ``data_HR.pkl`` into a folder.

    Parameters
    ----------
    folder : path
    lr, hr : ndarray, shape (n, h, w) and (n, H, W), or with a last axis of 1
        Depths in metres.
    overwrite : bool
        Replace existing files.

    Raises
    ------
    ValueError, FileExistsError
        As `save_patches`; also if the two differ in number.
    """
    if len(lr) != len(hr):
        raise ValueError(f"{folder}: {len(lr)} LR patches and {len(hr)} HR patches; they must pair")
    for side, patches in (("LR", lr), ("HR", hr)):
        save_patches(Path(folder) / f"data_{side}.pkl", patches, overwrite)


def check_complete(name, patches: np.ndarray) -> None:
    """Raise an error unless there are patches and all their cells are known.

    Parameters
    ----------
    name : path or str
        What the error calls them.
    patches : ndarray, shape (n, h, w) or (n, h, w, 1)

    Raises
    ------
    ValueError
        If there are none, or a cell is NaN or infinite.
    """
    if not len(patches) or not np.isfinite(patches).all():
        raise ValueError(f"{name}: expected patches without missing or infinite cells, found {patches.shape}")


def checksum(path) -> str:
    """SHA-256 of a file, as hexadecimal text; a relative path counts from the project's root."""
    with open(project.resolve(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
