import numpy as np
import pytest
from scipy import ndimage

from bathysr_nb.interpolation import enlarge, kernel_1d


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("method", ["bicubic", "bilinear", "nearest"])
def test_weights_sum_to_one_and_are_symmetric(scale, method):
    taps = kernel_1d(scale, method)
    np.testing.assert_allclose(taps.sum(axis=1), 1)
    np.testing.assert_allclose(taps, taps[::-1, ::-1], atol=1e-15)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_reproduces_a_parabola_away_from_the_rim(scale):
    coarse, fine = np.arange(12) + 0.5, (np.arange(12 * scale) + 0.5) / scale
    surface = lambda x: 3 + 2 * x - 0.7 * x**2  # noqa: E731
    out = enlarge(np.add.outer(surface(coarse), surface(coarse)), scale)
    inner = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(out[inner, inner], np.add.outer(surface(fine), surface(fine))[inner, inner], rtol=1e-12)


@pytest.mark.parametrize("method", ["bicubic", "bilinear", "nearest"])
def test_a_constant_stays_constant_to_the_rim(method):
    np.testing.assert_allclose(enlarge(np.full((2, 5, 7), -1234.0), 4, method), -1234, rtol=1e-14)


def test_nearest_repeats_cells():
    patch = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(enlarge(patch, 3, "nearest"), np.kron(patch, np.ones((3, 3))))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_spline_is_scipys_and_goes_through_a_plane(scale):
    patches = np.random.default_rng(0).normal(-2000, 100, (3, 7, 9))
    zoomed = [ndimage.zoom(patch, scale, order=3, mode="reflect", grid_mode=True) for patch in patches]
    np.testing.assert_allclose(enlarge(patches, scale, "spline"), zoomed)
    assert enlarge(patches.astype("float32"), scale, "spline").dtype == np.float32
    coarse, fine = np.arange(40) + 0.5, (np.arange(40 * scale) + 0.5) / scale
    out = enlarge(np.add.outer(3 * coarse, coarse), scale, "spline")
    inner = slice(10 * scale, -10 * scale)
    np.testing.assert_allclose(out[inner, inner], np.add.outer(3 * fine, fine)[inner, inner], rtol=1e-5)


@pytest.mark.parametrize(("method", "scale", "fault"), [("lanczos", 2, "spline"), ("spline", 1.5, "whole number")])
def test_what_is_not_known_is_named(method, scale, fault):
    with pytest.raises(ValueError, match=fault):
        enlarge(np.zeros((4, 4)), scale, method)
