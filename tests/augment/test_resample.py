import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bathysr_nb.augment import resample
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.terrain import mean_slope_gradient

PATCHES = np.random.default_rng(0).normal(size=(3, 16, 16))

HR = seafloor((3 * 64, 64), province="ridge", seed=1).reshape(3, 64, 64)

SMOOTH = np.sin(np.arange(64) / 4)[:, None] * np.cos(np.arange(64) / 5 + 1)[None, None]  # waves of 25 and 31 cells


def keys(d):
    d = abs(d)
    if d <= 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def slow_turn(patch, degrees, pad_mode):
    """The definition, cell by cell, on a padded patch of complex positions."""
    size, rim = len(patch), len(patch)
    padded, middle = np.pad(patch, rim, mode=pad_mode), (len(patch) - 1) / 2
    out = np.empty_like(patch)
    for i in range(size):
        for j in range(size):  # x to the right, y up; the old place is the new one turned back
            old = ((j - middle) + 1j * (middle - i)) * np.exp(-1j * np.deg2rad(degrees))
            row, column = middle - old.imag, middle + old.real
            out[i, j] = sum(
                keys(row - a) * keys(column - b) * padded[a + rim, b + rim]
                for a in range(int(np.floor(row)) - 1, int(np.floor(row)) + 3)
                for b in range(int(np.floor(column)) - 1, int(np.floor(column)) + 3)
            )
    return out


@pytest.mark.parametrize(("fill_mode", "pad_mode"), [("nearest", "edge"), ("reflect", "symmetric"), ("wrap", "wrap")])
def test_turns_agree_with_the_definition_on_a_padded_patch(fill_mode, pad_mode):
    patch = np.random.default_rng(3).normal(size=(5, 5))
    turned = resample.rotate(patch[None], [30, -107.5], fill_mode)
    for copy, degrees in zip(turned, (30, -107.5)):
        np.testing.assert_allclose(copy, slow_turn(patch, degrees, pad_mode), rtol=0, atol=1e-12)


@given(st.sampled_from(list(zip(resample.FILL_MODES, ("edge", "symmetric", "wrap")))), st.integers(1, 6))
def test_the_index_beyond_the_rim_is_that_of_pad(modes, size):
    far = 3 * size
    expected = np.pad(np.arange(size), far, mode=modes[1])
    np.testing.assert_array_equal(resample.extend_index(np.arange(-far, size + far), size, modes[0]), expected)


def test_multiples_of_90_only_move_cells_and_copies_are_interleaved():
    angles = (90, 180, 270, 360, -90)
    copies = resample.rotate(HR, angles)
    assert copies.shape == (15, 64, 64)
    for i, patch in enumerate(HR):
        for k, angle in enumerate(angles):
            np.testing.assert_array_equal(copies[i * 5 + k], np.rot90(patch, angle // 90))
    np.testing.assert_array_equal(resample.rotate(HR[:, :10], [180])[2], HR[2, :10][::-1, ::-1])


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_the_weights_of_a_quarter_turn_are_the_same_turn(angle):
    out = np.empty_like(HR)
    resample.apply_matrix(resample.rotation_matrix((64, 64), angle), HR, out)
    np.testing.assert_allclose(out, np.rot90(HR, angle // 90, axes=(1, 2)), rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.floats(-720, 720), st.floats(-1, 1), st.floats(-1, 1))
def test_a_turned_plane_is_the_turned_plane_inside_the_circle(angle, down, right):
    y, x = np.indices((17, 17)) - 8.0
    turn = np.deg2rad(angle)
    out = resample.rotate((down * y + right * x - 2000)[None], [angle], "wrap")[0]
    old_y, old_x = np.cos(turn) * y + np.sin(turn) * x, -np.sin(turn) * y + np.cos(turn) * x
    inside = np.hypot(y, x) <= 6
    np.testing.assert_allclose(out[inside], (down * old_y + right * old_x - 2000)[inside], rtol=0, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.floats(-180, 180), st.sampled_from(resample.FILL_MODES))
def test_turning_there_and_back_restores_the_middle(angle, fill_mode):
    back = resample.rotate(resample.rotate(SMOOTH, [angle], fill_mode), [-angle], fill_mode)
    middle = (slice(None), slice(20, 44), slice(20, 44))
    np.testing.assert_allclose(back[middle], SMOOTH[middle], rtol=0, atol=0.01)


def test_flat_ground_stays_flat():
    flat = np.full((1, 16, 16), -4321.0, np.float32)
    for copies in (resample.rotate(flat), resample.zoom(flat, [0.1, 0.7, 3])):
        np.testing.assert_allclose(copies, -4321, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "kept"), [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i2", "f8")])
def test_floats_keep_their_precision(dtype, kept):
    patches = (10 * PATCHES).astype(dtype)
    for copies in (
        resample.rotate(patches, [30, 90]),
        resample.zoom(patches, [0.5, 1]),
        resample.stretch(patches, [2]),
    ):
        assert copies.dtype == np.dtype(kept)


def test_single_precision_agrees_with_double_to_a_centimetre():
    deep = HR - 8000
    apart = resample.rotate(deep, [30, 45]) - resample.rotate(deep.astype(float), [30, 45])
    assert np.abs(apart).max() < 0.01


def test_no_patches_no_copies():
    assert resample.rotate(HR[:0], [30]).shape == resample.zoom(HR[:0], [0.5]).shape == (0, 64, 64)


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=4))
def test_stretching_multiplies_slopes_and_keeps_the_mean(factors):
    copies = resample.stretch(PATCHES, factors).reshape(3, len(factors), 16, 16)
    expected = mean_slope_gradient(PATCHES, 50)[:, None] * factors
    np.testing.assert_allclose(mean_slope_gradient(copies, 50), expected, rtol=1e-10)
    np.testing.assert_allclose(copies.mean(axis=(2, 3)).T, [PATCHES.mean(axis=(1, 2))] * len(factors), atol=1e-12)


def test_stretching_about_given_depths_leaves_them():
    copies = resample.stretch(np.array([[[-10.0, -30.0]], [[0.0, 4.0]]]), [3], about=np.array([-10.0, 2.0]))
    np.testing.assert_array_equal(copies, [[[-10, -70]], [[-4, 8]]])


@pytest.mark.parametrize("z", [0.5, 0.7, 0.9, 2.0])
def test_zooming_a_plane_divides_its_slope(z):
    y, x = np.indices((33, 25)) * 50.0
    plane = (0.08 * y - 0.06 * x)[None]
    reach = int(min(12, 10 * z))  # from the centre to the last cell whose 16 cells lie in the patch
    inner = resample.zoom(plane, [z])[:, 16 - reach : 17 + reach, 12 - reach : 13 + reach]
    assert mean_slope_gradient(inner, 50, border="exclude") == pytest.approx(0.1 / z, rel=1e-9)
    assert inner[0, reach, reach] == pytest.approx(plane[0, 16, 12])


def test_a_shrunk_patch_is_mirrored_at_its_rim():
    copy = resample.zoom(SMOOTH, [0.5])[0]  # 32 cells wide in the middle, then its mirror image
    np.testing.assert_allclose(copy[:, 48:], copy[:, 16:48][:, ::-1][:, :16], atol=1e-9)
    np.testing.assert_allclose(copy[:16], copy[16:32][::-1], atol=1e-9)


def test_zoom_of_one_copies():
    np.testing.assert_array_equal(resample.zoom(HR, [0.5, 1])[1::2], HR)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resample.rotate(HR, [30], "mirror"), "'mirror'; choose one of nearest, reflect, wrap"),
        (lambda: resample.rotate(HR, [90], "mirror"), "'mirror'; choose one of nearest, reflect, wrap"),
        (lambda: resample.rotate(HR, [30, "60"]), "angles: '60' is not a finite number"),
        (lambda: resample.rotate(HR, "30"), "angles: '30' is not a finite number"),
        (lambda: resample.rotate(HR, [np.nan]), "angles: nan is not a finite number"),
        (lambda: resample.rotate(HR, np.array([30, np.inf])), "angles: inf is not a finite number"),
        (lambda: resample.rotate(HR, [True]), "angles: True is not a finite number"),
        (lambda: resample.rotate(HR, [None]), "angles: None is not a finite number"),
        (lambda: resample.rotate(HR, []), "angles: found 0 numbers, expected at least 1"),
        (lambda: resample.rotate(HR[:, :8], [90]), r"square patches \(n, h, h\), found shape \(3, 8, 64\)"),
        (lambda: resample.rotate(HR[0], [90]), r"expected patches \(n, h, w\), found shape \(64, 64\)"),
        (lambda: resample.stretch(HR, [0]), "depth factors: 0 is not a finite number above 0"),
        (lambda: resample.stretch(HR, []), "depth factors: found 0"),
        (lambda: resample.stretch(HR, [2], np.zeros(2)), r"one depth a patch, shape \(3,\), found \(2,\)"),
        (lambda: resample.zoom(HR, [-0.5]), "zoom factors: -0.5 is not a finite number above 0"),
        (lambda: resample.zoom(HR, [0.05]), "zoom factors: 0.05 found, expected 0.1 to 10"),
    ],
)
def test_bad_input_is_one_line_with_found_and_expected(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
