"""A figure of a patch beside each of its augmentations."""

from __future__ import annotations

import numpy as np

from bathysr_nb.augment.offline import FLIPS, flip
from bathysr_nb.augment.resample import FILL_MODES, real_patches, rotate, stretch, zoom


def preview(patches: np.ndarray, index: int = 0, cell: float | None = None):
    """One patch beside each of its augmentations, on one colour scale.

    Parameters
    ----------
    patches : ndarray, shape (n, h, h)
        Depths in metres.
    index : int
        Number of the patch.
    cell : float, optional
        Cell size in metres; None draws no axes.

    Returns
    -------
    matplotlib.figure.Figure
        Rows: the flips; the turns, by 30 degrees with each fill mode; depth and zoom.

    Raises
    ------
    ValueError
        If there is no such patch, or the patches are not square.

    Notes
    -----
    Manual 1.3, ``test_da.py``.

    Examples
    --------
    >>> len(preview(np.random.default_rng(0).normal(size=(2, 16, 16)), index=1).axes)
    14
    """
    from bathysr_nb import (
        plots,
    )  # not at the top: matplotlib takes long to import, and the rest of this folder does without

    patches = real_patches(patches)
    if not 0 <= index < len(patches):
        raise ValueError(f"index is {index!r}, expected 0 to {len(patches) - 1}")
    one = patches[[index]]
    flips = {"original": one[0], **dict(zip(FLIPS, flip(one)))}
    turns = {f"rotate_30_{mode}": rotate(one, [30], mode)[0] for mode in FILL_MODES}
    turns |= {f"rotate_{angle}": rotate(one, [angle])[0] for angle in (90, 180)}
    scales = {f"depth_{factor:g}": stretch(one, [factor])[0] for factor in (0.5, 1.5)}
    scales |= {f"zoom_{factor:g}": zoom(one, [factor])[0] for factor in (0.5, 0.9)}
    return plots.patch_rows([flips, turns, scales], cell)
