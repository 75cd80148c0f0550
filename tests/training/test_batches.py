import numpy as np
import pytest

from bathysr_nb import interpolation
from bathysr_nb.augment.online import OnlineAugmentation
from bathysr_nb.pairs import downsampling
from bathysr_nb.training.batches import Batches


class Epochs(Batches):
    """Batches, and a whole epoch of them as arrays."""

    def arrays(self, number):
        return tuple(np.concatenate(side) for side in zip(*self.epoch(number)))


@pytest.mark.parametrize("online", [None, OnlineAugmentation()])
def test_pairs_stay_pairs(training_pairs, online):
    lr, hr = Epochs(*training_pairs, 8, turn=True, seed=3, online=online, downsampling="bilinear").arrays(0)
    np.testing.assert_allclose(downsampling.resize(hr[..., 0]), lr[..., 0], rtol=1e-5)


def test_every_patch_once_an_epoch_in_another_order_each_time(training_pairs):
    lr, hr = training_pairs
    before = hr.copy()
    epochs = Epochs(lr, hr, 8, turn=True, seed=3)
    first = epochs.arrays(0)[1]
    means = lambda patches: np.sort(patches.mean(axis=(1, 2, 3)))  # noqa: E731
    np.testing.assert_allclose(means(first), means(hr), rtol=1e-5)
    assert not np.array_equal(first, epochs.arrays(1)[1])
    np.testing.assert_array_equal(Epochs(lr, hr, 8, turn=True, seed=3).arrays(0)[1], first)
    assert not np.array_equal(Epochs(lr, hr, 8, turn=True, seed=4).arrays(0)[1], first)
    np.testing.assert_array_equal(hr, before)


def test_all_eight_ways_of_a_square_and_four_of_a_rectangle():
    square = np.arange(16, dtype="float32").reshape(1, 4, 4, 1).repeat(400, axis=0)
    hr = interpolation.enlarge(square[..., 0], 2, "nearest")[..., None]
    seen = Epochs(square, hr, 8, turn=True, seed=0).arrays(0)
    assert len({patch.tobytes() for patch in seen[0]}) == 8
    np.testing.assert_array_equal(seen[1][:, ::2, ::2], seen[0])
    rectangle = np.arange(12, dtype="float32").reshape(1, 3, 4, 1).repeat(400, axis=0)
    seen = Epochs(rectangle, rectangle, 8, turn=True, seed=0).arrays(0)
    assert len({patch.tobytes() for patch in seen[0]}) == 4


@pytest.mark.parametrize(("magnification", "steps"), [(1, 6), (2.5, 15), (0.5, 3), (0.01, 1)])
def test_length_of_an_epoch(training_pairs, magnification, steps):
    epochs = Epochs(*training_pairs, 8, turn=False, seed=0, magnification=magnification)
    assert len(epochs) == steps
    assert len(epochs.arrays(0)[0]) == steps * 8


def test_patches_beyond_whole_batches_wait_for_another_epoch(training_pairs):
    epochs = Epochs(*training_pairs, 36, turn=False, seed=0)
    assert len(epochs.arrays(0)[0]) == 36
    seen = {patch.tobytes() for epoch in range(8) for patch in epochs.arrays(epoch)[0]}
    assert len(seen) == len(training_pairs[0])
