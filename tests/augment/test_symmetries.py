import numpy as np
import pytest

from bathysr_nb.augment import symmetries

PATCHES = np.random.default_rng(0).normal(size=(16, 4, 4))


def test_the_eight_ways_are_all_there_are_and_each_can_be_undone():
    ways = [symmetries.orient(PATCHES[0], *way) for way in symmetries.SQUARE]
    assert len({way.tobytes() for way in ways}) == 8
    for way, oriented in zip(symmetries.SQUARE, ways):
        np.testing.assert_array_equal(symmetries.restore(oriented, *way), PATCHES[0])


@pytest.mark.parametrize("columns", [4, 3])
def test_each_patch_is_oriented_in_its_own_way_in_place(columns):
    patches, which = PATCHES[..., :columns].copy(), np.arange(16) % 8
    before = patches.copy()
    symmetries.orient_each(patches, which)
    for patch, old, number in zip(patches, before, which):
        quarters, mirrored = divmod(int(number), 2)
        turned = np.rot90(old, quarters if columns == 4 else 2 * quarters)
        np.testing.assert_array_equal(patch, np.fliplr(turned) if mirrored else turned)


def test_other_axes_can_be_rows_and_columns():
    stacked = symmetries.orient(np.moveaxis(PATCHES, 0, -1), 1, True, axes=(0, 1))
    np.testing.assert_array_equal(np.moveaxis(stacked, -1, 0), symmetries.orient(PATCHES, 1, True))
