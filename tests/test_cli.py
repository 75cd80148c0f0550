from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from bathysr_nb import cli, grids
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import downsampling
from bathysr_nb.scores import tables

VERBS = tuple(cli.EXAMPLES)


def run(capsys, *arguments):
    status = cli.main([str(part) for part in arguments])
    return status, capsys.readouterr()


def write(path, **values):
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture
def maps(tmp_path):
    """A pickled HR grid with gaps, and the build's YAML beside it."""
    hr = synthetic.seafloor((400, 300), province="ridge", missing=0.01)
    store.save_array(tmp_path / "hr.pkl", np.nan_to_num(hr))
    write(tmp_path / "build.yml", hr="hr.pkl", save_dir="out", block_cells=100, cell_size=50.0)
    return tmp_path


def test_help_shows_an_example_of_each_verb(capsys):
    for verb in VERBS:
        with pytest.raises(SystemExit, match="0"):
            cli.main([verb, "--help"])
        assert f"example: bathysr {verb}" in capsys.readouterr().out.replace("\n", " ")


def test_build_features_and_copies_from_the_shell(maps, capsys):
    status, said = run(capsys, "build", maps / "build.yml", "--set", "seed=3")
    assert status == 0, said.err
    assert "out/train: " in said.out
    train = maps / "out" / "train"
    lr, hr = store.load_pair(train)
    assert np.isfinite(hr).all()
    np.testing.assert_allclose(lr[..., 0], downsampling.resize(hr[..., 0]), rtol=1e-6)
    status, said = run(capsys, "features", train / "data_HR.pkl", train / "data_LR.pkl")
    assert status == 0, said.err
    table = pd.read_csv(train / "data_LR.csv")
    assert len(table) == len(lr)
    assert {p.name for p in train.glob("*.png")} == {
        f"data_{s}_{k}.png" for s in ("HR", "LR") for k in ("scatter", "histograms")
    }
    names = {"train_dir": "out/train", "train_data": ["data_HR.pkl", "data_LR.pkl"]}
    for verb, copies, more in (("flip", 3, {}), ("rotate", 2, {"angles": [30, 90]}), ("scale", 7, {})):
        saved = [f"data_HR_{verb}.pkl", f"data_LR_{verb}.pkl"]
        config = write(maps / f"{verb}.yml", **names, train_savedata=saved, **more)
        status, said = run(capsys, verb, config)
        assert status == 0, said.err
        assert len(store.load_patches(train / saved[0])) == copies * len(lr)
        assert run(capsys, verb, config)[0] == 1
        assert run(capsys, verb, config, "--force", "--with-originals")[0] == 0
        assert len(store.load_patches(train / saved[1])) == (copies + 1) * len(lr)
    status, said = run(capsys, "preview", train / "data_HR.pkl")
    assert status == 0, said.err
    assert (train / "data_HR_preview.png").stat().st_size > 10_000


def test_build_is_never_silently_replaced_and_a_fault_leaves_the_old_one(maps, capsys):
    assert run(capsys, "build", maps / "build.yml")[0] == 0
    before = {p: p.read_bytes() for p in (maps / "out").rglob("*.pkl")}
    status, said = run(capsys, "build", maps / "build.yml")
    assert status == 1
    assert "--force" in said.err
    (maps / "hr.pkl").write_bytes(b"")
    assert run(capsys, "build", maps / "build.yml", "--force")[0] == 1
    assert {p: p.read_bytes() for p in (maps / "out").rglob("*.pkl")} == before
    assert not list(maps.glob(".*"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["hrr=x.nc"], "unknown key hrr; choose from lr, hr, block_shape"),
        (["seed=many", "stride=3"], "unknown key stride"),
        (["seed=many", "stride=3"], "seed is 'many', expected a whole number"),
        (["downsampling=cubic"], "downsampling is 'cubic', expected 'bilinear' or 'area'"),
        (["hr=nowhere.nc"], "nowhere.nc: no such file"),
        (
            ["block_cells=null", "block_shape=[3, 7]"],
            "block_shape: a grid of 400 x 300 cells does not divide into 3 x 7 blocks; the nearest shape that does is",
        ),
        (["hr_img_shape=[64, 64]", "lr_img_shape=[32, 32]"], "one whole scale"),
        (["validation_size=1.5"], "validation_size is 1.5"),
        (["kernel_size=[4, 4]"], "odd window"),
        (["cell_size=null"], "cell_size"),
        (["seed=-1"], "build.yml: seed is -1"),
        (["hr_img_shape=[0, 0]"], "hr_img_shape is (0, 0), expected whole numbers of at least 1"),
        (["keep=[10]"], "quality is not given"),
        (["seed=[1"], "--set seed=[1: not valid YAML"),
        (["block_cells=500"], "no block of 500 x 500"),
        (["seed"], "--set seed: expected key=value"),
    ],
)
def test_faults_are_one_line_and_write_nothing(maps, capsys, settings, message):
    options = [part for text in settings for part in ("--set", text)]
    status, said = run(capsys, "build", maps / "build.yml", *options)
    assert status == 1
    assert message in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (maps / "out").exists()


def test_a_build_never_removes_what_no_build_made(maps, capsys):
    assert run(capsys, "build", maps / "build.yml")[0] == 0
    assert run(capsys, "build", maps / "build.yml", "--force")[0] == 0
    for place in ("out", "."):
        (maps / place / "notes.txt").write_text("mine")
        status, said = run(capsys, "build", maps / "build.yml", "--force", "--set", f"save_dir={place}")
        assert status == 1
        assert "holds files that no build made" in said.err
        assert (maps / place / "notes.txt").exists()
    assert (maps / "hr.pkl").exists()


def test_set_block_shape_takes_the_place_of_block_cells(maps, capsys):
    status, said = run(capsys, "build", maps / "build.yml", "--set", "block_shape=[2, 3]")
    assert status == 0, said.err


def test_quality_leaves_out_what_was_not_measured(maps, capsys):
    tid = np.full((400, 300), 11.0)
    tid[:, :100] = 40
    np.save(maps / "tid.npy", tid)
    status, said = run(capsys, "build", maps / "build.yml", "--set", "quality=tid.npy", "--set", "keep=[11]")
    assert status == 0, said.err
    columns = pd.concat(pd.read_csv(path) for path in (maps / "out").rglob("patches.csv"))["col"]
    assert columns.min() == 100
    np.save(maps / "tid.npy", tid[:200])
    assert (
        "tid.npy"
        in run(capsys, "build", maps / "build.yml", "--force", "--set", "quality=tid.npy", "--set", "keep=[11]")[1].err
    )


def test_missing_key_and_missing_file(tmp_path, capsys):
    config = write(tmp_path / "a.yml", hr="x.nc")
    assert "key save_dir is missing, expected a path" in run(capsys, "build", config)[1].err
    assert "nothing.yml: no such file" in run(capsys, "build", tmp_path / "nothing.yml")[1].err


def test_features_needs_a_cell_size(tmp_path, capsys):
    store.save_patches(tmp_path / "data_HR.pkl", np.zeros((2, 8, 8)))
    status, said = run(capsys, "features", tmp_path / "data_HR.pkl")
    assert status == 1
    assert "--delta" in said.err
    assert run(capsys, "features", tmp_path / "data_HR.pkl", "--delta", "30,40")[0] == 0


def test_resize_grid_and_patches(tmp_path, capsys):
    config = write(tmp_path / "a.yml", hr=str(grids.bundled_grid()), lr="coarse.nc")
    assert run(capsys, "resize", config)[0] == 0
    coarse, fine = grids.read_grid(tmp_path / "coarse.nc"), grids.read_grid(grids.bundled_grid())
    np.testing.assert_allclose(coarse.values, downsampling.resize(fine.values), atol=1e-2)
    assert coarse.rio.crs == fine.rio.crs
    np.testing.assert_allclose(coarse.rio.bounds(), fine.rio.bounds(), atol=1e-3)
    store.save_patches(tmp_path / "hr.pkl", np.random.default_rng(0).normal(size=(3, 8, 8)))
    assert run(capsys, "resize", write(tmp_path / "b.yml", hr="hr.pkl", lr="lr.pkl", scale=2))[0] == 0
    assert store.load_patches(tmp_path / "lr.pkl").shape == (3, 4, 4, 1)
    store.save_array(tmp_path / "map.pkl", np.where(np.eye(8), 0, -10.0))
    assert (
        run(capsys, "resize", write(tmp_path / "c.yml", hr="map.pkl", lr="small.pkl", scale=2, cell_size=50.0))[0] == 0
    )
    assert np.isnan(store.load_array(tmp_path / "small.pkl")).sum() == 4  # zeros of a pickled map are missing
    for settings, message in (
        ({"lr": "map.pkl"}, "is the input"),
        ({"lr": "map.nc"}, "a pickle is made from a pickle"),
        ({"lr": "x.pkl", "scale": 50}, "at least 50 x 50"),
        ({"lr": "x.pkl", "scale": 1}, "at least 2"),
    ):
        config = write(tmp_path / "d.yml", **{"hr": "map.pkl", "cell_size": 50.0, **settings})
        status, said = run(capsys, "resize", config, "--force")
        assert status == 1
        assert message in said.err
    assert store.load_array(tmp_path / "map.pkl").shape == (8, 8)


def test_the_manuals_presets_are_read(tmp_path, capsys):
    root = Path(cli.__file__).parents[1]
    out = tmp_path / "cairns"
    assert run(capsys, "build", root / "params" / "build_cairns.yml", "--set", f"save_dir={out}")[0] == 0
    for verb in ("flip", "rotate", "scale"):
        for side in ("HR", "LR"):
            part = store.load_patches(out / "train" / f"data_{side}.pkl")[:20]
            store.save_patches(out / "train" / f"some_{side}.pkl", part, overwrite=True)
        setting = ["--set", f"train_dir={out / 'train'}", "--set", "train_data=[some_HR.pkl, some_LR.pkl]"]
        status, said = run(capsys, verb, root / "params" / f"{verb}.yml", *setting)
        assert status == 0, said.err


def test_help_tells_the_default_slope_edges(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["evaluate", "--help"])
    assert f"default: {','.join(map(str, tables.MANUAL_EDGES))};" in " ".join(capsys.readouterr().out.split())


def test_a_cell_size_that_is_none_is_told_in_words(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["features", "a.pkl", "--delta", "abc"])
    assert "argument --delta: found abc, expected metres, or dy,dx" in capsys.readouterr().err
