import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bathysr_nb.mixup import blending
from bathysr_nb.terrain import mean_slope_gradient


def slopes(high, low, weights):
    return np.array([mean_slope_gradient(weight * high + (1 - weight) * low, 1.0)[0] for weight in weights])


def reliefs(high, low, weights):
    return np.array([np.ptp(weight * high + (1 - weight) * low) for weight in weights])


SOLVERS = {
    "slope": (slopes, lambda high, low, wanted: blending.solve_lambda(high, low, wanted, 1.0)),
    "relief": (reliefs, blending.solve_relief),
}
by_feature = pytest.mark.parametrize(("curve", "solve"), SOLVERS.values(), ids=SOLVERS)


@by_feature
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1))
def test_a_feature_is_convex_in_the_weight(curve, solve, seed, share):
    rng = np.random.default_rng(seed)
    high, low = rng.normal(size=(2, 1, 12, 12)) * rng.uniform(0.1, 10, (2, 1, 1, 1))
    a, b = rng.uniform(0, 1, 2)
    at_a, at_b, between = curve(high, low, (a, b, share * a + (1 - share) * b))
    assert between <= share * at_a + (1 - share) * at_b + 1e-12


@by_feature
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1), size=st.sampled_from([1e-6, 1.0, 1e4]))
def test_every_value_between_the_two_patches_is_reached(curve, solve, seed, share, size):
    patches = size * np.random.default_rng(seed).normal(size=(2, 1, 12, 12))
    ends = curve(*patches, (1, 0))
    high, low = patches[np.argsort(-ends)]
    wanted = ends.min() + share * np.ptp(ends)
    solved = solve(high, low, np.array([wanted]))
    assert 0 <= solved.lam[0] <= 1
    assert curve(high, low, solved.lam)[0] == pytest.approx(wanted, rel=1e-6)
    assert solved.value[0] == pytest.approx(wanted, rel=1e-6)


@by_feature
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(0.3, 1.3))
def test_both_solutions_or_the_nearest_value(curve, solve, seed, factor):
    high, low = np.random.default_rng(seed).normal(size=(2, 1, 6, 6))
    weights = np.linspace(0, 1, 2001)
    values = curve(high, low, weights)
    wanted = factor * values.max()
    lam, other, value = (float(part[0]) for part in solve(high, low, np.array([wanted])))
    assert value == pytest.approx(curve(high, low, [lam])[0])
    crossings = np.flatnonzero(np.diff(np.sign(values - wanted)))
    if len(crossings):
        assert value == pytest.approx(wanted, rel=1e-6)
        found = sorted(x for x in (lam, other) if not np.isnan(x))
        np.testing.assert_allclose(found, weights[crossings] + 0.00025, atol=0.001)
        assert np.isnan(other) or abs(lam - 0.5) <= abs(other - 0.5)
    elif wanted > values.max() or wanted < values.min() * (1 - 1e-6):
        assert np.isnan(other)
        assert abs(value - wanted) <= np.abs(values - wanted).min() * (1 + 1e-9)


def test_a_plane_and_its_mirror_image_by_hand():
    plane = np.outer(np.arange(8.0), np.ones(8))[None]
    full = mean_slope_gradient(plane, 1.0)
    solved = blending.solve_lambda(plane, -plane, 0.6 * full, 1.0)  # the blend is (2 lam - 1) plane
    assert sorted([solved.lam[0], solved.other[0]]) == pytest.approx([0.2, 0.8])
    level = blending.solve_lambda(plane, -plane, -full, 1.0)
    assert (level.lam[0], level.value[0]) == pytest.approx((0.5, 0), abs=1e-6)
    beyond = blending.solve_lambda(plane, 2 * plane, 5 * full, 1.0)
    assert (beyond.lam[0], beyond.value[0]) == pytest.approx((0, 2 * full[0]))


def test_many_pairs_are_solved_as_one_by_one():
    rng = np.random.default_rng(0)
    high, low = rng.normal(size=(2, 700, 12, 12)) * rng.uniform(0.1, 10, (2, 700, 1, 1))
    wanted = rng.uniform(0, 3, 700)
    together = blending.solve_lambda(high, low, wanted, 1.0)
    alone = [blending.solve_lambda(high[[i]], low[[i]], wanted[[i]], 1.0) for i in range(0, 700, 37)]
    for part, parts in zip(together, zip(*alone)):
        np.testing.assert_allclose(part[::37], np.concatenate(parts), rtol=1e-9)


def test_shapes_that_do_not_agree_are_named():
    with pytest.raises(ValueError, match=r"shapes \(2, 4, 4\), \(1, 4, 4\) and \(2,\)"):
        blending.solve_lambda(np.zeros((2, 4, 4)), np.zeros((1, 4, 4)), np.zeros(2), 1.0)
    assert [len(part) for part in blending.solve_lambda(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)), [], 1.0)] == [0] * 3
