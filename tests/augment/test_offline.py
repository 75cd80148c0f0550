import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bathysr_nb import augment
from bathysr_nb.augment import offline, preview, resample
from bathysr_nb.files import store
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.manual import augmenting
from bathysr_nb.pairs import downsampling
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.terrain import mean_slope_gradient

PATCHES = np.random.default_rng(0).normal(size=(3, 16, 16))


def test_variants_are_distinct_and_interleaved():
    copies = augment.variants(PATCHES)
    assert copies.shape == (15, 16, 16)
    assert len({copy.tobytes() for copy in (*copies, *PATCHES)}) == 18
    np.testing.assert_array_equal(copies[1 * 5 + 3], np.rot90(PATCHES[1]))
    np.testing.assert_array_equal(augment.flip(PATCHES)[2 * 3 + 1], PATCHES[2][:, ::-1])


@pytest.mark.parametrize("name", augment.VARIANTS)
def test_a_variant_keeps_slope_and_pairing(name):
    turned = augment.variant(PATCHES, name)
    np.testing.assert_allclose(mean_slope_gradient(turned, 50), mean_slope_gradient(PATCHES, 50), rtol=1e-12)
    np.testing.assert_allclose(resize(turned), augment.variant(resize(PATCHES), name), rtol=1e-12)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="turn_90, turn_270"):
        augment.variant(PATCHES, "turn_45")
    with pytest.raises(ValueError, match="square patches"):
        augment.variants(PATCHES[:, :8])


def test_rectangles_can_be_flipped():
    np.testing.assert_array_equal(augment.flip(PATCHES[:, :8])[0], PATCHES[0, :8][::-1])


# --- turns, zooms and stretches of arrays

HR = seafloor((3 * 64, 64), province="ridge", seed=1).reshape(3, 64, 64)
LR = resize(HR)
SMOOTH = np.sin(np.arange(64) / 4)[:, None] * np.cos(np.arange(64) / 5 + 1)[None, None]  # waves of 25 and 31 cells
NAMES = ["data_HR.pkl", "data_LR.pkl"]
SAVED = ["more_HR.pkl", "more_LR.pkl"]


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
    turned = offline.rotate(patch[None], [30, -107.5], fill_mode)
    for copy, degrees in zip(turned, (30, -107.5)):
        np.testing.assert_allclose(copy, slow_turn(patch, degrees, pad_mode), rtol=0, atol=1e-12)


@given(st.sampled_from(list(zip(resample.FILL_MODES, ("edge", "symmetric", "wrap")))), st.integers(1, 6))
def test_the_index_beyond_the_rim_is_that_of_pad(modes, size):
    far = 3 * size
    expected = np.pad(np.arange(size), far, mode=modes[1])
    np.testing.assert_array_equal(resample.extend_index(np.arange(-far, size + far), size, modes[0]), expected)


def test_multiples_of_90_only_move_cells_and_copies_are_interleaved():
    angles = (90, 180, 270, 360, -90)
    copies = offline.rotate(HR, angles)
    assert copies.shape == (15, 64, 64)
    for i, patch in enumerate(HR):
        for k, angle in enumerate(angles):
            np.testing.assert_array_equal(copies[i * 5 + k], np.rot90(patch, angle // 90))
    np.testing.assert_array_equal(offline.rotate(HR[:, :10], [180])[2], HR[2, :10][::-1, ::-1])


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
    out = offline.rotate((down * y + right * x - 2000)[None], [angle], "wrap")[0]
    old_y, old_x = np.cos(turn) * y + np.sin(turn) * x, -np.sin(turn) * y + np.cos(turn) * x
    inside = np.hypot(y, x) <= 6
    np.testing.assert_allclose(out[inside], (down * old_y + right * old_x - 2000)[inside], rtol=0, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.floats(-180, 180), st.sampled_from(resample.FILL_MODES))
def test_turning_there_and_back_restores_the_middle(angle, fill_mode):
    back = offline.rotate(offline.rotate(SMOOTH, [angle], fill_mode), [-angle], fill_mode)
    middle = (slice(None), slice(20, 44), slice(20, 44))
    np.testing.assert_allclose(back[middle], SMOOTH[middle], rtol=0, atol=0.01)


def test_flat_ground_stays_flat():
    flat = np.full((1, 16, 16), -4321.0, np.float32)
    for copies in (offline.rotate(flat), offline.zoom(flat, [0.1, 0.7, 3])):
        np.testing.assert_allclose(copies, -4321, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "kept"), [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i2", "f8")])
def test_floats_keep_their_precision(dtype, kept):
    patches = (10 * PATCHES).astype(dtype)
    for copies in (offline.rotate(patches, [30, 90]), offline.zoom(patches, [0.5, 1]), offline.stretch(patches, [2])):
        assert copies.dtype == np.dtype(kept)


def test_single_precision_agrees_with_double_to_a_centimetre():
    deep = HR - 8000
    apart = offline.rotate(deep, [30, 45]) - offline.rotate(deep.astype(float), [30, 45])
    assert np.abs(apart).max() < 0.01


def test_no_patches_no_copies():
    assert offline.rotate(HR[:0], [30]).shape == offline.zoom(HR[:0], [0.5]).shape == (0, 64, 64)


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=4))
def test_stretching_multiplies_slopes_and_keeps_the_mean(factors):
    copies = offline.stretch(PATCHES, factors).reshape(3, len(factors), 16, 16)
    expected = mean_slope_gradient(PATCHES, 50)[:, None] * factors
    np.testing.assert_allclose(mean_slope_gradient(copies, 50), expected, rtol=1e-10)
    np.testing.assert_allclose(copies.mean(axis=(2, 3)).T, [PATCHES.mean(axis=(1, 2))] * len(factors), atol=1e-12)


def test_stretching_about_given_depths_leaves_them():
    copies = offline.stretch(np.array([[[-10.0, -30.0]], [[0.0, 4.0]]]), [3], about=np.array([-10.0, 2.0]))
    np.testing.assert_array_equal(copies, [[[-10, -70]], [[-4, 8]]])


@pytest.mark.parametrize("z", [0.5, 0.7, 0.9, 2.0])
def test_zooming_a_plane_divides_its_slope(z):
    y, x = np.indices((33, 25)) * 50.0
    plane = (0.08 * y - 0.06 * x)[None]
    reach = int(min(12, 10 * z))  # from the centre to the last cell whose 16 cells lie in the patch
    inner = offline.zoom(plane, [z])[:, 16 - reach : 17 + reach, 12 - reach : 13 + reach]
    assert mean_slope_gradient(inner, 50, border="exclude") == pytest.approx(0.1 / z, rel=1e-9)
    assert inner[0, reach, reach] == pytest.approx(plane[0, 16, 12])


def test_a_shrunk_patch_is_mirrored_at_its_rim():
    copy = offline.zoom(SMOOTH, [0.5])[0]  # 32 cells wide in the middle, then its mirror image
    np.testing.assert_allclose(copy[:, 48:], copy[:, 16:48][:, ::-1][:, :16], atol=1e-9)
    np.testing.assert_allclose(copy[:16], copy[16:32][::-1], atol=1e-9)


def test_zoom_of_one_copies():
    np.testing.assert_array_equal(offline.zoom(HR, [0.5, 1])[1::2], HR)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: offline.rotate(HR, [30], "mirror"), "'mirror'; choose one of nearest, reflect, wrap"),
        (lambda: offline.rotate(HR, [90], "mirror"), "'mirror'; choose one of nearest, reflect, wrap"),
        (lambda: offline.rotate(HR, [30, "60"]), "angles: '60' is not a finite number"),
        (lambda: offline.rotate(HR, "30"), "angles: '30' is not a finite number"),
        (lambda: offline.rotate(HR, [np.nan]), "angles: nan is not a finite number"),
        (lambda: offline.rotate(HR, np.array([30, np.inf])), "angles: inf is not a finite number"),
        (lambda: offline.rotate(HR, [True]), "angles: True is not a finite number"),
        (lambda: offline.rotate(HR, [None]), "angles: None is not a finite number"),
        (lambda: offline.rotate(HR, []), "angles: found 0 numbers, expected at least 1"),
        (lambda: offline.rotate(HR[:, :8], [90]), r"square patches \(n, h, h\), found shape \(3, 8, 64\)"),
        (lambda: offline.rotate(HR[0], [90]), r"expected patches \(n, h, w\), found shape \(64, 64\)"),
        (lambda: offline.stretch(HR, [0]), "depth factors: 0 is not a finite number above 0"),
        (lambda: offline.stretch(HR, []), "depth factors: found 0"),
        (lambda: offline.stretch(HR, [2], np.zeros(2)), r"one depth a patch, shape \(3,\), found \(2,\)"),
        (lambda: offline.zoom(HR, [-0.5]), "zoom factors: -0.5 is not a finite number above 0"),
        (lambda: offline.zoom(HR, [0.05]), "zoom factors: 0.05 found, expected 0.1 to 10"),
        (lambda: augment.scale_pairs(LR, HR, [], []), "dscales and xyscales: both empty"),
        (lambda: augment.scale_pairs(LR, HR, ["a"]), "dscales: 'a' is not a finite number above 0"),
        (lambda: augment.flip_pairs(LR, HR, "copy"), "unknown method 'copy'; choose one of bilinear, area"),
        (lambda: augment.flip_pairs(LR[:2], HR), "as many patches in both"),
        (lambda: augment.flip_pairs(LR[:, :, :8], HR), "whole multiple of LR, the same in both directions"),
        (lambda: augment.flip_pairs(HR, LR), r"HR has shape \(3, 16, 16\) and LR \(3, 64, 64\)"),
        (lambda: augment.flip_pairs(LR[..., None], HR[..., None]), r"expected \(n, H, W\) and \(n, h, w\)"),
        (lambda: preview.preview(HR, 3), "no patch 3, expected 0 to 2"),
    ],
)
def test_bad_input_is_one_line_with_found_and_expected(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


# --- pairs


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (augment.flip_pairs, ["up_down", "left_right", "both"]),
        (lambda *pair: augment.rotate_pairs(*pair, angles=(30, 90)), ["rotate_30_reflect", "rotate_90_reflect"]),
        (augment.scale_pairs, "depth_0.5 depth_0.8 depth_1.2 depth_1.5 zoom_0.5 zoom_0.7 zoom_0.9".split()),
    ],
    ids=["flip", "rotate", "scale"],
)
def test_copies_say_what_they_are_and_remade_lr_is_downsampled_hr(make, names):
    copies = make(LR, HR)
    np.testing.assert_array_equal(copies.lr, resize(copies.hr))
    assert copies.variant.tolist() == names * 3
    assert copies.source_index.tolist() == np.repeat(np.arange(3), len(names)).tolist()
    assert copies.lr.dtype == copies.hr.dtype == np.float32


def test_names_tell_what_was_done():
    scaled, turned = augment.scale_pairs(LR, HR), augment.rotate_pairs(LR, HR, [90, 22.5], "nearest")
    for name, copy in zip(scaled.variant[7:14], scaled.hr[7:14]):
        kind, factor = name.split("_")
        make = {"depth": offline.stretch, "zoom": offline.zoom}[kind]
        np.testing.assert_array_equal(copy, make(HR[1:2], [float(factor)])[0])
    assert turned.variant.tolist()[:2] == ["rotate_90_nearest", "rotate_22.5_nearest"]
    np.testing.assert_array_equal(turned.hr[2], np.rot90(HR[1]))


def test_pairs_are_the_array_functions_of_both_sides():
    other = PATCHES.astype(np.float32)  # an LR with a source of its own
    turned = augment.rotate_pairs(other, HR, [30], "wrap", downsampling=None)
    np.testing.assert_array_equal(turned.lr, offline.rotate(other, [30], "wrap"))
    np.testing.assert_array_equal(turned.hr, offline.rotate(HR, [30], "wrap"))
    scaled = augment.scale_pairs(other, HR, [2], [0.7], downsampling=None)
    np.testing.assert_array_equal(scaled.lr[::2], offline.stretch(other, [2], HR.mean(axis=(1, 2), dtype=float)))
    np.testing.assert_array_equal(scaled.lr[1::2], offline.zoom(other, [0.7]))
    np.testing.assert_array_equal(augment.scale_pairs(LR, HR, [], [0.7]).hr, scaled.hr[1::2])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_flips_and_quarter_turns_give_the_same_lr_both_ways(scale):
    whole = np.round(HR[:, :48, :48])  # sums of whole metres are exact in any order
    small = resize(whole, scale)
    for make in (
        augment.flip_pairs,
        lambda *pair, downsampling: augment.rotate_pairs(*pair, (90, 180, 270), downsampling=downsampling),
    ):
        remade, changed = (make(small, whole, downsampling=mode) for mode in ("bilinear", None))
        np.testing.assert_array_equal(remade.lr, changed.lr)


def test_depth_stretch_gives_the_same_lr_both_ways_and_other_turns_do_not():
    remade, changed = (
        augment.scale_pairs(LR, HR, downsampling=mode).lr.reshape(3, 7, 16, 16) for mode in ("bilinear", None)
    )
    np.testing.assert_allclose(remade[:, :4], changed[:, :4], rtol=1e-6)
    remade, changed = (augment.rotate_pairs(LR, HR, [30], downsampling=mode).lr for mode in ("bilinear", None))
    difference = np.sqrt(np.mean((remade - changed)[:, 3:-3, 3:-3] ** 2))
    relief = LR.std(axis=(1, 2)).mean()
    assert 0.001 * relief < difference < 0.2 * relief


def test_preview_shows_each_augmentation_once():
    titles = [ax.get_title() for ax in preview.preview(HR, index=1).axes]
    assert titles[:4] == ["original", "up_down", "left_right", "both"]
    assert {"rotate_30_nearest", "rotate_30_reflect", "rotate_30_wrap", "rotate_90", "rotate_180"} < set(titles)
    assert {"depth_0.5", "depth_1.5", "zoom_0.5", "zoom_0.9"} < set(titles)


# --- files


@pytest.fixture
def train_dir(tmp_path):
    store.save_pair(tmp_path / "train", LR, HR)
    return tmp_path / "train"


def test_files_and_their_table(train_dir):
    hr_path, lr_path, table_path = augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs)
    assert [hr_path.name, lr_path.name, table_path.name] == [*SAVED, "more_HR_source.csv"]
    copies, table = augment.flip_pairs(LR, HR), pd.read_csv(table_path)
    np.testing.assert_array_equal(store.load_patches(hr_path)[..., 0], copies.hr)
    np.testing.assert_array_equal(store.load_patches(lr_path)[..., 0], copies.lr)
    assert table.columns.tolist() == ["index", "source_index", "variant"]
    assert table.to_numpy().tolist()[3:5] == [[3, 1, "up_down"], [4, 1, "left_right"]]


def test_originals_come_first(train_dir):
    files = augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs, with_originals=True)
    hr, lr = (store.load_patches(path)[..., 0] for path in files[:2])
    np.testing.assert_array_equal(hr[:3], HR)
    np.testing.assert_array_equal(lr[:3], LR)
    np.testing.assert_array_equal(hr[3:], augment.flip(HR))
    table = pd.read_csv(files[2])
    assert table["variant"].tolist()[:4] == ["original"] * 3 + ["up_down"]
    assert table["source_index"].tolist() == [0, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("name", ["validation", "test"])
def test_only_the_training_set_is_augmented(tmp_path, name):
    store.save_pair(tmp_path / name, LR, HR)
    with pytest.raises(ValueError, match=rf"training set only: .*{name}; pass force=True \(--force\) to do it anyway"):
        augmenting.augment_files(tmp_path / name, NAMES, SAVED, augment.flip_pairs)
    with pytest.raises(ValueError, match="training set only"):
        augmenting.augment_files(tmp_path, [f"{name}/{file}" for file in NAMES], SAVED, augment.flip_pairs)
    assert len(list(tmp_path.rglob("*.*"))) == 2
    assert len(augmenting.augment_files(tmp_path / name, NAMES, SAVED, augment.flip_pairs, force=True)) == 3


def test_nothing_is_replaced_unasked(train_dir):
    augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs)
    before = (train_dir / "more_LR.pkl").read_bytes()
    (train_dir / "more_HR.pkl").unlink()
    with pytest.raises(FileExistsError, match=r"more_LR\.pkl: exists already; pass overwrite=True"):
        augmenting.augment_files(train_dir, NAMES, SAVED, augment.scale_pairs)
    assert (train_dir / "more_LR.pkl").read_bytes() == before
    assert not (train_dir / "more_HR.pkl").exists()
    augmenting.augment_files(train_dir, NAMES, SAVED, augment.scale_pairs, overwrite=True)
    assert len(store.load_patches(train_dir / "more_LR.pkl")) == 21


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("overwrite", [False, True])
def test_all_files_or_none(train_dir, monkeypatch, error, overwrite):
    if overwrite:
        augmenting.augment_files(train_dir, NAMES, SAVED, augment.flip_pairs)
    before = {path.name: path.read_bytes() for path in train_dir.iterdir()}
    save, saved = store.save_patches, []

    def fail_on_the_second(path, *arguments, **options):
        if saved:
            raise error
        saved.append(path)
        save(path, *arguments, **options)

    monkeypatch.setattr(store, "save_patches", fail_on_the_second)
    with pytest.raises(type(error)):
        augmenting.augment_files(train_dir, NAMES, SAVED, augment.scale_pairs, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in train_dir.iterdir()} == before


@pytest.mark.parametrize(
    ("data", "saved", "message"),
    [
        ("data_HR.pkl", SAVED, r"train_data: expected two file names \[HR, LR\], found 'data_HR.pkl'"),
        (NAMES, SAVED[:1], r"train_savedata: expected two file names \[HR, LR\]"),
        (NAMES, NAMES, "expected four different files"),
        (NAMES, [SAVED[0], SAVED[0]], "expected four different files"),
        (NAMES[::-1], SAVED, r"data_LR\.pkl has shape .* and .*data_HR\.pkl .*whole multiple"),
        (["data_HR.pkl", "two.pkl"], SAVED, r"data_HR\.pkl has shape .*two\.pkl .*as many patches"),
    ],
)
def test_bad_file_input_is_named_and_writes_nothing(train_dir, data, saved, message):
    store.save_patches(train_dir / "two.pkl", LR[:2])
    with pytest.raises(ValueError, match=message):
        augmenting.augment_files(train_dir, data, saved, augment.flip_pairs, overwrite=True)
    assert sorted(path.name for path in train_dir.iterdir()) == [*NAMES, "two.pkl"]


@pytest.mark.parametrize("method", ["bilinear", "area"])
def test_how_lr_was_made_is_seen_from_the_pairs(method):
    assert downsampling.downsampling_of(resize(HR, 4, method), HR) == method
    assert downsampling.downsampling_of(resize(HR, 4, method) + 0.5, HR) is None
