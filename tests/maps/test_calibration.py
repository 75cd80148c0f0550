import numpy as np
import pandas as pd
import pytest

from bathysr_nb.files import store
from bathysr_nb.maps.calibration import calibrate_on
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.training.uncertainty import Uncertainty


@pytest.fixture
def sets(tmp_path, ridge_pairs, small):
    """A model and two held-out sets of six blocks each."""
    small("espcn", normalisation=Normalisation(-4000, 0, relief=20)).save(tmp_path / "model.keras")
    for first, name in ((0, "validation"), (6, "test")):
        lr, hr = ridge_pairs(12, cells=32, scale=2, seed=first)
        store.save_pair(tmp_path / name, lr, hr)
        block = first + np.arange(12) // 2
        table = pd.DataFrame({"block": block, "hr_dy": 50.0, "hr_dx": 60.0, "hr_rows": 32, "scale": 2})
        table.to_csv(tmp_path / name / "patches.csv")
    return tmp_path


def test_blocks_of_several_sets_calibrate_but_not_those_left_out(sets):
    folders = sets / "validation", sets / "test"
    every, some = (calibrate_on(sets / "model.keras", *folders, leave_out=out) for out in ((), (6, 7, 8)))
    assert (every.blocks, some.blocks, some.cell_size) == (12, 9, (100, 120))
    (sets / "uncertainty.json").write_text(some.to_json())
    assert Uncertainty.beside(sets / "model.keras") == some
    lr, hr = store.load_pair(folders[1])
    hr[:6] += 500  # what is left out can be anything
    store.save_pair(folders[1], lr, hr, overwrite=True)
    assert calibrate_on(sets / "model.keras", *folders, leave_out=(6, 7, 8)) == some
    assert calibrate_on(sets / "model.keras", *folders).half_width(1, 0.9) > 2 * every.half_width(1, 0.9)
    with pytest.raises(ValueError, match="6 held-out blocks, expected 8 or more"):
        calibrate_on(sets / "model.keras", folders[0])
