"""Files: patch pickles, run folders, and what makes each notebook run alone.

Everything is written to a temporary name and renamed, and nothing is replaced unless
asked. Pickles are read by an unpickler that admits numeric NumPy arrays and nothing else,
because a pickle from elsewhere is a program.

A *run folder* holds one folder a station (named like its notebook). A station is done
when its ``run.json`` is there; `ensure` makes missing ones by running their notebooks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from bathysr_nb import config

MARKER = ".station"
#: The training sets that notebooks 01, 03 and 04 write: station and folder inside it.
TRAINING_SETS = {
    "originals": ("01_build_dataset", "source/train"),
    "flips": ("03_offline_augmentation", ""),
    "adaptive_mixup": ("04_adaptive_mixup", ""),
}


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
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    part.chmod(0o644)
    try:
        yield part
        os.replace(part, path)
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
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())) and not overwrite:
        raise FileExistsError(f"{path}: exists already; pass overwrite=True (--force) to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
        part, old = Path(scratch) / "new", Path(scratch) / "old"
        part.mkdir()
        yield part
        if path.exists():
            os.replace(path, old)
        os.replace(part, path)


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
        try:
            return self.admitted[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


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
    return lr, hr


def save_pair(folder, lr: np.ndarray, hr: np.ndarray, overwrite: bool = False) -> None:
    """Write ``data_LR.pkl`` and ``data_HR.pkl`` into a folder; see `save_patches`."""
    if len(lr) != len(hr):
        raise ValueError(f"{folder}: {len(lr)} LR patches and {len(hr)} HR patches; they must pair")
    for side, patches in (("LR", lr), ("HR", hr)):
        save_patches(Path(folder) / f"data_{side}.pkl", patches, overwrite)


def checksum(path) -> str:
    """SHA-256 of a file, as hexadecimal text; a relative path counts from the project's root."""
    with open(config.resolve(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Station:
    """The folder of one station inside a run folder, made anew.

    Parameters
    ----------
    run_dir : path
        The run folder; a relative path counts from the project's root.
    name : str
        The station, named like its notebook, optionally with a sub-folder
        (``06_train/espcn``).

    Attributes
    ----------
    path : Path
        The empty folder to write into.

    Raises
    ------
    FileExistsError
        If the folder exists, holds files, and was not made by a station.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run_dir:
    ...     station = Station(run_dir, "01_build_dataset")
    ...     station.finish({"seed": 0})
    ...     is_done(run_dir, "01_build_dataset")
    True
    """

    def __init__(self, run_dir, name: str):
        self.path = config.resolve(run_dir) / name
        self.started = time.time()
        if self.path.exists() and any(self.path.iterdir()):
            if not (self.path / MARKER).exists():
                raise FileExistsError(f"{self.path}: holds files that no notebook made; choose another run_dir")
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / MARKER).touch()

    def finish(self, parameters: dict, inputs=(), outputs=()) -> None:
        """Write ``run.json``: parameters, versions, checksums of the inputs, outputs, times.

        Parameters
        ----------
        parameters : dict
            The notebook's parameters.
        inputs : iterable of path
            Files that this station read.
        outputs : iterable of path
            Files that it wrote outside its own folder; those inside are found.
        """
        written = [*outputs, *(p for p in self.path.rglob("*") if p.is_file() and p.name != MARKER)]
        record = {
            "parameters": parameters,
            "inputs": {config.shorten(path): checksum(path) for path in inputs},
            "outputs": sorted(config.shorten(path) for path in written),
            "versions": config.package_versions(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self.started)),
            "seconds": round(time.time() - self.started, 1),
        }
        write_text(self.path / "run.json", json.dumps(record, indent=2), overwrite=True)


def is_done(run_dir, name: str) -> bool:
    """Whether a station of a run folder is finished and all it wrote is still there."""
    record = config.resolve(run_dir) / name / "run.json"
    return record.is_file() and all(config.resolve(p).is_file() for p in json.loads(record.read_text())["outputs"])


def ensure(run_dir, name: str) -> Path:
    """The folder of an earlier station, made now by its notebook if it is missing.

    Parameters
    ----------
    run_dir : path
        The run folder; a relative path counts from the project's root.
    name : str
        The station, e.g. ``01_build_dataset`` or ``06_train/espcn``.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the station is missing and so is its notebook.

    Notes
    -----
    A missing station is made with the quick preset, and a line says so. One that was made
    from other input files than lie there now is not touched; a line tells it.
    """
    folder = config.resolve(run_dir) / name
    if is_done(run_dir, name):
        record = json.loads((folder / "run.json").read_text())
        changed = [p for p, sha in record["inputs"].items() if not _same(config.resolve(p), sha)]
        if changed:
            print(f"note: {name} was made from other files than are there now ({changed[0]}); run it again")
        return folder
    from bathysr_nb import demo

    print(f"{name} is missing from {config.shorten(run_dir)}: running its notebook with the quick preset")
    demo.run_notebook(name, run_dir)
    return folder


def training_set(run_dir, name: str) -> Path:
    """The folder of a training set: one of a run's own, or any folder with a pair of pickles.

    Parameters
    ----------
    run_dir : path
        The run folder.
    name : {"originals", "flips", "adaptive_mixup"} or path

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If it is neither.
    """
    if name in TRAINING_SETS:
        station, folder = TRAINING_SETS[name]
        return ensure(run_dir, station) / folder
    folder = config.resolve(name)
    if not all((folder / f"data_{side}.pkl").is_file() for side in ("LR", "HR")):
        choices = ", ".join(TRAINING_SETS)
        raise ValueError(
            f"training_set {name!r}: expected one of {choices}, or a folder with data_LR.pkl and data_HR.pkl"
        )
    return folder


def run_name(model: str, training_set: str) -> str:
    """Folder of a training inside ``06_train``: the network, and the training set unless it is flips.

    Examples
    --------
    >>> run_name("espcn", "flips"), run_name("espcn", "adaptive_mixup")
    ('espcn', 'espcn-adaptive_mixup')
    """
    return model if training_set == "flips" else f"{model}-{Path(training_set).name}"


def _same(path: Path, sha: str) -> bool:
    return path.is_file() and checksum(path) == sha
