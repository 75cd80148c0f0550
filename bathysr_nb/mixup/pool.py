"""Patches to blend and pick from: the originals, their flips and their turns, made on demand.

Source: manual 1.1.1, 1.3 (``mixup.py``: ``original_image_num``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bathysr_nb.augment.offline import EXACT, FLIPS, variant
from bathysr_nb.augment.resample import ANGLES, rotate
from bathysr_nb.files import project, store
from bathysr_nb.mixup.blending import blend
from bathysr_nb.mixup.feature import Feature
from bathysr_nb.pairs.downsampling import pair_scale, resize

PORTION = 512  # patches made at a time
FILL_MODE = "reflect"
QUARTERS = {f"rotate_{angle}_{FILL_MODE}": f"turn_{angle}" for angle in (90, 270)}
#: Angles of the turns; that by 180 degrees is the flip "both".
TURNS = tuple(angle for angle in ANGLES if angle != 180)


class Pool:
    """Originals with their flips and turns; a patch is identified by its original and its variant.

    Parameters
    ----------
    lr, hr : ndarray, shape (N, h, w) and (N, H, W)
        Pairs, metres.
    originals : int, optional
        How many of the N patches are originals, n. With N = n (the default) flips and turns are made on
        demand; with N = n (1 + 3 + K) they are given after the originals: flip k of
        original i at n + 3 i + k, turn k at 4 n + K i + k.
    delta : float or (float, float)
        LR cell size. Without square cells and patches there are no turns: they would distort the
        terrain.
    downsampling : {"bilinear", "area"} or None
        How LR was made from HR: the LR of a turned patch is made again from the turned HR.
        None turns LR as HR.
    exact : bool
        Of square patches only the eight symmetries (flips, quarter turns, transposes), which move cells without
        interpolating; False: the manual's flips and turns by multiples of 30 degrees.

    Attributes
    ----------
    names : tuple of str
        The variants, "original" first.

    Raises
    ------
    ValueError
        If N is neither n nor n (1 + 3 + K), there are no pairs, cells are missing, or the pairs do not fit each other.

    Examples
    --------
    >>> pool = Pool(np.zeros((2, 4, 4)), np.zeros((2, 8, 8)), delta=200)
    >>> len(pool), len(pool.names), pool.names[3:6]
    (2, 14, ('both', 'rotate_30_reflect', 'rotate_60_reflect'))
    """

    def __init__(
        self, lr, hr, *, originals: int | None = None, delta=1.0, downsampling: str | None = "bilinear", exact=False
    ):
        self.lr, self.hr, self.downsampling = np.asarray(lr), np.asarray(hr), downsampling
        self.scale = pair_scale(self.lr, self.hr, "LR", "HR")
        for side, patches in (("LR", self.lr), ("HR", self.hr)):
            store.check_complete(side, patches)
        self._n = len(self.lr) if originals is None else originals
        self.given = len(self.lr) != self._n
        dy, dx = np.broadcast_to(delta, 2)
        self.square = bool(dy == dx and self.lr.shape[1] == self.lr.shape[2])
        self.names = ("original", *FLIPS, *(EXACT[4:] if exact and self.square else self._turns()))

    def _turns(self) -> list[str]:
        """Names of the turns: by angle where they are made, numbered where they are given."""
        if not self.given:
            return [f"rotate_{angle}_{FILL_MODE}" for angle in TURNS] if self.square else []
        given_each = len(self.lr) // self._n if self._n > 0 else 0  # patches of each original, itself included
        if given_each < 4 or given_each * self._n != len(self.lr):
            raise ValueError(
                f"original_image_num is {self._n}, but there are {len(self.lr)} patches; expected {self._n} (flips and "
                f"turns are then made), or {self._n} x (1 + 3 + K): originals, flips, then K turns of each"
            )
        return [f"turn_{k + 1}" for k in range(given_each - 4)]

    def __len__(self) -> int:
        return self._n

    def distinct(self) -> np.ndarray:
        """Numbers of the variants without those that repeat an earlier one, as a given turn by 180 repeats a flip."""
        if not self.given:
            return np.arange(len(self.names))  # those made here are all different
        kept: list[int] = []
        everyone = np.arange(self._n)
        for number in range(len(self.names)):
            # the first patch tells most variants apart; only those alike in it are compared in all patches
            one = self.take("LR", everyone[:1], number)
            alike = [k for k in kept if np.array_equal(self.take("LR", everyone[:1], k), one)]
            whole = self.take("LR", everyone, number) if alike else None
            if not any(np.array_equal(self.take("LR", everyone, k), whole) for k in alike):
                kept.append(number)
        return np.array(kept)

    def take(self, side: str, index, which) -> np.ndarray:
        """Patches of one side.

        Parameters
        ----------
        side : {"LR", "HR"}
        index : ndarray of int, shape (k,)
            Originals.
        which : ndarray of int, shape (k,), or int
            Numbers into `names`.

        Returns
        -------
        ndarray, shape (k, h, w) or (k, H, W), dtype of the input
        """
        index = np.asarray(index)
        which = np.broadcast_to(which, index.shape)
        patches = self.lr if side == "LR" else self.hr
        if self.given:
            return patches[self._row(index, which)]
        out = np.empty((len(index), *patches.shape[1:]), patches.dtype)
        for number in np.unique(which):
            chosen = np.flatnonzero(which == number)
            out[chosen] = self._make(side, index[chosen], self.names[number])
        return out

    def _row(self, index, which) -> np.ndarray:
        """Places of given patches: all originals, then three flips of each, then all turns of each."""
        n, turns = self._n, len(self.names) - 4
        flip, turn = n + 3 * index + which - 1, 4 * n + turns * index + which - 4
        return np.where(which == 0, index, np.where(which < 4, flip, turn))

    def _make(self, side: str, index, name: str) -> np.ndarray:
        patches = self.lr if side == "LR" else self.hr
        if name in EXACT or name in QUARTERS:
            return variant(patches[index], QUARTERS.get(name, name))
        angle = float(name.split("_")[1])
        if side == "HR" or self.downsampling is None:
            return rotate(patches[index], [angle], FILL_MODE)
        return resize(rotate(self.hr[index], [angle], FILL_MODE), self.scale, self.downsampling)

    def measure(self, feature: Feature) -> tuple[np.ndarray, np.ndarray]:
        """Feature and mean depth of every patch in the pool.

        Returns
        -------
        (ndarray, ndarray), each of shape (variants, n), float64
            Mean depth of LR in metres. Symmetries that are made here have the values of their original; all others
            are measured, some at a time, on the patches that `take` returns.
        """
        value, depth = np.empty((2, len(self.names), self._n))
        exact = () if self.given else (*EXACT[1:], *QUARTERS)
        work = [(v, start) for v in range(len(self.names)) for start in range(0, self._n, PORTION)]
        for v, start in project.progress(work, f"{feature.name} of flips and turns"):
            index = np.arange(start, min(start + PORTION, self._n))
            if self.names[v] in exact:
                value[v, index], depth[v, index] = value[0, index], depth[0, index]
            else:
                lr = self.take("LR", index, v)
                value[v, index] = feature(lr if feature.side == "LR" else self.take("HR", index, v))
                depth[v, index] = lr.mean(axis=(1, 2), dtype=np.float64)
        return value, depth

    def blends(self, table: pd.DataFrame, side: str) -> np.ndarray:
        """Blend the pairs of a few rows of a table.

        Parameters
        ----------
        table : DataFrame
            As `draw`.
        side : {"LR", "HR"}

        Returns
        -------
        ndarray, shape (k, h, w), float64
        """
        high, low = (
            self.take(side, table[which].to_numpy(), table[f"{which}_variant"].to_numpy()).astype(np.float64)
            for which in ("high", "low")
        )
        return blend(high, low, table["lam"].to_numpy())

    def draw(self, table: pd.DataFrame, label: str = "pairs") -> tuple[np.ndarray, np.ndarray]:
        """Make the pairs of a table, some at a time.

        Parameters
        ----------
        table : DataFrame
            high, low : originals; high_variant, low_variant : numbers into `names`;
            lam : weight of `high`; 1 for a single patch.
        label : str
            Of the progress bar.

        Returns
        -------
        (ndarray, ndarray), shape (k, h, w) and (k, H, W), float32
        """
        out = [np.empty((len(table), *side.shape[1:]), np.float32) for side in (self.lr, self.hr)]
        mixed = table["lam"].to_numpy() != 1
        for start in project.progress(range(0, len(table), PORTION), label):
            for side, patches in zip(("LR", "HR"), out):
                rows = np.arange(start, min(start + PORTION, len(table)))
                # a single patch is copied, not blended with itself, which would round it
                for some, make in ((rows[mixed[rows]], self.blends), (rows[~mixed[rows]], self._singles)):
                    if len(some):
                        patches[some] = make(table.iloc[some], side)
        return tuple(out)

    def _singles(self, table: pd.DataFrame, side: str) -> np.ndarray:
        return self.take(side, table["high"].to_numpy(), table["high_variant"].to_numpy())
