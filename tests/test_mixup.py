import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bathysr_nb import augment, mixup, synthetic
from bathysr_nb.interpolation import resize
from bathysr_nb.terrain import mean_slope_gradient


def pairs(n=60, seed=0):
    ground = synthetic.seafloor((64, 64 * n), province="ridge", seed=seed)
    hr = ground.reshape(64, n, 64).swapaxes(0, 1) * np.linspace(0.1, 1, n, dtype=np.float32)[:, None, None]
    return resize(hr), hr


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_slope_is_convex_in_the_weight(seed, share):
    rng = np.random.default_rng(seed)
    high, low = rng.normal(size=(2, 1, 12, 12)) * rng.uniform(0.1, 10, (2, 1, 1, 1))
    a, b = rng.uniform(0, 1, (2, 1))
    msg = lambda lam: mean_slope_gradient(mixup.blend(high, low, lam), 1.0)[0]  # noqa: E731
    assert msg(share * a + (1 - share) * b) <= share * msg(a) + (1 - share) * msg(b) + 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_solve_lambda_reaches_every_slope_between_the_two(seed, share):
    patches = np.random.default_rng(seed).normal(size=(2, 12, 12))
    slope = mean_slope_gradient(patches, 1.0)
    low, high = patches[np.argsort(slope)][:, None]
    wanted = slope.min() + share * np.ptp(slope)
    solved = mixup.solve_lambda(high, low, np.array([wanted]), 1.0)
    assert 0 <= solved.lam[0] <= 1
    assert mean_slope_gradient(mixup.blend(high, low, solved.lam), 1.0)[0] == pytest.approx(wanted, rel=1e-6)


def curve(high, low, weights):
    return np.array([mean_slope_gradient(mixup.blend(high, low, np.array([w])), 1.0)[0] for w in weights])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 1.3))
def test_solve_lambda_finds_both_solutions_or_the_nearest_value(seed, factor):
    high, low = np.random.default_rng(seed).normal(size=(2, 1, 6, 6))
    weights = np.linspace(0, 1, 2001)
    slopes = curve(high, low, weights)
    wanted = factor * slopes.max()
    solved = mixup.solve_lambda(high, low, np.array([wanted]), 1.0)
    lam, other, value = (float(part[0]) for part in solved)
    assert value == pytest.approx(curve(high, low, [lam])[0])
    crossings = np.flatnonzero(np.diff(np.sign(slopes - wanted)))
    if len(crossings):
        assert value == pytest.approx(wanted, rel=1e-6)
        found = sorted(x for x in (lam, other) if not np.isnan(x))
        np.testing.assert_allclose(found, weights[crossings] + 0.00025, atol=0.001)
        assert np.isnan(other) or abs(lam - 0.5) <= abs(other - 0.5)
    elif wanted > slopes.max() or wanted < slopes.min() * (1 - 1e-6):
        assert np.isnan(other)
        assert abs(value - wanted) <= np.abs(slopes - wanted).min() * (1 + 1e-9)


def test_solve_lambda_of_a_plane_and_its_mirror_image_by_hand():
    plane = np.outer(np.arange(8.0), np.ones(8))[None]
    full = mean_slope_gradient(plane, 1.0)
    solved = mixup.solve_lambda(plane, -plane, 0.6 * full, 1.0)  # the blend is (2 lam - 1) plane
    assert sorted([solved.lam[0], solved.other[0]]) == pytest.approx([0.2, 0.8])
    level = mixup.solve_lambda(plane, -plane, -full, 1.0)
    assert (level.lam[0], level.value[0]) == pytest.approx((0.5, 0), abs=1e-6)
    beyond = mixup.solve_lambda(2 * plane, plane, 5 * full, 1.0)
    assert (beyond.lam[0], beyond.value[0]) == pytest.approx((1, 2 * full[0]))


def test_the_nearest_one_and_all_of_them():
    data = [0.3, 0.1, 0.5, 0.3]
    assert mixup.idx_of_the_nearest(data, 0.35) == 0
    assert mixup.indices_of_the_nearest(data, 0.35).tolist() == [0, 3]
    assert mixup.indices_of_the_nearest(data, 0.4).tolist() == [0, 2, 3]
    with pytest.raises(ValueError, match="no data"):
        mixup.indices_of_the_nearest([], 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=30), st.integers(0, 5000))
def test_wanted_counts_add_up_and_stay_within_one(weights, total):
    shares = np.array(weights) / np.sum(weights)
    counts = mixup.wanted_counts(shares, total)
    assert counts.sum() == total
    assert (np.abs(counts - shares * total) <= 1).all()


def test_picked_set_has_the_asked_size_and_its_parts_are_what_the_table_says():
    lr, hr = pairs()
    delta = 200.0
    slope = mean_slope_gradient(lr.astype(float), delta)
    picked = mixup.adaptive_mixup(lr, hr, delta, slope[20:] * 1.2, increase_rate=3, seed=5)
    assert len(picked.lr) == len(picked.hr) == len(picked.pairs) == 180
    assert picked.bins["wanted"].sum() == 180
    counts = picked.bins[["originals", "mixups", "borrowed"]].sum()
    assert picked.pairs["kind"].value_counts().to_dict() == dict(zip(("original", "mixup", "variant"), counts))
    np.testing.assert_allclose(
        mean_slope_gradient(picked.lr.astype(float), delta), picked.pairs["mean_slope_gradient"], rtol=1e-4
    )


def test_every_picked_patch_can_be_made_again_from_the_table():
    lr, hr = pairs()
    picked = mixup.adaptive_mixup(lr, hr, 200.0, mean_slope_gradient(lr.astype(float), 200.0)[30:], seed=1)
    for i, row in picked.pairs.iterrows():
        sides = [augment.variant(hr[[row[w]]].astype(float), row[f"{w}_variant"])[0] for w in ("high", "low")]
        np.testing.assert_allclose(picked.hr[i], row["lam"] * sides[0] + (1 - row["lam"]) * sides[1], rtol=1e-5)
    mixed = picked.pairs[picked.pairs["kind"] == "mixup"]
    assert (mixed["high"] != mixed["low"]).all()
    assert (mixed["high_variant"] != mixed["low_variant"]).all()


def test_low_resolution_of_a_blend_is_the_blend_of_the_low_resolutions():
    lr, hr = pairs()
    picked = mixup.adaptive_mixup(lr, hr, 200.0, mean_slope_gradient(lr.astype(float), 200.0)[30:])
    np.testing.assert_allclose(picked.lr, resize(picked.hr), rtol=1e-5, atol=1e-3)


def test_the_picked_slopes_come_nearer_to_the_target():
    from scipy.stats import wasserstein_distance

    lr, hr = pairs()
    slope = mean_slope_gradient(lr.astype(float), 200.0)
    target = np.sort(slope)[30:]
    picked = mixup.adaptive_mixup(lr, hr, 200.0, target)
    before, after = (
        wasserstein_distance(slope, target),
        wasserstein_distance(picked.pairs["mean_slope_gradient"], target),
    )
    assert after < 0.2 * before


def test_same_seed_same_set_and_no_variant_twice():
    lr, hr = pairs()
    target = np.linspace(0.5, 2, 50)  # far above the source: all is borrowed
    picked = mixup.adaptive_mixup(lr, hr, 200.0, target, increase_rate=4)
    assert (picked.pairs["kind"] == "variant").all()
    assert not picked.pairs.duplicated(["high", "high_variant"]).any()
    again = mixup.adaptive_mixup(lr, hr, 200.0, target, increase_rate=4)
    np.testing.assert_array_equal(picked.hr, again.hr)


def test_cells_that_are_not_square_get_no_quarter_turn():
    lr, hr = pairs()
    delta = (200.0, 120.0)
    slope = mean_slope_gradient(lr.astype(float), delta)
    picked = mixup.adaptive_mixup(lr, hr, delta, slope[30:] * 1.3)
    assert not picked.pairs[["high_variant", "low_variant"]].isin(["turn_90", "turn_270"]).any(axis=None)
    np.testing.assert_allclose(
        mean_slope_gradient(picked.lr.astype(float), delta), picked.pairs["mean_slope_gradient"], rtol=1e-4
    )


def test_bad_input_is_named():
    lr, hr = pairs(10)
    with pytest.raises(ValueError, match="no range"):
        mixup.adaptive_mixup(lr, hr, 200.0, np.full(5, 0.1))
    with pytest.raises(ValueError, match="used up and 10 patches lack"):
        mixup.adaptive_mixup(lr, hr, 200.0, np.linspace(5, 9, 50), increase_rate=6)
