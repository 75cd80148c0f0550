"""Files as they are found: other units, fills, signs, headers, axes and bands than the plain ones of test_read."""

import gzip
import warnings
import zipfile

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin

from bathysr_nb import grids
from bathysr_nb.grids import asciigrid, vertical

ROWS, COLUMNS = 6, 7
DEPTHS = -(100 + np.arange(ROWS * COLUMNS, dtype="f4").reshape(ROWS, COLUMNS))
HEADER = {"ncols": COLUMNS, "nrows": ROWS, "xllcorner": 500000, "yllcorner": 8000000, "cellsize": 50}
HOLE = (2, 3)


def holed(fill, dtype="f4"):
    values = DEPTHS.astype(dtype)
    values[HOLE] = fill
    return values


def ascii_grid(path, depths=DEPTHS, header=HEADER, words=None):
    cells = [[f"{value:g}" for value in row] for row in depths]
    for (row, column), word in (words or {}).items():
        cells[row][column] = word
    head = "".join(f"{key} {value}\n" for key, value in header.items())
    path.write_text(head + "".join(" ".join(row) + "\n" for row in cells))
    return path


def geotiff(path, bands=DEPTHS, crs="EPSG:32651", transform=None, names=None, units=None, **options):
    bands = bands if bands.ndim == 3 else bands[None]
    options |= {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
    transform = transform or from_origin(4e5, 8e6, 50, 50)
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **options) as file:
        file.write(bands)
        file.descriptions = names or file.descriptions
        file.units = units or file.units
    return path


def netcdf(path, depths=DEPTHS, lat=None, lon=None, name="elevation", engine="h5netcdf", encoding=None, **attrs):
    lat = 10 + (np.arange(ROWS)[::-1] + 0.5) / 240 if lat is None else lat
    lon = 120 + (np.arange(COLUMNS) + 0.5) / 240 if lon is None else lon
    data = xr.Dataset({name: (("lat", "lon"), depths, attrs)}, {"lat": lat, "lon": lon})
    data.to_netcdf(path, engine=engine, encoding={name: encoding or {}})
    return path


def refused(path, match, **options):
    with warnings.catch_warnings(action="ignore"), pytest.raises(ValueError, match=match) as caught:
        grids.read_grid(path, **options)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


# ESRI ASCII


@pytest.mark.parametrize("word", ["NA", "nan", "NaN", "null", "N/A"])
def test_words_for_missing_cells_in_ascii(word, tmp_path):
    for header in (HEADER, HEADER | {"NODATA_value": -9999}, HEADER | {"nodata_value": "nan"}):
        grid = grids.read_grid(ascii_grid(tmp_path / "a.asc", header=header, words={HOLE: word}))
        np.testing.assert_array_equal(grid, holed(np.nan))


@pytest.mark.parametrize("word", ["-", "*", "land", "-12,5", "1-2", "1.234.567", "1D3", "0x10", "--5", "e"])
def test_words_that_are_no_depths_in_ascii(word, tmp_path):
    refused(ascii_grid(tmp_path / "a.asc", words={(0, 1): word}), "holds '.*'; expected numbers")


@pytest.mark.parametrize("key", HEADER)
def test_no_value_of_an_ascii_header_is_guessed(key, tmp_path):
    lacking = {other: value for other, value in HEADER.items() if other != key}
    refused(ascii_grid(tmp_path / "a.asc", header=lacking), f"the header lacks .*{key[:3]}")
    refused(ascii_grid(tmp_path / "b.asc", header=HEADER | {key: "many"}), f"{key} is 'many' in the header")
    twice = ascii_grid(tmp_path / "c.asc")
    twice.write_text(f"{key} {HEADER[key]}\n" + twice.read_text())
    refused(twice, f"expected {key} once")


def test_an_ascii_body_must_be_what_its_header_says(tmp_path):
    for key in ("ncols", "nrows"):
        refused(
            ascii_grid(tmp_path / "a.asc", header=HEADER | {key: HEADER[key] + 1}), "holds 42 values; its header says"
        )
    refused(ascii_grid(tmp_path / "b.asc", header=HEADER | {"colour": "red"}), "'colour red'; expected a key of")
    path = ascii_grid(tmp_path / "bom.asc", words={HOLE: "NA"})
    path.write_text(path.read_text(), encoding="utf-8-sig")
    np.testing.assert_array_equal(grids.read_grid(path), holed(np.nan))


@given(st.text("0123456789+-.eE NA\n,\t", max_size=12))
def test_the_fast_check_of_ascii_numbers_agrees_with_the_exact_one(text):
    count, is_plain = asciigrid._survey(text.encode())
    assert count == len(text.split())
    assert is_plain == (asciigrid._WORD.search(text.encode()) is None)


# fill values


@pytest.mark.parametrize(
    ("fill", "dtype"), [(-32768, "i2"), (-99999, "f4"), (np.finfo("f4").min, "f4"), (1.70141e38, "f4")]
)
def test_a_number_that_no_depth_has_is_named(fill, dtype, tmp_path):
    path = geotiff(tmp_path / "a.tif", holed(fill, dtype))
    refused(path, r"1 cells hold .* is no depth \(expected -12000 to 9000 m\); .* missing_value=")
    np.testing.assert_array_equal(grids.read_grid(path, missing_value=float(fill)), holed(np.nan))
    np.testing.assert_array_equal(grids.read_grid(path, missing_value=float(f"{fill:.2g}")), holed(np.nan))


@pytest.mark.parametrize(
    ("dtype", "fill"), [("i2", -32767), ("i4", -2147483647), ("f4", 9.96921e36), ("f8", 9.96921e36)]
)
def test_default_fill_values_of_netcdf(dtype, fill, tmp_path):
    plain = {"_FillValue": None} if dtype[0] == "f" else {}
    for engine in ("h5netcdf", "scipy"):
        path = netcdf(tmp_path / f"{engine}.nc", holed(fill, dtype), engine=engine, encoding=plain)
        np.testing.assert_array_equal(grids.read_grid(path), holed(np.nan))
    declared = netcdf(tmp_path / "b.nc", holed(fill, dtype), encoding={"_FillValue": np.dtype(dtype).type(-7)})
    refused(declared, "is no depth")  # the file has a fill value of its own, so this one is a number like any other


@pytest.mark.parametrize("limits", [{"valid_min": -12000.0}, {"valid_range": [-12000.0, 0.0]}, {"valid_max": 0.0}])
def test_the_valid_range_of_netcdf(limits, tmp_path):
    outside = 500 if "valid_max" in limits else -20000
    grid = grids.read_grid(netcdf(tmp_path / "a.nc", holed(outside), **limits))
    np.testing.assert_array_equal(grid, holed(np.nan))
    packed = {"dtype": "i2", "scale_factor": 0.5, "_FillValue": np.int16(-32768)}
    path = netcdf(tmp_path / "b.nc", holed(-16000), encoding=packed, valid_min=np.int16(-24000))  # of packed numbers
    np.testing.assert_array_equal(grids.read_grid(path), holed(np.nan))


# units and datum


@pytest.mark.parametrize(
    "unit", ["ft", "foot", "feet", "Feet", "US survey foot", "us-ft", "usft", "ftUS", "US_survey_feet", "fathoms", "fm",
             "km", "kilometers", "cm", "centimetres", "0.1 m", "international foot"]
)  # fmt: skip
def test_other_units_are_refused_wherever_they_stand(unit, tmp_path):
    refused(netcdf(tmp_path / "a.nc", units=unit), f"elevation is in {unit.lower()}; expected metres")
    refused(geotiff(tmp_path / "a.tif", units=(unit,)), f"the grid is in {unit.lower()}; expected metres")
    (tmp_path / "a.csv").write_text(f"x,y,z [{unit}]\n0,0,-1\n50,0,-2\n0,50,-3\n50,50,-4\n")
    refused(tmp_path / "a.csv", f"z is in {unit.lower()}; expected metres")
    data = xr.Dataset({"z": (("y", "x"), DEPTHS)}, {"y": np.arange(6.0), "x": ("x", np.arange(7.0), {"units": unit})})
    data.to_netcdf(tmp_path / "axis.nc")
    refused(tmp_path / "axis.nc", "coordinate x is in")


@pytest.mark.parametrize("unit", ["m", "metre", "meters", "Metres", "m above sea level", "mtr"])
def test_metres_in_every_spelling(unit, tmp_path):
    np.testing.assert_array_equal(grids.read_grid(netcdf(tmp_path / "a.nc", units=unit)), DEPTHS)


def test_vertical_reference_systems(tmp_path):
    refused(geotiff(tmp_path / "ft.tif", crs="EPSG:26918+6360"), "the grid is in us survey foot")
    axes = {"y": 8e6 - 50 * np.arange(6.0), "x": 4e5 + 50 * np.arange(7.0)}
    feet = xr.DataArray(DEPTHS, axes, ("y", "x"), "z").to_dataset().rio.write_crs("EPSG:26918+6360")
    feet.to_netcdf(tmp_path / "ft.nc")
    refused(tmp_path / "ft.nc", "z is in US survey foot by its vertical reference system NAVD88")
    refused(
        geotiff(tmp_path / "horizontal.tif", crs="EPSG:2263"), "is in US survey foot; expected degrees or a projection"
    )
    grid = grids.read_grid(geotiff(tmp_path / "m.tif", crs="EPSG:26918+5703"))
    assert grid.attrs["vertical_datum"] == "NAVD88 height"
    for suffix in (".tif", ".nc", ".bag"):
        grids.write_grid(grid, tmp_path / f"out{suffix}")
        again = grids.read_grid(tmp_path / f"out{suffix}")
        assert again.attrs["vertical_datum"] == "NAVD88 height"
        assert "5703" in again.rio.crs.to_wkt()
        np.testing.assert_array_equal(again, DEPTHS)


def test_an_unknown_datum_is_not_called_sea_level(tmp_path):
    grid = grids.read_grid(geotiff(tmp_path / "a.tif"))
    assert (grid.attrs["vertical_datum"], grid.attrs["long_name"]) == ("unknown", "elevation, vertical datum unknown")
    for suffix in (".tif", ".nc", ".bag"):
        grids.write_grid(grid, tmp_path / f"out{suffix}")
        assert grids.read_grid(tmp_path / f"out{suffix}").attrs["vertical_datum"] == "unknown"
    known = grids.read_grid(netcdf(tmp_path / "b.nc", standard_name="height_above_mean_sea_level"))
    grids.write_grid(known, tmp_path / "c.tif")
    assert grids.read_grid(tmp_path / "c.tif").attrs["long_name"] == "elevation relative to mean sea level"


# place and cell size


def test_mercator_cells_are_measured_on_the_ground(tmp_path):
    path = geotiff(tmp_path / "a.tif", crs="EPSG:3857", transform=from_origin(1e6, 8399738, 450, 450))  # at 60 N
    assert grids.read_grid(path).attrs["cell_size"] == pytest.approx((225, 225), rel=0.01)
    equator = geotiff(tmp_path / "b.tif", crs="EPSG:3857", transform=from_origin(1e6, 1e3, 450, 450))
    assert grids.read_grid(equator).attrs["cell_size"] == (450, 450)
    flat = geotiff(tmp_path / "c.tif", crs="EPSG:4087", transform=from_origin(1e6, 6679169, 450, 450))  # at 60 N
    assert grids.read_grid(flat).attrs["cell_size"] == pytest.approx((450, 225), rel=0.01)
    tall = geotiff(tmp_path / "d.tif", crs="EPSG:3857", transform=from_origin(1e6, 8.6e6, 450, 1e5))
    with pytest.warns(UserWarning, match="dx varies by"):
        grids.read_grid(tall)


@pytest.mark.parametrize("step", [1 / 240, 1.0])
def test_degrees_are_never_taken_for_metres(step, tmp_path):
    axes = {"y": -30 + step * np.arange(6.0), "x": 100 + step * np.arange(7.0)}
    path = tmp_path / "a.nc"
    xr.Dataset({"z": (("y", "x"), DEPTHS)}, axes).to_netcdf(path)
    refused(path, "look like degrees; give crs='EPSG:4326'")
    assert grids.read_grid(path, crs="EPSG:4326").attrs["cell_size"][0] == pytest.approx(step * 110_800, rel=0.01)
    assert grids.read_grid(path, crs="EPSG:32755").attrs["cell_size"] == pytest.approx((step, step))


@pytest.mark.parametrize("decimals", [5, "single"])
def test_rounded_coordinates_are_regular(decimals, tmp_path):
    lat, lon = (start + (np.arange(size) + 0.5) / 240 for start, size in ((10, 60), (179, 70)))
    lat, lon = ((a.astype("f4") if decimals == "single" else a.round(decimals)) for a in (lat, lon))
    path = netcdf(tmp_path / "a.nc", np.full((60, 70), -5.0), lat, lon)
    assert grids.read_grid(path).attrs["cell_size"][0] == pytest.approx(110_600 / 240, rel=0.01)
    x, y = (side.ravel() for side in np.meshgrid(lon, lat))
    np.savetxt(tmp_path / "a.xyz", np.stack([x, y, 0 * x - 5], 1), fmt="%.5f")
    assert grids.read_grid(tmp_path / "a.xyz", crs="EPSG:4326").shape == (60, 70)


def test_gmt_files_of_before_2004(tmp_path):
    for node_offset, left in ((0, 120.0), (1, 120.5)):
        ranges = {"x_range": [120.0, 126 + node_offset], "y_range": [10.0, 15 + node_offset], "spacing": [1.0, 1.0]}
        old = {name: ("side", values) for name, values in ranges.items()}
        old["dimension"] = ("side", np.array([COLUMNS, ROWS], "i4"))
        old["z"] = ("xysize", DEPTHS.ravel() / 2, {"scale_factor": 2.0, "node_offset": np.int32(node_offset)})
        xr.Dataset(old).to_netcdf(tmp_path / "old.grd", engine="scipy")
        grid = grids.read_grid(tmp_path / "old.grd", crs="EPSG:4326")
        np.testing.assert_array_equal(grid, DEPTHS)  # the first row of such a file is the northern one
        assert float(grid.x[0]) == left


@pytest.mark.parametrize("how", ["names", "standard_name", "axis"])
def test_axes_are_found_by_what_says_it(how, tmp_path):
    y, x = {"names": ("northing", "easting")}.get(how, ("rows", "cols"))
    said = {"standard_name": [{how: f"projection_{a}_coordinate"} for a in "yx"], "axis": [{how: "Y"}, {how: "X"}]}
    attrs = said.get(how, [{}, {}])
    axes = {y: (y, 8e6 + 50 * np.arange(6.0)[::-1], attrs[0]), x: (x, 4e5 + 50 * np.arange(7.0), attrs[1])}
    xr.Dataset({"z": ((x, y), DEPTHS.T)}, axes).to_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(grids.read_grid(tmp_path / "a.nc"), DEPTHS)


def test_the_date_line(tmp_path):
    east = 179.98 + (np.arange(COLUMNS) + 0.5) / 240
    for lon in (np.where(east > 180, east - 360, east), east):
        grid = grids.read_grid(netcdf(tmp_path / "a.nc", lon=lon))
        np.testing.assert_allclose(grid.x, east, atol=1e-9)
        np.testing.assert_array_equal(grid, DEPTHS)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_grid_with_nodes_at_the_poles_can_be_read_when_it_is_finer(scale, tmp_path):
    from bathysr_nb.grids import georeference

    lat, lon = np.linspace(90, -90, 19), np.arange(0.0, 360, 10)
    with warnings.catch_warnings(action="ignore"):
        coarse = grids.read_grid(netcdf(tmp_path / "a.nc", np.full((19, 36), -5.0), lat, lon))
        axes = georeference.finer_axes(coarse, scale)
        fine = xr.DataArray(np.full((19 * scale, 36 * scale), -5.0), axes, ("y", "x")).rio.write_crs("EPSG:4326")
        for suffix in (".nc", ".tif"):
            grids.write_grid(fine, tmp_path / f"fine{suffix}")
            assert grids.read_grid(tmp_path / f"fine{suffix}").shape == fine.shape


def test_rotated_grids_keep_their_place_by_the_remedy(tmp_path):
    turned = rasterio.Affine(50, 10, 4e5, 10, -50, 8e6)
    refused(geotiff(tmp_path / "a.tif", transform=turned), "rotated or sheared; turn it north up first: gdalwarp")
    axes = {"rlat": ("rlat", np.arange(6.0), {"standard_name": "grid_latitude"}), "rlon": np.arange(7.0)}
    xr.Dataset({"z": (("rlat", "rlon"), DEPTHS)}, axes).to_netcdf(tmp_path / "b.nc")
    refused(tmp_path / "b.nc", "rotated pole; warp it first: gdalwarp")


# bands and other formats


def test_bands_are_picked_by_description_or_number(tmp_path):
    bands = np.stack([DEPTHS, np.ones_like(DEPTHS), DEPTHS * 2])
    path = geotiff(tmp_path / "a.tif", bands, names=("Elevation", "Uncertainty", "Contributor"))
    np.testing.assert_array_equal(grids.read_grid(path), DEPTHS)
    for name in ("Contributor", "contributor", "3"):
        np.testing.assert_array_equal(grids.read_grid(path, variable=name), DEPTHS * 2)
    refused(path, "band 'slope', found bands Elevation, Uncertainty, Contributor", variable="slope")
    refused(geotiff(tmp_path / "b.tif", bands), "found bands 1, 2, 3; name the depth band with variable=")


def test_bag_is_written_and_read(tmp_path):
    uncertainty = xr.DataArray(np.full_like(DEPTHS, 2.5), dims=("y", "x"))
    depth = grids.read_grid(geotiff(tmp_path / "a.tif", holed(np.nan)))
    both = xr.Dataset({"elevation": depth, "uncertainty": uncertainty.assign_coords(y=depth.y, x=depth.x)})
    grids.write_grid(both.rio.write_crs(depth.rio.crs), tmp_path / "a.bag")
    with rasterio.open(tmp_path / "a.bag") as file:
        assert (file.driver, file.count, file.descriptions) == ("BAG", 2, ("elevation", "uncertainty"))
        assert file.bounds == (4e5, 8e6 - 50 * ROWS, 4e5 + 50 * COLUMNS, 8e6)
        assert file.read(1)[HOLE] == file.nodata == 1e6
        assert (file.read(2) == 2.5).all()
        assert "UTM zone 51N" in file.crs.to_wkt()
    again = grids.read_grid(tmp_path / "a.bag")
    np.testing.assert_array_equal(again, holed(np.nan))
    np.testing.assert_array_equal(grids.read_grid(tmp_path / "a.bag", "uncertainty", positive="up"), uncertainty)
    assert again.rio.crs == depth.rio.crs
    with pytest.raises(ValueError, match="a BAG holds elevation and uncertainty; found elevation, spread"):
        grids.write_grid(both.rename(uncertainty="spread").rio.write_crs(depth.rio.crs), tmp_path / "b.bag")
    with pytest.raises(ValueError, match="a BAG needs a reference system"):
        grids.write_grid(grids.read_grid(ascii_grid(tmp_path / "c.asc")), tmp_path / "c.bag")
    assert not (tmp_path / "b.bag").exists()
    assert not (tmp_path / "c.bag").exists()


@pytest.mark.parametrize("driver", ["GSBG", "GSAG", "GS7BG"])
def test_surfer_grids(driver, tmp_path):
    import rasterio.shutil

    rasterio.shutil.copy(geotiff(tmp_path / "a.tif"), tmp_path / "a.grd", driver=driver)
    np.testing.assert_allclose(grids.read_grid(tmp_path / "a.grd"), DEPTHS, atol=1e-3)


def test_packed_files_name_their_remedy(tmp_path):
    plain = ascii_grid(tmp_path / "a.asc")
    (tmp_path / "a.asc.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.write(plain)
    refused(tmp_path / "a.asc.gz", "is packed with gzip; unpack it")
    refused(tmp_path / "a.zip", "is packed with zip; unpack it")


@pytest.mark.parametrize("separator", [";", "\t", ",", " "])
def test_columns_in_every_dialect(separator, tmp_path):
    y, x = (axis.ravel() for axis in np.mgrid[8000000:7999700:-50, 400000:400350:50])
    rows = [[f"{a}", f"{b}", f"{c:.1f}"] for a, b, c in zip(x, y, DEPTHS.ravel())]
    for head in ("x{0}y{0}z", "Easting{0}Northing{0}z", '"x"{0}"y"{0}"z"', "x{0}y{0}z\nm{0}m{0}m", "x{0}y{0}z[m]"):
        for decimal in (".", ",") if separator in ";\t" else (".",):
            text = "\n".join(separator.join(row).replace(".", decimal) for row in rows)
            (tmp_path / "a.csv").write_text(head.format(separator) + "\n" + text)
            np.testing.assert_array_equal(grids.read_grid(tmp_path / "a.csv"), DEPTHS)


def test_names_of_the_reading_group_are_those_of_read_grid():
    import dataclasses
    import inspect

    names = {field.name for field in dataclasses.fields(grids.Reading)}
    assert names | {"path", "land", "chunks"} == set(inspect.signature(grids.read_grid).parameters)


def test_a_number_that_a_depth_may_have_is_taken_exactly():
    np.testing.assert_array_equal(vertical.without(np.float32([-99, -99.5, -98]), -99), [np.nan, -99.5, -98])


# what a second pair of eyes found


def test_ascii_headers_that_gdal_takes_for_others(tmp_path):
    mixed = HEADER | {"yllcenter": HEADER["yllcorner"] + 25}
    del mixed["yllcorner"]
    for name, header in (("mixed", mixed), ("order", {"nodata": -9999} | HEADER)):
        grid = grids.read_grid(ascii_grid(tmp_path / f"{name}.asc", header=header))
        np.testing.assert_allclose(grid.rio.bounds(), (500000, 8000000, 500350, 8000300))
        np.testing.assert_array_equal(grid, DEPTHS)
    del mixed["cellsize"]
    for sizes in ({"dx": 50, "dy": -50}, {"cellsize": 50, "dx": 50, "dy": 40}, {"dx": 50}):
        refused(ascii_grid(tmp_path / "sizes.asc", header=mixed | sizes), "needs cellsize, or both dx and dy, above 0")


@pytest.mark.parametrize("chunks", [None, 3])
def test_a_corrected_ascii_grid_keeps_its_reference_system_and_can_be_lazy(chunks, tmp_path):
    path = ascii_grid(tmp_path / "a.asc", words={HOLE: "NA"})
    (tmp_path / "a.prj").write_text(rasterio.crs.CRS.from_epsg(32651).to_wkt())
    grid = grids.read_grid(path, chunks=chunks)
    np.testing.assert_array_equal(grid, holed(np.nan))
    assert grid.rio.crs == "EPSG:32651"


def test_files_that_say_nothing_of_their_place_or_turn_it(tmp_path):
    refused(geotiff(tmp_path / "a.tif", transform=rasterio.Affine.identity()), "has no coordinates; give cell_size=")
    for units in ("radians", "arcsec", "grads"):
        data = xr.Dataset({"z": (("lat", "lon"), DEPTHS)}, {"lat": np.arange(6.0), "lon": np.arange(7.0)})
        data.lat.attrs["units"] = units
        data.to_netcdf(tmp_path / "units.nc")
        refused(tmp_path / "units.nc", f"coordinate lat is in {units}; expected metres or degrees")
    grads = from_origin(2, 50, 0.01, 0.01)
    refused(geotiff(tmp_path / "grads.tif", crs="EPSG:4807", transform=grads), "is not in degrees")
    two = {"lat": (("y", "x"), DEPTHS * 0), "lon": (("y", "x"), DEPTHS * 0)}
    xr.Dataset({"h": (("y", "x"), DEPTHS)}, two).to_netcdf(tmp_path / "curved.nc")
    refused(tmp_path / "curved.nc", "have 2 dimensions .a curvilinear grid.; regrid it", variable="h")
    band = np.stack([DEPTHS, np.where(DEPTHS < -120, 0, 255)]).astype("f4")
    path = geotiff(tmp_path / "alpha.tif", band)
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (rasterio.enums.ColorInterp.gray, rasterio.enums.ColorInterp.alpha)
    refused(path, "an alpha band; write a value instead: gdalwarp -dstnodata", variable=1)


@pytest.mark.parametrize("unit", ["hm", "dbar", "m/s", "m*100", "metres * 10", "meters (x10)", "meters; feet", "pieds"])
def test_units_that_are_not_plainly_metres_are_refused(unit, tmp_path):
    refused(netcdf(tmp_path / "a.nc", units=unit), "expected metres")


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("depth_ft", {}),
        ("z", {"long_name": "Elevation in feet"}),
        ("z", {"long_name": "Elevation (ft)"}),
        ("z", {"unit": "feet"}),
        ("z", {"Units": "fathoms"}),
        ("z", {"geospatial_vertical_units": "feet"}),
    ],
)
def test_units_in_names_and_other_attributes(name, attrs, tmp_path):
    refused(netcdf(tmp_path / "a.nc", name=name, **attrs), f"{name} is in (ft|feet|fathoms); expected metres")


def test_feet_of_a_vertical_system_without_a_name(tmp_path):
    wkt = rasterio.crs.CRS.from_user_input("EPSG:26918+6360").to_wkt()
    start = wkt.index("VERT_CS[")
    unnamed = (
        wkt[:start]
        + 'VERT_CS["unknown",VERT_DATUM["unknown",2005],UNIT["US survey foot",0.304800609601219],AXIS["h",UP]]]'
    )
    axes = {"y": 8e6 - 50 * np.arange(6.0), "x": 4e5 + 50 * np.arange(7.0)}
    data = xr.DataArray(DEPTHS, axes, ("y", "x"), "z").to_dataset().rio.write_crs(unnamed)
    data.to_netcdf(tmp_path / "a.nc")
    refused(tmp_path / "a.nc", "US survey foot by its vertical reference system unknown")


def test_a_window_over_land_is_judged_as_the_whole_file(tmp_path):
    values = DEPTHS.copy()
    values[:2] = 200  # land in the north; depths of a variable called depth, stored negative
    path = netcdf(tmp_path / "a.nc", values, name="depth")
    north = (120, 10 + 4 / 240, 120 + 7 / 240, 10 + 6 / 240)
    for bounds in (None, north):
        refused(path, "holds negative numbers", bounds=bounds)
    assert float(grids.read_grid(path, positive="up", bounds=north).min()) == 200


def test_ambiguous_names_and_contradicting_metadata_are_asked_about(tmp_path):
    drying = -DEPTHS.copy()
    drying[0, 0] = -2
    refused(
        netcdf(tmp_path / "a.nc", drying, name="bathymetry"), "bathymetry holds negative numbers .* positive='up' or"
    )
    assert float(grids.read_grid(tmp_path / "a.nc", positive="down").min()) == DEPTHS.min()
    refused(
        netcdf(tmp_path / "b.nc", standard_name="sea_floor_depth_below_geoid"), "no cell lies below 0 .* positive='up'"
    )
    np.testing.assert_array_equal(grids.read_grid(tmp_path / "b.nc", positive="up"), DEPTHS)


def test_a_vertical_axis_that_points_down_is_not_kept_on_heights(tmp_path):
    path = geotiff(tmp_path / "a.tif", -DEPTHS, crs="EPSG:32651+5715")  # MSL depth
    grid = grids.read_grid(path)
    np.testing.assert_array_equal(grid, DEPTHS)
    assert grid.attrs["vertical_datum"] == "Mean Sea Level"
    for suffix in (".tif", ".nc"):
        grids.write_grid(grid, tmp_path / f"out{suffix}")
        again = grids.read_grid(tmp_path / f"out{suffix}")
        np.testing.assert_array_equal(again, DEPTHS)
        assert "DOWN" not in again.rio.crs.to_wkt()
        assert again.attrs["vertical_datum"] == "Mean Sea Level"


def test_a_9999_among_no_such_depths_is_asked_about(tmp_path):
    refused(geotiff(tmp_path / "a.tif", holed(-9999)), "1 cells hold -9999, .* give missing_value=-9999")
    trench = DEPTHS - 9880  # -9,980 to -10,021 m: a trench, whose cell of -9,999 m is one
    assert float(grids.read_grid(geotiff(tmp_path / "b.tif", trench)).max()) == trench.max()


@pytest.mark.parametrize("attrs", [{"missing_value": "-9999"}, {"nodata": -9999.0}, {"fill_value": "-9999."}])
def test_fill_values_in_other_words(attrs, tmp_path):
    np.testing.assert_array_equal(grids.read_grid(netcdf(tmp_path / "a.nc", holed(-9999), **attrs)), holed(np.nan))


def test_a_valid_range_in_words(tmp_path):
    path = netcdf(tmp_path / "a.nc", holed(-11000), valid_range="-9000, 9000")
    np.testing.assert_array_equal(grids.read_grid(path), holed(np.nan))
    np.testing.assert_array_equal(grids.read_grid(netcdf(tmp_path / "b.nc", valid_min="deep")), DEPTHS)


def test_columns_that_are_no_plain_columns(tmp_path):
    path = tmp_path / "a.xyz"
    places = [(50 + i / 240, 10 + j / 240) for i in range(3) for j in range(3)]  # latitude first
    path.write_text("# lat lon depth\n" + "".join(f"{lat:.6f} {lon:.6f} 9\n" for lat, lon in places))
    grid = grids.read_grid(path)
    assert (float(grid.y.max()), float(grid.x.min())) == (pytest.approx(50 + 2 / 240), pytest.approx(10))
    path.write_text("".join(f"{lat - 40:.6f} {lon + 110:.6f} -9\n" for lat, lon in places))
    refused(path, "the columns have no names and the first looks like latitude")
    path.write_text("".join(f"{400000 + i * 50};{8000000 + j * 50};-2,00{j}\n" for i in range(2) for j in range(2)))
    refused(path, "may be a decimal or thousands")
    path.write_text("x,y,z,who\n" + "".join(f"{i * 50},{8000 + j * 50},-5,me\n" for i in range(2) for j in range(2)))
    assert grids.read_grid(path, "z").shape == (2, 2)
    refused(path, "column who: .* expected numbers", variable="who")
    path.write_text("400000,5 8000,0 -1,5\n400000,5 8050,0 -1,5\n")
    refused(path, "1 different values of x")
    path.write_text("x y z\n")
    refused(path, "no line with three numbers")


def test_bag_keeps_degrees_with_heights_and_a_datum_in_words(tmp_path):
    degrees = from_origin(120, 10, 0.01, 0.01)
    for crs, datum in (("EPSG:9518", "EGM2008"), ("EPSG:4979", ""), ("EPSG:4326", "")):
        depth = grids.read_grid(geotiff(tmp_path / "a.tif", crs=crs, transform=degrees))
        grids.write_grid(depth, tmp_path / "a.bag", overwrite=True)
        again = grids.read_grid(tmp_path / "a.bag")
        assert again.rio.crs.is_geographic
        assert datum.lower() in again.attrs["vertical_datum"].lower()
    chart = grids.read_grid(geotiff(tmp_path / "b.tif")).assign_attrs(vertical_datum="MLLW")
    grids.write_grid(chart, tmp_path / "b.bag")
    assert grids.read_grid(tmp_path / "b.bag").attrs["vertical_datum"] in ("MLLW", "Mean Lower Low Water")
    (tmp_path / "b.bag").rename(tmp_path / "b.h5")
    refused(tmp_path / "b.h5", r"a BAG, whose name must end in \.bag")


def test_the_layers_beside_the_depths_are_read_as_they_are(tmp_path):
    depth = grids.read_grid(geotiff(tmp_path / "a.tif"))
    width = (abs(depth) / 10).assign_attrs(long_name="half-width", units="m")
    both = xr.Dataset({"elevation": depth, "uncertainty": width}).rio.write_crs(depth.rio.crs)
    for suffix in (".nc", ".tif", ".bag"):
        grids.write_grid(both, tmp_path / f"b{suffix}")
        np.testing.assert_allclose(grids.read_grid(tmp_path / f"b{suffix}", "uncertainty"), width, rtol=1e-6)


def test_a_bag_of_variable_resolution_names_its_remedy(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.bag", "w") as file:
        file.create_group("BAG_root").create_dataset("varres_metadata", data=np.zeros((2, 2)))
    refused(
        tmp_path / "a.bag", "variable-resolution refinements; resample it .* gdal_translate -oo MODE=RESAMPLED_GRID"
    )
