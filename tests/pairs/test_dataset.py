import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bathysr_nb import grids
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import blocks, dataset, downsampling, gaps

depths = st.one_of(st.just(np.nan), st.floats(-9000, -1))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=depths))
def test_cleansing_equals_a_loop_over_windows(img):
    expected = img.copy()
    for i, j in np.argwhere(np.isnan(img)):
        window = img[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
        expected[i, j] = np.nanmean(window) if np.isfinite(window).any() else np.nan
    np.testing.assert_allclose(gaps.cleansing(img), expected, rtol=1e-9)


def test_cleansing_can_take_zero_as_missing():
    out = gaps.cleansing(np.array([[-4.0, 0.0, -8.0]]), (1, 3), missing_value=0)
    np.testing.assert_allclose(out, [[-4, -6, -8]])


def test_cleansing_rejects_an_even_window():
    with pytest.raises(ValueError, match="odd window"):
        gaps.cleansing(np.zeros((4, 4)), (4, 5))


def test_save_set_writes_the_manuals_layout(tmp_path):
    lr, hr, table = blocks.build_pairs(synthetic.seafloor((100, 100)), 50)
    dataset.save_set(tmp_path / "train", lr, hr, table)
    assert store.load_array(tmp_path / "train" / "data_HR.pkl").shape == (25, 64, 64, 1)
    assert store.load_array(tmp_path / "train" / "data_LR.pkl").dtype == np.float32
    assert len(pd.read_csv(tmp_path / "train" / "patches.csv")) == 25
    with pytest.raises(FileExistsError):
        dataset.save_set(tmp_path / "train", lr, hr, table)


def test_dataset_from_two_grids_equals_the_manuals_steps(tmp_path):
    hr = synthetic.seafloor((400, 300), province="ridge", missing=0.02)
    lr = downsampling.resize(np.nan_to_num(hr, nan=-2000.0))
    lr[5, 5] = np.nan
    for name, grid in (("hr", hr), ("lr", lr)):
        store.save_array(tmp_path / f"{name}.pkl", np.nan_to_num(grid))
    data = dataset.Dataset(tmp_path / "lr.pkl", tmp_path / "hr.pkl", (4, 3), cell_size=50.0, seed=2)
    x = blocks.block_split(gaps.cleansing(lr), (4, 3), (16, 16), (2, 2))
    y = blocks.block_split(gaps.cleansing(hr), (4, 3), (64, 64), (8, 8))
    parts = blocks.train_validation_test_split(*blocks.rm_nan(x, y), seed=2)
    names = ("x_train", "x_validation", "x_test", "y_train", "y_validation", "y_test")
    for name, part in zip(names, parts):
        np.testing.assert_allclose(getattr(data, name), part, rtol=1e-6, err_msg=name)


def test_land_stays_land(tmp_path):
    hr = np.full((100, 200), -50.0)
    hr[:, 150:] = 20.0
    hr[10, 10] = np.nan
    np.save(tmp_path / "hr.npy", hr)
    data = dataset.Dataset(None, tmp_path / "hr.npy", (1, 2), cell_size=50.0, validation_size=0, test_size=0)
    assert np.isfinite(data.y_train).all()
    assert (data.tables["train"]["col"] + 64 <= 150).all()
    assert (data.y_train == -50).all()


def test_a_dataset_of_grids_equals_that_of_their_files(tmp_path):
    hr = grids.read_grid(grids.bundled_grid())[:300, :400]
    lr = downsampling.coarsen(hr, 4, "area")
    for name, grid in (("hr", hr), ("lr", lr)):
        grids.write_grid(grid, tmp_path / f"{name}.nc")
    cut = {"block_shape": (3, 4), "seed": 1}
    of_grids = dataset.Dataset(lr, hr.isel(y=slice(None, None, -1)), **cut)  # turned north up
    of_files = dataset.Dataset(tmp_path / "lr.nc", tmp_path / "hr.nc", **cut)
    for name in dataset.SETS:
        np.testing.assert_array_equal(getattr(of_grids, f"x_{name}"), getattr(of_files, f"x_{name}"))
        np.testing.assert_array_equal(getattr(of_grids, f"y_{name}"), getattr(of_files, f"y_{name}"))
        pd.testing.assert_frame_equal(of_grids.tables[name], of_files.tables[name], rtol=1e-9)
    with pytest.raises(ValueError, match="variable, cell_size: only for files, but hr is a grid"):
        dataset.Dataset(lr, hr, variable="z", cell_size=50.0)
    with pytest.raises(ValueError, match=r"HR .*shapes \(75, 100\) and \(299, 400\)"):
        dataset.Dataset(lr, hr[1:], **cut)
    with pytest.raises(ValueError, match="expected either grids or files, found both"):
        dataset.Dataset(tmp_path / "lr.nc", hr, **cut)
    with pytest.raises(ValueError, match="expected either grids or files, found both"):
        dataset.Dataset(lr, tmp_path / "hr.nc", **cut)
    with pytest.raises(ValueError, match="unknown option colour; choose from bounds, cell_size, crs, lr_reading"):
        dataset.Dataset(None, hr, colour="red", **cut)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block_cells": 0}, "block_cells is 0, expected whole numbers of at least 1"),
        ({"block_cells": 100, "seed": -1}, "seed is -1, expected whole numbers of at least 0"),
        ({}, "either block_shape"),
    ],
)
def test_settings_are_checked_before_anything_is_read(settings, message):
    with pytest.raises(ValueError, match=message):
        dataset.Dataset(None, "nowhere.nc", None, **settings)
