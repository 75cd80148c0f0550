import hashlib
import pickle
import tracemalloc
import warnings
from itertools import cycle

import dask
import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from bathysr_nb import grids
from bathysr_nb.files import store
from bathysr_nb.grids import read

UTM = "EPSG:32755"
#: 3 x 4 cells of 50 m (north-south) by 100 m; top left cell -1, below it -5, right of it -2
DEPTHS = -np.arange(1.0, 13).reshape(3, 4)
Y, X = 8000.0 + np.array([125.0, 75, 25]), 500000.0 + np.array([50.0, 150, 250, 350])
BOUNDS = (500000, 8000, 500400, 8150)


def dataset(name="elevation", values=DEPTHS, y=Y, x=X, dims=("y", "x"), **attrs):
    return xr.Dataset({name: (dims, np.asarray(values), attrs)}, {dims[-2]: y, dims[-1]: x})


def save(path, data, engine="h5netcdf", **options):
    data.to_netcdf(path, engine=engine, **options)
    return path


def projected(values=DEPTHS, y=Y, x=X):
    return xr.DataArray(np.asarray(values, "f4"), {"y": y, "x": x}, ("y", "x")).rio.write_crs(UTM)


def degrees(values=DEPTHS, south=28.0, west=128.0, step=0.01):
    rows, columns = np.shape(values)
    lat, lon = south + step * (np.arange(rows)[::-1] + 0.5), west + step * (np.arange(columns) + 0.5)
    return dataset(values=values, y=lat, x=lon, dims=("lat", "lon"))


def make(kind, folder, depths=DEPTHS):
    """Write depths as a small file of each format."""
    path = folder / f"grid{kind}"
    if kind == ".tif":
        projected(depths).rio.to_raster(path)
    elif kind in (".asc", ".grd"):
        rows = "\n".join(" ".join(f"{v:g}" for v in row) for row in depths)
        path.write_text(
            f"ncols 4\nnrows 3\nxllcorner 500000\nyllcorner 8000\ndx 100\ndy 50\nNODATA_value -9999\n{rows}\n"
        )
    elif kind in (".xyz", ".txt", ".csv"):
        comma = "," if kind == ".csv" else "  "
        head = "x,y,altitude\n" if kind == ".csv" else ""
        points = [(X[j], Y[i], depths[i, j]) for i in range(3) for j in range(4)]
        path.write_text(head + "\n".join(comma.join(f"{v:g}" if v < 0 else f"{v}" for v in p) for p in points))
    elif kind in (".pkl", ".pickle"):
        path.write_bytes(pickle.dumps(depths))
    elif kind == ".npy":
        np.save(path, depths)
    else:
        save(path, dataset(values=depths), {".nc": "h5netcdf", ".3.nc": "scipy"}[kind])
    return path


KINDS = (".nc", ".3.nc", ".tif", ".asc", ".grd", ".xyz", ".txt", ".csv")
ARRAYS = (".pkl", ".pickle", ".npy")


def fault(path, match, **options):
    """The error must name the file and be one line, and be the same of a lazy grid."""
    for chunks in (None, 500):
        with pytest.raises(ValueError, match=match) as caught:
            grids.read_grid(path, chunks=chunks, **options)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_bundled_grid_is_the_one_its_script_makes():
    depth = grids.read_grid(grids.bundled_grid())
    assert depth.shape == (1188, 1584)
    assert depth.rio.crs.to_epsg() == 32755
    assert depth.attrs["cell_size"] == pytest.approx((270.90250589988,) * 2)
    np.testing.assert_allclose(depth.rio.bounds()[:2], (285455.22987171, 7953325.2470893), atol=1e-3)
    cells = np.nan_to_num(depth.values, nan=-32768).astype("<i2")
    assert (
        hashlib.sha256(cells.tobytes()).hexdigest()
        == "9bd558cd9738897e28bd0806ec44f09746c34cb6802e36daad61c5e5f8b12a92"
    )
    assert float(depth.max()) == -1


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_with_coordinates(kind, tmp_path):
    grid = grids.read_grid(make(kind, tmp_path))
    assert (grid.dims, grid.dtype) == (("y", "x"), np.float32)
    np.testing.assert_array_equal(grid, DEPTHS)
    np.testing.assert_allclose(grid.rio.bounds(), BOUNDS)
    assert grid.attrs["cell_size"] == (50, 100)
    assert grid.rio.crs == (UTM if kind == ".tif" else None)
    assert grid.values.flags.c_contiguous
    assert grid.values.flags.writeable
    assert grids.read_grid(tmp_path / f"grid{kind}", crs=UTM).rio.crs == UTM


@pytest.mark.parametrize("kind", ARRAYS)
def test_every_format_without_coordinates(kind, tmp_path):
    path = make(kind, tmp_path)
    fault(path, "has no coordinates; give cell_size=")
    grid = grids.read_grid(path, cell_size=(50, 100))
    np.testing.assert_array_equal(grid, DEPTHS)
    np.testing.assert_allclose(grid.rio.bounds(), (0, 0, 400, 150))
    assert (grid.attrs["cell_size"], grid.rio.crs) == ((50, 100), None)
    np.testing.assert_array_equal(grids.read_grid(path, cell_size=50, bounds=(50, 0, 150, 100)), DEPTHS[1:, 1:3])
    for wrong in (0, -5, np.nan, "wide", (1, 2, 3)):
        fault(path, "cell_size is", cell_size=wrong)
    fault(path, "variable is 'z', but", variable="z", cell_size=50)


def test_picture_without_a_place_needs_a_cell_size(tmp_path):
    with warnings.catch_warnings(action="ignore"):
        xr.DataArray(DEPTHS, dims=("y", "x")).rio.to_raster(tmp_path / "plain.tif")
    fault(tmp_path / "plain.tif", "has no coordinates")
    assert grids.read_grid(tmp_path / "plain.tif", cell_size=50).attrs["cell_size"] == (50, 50)
    fault(make(".tif", tmp_path), "coordinates of its own", cell_size=50)


def test_zero_is_missing_in_pickles_only(tmp_path):
    values = np.array([[0.0, -1, -2], [-3, np.nan, -99]])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(values))
    np.save(tmp_path / "a.npy", values)
    known = grids.read_grid(tmp_path / "a.pkl", cell_size=1, missing_value=-99)
    np.testing.assert_array_equal(known, [[np.nan, -1, -2], [-3, np.nan, np.nan]])
    np.testing.assert_array_equal(grids.read_grid(tmp_path / "a.npy", cell_size=1), values)


@pytest.mark.parametrize("order", [(slice(None, None, -1), slice(None)), (slice(None), slice(None, None, -1))])
def test_files_stored_the_other_way_are_turned(order, tmp_path):
    turned = dataset().isel(y=order[0], x=order[1])
    for path in (save(tmp_path / "a.nc", turned), save(tmp_path / "b.nc", turned.transpose("x", "y"), "scipy")):
        grid = grids.read_grid(path)
        np.testing.assert_array_equal(grid, DEPTHS)
        np.testing.assert_allclose(grid.rio.bounds(), BOUNDS)
        assert grid.values.flags.c_contiguous
        np.testing.assert_array_equal(grids.read_grid(path, bounds=(500100, 8000, 500300, 8100)), DEPTHS[1:, 1:3])


def test_leading_dimension_of_one_is_taken_off(tmp_path):
    data = dataset().expand_dims(time=[12.5])
    np.testing.assert_array_equal(grids.read_grid(save(tmp_path / "a.nc", data)), DEPTHS)
    fault(save(tmp_path / "b.nc", xr.concat([data, data], "time")), r"shape \(2, 3, 4\)", variable="elevation")


def test_gmt_grid_with_degree_units(tmp_path):
    data = degrees().rename(elevation="z", lat="north", lon="east")
    data.north.attrs["units"], data.east.attrs["units"] = "degrees_north", "degrees_east"
    grid = grids.read_grid(save(tmp_path / "gmt.grd", data, "scipy"))
    assert grid.rio.crs == "EPSG:4326"
    np.testing.assert_array_equal(grid, DEPTHS)
    fault(save(tmp_path / "b.nc", dataset(dims=("j", "i"))), "dimensions j, i; expected y and x")


def test_packed_integers(tmp_path):
    coded = {"elevation": {"dtype": "i2", "scale_factor": 0.5, "add_offset": -3.0, "_FillValue": -32768}}
    values = np.where(DEPTHS == -6, np.nan, DEPTHS)
    for engine in ("h5netcdf", "scipy"):
        path = save(tmp_path / f"{engine}.nc", dataset(values=values), engine, encoding=coded)
        np.testing.assert_array_equal(grids.read_grid(path), values)
    whole = projected(np.nan_to_num(values, nan=-9999)).astype("i2").rio.write_nodata(-9999)
    whole.attrs |= {"scale_factor": 0.1, "add_offset": 1.0}
    whole.rio.to_raster(tmp_path / "packed.tif")
    np.testing.assert_allclose(grids.read_grid(tmp_path / "packed.tif"), values * 0.1 + 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "attrs", "turned"),
    [
        ("elevation", {"positive": "down"}, True),
        ("z", {"standard_name": "sea_floor_depth_below_sea_level"}, True),
        ("z", {"long_name": "Depth below datum"}, True),
        ("deptho", {}, True),
        ("depth", {"flag_values": [1, 2]}, False),
    ],
)
def test_depth_positive_is_told_by_metadata(name, attrs, turned, tmp_path):
    grid = grids.read_grid(save(tmp_path / "a.nc", dataset(name, -DEPTHS, **attrs)))
    np.testing.assert_array_equal(grid, DEPTHS if turned else -DEPTHS)


@pytest.mark.parametrize("kind", [*KINDS, *ARRAYS])
def test_positive_depths_are_never_taken_for_mountains(kind, tmp_path):
    path, options = make(kind, tmp_path, -DEPTHS), {"cell_size": (50, 100)} if kind in ARRAYS else {}
    fault(path, r"no cell lies below 0 \(1 to 12 m\); give positive='down'", **options)
    np.testing.assert_array_equal(grids.read_grid(path, positive="down", **options), DEPTHS)
    np.testing.assert_array_equal(grids.read_grid(path, positive="up", **options), -DEPTHS)
    fault(path, "positive is 'left'; choose one of up, down", positive="left", **options)


def test_a_window_never_turns_the_sign(tmp_path):
    values = np.where(np.arange(12).reshape(3, 4) < 8, -DEPTHS, -300)  # land in the south
    declared = save(tmp_path / "a.nc", dataset("depth", values, standard_name="sea_floor_depth_below_sea_level"))
    whole = grids.read_grid(declared)
    window = grids.read_grid(declared, bounds=(500000, 8000, 500400, 8100))
    np.testing.assert_array_equal(window, whole[1:])
    assert float(window.max()) == 300
    named = save(tmp_path / "b.nc", dataset("depth", values))
    for bounds in (None, (500000, 8000, 500400, 8100)):
        fault(
            named, "depth is called depth and holds negative numbers .* positive='up' or positive='down'", bounds=bounds
        )
        assert float(grids.read_grid(named, positive="down", bounds=bounds).max()) == 300


def test_land(tmp_path):
    path = save(tmp_path / "a.nc", dataset(values=DEPTHS + 3))
    assert float(grids.read_grid(path).max()) == 2
    np.testing.assert_array_equal(np.isnan(grids.read_grid(path, land="mask")), DEPTHS + 3 >= 0)
    fault(path, "land is 'drop'; choose one of keep, mask", land="drop")
    fault(save(tmp_path / "b.nc", dataset(values=-DEPTHS)), "positive='down'", land="mask")


def test_variables(tmp_path):
    two = dataset("first").assign(second=dataset("second", DEPTHS * 2).second)
    path = save(tmp_path / "two.nc", two)
    fault(path, "found first, second; name the depth variable with variable=")
    np.testing.assert_array_equal(grids.read_grid(path, "second"), DEPTHS * 2)
    fault(path, "expected variable 'third', found first, second", variable="third")
    fault(save(tmp_path / "both.nc", two.rename(first="z", second="Elevation")), "found z, Elevation; name")
    assert grids.read_grid(save(tmp_path / "one.nc", two.rename(second="TOPO"))).name == "TOPO"
    fault(save(tmp_path / "none.nc", dataset().drop_vars("elevation")), "found none")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.where(DEPTHS < -10, np.inf, DEPTHS), "2 infinite cells"),
        (np.full((3, 4), 1e300), "12 infinite cells"),
        (np.full((3, 4), np.nan), "all cells are missing"),
        (DEPTHS > 0, "found elevation|holds bool"),
    ],
)
def test_values_that_are_no_depths(values, match, tmp_path):
    fault(save(tmp_path / "a.nc", dataset(values=values)), match)


def test_shapes_and_coordinates_that_are_no_grid(tmp_path):
    fault(save(tmp_path / "row.nc", dataset().isel(y=[0])), r"shape \(1, 4\)")
    fault(save(tmp_path / "bent.nc", dataset(x=X + [0, 0, 0, 12])), "steps of x are irregular")
    fault(save(tmp_path / "nan.nc", dataset(y=[1.0, np.nan, 3])), "steps of y are irregular")
    fault(save(tmp_path / "km.nc", dataset(x=("x", X, {"units": "km"}))), "coordinate x is in km")
    fault(save(tmp_path / "feet.nc", dataset(units="feet")), "elevation is in feet; expected metres")
    fault(save(tmp_path / "small.nc", dataset(y=Y / 1e5, x=X / 1e5)), "look like degrees; give crs=")
    np.save(tmp_path / "cube.npy", np.zeros((2, 3, 4)))
    fault(tmp_path / "cube.npy", r"shape \(2, 3, 4\)", cell_size=1)
    np.save(tmp_path / "objects.npy", np.array([[{}, {}]] * 2), allow_pickle=True)
    fault(tmp_path / "objects.npy", "not a npy file", cell_size=1)


def test_single_precision_degrees_are_regular(tmp_path):
    data = degrees(np.full((40, 50), -1.0), step=1 / 240)
    data = data.assign_coords(lat=data.lat.astype("f4"), lon=data.lon.astype("f4"))
    assert grids.read_grid(save(tmp_path / "a.nc", data)).shape == (40, 50)


def test_reference_systems(tmp_path):
    path = make(".tif", tmp_path)
    assert grids.read_grid(path, crs=32755).rio.crs == UTM
    fault(path, "crs is EPSG:32754, but the file has EPSG:32755", crs="EPSG:32754")
    fault(path, "crs is 'mars'; expected", crs="mars")
    plain = make(".nc", tmp_path)
    fault(plain, "in degrees, but y reaches 8125", crs="EPSG:4326")
    fault(plain, "expected degrees or a projection in metres", crs="EPSG:2263")  # US feet
    path = save(tmp_path / "degrees.nc", degrees())
    assert grids.read_grid(path, crs="EPSG:4612").rio.crs.to_epsg() == 4612
    fault(path, "but the file has degrees", crs=UTM)


def test_grid_mapping_that_names_an_ellipsoid_only(tmp_path):
    data = degrees()
    data.elevation.attrs["grid_mapping"] = "crs"
    ellipsoid = {"semi_major_axis": 6378137.0, "inverse_flattening": 298.257223563}
    data["crs"] = ((), np.array(b"", "S1"), {"grid_mapping_name": "latitude_longitude"} | ellipsoid)
    for engine in ("h5netcdf", "scipy"):
        path = save(tmp_path / f"{engine}.nc", data, engine)
        assert grids.read_grid(path).rio.crs.to_epsg() == 4326
        assert grids.read_grid(path, crs="EPSG:4326").rio.crs.to_epsg() == 4326
    with warnings.catch_warnings(action="error", category=UserWarning):  # named, but not in the file
        assert grids.read_grid(save(path, data.drop_vars("crs"), "scipy")).rio.crs.to_epsg() == 4326


@pytest.mark.parametrize("latitude", [0, 28, -60])
def test_cell_size_of_degrees_against_a_hand_formula(latitude, tmp_path):
    path = save(tmp_path / "a.nc", degrees(south=latitude))
    dy, dx = grids.read_grid(path).attrs["cell_size"]
    assert dy == pytest.approx(0.01 * 111_320, rel=0.01)
    assert dx == pytest.approx(0.01 * 111_320 * np.cos(np.radians(latitude + 0.015)), rel=0.01)


def test_warning_when_the_width_varies(tmp_path):
    path = save(tmp_path / "a.nc", degrees(np.full((100, 4), -1.0), south=59.5))
    # cos 59.505 / cos 60.495 differ by 3% of cos 60
    with pytest.warns(UserWarning, match=r"a\.nc: dx varies by 3\.0% between the rows") as caught:
        grids.read_grid(path)
    assert caught[0].filename == __file__
    with warnings.catch_warnings(action="error", category=UserWarning):
        grids.read_grid(path, bounds=(128, 60, 128.04, 60.2))


def test_window_faults(tmp_path):
    for kind in KINDS:
        path = make(kind, tmp_path)
        fault(path, r"not inside the file's \(500000, 8000, 500400, 8150\)", bounds=(0, 0, 10, 10))
        fault(path, "not inside", bounds=(500300, 8000, 500100, 8150))
        fault(path, "not inside", bounds=(500000, 8000, np.nan, 8150))
        fault(path, "expected at least 2 cells", bounds=(500000, 8000, 500100, 8150))
        fault(path, r"expected \(left, bottom, right, top\)", bounds=(1, 2, 3))
        window = grids.read_grid(path, bounds=(500100, 8000, 500300, 8100))
        np.testing.assert_array_equal(window, DEPTHS[1:, 1:3])
        np.testing.assert_allclose(window.rio.bounds(), (500100, 8000, 500300, 8100))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """16 MB of depths in each format that can be read in windows."""
    folder = tmp_path_factory.mktemp("large")
    values = -1 - np.random.default_rng(0).random((2000, 2000), dtype="f4")
    grid = projected(values, 8000 + 50 * (np.arange(2000)[::-1] + 0.5), 50 * (np.arange(2000) + 0.5))
    plain = grid.drop_vars("spatial_ref").to_dataset(name="z")
    save(folder / "a.4.nc", plain, encoding={"z": {"chunksizes": (250, 250)}})
    save(folder / "a.3.nc", plain, "scipy")
    grid.rio.to_raster(folder / "a.tif", tiled=True)
    with warnings.catch_warnings(action="ignore"):  # it has no place
        xr.DataArray(values, dims=("y", "x")).rio.to_raster(folder / "a.plain.tif", tiled=True)
    np.save(folder / "a.npy", values)
    return folder, values


@pytest.mark.parametrize("kind", ["4.nc", "3.nc", "tif", "plain.tif", "npy"])
def test_window_does_not_load_the_file(kind, large):
    folder, values = large
    options = {"cell_size": 50, "bounds": (0, 95000, 5000, 100000)} if kind in ("plain.tif", "npy") else {}
    options = {"bounds": (0, 103000, 5000, 108000)} | options
    grids.read_grid(folder / f"a.{kind}", **options)  # imports count once
    tracemalloc.start()
    window = grids.read_grid(folder / f"a.{kind}", **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(window, values[:100, :100])
    assert peak < values.nbytes / 8


@pytest.mark.parametrize(("kind", "land"), zip([*KINDS, *ARRAYS], cycle(["keep", "mask"])))
def test_lazy_is_the_same(kind, land, tmp_path):
    options = {"land": land, "missing_value": -7.0} | ({"cell_size": (50, 100)} if kind in ARRAYS else {})
    path = make(kind, tmp_path)
    plain, lazy = (grids.read_grid(path, chunks=chunks, **options) for chunks in (None, 2))
    assert (max(map(max, lazy.chunks)), lazy.dtype) == (2, np.float32)
    xr.testing.assert_identical(lazy.compute(), plain)
    assert (lazy.encoding["source"], int(np.isnan(lazy).sum())) == (plain.encoding["source"], 1)


def test_chunks_are_a_number_of_cells(tmp_path):
    path = make(".nc", tmp_path)
    for wrong in (0, -5, 1.5, True):
        with pytest.raises(ValueError, match=r"grid.nc: chunks is .*expected a number of cells"):
            grids.read_grid(path, chunks=wrong)


def test_lazy_depth_is_turned_and_land_masked(tmp_path):
    values = -DEPTHS.copy()
    values[0, 0] = -20  # a hill
    path = save(tmp_path / "a.nc", dataset("depth", values, positive="down"))
    lazy = grids.read_grid(path, land="mask", chunks=2)
    np.testing.assert_array_equal(lazy, np.where(values > 0, -values, np.nan))


@pytest.mark.parametrize("kind", ["4.nc", "3.nc", "tif"])
def test_lazy_grid_is_never_loaded_whole(kind, large):
    folder, values = large
    with dask.config.set(scheduler="synchronous"):
        grids.read_grid(folder / f"a.{kind}", chunks=250)  # imports count once
        tracemalloc.start()
        lazy = grids.read_grid(folder / f"a.{kind}", chunks=250)
        low, high = float(lazy.min()), float(lazy.max())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (low, high) == (values.min(), values.max())
    assert peak < values.nbytes / 4


@pytest.mark.parametrize("kind", ["4.nc", "tif"])
def test_window_reads_where_the_rest_is_damaged(kind, large, tmp_path):
    import h5py

    folder, values = large
    path = tmp_path / f"a.{kind}"
    path.write_bytes((folder / path.name).read_bytes())
    if kind == "4.nc":
        path.unlink()
        plain = xr.load_dataset(folder / path.name, engine="h5netcdf")
        save(path, plain, encoding={"z": {"chunksizes": (250, 250), "zlib": True}})
        with h5py.File(path) as file:
            chunk = file["z"].id.get_chunk_info_by_coord((1750, 1750))
        with open(path, "r+b") as file:
            file.seek(chunk.byte_offset)
            file.write(b"\xff" * chunk.size)
    else:
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size // 2)
    window = grids.read_grid(path, bounds=(0, 103000, 5000, 108000))
    np.testing.assert_array_equal(window, values[:100, :100])
    fault(path, "damaged, or not a")


@pytest.mark.parametrize("kind", [".nc", ".3.nc", ".tif", ".pkl", ".npy"])
@pytest.mark.parametrize("part", [0.2, 0.6, 0.97])
def test_truncated_files(kind, part, tmp_path):
    path = make(kind, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    fault(path, "damaged|not a pickle", **({"cell_size": 50} if kind in ARRAYS else {}))


def test_files_that_are_no_grids(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.nc: no such file"):
        grids.read_grid(tmp_path / "nothing.nc")
    (tmp_path / "text.nc").write_text("not a grid")
    fault(tmp_path / "text.nc", r"text\.nc: not a grid file; expected NetCDF")
    (tmp_path / "words.txt").write_text("not a grid\nat all, no\n")
    fault(tmp_path / "words.txt", "damaged, or not a XYZ file")
    for kind in ("nc", "tif", "asc", "xyz", "npy", "pkl"):
        (tmp_path / f"empty.{kind}").touch()
        fault(tmp_path / f"empty.{kind}", "empty file")
    (tmp_path / "new.nc").write_bytes(b"CDF\x05" + bytes(40))
    fault(tmp_path / "new.nc", "nccopy")
    path = make(".asc", tmp_path)
    path.write_text(path.read_text()[:-20])
    fault(path, "holds '-'; expected numbers|holds 9 values; its header says 3 rows of 4")


def test_ascii_nodata_and_square_cells(tmp_path):
    (tmp_path / "a.asc").write_text(
        "NCOLS 2\nNROWS 2\nXLLCENTER 5\nYLLCENTER 5\nCELLSIZE 10\nNODATA_VALUE -9999\n-1 -2\n-9999 -4\n"
    )
    grid = grids.read_grid(tmp_path / "a.asc")
    np.testing.assert_array_equal(grid, [[-1, -2], [np.nan, -4]])
    np.testing.assert_allclose(grid.rio.bounds(), (0, 0, 20, 20))


def test_xyz_holes_headers_and_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# a comment\nLat, Lon, Depth\n10.0,120.0,1\n10.1,120.1,2\n10.1,120.3,3\n")
    grid = grids.read_grid(path)
    np.testing.assert_array_equal(grid, [[np.nan, -2, np.nan, -3], [-1, np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(grid.rio.bounds(), (119.95, 9.95, 120.35, 10.15))
    assert grid.rio.crs == "EPSG:4326"
    path.write_text("x,y,z,error\n0,0,-1,9\n10,0,-2,9\n0,10,-3,9\n10,10,-4,9\n")
    np.testing.assert_array_equal(grids.read_grid(path), [[-3, -4], [-1, -2]])
    assert float(grids.read_grid(path, "error", positive="up").min()) == 9


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 0 -1\n1 0 -2\n0 1 -3\n1 1 -4\n1 0 -5", "2 points at x 1, y 0; expected one a cell"),
        ("0 0 -1\n1 0 -2\n2.5 1 -3\n0 1 -3", "steps of x are irregular"),
        ("0 0 -1\n1 0 -2\n2 0 -3", "1 different values of y"),
        ("0 0 -1\n1 1e9 -2\n0 1 -3", "3 values of y on 1000000001 cells"),
        ("0 0 -1 5\n1 0 -2 5", "4 columns and no header"),
        ("0 0 -1\n1 nan -2\n0 1 -3\n1 1 -4", "none missing"),
        ("a b c\n0 0 -1\n1 0 -2", "expected a header with x or lon"),
        ("x y a b\n0 0 -1 2\n1 0 -2 2", "found a, b; name the depth variable"),
    ],
)
def test_xyz_that_is_no_grid(text, match, tmp_path):
    (tmp_path / "a.xyz").write_text(text)
    fault(tmp_path / "a.xyz", match)


def test_source_codes(tmp_path):
    codes = np.array([[0, 11, 40, 70], [17, 11, 41, 0]], "i1")
    attrs = {"long_name": "Depth source Type Identifier", "flag_values": np.array([0, 11], "i1")}
    both = dataset(values=DEPTHS[:2], y=Y[:2]).assign(tid=dataset("tid", codes, y=Y[:2], **attrs).tid)
    for engine in ("h5netcdf", "scipy"):
        tid = grids.read_grid(save(tmp_path / f"{engine}.nc", both, engine), "tid")
        np.testing.assert_array_equal(tid, codes)
        assert "positive" not in tid.attrs
    expected = [[False, True, False, False], [True, True, False, False]]
    np.testing.assert_array_equal(read.measured(tid, range(10, 18)), expected)
    np.testing.assert_array_equal(read.measured(codes, {11, 17}), expected)
    with pytest.raises(ValueError, match=r"keep \[99\]; the grid holds 0, 11, 17, 40, 41, 70"):
        read.measured(tid, [99])
    with pytest.raises(ValueError, match="keep is empty"):
        read.measured(tid, [])


def test_pickles_run_nothing(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    fault(tmp_path / "a.pkl", "it would load os.system", cell_size=1)
    store.save_patches(tmp_path / "b.pkl", np.zeros((2, 3, 3)))
    fault(tmp_path / "b.pkl", r"shape \(2, 3, 3, 1\)", cell_size=1)
