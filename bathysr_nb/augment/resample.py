"""Turn, zoom and stretch patches: one sparse matrix for all patches of an angle or a zoom.

A turned or zoomed cell is a weighted sum of 16 cells of the patch, and the weights are the
same for every patch. They are computed once, as a sparse matrix of shape (h w, h w), and
multiplied with a few patches at a time, few enough to stay in the processor's cache.

The cubic kernel is that of Keys (1981) with a = -0.5, as in `bathysr_nb.interpolation`.
Source: manual 1.3 (``rotate.py``, ``scale.py``).
"""

from __future__ import annotations

import functools
import math
from numbers import Real

import numpy as np
from scipy import sparse

from bathysr_nb.augment import symmetries
from bathysr_nb.interpolation import keys_taps

ANGLES = tuple(range(30, 360, 30))
FILL_MODES = ("nearest", "reflect", "wrap")
ZOOM_RANGE = (0.1, 10.0)
CHUNK_CELLS = 1 << 16  # cells multiplied at once: 16 patches of 64 x 64


def finite_numbers(name: str, values, above: float = -math.inf, at_least: int = 1) -> list[float]:
    """Check a sequence of numbers.

    Parameters
    ----------
    name : str
        What the numbers are, for the error.
    values : float or sequence of float
    above : float
        The numbers must be greater than this.
    at_least : int
        How many there must be.

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        If there are too few, or one is not a finite number above the limit, naming it.

    Examples
    --------
    >>> finite_numbers("angles", (30, 60.5))
    [30.0, 60.5]
    """
    values = values.tolist() if isinstance(values, np.ndarray) else values
    values = [values] if isinstance(values, (str, Real)) else list(values)
    if len(values) < at_least:
        raise ValueError(f"{name}: found {len(values)} numbers, expected at least {at_least}")
    limit = "" if above == -math.inf else f" above {above:g}"
    for value in values:
        known = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
        if not known or not math.isfinite(value) or value <= above:
            raise ValueError(f"{name}: {value!r} is not a finite number{limit}")
    return [float(value) for value in values]


def real_patches(patches: np.ndarray) -> np.ndarray:
    """Patches of shape (n, h, w) as floats: integers become float64, floats stay as they are.

    Raises
    ------
    ValueError
        If the shape is not (n, h, w), or a side has no cells.
    """
    patches = np.asarray(patches)
    if patches.ndim != 3 or 0 in patches.shape[1:]:
        raise ValueError(f"expected patches (n, h, w), found shape {patches.shape}")
    return patches if patches.dtype.kind == "f" else patches.astype(np.float64)


def extend_index(index: np.ndarray, size: int, fill_mode: str) -> np.ndarray:
    """The cell inside a patch that stands in for one outside it.

    Parameters
    ----------
    index : ndarray of int
        Cell numbers along one axis, any.
    size : int
        Cells along that axis.
    fill_mode : {"nearest", "reflect", "wrap"}
        The edge cell; the patch mirrored at its rim, the edge cell included; the
        patch repeated. scipy.ndimage calls these nearest, reflect and grid-wrap.

    Returns
    -------
    ndarray of int
        Between 0 and size - 1.

    Raises
    ------
    ValueError
        If the fill mode is unknown.

    Examples
    --------
    >>> extend_index(np.array([-2, -1, 0, 3, 4]), 4, "reflect").tolist()
    [1, 0, 0, 3, 3]
    """
    if fill_mode not in FILL_MODES:
        raise ValueError(f"unknown fill_mode {fill_mode!r}; choose one of {', '.join(FILL_MODES)}")
    if fill_mode == "nearest":
        return np.clip(index, 0, size - 1)
    if fill_mode == "wrap":
        return index % size
    index = index % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def taps(position: np.ndarray, size: int, fill_mode: str = "reflect") -> tuple[np.ndarray, np.ndarray]:
    """The four cells next to each point along one axis, and their Keys weights.

    Parameters
    ----------
    position : ndarray
        Points in cells from the first cell's centre, inside or outside the patch.
    size : int
        Cells along the axis.
    fill_mode : {"nearest", "reflect", "wrap"}
        See `extend_index`.

    Returns
    -------
    cell, weight : ndarray of int and of float, shape (*position.shape, 4)
        A mirrored patch can have a cell twice; a point's weights add up to 1.

    Raises
    ------
    ValueError
        If the fill mode is unknown.

    Examples
    --------
    >>> cell, weight = taps(np.array([0.5]), 4)
    >>> cell.tolist(), weight.tolist()
    ([[0, 0, 1, 2]], [[-0.0625, 0.5625, 0.5625, -0.0625]])
    """
    first = np.floor(position)
    cell = first.astype(int)[..., None] + np.arange(-1, 3)
    return extend_index(cell, size, fill_mode), np.stack(keys_taps(position - first), axis=-1)


def affine_matrix(shape: tuple[int, int], inverse: np.ndarray, fill_mode: str = "reflect") -> sparse.csr_array:
    """The matrix that resamples a patch under an affine map about its centre.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the patch, h and w.
    inverse : array_like, shape (2, 2)
        Maps a new cell's offset (rows, columns) from the centre ((h - 1) / 2, (w - 1) / 2)
        to the offset in the old patch at which its depth is taken.
    fill_mode : {"nearest", "reflect", "wrap"}
        See `extend_index`.

    Returns
    -------
    csr_array, shape (h w, h w), float64
        At most 16 weights a row; they add up to 1.

    Raises
    ------
    ValueError
        If the fill mode is unknown.

    Examples
    --------
    >>> affine_matrix((2, 2), [[-1, 0], [0, 1]]).toarray() @ [1, 2, 3, 4]
    array([3., 4., 1., 2.])
    """
    centre = (np.array(shape)[:, None] - 1) / 2
    offset = np.indices(shape).reshape(2, -1) - centre
    rows, columns = np.asarray(inverse, dtype=float) @ offset + centre
    row, row_weight = taps(rows, shape[0], fill_mode)
    column, column_weight = taps(columns, shape[1], fill_mode)
    cells = row[:, :, None] * shape[1] + column[:, None, :]
    weights = row_weight[:, :, None] * column_weight[:, None, :]
    starts = np.arange(0, cells.size + 1, 16)
    matrix = sparse.csr_array((weights.ravel(), cells.ravel(), starts), shape=(len(rows), len(rows)))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def apply_matrix(matrix: sparse.csr_array, patches: np.ndarray, out: np.ndarray) -> None:
    """Resample all patches with one matrix, a few at a time.

    Parameters
    ----------
    matrix : csr_array, shape (h w, h w)
        As `affine_matrix`.
    patches : ndarray, shape (n, h, w)
        Floats; computed in 32 bits if they have 32 or fewer.
    out : ndarray, shape (n, h, w)
        Filled in.
    """
    matrix = matrix.astype(np.result_type(patches, np.float32))
    step = max(1, CHUNK_CELLS // matrix.shape[0])
    for start in range(0, len(patches), step):
        some = patches[start : start + step]
        columns = some.reshape(len(some), -1).T.astype(matrix.dtype, copy=False)
        out[start : start + step] = (matrix @ columns).T.reshape(some.shape)


def rotate(patches: np.ndarray, angles=ANGLES, fill_mode: str = "reflect") -> np.ndarray:
    """Turn every patch by several angles about its centre.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres, on square cells. Rectangles can be turned by multiples of 180.
    angles : sequence of float
        K angles in degrees, counter-clockwise. Multiples of 90 only move cells; others
        interpolate bicubically (Keys, a = -0.5).
    fill_mode : {"nearest", "reflect", "wrap"}
        What lies beyond the rim, needed in the corners: see `extend_index`.

    Returns
    -------
    ndarray, shape (K n, h, h), float dtype of the input (float64 for integers)
        Copy k of original i at i * K + k.

    Raises
    ------
    ValueError
        If the patches are not square, an angle is not a finite number, there is no angle,
        or the fill mode is unknown.

    Notes
    -----
    Manual 1.3, ``rotate.py``.

    Examples
    --------
    >>> rotate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), [90, 180]).tolist()
    [[[2.0, 4.0], [1.0, 3.0]], [[4.0, 3.0], [2.0, 1.0]]]
    """
    patches, angles = real_patches(patches), finite_numbers("angles", angles)
    extend_index(np.arange(1), 1, fill_mode)  # an unknown mode is an error even at angles that need none
    n, height, width = patches.shape
    if height != width and any(angle % 180 for angle in angles):
        raise ValueError(f"turns other than by 180 need square patches (n, h, h), found shape {patches.shape}")
    out = np.empty((n, len(angles), height, width), patches.dtype)
    for k, angle in enumerate(angles):
        if angle % 90 == 0:
            out[:, k] = symmetries.orient(patches, int(angle // 90))
        else:
            apply_matrix(rotation_matrix((height, width), angle, fill_mode), patches, out[:, k])
    return out.reshape(-1, height, width)


@functools.lru_cache(maxsize=64)
def rotation_matrix(shape: tuple[int, int], angle: float, fill_mode: str = "reflect") -> sparse.csr_array:
    """`affine_matrix` of a turn, kept for the next call.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the patch.
    angle : float
        Degrees, counter-clockwise with row 0 on top.
    fill_mode : {"nearest", "reflect", "wrap"}
        See `extend_index`.
    """
    turn = math.radians(angle % 360)
    cos, sin = math.cos(turn), math.sin(turn)
    return affine_matrix(shape, [[cos, sin], [-sin, cos]], fill_mode)


def zoom(patches: np.ndarray, factors) -> np.ndarray:
    """Shrink or enlarge the terrain inside every patch, the same in both directions.

    Parameters
    ----------
    patches : ndarray, shape (n, h, w)
        Depths in metres.
    factors : sequence of float
        K factors z between 0.1 and 10. With z < 1 the terrain shrinks towards the patch's
        centre, slopes become 1 / z times as steep, and the rim is filled by reflection.
        With z > 1 the patch's middle is enlarged. 1 is an exact copy.

    Returns
    -------
    ndarray, shape (K n, h, w), float dtype of the input (float64 for integers)
        Copy k of original i at i * K + k.

    Raises
    ------
    ValueError
        If a factor is not a finite number between 0.1 and 10, there is none, or the
        patches do not have the shape (n, h, w).

    Notes
    -----
    Bicubic (Keys, a = -0.5) without antialiasing: with z < 1 the terrain is sampled at steps of
    1 / z cells, and detail finer than two steps is aliased, not removed.

    Manual 1.3, ``scale.py`` (``xyscales``).

    Examples
    --------
    >>> plane = np.tile(np.arange(9.0), (1, 9, 1))
    >>> zoom(plane, [0.5])[0, 4, 3:6].tolist()
    [2.0, 4.0, 6.0]
    """
    patches, factors = real_patches(patches), finite_numbers("zoom factors", factors, above=0)
    low, high = ZOOM_RANGE
    for factor in factors:
        if not low <= factor <= high:
            raise ValueError(f"zoom factors: {factor:g} found, expected {low:g} to {high:g}")
    out = np.empty((len(patches), len(factors), *patches.shape[1:]), patches.dtype)
    for k, factor in enumerate(factors):
        if factor == 1:
            out[:, k] = patches
        else:
            apply_matrix(affine_matrix(patches.shape[1:], np.eye(2) / factor), patches, out[:, k])
    return out.reshape(-1, *patches.shape[1:])


def stretch(patches: np.ndarray, factors, about: np.ndarray | None = None) -> np.ndarray:
    """Stretch the depths of every patch about its mean; slopes change by the same factor.

    Parameters
    ----------
    patches : ndarray, shape (n, h, w)
        Depths in metres.
    factors : sequence of float
        K factors above 0.
    about : ndarray, shape (n,), optional
        Depths in metres that do not change; by default each patch's mean.

    Returns
    -------
    ndarray, shape (K n, h, w), float dtype of the input (float64 for integers)
        Copy k of original i at i * K + k.

    Raises
    ------
    ValueError
        If a factor is not a finite number above 0, there is none, or a shape is wrong.

    Notes
    -----
    Manual 1.3, ``scale.py`` (``dscales``).

    Examples
    --------
    >>> stretch(np.array([[[-10.0, -30.0]]]), [0.5, 2]).tolist()
    [[[-15.0, -25.0]], [[0.0, -40.0]]]
    """
    patches, factors = real_patches(patches), finite_numbers("depth factors", factors, above=0)
    about = patches.mean(axis=(1, 2), dtype=np.float64) if about is None else np.asarray(about)
    if about.shape != patches.shape[:1]:
        raise ValueError(f"about: expected one depth a patch, shape {patches.shape[:1]}, found {about.shape}")
    about = about.astype(patches.dtype)[:, None, None]
    out = np.empty((len(patches), len(factors), *patches.shape[1:]), patches.dtype)
    for k, factor in enumerate(factors):
        np.subtract(patches, about, out=out[:, k])
        out[:, k] *= factor
        out[:, k] += about
    return out.reshape(-1, *patches.shape[1:])
