import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from bathysr_nb import store


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("pwned"),))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2"])
def test_numeric_pickles_of_every_protocol_load(tmp_path, protocol, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(array, protocol=protocol))
    out = store.load_array(tmp_path / "a.pkl")
    np.testing.assert_array_equal(out, array)
    assert store.load_patches(tmp_path / "a.pkl").dtype == np.float32


def test_old_numpy_module_names_load(tmp_path):
    data = pickle.dumps(np.arange(4.0), protocol=2).replace(b"numpy._core", b"numpy.core")
    (tmp_path / "a.pkl").write_bytes(data)
    np.testing.assert_array_equal(store.load_array(tmp_path / "a.pkl"), np.arange(4.0))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pickle.dumps(np.zeros(100))[:-40],
        pickle.dumps([1, 2]),
        pickle.dumps(np.array([None, 1], dtype=object)),
        pickle.dumps(np.array(["a"])),
        pickle.dumps(Evil()),
        pickle.dumps(np.array([Evil()], dtype=object)),
        b"cos\nsystem\n(S'touch pwned'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
    ],
    ids=["empty", "truncated", "list", "object array", "text array", "reduce", "nested", "os.system", "numpy.load"],
)
def test_anything_else_is_an_error_and_runs_nothing(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("a.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.pkl"):
        store.load_array("a.pkl")
    assert not Path("pwned").exists()


def test_missing_file_and_wrong_shape_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.pkl"):
        store.load_patches(tmp_path / "nothing.pkl")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.zeros((2, 4, 4, 3))))
    with pytest.raises(ValueError, match=r"expected \(n, h, w, 1\)"):
        store.load_patches(tmp_path / "a.pkl")
    with pytest.raises(ValueError, match="expected"):
        store.save_patches(tmp_path / "b.pkl", np.zeros((4, 4)))


def test_same_patches_same_bytes(tmp_path):
    patches = np.random.default_rng(0).normal(size=(3, 8, 8))
    store.save_patches(tmp_path / "a.pkl", patches)
    store.save_patches(tmp_path / "b.pkl", np.asfortranarray(patches))
    assert (tmp_path / "a.pkl").read_bytes() == (tmp_path / "b.pkl").read_bytes()


def write_half_and_stop(path):
    with store.replacing(path, overwrite=True) as part:
        part.write_text("half")
        raise KeyboardInterrupt


def test_nothing_is_overwritten_unasked_or_half_written(tmp_path):
    path = tmp_path / "a.txt"
    store.write_text(path, "old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        store.write_text(path, "new")
    with pytest.raises(KeyboardInterrupt):
        write_half_and_stop(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    store.write_text(path, "new", overwrite=True)
    assert path.read_text() == "new"


def test_pairs_must_pair(tmp_path):
    with pytest.raises(ValueError, match="must pair"):
        store.save_pair(tmp_path, np.zeros((2, 4, 4)), np.zeros((3, 16, 16)))
    store.save_patches(tmp_path / "data_LR.pkl", np.zeros((2, 4, 4)))
    store.save_patches(tmp_path / "data_HR.pkl", np.zeros((3, 16, 16)))
    with pytest.raises(ValueError, match="must pair"):
        store.load_pair(tmp_path)


def station(run, name, text="x", **finish):
    made = store.Station(run, name)
    (made.path / "table.csv").write_text(text)
    made.finish(**{"parameters": {}, **finish})
    return run / name


def test_a_station_takes_its_place_only_when_it_is_finished(tmp_path):
    folder = station(tmp_path, "01_build_dataset", "old")
    again = store.Station(tmp_path, "01_build_dataset")
    (again.path / "table.csv").write_text("half")
    assert (folder / "table.csv").read_text() == "old"
    store.Station(tmp_path, "01_build_dataset").finish({})
    assert not (folder / "table.csv").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["01_build_dataset"]


def test_files_that_no_notebook_made_are_never_removed(tmp_path):
    folder = station(tmp_path, "01_build_dataset")
    (folder / "beside.csv").write_text("made by a later station")
    station(tmp_path, "02_terrain_features", outputs=[folder / "beside.csv"])
    store.Station(tmp_path, "01_build_dataset")
    (folder / "my_notes.txt").write_text("x")
    with pytest.raises(FileExistsError, match=r"no notebook made \(my_notes\.txt\)"):
        store.Station(tmp_path, "01_build_dataset")


def test_a_station_is_done_only_while_its_files_are_there(tmp_path):
    assert not store.is_done(tmp_path, "s")
    folder = station(tmp_path, "s")
    assert store.is_done(tmp_path, "s")
    (folder / "table.csv").unlink()
    assert not store.is_done(tmp_path, "s")
    with pytest.raises(ValueError, match="lacks files"):
        store.ensure(tmp_path, "s")


@pytest.mark.parametrize("text", ["", "[1]", "{}", "null"])
def test_a_damaged_record_is_not_done(tmp_path, text):
    (station(tmp_path, "s") / "run.json").write_text(text)
    assert not store.is_done(tmp_path, "s")


def test_a_run_can_be_moved_and_copied(tmp_path):
    run = tmp_path / "a"
    source = station(run, "01") / "table.csv"
    station(run, "02", inputs=[source])
    shutil.copytree(run, tmp_path / "copy")
    run.rename(tmp_path / "moved")
    (tmp_path / "copy" / "01" / "table.csv").unlink()
    assert store.ensure(tmp_path / "moved", "02") == tmp_path / "moved" / "02"
    assert not store.is_done(tmp_path / "copy", "01")


def test_changed_inputs_and_unfinished_stations_are_errors(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("a")
    station(tmp_path, "s", inputs=[source])
    store.ensure(tmp_path, "s")
    source.write_text("b")
    with pytest.raises(ValueError, match=r"another in\.txt than is there now"):
        store.ensure(tmp_path, "s")
    store.Station(tmp_path, "t")
    with pytest.raises(ValueError, match="begun and not finished"):
        store.ensure(tmp_path, "t")
    with pytest.raises(FileNotFoundError, match="only espcn, espcn-adaptive_mixup, srcnn can be made"):
        store.ensure(tmp_path, "06_train/unet")


def test_another_run_is_not_replaced(tmp_path):
    station(tmp_path, "06_train/espcn", parameters={"run_dir": "a", "loss": "mae"})
    store.refuse_other(tmp_path, "06_train/espcn", {"run_dir": "b", "loss": "mae"})
    store.refuse_other(tmp_path, "06_train/other", {"run_dir": "b", "loss": "mse"})
    with pytest.raises(ValueError, match="made with loss 'mae'; keep both by another name"):
        store.refuse_other(tmp_path, "06_train/espcn", {"run_dir": "a", "loss": "mse"})


def test_training_set_names_the_choices(tmp_path):
    with pytest.raises(ValueError, match="originals, flips, adaptive_mixup, or a folder"):
        store.training_set(tmp_path, "nowhere")
    store.save_pair(tmp_path, np.zeros((1, 4, 4)), np.zeros((1, 16, 16)))
    assert store.training_set(tmp_path, str(tmp_path)) == tmp_path
