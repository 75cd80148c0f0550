"""Batches of patch pairs for training: an order of their own each epoch, augmented as they are taken.

Source: manual 2.2.21 (``DataGenerator``), 2.4.1 (``online_da``).
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.backend import keras
from bathysr_nb.online import OnlineAugmentation


class Batches(keras.utils.PyDataset):
    """Training batches in memory; Keras takes the next ones in a thread while it trains.

    Parameters
    ----------
    lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
    batch_size : int
    turn : bool
        Flip and turn each batch at random, all its patches alike.
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
    """

    def __init__(self, lr, hr, batch_size, turn, seed, online=None, downsampling=None, magnification=1):
        super().__init__()
        self.lr, self.hr, self.batch_size, self.turn, self.seed = lr, hr, batch_size, turn, seed
        self.online: OnlineAugmentation | None = online
        self.downsampling = downsampling
        self.steps = max(1, round(len(lr) // batch_size * magnification))
        self.start(0)

    def __len__(self):
        return self.steps

    def __getitem__(self, i):
        chosen = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        lr, hr = self.lr[chosen], self.hr[chosen]
        if self.online:
            rng = np.random.default_rng([self.seed, self.epoch, i])
            pair = self.online.pair(lr[..., 0], hr[..., 0], rng, self.downsampling)
            lr, hr = (side[..., None] for side in pair)
        turns, flipped = divmod(self.orientation[i], 2)
        step = -1 if flipped else 1
        return tuple(np.rot90(side, turns, axes=(1, 2))[:, :, ::step] for side in (lr, hr))

    def start(self, epoch: int) -> None:
        """Draw an epoch's order; patches beyond the last whole batch wait for another epoch."""
        self.epoch = epoch
        rng = np.random.default_rng([self.seed, self.epoch])
        whole = len(self.lr) // self.batch_size * self.batch_size
        passes = -(-self.steps * self.batch_size // whole)
        self.order = np.concatenate([rng.permutation(len(self.lr))[:whole] for _ in range(passes)])
        self.orientation = rng.integers(0, 8 if self.turn else 1, self.steps)


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
