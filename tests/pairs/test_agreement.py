import numpy as np
import pytest

from bathysr_nb import grids
from bathysr_nb.pairs import agreement
from bathysr_nb.pairs.downsampling import resize


@pytest.fixture(scope="module")
def ground():
    return grids.seafloor((240, 280), seed=3)


def cut(ground, cells, scale=4):
    """LR made of the ground moved by HR cells, and the HR that claims to be its partner."""
    moved = np.roll(ground, cells, (0, 1))
    inner = (slice(40, 200), slice(40, 240))
    return resize(moved[inner], scale, "area"), ground[inner]


@pytest.mark.parametrize("cells", [(0, 0), (6, 0), (-4, 8), (0, -3), (8, 8)])
def test_a_shift_is_found_to_a_high_resolution_cell(cells, ground):
    found = agreement.compare_resolutions(*cut(ground, cells))
    assert np.abs(np.multiply(found.shift, 4) - cells).max() <= 1
    assert found.rule == "area" or any(cells)
    told = [line for line in found.sentences() if "to the right of HR" in line]
    assert len(told) == any(cells)
    if any(cells):
        assert found.rms_without_shift < found.rms / 2


def test_an_offset_is_told_and_missing_cells_are_left_out(ground):
    lr, hr = cut(ground, (0, 0))
    lr = lr + 3.25
    lr[5:9, 5:9] = np.nan
    found = agreement.compare_resolutions(lr, hr)
    assert (found.offset, found.rms) == (pytest.approx(3.25, abs=1e-6), pytest.approx(3.25, abs=1e-6))
    assert found.shift == (0, 0)
    assert [line for line in found.sentences() if "an offset of +3.25 m explains" in line]


@pytest.mark.parametrize("rule", ["bilinear", "area"])
def test_grids_that_agree_say_so_in_one_line(rule, ground):
    hr = ground[:160, :200]
    found = agreement.compare_resolutions(resize(hr, 4, rule), hr)
    assert (found.rule, found.rms) == (rule, pytest.approx(0, abs=1e-3))
    assert len(found.sentences()) == 1


def test_noise_is_not_taken_for_a_shift(ground):
    lr, hr = cut(ground, (0, 0))
    lr = lr + np.random.default_rng(0).normal(0, 5, lr.shape)
    assert len(agreement.compare_resolutions(lr, hr).sentences()) == 1


def test_grids_that_cannot_be_compared(ground):
    with pytest.raises(ValueError, match=r"LR \(8, 8\) and HR \(32, 32\); expected .* 12 LR cells a side"):
        agreement.compare_resolutions(ground[:8, :8], ground[:32, :32])
    with pytest.raises(ValueError, match="no known cell in common"):
        agreement.compare_resolutions(np.full((20, 20), np.nan), ground[:80, :80])
