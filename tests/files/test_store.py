import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bathysr_nb.files import store


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("pwned"),))


@pytest.mark.parametrize(("protocol", "dtype"), [*((p, "f4") for p in range(6)), (2, ">f8"), (5, "i2")])
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


def test_a_pickle_of_python_2_loads(tmp_path):
    """As Python 2's NumPy wrote it: protocol 2, the cells as a byte string."""
    cells = np.array([-1.5, 200.25], dtype="<f4")
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    head += b"(K\x01K\x02\x85cnumpy\ndtype\n"
    kind = b"U\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    (tmp_path / "old.pkl").write_bytes(head + kind + b"\x89U\x08" + cells.tobytes() + b"tb.")
    np.testing.assert_array_equal(store.load_array(tmp_path / "old.pkl"), cells)


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


def test_a_pickle_cannot_change_what_it_is_given(tmp_path):
    """BUILD with a slot state sets attributes: here the defaults of a function of NumPy's."""
    crafted = b"\x80\x02cnumpy._core.numeric\n_frombuffer\nN}U\x0c__defaults__)s\x86b."
    (tmp_path / "crafted.pkl").write_bytes(crafted)
    with pytest.raises(ValueError, match=r"crafted\.pkl"):
        store.load_array(tmp_path / "crafted.pkl")
    store.save_patches(tmp_path / "good.pkl", np.ones((1, 4, 4)))
    assert store.load_patches(tmp_path / "good.pkl").sum() == 16


def test_a_folder_takes_its_place_whole_or_not_at_all(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    with store.replacing_folder(folder) as part:
        (part / "a").write_text("old")
    with pytest.raises(FileExistsError), store.replacing_folder(folder):
        pass
    replace = store.os.replace

    def interrupted(source, target):
        if str(source).endswith("new"):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(store.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), store.replacing_folder(folder, overwrite=True) as part:
        (part / "a").write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    assert (folder / "a").read_text() == "old"


@pytest.mark.parametrize("kind", ["file", "hidden", "link", "dead link"])
def test_files_that_are_not_ours_are_found(tmp_path, kind):
    folder = tmp_path / "set"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.csv").write_text("")
    store.refuse_foreign(folder, {"train/a.csv"}.__contains__, "build")
    store.refuse_foreign(tmp_path / "nowhere", {"train/a.csv"}.__contains__, "build")
    foreign = folder / "train" / (".x" if kind == "hidden" else "x")
    foreign.symlink_to(tmp_path / "nowhere" if kind == "dead link" else tmp_path) if "link" in kind else foreign.touch()
    with pytest.raises(FileExistsError, match=rf"set: holds files that no build made \(train/{foreign.name}\)"):
        store.refuse_foreign(folder, {"train/a.csv"}.__contains__, "build")


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


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A file-size limit stands in for a full disk: the write fails in the middle."""
    path = tmp_path / "data_HR.pkl"
    store.save_patches(path, np.zeros((1, 8, 8)))
    before = path.read_bytes()
    code = (
        "import resource, signal, numpy as np; from bathysr_nb.files import store;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"store.save_patches({str(path)!r}, np.zeros((100, 64, 64)), overwrite=True)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode != 0
    assert "no space left" in result.stderr
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["data_HR.pkl"]


def test_a_scratch_folder_is_removed_even_when_stopped_while_it_is_made(tmp_path, monkeypatch):
    made = Path.mkdir

    def stopped(self, *args, **options):
        made(self, *args, **options)
        raise SystemExit(143)  # as a scheduler's SIGTERM does

    monkeypatch.setattr(Path, "mkdir", stopped)
    with pytest.raises(SystemExit), store.scratch_beside(tmp_path / "map.tif"):
        pass
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_never_replaces_a_file(overwrite, tmp_path):
    (tmp_path / "grid.nc").write_text("kept")
    with pytest.raises(FileExistsError, match=r"grid\.nc: is a file; expected a folder"):
        with store.replacing_folder(tmp_path / "grid.nc", overwrite):
            pass
    assert (tmp_path / "grid.nc").read_text() == "kept"
