import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import blocks
from bathysr_nb.pairs.downsampling import resize


def test_block_split_is_in_row_order():
    grid = np.arange(200 * 300).reshape(200, 300)
    crops = blocks.block_split(grid, (2, 3), (64, 64), (8, 8))
    assert crops.shape == (6, 25, 64, 64)
    # block 4 is row 1, column 1; crop 7 is offset (8, 16)
    np.testing.assert_array_equal(crops[4, 7], grid[108:172, 116:180])


def test_block_split_names_the_nearest_shape():
    with pytest.raises(ValueError, match=r"nearest shape that does is \(198, 300\)"):
        blocks.block_split(np.zeros((199, 300)), (2, 3))
    with pytest.raises(ValueError, match="does not fit"):
        blocks.block_split(np.zeros((100, 100)), (2, 2), (64, 64))


def test_rm_nan_drops_pairs_and_empty_blocks():
    lr, hr = np.zeros((3, 2, 4, 4)), np.zeros((3, 2, 16, 16))
    lr[0, 0, 0, 0] = hr[1, :, 3, 3] = np.nan
    x, y = blocks.rm_nan(lr, hr)
    assert [len(b) for b in x] == [len(b) for b in y] == [1, 2]


@settings(max_examples=50, deadline=None)
@given(st.integers(5, 300), st.floats(0, 0.4), st.floats(0, 0.4), st.integers(0, 5))
def test_split_blocks_deals_each_block_once(n, validation, test, seed):
    parts = blocks.split_blocks(n, validation, test, np.random.default_rng(seed))
    assert sorted(np.concatenate(parts)) == list(range(n))
    assert [len(parts[1]), len(parts[2])] == [round(n * validation), round(n * test)]


def test_train_validation_test_split_keeps_blocks_whole_and_pairs_together():
    x = [np.full((25, 2, 2), i) for i in range(20)]
    y = [np.full((25, 8, 8), i) for i in range(20)]
    parts = blocks.train_validation_test_split(x, y, seed=4)
    for lr, hr in zip(parts[:3], parts[3:]):
        np.testing.assert_array_equal(lr[:, 0, 0], hr[:, 0, 0])
    members = [set(np.unique(lr)) for lr in parts[:3]]
    assert not members[0] & members[1]
    assert not members[0] & members[2]
    again = blocks.train_validation_test_split(x, y, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again))


def test_split_that_leaves_no_training_block_is_an_error():
    with pytest.raises(ValueError, match="leave none to train on"):
        blocks.split_blocks(3, 0.5, 0.5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="test_size is 1.5"):
        blocks.split_blocks(30, 0.1, 1.5, np.random.default_rng(0))


@pytest.mark.parametrize("scale", [2, 4])
def test_build_pairs_place_and_low_resolution(scale):
    grid = synthetic.seafloor((210, 330), seed=1)
    grid[5:9, 120:130] = np.nan
    lr, hr, table = blocks.build_pairs(grid, 50, scale=scale)
    assert table["block"].max() == 5
    assert 100 < len(table) < 150
    for i in (0, len(table) // 2, len(table) - 1):
        row, col = table.loc[i, ["row", "col"]].astype(int)
        np.testing.assert_array_equal(hr[i], grid[row : row + 64, col : col + 64])
        np.testing.assert_allclose(lr[i], resize(hr[i], scale), rtol=1e-6)
    assert np.isfinite(hr).all()


def test_build_pairs_bad_input():
    with pytest.raises(ValueError, match="no block of 100"):
        blocks.build_pairs(np.zeros((90, 300)), 50)
    with pytest.raises(ValueError, match="no patch of the grid is complete"):
        blocks.build_pairs(np.full((100, 100), np.nan), 50)
    with pytest.raises(ValueError, match="hr_stride.*multiples of the scale 4"):
        blocks.build_pairs(np.zeros((100, 100)), 50, hr_stride=(6, 6))


def test_source_is_gentler_than_target():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(40), 5)
    slope = rng.permutation(40)[block] + rng.normal(0, 0.01, len(block))
    source, target = blocks.source_and_target(block, slope)
    assert len(source) == 26
    assert slope[np.isin(block, source)].max() < slope[np.isin(block, target)].min()
    with pytest.raises(ValueError, match="source or target empty"):
        blocks.source_and_target(block, slope, 1.0)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_pairs_are_the_complete_crops_in_row_order(data):
    """Against the manual's own steps: split both grids, drop incomplete pairs, block by block."""
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    scale, down, across, side = draw(2, 4), draw(1, 3), draw(1, 3), draw(3, 6)
    crop, stride = (draw(1, side), draw(1, side)), (draw(1, 3), draw(1, 3))
    rng = np.random.default_rng(draw(0, 999))
    hr = rng.normal(size=(down * side * scale, across * side * scale)).astype(np.float32)
    lr = resize(hr, scale)
    hr[rng.random(hr.shape) < 0.02] = np.nan
    lr[rng.random(lr.shape) < 0.05] = np.nan
    fine = [tuple(scale * n for n in pair) for pair in (crop, stride)]
    cuts = {"lr_img_shape": crop, "lr_stride": stride, "hr_img_shape": fine[0], "hr_stride": fine[1]}
    x = blocks.block_split(lr, (down, across), crop, stride)
    y = blocks.block_split(hr, (down, across), *fine)
    expected = [np.concatenate(part or [np.empty((0, 1, 1))]) for part in blocks.rm_nan(x, y)]
    if not len(expected[0]):
        with pytest.raises(ValueError, match="no patch of the grid is complete"):
            blocks.find_pairs(lr, hr, (down, across), **cuts, cell_size=50.0)
        return
    pairs = blocks.find_pairs(lr, hr, (down, across), **cuts, cell_size=50.0)
    for found, wanted in zip(pairs.take(), expected):
        np.testing.assert_array_equal(found, wanted)
    for patch, row, col in zip(pairs.take()[1], pairs.table["row"], pairs.table["col"]):
        np.testing.assert_array_equal(patch, hr[row : row + fine[0][0], col : col + fine[0][1]])
