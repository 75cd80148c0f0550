"""Online augmentation: every patch of a batch zoomed, turned, flipped and stretched by draws of its own.

The operations are those of `bathysr_nb.augment.resample` and come in this order: zoom, turn, flips,
depth. Each patch has its own factors, so no single matrix serves all of them: a zoom is a product
with a small matrix per patch on either side, and a turn gathers 16 cells for each cell.

Source: manual 2.4.1 (``online_da``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np

from bathysr_nb.augment.resample import FILL_MODES, ZOOM_RANGE, extend_index, real_patches, taps
from bathysr_nb.files.kinds import Degrees, Factors
from bathysr_nb.files.yamlfile import Limit, describe, fits, signature
from bathysr_nb.interpolation import keys_taps
from bathysr_nb.pairs.downsampling import pair_scale, resize

CHUNK_CELLS = 1 << 14  # cells resampled at once, to stay in the cache: 4 patches of 64 x 64

Zooms = Annotated[
    tuple[float, float],
    Limit(
        "[low, high] with {:g} <= low <= high <= {:g}".format(*ZOOM_RANGE),
        lambda r: ZOOM_RANGE[0] <= r[0] <= r[1] <= ZOOM_RANGE[1],
    ),
]


class Drawn(NamedTuple):
    """The changes drawn for each of n patches.

    Attributes
    ----------
    zoom_y, zoom_x : ndarray, shape (n,)
        Zoom factors of rows and columns; see `bathysr_nb.augment.resample.zoom`.
    depth : ndarray, shape (n,)
        Depth factors; see `bathysr_nb.augment.resample.stretch`.
    flip_lr, flip_ud : ndarray of bool, shape (n,)
        Mirrored left-right, up-down.
    angle : ndarray, shape (n,)
        Degrees, counter-clockwise; see `bathysr_nb.augment.resample.rotate`.
    """

    zoom_y: np.ndarray
    zoom_x: np.ndarray
    depth: np.ndarray
    flip_lr: np.ndarray
    flip_ud: np.ndarray
    angle: np.ndarray


@dataclass(frozen=True)
class OnlineRanges:
    """Which changes are drawn for a patch, and from which ranges: the manual's keys of ``online_da``.

    Attributes
    ----------
    zoom_range : (float, float)
        Smallest and largest zoom factor, between 0.1 and 10; factors are uniform between
        them. With a factor z < 1 the terrain shrinks into the patch, slopes become 1 / z
        times as steep, and the rim is filled by reflection.
        With z > 1 its middle is enlarged.
    zoom_iso : bool
        Rows and columns get the same factor; False draws one for each.
    depth_scale_range : (float, float)
        Smallest and largest depth factor, above 0; uniform between them. Depths are stretched about the patch's mean.
    use_depth_scale : bool
        Stretch depths at all.
    horizontal_flip, vertical_flip : bool
        Mirror half of the patches left-right, up-down.
    rotation_range : float
        r degrees, 0 to 180: angles are uniform in [-r, r].

    Raises
    ------
    ValueError
        Naming every value of a wrong type or out of its range.

    Notes
    -----
    Manual 2.4.1.
    """

    zoom_range: Zooms = (0.5, 1.0)
    zoom_iso: bool = True
    depth_scale_range: Factors = (0.5, 1.5)
    use_depth_scale: bool = True
    horizontal_flip: bool = False
    vertical_flip: bool = False
    rotation_range: Degrees = 0

    def __post_init__(self):
        faults = []
        for name, (hint, _) in signature(type(self)).items():
            value = getattr(self, name)
            if not fits(value, hint):
                faults.append(f"{name} is {value!r}, expected {describe(hint)}")
        if faults:
            raise ValueError(f"online_da: {'; '.join(faults)}")


@dataclass(frozen=True)
class OnlineAugmentation(OnlineRanges):
    """Changes drawn anew for every patch of every batch.

    Parameters
    ----------
    zoom_range, zoom_iso, depth_scale_range, use_depth_scale, horizontal_flip, vertical_flip, rotation_range
        See `OnlineRanges`.
    fill_mode : {"nearest", "reflect", "wrap"}
        What lies beyond the rim of a turned patch; see `bathysr_nb.augment.resample.extend_index`.

    Notes
    -----
    Manual 2.4.1, ``online_da``; `fill_mode` is as in 1.3, ``rotate.py``.

    Examples
    --------
    >>> augmentation = OnlineAugmentation(zoom_range=(0.5, 0.5), use_depth_scale=False)
    >>> hr = np.tile(np.arange(8.0), (1, 8, 1))
    >>> lr, hr = augmentation.pair(resize(hr, 4), hr, np.random.default_rng(0), "bilinear")
    >>> lr.shape, hr[0, 4, 3:5].tolist()
    ((1, 2, 2), [2.5, 4.5])
    """

    fill_mode: Literal[FILL_MODES] = "reflect"

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """Draw the changes of n patches.

        Changes that are switched off are drawn too and then ignored, so that switching on a flip,
        say, leaves the zooms as they were.

        Parameters
        ----------
        n : int
        rng : Generator

        Returns
        -------
        Drawn

        Examples
        --------
        >>> OnlineAugmentation(zoom_range=(1, 1)).draw(2, np.random.default_rng(0)).zoom_x
        array([1., 1.])
        """
        zoom_y, zoom_x, depth, flip_lr, flip_ud, angle = rng.random((6, n))
        zoom_x = zoom_y if self.zoom_iso else zoom_x
        return Drawn(
            _between(self.zoom_range, zoom_y),
            _between(self.zoom_range, zoom_x),
            _between(self.depth_scale_range if self.use_depth_scale else (1, 1), depth),
            (flip_lr < 0.5) & self.horizontal_flip,
            (flip_ud < 0.5) & self.vertical_flip,
            _between((-self.rotation_range, self.rotation_range), angle),
        )

    def apply(self, hr: np.ndarray, drawn: Drawn) -> np.ndarray:
        """Zoom, turn, flip and then stretch each patch as drawn for it.

        Parameters
        ----------
        hr : ndarray, shape (n, H, W)
            Depths in metres, none missing. H = W if patches are turned, except by
            multiples of 180 degrees.
        drawn : Drawn

        Returns
        -------
        ndarray, shape (n, H, W), float dtype of the input (float64 for integers)
            Depths are stretched about the mean of the zoomed and turned patch. A patch for which
            no change was drawn is returned unchanged; if there are no others, it is the input itself.

        Raises
        ------
        ValueError
            If there are not n draws, one is out of the range that `bathysr_nb.augment.resample`
            allows, or rectangles are to be turned.

        Examples
        --------
        >>> identity = OnlineAugmentation(zoom_range=(1, 1)).draw(1, np.random.default_rng(0))._replace(depth=[2])
        >>> OnlineAugmentation().apply(np.array([[[-10.0, -30.0]]]), identity).tolist()
        [[[0.0, -40.0]]]
        """
        drawn = _checked(drawn, len(hr))
        hr = self._moved(hr, drawn)
        return _stretched(hr, drawn.depth, _means(hr))

    def pair(self, lr: np.ndarray, hr: np.ndarray, rng: np.random.Generator, downsampling: str | None):
        """Draw changes for each pair and apply them to both sides.

        Parameters
        ----------
        lr, hr : ndarray, shape (n, h, w) and (n, H, W)
            Pairs, metres. HR has s x s cells for each cell of LR, s a whole number.
        rng : Generator
        downsampling : {"bilinear", "area"} or None
            How LR was made from HR (`bathysr_nb.pairs.downsampling.downsampling_of`): it is made
            again from the changed HR. None, for LR from another source, changes LR as HR, with
            depths stretched about the HR patch's mean.

        Returns
        -------
        lr, hr : ndarray, shape (n, h, w) and (n, H, W)

        Raises
        ------
        ValueError
            If the pairs do not fit each other, `downsampling` is unknown, or as `apply`.
        """
        scale = pair_scale(lr, hr, "LR", "HR")
        drawn = self.draw(len(hr), rng)
        if downsampling is not None:
            hr = self.apply(hr, drawn)
            return resize(hr, scale, downsampling), hr
        lr, hr = self._moved(lr, drawn), self._moved(hr, drawn)
        about = _means(hr)
        return _stretched(lr, drawn.depth, about), _stretched(hr, drawn.depth, about)

    def _moved(self, patches: np.ndarray, drawn: Drawn) -> np.ndarray:
        """The patches zoomed, turned and flipped, but not stretched."""
        patches = real_patches(patches)
        height, width = patches.shape[1:]
        if height != width and (drawn.angle % 180).any():
            raise ValueError(f"turns other than by 180 need square patches (n, h, h), found shape {patches.shape}")
        zoomed = np.flatnonzero((drawn.zoom_y != 1) | (drawn.zoom_x != 1))
        patches = _changed(patches, zoomed, lambda some, i: zoom_each(some, drawn.zoom_y[i], drawn.zoom_x[i]))
        turned = np.flatnonzero(drawn.angle % 360)
        patches = _changed(patches, turned, lambda some, i: turn_each(some, drawn.angle[i], self.fill_mode))
        for flipped, axis in ((drawn.flip_lr, 2), (drawn.flip_ud, 1)):
            if flipped.any():
                patches = np.where(flipped[:, None, None], np.flip(patches, axis), patches)
        return patches


def zoom_each(patches: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Zoom every patch by its own factors; otherwise as `bathysr_nb.augment.resample.zoom`.

    Parameters
    ----------
    patches : ndarray, shape (n, h, w)
        Depths in metres.
    rows, columns : ndarray, shape (n,)
        Zoom factors of each patch along either axis.

    Returns
    -------
    ndarray, shape (n, h, w), dtype of the input

    Examples
    --------
    >>> zoom_each(np.tile(np.arange(9.0), (1, 9, 1)), np.array([1]), np.array([0.5]))[0, 4, 3:6].tolist()
    [2.0, 4.0, 6.0]
    """
    left = zoom_matrices(rows, patches.shape[1]).astype(patches.dtype)
    right = zoom_matrices(columns, patches.shape[2]).astype(patches.dtype)
    return left @ patches @ right.swapaxes(1, 2)


def zoom_matrices(factors: np.ndarray, size: int) -> np.ndarray:
    """For each zoom factor, the matrix that resamples an axis.

    Parameters
    ----------
    factors : ndarray, shape (n,)
    size : int
        Cells along the axis.

    Returns
    -------
    ndarray, shape (n, size, size), float64

    Examples
    --------
    >>> zoom_matrices(np.array([1.0, 0.5]), 3)[:, 0].tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    centre = (size - 1) / 2
    cell, weight = taps((np.arange(size) - centre) / np.asarray(factors)[:, None] + centre, size, "reflect")
    row = np.arange(0, cell.size // 4 * size, size).reshape(-1, size, 1)
    # reflection can make one cell two of the four taps: bincount adds their weights
    return np.bincount((row + cell).ravel(), weight.ravel(), row.size * size).reshape(-1, size, size)


def turn_each(patches: np.ndarray, angles: np.ndarray, fill_mode: str = "reflect") -> np.ndarray:
    """Turn every patch by its own angle; otherwise as `bathysr_nb.augment.resample.rotate`.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres.
    angles : ndarray, shape (n,)
        Degrees, counter-clockwise.
    fill_mode : {"nearest", "reflect", "wrap"}

    Returns
    -------
    ndarray, shape (n, h, h), dtype of the input

    Examples
    --------
    >>> turn_each(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([90])).round(6).tolist()
    [[[2.0, 4.0], [1.0, 3.0]]]
    """
    turn = np.radians(angles % 360)[:, None, None]
    cos, sin = np.cos(turn), np.sin(turn)
    y, x = (np.arange(size) - (size - 1) / 2 for size in patches.shape[1:])
    row, row_weights = _corner(cos * y[:, None] + sin * x, patches.shape[1], patches.dtype)
    column, column_weights = _corner(cos * x - sin * y[:, None], patches.shape[2], patches.dtype)
    for axis, cell in ((1, row), (2, column)):
        reached = np.arange(cell.min(), cell.max() + 4)
        patches = patches.take(extend_index(reached, patches.shape[axis], fill_mode), axis)
        cell -= reached[0]
    height, width = patches.shape[1:]
    row += np.arange(0, len(patches) * height, height)[:, None, None]
    return _gather(patches.ravel(), row * width + column, width, row_weights, column_weights)


def _corner(offset: np.ndarray, size: int, dtype):
    """The first of the four cells around each point along an axis, and the Keys weights of the four."""
    position = offset + (size - 1) / 2
    cell = np.floor(position)
    fraction = (position - cell).astype(dtype)
    return cell.astype(int) - 1, keys_taps(fraction)


def _gather(cells: np.ndarray, corner: np.ndarray, width: int, row_weights, column_weights) -> np.ndarray:
    """Weighted sums of the 4 x 4 cells that start at each corner."""
    out = np.zeros(corner.shape, cells.dtype)
    some, along = np.empty_like(out), np.empty_like(out)
    for i, row_weight in enumerate(row_weights):
        along[:] = 0
        for j, column_weight in enumerate(column_weights):
            cells[i * width + j :].take(corner, out=some, mode="clip")
            some *= column_weight
            along += some
        along *= row_weight
        out += along
    return out


def _between(limits, share: np.ndarray) -> np.ndarray:
    low, high = limits
    return low + (high - low) * share


def _changed(patches: np.ndarray, which: np.ndarray, change) -> np.ndarray:
    """The patches with those in `which` resampled, a few at a time, by `change(patches, their numbers)`.

    Their means are taken off before and added after, because float32 has too few digits for both.
    """
    if not len(which):
        return patches
    out = patches.copy()
    step = max(1, CHUNK_CELLS // patches[0].size)
    for start in range(0, len(which), step):
        part = which[start : start + step]
        some = patches[part].astype(np.result_type(patches, np.float32), copy=False)
        about = _means(some).astype(some.dtype)[:, None, None]
        some -= about
        out[part] = change(some, part) + about
    return out


def _means(patches: np.ndarray) -> np.ndarray:
    return patches.mean(axis=(1, 2), dtype=np.float64)


def _stretched(patches: np.ndarray, factors: np.ndarray, about: np.ndarray) -> np.ndarray:
    """Each patch stretched by its own factor about its own depth, as `bathysr_nb.augment.resample.stretch`."""
    if (factors == 1).all():
        return patches
    about = about.astype(patches.dtype)[:, None, None]
    out = patches - about
    out *= factors.astype(patches.dtype)[:, None, None]
    out += about
    out[factors == 1] = patches[factors == 1]
    return out


def _checked(drawn: Drawn, n: int) -> Drawn:
    """The draws as arrays of n numbers, each in the range of `bathysr_nb.augment.resample`."""
    drawn = Drawn(*map(np.asarray, drawn))
    low, high = ZOOM_RANGE
    limits = {"zoom_y": (low, high), "zoom_x": (low, high), "depth": (math.ulp(0), math.inf)}
    faults = []
    for name, values in drawn._asdict().items():
        least, most = limits.get(name, (-math.inf, math.inf))
        if values.shape != (n,):
            faults.append(f"{name} has shape {values.shape}, expected ({n},)")
        elif not ((values >= least) & (values <= most) & np.isfinite(values)).all():
            faults.append(f"{name} is {values}, expected {least:g} to {most:g}")
    if faults:
        raise ValueError(f"draws: {'; '.join(faults)}")
    return drawn
