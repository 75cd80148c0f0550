import numpy as np
import pytest

from bathysr_nb.scores import conformal
from bathysr_nb.scores.conformal import covering_widths, fit_scale, held_out_ratios, local_relief


def made_ratios(rng, blocks, differ):
    """Ratios of blocks that differ in size by a factor drawn for each."""
    size = np.exp(rng.normal(0, differ, (blocks, 1)))
    return np.sort(size * abs(rng.standard_t(4, (blocks, 300))), axis=1)


@pytest.mark.parametrize(("blocks", "differ"), [(8, 0.3), (14, 0.6)])
def test_a_new_block_is_covered_as_promised(blocks, differ):
    """On average over what may be drawn: exchangeable blocks, each unlike the others."""
    rng, levels, found = np.random.default_rng(0), (0.5, 0.8, 0.9), []
    for _ in range(120):
        widths = covering_widths(made_ratios(rng, blocks, differ), levels)
        new = made_ratios(rng, 30, differ)
        found.append([(new <= width).mean() for width in widths.values()])
    np.testing.assert_allclose(np.mean(found, axis=0), levels, atol=0.02)


def test_few_blocks_that_differ_take_a_wider_quantile_than_the_level():
    ratios = np.concatenate([np.full((9, 100), 1.0), np.full((1, 100), 5.0)])
    assert covering_widths(ratios, (0.85, 0.9)) == {0.85: 1.0, 0.9: 1.0}  # nine blocks of ten lie within
    assert covering_widths(ratios, (0.95,)) == {}  # without the tenth block, nobody knows of a 5
    assert np.quantile(ratios, 0.85) == 1.0


def test_each_block_weighs_the_same_however_many_patches_it_has():
    rng = np.random.default_rng(0)
    error = rng.uniform(0, 1, (60, 8, 8, 4))
    error[:50] /= 10  # one block of 50 patches, ten of one
    relief, block = np.zeros((60, 8, 8)), np.r_[np.zeros(50), 1:11]
    ratios = held_out_ratios(relief, error, block)
    assert ratios.shape[0] == 11
    scale = fit_scale(relief, error, block)[0]
    assert covering_widths(ratios, (0.5,))[0.5] * scale == pytest.approx(0.5, abs=0.15)
    assert np.quantile(error, 0.5) < 0.12


def test_the_scale_follows_the_errors_and_the_ratios_are_free_of_relief():
    rng = np.random.default_rng(0)
    relief = rng.gamma(1, 4, (12, 20, 20))
    error = (0.5 + 2 * relief)[..., None] * rng.exponential(size=(12, 20, 20, 16))
    block = np.arange(12)
    a, b = fit_scale(relief, error, block)
    assert (b / a, b) == (pytest.approx(4, rel=0.15), pytest.approx(2 * np.log(10), rel=0.1))
    width = covering_widths(held_out_ratios(relief, error, block), (0.9,))[0.9]
    within = error <= width * (a + b * relief)[..., None]
    for inside in (relief < 1, (relief >= 1) & (relief < 5), relief >= 5):
        assert within[inside].mean() == pytest.approx(0.9, abs=0.02)


def test_a_blocks_own_errors_do_not_judge_it():
    """A block like no other: were it in its own scale or quantile, it would be covered."""
    rng = np.random.default_rng(0)
    relief, error = rng.uniform(0, 1, (8, 10, 10)), rng.uniform(0, 1, (8, 10, 10, 4))
    error[7] *= 1000
    ratios = held_out_ratios(relief, error, np.arange(8))
    assert ratios[7].mean() > 300  # in units of the others
    assert max(covering_widths(ratios)) < 0.95  # and seven of eight are all that can be covered


def test_local_relief_is_free_of_planes_and_grows_with_depth_scale():
    rows, cols = np.mgrid[:20, :30] * 1.0
    plane = 3 * rows - 7 * cols
    assert local_relief(plane)[2:-2, 2:-2].max() < 1e-9
    rough = plane + np.random.default_rng(0).normal(size=plane.shape)
    np.testing.assert_allclose(local_relief(5 * rough - 4000), 5 * local_relief(rough), atol=1e-9)
    stack = local_relief(np.stack([rough, plane]))
    np.testing.assert_allclose(stack[0], local_relief(rough))
    inner = local_relief(rough[3:12, 3:12])
    reach = conformal.REACH
    np.testing.assert_allclose(inner[reach:-reach, reach:-reach], local_relief(rough)[5:10, 5:10])


def test_errors_that_are_all_zero_have_a_width_of_nothing():
    relief, error = np.ones((8, 5, 5)), np.zeros((8, 5, 5, 4))
    a, b = fit_scale(relief, error, np.arange(8))
    widths = covering_widths(held_out_ratios(relief, error, np.arange(8)))
    assert widths[0.95] * (a + b) < 1e-5
