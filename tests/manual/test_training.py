import json
import os

import pytest

from bathysr_nb.cli import main
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.models.build import BEST
from bathysr_nb.pairs import downsampling

INPUT = """\
data_dir: data
model: espcn
input_shape: [4, 4, 1]
scale: 3
residual: bicubic
batch_size: 4
epochs: 1
log_dir: log
log_period: 1
espcn: {filters: [4], kernels: [3, 3]}
"""


@pytest.fixture
def config(tmp_path):
    for seed, (name, n) in enumerate({"train": 8, "validation": 4, "test": 4}.items()):
        hr = synthetic.seafloor((12, 12 * n), province="ridge", seed=seed).reshape(12, n, 12).swapaxes(0, 1)
        store.save_pair(tmp_path / "data" / name, downsampling.resize(hr, 3), hr)
    path = tmp_path / "input.yml"
    path.write_text(INPUT)
    return path


def run(capsys, config, *settings):
    capsys.readouterr()
    flags = [part for text in settings for part in ((text,) if text.startswith("--") else ("--set", text))]
    status = main(["train", str(config), *flags])
    return status, capsys.readouterr()


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_an_earlier_run_is_deleted_once_the_new_one_can_begin(config, capsys):
    log = config.parent / "log"
    assert run(capsys, config)[0] == 0
    (log / "notes.txt").write_text("mine")
    for made in ("test_result", "evaluation"):
        (log / made).mkdir()
    (log / ".state-abc.npz").write_text("of a run that was killed")
    before = files(log)
    status, said = run(capsys, config)
    assert (status, "holds an earlier run" in said.err, "--force" in said.err) == (1, True, True)
    own = f"fname_model_weights={log / BEST}"
    other = config.parent / "other.h5"
    other.write_text("no weights")
    for bad, message in (
        ("batch_size=9", "do not fill one batch"),
        (own, "--force would delete"),
        (f"fname_model_weights={other}", "not a file of weights"),
        ("--resume", "give one of them"),
    ):
        status, said = run(capsys, config, "--force", bad)
        assert (status, message in said.err, said.err.count("\n")) == (1, True, 1)
        assert files(log) == before
    assert run(capsys, config, "--force", "log_period=2")[0] == 0
    assert {"notes.txt", BEST} <= files(log).keys()
    assert not {"test_result", "evaluation", ".state-abc.npz", "test_00001.png"} & files(log).keys()
    assert (log / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["state.npz", "run.json"])
def test_a_damaged_run_is_one_line(config, capsys, name):
    assert run(capsys, config)[0] == 0
    path = config.parent / "log" / name
    os.truncate(path, path.stat().st_size // 2)
    status, said = run(capsys, config, "--resume", "epochs=2")
    assert (status, name in said.err, said.err.count("\n")) == (1, True, 1)


def test_a_killed_run_leaves_nothing_behind(config, capsys):
    log = config.parent / "log"
    assert run(capsys, config)[0] == 0
    left = [".state-1.npz", ".history_00001-1.png", ".weights_best.weights-1.weights.h5", ".model-1.keras"]
    for name in left:
        (log / name).write_text("")
    assert run(capsys, config, "--resume", "epochs=2")[0] == 0
    assert not set(left) & files(log).keys()


@pytest.mark.slow
def test_start_weights_are_found_by_the_old_name_and_judged_by_their_record(config, capsys):
    log = config.parent / "log"
    srcnn = ("model=srcnn", "srcnn.filters=[4]", "srcnn.kernels=[3,3]")  # the same arrays at every scale
    assert run(capsys, config, *srcnn)[0] == 0
    start = (*srcnn, "log_dir=b", f"fname_model_weights={log / 'weights_best.h5'}")
    status, said = run(capsys, config, *start)
    assert (status, "other units" in said.err) == (0, False)
    status, said = run(capsys, config, *start, "relief=3", "--force")
    assert (status, said.err.count("trained in other units"), "give norm_range and relief" in said.err) == (0, 1, True)
    record = log / "run.json"
    record.write_text(record.read_text().replace('"scale": 3', '"scale": 2'))
    status, said = run(capsys, config, *start, "log_dir=c")
    assert (status, "(scale 2 in run.json); expected scale 3" in said.err) == (1, True)


def test_every_wrong_setting_is_named(config, capsys):
    status, said = run(capsys, config, "epochs=[1", "batch_size={")
    assert (status, said.err.count("\n")) == (1, 1)
    assert "--set epochs=[1: not valid YAML" in said.err
    assert "--set batch_size={: not valid YAML" in said.err


@pytest.mark.parametrize(("rows", "cells"), [(12, [150.0, 180.0]), (64, None)])
def test_cell_size_comes_from_the_table_beside_the_patches(config, capsys, rows, cells):
    table = f"block,row,col,hr_dy,hr_dx,hr_rows,scale\n0,0,0,50.0,60.0,{rows},3\n"
    (config.parent / "data" / "train" / "patches.csv").write_text(table)
    assert run(capsys, config)[0] == 0
    assert json.loads((config.parent / "log" / "training_range.json").read_text())["cell_size"] == cells


def test_files_that_no_run_made_are_never_overwritten(config, capsys):
    log = config.parent / "log"
    log.mkdir()
    (log / "model.keras").write_text("mine")
    for more in ((), ("--force",), ("--resume",)):
        status, said = run(capsys, config, *more)
        assert (status, "holds model.keras without run.json" in said.err) == (1, True)
    (log / "model.keras").unlink()
    assert run(capsys, config)[0] == 0
    (log / "evaluation").mkdir()
    (log / "evaluation" / "notes.txt").write_text("mine")
    status, said = run(capsys, config, "--force")
    assert (status, "was made by no evaluation" in said.err) == (1, True)
    assert (log / "evaluation" / "notes.txt").read_text() == "mine"
