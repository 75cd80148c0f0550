import numpy as np
import pytest

from bathysr_nb.files import store
from bathysr_nb.pairs.features import write_features


def test_write_features_beside_the_pickle(tmp_path):
    store.save_patches(tmp_path / "data_LR.pkl", np.zeros((2, 16, 16)))
    write_features(tmp_path / "data_LR.pkl", 200)
    assert (tmp_path / "data_LR.csv").read_text().startswith("index,mean_slope_gradient,altitude_difference")
    with pytest.raises(FileExistsError, match=r"data_LR\.csv"):
        write_features(tmp_path / "data_LR.pkl", 200)
