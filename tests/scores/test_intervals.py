import numpy as np
import pytest

from bathysr_nb.scores.intervals import change_interval, effective_blocks, quantiles, resampled_means


def test_draws_are_of_whole_blocks_and_large_ones_count_more():
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(10), np.arange(1, 11))
    values = rng.normal(size=(len(block), 3))
    drawn = np.random.default_rng(4).integers(0, 10, (5000, 10))
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
    """Blocks that differ a hundredfold, a change that does not: the interval is a point."""
    reference = np.repeat(2.0 ** np.arange(-4, 5), 3)
    assert change_interval(0.81 * reference, reference, np.repeat(np.arange(9), 3)) == pytest.approx((-10, -10))


def test_effective_blocks():
    block = np.repeat(np.arange(5), 4)
    assert effective_blocks(np.ones(20), block) == pytest.approx(5)
    assert effective_blocks((block == 3) * 1.0, block) == pytest.approx(1)
    assert effective_blocks(np.zeros(20), block) == 5
    assert effective_blocks(np.arange(20.0), np.arange(20) // 10) == pytest.approx((45 + 145) ** 2 / (45**2 + 145**2))


@pytest.mark.parametrize("blocks", [9, 19])
def test_where_a_few_blocks_rule_the_interval_still_holds(blocks):
    """No true change, blocks that scatter as those of the bundled grid do: plain percentiles miss it far too often."""
    missed, plain, given = 0, 0, 0
    for trial in range(200):
        rng = np.random.default_rng([blocks, trial])
        reference = rng.lognormal(0, 2.5, blocks)
        model = reference * rng.lognormal(-0.005, 0.1, blocks)
        low, high = change_interval(model, reference, np.arange(blocks), trial)
        if np.isnan(low):
            assert effective_blocks(reference, np.arange(blocks)) < 2
            continue
        given += 1
        missed += not low <= 0 <= high
        drawn = resampled_means(np.column_stack([model, reference]), np.arange(blocks), trial)
        low, high = quantiles(drawn[:, 0] / drawn[:, 1])
        plain += not low <= 1 <= high
    assert given > 100
    assert missed / given <= 0.06 < 0.09 < plain / given


def test_draws_without_a_value_do_not_count_and_one_block_gives_no_interval():
    drawn = np.r_[np.arange(1001.0), np.full(200, np.nan), np.inf]
    assert quantiles(drawn) == pytest.approx((25, 975))
    assert np.isnan(quantiles(drawn, effective=1.9)).all()
    squares = np.r_[np.ones(3), np.zeros(17)]  # exact in all other blocks
    low, high = change_interval(0.81 * squares, squares, np.arange(20))
    assert (low, high) == pytest.approx((-10, -10))


def test_intervals_widen_from_the_percentiles_to_all_that_was_drawn():
    drawn = np.random.default_rng(0).normal(size=5000)
    ends = [quantiles(drawn, effective) for effective in (2, 3, 4, 10, 50, np.inf)]
    widths = [high - low for low, high in ends]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) > 4
    assert ends[0] == (drawn.min(), drawn.max())
    assert ends[-1] == pytest.approx(np.percentile(drawn, [2.5, 97.5]))
