import json

import numpy as np
import pytest

from bathysr_nb.training.training_range import TrainingRange, cell_ratio

TRAINING = TrainingRange((-1000, -800), (0.01, 0.01, 0.02, 0.03, 0.05, 0.05, 0.05), cells=9, cell_size=(50, 50))
PLANE = (np.arange(-9.0, 0)[:, None] * np.full(9, 10))[None, ..., None].astype("float32")


def test_fit_by_hand():
    steeper = np.concatenate([PLANE * k for k in (1, 2, 3)])
    known, unknown = TrainingRange.fit(steeper, (50, 200)), TrainingRange.fit(steeper)
    assert known.depth == unknown.depth == (-270, -10)
    assert [known.slope[i] for i in (0, 3, 6)] == pytest.approx([0.2, 0.4, 0.6])
    assert [unknown.slope[i] for i in (0, 3, 6)] == pytest.approx([10, 20, 30])  # metres a cell
    assert (known.cells, known.cell_size, unknown.cell_size) == (9, (50, 200), None)


def test_round_trip_and_what_is_no_training_range(tmp_path):
    path = tmp_path / "training_range.json"
    assert TrainingRange.beside(tmp_path / "model.keras") is None
    for training in (TRAINING, TrainingRange.fit(PLANE)):
        path.write_text(training.to_json())
        assert TrainingRange.beside(tmp_path / "model.keras") == training
    good = json.loads(TRAINING.to_json())
    for bad in ("[]", "no", json.dumps({}), json.dumps(good | {"depth": [1, 0]}), json.dumps(good | {"slope": [1]})):
        path.write_text(bad)
        with pytest.raises(ValueError, match=r"training_range.json: not a training range") as caught:
            TrainingRange.load(path)
        assert "\n" not in str(caught.value)


def test_the_rule_that_lr_was_made_by_is_kept_if_there_is_one(tmp_path):
    path = tmp_path / "training_range.json"
    path.write_text(TrainingRange.fit(PLANE, downsampling="area").to_json())
    assert TrainingRange.load(path).downsampling == "area"
    older = json.loads(path.read_text())
    del older["downsampling"]
    path.write_text(json.dumps(older))
    assert TrainingRange.load(path).downsampling is None
    path.write_text(json.dumps(older | {"downsampling": "cubic"}))
    with pytest.raises(ValueError, match="downsampling is 'cubic', expected null or one of bilinear, area"):
        TrainingRange.load(path)


def test_cell_ratio_has_no_direction():
    assert cell_ratio((200, 200), (50, 50)) == cell_ratio((50, 50), (200, 200)) == pytest.approx(4)
