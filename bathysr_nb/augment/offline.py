"""Offline augmentation: flipped, turned, stretched and zoomed copies of patch pairs.

Both sides of a pair are changed alike, or LR is made again from the changed HR. On square cells flips and
quarter turns are exact and keep every slope; other turns change the slopes of most patches by a few per
cent. That is too little to reach a target area's slopes, which is what `bathysr_nb.mixup.planning` is for.
Stretching multiplies slopes by the depth factor, zooming divides them by the zoom factor.
Source: manual 1.3 (``flip.py``, ``rotate.py``, ``scale.py``, ``test_da.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bathysr_nb.augment import symmetries
from bathysr_nb.augment.resample import ANGLES, finite_numbers, real_patches, rotate, stretch, zoom
from bathysr_nb.pairs.downsampling import pair_scale, resize

#: The eight symmetries of a square patch by name, and how each is made (`bathysr_nb.augment.symmetries.orient`): the
#: original, the manual's flips, the two quarter turns, and the transposes, which the manual does not use.
WAYS = {
    "original": (0, False),
    "up_down": (2, True),
    "left_right": (0, True),
    "both": (2, False),
    "turn_90": (1, False),
    "turn_270": (3, False),
    "transpose": (3, True),
    "anti_transpose": (1, True),
}
EXACT = tuple(WAYS)
VARIANTS = EXACT[:6]  # without the transposes
FLIPS = VARIANTS[1:4]
DSCALES = (0.5, 0.8, 1.2, 1.5)
XYSCALES = (0.5, 0.7, 0.9)


def variant(patches: np.ndarray, name: str) -> np.ndarray:
    """One exact variant of the patches.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres. Rectangles can be flipped but not turned.
    name : {"original", "up_down", "left_right", "both", "turn_90", "turn_270", "transpose", "anti_transpose"}
        Turns are counter-clockwise; "both" is a turn by 180 degrees; "transpose" swaps rows and columns,
        "anti_transpose" mirrors at the other diagonal.

    Returns
    -------
    ndarray, shape (n, h, h)
        A view of the input.

    Raises
    ------
    ValueError
        If the name is unknown, the shape is not (n, h, w), or patches to be turned are not square.

    Examples
    --------
    >>> variant(np.array([[[1, 2], [3, 4]]]), "turn_90")[0].tolist()
    [[2, 4], [1, 3]]
    """
    if name not in WAYS:
        raise ValueError(f"unknown variant {name!r}; choose one of {', '.join(WAYS)}")
    if patches.ndim != 3:
        raise ValueError(f"expected patches (n, h, w), found shape {patches.shape}")
    if WAYS[name][0] % 2 and patches.shape[1] != patches.shape[2]:
        raise ValueError(f"expected square patches (n, h, h), found shape {patches.shape}")
    return symmetries.orient(patches, *WAYS[name])


def variants(patches: np.ndarray, names=VARIANTS[1:]) -> np.ndarray:
    """Several exact variants of every patch.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres.
    names : sequence of str
        K names of `variant`; by default all but the original and the transposes.

    Returns
    -------
    ndarray, shape (K n, h, h)
        Copy k of original i at i * K + k.

    Raises
    ------
    ValueError
        As `variant`.

    Examples
    --------
    >>> variants(np.array([[[1, 2], [3, 4]]]), ("up_down", "both")).tolist()
    [[[3, 4], [1, 2]], [[4, 3], [2, 1]]]
    """
    copies = np.stack([variant(patches, name) for name in names], axis=1)
    return copies.reshape(-1, *copies.shape[2:])


def flip(patches: np.ndarray) -> np.ndarray:
    """Mirror patches (n, h, w) up-down, left-right, and both ways: shape (3 n, h, w), as `variants`.

    Manual 1.3, ``flip.py``.

    Examples
    --------
    >>> flip(np.zeros((2, 4, 4))).shape
    (6, 4, 4)
    """
    return variants(patches, FLIPS)


class Copies(NamedTuple):
    """Augmented pairs, copy k of original i at i * K + k.

    Attributes
    ----------
    lr, hr : ndarray, shape (K n, h, w) and (K n, H, W)
        Depths in metres.
    source_index : ndarray of int, shape (K n,)
        The original of each copy.
    variant : ndarray of str, shape (K n,)
        What was done to it: "up_down", "rotate_30_reflect", "depth_0.5", "zoom_0.7".
    """

    lr: np.ndarray
    hr: np.ndarray
    source_index: np.ndarray
    variant: np.ndarray


def augment_pairs(lr, hr, transform, names, *, downsampling: str | None = "bilinear") -> Copies:
    """Apply one transformation to both sides of the pairs.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Pairs, metres. HR has s x s cells for each cell of LR, s a whole number.
    transform : callable
        Takes patches (n, h, w) of either side to K copies of each, (K n, h, w), copy k of
        original i at i * K + k.
    names : sequence of str
        Names of the K copies.
    downsampling : {"bilinear", "area"} or None
        How LR was made from HR (`bathysr_nb.pairs.downsampling.resize`): it is made again from
        the changed HR. None changes LR in the same way as HR, for LR from another source. For flips
        and quarter turns both give the same.

    Returns
    -------
    Copies

    Raises
    ------
    ValueError
        If the pairs do not fit each other, `downsampling` is unknown, or as `transform`.

    Examples
    --------
    >>> hr = np.arange(16.0).reshape(1, 4, 4)
    >>> augment_pairs(resize(hr, 2), hr, lambda side: side[:, ::-1], ["up_down"]).lr.tolist()
    [[[10.5, 12.5], [2.5, 4.5]]]
    """
    lr, hr = np.asarray(lr), np.asarray(hr)
    scale = pair_scale(lr, hr, "LR", "HR")
    hr_copies = transform(hr)
    lr_copies = transform(lr) if downsampling is None else resize(hr_copies, scale, downsampling)
    return Copies(lr_copies, hr_copies, np.repeat(np.arange(len(hr)), len(names)), np.tile(names, len(hr)))


def flip_pairs(lr, hr, downsampling: str | None = "bilinear") -> Copies:
    """Mirror pairs up-down, left-right, and both ways: 3 copies of each.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Pairs, metres.
    downsampling : {"bilinear", "area"} or None
        See `augment_pairs`.

    Returns
    -------
    Copies

    Raises
    ------
    ValueError
        As `augment_pairs`.

    Notes
    -----
    Manual 1.3, ``flip.py``.

    Examples
    --------
    >>> flip_pairs(np.zeros((2, 4, 4)), np.zeros((2, 8, 8))).variant[:3].tolist()
    ['up_down', 'left_right', 'both']
    """
    return augment_pairs(lr, hr, flip, FLIPS, downsampling=downsampling)


def rotate_pairs(lr, hr, angles=ANGLES, fill_mode: str = "reflect", downsampling: str | None = "bilinear") -> Copies:
    """Turn pairs about their centres.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, h) and (n, H, H)
        Pairs, metres.
    angles : sequence of float
        Degrees, counter-clockwise; one copy for each.
    fill_mode : {"nearest", "reflect", "wrap"}
        What lies beyond the rim; see `bathysr_nb.augment.resample.extend_index`.
    downsampling : {"bilinear", "area"} or None
        See `augment_pairs`. None differs from the others except at multiples of 90 degrees.

    Returns
    -------
    Copies

    Raises
    ------
    ValueError
        As `augment_pairs` and `rotate`.

    Notes
    -----
    Manual 1.3, ``rotate.py``.

    Examples
    --------
    >>> rotate_pairs(np.zeros((1, 4, 4)), np.zeros((1, 8, 8)), [30, 90]).variant.tolist()
    ['rotate_30_reflect', 'rotate_90_reflect']
    """
    angles = finite_numbers("angles", angles)
    names = [f"rotate_{angle:g}_{fill_mode}" for angle in angles]
    return augment_pairs(lr, hr, lambda side: rotate(side, angles, fill_mode), names, downsampling=downsampling)


def scale_pairs(lr, hr, dscales=DSCALES, xyscales=XYSCALES, downsampling: str | None = "bilinear") -> Copies:
    """Stretch the depths of pairs, and zoom them: one copy for each depth factor, then one for each zoom.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Pairs, metres.
    dscales : sequence of float
        Depth factors; both sides are stretched about the HR patch's mean. See `stretch`.
    xyscales : sequence of float
        Zoom factors. See `zoom`.
    downsampling : {"bilinear", "area"} or None
        See `augment_pairs`.

    Returns
    -------
    Copies

    Raises
    ------
    ValueError
        As `augment_pairs`, `stretch` and `zoom`; also when both lists are empty.

    Notes
    -----
    Manual 1.3, ``scale.py``.

    Examples
    --------
    >>> scale_pairs(np.zeros((1, 4, 4)), np.zeros((1, 8, 8)), [0.5], [0.7]).variant.tolist()
    ['depth_0.5', 'zoom_0.7']
    """
    dscales = finite_numbers("dscales", dscales, above=0, at_least=0)
    xyscales = finite_numbers("xyscales", xyscales, above=0, at_least=0)
    if not dscales + xyscales:
        raise ValueError("dscales and xyscales: both empty, expected at least one number")
    about = real_patches(hr).mean(axis=(1, 2), dtype=np.float64)

    def transform(side):
        parts = [stretch(side, dscales, about)] if dscales else []
        parts += [zoom(side, xyscales)] if xyscales else []
        n, *cells = np.shape(side)
        return np.concatenate([part.reshape(n, -1, *cells) for part in parts], axis=1).reshape(-1, *cells)

    names = [f"depth_{factor:g}" for factor in dscales] + [f"zoom_{factor:g}" for factor in xyscales]
    return augment_pairs(lr, hr, transform, names, downsampling=downsampling)
