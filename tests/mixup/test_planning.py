import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from bathysr_nb import augment, mixup
from bathysr_nb.augment import offline
from bathysr_nb.mixup import picking, pool
from bathysr_nb.mixup.feature import Feature
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.terrain import mean_slope_gradient

DELTA = 200.0
POLICIES = pytest.mark.parametrize("policy", mixup.POLICIES)


def slope_of(lr):
    return mean_slope_gradient(np.asarray(lr, dtype=float), DELTA)


@pytest.fixture(scope="module")
def source(ridge_pairs):
    """60 pairs, from gentle to steep."""
    return ridge_pairs(60, gentlest=0.1)


@pytest.fixture(scope="module")
def slope(source):
    return slope_of(source[0])


@pytest.fixture(scope="module")
def steeper(slope):
    """A target: the steeper half of the source."""
    return slope[30:]


@POLICIES
def test_picked_set_has_the_asked_size_and_its_parts_are_what_the_tables_say(source, slope, policy):
    picked = mixup.adaptive_mixup(*source, DELTA, slope[20:] * 1.2, increase_rate=3, seed=5, lambda_policy=policy)
    assert len(picked.lr) == len(picked.hr) == len(picked.pairs) == 180
    assert picked.bins["wanted"].sum() == 180
    parts = picked.bins[["originals", "mixups", "variants", "borrowed"]].sum(axis=1)
    np.testing.assert_array_equal(parts, picked.bins["wanted"])
    np.testing.assert_allclose(slope_of(picked.lr), picked.pairs["mean_slope_gradient"], rtol=1e-4)
    np.testing.assert_allclose(picked.lr.mean(axis=(1, 2)), picked.pairs["mean_altitude"], rtol=1e-4)


def test_every_picked_patch_can_be_made_again_from_the_table(source, steeper):
    picked = mixup.adaptive_mixup(*source, DELTA, steeper, seed=1)
    turned = {"original": source[1]}
    for copies in (augment.flip_pairs(*source), augment.rotate_pairs(*source)):
        turned |= {name: copies.hr[copies.variant == name] for name in set(copies.variant)}
    for i, row in picked.pairs.iterrows():
        high, low = (turned[row[f"{w}_variant"]][row[w]].astype(float) for w in ("high", "low"))
        np.testing.assert_allclose(picked.hr[i], row["lam"] * high + (1 - row["lam"]) * low, rtol=1e-5)
    assert set(picked.pairs["high_variant"]) > set(offline.FLIPS)


@POLICIES
def test_blends_are_of_different_originals_and_variants_and_none_twice(source, steeper, policy):
    made = pool.Pool(*source)
    plan = mixup.plan(made, Feature("mean_slope_gradient", DELTA), steeper, 1200, lambda_policy=policy)
    blends = plan.blends
    assert len(blends) > 900
    assert (blends["high"] != blends["low"]).all()
    assert (blends["high_variant"] != blends["low_variant"]).all()
    ends = blends[["high", "high_variant", "low", "low_variant"]].to_numpy().reshape(-1, 2, 2)
    assert len({frozenset(map(tuple, pair)) for pair in ends.tolist()}) == len(blends)
    single = plan.picked[plan.picked["kind"] != "mixup"]
    assert not single.duplicated(["high", "high_variant"]).any()


def test_low_resolution_of_a_blend_is_the_blend_of_the_low_resolutions(source, steeper):
    picked = mixup.adaptive_mixup(*source, DELTA, steeper)
    np.testing.assert_allclose(picked.lr, resize(picked.hr), rtol=1e-5, atol=2e-3)


@POLICIES
def test_the_picked_slopes_come_nearer_to_the_target(source, slope, steeper, policy):
    picked = mixup.adaptive_mixup(*source, DELTA, steeper, lambda_policy=policy)
    before, after = (wasserstein_distance(slopes, steeper) for slopes in (slope, slope_of(picked.lr)))
    assert after < (0.2 if policy == "target" else 0.5) * before


def test_solved_blends_fill_exactly_what_the_bins_lack(source, slope, steeper):
    plan = mixup.plan(pool.Pool(*source), Feature("mean_slope_gradient", DELTA), steeper, 240)
    shares, edges = picking.target_bins(steeper)
    wanted = picking.wanted_counts(shares, 240)
    lacking = np.maximum(wanted - np.histogram(slope, edges)[0], 0)
    np.testing.assert_array_equal(np.histogram(plan.blends["mean_slope_gradient"], edges)[0], lacking)
    assert (plan.blends["lam"].between(0, 1)).all()
    assert (plan.bins["unreachable"] == 0).all()
    assert set(plan.picked.index[plan.picked["kind"] == "mixup"]) == set(range(60, 60 + lacking.sum()))


def test_slopes_above_every_patch_are_counted_as_out_of_reach_and_borrowed(source):
    target = np.linspace(0.5, 2, 50)
    picked = mixup.adaptive_mixup(*source, DELTA, target, increase_rate=4)
    assert (picked.pairs["kind"] != "mixup").all()
    np.testing.assert_array_equal(picked.bins["unreachable"], picked.bins["wanted"])
    np.testing.assert_array_equal(picked.bins["borrowed"], picked.bins["wanted"])


def test_same_seed_same_set_and_another_another(source, steeper):
    one, again, other = (mixup.adaptive_mixup(*source, DELTA, steeper, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.hr, again.hr)
    assert one.pairs.equals(again.pairs)
    assert not one.pairs.equals(other.pairs)


def test_weights_follow_their_policy(source, steeper):
    feature, made = Feature("mean_slope_gradient", DELTA), pool.Pool(*source)
    fixed = mixup.plan(made, feature, steeper, 500, lambda_policy="fixed", lamb=0.8).blends
    assert (fixed["lam"] == 0.8).all()
    beta = mixup.plan(made, feature, steeper, 3000, lambda_policy="beta", alpha=2.0).blends["lam"]
    assert len(beta) == 3000
    assert beta.mean() == pytest.approx(0.5, abs=0.02)
    assert beta.var() == pytest.approx(1 / 20, abs=0.004)  # of Beta(a, a): 1 / (4 (2 a + 1))


@pytest.mark.parametrize("name", ["altitude_difference", "normalized_mean_slope_gradient"])
def test_other_features_are_solved_for_too(source, steeper, name):
    feature = Feature(name, DELTA).scaled(steeper)
    value = feature(source[0])
    plan = mixup.plan(pool.Pool(*source), feature, value[30:], 200)
    assert len(plan.blends) > 50
    lr, _ = pool.Pool(*source).draw(plan.blends)
    np.testing.assert_allclose(feature(lr), plan.blends[name], rtol=1e-3, atol=1e-4)
    before, after = (wasserstein_distance(values, value[30:]) for values in (value, plan.picked[name]))
    assert after < 0.3 * before


def test_a_split_at_random_does_not_look_at_the_slope(source, slope, steeper):
    plans = [
        mixup.plan(
            pool.Pool(*source),
            Feature("mean_slope_gradient", DELTA),
            steeper,
            300,
            lambda_policy="beta",
            random_split=r,
        )
        for r in (False, True)
    ]
    mean = [slope[plan.blends["high"]].mean() - slope[plan.blends["low"]].mean() for plan in plans]
    assert mean[0] > 3 * abs(mean[1])
    assert np.isnan(plans[1].threshold)


def test_cells_that_are_not_square_get_no_turn(source):
    delta = (200.0, 120.0)
    uneven = mean_slope_gradient(source[0].astype(float), delta)
    picked = mixup.adaptive_mixup(*source, delta, uneven[30:] * 1.3)
    assert set(picked.pairs[["high_variant", "low_variant"]].to_numpy().ravel()) == {"original", *offline.FLIPS}
    measured = mean_slope_gradient(picked.lr.astype(float), delta)
    np.testing.assert_allclose(measured, picked.pairs["mean_slope_gradient"], rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_slope": np.full(5, 0.1)}, "no range"),
        ({"increase_rate": 0.5}, "increase_rate is 0.5, expected at least 1"),
        ({"lambda_policy": "gamma", "alpha": 0, "lamb": 2}, "lambda_policy is 'gamma'.*; alpha is 0, .*; lamb is 2, "),
        ({"threshold": 9.0}, "threshold 9 leaves no high group"),
        (
            {"target_slope": np.linspace(5, 9, 50), "increase_rate": 20},
            "not enough candidates: 140 .* available, 60 more needed",
        ),
        ({"increase_rate": 900, "lambda_policy": "beta"}, "too few originals: 9000 different blends"),
    ],
)
def test_bad_input_is_named(source, steeper, options, message):
    with pytest.raises(ValueError, match=message):
        mixup.adaptive_mixup(*(side[::6] for side in source), DELTA, **{"target_slope": steeper} | options)
