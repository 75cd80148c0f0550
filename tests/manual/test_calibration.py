import json

import pytest

from bathysr_nb.cli import main
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import downsampling
from bathysr_nb.training.uncertainty import UNCERTAINTY, Uncertainty

INPUT = """\
data_dir: data
model: espcn
input_shape: [8, 8, 1]
scale: 2
residual: bicubic
batch_size: 4
epochs: 1
log_dir: log
log_period: 1
espcn: {filters: [4], kernels: [3, 3]}
"""


def save(folder, n, blocks, seed, dy=50.0):
    hr = synthetic.seafloor((16, 16 * n), province="ridge", seed=seed).reshape(16, n, 16).swapaxes(0, 1)
    store.save_pair(folder, downsampling.resize(hr, 2, "area"), hr, overwrite=True)
    rows = [f"{i % blocks},0,0,{dy},60.0,16,2" for i in range(n)]
    (folder / "patches.csv").write_text("\n".join(["block,row,col,hr_dy,hr_dx,hr_rows,scale", *rows]) + "\n")


@pytest.fixture
def config(tmp_path):
    save(tmp_path / "data" / "train", 8, 4, 0)
    save(tmp_path / "data" / "validation", 18, 9, 1)
    (tmp_path / "input.yml").write_text(INPUT)
    return tmp_path / "input.yml"


def run(capsys, verb, config, *options):
    capsys.readouterr()
    status = main([verb, str(config), *options])
    return status, capsys.readouterr()


def test_train_calibrates_and_calibrate_finds_the_same(config, capsys):
    log = config.parent / "log"
    status, said = run(capsys, "train", config)
    assert status == 0, said.err
    assert "uncertainty.json: 90% of the errors within " in said.out
    assert "from 9 held-out blocks" in said.out
    made = Uncertainty.beside(log / "model.keras")
    assert made.cell_size == (100.0, 120.0)
    record = json.loads((log / "run.json").read_text())
    assert UNCERTAINTY in record["outputs"]
    assert json.loads((log / "training_range.json").read_text())["downsampling"] == "bilinear"  # at scale 2 also area
    status, said = run(capsys, "calibrate", config)
    assert (status, "--force" in said.err) == (1, True)
    assert run(capsys, "calibrate", config, "--force")[0] == 0
    again = Uncertainty.beside(log / "model.keras")
    assert again.model == made.model
    for level in (0.5, 0.9):  # as far as 32 bits go at depth
        assert again.half_width(5, level) == pytest.approx(made.half_width(5, level), rel=0.01)


def test_too_few_blocks_are_told_by_train_and_refused_by_calibrate(config, capsys):
    save(config.parent / "data" / "validation", 18, 7, 1)
    status, said = run(capsys, "train", config)
    assert (status, "uncertainty.json: not written: 7 held-out blocks, expected 8 or more" in said.out) == (0, True)
    assert not (config.parent / "log" / UNCERTAINTY).exists()
    status, said = run(capsys, "calibrate", config)
    assert (status, said.err.count("\n")) == (1, 1)
    assert "validation: 7 held-out blocks, expected 8 or more" in said.err
    (config.parent / "data" / "validation" / "patches.csv").unlink()
    status, said = run(capsys, "calibrate", config)
    assert (status, "the blocks of the held-out patches are unknown" in said.err) == (1, True)


def test_calibrate_before_train_is_one_line(config, capsys):
    status, said = run(capsys, "calibrate", config)
    assert (status, said.err.count("\n")) == (1, 1)
    assert "model.keras: no such file" in said.err
