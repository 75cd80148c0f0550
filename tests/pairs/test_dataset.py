import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import blocks, dataset

depths = st.one_of(st.just(np.nan), st.floats(-9000, -1))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=depths))
def test_cleansing_equals_a_loop_over_windows(img):
    expected = img.copy()
    for i, j in np.argwhere(np.isnan(img)):
        window = img[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
        expected[i, j] = np.nanmean(window) if np.isfinite(window).any() else np.nan
    np.testing.assert_allclose(dataset.cleansing(img), expected, rtol=1e-9)


def test_cleansing_can_take_zero_as_missing():
    out = dataset.cleansing(np.array([[-4.0, 0.0, -8.0]]), (1, 3), missing_value=0)
    np.testing.assert_allclose(out, [[-4, -6, -8]])


def test_cleansing_rejects_an_even_window():
    with pytest.raises(ValueError, match="odd window"):
        dataset.cleansing(np.zeros((4, 4)), (4, 5))


def test_save_set_writes_the_manuals_layout(tmp_path):
    lr, hr, table = blocks.build_pairs(synthetic.seafloor((100, 100)), 50)
    dataset.save_set(tmp_path / "train", lr, hr, table)
    assert store.load_array(tmp_path / "train" / "data_HR.pkl").shape == (25, 64, 64, 1)
    assert store.load_array(tmp_path / "train" / "data_LR.pkl").dtype == np.float32
    assert len(pd.read_csv(tmp_path / "train" / "patches.csv")) == 25
    with pytest.raises(FileExistsError):
        dataset.save_set(tmp_path / "train", lr, hr, table)
