"""The training pairs of each epoch: shuffled, turned and augmented, a batch at a time.

Source: manual 2.2.21 (``DataGenerator``), 2.4.1 (``online_da``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bathysr_nb.augment import symmetries
from bathysr_nb.augment.online import OnlineAugmentation

AHEAD = 2  # batches prepared while one is trained on


class Batches:
    """Training pairs in memory; a thread prepares the next batches while Keras trains on one.

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
        Changes drawn anew for each patch; None: no changes.
    downsampling : {"bilinear", "area"}, optional
        How LR was made from HR: it is made again from the changed HR. None changes LR as HR.
    magnification : float
        Factor on the steps of an epoch, which are n // batch_size.

    Examples
    --------
    >>> batches = Batches(np.zeros((10, 4, 4, 1)), np.zeros((10, 8, 8, 1)), batch_size=3, turn=True, seed=0)
    >>> [lr.shape for lr, hr in batches.epoch(0)]
    [(3, 4, 4, 1), (3, 4, 4, 1), (3, 4, 4, 1)]
    """

    def __init__(
        self,
        lr,
        hr,
        batch_size: int,
        *,
        turn: bool,
        seed: int,
        online=None,
        downsampling=None,
        magnification: float = 1,
    ):
        self.lr, self.hr, self.batch_size, self.turn, self.seed = lr, hr, batch_size, turn, seed
        self.online: OnlineAugmentation | None = online
        self.downsampling = downsampling
        self.steps = max(1, round(len(lr) // batch_size * magnification))

    def __len__(self):
        return self.steps

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The LR and HR of each batch of an epoch."""
        order, waiting = self._order(number), deque()
        with ThreadPoolExecutor(1) as thread:
            for i in range(self.steps):
                chosen = order[i * self.batch_size : (i + 1) * self.batch_size]
                waiting.append(thread.submit(self._batch, chosen, np.random.default_rng([self.seed, number, i])))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            for batch in waiting:
                yield batch.result()

    def _order(self, number: int) -> np.ndarray:
        """Numbers of the patches in the order of an epoch; those beyond the last whole batch are left out."""
        rng = np.random.default_rng([self.seed, number])
        whole = len(self.lr) // self.batch_size * self.batch_size
        passes = -(-self.steps * self.batch_size // whole)
        return np.concatenate([rng.permutation(len(self.lr))[:whole] for _ in range(passes)])

    def _batch(self, chosen: np.ndarray, rng: np.random.Generator):
        pair = self.lr[chosen], self.hr[chosen]
        if self.online:
            changed = self.online.pair(pair[0][..., 0], pair[1][..., 0], rng, self.downsampling)
            pair = tuple(side[..., None].copy() for side in changed)
        if self.turn:
            which = rng.integers(0, 8, len(chosen))
            for side in pair:
                symmetries.orient_each(side, which)
        return pair
