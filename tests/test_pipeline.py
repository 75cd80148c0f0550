import numpy as np
import pytest
from test_train import TRAINING

from bathysr_nb import interpolation
from bathysr_nb.online import OnlineAugmentation
from bathysr_nb.pipeline import Batches


def epoch(batches, number=0):
    batches.start(number)
    return [batches[i] for i in range(len(batches))]


@pytest.mark.parametrize("online", [None, OnlineAugmentation()])
def test_batches_keep_pairs(online):
    for x, y in epoch(Batches(*TRAINING, 8, True, 3, online, "bilinear")):
        np.testing.assert_allclose(interpolation.resize(y[..., 0]), x[..., 0], rtol=1e-5)


def test_every_patch_once_an_epoch_in_another_order_each_time():
    lr, hr = TRAINING
    batches = Batches(lr, hr, 8, turn=True, seed=3)
    first = epoch(batches)
    levels = np.sort(np.concatenate([y.mean(axis=(1, 2, 3)) for _, y in first]))
    np.testing.assert_allclose(levels, np.sort(hr.mean(axis=(1, 2, 3))), rtol=1e-5)
    assert not np.array_equal(first[0][0], epoch(batches, 1)[0][0])
    np.testing.assert_array_equal(epoch(Batches(lr, hr, 8, turn=True, seed=3))[2][0], first[2][0])
    assert not np.array_equal(epoch(Batches(lr, hr, 8, turn=True, seed=4))[2][0], first[2][0])


@pytest.mark.parametrize(("magnification", "steps"), [(1, 6), (2.5, 15), (0.5, 3), (0.01, 1)])
def test_length_of_an_epoch(magnification, steps):
    batches = Batches(*TRAINING, 8, False, 0, magnification=magnification)
    assert len(batches) == steps == len(epoch(batches))
    assert all(len(x) == 8 for x, _ in epoch(batches))


def test_online_changes_are_of_the_epoch_and_the_batch():
    batches = Batches(*TRAINING, 8, False, 0, OnlineAugmentation(), "bilinear")
    once, again, later = epoch(batches), epoch(batches), epoch(batches, 1)
    np.testing.assert_array_equal(once[1][1], again[1][1])
    assert not any(np.array_equal(once[i][1], later[i][1]) for i in range(6))
