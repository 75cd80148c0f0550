import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bathysr_nb.mixup import picking

EDGES = np.array([0.0, 1.0, 2.0, 3.0])


def picked_of(value, wanted, depth=None, spare=None):
    depth = np.arange(len(value)) if depth is None else depth
    spare = np.zeros(len(value), dtype=bool) if spare is None else spare
    return picking.pick(np.asarray(value), depth, spare, EDGES, np.asarray(wanted))


def test_the_nearest_one_and_all_of_them():
    data = [0.3, 0.1, 0.5, 0.3]
    assert picking.idx_of_the_nearest(data, 0.35) == 0
    assert picking.indices_of_the_nearest(data, 0.35).tolist() == [0, 3]
    assert picking.indices_of_the_nearest(data, 0.4).tolist() == [0, 2, 3]
    with pytest.raises(ValueError, match="data is empty"):
        picking.indices_of_the_nearest([], 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=30), st.integers(0, 5000))
def test_wanted_counts_add_up_and_stay_within_one(weights, total):
    shares = np.array(weights) / np.sum(weights)
    counts = picking.wanted_counts(shares, total)
    assert counts.sum() == total
    assert (np.abs(counts - shares * total) <= 1).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=60, unique=True), st.integers(1, 25))
def test_bin_numbers_are_those_of_the_histogram(values, bins):
    counts, edges = np.histogram(values, bins)
    np.testing.assert_array_equal(np.bincount(picking.bin_numbers(values, edges), minlength=bins), counts)
    width = edges[1] - edges[0]
    beyond = picking.bin_numbers([edges[0] - 1.5 * width, edges[-1] + 1.5 * width], edges)
    assert beyond.tolist() == [-2, bins + 1]


def test_flips_and_turns_only_fill_what_the_others_lack():
    value = [0.1, 0.2, 0.3, 0.4, 1.5]
    spare = np.array([True, False, True, False, False])
    rows, bins = picked_of(value, [3, 1, 0], spare=spare)
    assert set(rows[:2]) == {1, 3}
    assert rows[2] in (0, 2)
    assert rows[3] == 4
    assert bins.tolist() == [0, 0, 0, 1]


def test_within_a_bin_depths_are_taken_at_an_even_stride():
    depth = np.array([-50.0, -10.0, -90.0, -30.0, -70.0, -20.0, -80.0, -40.0, -60.0])
    rows, _ = picked_of(np.full(9, 0.5), [3, 0, 0], depth)
    assert depth[rows].tolist() == [-80.0, -50.0, -20.0]


def test_what_lacks_is_borrowed_from_the_nearest_bins_also_beyond_the_edges():
    value = [0.1, 0.2, 3.5, 3.6, 4.5, 9.0]
    rows, bins = picked_of(value, [1, 0, 4])
    assert rows.tolist() == [1, 2, 3, 0, 4]  # bins 0 and 4 are equally far: the lower first
    assert bins.tolist() == [0, 2, 2, 2, 2]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60))
def test_the_picked_are_as_many_as_wanted_and_none_twice(seed, total):
    rng = np.random.default_rng(seed)
    value, spare = rng.uniform(-2, 5, 60), rng.uniform(size=60) < 0.5
    wanted = picking.wanted_counts(rng.dirichlet(np.ones(3)), total)
    rows, bins = picked_of(value, wanted, spare=spare)
    assert len(set(rows)) == len(rows) == total
    np.testing.assert_array_equal(np.bincount(bins, minlength=3), wanted)
    inside = np.histogram(value, EDGES)[0]
    own = np.bincount(bins[picking.bin_numbers(value[rows], EDGES) == bins], minlength=3)
    np.testing.assert_array_equal(own, np.minimum(inside, wanted))


def test_too_few_candidates_are_counted():
    with pytest.raises(ValueError, match="not enough candidates: 2 .* available, 3 more needed"):
        picked_of([0.5, 1.5], [2, 2, 1])


@pytest.mark.parametrize("target", [[], [0.1], [0.1, 0.1]])
def test_a_target_without_a_range_is_refused(target):
    with pytest.raises(ValueError, match="no range"):
        picking.target_bins(np.array(target))
