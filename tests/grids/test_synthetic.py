import numpy as np
import pytest

from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.terrain import mean_slope_gradient


def test_ridge_is_much_steeper_than_trough():
    steep, gentle = (mean_slope_gradient(seafloor((640, 640), province=p), 50) for p in ("ridge", "trough"))
    assert steep > 5 * gentle
    assert 0.005 < gentle < 0.05


def test_same_seed_same_ground():
    np.testing.assert_array_equal(seafloor((50, 70), seed=3), seafloor((50, 70), seed=3))
    assert not np.array_equal(seafloor((50, 70), seed=3), seafloor((50, 70), seed=4))


def test_depths_are_below_sea_level_and_gaps_as_asked():
    ground = seafloor((200, 300), province="ridge", missing=0.05)
    assert ground.shape == (200, 300)
    assert ground.dtype == np.float32
    assert np.nanmax(ground) < 0
    assert np.isnan(ground).mean() == pytest.approx(0.05, abs=0.01)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="trough, ridge"):
        seafloor(province="abyss")
    with pytest.raises(ValueError, match="share"):
        seafloor(missing=1.0)
