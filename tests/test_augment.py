import numpy as np
import pytest

from bathysr_nb import augment
from bathysr_nb.interpolation import resize
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


def test_pick_variants_makes_each_on_demand():
    out = augment.pick_variants(PATCHES, [2, 0, 2], [4, 0, 1])
    np.testing.assert_array_equal(out, [np.rot90(PATCHES[2]), PATCHES[0], PATCHES[2][::-1]])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="turn_90, turn_270"):
        augment.variant(PATCHES, "turn_45")
    with pytest.raises(ValueError, match="square patches"):
        augment.variants(PATCHES[:, :8])
