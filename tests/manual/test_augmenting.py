import numpy as np
import pandas as pd
import pytest

from bathysr_nb import augment
from bathysr_nb.files import store
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.manual import augmenting
from bathysr_nb.pairs.downsampling import resize

HR = seafloor((3 * 64, 64), province="ridge", seed=1).reshape(3, 64, 64)

LR = resize(HR)

NAMES = ["data_HR.pkl", "data_LR.pkl"]

SAVED = ["more_HR.pkl", "more_LR.pkl"]


@pytest.fixture
def train_dir(tmp_path):
    store.save_pair(tmp_path / "train", LR, HR)
    return tmp_path / "train"


def test_files_and_their_table(train_dir):
    hr_path, lr_path, table_path = augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs)
    assert [hr_path.name, lr_path.name, table_path.name] == [*SAVED, "more_HR_source.csv"]
    copies, table = augment.flip_pairs(LR, HR), pd.read_csv(table_path)
    np.testing.assert_array_equal(store.load_patches(hr_path)[..., 0], copies.hr)
    np.testing.assert_array_equal(store.load_patches(lr_path)[..., 0], copies.lr)
    assert table.columns.tolist() == ["index", "source_index", "variant"]
    assert table.to_numpy().tolist()[3:5] == [[3, 1, "up_down"], [4, 1, "left_right"]]


def test_originals_come_first(train_dir):
    files = augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs, with_originals=True)
    hr, lr = (store.load_patches(path)[..., 0] for path in files[:2])
    np.testing.assert_array_equal(hr[:3], HR)
    np.testing.assert_array_equal(lr[:3], LR)
    np.testing.assert_array_equal(hr[3:], augment.flip(HR))
    table = pd.read_csv(files[2])
    assert table["variant"].tolist()[:4] == ["original"] * 3 + ["up_down"]
    assert table["source_index"].tolist() == [0, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("name", ["validation", "test"])
def test_only_the_training_set_is_augmented(tmp_path, name):
    store.save_pair(tmp_path / name, LR, HR)
    with pytest.raises(ValueError, match=rf"training set only: .*{name}; pass force=True \(--force\) to do it anyway"):
        augmenting.augment_files(tmp_path / name, NAMES, SAVED, augment.flip_pairs)
    with pytest.raises(ValueError, match="training set only"):
        augmenting.augment_files(tmp_path, [f"{name}/{file}" for file in NAMES], SAVED, augment.flip_pairs)
    assert len(list(tmp_path.rglob("*.*"))) == 2
    assert len(augmenting.augment_files(tmp_path / name, NAMES, SAVED, augment.flip_pairs, force=True)) == 3


def test_nothing_is_replaced_unasked(train_dir):
    augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs)
    before = (train_dir / "more_LR.pkl").read_bytes()
    (train_dir / "more_HR.pkl").unlink()
    with pytest.raises(FileExistsError, match=r"more_LR\.pkl: exists already; pass overwrite=True"):
        augmenting.augment_files(train_dir, NAMES, SAVED, augment.scale_pairs)
    assert (train_dir / "more_LR.pkl").read_bytes() == before
    assert not (train_dir / "more_HR.pkl").exists()
    augmenting.augment_files(train_dir, NAMES, SAVED, augment.scale_pairs, overwrite=True)
    assert len(store.load_patches(train_dir / "more_LR.pkl")) == 21


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("overwrite", [False, True])
def test_all_files_or_none(train_dir, monkeypatch, error, overwrite):
    if overwrite:
        augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs)
    before = {path.name: path.read_bytes() for path in train_dir.iterdir()}
    save, saved = store.save_patches, []

    def fail_on_the_second(path, *arguments, **options):
        if saved:
            raise error
        saved.append(path)
        save(path, *arguments, **options)

    monkeypatch.setattr(store, "save_patches", fail_on_the_second)
    with pytest.raises(type(error)):
        augmenting.augment_files(train_dir, NAMES, SAVED, augment.scale_pairs, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in train_dir.iterdir()} == before


@pytest.mark.parametrize(
    ("data", "saved", "message"),
    [
        ("data_HR.pkl", SAVED, r"train_data: expected two file names \[HR, LR\], found 'data_HR.pkl'"),
        (NAMES, SAVED[:1], r"train_savedata: expected two file names \[HR, LR\]"),
        (NAMES, NAMES, "expected four different files"),
        (NAMES, [SAVED[0], SAVED[0]], "expected four different files"),
        (NAMES[::-1], SAVED, r"data_LR\.pkl has shape .* and .*data_HR\.pkl .*whole multiple"),
        (["data_HR.pkl", "two.pkl"], SAVED, r"data_HR\.pkl has shape .*two\.pkl .*as many patches"),
    ],
)
def test_bad_file_input_is_named_and_writes_nothing(train_dir, data, saved, message):
    store.save_patches(train_dir / "two.pkl", LR[:2])
    with pytest.raises(ValueError, match=message):
        augmenting.augment_files(train_dir, data, saved, augment.flip_pairs, overwrite=True)
    assert sorted(path.name for path in train_dir.iterdir()) == [*NAMES, "two.pkl"]
