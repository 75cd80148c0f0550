"""From a depth grid to training pairs: blocks, crops, gaps, and the split by block.

A *block* is one square of the map, a *patch* one LR/HR pair cut from it. Patches of one
block overlap, so a block goes whole into one of the sets: otherwise the test set would
hold cells that the network was trained on.

Source: manual 1.1, 1.2 (``sr_dataset_builder``, class ``Dataset``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from bathysr_nb import store
from bathysr_nb.interpolation import resize

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
    if img.ndim != 2 or any(size % 2 == 0 for size in kernel_size):
        raise ValueError(
            f"expected a 2-D grid and an odd window, found shape {img.shape} and kernel_size {kernel_size}"
        )
    depth = img.astype(np.float64)
    missing = np.isnan(depth) if missing_value is None else np.isnan(depth) | (depth == missing_value)
    # uniform_filter sums the whole window; zeros outside and in gaps leave the known cells
    known = ndimage.uniform_filter((~missing).astype(float), kernel_size, mode="constant")
    total = ndimage.uniform_filter(np.where(missing, 0.0, depth), kernel_size, mode="constant")
    full = np.rint(known * np.prod(kernel_size))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(full > 0, total * np.prod(kernel_size) / full, np.nan)
    dtype = img.dtype if img.dtype.kind == "f" else np.float64
    return np.where(missing, mean, depth).astype(dtype)


def block_split(
    base_img: np.ndarray,
    block_shape: tuple[int, int] = (44, 40),
    img_shape: tuple[int, int] = (64, 64),
    stride: tuple[int, int] = (8, 8),
) -> np.ndarray:
    """Cut a grid into blocks, and each block into overlapping crops.

    Parameters
    ----------
    base_img : ndarray, shape (H, W)
        Depths in metres.
    block_shape : (int, int)
        Number of blocks down and across.
    img_shape : (int, int)
        Rows and columns of a crop.
    stride : (int, int)
        Offset between crops; they start at 0, stride, 2 * stride .. while they fit.

    Returns
    -------
    ndarray, shape (blocks, crops, rows, cols)
        Blocks and crops in row order; a read-only view where the strides allow.

    Raises
    ------
    ValueError
        If the grid does not divide by `block_shape`, naming the nearest shape that does,
        or a crop is larger than a block.

    Notes
    -----
    Manual 1.2.1, ``block_split``.

    Examples
    --------
    >>> block_split(np.zeros((200, 300)), (2, 3), (64, 64), (8, 8)).shape
    (6, 25, 64, 64)
    """
    base_img = np.asarray(base_img)
    down, across = block_shape
    height, width = base_img.shape
    if height % down or width % across:
        nearest = (height // down * down, width // across * across)
        raise ValueError(
            f"a grid of {base_img.shape} does not divide into {block_shape} blocks; the nearest is {nearest}"
        )
    block = (height // down, width // across)
    if img_shape[0] > block[0] or img_shape[1] > block[1]:
        raise ValueError(f"a crop of {tuple(img_shape)} cells does not fit into a block of {block}")
    blocks = base_img.reshape(down, block[0], across, block[1]).swapaxes(1, 2)
    windows = np.lib.stride_tricks.sliding_window_view(blocks, tuple(img_shape), axis=(2, 3))
    crops = windows[:, :, :: stride[0], :: stride[1]]
    return crops.reshape(down * across, -1, *img_shape)


def complete(lr_blocks: np.ndarray, hr_blocks: np.ndarray) -> np.ndarray:
    """Which pairs have no missing cell on either side: bool, shape (blocks, crops)."""
    return ~(np.isnan(lr_blocks).any(axis=(2, 3)) | np.isnan(hr_blocks).any(axis=(2, 3)))


def rm_nan(lr_blocks: np.ndarray, hr_blocks: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Drop pairs with a missing cell on either side, and blocks with no pair left.

    Parameters
    ----------
    lr_blocks : ndarray, shape (blocks, crops, h, w)
    hr_blocks : ndarray, shape (blocks, crops, H, W)

    Returns
    -------
    (list of ndarray (n_i, h, w), list of ndarray (n_i, H, W))
        One entry a block that is left; blocks may differ in length.

    Notes
    -----
    Manual 1.2.1, ``rm_nan``.

    Examples
    --------
    >>> lr, hr = np.zeros((2, 3, 4, 4)), np.zeros((2, 3, 16, 16))
    >>> lr[0] = np.nan; hr[1, 0, 0, 0] = np.nan
    >>> [len(block) for block in rm_nan(lr, hr)[0]]
    [2]
    """
    keep = complete(lr_blocks, hr_blocks)
    left = np.flatnonzero(keep.any(axis=1))
    return [lr_blocks[i][keep[i]] for i in left], [hr_blocks[i][keep[i]] for i in left]


def split_blocks(n_blocks: int, validation_size: float, test_size: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal block numbers at random into train, validation and test.

    Parameters
    ----------
    n_blocks : int
    validation_size, test_size : float
        Shares of the blocks, each in [0, 1), rounded to whole blocks.
    rng : numpy.random.Generator

    Returns
    -------
    list of three ndarray of int
        Sorted block numbers of train, validation and test.

    Raises
    ------
    ValueError
        If a share is out of range or nothing is left to train on.

    Examples
    --------
    >>> [len(part) for part in split_blocks(20, 0.1, 0.1, np.random.default_rng(0))]
    [16, 2, 2]
    """
    for name, share in (("validation_size", validation_size), ("test_size", test_size)):
        if not 0 <= share < 1:
            raise ValueError(f"{name} is {share}, expected a share in [0, 1)")
    n_validation, n_test = round(n_blocks * validation_size), round(n_blocks * test_size)
    if n_validation + n_test >= n_blocks:
        shares = f"validation_size={validation_size}, test_size={test_size}"
        raise ValueError(f"{n_blocks} blocks leave none to train on at {shares}")
    order = rng.permutation(n_blocks)
    parts = np.split(order, [n_blocks - n_validation - n_test, n_blocks - n_test])
    return [np.sort(part) for part in parts]


def train_validation_test_split(
    x, y, validation_size: float = 0.1, test_size: float = 0.1, seed: int = 0
) -> list[np.ndarray]:
    """Split blocks of pairs at random, whole blocks at a time.

    Parameters
    ----------
    x, y : list of ndarray, shape (n_i, h, w) and (n_i, H, W)
        LR and HR patches of each block.
    validation_size, test_size : float
        Shares of the blocks.
    seed : int

    Returns
    -------
    list of six ndarray
        x_train, x_validation, x_test, y_train, y_validation, y_test, each (n, h, w).

    Raises
    ------
    ValueError
        As `split_blocks`; also when x and y differ in number of blocks.

    Notes
    -----
    Manual 1.2.1, ``train_validation_test_split``.

    Examples
    --------
    >>> x = [np.zeros((25, 4, 4))] * 10
    >>> [len(part) for part in train_validation_test_split(x, x)[:3]]
    [200, 25, 25]
    """
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} blocks and y has {len(y)}; they must pair")
    parts = split_blocks(len(x), validation_size, test_size, np.random.default_rng(seed))
    return [_join(side, part) for side in (x, y) for part in parts]


def _join(blocks, chosen) -> np.ndarray:
    return np.concatenate([blocks[i] for i in chosen]) if len(chosen) else np.empty((0, *blocks[0].shape[1:]))


def build_pairs(
    hr: np.ndarray,
    cell_size: float | tuple[float, float],
    block_cells: int = 100,
    hr_img_shape: tuple[int, int] = (64, 64),
    hr_stride: tuple[int, int] = (8, 8),
    scale: int = 4,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """All complete pairs of an HR grid, with the block and the place of each.

    Parameters
    ----------
    hr : ndarray, shape (H, W)
        Depths in metres, NaN where missing. Rows and columns beyond a whole number of
        blocks are left out.
    cell_size : float or (float, float)
        HR cell size in metres, kept in the table.
    block_cells : int
        HR cells along a block's side.
    hr_img_shape, hr_stride : (int, int)
        Crop and offset in HR cells; both must divide by `scale`.
    scale : int
        HR cells per LR cell along one axis.

    Returns
    -------
    lr : ndarray, shape (n, h, w), float32
        The downsampled HR patches (`resize`).
    hr : ndarray, shape (n, H, W), float32
    table : DataFrame
        One row a pair: block, row, col (HR cells of its upper left corner in the grid),
        hr_dy, hr_dx (metres).

    Raises
    ------
    ValueError
        If blocks, crops or strides do not divide by `scale`, or no complete pair is found.
    """
    for name, cells in (("block_cells", (block_cells,)), ("hr_img_shape", hr_img_shape), ("hr_stride", hr_stride)):
        if any(c % scale for c in cells):
            raise ValueError(f"{name} is {cells}, expected multiples of the scale {scale}")
    shape = tuple(n // block_cells for n in hr.shape)
    if 0 in shape:
        raise ValueError(f"a grid of {hr.shape} cells holds no block of {block_cells} x {block_cells}")
    whole = np.asarray(hr[: shape[0] * block_cells, : shape[1] * block_cells], dtype=np.float32)
    down = lambda pair: tuple(n // scale for n in pair)  # noqa: E731
    hr_blocks = block_split(whole, shape, hr_img_shape, hr_stride)
    lr_blocks = block_split(resize(whole, scale), shape, down(hr_img_shape), down(hr_stride))
    block, crop = np.nonzero(complete(lr_blocks, hr_blocks))
    if not len(block):
        raise ValueError("no patch of the grid is complete: every one has a missing cell")
    crops_across = (block_cells - hr_img_shape[1]) // hr_stride[1] + 1
    dy, dx = np.broadcast_to(cell_size, 2)
    table = pd.DataFrame(
        {
            "block": block,
            "row": block // shape[1] * block_cells + crop // crops_across * hr_stride[0],
            "col": block % shape[1] * block_cells + crop % crops_across * hr_stride[1],
            "hr_dy": dy,
            "hr_dx": dx,
        }
    )
    return lr_blocks[block, crop], hr_blocks[block, crop], table


def source_and_target(
    block: np.ndarray, slope: np.ndarray, source_share: float = 0.65
) -> tuple[np.ndarray, np.ndarray]:
    """Divide blocks into a gentle source area and a steep target area.

    Parameters
    ----------
    block : ndarray of int, shape (n,)
        Block of each patch.
    slope : ndarray, shape (n,)
        Mean slope gradient of each patch; use the LR one, which is all that would be
        known of a target area.
    source_share : float
        Share of the blocks, gentlest first, that become the source.

    Returns
    -------
    (ndarray, ndarray)
        Block numbers of source and target.

    Raises
    ------
    ValueError
        If either area would be empty.

    Examples
    --------
    >>> source_and_target(np.array([0, 0, 1, 2]), np.array([0.1, 0.3, 0.5, 0.1]), 0.67)
    (array([0, 2]), array([1]))
    """
    mean = pd.Series(slope).groupby(np.asarray(block)).mean().sort_values(kind="stable")
    n_source = round(len(mean) * source_share)
    if not 0 < n_source < len(mean):
        raise ValueError(f"source_share={source_share} of {len(mean)} blocks leaves source or target empty")
    return np.sort(mean.index[:n_source].to_numpy()), np.sort(mean.index[n_source:].to_numpy())


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
