import numpy as np
import pytest

from bathysr_nb.augment import resample
from bathysr_nb.augment.online import Drawn, OnlineAugmentation, turn_each, zoom_each, zoom_matrices
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.interpolation import keys, keys_taps
from bathysr_nb.pairs.downsampling import downsampling_of, resize

N = 6
HR = seafloor((N * 32, 32), province="ridge", seed=1).reshape(N, 32, 32).astype(np.float64)
ALL = OnlineAugmentation(zoom_range=(0.3, 1.5), horizontal_flip=True, vertical_flip=True, rotation_range=180)
NOTHING = OnlineAugmentation(zoom_range=(1, 1), use_depth_scale=False)


def rng():
    return np.random.default_rng(3)


def one_by_one(patches, drawn, fill_mode="reflect", about=None):
    """Each patch by itself through the offline functions: zoom, turn, flips, depth."""
    out = []
    for i, patch in enumerate(patches):
        one = resample.rotate(resample.zoom(patch[None], [drawn.zoom_y[i]]), [drawn.angle[i]], fill_mode)
        one = one[:, :, ::-1] if drawn.flip_lr[i] else one
        one = one[:, ::-1] if drawn.flip_ud[i] else one
        out.append(resample.stretch(one, [drawn.depth[i]], None if about is None else about[i : i + 1])[0])
    return np.array(out)


@pytest.mark.parametrize("fill_mode", resample.FILL_MODES)
def test_each_patch_is_changed_as_the_offline_functions_change_it(fill_mode):
    augmentation = OnlineAugmentation((0.1, 3.0), True, (0.5, 1.5), True, True, True, 180, fill_mode)
    drawn = augmentation.draw(N, rng())
    assert 0 < drawn.flip_lr.sum() < N  # both cases of both flips are there
    assert 0 < drawn.flip_ud.sum() < N
    expected = one_by_one(HR, drawn, fill_mode)
    np.testing.assert_allclose(augmentation.apply(HR, drawn), expected, atol=1e-9)
    single = augmentation.apply(HR.astype(np.float32), drawn)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-3)


@pytest.mark.parametrize(("size", "n"), [(7, 5), (64, 9), (160, 2)])
def test_any_size_and_more_patches_than_are_resampled_at_once(size, n):
    patches = np.random.default_rng(0).normal(size=(n, size, size))
    drawn = ALL.draw(n, rng())
    np.testing.assert_allclose(ALL.apply(patches, drawn), one_by_one(patches, drawn), atol=1e-10)


def test_rows_and_columns_zoomed_apart():
    rows, columns = np.array([0.5, 0.77, 1.4]), np.array([0.9, 1.0, 0.31])
    zoomed = zoom_each(HR[:3, :, :20], rows, columns)
    for patch, row, column, out in zip(HR[:3, :, :20], rows, columns, zoomed):
        matrix = resample.affine_matrix((32, 20), np.diag([1 / row, 1 / column]))
        np.testing.assert_allclose(out.ravel(), matrix @ patch.ravel(), atol=1e-9)


@pytest.mark.parametrize("zoom", [0.4, 0.75, 2.0])
def test_a_zoomed_ramp_is_steeper_about_the_centre(zoom):
    ramp = np.tile(-3000 + 5.0 * np.arange(64), (1, 64, 1))
    fixed = OnlineAugmentation(zoom_range=(zoom, zoom), use_depth_scale=False)
    out = fixed.apply(ramp, fixed.draw(1, rng()))
    source = 31.5 + (np.arange(64) - 31.5) / zoom
    inside = (source >= 1) & (source <= 62)
    assert inside.sum() > 20
    np.testing.assert_allclose(out[0][:, inside], np.tile(-3000 + 5 * source[inside], (64, 1)), atol=1e-9)


def test_the_rim_is_the_patch_mirrored():
    matrix = zoom_matrices(np.array([0.1, 0.5, 1.0]), 8)
    np.testing.assert_allclose(matrix.sum(axis=2), 1, atol=1e-12)
    np.testing.assert_array_equal(matrix[2], np.eye(8))
    # z = 0.5 takes new cell 0 from 3.5 - 7 = -3.5, between -3 (mirrored: 2) and -4 (3), with -5 (4) and -2 (1) around
    np.testing.assert_allclose(matrix[1, 0], [0, -0.0625, 0.5625, 0.5625, -0.0625, 0, 0, 0], atol=1e-12)


def test_quarter_turns_and_half_turns_only_move_cells():
    turned = turn_each(HR[:4], np.array([90.0, 180, 270, -90]))
    np.testing.assert_allclose(turned, [np.rot90(HR[k], k + 1 if k < 3 else 3) for k in range(4)], atol=1e-9)
    flat = HR[:2, :, :20]
    half = NOTHING.draw(2, rng())._replace(angle=[180, 0])
    np.testing.assert_allclose(NOTHING.apply(flat, half), [flat[0, ::-1, ::-1], flat[1]], atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_depths_are_stretched_about_a_mean_that_stays(dtype):
    stretching = OnlineAugmentation(zoom_range=(1, 1), depth_scale_range=(0.5, 3.0))
    patches = HR.astype(dtype)
    drawn = stretching.draw(N, rng())
    out = stretching.apply(patches, drawn)
    np.testing.assert_allclose(out.mean((1, 2), dtype=float), patches.mean((1, 2), dtype=float), atol=1e-3)
    np.testing.assert_allclose(np.ptp(out, (1, 2)), drawn.depth * np.ptp(patches, (1, 2)), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_patch_nothing_was_drawn_for_is_exactly_as_it_was(dtype):
    patches = HR.astype(dtype)
    patches[2] = -np.geomspace(1e-3, 5000, 32 * 32).reshape(
        32, 32
    )  # depths that a mean taken off and put back would blur
    np.testing.assert_array_equal(NOTHING.apply(patches, NOTHING.draw(N, rng())), patches)
    drawn = Drawn(*map(np.array, ALL.draw(N, rng())))
    for values, nothing in zip(drawn, (1, 1, 1, False, False, 0)):
        values[2] = nothing
    before = patches.copy()
    out = ALL.apply(patches, drawn)
    np.testing.assert_array_equal(out[2], patches[2])
    assert all((out[i] != patches[i]).any() for i in range(N) if i != 2)
    np.testing.assert_array_equal(patches, before)


@pytest.mark.parametrize("method", ["bilinear", "area"])
def test_lr_is_made_again_from_the_changed_hr(method):
    hr = HR.astype(np.float32)
    lr, changed = ALL.pair(resize(hr, 4, method), hr, rng(), method)
    np.testing.assert_array_equal(changed, ALL.apply(hr, ALL.draw(N, rng())))
    np.testing.assert_array_equal(lr, resize(changed, 4, method))
    assert lr.dtype == changed.dtype == np.float32
    assert downsampling_of(lr, changed) == method


def test_lr_of_its_own_is_changed_as_hr():
    lr = resize(HR, 4) + 100  # a source with an offset
    lr_out, hr_out = ALL.pair(lr, HR, rng(), None)
    drawn = ALL.draw(N, rng())
    np.testing.assert_allclose(hr_out, one_by_one(HR, drawn), atol=1e-9)
    means = hr_out.mean(axis=(1, 2))  # a stretch about the mean leaves it where it was
    np.testing.assert_allclose(lr_out, one_by_one(lr, drawn, about=means), atol=1e-9)
    steep = Drawn(*map(np.array, NOTHING.draw(N, rng())))._replace(depth=np.full(N, 3.0))
    assert not np.allclose(one_by_one(lr, steep), one_by_one(lr, steep, about=means))  # so the two can be told apart


def test_patches_of_a_batch_get_draws_of_their_own_and_a_seed_the_same_ones():
    drawn = ALL.draw(50, rng())
    for values in (drawn.zoom_y, drawn.depth, drawn.angle):
        assert len(np.unique(values)) == 50
    for values, again in zip(drawn, ALL.draw(50, rng())):
        np.testing.assert_array_equal(values, again)
    same = np.tile(HR[:1], (4, 1, 1))
    assert len({patch.tobytes() for patch in ALL.pair(resize(same), same, rng(), "area")[1]}) == 4


def test_draws_fill_their_ranges_and_no_more():
    drawn = OnlineAugmentation((0.5, 1.0), False, (0.25, 4), True, True, False, 30).draw(2000, rng())
    for values, (low, high) in zip(drawn[:3] + drawn[5:], [(0.5, 1), (0.5, 1), (0.25, 4), (-30, 30)]):
        share = (values - low) / (high - low)
        assert 0 <= share.min() < 0.01
        assert 0.99 < share.max() <= 1
        assert abs(share.mean() - 0.5) < 0.03
    assert 0.45 < drawn.flip_lr.mean() < 0.55
    assert not drawn.flip_ud.any()


def test_switches():
    default = OnlineAugmentation().draw(20, rng())
    np.testing.assert_array_equal(default.zoom_y, default.zoom_x)
    assert not default.angle.any()
    assert not (default.flip_lr | default.flip_ud).any()
    apart = OnlineAugmentation(zoom_iso=False, use_depth_scale=False, rotation_range=10).draw(20, rng())
    assert (apart.zoom_y != apart.zoom_x).all()
    assert (apart.depth == 1).all()
    np.testing.assert_array_equal(apart.zoom_y, default.zoom_y)  # one switch does not stir the other draws


def test_every_bad_parameter_is_named_at_once():
    with pytest.raises(ValueError, match="online_da: ") as error:
        OnlineAugmentation((1.0, 0.5), "yes", (0, 1.5), 1, None, True, -5, "mirror")
    names = ("zoom_range", "zoom_iso", "depth_scale_range", "use_depth_scale", "horizontal_flip", "rotation_range")
    assert [name for name in (*names, "vertical_flip", "fill_mode") if f"{name} is" in str(error.value)] == [
        *names,
        "fill_mode",
    ]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zoom_range": (0.05, 1)},
        {"zoom_range": (0.5, 11)},
        {"zoom_range": 0.5},
        {"depth_scale_range": (0.5, np.inf)},
        {"rotation_range": 361},
    ],
)
def test_ranges_are_those_of_the_offline_functions(wrong):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} is .*expected"):
        OnlineAugmentation(**wrong)


def test_bad_draws_and_patches_are_named():
    drawn = NOTHING.draw(N, rng())
    with pytest.raises(ValueError, match=r"zoom_x is .*expected 0.1 to 10; angle has shape \(1,\), expected \(6,\)"):
        NOTHING.apply(HR, drawn._replace(zoom_x=np.full(N, 0.05), angle=[3]))
    with pytest.raises(ValueError, match="depth is"):
        NOTHING.apply(HR, drawn._replace(depth=[1, 1, 1, 1, 1, 0]))
    with pytest.raises(ValueError, match="need square patches"):
        NOTHING.apply(HR[:, :16], drawn._replace(angle=np.full(N, 30)))
    with pytest.raises(ValueError, match="whole multiple"):
        NOTHING.pair(HR[:, :20, :20], HR, rng(), "area")
    with pytest.raises(ValueError, match="unknown method 'cubic'"):
        NOTHING.pair(HR[:, ::4, ::4], HR, rng(), "cubic")


def test_an_empty_batch():
    lr, hr = ALL.pair(np.zeros((0, 8, 8)), np.zeros((0, 32, 32)), rng(), "area")
    assert (lr.shape, hr.shape) == ((0, 8, 8), (0, 32, 32))


def test_taps_are_the_kernel():
    fraction = np.linspace(0, 1, 11)
    np.testing.assert_allclose(keys_taps(fraction), [keys(fraction - cell) for cell in range(-1, 3)], atol=1e-15)
