"""Adaptive Mixup by the manual's input file: read the file and the pairs, mix, and write.

The method is in `bathysr_nb.mixup.planning`.
Source: manual 1.3 (``mixup.py``); `lambda_policy` and `seed` are ours.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb import mixup, terrain
from bathysr_nb.files import project, store, yamlfile
from bathysr_nb.files.kinds import Count, Name, Positive, Rate, Seed, Share, Text
from bathysr_nb.mixup import report as mixup_report
from bathysr_nb.mixup.feature import FEATURES, Feature, normal_target, target_of_csv, target_of_patches
from bathysr_nb.mixup.planning import SETTINGS, Policy, named, wanted_total
from bathysr_nb.mixup.pool import Pool
from bathysr_nb.pairs import features
from bathysr_nb.pairs.downsampling import downsampling_of, pair_scale

MANUAL_HR_CELL = 50.0  # metres; assumed if there is no patches.csv
SAME_CELL = 0.01  # cell sizes count as equal up to this relative difference


def _where_and_what(valid, input_data_dir, delta) -> str | None:
    if not valid or (input_data_dir and delta):
        return None
    missing = [name for name, value in (("input_data_dir", input_data_dir), ("delta", delta)) if not value]
    return f"{' and '.join(missing)}: missing, expected where valid is true"


def _some_target(get_slope_difference, target_data_csv, threshold, std) -> str | None:
    difference = get_slope_difference
    if difference is None or difference.valid or target_data_csv or (threshold is not None and std is not None):
        return None
    return "no target: expected target_data_csv, a valid get_slope_difference, or both threshold and std"


@dataclass(frozen=True)
class SlopeDifference:
    """Section ``get_slope_difference``: take the target's features from its patches.

    Attributes
    ----------
    valid : bool
        Whether to do so; overrides ``target_data_csv``.
    input_data_dir : Path or None
        Folder with the target's data_LR.pkl and data_HR.pkl.
    delta : float or None
        Cell size in metres, of HR or of LR; source and target are compared on these patches.
    """

    valid: bool = False
    input_data_dir: Path | None = None
    delta: Positive | None = None

    RELATIONS: ClassVar = (({"valid", "input_data_dir", "delta"}, _where_and_what),)


@dataclass(frozen=True, kw_only=True)
class MixupParams:
    """The input file of ``mixup.py``, its keys as attributes; made by `load_mixup_params`.

    Attributes
    ----------
    train_dir : Path
        Folder of the training set.
    train_data : (str, str)
        Its pickles, HR and LR.
    target_data_csv : Path or None
        Feature table of the target area.
    target_value : {0, 1, 2, 3}
        Feature to steer by, an index into `bathysr_nb.mixup.feature.FEATURES`.
    threshold : float or None
        Separates the low from the high group; None: from the target. With `std` and no other
        target: the mean of a normally distributed target.
    std : float or None
        Standard deviation of that target.
    save_dir_name : str
        Folder to write, inside train_dir.
    random_split : bool
        Split at random, ignoring the feature (plain mixup).
    lambda_policy : {"target", "beta", "fixed"}
        See `bathysr_nb.mixup.planning.plan`.
    alpha, lamb : float
        Parameters of the policies beta and fixed.
    plot_figure : bool
        Also draw every blend beside its two patches.
    original_image_num : int or None
        Number of originals in the pickles; None: all.
    increase_rate : float
        Size of the picked set in multiples of the originals.
    seed : int
    get_slope_difference : SlopeDifference
    """

    train_dir: Path
    train_data: tuple[Text, Text] = ("data_HR.pkl", "data_LR.pkl")
    target_data_csv: Path | None = None
    target_value: Literal[0, 1, 2, 3] = 3
    threshold: float | None = None
    std: Positive | None = None
    save_dir_name: Name
    random_split: bool = False
    lambda_policy: Policy = "target"
    alpha: Positive = 0.5
    lamb: Share = 0.8
    plot_figure: bool = False
    original_image_num: Count | None = None
    increase_rate: Rate = 2
    seed: Seed = 0
    get_slope_difference: SlopeDifference = SlopeDifference()

    RELATIONS: ClassVar = (({"get_slope_difference", "target_data_csv", "threshold", "std"}, _some_target),)

    @property
    def save_dir(self) -> Path:
        """The folder to write."""
        return self.train_dir / self.save_dir_name

    @property
    def hr_file(self) -> Path:
        """Pickle of the source's HR patches."""
        return self.train_dir / self.train_data[0]

    @property
    def lr_file(self) -> Path:
        """Pickle of the source's LR patches."""
        return self.train_dir / self.train_data[1]


def load_mixup_params(path, overrides: dict | None = None) -> MixupParams:
    """Read an input file of ``mixup.py``; relative paths count from its folder.

    Parameters
    ----------
    path : path
    overrides : dict, optional
        Values that take the place of the file's.

    Raises
    ------
    FileNotFoundError, ValueError
        As `bathysr_nb.files.yamlfile.load`.

    Examples
    --------
    >>> load_mixup_params("params/mixup.yml", {"increase_rate": 3}).increase_rate
    3
    """
    return yamlfile.load(MixupParams, path, overrides)


class Source(NamedTuple):
    """Source pairs, (N, h, w) and (N, H, W) in metres, and the cell size (dy, dx) of each side."""

    lr: np.ndarray
    hr: np.ndarray
    cells: dict[str, tuple[float, float]]


def mix_files(params: MixupParams, force: bool = False) -> mixup_report.MixupReport:
    """Blend and pick patches as an input file asks, and write them.

    Parameters
    ----------
    params : MixupParams
    force : bool
        Replace existing output, and allow a folder called validation or test.

    Returns
    -------
    bathysr_nb.mixup.report.MixupReport

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError

    Notes
    -----
    Manual 1.3, ``mixup.py``. In train_dir/save_dir_name: data_HR.pkl, data_LR.pkl and data_LR.csv
    (originals, then blends), blends.csv, bins.csv, summary.csv, histograms.png, in ``picked_images``
    the same three and pairs.csv, and in ``figures``, if asked for, every blend. Everything is
    written, or nothing.
    """
    _refuse(params, force)
    source = _read_source(params)
    originals = source.lr[: params.original_image_num]
    feature, target, where = _target(params, source, originals)
    pool = Pool(
        source.lr,
        source.hr,
        originals=params.original_image_num,
        delta=source.cells["LR"],
        downsampling=downsampling_of(source.lr[:100], source.hr[:100]),
    )
    plan = mixup.plan(
        pool,
        feature,
        target,
        wanted_total(params.increase_rate, len(pool)),
        random_split=params.random_split,
        seed=params.seed,
        **{name: getattr(params, name) for name in SETTINGS},
    )
    report = mixup_report.summarise(plan, feature, target, source=where, folder=params.save_dir)
    with store.replacing_folder(params.save_dir, force) as folder:
        _write_pairs(folder, pool, plan, source.cells["LR"])
        mixup_report.write(folder, report)
        if params.plot_figure:
            mixup_report.draw_blends(folder / "figures", pool, plan, source.cells["HR"][0])
    return report


#: The files that are written, and those that `bathysr features` adds to them.
MADE = re.compile(
    r"(picked_images/)?(data_(HR|LR)(_\w+)?\.(pkl|csv|png)|pairs\.csv)|figures/mixup_\d+-\d+\.png"
    r"|(blends|bins|summary)\.csv|histograms\.png"
)


def _refuse(params: MixupParams, force: bool) -> None:
    """Raise the errors that can be known before any work."""
    folder = params.train_dir
    if {folder.name.lower(), folder.resolve().name.lower()} & {"validation", "test"} and not force:
        where = f"{folder}; pass force=True (--force) to do it anyway"
        raise ValueError(f"train_dir: mixup is for the training set only: {where}")
    save = params.save_dir
    if save.exists() and not save.is_dir():
        raise FileExistsError(f"{save}: is a file; expected a folder to write, which never replaces a file")
    store.refuse_foreign(save, MADE.fullmatch, "mixup")
    if save.exists() and any(save.iterdir()) and not force:
        raise FileExistsError(f"{save}: exists already; pass force=True (--force) to replace it")
    if save.resolve() in (params.hr_file.resolve().parent, params.lr_file.resolve().parent):
        raise ValueError(f"save_dir_name: {save} is the folder of the input pairs; expected another one")


def _read_source(params: MixupParams) -> Source:
    hr, lr = (store.load_patches(path)[..., 0] for path in (params.hr_file, params.lr_file))
    scale = pair_scale(lr, hr, params.lr_file, params.hr_file)
    for path, side in ((params.hr_file, hr), (params.lr_file, lr)):
        store.check_complete(path, side)
    cells = _cells(params.lr_file, lr, hr)
    if cells is None:
        cells = {"LR": (scale * MANUAL_HR_CELL,) * 2, "HR": (MANUAL_HR_CELL,) * 2}
        assumed = f"HR cells of {cells['HR'][0]:g} m and LR cells of {cells['LR'][0]:g} m"
        warnings.warn(f"{params.train_dir}: no patches.csv, so {assumed} are assumed", stacklevel=2)
    return Source(lr, hr, cells)


def _cells(beside: Path, lr, hr) -> dict | None:
    """Cell sizes from the ``patches.csv`` beside a file, if there is one."""
    if not beside.with_name("patches.csv").is_file():
        return None
    return {side: features.spacing(beside, patches.shape[1]) for side, patches in (("LR", lr), ("HR", hr))}


def _target(params: MixupParams, source: Source, originals) -> tuple[Feature, np.ndarray, str]:
    """The feature, its values in the target, and where these come from."""
    name, difference = FEATURES[params.target_value], params.get_slope_difference
    if difference.valid:
        side = _side(params, source.cells)
        patches = _target_patches(params, source, side)
        if params.target_data_csv:
            message = "get_slope_difference.valid is true: the target is taken from its input_data_dir"
            warnings.warn(f"{message}, target_data_csv is not read", stacklevel=2)
        path = difference.input_data_dir / f"data_{side}.pkl"
        feature, values = target_of_patches(patches, Feature(name, difference.delta, side))
        return feature, values, f"{path} at {difference.delta:g} m"
    feature = Feature(name, source.cells["LR"])
    if params.target_data_csv:
        _same_resolution(params.target_data_csv, params.lr_file, source.cells["LR"])
        return *target_of_csv(params.target_data_csv, feature), str(params.target_data_csv)
    feature = feature.scaled(terrain.mean_slope_gradient(originals.astype(np.float64), feature.delta))
    where = f"normal distribution about {params.threshold:g} with standard deviation {params.std:g}"
    return feature, normal_target(params.threshold, params.std), where


def _differ(one, other) -> bool:
    return not np.allclose(one, other, rtol=SAME_CELL, atol=0)


def _metres(cell) -> str:
    return " x ".join(f"{size:g}" for size in sorted(set(np.ravel(cell)))) + " m"


def _side(params: MixupParams, cells: dict) -> str:
    """The side of the pairs whose cell size is ``get_slope_difference.delta``."""
    delta = params.get_slope_difference.delta
    for side, cell in cells.items():
        if not _differ(cell, delta):
            return side
    sizes = (f"{_metres(cells[side])} ({path.name})" for side, path in (("LR", params.lr_file), ("HR", params.hr_file)))
    raise ValueError(
        f"get_slope_difference.delta is {delta:g}, expected the cell size of the pairs in {params.train_dir}: "
        + " or ".join(sizes)
    )


def _target_patches(params: MixupParams, source: Source, side: str) -> np.ndarray:
    """The target's patches of one side, checked to have the source's resolution."""
    path = params.get_slope_difference.input_data_dir / f"data_{side}.pkl"
    patches, source_patches = store.load_patches(path)[..., 0], getattr(source, side.lower())
    source_path = params.lr_file if side == "LR" else params.hr_file
    if patches.shape[1:] != source_patches.shape[1:]:
        raise ValueError(
            f"{path} has patches of {patches.shape[1:]} cells and {source_path} of {source_patches.shape[1:]}; "
            "expected the same resolution"
        )
    store.check_complete(path, patches)
    cells = _cells(path, source.lr, source.hr)
    if cells and _differ(cells[side], source.cells[side]):
        found = f"{path} has cells of {_metres(cells[side])} and {source_path} of {_metres(source.cells[side])}"
        raise ValueError(f"{found}; expected the same resolution")
    return patches


def _same_resolution(csv: Path, lr_file: Path, cell) -> None:
    """Refuse a feature table that is known to have another cell size than the source's LR."""
    mixed = f"expected features of LR patches with cells of {_metres(cell)}, as {lr_file} has"
    if csv.stem.upper().endswith("HR"):
        raise ValueError(f"target_data_csv: {csv} has the name of a table of HR patches; {mixed}")
    beside = csv.with_name("patches.csv")
    if beside.is_file():
        first = pd.read_csv(beside, nrows=1).iloc[0]
        found = first["hr_dy"] * first["scale"], first["hr_dx"] * first["scale"]
        if _differ(found, cell):
            raise ValueError(f"target_data_csv: {csv} is of patches with cells of {_metres(found)}; {mixed}")


def _write_pairs(folder: Path, pool: Pool, plan: mixup.Plan, cell) -> None:
    """Originals and blends, and what was picked, each with its table."""
    blends = pool.draw(plan.blends, "blends")
    both = [np.concatenate([side[: len(pool)], made]) for side, made in zip((pool.lr, pool.hr), blends)]
    del blends
    _save(folder, *both, cell)
    store.write_text(folder / "blends.csv", named(plan.blends, pool).rename_axis("index").to_csv())
    row = plan.picked.index.to_numpy()  # of an original or blend; below 0: a flip or turn, made now
    copies = pool.draw(plan.picked[row < 0], "flips and turns")
    picked = [np.concatenate([side[row[row >= 0]], made]) for side, made in zip(both, copies)]
    del both, copies
    _save(folder / "picked_images", *picked, cell)
    pairs = named(plan.picked, pool).rename_axis("index").to_csv()
    store.write_text(folder / "picked_images" / "pairs.csv", pairs)


def _save(folder: Path, lr, hr, cell) -> None:
    store.save_pair(folder, lr, hr)
    for path in project.progress([folder / "data_LR.csv"], f"{folder.name} features"):
        store.write_text(path, terrain.feature_table(lr, cell).to_csv())
