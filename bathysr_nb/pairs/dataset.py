"""From a depth grid to training, validation and test pairs in files.

How the map is cut is in `bathysr_nb.pairs.blocks`, how gaps and land are treated in `bathysr_nb.pairs.gaps`.

Source: manual 1.1, 1.2 (``sr_dataset_builder``, class ``Dataset``).
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from bathysr_nb import grids
from bathysr_nb.files import project, store
from bathysr_nb.files.record import package_versions
from bathysr_nb.grids import georeference, read
from bathysr_nb.pairs import agreement
from bathysr_nb.pairs.blocks import find_pairs, split_blocks, trim
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.pairs.gaps import ocean

SETS = ("train", "validation", "test")
SET_FILES = ("data_LR.pkl", "data_HR.pkl", "patches.csv")
RECORD = "dataset.json"


class Dataset:
    """Training, validation and test pairs of one map, split by block.

    Parameters
    ----------
    lr : DataArray, path or None
        LR grid; None makes it from the HR grid.
    hr : DataArray or path
        HR grid: depths in metres, NaN where missing, as `bathysr_nb.grids.read.read_grid` returns them, or
        the file. Either all grids are given or all files.
    block_shape : (int, int) or None
        Number of blocks down and across.
    block_cells : int, optional
        Instead of `block_shape`: HR cells along a block's side; the remainder is trimmed.
    lr_img_shape, lr_stride, hr_img_shape, hr_stride : (int, int)
        Crops and the offset between them.
    kernel_size : (int, int) or None
        Window of `bathysr_nb.pairs.gaps.cleansing`; None fills no gaps.
    validation_size, test_size : float
        Shares of the blocks.
    seed : int
    downsampling : {"bilinear", "area"}
        How LR is made if there is no LR grid; see `bathysr_nb.pairs.downsampling.resize`.
    quality : DataArray or path, optional
        Type identifiers of the HR cells (GEBCO's TID).
    keep : sequence of int
        Identifiers of measured cells; pairs whose HR has any other are left out.
    land : {"mask", "keep"}
        "mask" makes cells at or above sea level missing and fills none of them; "keep" takes them for seafloor.
    **reading
        How files are read; see `bathysr_nb.grids.read.Reading`.

    Attributes
    ----------
    x_train, x_validation, x_test : ndarray, shape (n, h, w), float32
        LR patches in metres.
    y_train, y_validation, y_test : ndarray, shape (n, H, W), float32
        HR patches in metres.
    tables : dict of str to DataFrame
        Block and place of each pair of ``train``, ``validation`` and ``test``.
    agreement : Agreement or None
        How a given LR grid differs from HR made coarser; None if LR was made from HR.
    trimmed : (int, int)
        HR rows and columns left out beyond whole blocks.

    Raises
    ------
    FileNotFoundError, ValueError
        As the functions it calls; also if the outer edges or reference systems of the grids differ.

    Notes
    -----
    Manual 1.2.1, ``dataset.Dataset``.

    Examples
    --------
    >>> grid = grids.read_grid(grids.bundled_grid())
    >>> data = Dataset(None, grid, None, block_cells=100)
    >>> data.x_train.shape[1:], data.y_train.shape[1:], data.trimmed
    ((16, 16), (64, 64), (88, 84))
    """

    def __init__(
        self,
        lr: xr.DataArray | Path | None,
        hr: xr.DataArray | Path,
        block_shape: tuple[int, int] | None = (44, 40),
        *,
        block_cells: int | None = None,
        lr_img_shape: tuple[int, int] = (16, 16),
        lr_stride: tuple[int, int] = (2, 2),
        hr_img_shape: tuple[int, int] = (64, 64),
        hr_stride: tuple[int, int] = (8, 8),
        kernel_size: tuple[int, int] | None = (5, 5),
        validation_size: float = 0.1,
        test_size: float = 0.1,
        seed: int = 0,
        downsampling: Literal["bilinear", "area"] = "bilinear",
        quality: xr.DataArray | Path | None = None,
        keep: tuple[int, ...] = (),
        land: Literal["mask", "keep"] = "mask",
        **reading,
    ):
        if (block_shape is None) == (block_cells is None):
            raise ValueError("give either block_shape (blocks down, across) or block_cells (HR cells a side)")
        crops = {"lr_img_shape": lr_img_shape, "lr_stride": lr_stride}
        crops |= {"hr_img_shape": hr_img_shape, "hr_stride": hr_stride}
        _check_at_least(1, block_shape=block_shape, block_cells=block_cells, kernel_size=kernel_size, **crops)
        _check_at_least(0, seed=seed)
        if keep and quality is None:
            raise ValueError("keep lists identifiers of a quality grid, but quality is not given")
        scale = hr_img_shape[0] // lr_img_shape[0]
        if scale < 2:
            raise ValueError(
                f"hr_img_shape is {hr_img_shape} and lr_img_shape {lr_img_shape}; expected at least 2 times"
            )
        lr, hr, quality = _as_grids(lr, hr, quality, scale, reading)
        depth = ocean(hr.values, kernel_size, land)
        blocks = block_shape or trim(depth.shape, block_cells)
        rows, cols = (blocks[i] * block_cells if block_cells else depth.shape[i] for i in (0, 1))
        self.trimmed = (depth.shape[0] - rows, depth.shape[1] - cols)
        depth = depth[:rows, :cols]
        self.downsampling = downsampling if lr is None else None
        self.agreement = None
        if lr is None:
            coarse = resize(depth, scale, downsampling)
        else:
            georeference.check_same_ground(lr, hr, scale)
            if min(lr.shape) >= agreement.SMALLEST:
                self.agreement = agreement.compare_resolutions(lr.values, hr.values)
            coarse = ocean(lr.values, kernel_size, land)[: rows // scale, : cols // scale]
        usable = None
        if quality is not None:
            georeference.check_same_ground(quality, hr, 1)
            usable = read.measured(quality.values, keep)[:rows, :cols]
        cell_size = georeference.cell_size_of(hr)
        self._pairs = find_pairs(coarse, depth, blocks, **crops, cell_size=cell_size, usable=usable)
        self._deal(validation_size, test_size, seed)

    def _deal(self, validation_size: float, test_size: float, seed: int) -> None:
        """Give each block that has pairs to one of the sets, and cut the pairs out."""
        block = self._pairs.table["block"]
        present = block.unique()
        dealt = split_blocks(len(present), validation_size, test_size, np.random.default_rng(seed))
        self.tables = {}
        for name, chosen in project.progress(list(zip(SETS, dealt)), "cutting"):
            rows = np.flatnonzero(block.isin(present[chosen]))
            lr, hr = self._pairs.take(rows)
            setattr(self, f"x_{name}", lr)
            setattr(self, f"y_{name}", hr)
            self.tables[name] = self._pairs.table.iloc[rows]

    def save(self, save_dir, overwrite: bool = False) -> None:
        """Write ``save_dir/{train,validation,test}``, whole or not at all; see `save_set`.

        Parameters
        ----------
        save_dir : path
        overwrite : bool
            Replace an existing dataset.

        Raises
        ------
        FileExistsError
            If the folder holds a dataset and `overwrite` is false, or any other files.
        """
        written = {f"{name}/{file}" for name in SETS for file in SET_FILES} | {RECORD}
        store.refuse_foreign(save_dir, written.__contains__, "build")
        with store.replacing_folder(save_dir, overwrite) as folder:
            for name in project.progress(SETS, "writing"):
                save_set(folder / name, getattr(self, f"x_{name}"), getattr(self, f"y_{name}"), self.tables[name])
            record = {"downsampling": self.downsampling, "versions": package_versions()}
            store.write_text(folder / RECORD, json.dumps(record, indent=2))


def _check_at_least(least: int, **values) -> None:
    for name, value in values.items():
        if value is not None and np.min(value) < least:
            raise ValueError(f"{name} is {value}, expected whole numbers of at least {least}")


def _as_grids(lr, hr, quality, scale: int, reading: dict):
    """LR, HR and type identifiers with north up, read if files are given."""
    if len({isinstance(grid, xr.DataArray) for grid in (lr, hr, quality) if grid is not None}) > 1:
        raise ValueError("lr, hr and quality: expected either grids or files, found both")
    known = {field.name for field in fields(grids.Reading)} | {"lr_reading"}
    if unknown := sorted(set(reading) - known):
        raise ValueError(f"unknown option {', '.join(unknown)}; choose from {', '.join(sorted(known))}")
    if not isinstance(hr, xr.DataArray):
        return read_map(lr, hr, quality, scale=scale, **reading)
    if reading:
        raise ValueError(f"{', '.join(reading)}: only for files, but hr is a grid")
    return tuple(grid if grid is None else georeference.north_up(grid) for grid in (lr, hr, quality))


def read_map(
    lr: Path | None,
    hr: Path,
    quality: Path | None = None,
    *,
    scale: int = 4,
    lr_reading: grids.Reading | None = None,
    **reading,
) -> tuple[xr.DataArray | None, xr.DataArray, xr.DataArray | None]:
    """Read the grids of one map.

    Parameters
    ----------
    lr, hr : path
        LR and HR depths, in any file that `bathysr_nb.grids.read.read_grid` reads; `lr` may be None.
    quality : path, optional
        Type identifiers of the HR cells.
    scale : int
        HR cells along an LR cell.
    lr_reading : Reading, optional
        How LR is read where it differs from HR.
    **reading
        How LR and HR are read, see `bathysr_nb.grids.read.Reading`; `cell_size` is that of HR.

    Returns
    -------
    (DataArray or None, DataArray, DataArray or None)
        LR, HR and type identifiers.

    Raises
    ------
    FileNotFoundError, ValueError
        As `bathysr_nb.grids.read.read_grid`.
    """
    fine = grids.read_grid(hr, **reading)
    cell_size, bounds, crs = (reading.get(key) for key in ("cell_size", "bounds", "crs"))
    coarse = identifiers = None
    if lr is not None:
        lr_cell_size = tuple(scale * size for size in fine.attrs["cell_size"]) if _is_bare(lr) else None
        own = {} if lr_reading is None else {key: v for key, v in lr_reading.options.items() if v is not None}
        coarse = grids.read_grid(lr, **reading | {"cell_size": lr_cell_size} | own)
    if quality is not None:
        options = {"cell_size": cell_size if _is_bare(quality) else None, "bounds": bounds, "crs": crs}
        identifiers = grids.read_grid(quality, positive="up", **options)  # codes are above 0
    return coarse, fine, identifiers


def _is_bare(path) -> bool:
    """Whether a file holds an array without coordinates."""
    return str(path).endswith((".pkl", ".pickle", ".npy"))


def save_set(folder, lr: np.ndarray, hr: np.ndarray, table: pd.DataFrame, *, overwrite: bool = False) -> None:
    """Write one set: ``data_LR.pkl``, ``data_HR.pkl`` and ``patches.csv``.

    Parameters
    ----------
    folder : path
        E.g. ``dataset/train``.
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
    table : DataFrame
        Block and place of each pair, as `bathysr_nb.pairs.blocks.build_pairs` returns it.
    overwrite : bool
        Replace existing files.

    Raises
    ------
    ValueError, FileExistsError

    Notes
    -----
    Manual 1.2.1, ``save``; ``patches.csv`` is ours.
    """
    store.save_pair(folder, lr, hr, overwrite)
    text = table.reset_index(drop=True).rename_axis("index").to_csv()
    store.write_text(Path(folder) / "patches.csv", text, overwrite)
