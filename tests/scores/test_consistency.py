import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bathysr_nb.interpolation import enlarge
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.scores.consistency import back_project, make_consistent

RULES = pytest.mark.parametrize(("scale", "rule"), [(2, "bilinear"), (3, "bilinear"), (4, "bilinear"), (4, "area")])


def truth_and_estimate(scale, seed=0, n=4):
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1500, 30, (n, 5 * scale, 6 * scale))
    return truth, truth + rng.normal(rng.normal(0, 5), rng.uniform(0, 10), truth.shape)


@RULES
def test_consistent_maps_give_lr_back(scale, rule):
    truth, estimate = truth_and_estimate(scale)
    lr = resize(truth, scale, rule)
    sr = make_consistent(estimate, lr, rule)
    np.testing.assert_allclose(resize(sr, scale, rule), lr, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(make_consistent(sr, lr, rule).round(8), sr.round(8))
    single = make_consistent(estimate.astype("float32"), lr.astype("float32"), rule)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, sr, rtol=0, atol=1e-3)


@RULES
@given(seed=st.integers(0, 2**32 - 1))
def test_consistency_never_raises_the_squared_error_of_a_patch(scale, rule, seed):
    truth, estimate = truth_and_estimate(scale, seed)
    lr = resize(truth, scale, rule)
    before, after = (((sr - truth) ** 2).mean(axis=(1, 2)) for sr in (estimate, make_consistent(estimate, lr, rule)))
    assert (after <= before + 1e-9).all()
    sampled = {("bilinear", 2): 4, ("bilinear", 3): 1, ("bilinear", 4): 4, ("area", 4): 16}[rule, scale]
    lacking = ((resize(estimate, scale, rule) - lr) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(before - after, lacking * sampled / scale**2, rtol=1e-6, atol=1e-9)


def test_back_projection_takes_away_an_offset_and_leaves_what_agrees():
    lr = np.random.default_rng(0).normal(-1500, 30, (3, 8, 8))
    smooth = enlarge(lr, 4)
    off = [np.abs(resize(back_project(smooth + 20, lr, times)) - lr).mean() for times in (0, 1, 3)]
    assert off[0] > 10 > 3 * off[1] > 3 * off[2]
    assert back_project(smooth, lr, 0) is smooth
    exact = make_consistent(smooth, lr)
    np.testing.assert_allclose(back_project(exact, lr, 2), exact, rtol=0, atol=1e-9)


def test_sides_that_do_not_belong_together_are_named():
    with pytest.raises(ValueError, match=r"sr has shape \(2, 30, 32\) and lr \(2, 8, 8\)"):
        make_consistent(np.zeros((2, 30, 32)), np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match="unknown method 'cubic'"):
        make_consistent(np.zeros((2, 32, 32)), np.zeros((2, 8, 8)), "cubic")
    with pytest.raises(ValueError, match="times is -1"):
        back_project(np.zeros((2, 32, 32)), np.zeros((2, 8, 8)), -1)
