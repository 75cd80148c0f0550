"""From a depth grid to training pairs in files: gaps, land, the three sets.

How the map is cut is in `bathysr_nb.pairs.blocks`.

Source: manual 1.1, 1.2 (``sr_dataset_builder``, class ``Dataset``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from bathysr_nb import grids
from bathysr_nb.files import project, store
from bathysr_nb.files.record import package_versions
from bathysr_nb.grids import georeference, read
from bathysr_nb.pairs.blocks import find_pairs, split_blocks, trim
from bathysr_nb.pairs.downsampling import resize

SETS = ("train", "validation", "test")


def cleansing(img: np.ndarray, kernel_size: tuple[int, int] = (5, 5), missing_value: float | None = None) -> np.ndarray:
    """Fill each missing cell with the mean of the cells around it that are not missing.

    Parameters
    ----------
    img : ndarray, shape (H, W)
        Depths in metres, NaN where missing.
    kernel_size : (int, int)
        Rows and columns of the window, both odd.
    missing_value : float, optional
        A further value that means "missing" (the manual's pickles use 0).

    Returns
    -------
    ndarray, shape (H, W)
        Filled from the *original* cells only, never from freshly filled ones. A cell with
        none in its window stays NaN; at the grid's edge the part of the window inside counts.

    Raises
    ------
    ValueError
        If the image is not 2-D or the window is not odd.

    Notes
    -----
    Manual 1.2.1, ``cleansing``.

    Examples
    --------
    >>> cleansing(np.array([[1.0, np.nan, 3.0]]), (1, 3))
    array([[1., 2., 3.]])
    """
    img = np.asarray(img)
    if img.ndim != 2 or any(size < 1 or size % 2 == 0 for size in kernel_size):
        raise ValueError(
            f"expected a 2-D grid and an odd window, found shape {img.shape} and kernel_size {kernel_size}"
        )
    reach = [size // 2 for size in kernel_size]
    filled = np.pad(
        img.astype(img.dtype if img.dtype.kind == "f" else np.float64), [(r, r) for r in reach], constant_values=np.nan
    )
    if missing_value is not None:
        filled[filled == missing_value] = np.nan
    width, cells = filled.shape[1], filled.ravel()
    gaps = np.flatnonzero(np.isnan(cells))
    row, col = np.divmod(gaps, width)
    inside = (row >= reach[0]) & (row < len(filled) - reach[0]) & (col >= reach[1]) & (col < width - reach[1])
    gaps = gaps[inside]
    total, known = np.zeros(len(gaps)), np.zeros(len(gaps), dtype=np.int32)
    for dy in range(-reach[0], reach[0] + 1):
        for dx in range(-reach[1], reach[1] + 1):
            neighbour = cells[gaps + (dy * width + dx)]
            here = ~np.isnan(neighbour)
            known += here
            total += np.where(here, neighbour, 0)
    cells[gaps[known > 0]] = (total[known > 0] / known[known > 0]).astype(cells.dtype)
    return filled[reach[0] : -reach[0] or None, reach[1] : -reach[1] or None]


def save_set(folder, lr: np.ndarray, hr: np.ndarray, table: pd.DataFrame, overwrite: bool = False) -> None:
    """Write one set: ``data_LR.pkl``, ``data_HR.pkl`` and ``patches.csv``.

    Parameters
    ----------
    folder : path
        E.g. ``dataset/train``.
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
    table : DataFrame
        Block and place of each pair, as `build_pairs` gives it.
    overwrite : bool
        Replace files that are there already.

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


class Dataset:
    """Training, validation and test pairs of one map, split by block.

    Parameters
    ----------
    lr_fname : path or None
        LR grid (any file `bathysr_nb.grids.read.read_grid` reads); None makes it from the HR grid.
    hr_fname : path
        HR grid.
    block_shape : (int, int) or None
        Number of blocks down and across.
    block_cells : int, optional
        Instead of `block_shape`: HR cells along a block's side; the remainder is trimmed.
    lr_img_shape, lr_stride, hr_img_shape, hr_stride : (int, int)
        Crops and the offset between them.
    kernel_size : (int, int) or None
        Window of `cleansing`; None fills no gaps. Land (0 m and above) is not a gap: it is
        missing and stays so.
    validation_size, test_size : float
        Shares of the blocks.
    seed : int
    downsampling : {"bilinear", "area"}
        How LR is made where there is no LR grid; see `resize`.
    cell_size : float or (float, float), optional
        HR cell size in metres; needed for pickles and ``.npy``, which do not tell it.
    variable : str, optional
        Name of the depth variable in NetCDF files.
    bounds : (left, bottom, right, top), optional
        Read only this window of the grids, in their coordinates.
    missing_value : float, optional
        One further number that means missing.
    quality : path, optional
        Grid of type identifiers on the HR cells (GEBCO's TID).
    keep : sequence of int
        Identifiers of measured cells; pairs whose HR has any other are left out.

    Attributes
    ----------
    x_train, x_validation, x_test : ndarray, shape (n, h, w), float32
        LR patches in metres.
    y_train, y_validation, y_test : ndarray, shape (n, H, W), float32
        HR patches in metres.
    tables : dict of str to DataFrame
        Block and place of each pair of ``train``, ``validation`` and ``test``.
    trimmed : (int, int)
        HR rows and columns left out beyond whole blocks.

    Raises
    ------
    FileNotFoundError, ValueError
        As the functions it calls; LR and HR grids whose corners or reference systems
        differ are an error.

    Notes
    -----
    Manual 1.2.1, ``dataset.Dataset``.

    Examples
    --------
    >>> data = Dataset(None, grids.bundled_grid(), None, block_cells=100)
    >>> data.x_train.shape[1:], data.y_train.shape[1:], data.trimmed
    ((16, 16), (64, 64), (88, 84))
    """

    def __init__(
        self,
        lr_fname: Path | None,
        hr_fname: Path,
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
        cell_size: float | tuple[float, float] | None = None,
        variable: str | None = None,
        bounds: tuple[float, float, float, float] | None = None,
        missing_value: float | None = None,
        quality: Path | None = None,
        keep: tuple[int, ...] = (),
    ):
        if (block_shape is None) == (block_cells is None):
            raise ValueError("give either block_shape (blocks down, across) or block_cells (HR cells a side)")
        shapes = {"block_shape": block_shape, "block_cells": block_cells and (block_cells,), "kernel_size": kernel_size}
        shapes |= {"lr_img_shape": lr_img_shape, "lr_stride": lr_stride}
        shapes |= {"hr_img_shape": hr_img_shape, "hr_stride": hr_stride, "seed": (seed + 1,)}
        for key, sizes in shapes.items():
            if sizes is not None and min(sizes) < 1:
                found = seed if key == "seed" else sizes
                raise ValueError(f"{key} is {found}, expected whole numbers of at least {0 if key == 'seed' else 1}")
        if keep and quality is None:
            raise ValueError("keep tells which cells of a quality grid are measured, but quality is not given")
        scale = hr_img_shape[0] // lr_img_shape[0]
        window = {"bounds": bounds, "missing_value": missing_value}
        grid = grids.read_grid(hr_fname, variable, cell_size=cell_size, **window)
        hr = ocean(grid.values, kernel_size)
        blocks = block_shape or trim(hr.shape, block_cells)
        rows, cols = (blocks[i] * block_cells if block_cells else hr.shape[i] for i in (0, 1))
        self.trimmed = (hr.shape[0] - rows, hr.shape[1] - cols)
        self.downsampling = None if lr_fname else downsampling
        if lr_fname:
            coarse = None if cell_size is None else tuple(scale * size for size in grid.attrs["cell_size"])
            lr_grid = grids.read_grid(lr_fname, variable, cell_size=coarse, **window)
            georeference.check_same_ground(lr_grid, grid, scale)
            lr = ocean(lr_grid.values, kernel_size)[: rows // scale, : cols // scale]
        else:
            lr = resize(hr[:rows, :cols], scale, downsampling)
        usable = None if quality is None else _measured(quality, keep, grid, cell_size, bounds)
        usable = usable if usable is None else usable[:rows, :cols]
        crops = (lr_img_shape, lr_stride, hr_img_shape, hr_stride)
        self._pairs = find_pairs(lr, hr[:rows, :cols], blocks, *crops, grid.attrs["cell_size"], usable)
        self._deal(validation_size, test_size, seed)

    def _deal(self, validation_size, test_size, seed) -> None:
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
            Replace a folder that is there already.

        Raises
        ------
        FileExistsError
            If the folder holds a dataset and `overwrite` is false, or files of any other kind.
        """
        made = {f"{name}/{file}" for name in SETS for file in ("data_LR.pkl", "data_HR.pkl", "patches.csv")}
        there = (p.relative_to(save_dir) for p in Path(save_dir).rglob("*") if p.is_file())
        foreign = sorted(str(path) for path in there if path.as_posix() not in made | {"dataset.json"})
        if foreign:
            raise FileExistsError(f"{save_dir}: holds files that no build made ({foreign[0]}); move them away")
        with store.replacing_folder(save_dir, overwrite) as folder:
            for name in project.progress(SETS, "writing"):
                save_set(folder / name, getattr(self, f"x_{name}"), getattr(self, f"y_{name}"), self.tables[name])
            record = {"downsampling": self.downsampling, "versions": package_versions()}
            store.write_text(folder / "dataset.json", json.dumps(record, indent=2))


def ocean(depth: np.ndarray, kernel_size: tuple[int, int] | None) -> np.ndarray:
    """Depths with land missing and gaps in the sea filled.

    Parameters
    ----------
    depth : ndarray, shape (H, W)
        Metres, negative down; land is 0 and above, a gap is NaN.
    kernel_size : (int, int) or None
        Window of `cleansing`; None fills no gaps.

    Returns
    -------
    ndarray, shape (H, W)
        Land is NaN: it is not a gap, and its mask is put back after the filling, which else
        would move the coast. Land that is NaN already cannot be told from a gap.

    Examples
    --------
    >>> ocean(np.array([[-4.0, np.nan, -8.0, 5.0]]), (1, 3))
    array([[-4., -6., -8., nan]])
    """
    depth = np.asarray(depth)
    land = depth >= 0
    depth = np.where(land, depth.dtype.type(np.nan), depth)
    if kernel_size is None:
        return depth
    filled = cleansing(depth, kernel_size)
    filled[land] = np.nan
    return filled


def _measured(quality, keep, grid, cell_size, bounds) -> np.ndarray:
    array = str(quality).endswith((".pkl", ".pickle", ".npy"))
    tid = grids.read_grid(quality, cell_size=cell_size if array else None, bounds=bounds)
    georeference.check_same_ground(tid, grid, 1)
    return read.measured(tid.values, keep)


def resize_file(
    hr: Path,
    lr: Path,
    scale: int = 4,
    downsampling: Literal["bilinear", "area"] = "bilinear",
    variable: str | None = None,
    cell_size: float | tuple[float, float] | None = None,
    overwrite: bool = False,
) -> None:
    """Make a low-resolution file from a high-resolution one: a grid, or a pickle of patches.

    Parameters
    ----------
    hr : path
        A grid that `bathysr_nb.grids.read.read_grid` reads, or a pickle of a grid or of patches.
    lr : path
        A pickle for a pickle, else a NetCDF (``.nc``) or GeoTIFF (``.tif``) file.
    scale : int
    downsampling : {"bilinear", "area"}
        See `resize`.
    variable : str, optional
        Name of the depth variable of a NetCDF file.
    cell_size : float or (float, float), optional
        Metres; needed for a pickled grid and ``.npy``, which do not tell it.
    overwrite : bool
        Replace a file that is there already.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError

    Notes
    -----
    Manual 1.3, ``resize.py``. Rows and columns beyond a multiple of the scale are left out.
    """
    if hr.resolve() == lr.resolve():
        raise ValueError(f"{lr}: is the input; write the coarse one to another file")
    if scale < 2:
        raise ValueError(f"scale is {scale}, expected a whole number of at least 2")
    pickles = (".pkl", ".pickle")
    patches = hr.suffix in pickles and hr.is_file() and store.load_array(hr).ndim > 2
    grid = None if patches else grids.read_grid(hr, variable, cell_size=cell_size)
    fine = store.load_patches(hr)[..., 0] if patches else grid.values
    if (hr.suffix in pickles) != (lr.suffix in pickles):
        raise ValueError(f"{lr}: a pickle is made from a pickle, a grid from a grid; the input is {hr}")
    if min(fine.shape) == 0 or min(fine.shape[-2:]) < scale or not np.isfinite(fine[~np.isnan(fine)]).all():
        raise ValueError(f"{hr}: has shape {fine.shape}, expected finite depths of at least {scale} x {scale} cells")
    if lr.suffix not in pickles:
        grids.write_grid(coarsen(grid, scale, downsampling), lr, overwrite)
        return
    rows, cols = (size // scale * scale for size in fine.shape[-2:])
    save = store.save_patches if patches else store.save_array
    save(lr, resize(fine[..., :rows, :cols], scale, downsampling), overwrite)


def coarsen(grid: xr.DataArray, scale: int = 4, downsampling: str = "bilinear") -> xr.DataArray:
    """The low-resolution grid of a high-resolution one, with its coordinates.

    Parameters
    ----------
    grid : DataArray, dims (y, x)
        As `bathysr_nb.grids.read.read_grid`. Rows and columns beyond a multiple of the scale are left out.
    scale : int
    downsampling : {"bilinear", "area"}
        See `bathysr_nb.pairs.downsampling.resize`.

    Returns
    -------
    DataArray, dims (y, x)

    Examples
    --------
    >>> grid = grids.read_grid(grids.bundled_grid())[:40, :60]
    >>> coarse = coarsen(grid)
    >>> coarse.shape, [round(size, 1) for size in coarse.attrs["cell_size"]]
    ((10, 15), [1083.6, 1083.6])
    """
    rows, cols = (size // scale * scale for size in grid.shape)
    fine = grid[:rows, :cols]
    coarse = fine.coarsen(y=scale, x=scale).mean().copy(data=resize(fine.values, scale, downsampling))
    if "cell_size" in grid.attrs:
        coarse.attrs["cell_size"] = tuple(scale * size for size in grid.attrs["cell_size"])
    return coarse
