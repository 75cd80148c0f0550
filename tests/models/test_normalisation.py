import numpy as np
import pytest

from bathysr_nb.models.normalisation import Normalisation, local_mean

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")


def test_normalisation_is_of_the_training_set_and_survives_a_file(tmp_path):
    hr = np.repeat(np.repeat(SEA, 4, 1), 4, 2)
    hr[0, 0, 0, 0] = -3000
    fitted = Normalisation.fit(SEA, hr, residual=True)
    assert (fitted.low, fitted.high) == (-3000, SEA.max())
    assert fitted.relief == pytest.approx(np.std(SEA[..., 0] - local_mean(SEA[..., 0])))
    (tmp_path / "normalisation.json").write_text(fitted.to_json())
    assert Normalisation.load(tmp_path / "normalisation.json") == fitted
    assert Normalisation.fit(SEA, hr, residual=False, norm_range=(-2500, 0)) == Normalisation(-2500, 0)


def test_bad_normalisations():
    with pytest.raises(ValueError, match="low < high"):
        Normalisation(0, -2500)
    with pytest.raises(ValueError, match="metres > 0"):
        Normalisation(-2500, 0, relief=0)
