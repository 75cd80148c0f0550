import numpy as np
import pytest

from bathysr_nb.scores.typical import block_ratios, typical_change


def test_a_typical_block_by_hand():
    block = np.array([0, 0, 1, 2])
    model, reference = np.array([1.0, 3.0, 9.0, 4.0]), np.array([4.0, 4.0, 9.0, 1.0])
    assert block_ratios(model, reference, block).to_dict() == pytest.approx({0: np.sqrt(0.5), 1: 1, 2: 2})
    found = typical_change(model, reference, block)
    assert found.change == pytest.approx(100 * (np.sqrt(2) ** (1 / 3) - 1))
    assert (found.better, found.blocks) == (1, 3)
    assert np.isnan([found.low, found.high]).all()  # three blocks are too few


def test_one_rough_block_decides_the_pooled_change_and_not_the_typical_one():
    block, reference = np.repeat(np.arange(20), 5), np.ones(100)
    model = np.full(100, 0.81)
    reference[:5] *= 1e4
    model[:5] = 1.44e4
    assert np.sqrt(model.mean() / reference.mean()) > 1.19
    found = typical_change(model, reference, block)
    assert found.change == pytest.approx(100 * (0.9**0.95 * 1.2**0.05 - 1))
    assert found.high < 0
    assert (found.better, found.blocks) == (19, 20)


@pytest.mark.parametrize("blocks", [6, 8, 19, 60])
def test_intervals_hold_as_often_as_they_say(blocks):
    rng = np.random.default_rng(blocks)
    inside = 0
    for _ in range(2000):
        reference = rng.lognormal(0, 2, blocks)
        found = typical_change(reference * np.exp(2 * rng.normal(-0.05, 0.08, blocks)), reference, np.arange(blocks))
        inside += found.low <= 100 * np.expm1(-0.05) <= found.high
    assert 0.93 <= inside / 2000 <= 0.97


def test_order_and_units_do_not_matter():
    rng = np.random.default_rng(0)
    model, reference, block = rng.uniform(1, 2, 60), rng.uniform(1, 2, 60), np.arange(60) // 6
    shuffled = rng.permutation(60)
    for other in (
        typical_change(1e6 * model, 1e6 * reference, block),
        typical_change(model[shuffled], reference[shuffled], block[shuffled]),
    ):
        assert other == pytest.approx(typical_change(model, reference, block))
    back, forth = typical_change(reference, model, block), typical_change(model, reference, block)
    assert (1 + back.change / 100) * (1 + forth.change / 100) == pytest.approx(1)


def test_blocks_without_error():
    perfect = typical_change(np.zeros(8), np.ones(8), np.arange(8))
    assert (perfect.change, perfect.better) == (-100, 8)
    assert np.isnan(perfect.low)
    assert np.isnan(typical_change(np.ones(8), np.zeros(8), np.arange(8)).change)
