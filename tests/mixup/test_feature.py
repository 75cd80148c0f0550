import numpy as np
import pandas as pd
import pytest

from bathysr_nb import terrain
from bathysr_nb.mixup import feature

PATCHES = np.random.default_rng(0).normal(size=(30, 16, 16)) * np.arange(1, 31)[:, None, None]


@pytest.mark.parametrize("name", feature.FEATURES)
def test_a_feature_is_the_column_of_the_table(name, tmp_path):
    terrain.feature_table(PATCHES, 200).to_csv(tmp_path / "data_LR.csv")
    of_csv, values = feature.target_of_csv(tmp_path / "data_LR.csv", feature.Feature(name, 200))
    of_patches, again = feature.target_of_patches(PATCHES, feature.Feature(name, 200))
    np.testing.assert_allclose(values, again, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(of_csv(2 * PATCHES), of_patches(2 * PATCHES), rtol=1e-9)


def test_the_scaled_slope_of_a_source_is_in_the_targets_range():
    scaled, values = feature.target_of_patches(PATCHES[10:20], feature.Feature(feature.FEATURES[0], 200))
    slope = terrain.mean_slope_gradient(PATCHES, 200)
    np.testing.assert_allclose(scaled(PATCHES), (slope - slope[10:20].min()) / np.ptp(slope[10:20]))
    assert (values.min(), values.max()) == (0, 1)


@pytest.mark.parametrize("name", feature.FEATURES)
def test_a_weight_is_solved_in_the_features_own_units(name):
    steered = feature.Feature(name, 200).scaled(terrain.mean_slope_gradient(PATCHES, 200))
    value = steered(PATCHES)
    wanted = (value[1:] + value[:1]) / 2
    solved = steered.solve(PATCHES[1:], np.repeat(PATCHES[:1], 29, axis=0), wanted)
    blends = solved.lam[:, None, None] * PATCHES[1:] + (1 - solved.lam[:, None, None]) * PATCHES[:1]
    np.testing.assert_allclose(steered(blends), solved.value)
    reached = np.isclose(solved.value, wanted, rtol=1e-6)
    assert reached.sum() > 20
    assert (solved.value[~reached] > wanted[~reached]).all()  # below the curve's lowest value


def test_a_normal_target_has_its_mean_and_spread_and_nothing_below_zero():
    far = feature.normal_target(1.0, 0.1)
    assert len(far) == 10_000
    assert (far.mean(), far.std()) == pytest.approx((1.0, 0.1), rel=1e-3)
    near = feature.normal_target(0.0, 1.0)
    assert len(near) == 5000
    assert np.median(near) == pytest.approx(0.6745, abs=1e-3)
    with pytest.raises(ValueError, match="all of this normal distribution is below 0"):
        feature.normal_target(-9, 0.1)
    with pytest.raises(ValueError, match="std is 0"):
        feature.normal_target(1, 0)


@pytest.mark.parametrize("content", ["", "mean_slope_gradient\n", "a,b\n1,2,3\n4\n1,2,3,4,5\n"])
def test_files_that_are_no_table_are_named(content, tmp_path):
    (tmp_path / "target.csv").write_text(content)
    with pytest.raises(ValueError, match="target.csv: "):
        feature.target_of_csv(tmp_path / "target.csv", feature.Feature("mean_slope_gradient", 200))
    (tmp_path / "binary.csv").write_bytes(pd.Series([1.0]).to_numpy().tobytes() + b"\xff\xfe")
    with pytest.raises(ValueError, match="binary.csv: "):
        feature.target_of_csv(tmp_path / "binary.csv", feature.Feature("mean_slope_gradient", 200))


def test_an_unknown_feature_names_the_choices():
    with pytest.raises(ValueError, match="unknown feature 'slope'; choose one of normalized_mean_slope_gradient, alt"):
        feature.Feature("slope", 200)
