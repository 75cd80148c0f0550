"""The training pairs of each epoch: in an order of their own, turned and augmented.

An epoch's pairs are laid out in one go and handed to Keras as arrays, whose own pipeline cuts and prefetches
batches without Python. Handed over batch by batch they took a tenth longer.

Source: manual 2.2.21 (``DataGenerator``), 2.4.1 (``online_da``).
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.online import OnlineAugmentation

PORTION = 256  # patches augmented at a time


class Epochs:
    """Training pairs in memory, and what each epoch makes of them.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
    batch_size : int
    turn : bool
        Flip and turn each patch at random; rectangles are flipped and turned by 180 degrees.
    seed : int
        Epoch e is drawn from ``default_rng([seed, e])``.
    online : OnlineAugmentation, optional
        Changes drawn anew for each patch.
    downsampling : {"bilinear", "area"}, optional
        How LR was made from HR, to re-make it from the changed HR; None applies the change to
        LR as well.
    magnification : float
        Factor on the steps of an epoch, which are n // batch_size. An epoch takes as much memory
        as its pairs.

    Attributes
    ----------
    steps : int
        Batches of an epoch.

    Examples
    --------
    >>> pairs = np.zeros((10, 4, 4, 1)), np.zeros((10, 8, 8, 1))
    >>> [side.shape for side in Epochs(*pairs, batch_size=3, turn=True, seed=0).arrays(0)]
    [(9, 4, 4, 1), (9, 8, 8, 1)]
    """

    def __init__(self, lr, hr, batch_size, turn, seed, online=None, downsampling=None, magnification=1):
        self.lr, self.hr, self.batch_size, self.turn, self.seed = lr, hr, batch_size, turn, seed
        self.online: OnlineAugmentation | None = online
        self.downsampling = downsampling
        self.steps = max(1, round(len(lr) // batch_size * magnification))

    def arrays(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """LR and HR of an epoch in the order of its batches, all of them whole.

        Patches beyond the last whole batch wait for another epoch.
        """
        rng = np.random.default_rng([self.seed, epoch])
        whole = len(self.lr) // self.batch_size * self.batch_size
        passes = -(-self.steps * self.batch_size // whole)
        order = np.concatenate([rng.permutation(len(self.lr))[:whole] for _ in range(passes)])
        order = order[: self.steps * self.batch_size]
        pair = [self.lr[order], self.hr[order]]
        if self.online:
            self._augment(*pair, rng)
        if self.turn:
            which = rng.integers(0, 8, len(order))
            _turn_each(pair[0], which)
            _turn_each(pair[1], which)
        return tuple(pair)

    def _augment(self, lr, hr, rng) -> None:
        """Change the patches where they are, a portion at a time."""
        for start in range(0, len(hr), PORTION):
            part = slice(start, start + PORTION)
            pair = self.online.pair(lr[part, ..., 0], hr[part, ..., 0], rng, self.downsampling)
            lr[part, ..., 0], hr[part, ..., 0] = pair


def _turn_each(patches, which) -> None:
    """Turn by a number of quarter turns and flip, the eight ways of a square, where the patches are."""
    step = 1 if patches.shape[1] == patches.shape[2] else 2
    for number in range(1, 8):
        chosen = which == number
        turns, flipped = divmod(number, 2)
        turned = np.rot90(patches[chosen], step * turns, axes=(1, 2))
        patches[chosen] = turned[:, :, ::-1] if flipped else turned
