import json
import os

import numpy as np
import pytest
import rasterio
import xarray as xr

from bathysr_nb import cli, grids
from bathysr_nb.files import store
from bathysr_nb.grids import synthetic
from bathysr_nb.maps.applicability import applicability
from bathysr_nb.maps.inference import superresolve
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.models.receptive import receptive_field
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.scores.conformal import local_relief
from bathysr_nb.training.training_range import TRAINING_RANGE, TrainingRange
from bathysr_nb.training.uncertainty import UNCERTAINTY, Uncertainty

pytestmark = [
    pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning"),  # rioxarray's
    pytest.mark.filterwarnings("ignore:.*trained for an unknown cell size"),
]
HR = synthetic.seafloor((144, 180), province="ridge", seed=0) - 3000
LR = resize(HR, 2).astype("float32")
CALIBRATED = Uncertainty(0.5, 0.25, {0.5: 0.5, 0.9: 1.0, 0.95: 1.4}, 9, (1.0, 50.0), (200.0, 200.0))


def mapped(depth=LR):
    axes = {"y": 8e6 - np.arange(depth.shape[0]) * 200.0, "x": 3e5 + np.arange(depth.shape[1]) * 200.0}
    return xr.DataArray(depth, axes, ("y", "x")).rio.write_crs("EPSG:32755")


@pytest.fixture(scope="module")
def network(small, shaken):
    return shaken(small("espcn", normalisation=Normalisation(-4000, 0, relief=7.0)), by=0.05)


@pytest.fixture(scope="module")
def holed():
    depth = LR.copy()
    depth[20:31, 40:52] = np.nan
    depth[np.random.default_rng(0).random(depth.shape) < 0.02] = np.nan
    return depth


@pytest.fixture
def folder(network, holed, tmp_path):
    """A model with all that is kept beside it, and a grid with gaps."""
    network.save(tmp_path / "model.keras")
    training = TrainingRange.fit(LR[None, :16, :16, None], 200, "bilinear")
    (tmp_path / TRAINING_RANGE).write_text(training.to_json())
    kept = json.loads(CALIBRATED.to_json()) | {"model": store.checksum(tmp_path / "model.keras")}
    (tmp_path / UNCERTAINTY).write_text(json.dumps(kept))
    grids.write_grid(mapped(holed), tmp_path / "lr.nc")
    return tmp_path


def run(capsys, folder, *arguments):
    before = os.getcwd()
    os.chdir(folder)
    try:
        status = cli.main(["superresolve", "model.keras", "lr.nc", *map(str, arguments)])
    finally:
        os.chdir(before)
    return status, capsys.readouterr()


def test_half_widths_are_those_of_the_relief_of_each_lr_cell(network):
    sr = superresolve(mapped(), network, uncertainty=0.95, calibration=CALIBRATED)
    expected = 1.4 * (0.5 + 0.25 * local_relief(LR))
    np.testing.assert_allclose(sr.uncertainty, expected.repeat(2, 0).repeat(2, 1), rtol=1e-5)
    assert sr.uncertainty.dtype == np.float32
    assert (sr.uncertainty.attrs["units"], sr.uncertainty.attrs["level"]) == ("m", 0.95)
    assert "95% of the errors" in sr.uncertainty.attrs["long_name"]
    assert sr.elevation.attrs["ancillary_variables"] == "uncertainty"
    plain = superresolve(mapped(), network)
    np.testing.assert_array_equal(sr.elevation, plain.elevation)
    assert "ancillary_variables" not in plain.elevation.attrs
    half = superresolve(mapped(), network, uncertainty=0.5, calibration=CALIBRATED)
    np.testing.assert_allclose(half.uncertainty / sr.uncertainty, 0.5 / 1.4, rtol=1e-5)


@pytest.mark.parametrize("average", [False, True])
def test_layers_do_not_depend_on_tiles_or_on_dask(average, folder, holed):
    options = {"uncertainty": 0.9, "consistent": True, "flags": True, "average": average}
    whole = superresolve(mapped(holed), folder / "model.keras", tile=1000, **options)
    layers = ["elevation", "uncertainty", *(["spread"] if average else []), "applicability"]
    assert list(whole.data_vars) == layers
    assert whole.elevation.attrs["ancillary_variables"] == " ".join(layers[1:])
    tiled = superresolve(mapped(holed), folder / "model.keras", tile=25, **options)
    lazy = superresolve(mapped(holed).chunk(17), folder / "model.keras", tile=25, **options)
    assert all(field.chunks for field in lazy.data_vars.values())
    for other in (tiled, lazy.compute(scheduler="synchronous")):
        np.testing.assert_allclose(other.elevation, whole.elevation, atol=2e-3)
        np.testing.assert_allclose(other.uncertainty, whole.uncertainty, rtol=1e-5)
        np.testing.assert_array_equal(other.applicability, whole.applicability)
    missing = np.isnan(holed).repeat(2, 0).repeat(2, 1)
    for name in ("elevation", "uncertainty"):
        np.testing.assert_array_equal(np.isnan(whole[name]), missing)


def test_relief_reaches_further_than_a_network_that_sees_one_cell(small):
    nearest = small("espcn", kernels=(1, 1, 1))
    assert receptive_field(nearest) < 2
    options = {"uncertainty": 0.9, "calibration": CALIBRATED}
    tiled, whole = (superresolve(mapped(), nearest, tile=tile, **options).uncertainty for tile in (9, 1000))
    np.testing.assert_allclose(tiled, whole, rtol=1e-6)


def test_flags_are_those_of_the_lr_cells(folder, network, holed):
    sr = superresolve(mapped(holed), folder / "model.keras", flags=True)
    training, reach = TrainingRange.beside(folder / "model.keras"), receptive_field(network)
    expected = applicability(mapped(holed), training, reach).values
    np.testing.assert_array_equal(sr.applicability, expected.repeat(2, 0).repeat(2, 1))
    assert sr.applicability.dtype == np.uint8
    assert len(np.unique(expected)) > 3


@pytest.mark.parametrize("rule", ["bilinear", "area"])
def test_a_consistent_map_gives_the_grid_back_and_is_nearer_to_the_truth(rule, shaken, small):
    scale = 4  # at 2 the rules are the same
    network = shaken(small("espcn", scale=scale, normalisation=Normalisation(-4000, 0, relief=7.0)), by=0.05)
    lr = resize(HR, scale, rule).astype("float32")
    plain, sr = (
        superresolve(mapped(lr), network, tile=20, consistent=consistent, downsampling=rule).elevation.values
        for consistent in (False, True)
    )
    assert abs(resize(plain, scale, rule) - lr).max() > 0.1
    assert abs(resize(sr, scale, rule) - lr).max() < 0.01
    rmse = [np.sqrt(np.mean((estimate - HR) ** 2)) for estimate in (plain, sr)]
    assert rmse[1] < rmse[0]


def test_consistent_by_the_recorded_rule_with_gaps(folder, holed):
    sr = superresolve(mapped(holed), folder / "model.keras", consistent=True).elevation
    np.testing.assert_allclose(resize(sr.values, 2), holed, atol=0.01)  # NaN where NaN
    assert "consistent by the bilinear rule" in superresolve(mapped(), folder / "model.keras", consistent=True).history


def test_all_layers_in_netcdf(folder, capsys):
    options = ["--uncertainty", "--flags", "--average", "--consistent", "--tile", "30"]
    status, said = run(capsys, folder, "sr.nc", *options)
    assert status == 0, said.err
    with xr.open_dataset(folder / "sr.nc", mask_and_scale=False) as file:
        assert file.elevation.attrs["ancillary_variables"] == "uncertainty spread applicability"
        assert set(file.elevation.attrs["ancillary_variables"].split()) <= set(file.data_vars)
        assert (file.uncertainty.units, file.uncertainty.level) == ("m", 0.95)
        assert file.applicability.dtype == np.uint8
        assert file.applicability.flag_meanings.split()[0] == "depth_outside_training"
        assert file.applicability.flag_masks.tolist() == [1, 2, 4, 8]
        assert "uncertainty at 95%" in file.history
    lr = grids.read_grid(folder / "lr.nc")
    np.testing.assert_allclose(resize(grids.read_grid(folder / "sr.nc").values, 2), lr, atol=0.01)


def test_all_layers_are_named_bands_of_a_geotiff(folder, capsys):
    status, said = run(capsys, folder, "sr.tif", "--uncertainty", "--level", "0.9", "--flags")
    assert status == 0, said.err
    sr = superresolve(grids.read_grid(folder / "lr.nc"), folder / "model.keras", uncertainty=0.9, flags=True)
    with rasterio.open(folder / "sr.tif") as file:
        assert file.descriptions == ("elevation", "uncertainty", "applicability")
        assert file.units == ("m", "m", None)
        for band, field in enumerate(sr.data_vars.values(), start=1):
            np.testing.assert_allclose(file.read(band), field, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--uncertainty", "--level", "1"], "level is 1, expected a share between 0 and 1, such as 0.95"),
        (["--uncertainty", "--level", "0.99"], "level is 0.99, expected at most 0.95, the highest that 9 blocks gave"),
        (["--level", "0.9"], "--level is given without --uncertainty"),
        (["--downsampling", "area"], "--downsampling is given without --consistent"),
    ],
)
def test_wrong_options_are_one_line(options, message, folder, capsys):
    status, said = run(capsys, folder, "sr.tif", *options)
    assert (status, said.err.count("\n"), message in said.err) == (1, 1, True)
    assert not (folder / "sr.tif").exists()


@pytest.mark.parametrize(
    ("spoil", "option", "message"),
    [
        (UNCERTAINTY, "--uncertainty", "uncertainty.json: no such file; run bathysr calibrate"),
        (TRAINING_RANGE, "--flags", "training_range.json: no such file, so the training range is unknown"),
        (TRAINING_RANGE, "--consistent", "training_range.json: does not say how LR was made from HR"),
    ],
)
def test_what_is_not_beside_the_model_is_one_line(spoil, option, message, folder, capsys):
    (folder / spoil).unlink()
    status, said = run(capsys, folder, "sr.tif", option)
    assert status == 1
    assert message in said.err.splitlines()[-1]
    assert not (folder / "sr.tif").exists()


def test_the_remedy_of_an_unknown_rule_works_as_typed(folder, capsys):
    (folder / TRAINING_RANGE).unlink()
    assert "(--downsampling)" in run(capsys, folder, "sr.tif", "--consistent")[1].err
    assert run(capsys, folder, "sr.tif", "--consistent", "--downsampling", "bilinear")[0] == 0


def test_uncertainty_of_another_model_is_refused(folder, network, small, capsys):
    small("espcn", normalisation=Normalisation(-9, 0, relief=1)).save(folder / "model.keras")
    status, said = run(capsys, folder, "sr.tif", "--uncertainty")
    assert (status, "uncertainty.json: made for another model than model.keras beside it" in said.err) == (1, True)
    for options in ({"uncertainty": 0.9}, {"consistent": True}, {"flags": True}):
        with pytest.raises(ValueError, match="in memory|does not say how LR was made"):
            superresolve(mapped(), network, **options)
