import numpy as np
import pytest

from bathysr_nb.mixup import grouping

SHARES, EDGES = np.array([0.2, 0.5, 0.3]), np.array([0.0, 1.0, 2.0, 3.0])


def rng():
    return np.random.default_rng(0)


def test_the_threshold_is_the_middle_of_the_fullest_bin_but_at_most_the_90_percent_quantile():
    value = np.linspace(0, 3, 301)
    assert grouping.split(value, SHARES, EDGES, None, rng()).threshold == 1.5
    assert grouping.split(value / 3, SHARES, EDGES, None, rng()).threshold == pytest.approx(0.9)


def test_the_high_group_is_topped_up_slice_by_slice_from_the_low_one():
    high = np.array([5.0, 5.05, 5.95, 10.0])  # slices of 0.5 up from 5: 2, 1, 0 .. 0, 1
    low = np.array([4.9, 4.8, 4.7, 4.3, 3.0, 2.9, 0.2, 0.1, 0.0])  # of 0.5 down to 0: 3, 1, .., 3
    value = np.concatenate([high, low])
    groups = grouping.split(value, SHARES, EDGES, 5.0, rng())
    joined = groups.high[groups.high >= 4]
    assert sorted(np.concatenate([groups.high, groups.low])) == list(range(13))
    assert np.isin(value[joined], [4.9, 4.8, 4.7]).sum() == 2
    assert 4.3 in value[joined]
    assert np.isin(value[joined], [0.2, 0.1, 0.0]).sum() == 1
    assert len(joined) == 4


def test_a_low_group_is_always_left():
    value = np.array([0.0, 5.0, 5.1, 5.2, 10.0])
    groups = grouping.split(value, SHARES, EDGES, 5.0, rng())
    assert groups.low.tolist() == [0]


@pytest.mark.parametrize(("threshold", "which"), [(9.0, "no high group"), (0.5, "no low group")])
def test_an_empty_group_names_the_threshold_and_the_largest_value(threshold, which):
    with pytest.raises(ValueError, match=f"threshold {threshold:g} leaves {which}.* to 3"):
        grouping.split(np.array([0.7, 3.0]), SHARES, EDGES, threshold, rng())


def test_halves_at_random_have_every_original_once():
    groups = grouping.split_at_random(9, rng())
    assert sorted([*groups.high, *groups.low]) == list(range(9))
    assert abs(len(groups.high) - len(groups.low)) == 1


def keys(blends):
    ends = [[(a, va), (b, vb)] for a, b, va, vb in zip(*blends[:4])]
    return {frozenset(pair) for pair in ends}


GROUPS = grouping.Groups(np.array([1, 4, 7]), np.array([0, 2, 3, 5]), 0.0)


def test_all_pairs_can_be_drawn_and_none_twice():
    variants = np.array([0, 2, 5])
    blends = grouping.random_blends(GROUPS, variants, np.linspace(0, 1, 72), rng())
    assert len(keys(blends)) == 72  # 3 x 4 originals, 3 x 2 variants
    assert (blends.high_variant != blends.low_variant).all()
    assert set(blends.high) == {1, 4, 7}
    assert set(blends.low) == {0, 2, 3, 5}
    assert set(blends.high_variant) == {0, 2, 5}
    with pytest.raises(ValueError, match="too few originals: 73 different blends .* make 72 pairs"):
        grouping.random_blends(GROUPS, variants, np.zeros(73), rng())


def test_pairs_about_a_value_lie_on_both_sides_of_it_and_come_once():
    variants, value = np.array([0, 2, 5]), rng().uniform(size=(6, 8))
    wanted = np.concatenate([np.linspace(0.05, 0.95, 60), [-1, 2]])
    blends = grouping.blends_about(GROUPS, variants, value, wanted, rng())
    assert (value[blends.high_variant, blends.high] >= blends.number).all()
    assert (value[blends.low_variant, blends.low] <= blends.number).all()
    assert (blends.high_variant != blends.low_variant).all()
    assert len(keys(blends)) == len(blends.high)
    assert len(blends.high) > 30
    possible = {w for w in wanted if any_pair(variants, value, w)}
    assert set(blends.number) <= possible
    few = grouping.blends_about(GROUPS, variants, value, np.array(sorted(possible))[::10], rng())
    assert len(few.number) == len(sorted(possible)[::10])


def any_pair(variants, value, wanted):
    return any(
        value[v, h] >= wanted and value[u, low] <= wanted and u != v
        for v in variants
        for u in variants
        for h in GROUPS.high
        for low in GROUPS.low
    )
