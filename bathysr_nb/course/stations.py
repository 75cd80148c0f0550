"""Run folders: one folder for each station, its record, and what lets each notebook run alone.

A *run folder* holds one folder for each station, named like its notebook. A station is done
when its ``run.json`` and all files listed there exist; `ensure` makes a missing station by
running its notebook.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import papermill

from bathysr_nb.course.parameters import preset
from bathysr_nb.files import project, yamlfile
from bathysr_nb.files.kinds import Name
from bathysr_nb.files.record import RECORD, differences, package_versions, read_record
from bathysr_nb.files.store import checksum, move_into_place, refuse_foreign, write_text

IN_RUN = "<run_dir>/"
OTHER_NAME = "keep both by another name (-p name ...), or delete it"
#: The training sets that notebooks 01, 03 and 04 write: station and folder inside it.
TRAINING_SETS = {
    "originals": ("01_build_dataset", "source/train"),
    "flips": ("03_offline_augmentation", ""),
    "adaptive_mixup": ("04_adaptive_mixup", ""),
}


def run_folder(run_dir) -> Path:
    """The run folder; a relative path counts from the project's root.

    The environment variable ``BATHYSR_RUN_DIR`` overrides it, so that tests of the notebooks
    leave a reader's own runs alone.
    """
    return project.resolve(os.environ.get("BATHYSR_RUN_DIR", run_dir))


class Station:
    """The folder of one station inside a run folder, written anew.

    Everything is written into a folder beside it, which replaces it in `finish`: a notebook
    that fails half-way leaves the last finished result as it was.

    Parameters
    ----------
    run_dir : path
        The run folder; see `run_folder`.
    name : str
        The station, named like its notebook, optionally with a sub-folder
        (``06_train/espcn``).
    keep : bool
        Continue in the folder of an interrupted run, if there is one.

    Attributes
    ----------
    path : Path
        The folder to write into, empty unless kept.

    Raises
    ------
    FileExistsError
        If the station's folder holds files that no notebook made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run_dir:
    ...     station = Station(run_dir, "01_build_dataset")
    ...     station.finish({"seed": 0})
    ...     is_done(run_dir, "01_build_dataset")
    True
    """

    def __init__(self, run_dir, name: str, keep: bool = False):
        self.run = run_folder(run_dir)
        if Path(name).is_absolute() or {".", ".."} & set(name.split("/")) or not name.strip("/"):
            raise ValueError(f"station {name!r}: expected a folder below the run folder")
        self.target, self.path, self.started = self.run / name, _part(self.run / name), time.time()
        refuse_foreign(self.target, _is_ours(self.run, self.target), "notebook")
        if self.path.exists() and not keep:
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)

    def finish(self, parameters: dict, inputs=(), outputs=()) -> None:
        """Write ``run.json`` and move the folder into place.

        Parameters
        ----------
        parameters : dict
            The notebook's parameters.
        inputs : iterable of path
            Files that this station read.
        outputs : iterable of path
            Files that it wrote outside its own folder; those inside are listed by themselves.
        """
        files = (p for p in self.path.rglob("*") if p.is_file() and p != self.path / RECORD)
        inside = [self.target / p.relative_to(self.path) for p in files]
        record = {
            "parameters": parameters,
            "inputs": {self._name(path): checksum(path) for path in inputs},
            "outputs": sorted(self._name(path) for path in (*outputs, *inside)),
            "versions": package_versions(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self.started)),
            "seconds": round(time.time() - self.started, 1),
        }
        write_text(self.path / RECORD, json.dumps(record, indent=2), overwrite=True)
        move_into_place(self.path, self.target)

    def _name(self, path) -> str:
        """A path as it is recorded: relative to the run folder if it lies inside, so that a run can be moved."""
        path = project.resolve(path)
        return IN_RUN + str(path.relative_to(self.run)) if path.is_relative_to(self.run) else project.shorten(path)


def _part(target: Path) -> Path:
    """The folder that an unfinished station is written into."""
    return target.with_name(f".{target.name}.part")


def _located(run: Path, name: str) -> Path:
    return run / name.removeprefix(IN_RUN) if name.startswith(IN_RUN) else project.resolve(name)


def _is_ours(run: Path, target: Path) -> Callable[[str], bool]:
    """Judges whether a file of a station was written by a notebook of the run: any of them may write there."""
    records = filter(None, (read_record(path.parent) for path in run.rglob(RECORD)))
    outputs = {_located(run, name) for record in records for name in record["outputs"]}

    def judge(name: str) -> bool:
        path = target / name
        return path in outputs or path.name == RECORD or ".ipynb_checkpoints" in path.parts

    return judge


def is_done(run_dir, name: str) -> bool:
    """Whether a station of a run folder is finished and all its files still exist.

    Parameters
    ----------
    run_dir : path
        The run folder; see `run_folder`.
    name : str
        The station, e.g. ``01_build_dataset``.
    """
    run = run_folder(run_dir)
    record = read_record(run / name)
    return record is not None and all(_located(run, output).is_file() for output in record["outputs"])


def ensure(run_dir, name: str) -> Path:
    """The folder of an earlier station; a missing one is made now by running its notebook.

    Parameters
    ----------
    run_dir : path
        The run folder; see `run_folder`.
    name : str
        The station, e.g. ``01_build_dataset`` or ``06_train/espcn``.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the station is missing and there is no notebook or preset to make it.
    ValueError
        If it is unfinished, lacks files, or its input files have changed since. It is not made
        again by itself, as your parameters may differ from the preset.

    Notes
    -----
    A missing station is made with the quick preset, with a message.
    """
    run = run_folder(run_dir)
    folder, again = run / name, f"run {name.split('/')[0]}.ipynb again"
    if not folder.exists():
        if _part(folder).exists():
            raise ValueError(f"{name} of {project.shorten(run)} is unfinished; {again}")
        print(f"{name} is missing from {project.shorten(run)}: running its notebook with the quick preset")
        run_notebook(name, run)
        return folder
    if not is_done(run, name):
        raise ValueError(f"{name} of {project.shorten(run)} lacks files that it wrote; {again}")
    inputs = read_record(folder)["inputs"]
    changed = [path for path, sha in inputs.items() if not _same(_located(run, path), sha)]
    if changed:
        raise ValueError(f"{changed[0].removeprefix(IN_RUN)} has changed since {name} was made from it; {again}")
    return folder


def refuse_other(run_dir, name: str, parameters: dict, remedy: str = OTHER_NAME) -> None:
    """Raise a ValueError if a station exists that was made with other parameters.

    Parameters
    ----------
    run_dir : path
    name : str
        The station, e.g. ``06_train/espcn``.
    parameters : dict
        The parameters now.
    remedy : str
        What the error advises.
    """
    record = read_record(run_folder(run_dir) / name)
    if record and (other := differences(record["parameters"], parameters, ignore=("run_dir",))):
        raise ValueError(f"{name} of {project.shorten(run_folder(run_dir))} exists, made with {other}; {remedy}")


def training_set(run_dir, name: str) -> Path:
    """The folder of a training set: one of the run's, or any folder with a pair of pickles.

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
    folder = project.resolve(name)
    if not all((folder / f"data_{side}.pkl").is_file() for side in ("LR", "HR")):
        choices = ", ".join(TRAINING_SETS)
        raise ValueError(
            f"training_set {name!r}: expected one of {choices}, or a folder with data_LR.pkl and data_HR.pkl"
        )
    return folder


def run_name(model: str, training_set: str, name: str = "") -> str:
    """Folder of a training inside ``06_train``: by default the network and, unless it is flips, the training set.

    Parameters
    ----------
    model : str
        E.g. ``espcn``.
    training_set : str
        As in `training_set`.
    name : str
        Instead of the default.

    Raises
    ------
    ValueError
        If it is not the name of one folder.

    Examples
    --------
    >>> run_name("espcn", "flips"), run_name("espcn", "adaptive_mixup")
    ('espcn', 'espcn-adaptive_mixup')
    """
    if name and not yamlfile.fits(name, Name):
        raise ValueError(f"name is {name!r}, expected {yamlfile.describe(Name)}")
    if name:
        return name
    return model if training_set == "flips" else f"{model}-{Path(training_set).name}"


def _same(path: Path, sha: str) -> bool:
    return path.is_file() and checksum(path) == sha


class NotebookError(RuntimeError):
    """A notebook failed: its station and its error, in one line."""


def executed(run_dir, name: str) -> Path:
    """Where the executed notebook of a station is kept.

    Parameters
    ----------
    run_dir : path
        The run folder; see `run_folder`.
    name : str
        The station, e.g. ``06_train/espcn``.
    """
    return run_folder(run_dir) / "notebooks" / f"{name.replace('/', '_')}.ipynb"


def run_notebook(name: str, run_dir, progress: bool = False) -> Path:
    """Run one station's notebook headless with the quick preset.

    Parameters
    ----------
    name : str
        The station, e.g. ``01_build_dataset`` or ``06_train/espcn``.
    run_dir : path
        The run folder.
    progress : bool
        Show a progress bar of cells.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    FileNotFoundError
        If there is no such notebook or preset.
    NotebookError
        If a cell fails.
    """
    source = project.root() / "notebooks" / f"{name.split('/')[0]}.ipynb"
    if not source.is_file():
        raise FileNotFoundError(f"{project.shorten(source)}: no such notebook")
    target = executed(run_dir, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")  # so that the same seed gives the same table
    parameters = {**preset(name), "run_dir": str(run_dir)}
    try:
        papermill.execute_notebook(
            source, target, parameters, progress_bar=progress, kernel_name="python3", extra_arguments=["--log-level=40"]
        )
    except papermill.PapermillExecutionError as error:
        raise NotebookError(f"{name}: {error.ename}: {error.evalue}") from None
    return target
