import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from bathysr_nb import augment
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.terrain import mean_slope_gradient
from bathysr_nb.trial import training_sets

DELTA, TOTAL = 200.0, 150


def slope_of(lr):
    return mean_slope_gradient(np.asarray(lr, dtype=float), DELTA)


@pytest.fixture(scope="module")
def source(ridge_pairs):
    return ridge_pairs(60, gentlest=0.1)


@pytest.fixture(scope="module")
def target(ridge_pairs):
    """Steeper pairs than most of the source."""
    return tuple(side[15:] for side in ridge_pairs(40, seed=1, gentlest=0.1, steepest=1.5))


@pytest.fixture(scope="module")
def made(source, target):
    """A training set of the source for the target."""

    def make(name, total=TOTAL, seed=0, **options):
        return training_sets.make_training_set(
            name, *source, delta=DELTA, target_lr=target[0], total=total, seed=seed, reference=target, **options
        )

    return make


@pytest.fixture(scope="module")
def distance(made, source, target):
    """How far a training set's slopes are from the target's, by how far the source's are."""
    wanted = slope_of(target[0])
    before = wasserstein_distance(slope_of(source[0]), wanted)
    return lambda name: wasserstein_distance(slope_of(made(name).lr), wanted) / before


@pytest.mark.parametrize(
    ("name", "total"), [*((name, TOTAL) for name in training_sets.ARMS), ("flip_rotate", 37), ("adaptive_mixup", 600)]
)
def test_every_arm_gives_the_same_number_of_pairs_and_they_are_pairs(made, name, total):
    arm = made(name, total)
    assert arm.lr.shape == (total, 16, 16)
    assert arm.hr.shape == (total, 64, 64)
    assert len(arm.pairs) == total
    assert arm.lr.dtype == arm.hr.dtype == np.float32
    np.testing.assert_allclose(arm.lr, resize(arm.hr), rtol=1e-5, atol=3e-3)


@pytest.mark.parametrize("name", training_sets.ARMS)
def test_same_seed_same_set(made, name):
    one, again, other = made(name), made(name), made(name, seed=1)
    np.testing.assert_array_equal(one.hr, again.hr)
    assert one.pairs.equals(again.pairs)
    assert not np.array_equal(one.hr, other.hr)


def test_none_repeats_every_original_evenly(source, made):
    arm = made("none")
    assert set(np.bincount(arm.pairs["high"], minlength=60)) == {2, 3}
    np.testing.assert_array_equal(arm.hr, source[1][arm.pairs["high"]])


@pytest.mark.parametrize(("name", "copies"), [("flip_rotate", 14), ("symmetries", 8), ("scale", 8)])
def test_dealt_arms_have_every_original_equally_often_and_no_copy_twice(made, name, copies):
    arm = made(name, 60 * copies)
    assert (np.bincount(arm.pairs["high"]) == copies).all()
    assert not arm.pairs.duplicated(["high", "high_variant"]).any()
    assert arm.pairs["high_variant"].nunique() == copies
    some = made(name, 60)
    assert (some.pairs["kind"] == "original").all()


def test_symmetries_only_move_cells(source, made):
    arm = made("symmetries", 480)
    originals = np.sort(source[1].reshape(60, -1), axis=1)
    np.testing.assert_array_equal(np.sort(arm.hr.reshape(480, -1), axis=1), originals[arm.pairs["high"]])
    blended = made("adaptive_mixup+symmetries").pairs
    assert not blended[["high_variant", "low_variant"]].stack().str.startswith("rotate").any()
    assert blended["high_variant"].isin(["transpose", "anti_transpose"]).any()


def test_on_cells_that_are_not_square_symmetries_are_the_flips_of_flip_rotate(source, target):
    arguments = {"delta": (200.0, 180.0), "target_lr": target[0], "total": TOTAL}
    one, other = (training_sets.make_training_set(name, *source, **arguments) for name in ("symmetries", "flip_rotate"))
    np.testing.assert_array_equal(one.hr, other.hr)
    assert set(one.pairs["high_variant"]) <= {"original", "up_down", "left_right", "both"}


def test_scaled_copies_are_those_of_the_verb(source, made):
    arm = made("scale", 480)
    copies = augment.scale_pairs(*source)
    for name in ("depth_0.5", "depth_1.5", "zoom_0.7"):
        rows = (arm.pairs["high_variant"] == name).to_numpy()
        order = arm.pairs["high"][rows].to_numpy()
        np.testing.assert_allclose(arm.hr[rows], copies.hr[copies.variant == name][order], rtol=1e-6)
        np.testing.assert_allclose(arm.lr[rows], copies.lr[copies.variant == name][order], rtol=1e-6)


def test_flips_and_turns_leave_the_slopes_and_reweighting_and_adaptive_mixup_bring_them_to_the_target(distance):
    assert distance("none") == pytest.approx(1, abs=0.05)
    assert distance("flip_rotate") == pytest.approx(1, abs=0.05)
    assert distance("reweight") < 0.5
    assert distance("adaptive_mixup") < 0.5
    assert distance("adaptive_mixup+symmetries") < 0.5
    assert distance("adaptive_mixup") < distance("adaptive_mixup+originals") < 0.9
    assert distance("oracle") < 0.1
    assert distance("mixup") > 0.8  # a blend is gentler than its steeper half


def test_originals_kept_are_untouched(made):
    kinds = made("adaptive_mixup+originals", share=0.4).pairs
    kept = kinds[kinds["kind"] == "original"]
    assert len(kept) >= 60
    assert kept["high"].nunique() == 60


@pytest.mark.parametrize("name", ["mixup", "c_mixup"])
def test_blends_are_of_two_originals_and_none_comes_twice(made, name):
    blends = made(name, 600).pairs
    assert (blends["kind"] == "mixup").all()
    assert (blends["high"] != blends["low"]).all()
    ends = blends[["high", "high_variant", "low", "low_variant"]].to_numpy().reshape(-1, 2, 2)
    assert len({frozenset(map(tuple, pair)) for pair in ends.tolist()}) == 600
    assert blends["lam"].var() == pytest.approx(1 / 8, abs=0.02)  # of Beta(0.5, 0.5)


def test_c_mixup_blends_patches_of_like_slope(source, made):
    apart, slope = {}, slope_of(source[0])
    for name in ("mixup", "c_mixup"):
        blends = made(name, 600).pairs
        apart[name] = np.abs(slope[blends["high"]] - slope[blends["low"]]).mean()
    assert apart["c_mixup"] < 0.3 * apart["mixup"]


def test_reweighting_draws_again_where_the_source_has_too_few(source, made):
    arm = made("reweight", 1500)
    assert set(arm.pairs["kind"]) == {"original", "variant"}
    again = arm.pairs.duplicated(["high", "high_variant"])
    slope = slope_of(source[0])
    steep = slope[arm.pairs["high"]] > np.quantile(slope, 0.9)
    assert again[steep].mean() > again[~steep].mean()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mixdown", {}, "unknown arm 'mixdown'; choose one of none, flip_rotate, symmetries"),
        ("none", {"total": 0}, "total is 0"),
        ("adaptive_mixup+originals", {"share": 1}, "share is 1"),
        ("c_mixup", {"alpha": 0}, "alpha is 0, expected a number above 0"),
        ("c_mixup", {"total": 200_000}, "too few originals: 200000 different blends"),
        ("oracle", {"reference": None}, "arm oracle: reference is missing"),
    ],
)
def test_bad_input_is_named(source, target, name, options, message):
    arguments = {"total": TOTAL, "reference": target} | options
    with pytest.raises(ValueError, match=message):
        training_sets.make_training_set(name, *source, delta=DELTA, target_lr=target[0], **arguments)
