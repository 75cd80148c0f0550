"""The best linear filter: what a network must beat.

Each HR cell is its LR cell plus a weighted sum of the differences between that cell and its
neighbours within 5 x 5 cells; the weights are the least-squares solution over the training pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bathysr_nb.pairs.downsampling import pair_scale

NEIGHBOURHOOD = 5  # LR cells along its side
CHUNK = 256  # patches at a time, to bound memory


@dataclass(frozen=True)
class LinearFilter:
    """Weights of the best linear filter; made by `LinearFilter.fit`.

    Attributes
    ----------
    weights : ndarray, shape (25, scale**2)
        Of each neighbour's difference to the LR cell, for each HR cell in it.
    scale : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> lr = rng.normal(size=(9, 8, 8))
    >>> linear = LinearFilter.fit(lr, lr.repeat(2, axis=1).repeat(2, axis=2))
    >>> float(np.abs(linear.weights).max().round(9))
    0.0
    """

    weights: np.ndarray
    scale: int

    @classmethod
    def fit(cls, lr: np.ndarray, hr: np.ndarray) -> LinearFilter:
        """Least squares over all cells whose neighbourhood is inside the patch.

        Parameters
        ----------
        lr, hr : ndarray, shape (n, h, w) and (n, H, W)
            Training pairs, metres; h and w of 5 or more.

        Returns
        -------
        LinearFilter

        Raises
        ------
        ValueError
            If HR is not a whole multiple of LR, or patches are smaller than the neighbourhood.
        """
        scale = pair_scale(lr, hr, "LR", "HR")
        if min(lr.shape[1:]) < NEIGHBOURHOOD:
            raise ValueError(f"LR patches of {lr.shape[1:]} cells, expected at least {NEIGHBOURHOOD} x {NEIGHBOURHOOD}")
        weights, rim = NEIGHBOURHOOD**2, NEIGHBOURHOOD // 2
        # the normal equations, summed over chunks: all cells at once would not fit in memory
        square, mixed = np.zeros((weights, weights)), np.zeros((weights, scale**2))
        for start in range(0, len(lr), CHUNK):
            coarse, fine = (np.asarray(side[start : start + CHUNK], dtype=np.float64) for side in (lr, hr))
            flat = _differences(coarse).reshape(-1, weights)
            detail = _cells(fine, scale)[:, rim:-rim, rim:-rim] - coarse[:, rim:-rim, rim:-rim, None]
            square += flat.T @ flat
            mixed += flat.T @ detail.reshape(-1, scale**2)
        return cls(np.linalg.lstsq(square, mixed, rcond=None)[0], scale)

    def predict(self, lr: np.ndarray) -> np.ndarray:
        """Enlarge patches; beyond the rim the outermost cells are repeated.

        Parameters
        ----------
        lr : ndarray, shape (n, h, w)

        Returns
        -------
        ndarray, shape (n, H, W), float64
        """
        n, h, w = lr.shape
        out = np.empty((n, h * self.scale, w * self.scale))
        rim = NEIGHBOURHOOD // 2
        for start in range(0, n, CHUNK):
            part = np.asarray(lr[start : start + CHUNK], dtype=np.float64)
            padded = np.pad(part, ((0, 0), (rim, rim), (rim, rim)), mode="edge")
            fine = part[..., None] + _differences(padded) @ self.weights
            fine = fine.reshape(*part.shape, self.scale, self.scale).swapaxes(2, 3)
            out[start : start + CHUNK] = fine.reshape(len(part), *out.shape[1:])
        return out


def _differences(lr: np.ndarray) -> np.ndarray:
    """Each cell's neighbours less the cell: (n, h - 4, w - 4, 25)."""
    neighbours = np.lib.stride_tricks.sliding_window_view(lr, (NEIGHBOURHOOD, NEIGHBOURHOOD), axis=(1, 2))
    neighbours = neighbours.reshape(*neighbours.shape[:3], NEIGHBOURHOOD**2)
    return neighbours - neighbours[..., [NEIGHBOURHOOD**2 // 2]]


def _cells(hr: np.ndarray, scale: int) -> np.ndarray:
    """HR cells by the LR cell they lie in: (n, h, w, scale**2)."""
    n, rows, cols = len(hr), hr.shape[1] // scale, hr.shape[2] // scale
    return hr.reshape(n, rows, scale, cols, scale).swapaxes(2, 3).reshape(n, rows, cols, scale**2)
