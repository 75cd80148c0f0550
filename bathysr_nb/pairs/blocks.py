"""Blocks of a map, patches of a block, and the split by block.

A *block* is one square of the map, a *patch* one LR/HR pair cut from it. Patches of one
block overlap, so a whole block goes into one of the sets: otherwise the test set would
hold cells that the network was trained on.

Source: manual 1.1, 1.2.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb.pairs.downsampling import resize


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
        Offset between crops; they start at 0, stride, 2 * stride, .. as long as they fit.

    Returns
    -------
    ndarray, shape (blocks, crops, rows, cols)
        Blocks and crops in row order.

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
    windows = _windows(base_img, block_shape, img_shape, stride)
    return windows.reshape(block_shape[0] * block_shape[1], -1, *img_shape)


def _windows(base_img, block_shape, img_shape, stride) -> np.ndarray:
    """Crops of a grid without copying: (blocks down, across, crops down, across, rows, cols)."""
    base_img = np.asarray(base_img)
    if base_img.ndim != 2:
        raise ValueError(f"a grid is 2-D, found shape {base_img.shape}")
    (down, across), (height, width) = block_shape, base_img.shape
    if height % down or width % across:
        nearest = (height // down * down, width // across * across)
        found = f"block_shape: a grid of {height} x {width} cells does not divide into {down} x {across} blocks"
        raise ValueError(f"{found}; the nearest shape that does is {nearest}")
    block = (height // down, width // across)
    if min(img_shape) < 1 or img_shape[0] > block[0] or img_shape[1] > block[1]:
        raise ValueError(f"a crop of {tuple(img_shape)} cells does not fit into a block of {block}")
    if min(stride) < 1:
        raise ValueError(f"stride is {tuple(stride)}, expected whole numbers of at least 1")
    blocks = base_img.reshape(down, block[0], across, block[1]).swapaxes(1, 2)
    windows = np.lib.stride_tricks.sliding_window_view(blocks, tuple(img_shape), axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]]


def rm_nan(lr_blocks: np.ndarray, hr_blocks: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Drop pairs with a missing cell on either side, and blocks with no pair left.

    Parameters
    ----------
    lr_blocks : ndarray, shape (blocks, crops, h, w)
    hr_blocks : ndarray, shape (blocks, crops, H, W)

    Returns
    -------
    (list of ndarray (n_i, h, w), list of ndarray (n_i, H, W))
        One entry for each remaining block; blocks may differ in length.

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
    keep = ~(np.isnan(lr_blocks).any(axis=(2, 3)) | np.isnan(hr_blocks).any(axis=(2, 3)))
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
        If a share is out of range or no block is left to train on.

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
    x, y, validation_size: float = 0.1, test_size: float = 0.1, *, seed: int = 0
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
        As `split_blocks`; also if x and y differ in number of blocks.

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


class PairViews(NamedTuple):
    """All complete pairs of a map, as views of its grids: only `take` copies them.

    Attributes
    ----------
    lr_windows, hr_windows : ndarray, shape (blocks down, across, crops down, across, rows, cols)
        Views of the two grids.
    table : DataFrame
        One row a pair: block (in row order), row, col (HR cells of its upper left corner),
        hr_dy, hr_dx (metres), hr_rows (HR cells), scale.
    crops : ndarray of int, shape (n, 4)
        Place of each pair in the first four axes of the windows.
    """

    lr_windows: np.ndarray
    hr_windows: np.ndarray
    table: pd.DataFrame
    crops: np.ndarray

    def take(self, rows=slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """LR (n, h, w) and HR (n, H, W) of some rows of the table."""
        places = self.crops[rows].tolist()
        return _cut(self.lr_windows, places), _cut(self.hr_windows, places)


def _cut(windows: np.ndarray, places: list) -> np.ndarray:
    """Copy windows one by one: NumPy's indexing on so many axes would give a memory layout that is slow to save."""
    out = np.empty((len(places), *windows.shape[4:]), windows.dtype)
    for patch, place in zip(out, places):
        patch[...] = windows[tuple(place)]
    return out


def _complete(grid, block_shape, img_shape, stride) -> np.ndarray:
    """Which crops of a grid have no missing cell: bool, (down, across, crops down, across).

    Overlapping crops would look at each cell many times, so gaps are summed up once from the upper left corner
    (an integral image); four of the sums then give the number of gaps in any rectangle.
    """
    gaps = np.pad(np.isnan(grid), ((1, 0), (1, 0))).cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    (down, across), (h, w) = block_shape, img_shape
    block = (grid.shape[0] // down, grid.shape[1] // across)
    top = np.arange(down)[:, None] * block[0] + np.arange(0, block[0] - h + 1, stride[0])
    left = np.arange(across)[:, None] * block[1] + np.arange(0, block[1] - w + 1, stride[1])
    i, j = top[:, None, :, None], left[None, :, None, :]
    return gaps[i + h, j + w] - gaps[i, j + w] - gaps[i + h, j] + gaps[i, j] == 0


def find_pairs(
    lr: np.ndarray,
    hr: np.ndarray,
    block_shape: tuple[int, int],
    *,
    lr_img_shape: tuple[int, int],
    lr_stride: tuple[int, int],
    hr_img_shape: tuple[int, int],
    hr_stride: tuple[int, int],
    cell_size,
    usable: np.ndarray | None = None,
) -> PairViews:
    """Find every complete LR/HR pair of two grids of the same ground.

    Parameters
    ----------
    lr, hr : ndarray, shape (H, W) and (H scale, W scale), float32
        Depths in metres, NaN where missing.
    block_shape : (int, int)
        Number of blocks down and across.
    lr_img_shape, lr_stride, hr_img_shape, hr_stride : (int, int)
        Crops and the offset between them, in cells of their grid. They must cover the same
        ground on both sides.
    cell_size : float or (float, float)
        HR cell size in metres, kept in the table.
    usable : ndarray of bool, shape of `hr`, optional
        Cells that may be truth; a pair with any other is left out.

    Returns
    -------
    PairViews

    Raises
    ------
    ValueError
        If grids, crops and strides do not agree in scale, a grid does not divide into the
        blocks, or no complete pair is found.
    """
    ratios = {
        "grids": np.divide(hr.shape, lr.shape),
        "hr_img_shape / lr_img_shape": np.divide(hr_img_shape, lr_img_shape),
        "hr_stride / lr_stride": np.divide(hr_stride, lr_stride),
    }
    scale = ratios["grids"][0]
    if scale % 1 or scale < 2 or any((ratio != scale).any() for ratio in ratios.values()):
        found = ", ".join(f"{name} {tuple(map(float, ratio))}" for name, ratio in ratios.items())
        raise ValueError(f"LR and HR must differ by one whole scale of at least 2 everywhere, found {found}")
    hr_windows = _windows(hr, block_shape, hr_img_shape, hr_stride)
    lr_windows = _windows(lr, block_shape, lr_img_shape, lr_stride)
    truth = hr if usable is None else np.where(usable, hr, np.nan)
    keep = _complete(lr, block_shape, lr_img_shape, lr_stride) & _complete(truth, block_shape, hr_img_shape, hr_stride)
    crops = np.argwhere(keep)
    if not len(crops):
        raise ValueError("no patch of the grid is complete: every one has a missing or unusable cell")
    down, across, i, j = crops.T
    block = (hr.shape[0] // block_shape[0], hr.shape[1] // block_shape[1])
    dy, dx = np.broadcast_to(cell_size, 2)
    place = {"row": down * block[0] + i * hr_stride[0], "col": across * block[1] + j * hr_stride[1]}
    ground = {"hr_dy": dy, "hr_dx": dx, "hr_rows": hr_img_shape[0], "scale": int(scale)}
    table = pd.DataFrame({"block": down * block_shape[1] + across, **place, **ground})
    return PairViews(lr_windows, hr_windows, table, crops)


def trim(shape: tuple[int, int], block_cells: int) -> tuple[int, int]:
    """Number of whole blocks down and across a grid.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the HR grid.
    block_cells : int
        HR cells along a block's side.

    Raises
    ------
    ValueError
        If not even one block fits.

    Examples
    --------
    >>> trim((1188, 1584), 100)
    (11, 15)
    """
    blocks = (shape[0] // block_cells, shape[1] // block_cells) if block_cells > 0 else (0, 0)
    if 0 in blocks:
        raise ValueError(f"a grid of {shape[0]} x {shape[1]} cells holds no block of {block_cells} x {block_cells}")
    return blocks


def build_pairs(
    hr: np.ndarray,
    cell_size: float | tuple[float, float],
    block_cells: int = 100,
    *,
    hr_img_shape: tuple[int, int] = (64, 64),
    hr_stride: tuple[int, int] = (8, 8),
    scale: int = 4,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Cut all complete pairs out of an HR grid, with the block and the place of each.

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
        As `PairViews`.

    Raises
    ------
    ValueError
        If blocks, crops or strides do not divide by `scale`, or no complete pair is found.

    Examples
    --------
    >>> lr, hr, table = build_pairs(np.zeros((230, 100)), 50)
    >>> lr.shape, hr.shape, table["block"].nunique()
    ((50, 16, 16), (50, 64, 64), 2)
    """
    if scale < 2:
        raise ValueError(f"scale is {scale}, expected a whole number of at least 2")
    for name, cells in (("block_cells", (block_cells,)), ("hr_img_shape", hr_img_shape), ("hr_stride", hr_stride)):
        if any(c % scale for c in cells):
            raise ValueError(f"{name} is {cells}, expected multiples of the scale {scale}")
    blocks = trim(hr.shape, block_cells)
    whole = np.asarray(hr[: blocks[0] * block_cells, : blocks[1] * block_cells], dtype=np.float32)
    lr_img_shape, lr_stride = (tuple(c // scale for c in cells) for cells in (hr_img_shape, hr_stride))
    pairs = find_pairs(
        resize(whole, scale),
        whole,
        blocks,
        lr_img_shape=lr_img_shape,
        lr_stride=lr_stride,
        hr_img_shape=hr_img_shape,
        hr_stride=hr_stride,
        cell_size=cell_size,
    )
    return *pairs.take(), pairs.table


def source_and_target(
    block: np.ndarray, slope: np.ndarray, source_share: float = 0.65
) -> tuple[np.ndarray, np.ndarray]:
    """Divide blocks into a gentle source area and a steep target area.

    Parameters
    ----------
    block : ndarray of int, shape (n,)
        Block of each patch.
    slope : ndarray, shape (n,)
        Mean slope gradient of each patch; use that of LR, as no HR would be known of a target area.
    source_share : float
        Share of the blocks, the gentlest ones, that become the source.

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
