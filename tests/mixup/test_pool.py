import numpy as np
import pandas as pd
import pytest

from bathysr_nb import augment
from bathysr_nb.mixup import pool
from bathysr_nb.mixup.feature import Feature


@pytest.fixture
def pairs(ridge_pairs):
    return ridge_pairs(12)


def all_variants(lr, hr, downsampling="bilinear"):
    """Originals, flips and turns as the verbs flip and rotate write them."""
    flips, turns = augment.flip_pairs(lr, hr, downsampling), augment.rotate_pairs(lr, hr, downsampling=downsampling)
    return [np.concatenate([side, f, t]) for side, f, t in ((lr, flips.lr, turns.lr), (hr, flips.hr, turns.hr))]


@pytest.mark.parametrize("downsampling", ["bilinear", "area", None])
def test_patches_made_on_demand_are_those_of_the_verbs_flip_and_rotate(ridge_pairs, downsampling):
    lr, hr = ridge_pairs(12, method=downsampling or "bilinear")
    made = pool.Pool(lr, hr, downsampling=downsampling)
    turns = augment.rotate_pairs(lr, hr, downsampling=downsampling)
    flips = augment.flip_pairs(lr, hr, downsampling)
    for copies in (flips, turns):
        for name in set(copies.variant) - {"rotate_180_reflect"}:
            rows, number = copies.variant == name, made.names.index(name)
            np.testing.assert_array_equal(made.take("HR", np.arange(12), number), copies.hr[rows])
            np.testing.assert_allclose(made.take("LR", np.arange(12), number), copies.lr[rows], rtol=1e-6)


def test_patches_that_are_given_are_used_as_they_are_and_the_half_turn_only_once(pairs):
    lr, hr = pairs
    given = pool.Pool(*all_variants(lr, hr), originals=12)
    made = pool.Pool(lr, hr)
    assert len(given) == 12
    assert given.names[:5] == ("original", "up_down", "left_right", "both", "turn_1")
    left_out = set(range(15)) - set(given.distinct().tolist())
    assert left_out == {4 + 5}  # 180 degrees, the sixth turn, is the flip both ways
    for mine, theirs in zip(made.distinct(), given.distinct()):
        for side in ("LR", "HR"):
            index = np.array([7, 0, 11])
            np.testing.assert_allclose(made.take(side, index, mine), given.take(side, index, theirs), rtol=1e-6)


@pytest.mark.parametrize("name", ["mean_slope_gradient", "altitude_difference"])
@pytest.mark.parametrize(("side", "delta"), [("LR", 200.0), ("HR", 50.0)])
def test_the_feature_of_a_variant_is_that_of_the_very_patch(pairs, name, side, delta):
    made, feature = pool.Pool(*pairs), Feature(name, delta, side)
    value, depth = made.measure(feature)
    for number in range(len(made.names)):
        np.testing.assert_allclose(value[number], feature(made.take(side, np.arange(12), number)), rtol=1e-9)
        lr = made.take("LR", np.arange(12), number).astype(float)
        np.testing.assert_allclose(depth[number], lr.mean(axis=(1, 2)), rtol=1e-9)
    assert np.ptp(value, axis=0).max() > 1e-3 * value.mean()  # turns do change it a little


def test_cells_or_patches_that_are_not_square_get_no_turns(pairs):
    lr, hr = pairs
    assert pool.Pool(lr, hr, delta=(200, 120)).names == ("original", "up_down", "left_right", "both")
    assert len(pool.Pool(lr[:, :8], hr[:, :32]).names) == 4


def test_pairs_of_a_table_are_drawn_in_its_order(pairs):
    lr, hr = pairs
    made = pool.Pool(lr, hr)
    rng, k = np.random.default_rng(0), 1100  # more than a portion
    columns = {name: rng.integers(0, 12, k) for name in ("high", "low")}
    columns |= {f"{name}_variant": rng.integers(0, 14, k) for name in ("high", "low")}
    table = pd.DataFrame({**columns, "lam": np.where(rng.uniform(size=k) < 0.3, 1.0, rng.uniform(size=k))})
    drawn = made.draw(table)
    for i in (0, 511, 512, 1099, int(np.flatnonzero(table["lam"] == 1)[5])):
        row = table.iloc[[i]]
        for side, got in zip(("LR", "HR"), drawn):
            high, low = (made.take(side, row[w], row[f"{w}_variant"])[0].astype(float) for w in ("high", "low"))
            lam = row["lam"].item()
            np.testing.assert_allclose(got[i], lam * high + (1 - lam) * low, rtol=1e-6)


@pytest.mark.parametrize("count", [13, 24, 36, 50])
def test_another_number_of_patches_is_named(count):
    lr, hr = (np.zeros((count, size, size)) for size in (4, 8))
    with pytest.raises(ValueError, match=f"original_image_num is 12, but there are {count} patches; expected 12 "):
        pool.Pool(lr, hr, originals=12)


def test_missing_cells_are_refused(pairs):
    lr, hr = pairs
    hr[3, 5, 5] = np.nan
    with pytest.raises(ValueError, match="missing or infinite"):
        pool.Pool(lr, hr)
