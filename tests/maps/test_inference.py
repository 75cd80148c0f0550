import re
import warnings
from itertools import product

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401  (its .rio)
import xarray as xr

from bathysr_nb import cli, grids, interpolation
from bathysr_nb.grids import georeference, synthetic
from bathysr_nb.maps.inference import TILE, fill_missing, scale_of, seams, superresolve, warn_of_seams
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import MODELS, predictor
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.models.receptive import receptive_field
from bathysr_nb.training.training_range import TRAINING_RANGE, TrainingRange

MANUAL, RESIDUAL = Normalisation(-2500, -100), Normalisation(-2500, 0, relief=7.0)
SEA = synthetic.seafloor((150, 160), province="ridge", seed=0).astype("float32")
SEA -= SEA.max() + 10


def mapped(depth=SEA, cell=(200.0, 200.0), crs="EPSG:32755"):
    rows, columns = depth.shape
    axes = {"y": 8e6 - (np.arange(rows) + 0.5) * cell[0], "x": 3e5 + (np.arange(columns) + 0.5) * cell[1]}
    return xr.DataArray(depth, axes, ("y", "x")).rio.write_crs(crs)


@pytest.fixture(scope="module")
def network(small, shaken):
    def build(name="espcn", normalisation=RESIDUAL, **options):
        keras.utils.set_random_seed(0)
        return shaken(predictor(small(name, normalisation=normalisation, **options)), by=0.05)

    return build


@pytest.fixture(scope="module")
def espcn(network):
    return network()


@pytest.fixture(scope="module")
def gaps():
    """Missing cells one by one, a hole wider than what the network sees, and a whole corner."""
    depth = SEA.copy()
    depth[np.random.default_rng(0).random(depth.shape) < 0.02] = np.nan
    depth[60:90, 40:80] = np.nan
    depth[:50, 100:] = np.nan
    return depth


def elevation(depth, model, **options):
    return superresolve(mapped(depth), model, **options).elevation.values


@pytest.mark.parametrize("name", MODELS)
def test_tiled_is_untiled_and_the_networks_own_prediction(predict, network, name):
    model, shallow = network(name), SEA / 4  # 32 bits resolve 1e-5 m of it
    tiled, untiled = (elevation(shallow, model, tile=tile) for tile in (40, 1000))
    np.testing.assert_allclose(tiled, untiled, rtol=0, atol=1e-4)
    direct = predict(model, shallow[None, ..., None])[0, ..., 0]
    np.testing.assert_allclose(untiled, direct, rtol=0, atol=2e-4)
    assert np.abs(direct - interpolation.enlarge(shallow, 2)).mean() > 0.05  # it is not bicubic alone


@pytest.mark.parametrize("depth", [-500, -5000])
def test_tiled_is_untiled_at_depth_within_what_32_bits_resolve(depth, espcn):
    tiled, untiled = (elevation(SEA + depth, espcn, tile=tile) for tile in (40, 1000))
    assert (np.abs(tiled - untiled) <= 2 * np.spacing(np.abs(untiled))).all()


def test_tiled_is_untiled_in_the_manuals_form_as_far_as_32_bits_go(network):
    model = network("srcnn", MANUAL)
    np.testing.assert_allclose(elevation(SEA, model, tile=40), elevation(SEA, model, tile=1000), atol=3e-3)


def test_tiled_is_untiled_around_missing_cells(gaps, espcn):
    tiled, untiled = (elevation(gaps, espcn, tile=tile) for tile in (25, 1000))
    np.testing.assert_allclose(tiled, untiled, atol=2.5e-4)


def test_missing_where_the_coarse_cell_is_and_nowhere_else(gaps, espcn):
    sr = elevation(gaps, espcn, tile=30)
    np.testing.assert_array_equal(np.isnan(sr), np.kron(np.isnan(gaps), np.ones((2, 2), bool)))
    hole = SEA.copy()
    hole[70:75, 80:85] = np.nan
    reach = receptive_field(espcn)
    seen = np.zeros(SEA.shape, bool)
    seen[70 - reach : 75 + reach, 80 - reach : 85 + reach] = True
    seen = np.kron(seen, np.ones((2, 2), bool))
    np.testing.assert_allclose(elevation(hole, espcn)[~seen], elevation(SEA, espcn)[~seen], atol=2.5e-4)


def test_nearest_known_depth_stands_in(espcn):
    depth = np.full((9, 40), -100.0, np.float32)
    depth[:, 20:] = -300
    hole = depth.copy()
    hole[:, 15:25] = np.nan
    np.testing.assert_array_equal(fill_missing(hole), depth)
    known = np.kron(np.isfinite(hole), np.ones((2, 2), bool))
    np.testing.assert_array_equal(elevation(hole, espcn)[known], elevation(depth, espcn)[known])


def test_constant_passes_through(espcn):
    np.testing.assert_allclose(elevation(SEA - 900, espcn, tile=40), elevation(SEA, espcn, tile=40) - 900, atol=5e-4)


def test_mean_and_spread_of_the_eight_orientations_by_hand(predict, espcn):
    sr = superresolve(mapped(), espcn, tile=50, average=True)
    members = []
    for turn, flipped in product(range(4), (False, True)):
        turned = np.rot90(np.fliplr(SEA) if flipped else SEA, turn)
        out = np.rot90(predict(espcn, turned[None, ..., None].copy())[0, ..., 0], -turn)
        members.append(np.fliplr(out) if flipped else out)
    np.testing.assert_allclose(sr.elevation, np.mean(members, 0, dtype=float), atol=1e-3)
    np.testing.assert_allclose(sr.spread, np.std(members, 0, dtype=float), atol=1e-3)
    assert float(sr.spread.mean()) > 0.01
    flipped = superresolve(mapped(SEA[:, ::-1]), espcn, tile=50, average=True)
    np.testing.assert_allclose(flipped.elevation[:, ::-1], sr.elevation, atol=1e-3)


def test_no_quarter_turns_where_cells_are_not_square(predict, espcn):
    sr = superresolve(mapped(cell=(200.0, 300.0)), espcn, average=True)
    members = []
    for rows, columns in product((1, -1), (1, -1)):
        turned = SEA[::rows, ::columns][None, ..., None].copy()
        members.append(predict(espcn, turned)[0, ::rows, ::columns, 0])
    np.testing.assert_allclose(sr.elevation, np.mean(members, 0, dtype=float), atol=1e-3)
    assert "mean of 4 orientations" in sr.attrs["history"]


@pytest.mark.parametrize("chunks", [37, {"y": 150, "x": 11}, -1])
def test_dask_is_numpy(chunks, gaps, espcn, tmp_path):
    espcn.save(tmp_path / "model.keras")
    lazy = superresolve(mapped(gaps).chunk(chunks), tmp_path / "model.keras", tile=40, average=True)
    assert lazy.elevation.chunks
    plain = superresolve(mapped(gaps), espcn, tile=40, average=True)
    xr.testing.assert_allclose(lazy.compute(scheduler="threads"), plain, rtol=0, atol=2.5e-4)
    assert lazy.rio.crs == plain.rio.crs


@pytest.mark.slow
def test_cluster_of_processes_is_numpy(gaps, espcn, tmp_path):
    from distributed import Client

    espcn.save(tmp_path / "model.keras")
    lazy = superresolve(mapped(gaps).chunk(50), tmp_path / "model.keras", tile=40)
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        found = lazy.compute()
    xr.testing.assert_allclose(
        found.elevation, superresolve(mapped(gaps), espcn, tile=40).elevation, rtol=0, atol=2.5e-4
    )


@pytest.mark.parametrize("suffix", [".tif", ".nc"])
@pytest.mark.parametrize(("crs", "cell"), [("EPSG:32755", (200.0, 300.0)), ("EPSG:4326", None)])
def test_corners_are_those_of_the_coarse_file(suffix, crs, cell, espcn, tmp_path):
    west, north, dy, dx = (3e5, 8e6, *cell) if cell else (145.0, -16.0, 1 / 240, 1 / 240)
    place = rasterio.transform.from_origin(west, north, dx, dy)
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": crs, "transform": place}
    with rasterio.open(tmp_path / "lr.tif", "w", height=20, width=30, **profile) as file:
        file.write(SEA[:20, :30], 1)
    grids.write_grid(superresolve(grids.read_grid(tmp_path / "lr.tif"), espcn), tmp_path / f"sr{suffix}")
    with rasterio.open(tmp_path / "lr.tif") as lr, rasterio.open(tmp_path / f"sr{suffix}") as sr:
        np.testing.assert_allclose(sr.bounds, lr.bounds, rtol=1e-12)
        assert (sr.shape, sr.crs) == ((40, 60), lr.crs)
        assert np.isnan(sr.nodata)
    again = grids.read_grid(tmp_path / f"sr{suffix}")
    np.testing.assert_array_equal(again, superresolve(grids.read_grid(tmp_path / "lr.tif"), espcn).elevation)
    georeference.check_same_ground(grids.read_grid(tmp_path / "lr.tif"), again, 2)


def test_grid_as_xarray_opens_it_may_be_the_other_way_up(espcn):
    axes = {"lat": np.arange(20) / 100 - 17, "lon": np.arange(30) / 100 + 146}
    depth = xr.DataArray(SEA[:20, :30], axes, ("lat", "lon"))
    sr = superresolve(depth, espcn).elevation
    assert (sr.y[0] - sr.y[-1], sr.x[0]) == pytest.approx((0.195, 145.9975))
    np.testing.assert_allclose(sr, elevation(SEA[:20, :30][::-1].copy(), espcn), atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 5), (5, 160), (31, 7)])
def test_grid_smaller_than_the_halo(predict, shape, espcn):
    depth = SEA[: shape[0], : shape[1]].copy()
    direct = predict(espcn, depth[None, ..., None])[0, ..., 0]
    np.testing.assert_allclose(elevation(depth, espcn, tile=8), direct, atol=1e-3)


def fails(match, *arguments, **options):
    with pytest.raises((ValueError, FileNotFoundError), match=match) as caught:
        superresolve(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_faults_are_one_line(small, network, espcn, tmp_path):
    fails("grid: 4 x 160 cells; expected at least 5 along each side", mapped(SEA[:4]), espcn)
    fails("grid: all cells are missing", mapped(np.full((9, 9), np.nan)), espcn)
    fails("grid: ndarray; expected a DataArray", SEA, espcn)
    fails("have no coordinates", xr.DataArray(SEA, dims=("y", "x")), espcn)
    fails("tile is 0", mapped(), espcn, tile=0)
    fails("positive down; expected metres, negative down", mapped().assign_attrs(positive="down"), espcn)
    fails("no such file", mapped(), tmp_path / "none.keras")
    (tmp_path / "bad.keras").write_text("no model")
    fails("bad.keras: not a saved model", mapped(), tmp_path / "bad.keras")
    judge = small("srgan").discriminator
    fails(r"discriminator: not a network for depth grids \(turns \(1, 8, 8, 1\) into \(1, 1\)", mapped(), judge)
    flat = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3, padding="same")], name="flat")
    fails(r"flat: not a network for depth grids \(turns \(1, 8, 8, 1\) into \(1, 8, 8, 1\)", mapped(), flat)
    broken = network()
    broken.set_weights([np.full_like(w, np.nan) for w in broken.get_weights()])
    fails("predict NaN", mapped(SEA[:20, :20]), broken)


@pytest.mark.parametrize(("trained", "told"), [(200, None), (290, None), (50, "4.0 times"), (500, "2.5 times")])
def test_cells_of_another_size_are_told(trained, told, espcn, tmp_path):
    espcn.save(tmp_path / "model.keras")
    training = TrainingRange.fit(SEA[None, :16, :16, None], trained)
    (tmp_path / TRAINING_RANGE).write_text(training.to_json())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        superresolve(mapped(SEA[:20, :20]), tmp_path / "model.keras")
    said = [str(warning.message) for warning in caught if "trained for" in str(warning.message)]
    assert len(said) == (told is not None)
    assert told is None or told in said[0]


def test_model_that_changed_is_read_again(network, tmp_path):
    path = tmp_path / "model.keras"
    network().save(path)
    before = superresolve(mapped(SEA[:20, :20]), path).elevation
    network(filters=(5, 3)).save(path)
    assert abs(superresolve(mapped(SEA[:20, :20]), path).elevation - before).max() > 1e-3


def test_the_shell_tells_the_default_tile(capsys):
    with pytest.raises(SystemExit):
        cli.main(["superresolve", "--help"])
    assert f"(default: {TILE})" in capsys.readouterr().out


def test_degrees_need_no_reference_system_and_a_lost_one_is_told(espcn, tmp_path):
    axes = {"lat": 28 + np.arange(30) * 0.01, "lon": 128 + np.arange(40) * 0.01}
    sr = superresolve(xr.DataArray(SEA[:30, :40], axes, ("lat", "lon")), espcn)
    assert sr.rio.crs == "EPSG:4326"
    assert sr.elevation.attrs["cell_size"] == pytest.approx((554.0, 490.7), rel=0.01)
    grids.write_grid(mapped(SEA[:30, :40]), tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as file, pytest.warns(UserWarning, match="decode_coords='all'"):
        assert superresolve(file.elevation, espcn).rio.crs is None
    with xr.open_dataset(tmp_path / "a.nc", decode_coords="all") as file:
        assert superresolve(file.elevation, espcn).rio.crs == "EPSG:32755"


def pooled():
    """A network that sees the whole map: its halo cannot be known."""
    x = keras.Input((None, None, 1))
    level = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    fine = keras.layers.UpSampling2D(2)(x)
    return keras.Model(x, keras.layers.Add()([fine, keras.layers.UpSampling2D(1)(level)]), name="pooled")


def test_seams_of_a_network_that_sees_everything_are_reported():
    model = pooled()
    assert receptive_field(model) is None
    with pytest.warns(UserWarning, match="pooled: receptive field unknown; tiles overlap by 32 cells") as caught:
        sr = superresolve(mapped(), model, tile=40).elevation
    at_tiles, elsewhere = seams(sr, 2, 96)
    with pytest.warns(UserWarning, match=f"^{re.escape(str(caught[-1].message))}$"):
        warn_of_seams(sr, 2, 96)
    assert at_tiles == pytest.approx(elsewhere, rel=0.5)  # 150 rows are one tile: there is no seam
    offset = SEA.repeat(2, 0).repeat(2, 1)
    assert np.diff(seams(offset, 2, 40)) == pytest.approx(0, abs=2)
    offset[80:160] += 50
    assert seams(offset, 2, 40)[0] > 2 * seams(offset, 2, 40)[1]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_scale_of(small, scale):
    assert scale_of(small("espcn", scale=scale)) == scale
