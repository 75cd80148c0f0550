"""The training pairs of each epoch: in an order of their own, turned and augmented, a batch at a time.

Source: manual 2.2.21 (``DataGenerator``), 2.4.1 (``online_da``).
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.backend import keras
from bathysr_nb.online import OnlineAugmentation

THREADS = 2  # with fewer, Keras on TensorFlow tunes its own prefetching, and waits for that at each epoch's end


class Batches(keras.utils.PyDataset):
    """Training pairs in memory; threads lay out the next batches while Keras trains on one.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
    batch_size : int
    turn : bool
        Flip and turn each patch at random; rectangles are flipped and turned by 180 degrees.
    seed : int
        Epoch e is drawn from ``default_rng([seed, e])``, its batch i from
        ``default_rng([seed, e, i])``.
    online : OnlineAugmentation, optional
        Changes drawn anew for each patch.
    downsampling : {"bilinear", "area"}, optional
        How LR was made from HR, to re-make it from the changed HR; None applies the change to
        LR as well.
    magnification : float
        Factor on the steps of an epoch, which are n // batch_size.

    Examples
    --------
    >>> batches = Batches(np.zeros((10, 4, 4, 1)), np.zeros((10, 8, 8, 1)), batch_size=3, turn=True, seed=0)
    >>> len(batches), [side.shape for side in batches[0]]
    (3, [(3, 4, 4, 1), (3, 8, 8, 1)])
    """

    def __init__(self, lr, hr, batch_size, turn, seed, online=None, downsampling=None, magnification=1):
        super().__init__(workers=THREADS)
        self.lr, self.hr, self.batch_size, self.turn, self.seed = lr, hr, batch_size, turn, seed
        self.online: OnlineAugmentation | None = online
        self.downsampling = downsampling
        self.steps = max(1, round(len(lr) // batch_size * magnification))
        self.start(0)

    def start(self, epoch: int) -> None:
        """Draw an epoch's order; patches beyond the last whole batch wait for another epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        whole = len(self.lr) // self.batch_size * self.batch_size
        passes = -(-self.steps * self.batch_size // whole)
        self.order = np.concatenate([rng.permutation(len(self.lr))[:whole] for _ in range(passes)])
        self.epoch = epoch

    def __len__(self):
        return self.steps

    def __getitem__(self, i):
        chosen = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed, self.epoch, i])
        pair = self.lr[chosen], self.hr[chosen]
        if self.online:
            changed = self.online.pair(pair[0][..., 0], pair[1][..., 0], rng, self.downsampling)
            pair = tuple(side[..., None].copy() for side in changed)
        if self.turn:
            which = rng.integers(0, 8, len(chosen))
            for side in pair:
                _turn_each(side, which)
        return pair


class Reshuffle(keras.callbacks.Callback):
    """Bring batches to the epoch that begins.

    Keras asks for a few batches before the first epoch, and how often differs; so epochs are not counted
    by the data but told to it.
    """

    def __init__(self, batches: Batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.start(epoch)


def _turn_each(patches, which) -> None:
    """Turn by a number of quarter turns and flip, the eight ways of a square, where the patches are."""
    step = 1 if patches.shape[1] == patches.shape[2] else 2
    for number in range(1, 8):
        chosen = which == number
        turns, flipped = divmod(number, 2)
        turned = np.rot90(patches[chosen], step * turns, axes=(1, 2))
        patches[chosen] = turned[:, :, ::-1] if flipped else turned
