"""Offline augmentation: flips and turns of patch pairs.

Both sides of a pair are changed alike. Flips and quarter turns are exact and leave every
slope as it was; that is why a target area's slopes need another remedy
(`bathysr_nb.mixup`).

Source: manual 1.3 (``flip.py``, ``rotate.py``).
"""

from __future__ import annotations

import numpy as np

#: Distinct exact variants of a square patch, the original first.
VARIANTS = ("original", "up_down", "left_right", "both", "turn_90", "turn_270")
FLIPS = VARIANTS[1:4]


def variant(patches: np.ndarray, name: str) -> np.ndarray:
    """One exact variant of square patches.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres.
    name : {"original", "up_down", "left_right", "both", "turn_90", "turn_270"}
        Turns are counter-clockwise; "both" is a turn by 180 degrees.

    Returns
    -------
    ndarray, shape (n, h, h)
        A view of the input.

    Raises
    ------
    ValueError
        If the name is unknown or the patches are not square.

    Examples
    --------
    >>> variant(np.array([[[1, 2], [3, 4]]]), "turn_90")[0].tolist()
    [[2, 4], [1, 3]]
    """
    if name not in VARIANTS:
        raise ValueError(f"unknown variant {name!r}; choose one of {', '.join(VARIANTS)}")
    if patches.ndim != 3 or patches.shape[-1] != patches.shape[-2]:
        raise ValueError(f"expected square patches (n, h, h), found shape {patches.shape}")
    if name.startswith("turn"):
        return np.rot90(patches, int(name[5:]) // 90, axes=(1, 2))
    axes = {"original": (), "up_down": (1,), "left_right": (2,), "both": (1, 2)}[name]
    return np.flip(patches, axes)


def variants(patches: np.ndarray, names=VARIANTS[1:]) -> np.ndarray:
    """Several exact variants of every patch.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres.
    names : sequence of str
        K names of `variant`; by default all but the original.

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
    """Mirror patches up-down, left-right, and both ways: shape (3 n, h, h).

    Manual 1.3, ``flip.py``; see `variants`.

    Examples
    --------
    >>> flip(np.zeros((2, 4, 4))).shape
    (6, 4, 4)
    """
    return variants(patches, FLIPS)


def pick_variants(patches: np.ndarray, index: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Chosen patches, each in its chosen variant, made on demand.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
    index : ndarray of int, shape (k,)
        Originals.
    which : ndarray of int, shape (k,)
        Numbers into `VARIANTS`.

    Returns
    -------
    ndarray, shape (k, h, h), dtype of the input
    """
    index, which = np.asarray(index), np.asarray(which)
    out = np.empty((len(index), *patches.shape[1:]), patches.dtype)
    for number in np.unique(which):
        chosen = which == number
        out[chosen] = variant(patches[index[chosen]], VARIANTS[number])
    return out
