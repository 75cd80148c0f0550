import json
from dataclasses import replace

import numpy as np
import pytest

from bathysr_nb.files import store
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.training.uncertainty import UNCERTAINTY, Uncertainty, calibrate, held_out_errors

FOUND = Uncertainty(0.5, 0.2, {0.5: 0.4, 0.9: 1.0, 0.95: 1.5}, 8, (1.0, 9.0), (100.0, 120.0), "0" * 64)


@pytest.fixture(scope="module")
def held_out(ridge_pairs):
    """Ten blocks of three patches, from gentle to steep, and their blocks."""
    lr, hr = ridge_pairs(30, gentlest=0.2, steepest=3, cells=32, scale=2)
    return lr[..., None], hr[..., None], np.arange(30) // 3


@pytest.fixture(scope="module")
def network(small):
    return small("espcn", normalisation=Normalisation(-4000, 0, relief=20))


def test_half_width_grows_with_relief_and_level():
    relief = np.array([0.0, 1, 10])
    np.testing.assert_allclose(FOUND.half_width(relief, 0.9), [0.5, 0.7, 2.5])
    widths = [FOUND.half_width(relief, level) for level in (0.1, 0.5, 0.7, 0.93, 0.95)]
    assert (np.diff(widths, axis=0) > 0).all()
    assert FOUND.factor(0.7) == pytest.approx(0.7)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, 0.96, float("nan")])
def test_level_that_cannot_be_told(level):
    with pytest.raises(
        ValueError,
        match=r"level is .*, expected (a share between 0 and 1|at most 0.95, the highest that 8 blocks gave)",
    ):
        FOUND.factor(level)


def test_calibrated_on_steeper_ground_it_covers_its_own_and_is_wide_where_it_is_rough(network, held_out):
    found = calibrate(network, *held_out, 50)
    assert (found.blocks, found.cell_size, found.model) == (10, (50, 50), None)
    error, relief = held_out_errors(network, *held_out[:2])
    assert error.shape == (30, 12, 12, 4)
    within = error <= found.half_width(relief, 0.8)[..., None]
    assert within.mean() == pytest.approx(0.8, abs=0.04)
    assert found.b > 0


def test_errors_are_those_of_the_cells_in_each_lr_cell(network, held_out, predict):
    lr, hr, _ = held_out
    off = np.abs(predict(network, lr[:1]) - hr[:1])[0, ..., 0]
    error, _ = held_out_errors(network, lr[:1], hr[:1])
    np.testing.assert_allclose(error[0, 3, 5].reshape(2, 2), off[10:12, 14:16], atol=1e-3)


def test_fewer_than_8_blocks_and_patches_without_inner_cells_are_refused(network, held_out):
    lr, hr, block = held_out
    with pytest.raises(ValueError, match="7 held-out blocks, expected 8 or more; build with a larger validation_size"):
        calibrate(network, lr[:21], hr[:21], block[:21])
    with pytest.raises(ValueError, match="LR patches of 4 x 4 cells have none that are 2 cells from the rim"):
        calibrate(network, lr[:, :4, :4], hr[:, :8, :8], block)


def test_round_trip_and_only_beside_its_own_model(tmp_path):
    model, path = tmp_path / "model.keras", tmp_path / UNCERTAINTY
    model.write_bytes(b"weights")
    with pytest.raises(FileNotFoundError, match=r"uncertainty.json: no such file; run bathysr calibrate"):
        Uncertainty.beside(model)
    found = replace(FOUND, model=store.checksum(model))
    path.write_text(found.to_json())
    assert Uncertainty.beside(model) == found
    model.write_bytes(b"other weights")
    with pytest.raises(
        ValueError, match="made for another model than model.keras beside it; run bathysr calib"
    ) as said:
        Uncertainty.beside(model)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    "change",
    [
        {"a": -1},
        {"b": None},
        {"widths": {}},
        {"widths": {"0.9": 2, "0.5": 1}},
        {"widths": {"0.5": 2, "0.9": 1}},
        {"c": 1},
    ],
)
def test_what_is_no_uncertainty_is_one_line(change, tmp_path):
    path = tmp_path / UNCERTAINTY
    for text in ("[]", "no", "{}", json.dumps(json.loads(FOUND.to_json()) | change)):
        path.write_text(text)
        with pytest.raises(ValueError, match="uncertainty.json: not a calibrated uncertainty") as said:
            Uncertainty.load(path)
        assert "\n" not in str(said.value)
