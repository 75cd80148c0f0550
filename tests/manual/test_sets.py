import warnings

import numpy as np
import pytest

from bathysr_nb.files import store
from bathysr_nb.manual import sets
from bathysr_nb.manual.inputfile import Params

RNG = np.random.default_rng(0)


def pairs(n, rows=4, scale=2):
    return RNG.normal(size=(n, rows, rows, 1)), RNG.normal(size=(n, rows * scale, rows * scale, 1))


@pytest.fixture(autouse=True)
def every_warning_is_expected():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_set_comes_back_as_it_was_saved(tmp_path):
    lr, hr = pairs(5)
    store.save_pair(tmp_path, lr, hr)
    read = sets.load_set(tmp_path, scale=2, input_shape=(4, 4, 1))
    np.testing.assert_array_equal(read.lr, lr.astype("float32"))
    np.testing.assert_array_equal(read.hr, hr.astype("float32"))
    assert read.kept.tolist() == [0, 1, 2, 3, 4]
    assert {read.lr.dtype, read.hr.dtype} == {np.dtype("float32")}


def test_patches_with_missing_cells_are_dropped_on_both_sides_and_counted(tmp_path):
    lr, hr = pairs(6)
    lr[1, 0, 0], hr[3, 7, 2], hr[4, 0, 0] = np.nan, np.inf, np.nan
    store.save_pair(tmp_path, lr, hr)
    with pytest.warns(UserWarning, match=r"data_HR.pkl: 3 of 6 patches dropped") as told:
        read = sets.load_set(tmp_path)
    assert len(told) == 1
    assert read.kept.tolist() == [0, 2, 5]
    np.testing.assert_array_equal(read.lr, lr[[0, 2, 5]].astype("float32"))
    np.testing.assert_array_equal(read.hr, hr[[0, 2, 5]].astype("float32"))


def test_several_pairs_are_joined_in_order_and_counted_through(tmp_path):
    (lr_a, hr_a), (lr_b, hr_b) = pairs(3), pairs(2)
    hr_a[1, 0, 0] = np.nan
    for name, side in {"a_HR": hr_a, "a_LR": lr_a, "b_HR": hr_b, "b_LR": lr_b}.items():
        store.save_patches(tmp_path / f"{name}.pkl", side)
    with pytest.warns(UserWarning, match=r"a_HR.pkl: 1 of 3"):
        read = sets.load_set(tmp_path, [("a_HR.pkl", "a_LR.pkl"), ("b_HR.pkl", "b_LR.pkl")])
    assert read.kept.tolist() == [0, 2, 3, 4]
    np.testing.assert_array_equal(read.lr, np.concatenate([lr_a, lr_b])[read.kept].astype("float32"))
    np.testing.assert_array_equal(read.hr, np.concatenate([hr_a, hr_b])[read.kept].astype("float32"))


def test_a_third_pickle_is_told(tmp_path):
    for name in ("train", "validation"):
        store.save_pair(tmp_path / name, *pairs(2))
        store.save_patches(tmp_path / name / "data_HR_flip.pkl", pairs(2)[1])
    expected = r"train: also holds data_HR_flip.pkl, which is not read; name it in train_data to use it$"
    with pytest.warns(UserWarning, match=expected):
        sets.load_set(tmp_path / "train")
    with pytest.warns(UserWarning, match=r"validation: also holds data_HR_flip.pkl, which is not read$"):
        sets.load_set(tmp_path / "validation")


@pytest.mark.parametrize(
    ("lr", "hr", "options", "told"),
    [
        (pairs(3)[0], pairs(3)[1], {"scale": 4}, [r"HR patches are \(8, 8\)", r"LR \(4, 4\)", "expected 4 times"]),
        (*pairs(3), {"input_shape": (16, 16, 1)}, [r"data_LR.pkl", r"\(4, 4, 1\)", r"input_shape \(16, 16, 1\)"]),
        (*pairs(3), {"scale": 3, "input_shape": (6, 6, 1)}, ["expected 3 times", r"expected input_shape \(6, 6, 1\)"]),
        (pairs(3)[0], pairs(3)[1][:, :6], {}, [r"\(3, 6, 8\)", r"\(3, 4, 4\)", "whole multiple"]),
        (pairs(3)[0], pairs(2)[1], {}, ["data_HR.pkl", "as many patches"]),
        (*pairs(0), {}, ["holds no patches"]),
    ],
    ids=["scale", "input_shape", "both at once", "no multiple", "number", "empty"],
)
def test_faults_of_shape_are_one_line(tmp_path, lr, hr, options, told):
    store.save_patches(tmp_path / "data_LR.pkl", lr)
    store.save_patches(tmp_path / "data_HR.pkl", hr)
    with pytest.raises(ValueError, match=str(tmp_path)) as fault:
        sets.load_set(tmp_path, **options)
    for text in told:
        assert fault.match(text)
    assert "\n" not in str(fault.value)


def test_the_second_pair_must_be_shaped_like_the_first(tmp_path):
    for name, n, rows in (("a", 2, 4), ("b", 2, 5)):
        lr, hr = pairs(n, rows)
        store.save_patches(tmp_path / f"{name}_LR.pkl", lr)
        store.save_patches(tmp_path / f"{name}_HR.pkl", hr)
    with pytest.raises(ValueError, match=r"b_LR.pkl.*\(5, 5, 1\), expected input_shape \(4, 4, 1\)"):
        sets.load_set(tmp_path, [("a_HR.pkl", "a_LR.pkl"), ("b_HR.pkl", "b_LR.pkl")])


def test_nothing_left_names_the_folder(tmp_path):
    lr, hr = pairs(3)
    store.save_pair(tmp_path, lr * np.nan, hr)
    with pytest.warns(UserWarning, match="3 of 3"), pytest.raises(ValueError, match=f"{tmp_path}: all 3 patches"):
        sets.load_set(tmp_path)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train: no such folder; expected data_HR.pkl and data_LR.pkl"):
        sets.load_set(tmp_path / "train")
    store.save_patches(tmp_path / "data_HR.pkl", pairs(2)[1])
    with pytest.raises(FileNotFoundError, match=r"data_LR.pkl: no such file"):
        sets.load_set(tmp_path)


def test_sets_of_an_input_file(tmp_path):
    sizes = {"train": 4, "validation": 3, "test": 2}
    for name, n in sizes.items():
        store.save_pair(tmp_path / name, *pairs(n))
    lr, hr = pairs(6)
    store.save_patches(tmp_path / "train" / "x_HR.pkl", hr)
    store.save_patches(tmp_path / "train" / "x_LR.pkl", lr)
    named = (("data_HR.pkl", "data_LR.pkl"), ("x_HR.pkl", "x_LR.pkl"))
    params = Params(data_dir=tmp_path, model="espcn", input_shape=(4, 4, 1), scale=2, train_data=named)
    training, validation = sets.training_and_validation(params)
    assert [len(s.lr) for s in (training, validation, sets.test_set(params))] == [10, 3, 2]
    with pytest.raises(ValueError, match="expected 4 times LR"):
        sets.test_set(Params(data_dir=tmp_path, model="espcn", input_shape=(4, 4, 1)))
