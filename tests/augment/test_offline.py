import numpy as np
import pytest

from bathysr_nb import augment
from bathysr_nb.augment import offline, resample
from bathysr_nb.grids.synthetic import seafloor
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.terrain import mean_slope_gradient

PATCHES = np.random.default_rng(0).normal(size=(3, 16, 16))


def test_variants_are_distinct_and_interleaved():
    copies = augment.variants(PATCHES)
    assert copies.shape == (15, 16, 16)
    assert len({copy.tobytes() for copy in (*copies, *PATCHES)}) == 18
    np.testing.assert_array_equal(copies[1 * 5 + 3], np.rot90(PATCHES[1]))
    np.testing.assert_array_equal(augment.flip(PATCHES)[2 * 3 + 1], PATCHES[2][:, ::-1])


@pytest.mark.parametrize("name", offline.EXACT)
def test_a_variant_keeps_slope_and_pairing(name):
    turned = augment.variant(PATCHES, name)
    np.testing.assert_allclose(mean_slope_gradient(turned, 50), mean_slope_gradient(PATCHES, 50), rtol=1e-12)
    np.testing.assert_allclose(resize(turned), augment.variant(resize(PATCHES), name), rtol=1e-12)


def test_the_transposes_complete_the_symmetries_of_a_square():
    copies = {name: offline.variant(PATCHES, name) for name in offline.EXACT}
    np.testing.assert_array_equal(copies["transpose"], np.swapaxes(PATCHES, 1, 2))
    np.testing.assert_array_equal(copies["anti_transpose"], np.swapaxes(PATCHES[:, ::-1, ::-1], 1, 2))
    assert len({copy[0].tobytes() for copy in copies.values()}) == 8


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="turn_90, turn_270"):
        augment.variant(PATCHES, "turn_45")
    with pytest.raises(ValueError, match="square patches"):
        augment.variants(PATCHES[:, :8])


def test_rectangles_can_be_flipped():
    np.testing.assert_array_equal(augment.flip(PATCHES[:, :8])[0], PATCHES[0, :8][::-1])


HR = seafloor((3 * 64, 64), province="ridge", seed=1).reshape(3, 64, 64)
LR = resize(HR)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: augment.scale_pairs(LR, HR, [], []), "dscales and xyscales: both empty"),
        (lambda: augment.scale_pairs(LR, HR, ["a"]), "dscales: 'a' is not a finite number above 0"),
        (lambda: augment.flip_pairs(LR, HR, "copy"), "unknown method 'copy'; choose one of bilinear, area"),
        (lambda: augment.flip_pairs(LR[:2], HR), "as many patches in both"),
        (lambda: augment.flip_pairs(LR[:, :, :8], HR), "whole multiple of LR, the same in both directions"),
        (lambda: augment.flip_pairs(HR, LR), r"HR has shape \(3, 16, 16\) and LR \(3, 64, 64\)"),
        (lambda: augment.flip_pairs(LR[..., None], HR[..., None]), r"expected \(n, H, W\) and \(n, h, w\)"),
    ],
)
def test_bad_input_is_one_line_with_found_and_expected(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


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
        make = {"depth": resample.stretch, "zoom": resample.zoom}[kind]
        np.testing.assert_array_equal(copy, make(HR[1:2], [float(factor)])[0])
    assert turned.variant.tolist()[:2] == ["rotate_90_nearest", "rotate_22.5_nearest"]
    np.testing.assert_array_equal(turned.hr[2], np.rot90(HR[1]))


def test_pairs_are_the_array_functions_of_both_sides():
    other = PATCHES.astype(np.float32)  # an LR with a source of its own
    turned = augment.rotate_pairs(other, HR, [30], "wrap", downsampling=None)
    np.testing.assert_array_equal(turned.lr, resample.rotate(other, [30], "wrap"))
    np.testing.assert_array_equal(turned.hr, resample.rotate(HR, [30], "wrap"))
    scaled = augment.scale_pairs(other, HR, [2], [0.7], downsampling=None)
    np.testing.assert_array_equal(scaled.lr[::2], resample.stretch(other, [2], HR.mean(axis=(1, 2), dtype=float)))
    np.testing.assert_array_equal(scaled.lr[1::2], resample.zoom(other, [0.7]))
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
