import numpy as np
import pytest

from bathysr_nb.intervals import change_interval, quantiles, resampled_means


def test_draws_are_of_whole_blocks_and_large_ones_count_more():
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(10), np.arange(1, 11))
    values = rng.normal(size=(len(block), 3))
    drawn = np.random.default_rng(4).integers(0, 10, (2000, 10))
    for row, blocks in zip(resampled_means(values, block + 70, seed=4)[:5], drawn):
        patches = np.concatenate([np.flatnonzero(block == b) for b in blocks])
        np.testing.assert_allclose(row, values[patches].mean(axis=0))


def test_few_blocks_give_no_interval():
    values = np.random.default_rng(0).normal(size=(700, 1))
    assert resampled_means(values, np.repeat(np.arange(7), 100)) is None
    assert np.isnan(quantiles(None)).all()


def test_interval_of_a_mean_is_that_of_theory():
    """40 blocks of 25 equal patches: the mean of 40 independent numbers."""
    value = np.random.default_rng(3).normal(size=40)
    low, high = quantiles(resampled_means(np.repeat(value, 25)[:, None], np.repeat(np.arange(40), 25))[:, 0])
    assert high - low == pytest.approx(2 * 1.96 * value.std() / np.sqrt(40), rel=0.1)
    assert (low + high) / 2 == pytest.approx(value.mean(), abs=0.05)


def test_a_change_is_paired():
    """Blocks that differ a thousandfold, a change that does not: the interval is a point."""
    reference = np.repeat(10.0 ** np.arange(-4, 5), 3)
    assert change_interval(0.81 * reference, reference, np.repeat(np.arange(9), 3)) == pytest.approx((-10, -10))
