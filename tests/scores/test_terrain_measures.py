import numpy as np
import pytest
from scipy import ndimage

from bathysr_nb import interpolation, terrain
from bathysr_nb.grids import synthetic
from bathysr_nb.pairs.downsampling import resize
from bathysr_nb.scores import terrain_measures
from bathysr_nb.scores.terrain_measures import CHUNK, detail, detail_beyond_bicubic, invented, patch_measures

N, CELL = CHUNK + 3, (50.0, 40.0)
HR = synthetic.seafloor((64, 64 * N), province="ridge", seed=2).reshape(64, N, 64).swapaxes(0, 1).astype(float)
LR = resize(HR)
CHECKS = np.indices((64, 64)).sum(axis=0) % 2 * 2.0 - 1


def plane(gradient, cells=32, cell=50.0):
    return np.broadcast_to(gradient * cell * np.arange(cells)[:, None] - 2000, (1, cells, cells))


def measures(truth, estimate, cells="all", delta=50.0, scale=4, downsampling="bilinear"):
    lr = resize(truth, scale, downsampling)
    return patch_measures(truth, {"net": estimate}, lr, delta, downsampling)[cells]["net"]


@pytest.mark.parametrize(("true", "found"), [(0.1, 0.3), (0.3, 0.1), (1.0, 0.0)])
@pytest.mark.parametrize("cells", ["all", "inner"])
def test_slope_error_of_a_tilted_plane(true, found, cells):
    row = measures(plane(true), plane(found), cells).iloc[0]
    turn = np.degrees(np.arctan(found) - np.arctan(true))
    assert row["slope_signed"] == pytest.approx(turn)
    assert row["slope_absolute"] == pytest.approx(abs(turn))


@pytest.mark.parametrize("cells", ["all", "inner"])
def test_roughness_scales_with_relief_and_does_not_see_a_slope(cells):
    stretched = 1.5 * (HR - HR.mean()) + 7 + plane(0.4, 64)
    table = measures(HR, stretched, cells)
    np.testing.assert_allclose(np.sqrt(table["roughness"] / table["true_roughness"]), 1.5, rtol=1e-6)
    assert (table["true_roughness"] > 0.01).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("downsampling", ["bilinear", "area"])
def test_lr_consistency_is_nothing_for_nearest_and_an_offset_is_found(scale, downsampling):
    truth = HR[:, :60, :60]
    nearest = interpolation.enlarge(resize(truth, scale, downsampling), scale, "nearest")
    table = measures(truth, nearest, scale=scale, downsampling=downsampling)
    np.testing.assert_allclose(table["lr_squared"], 0, atol=1e-12)
    table = measures(truth, nearest + 3, scale=scale, downsampling=downsampling)
    np.testing.assert_allclose(table["lr_squared"], 9)


def test_detail_of_a_wave_by_its_length():
    """What the docstring says: the window's own wave passes whole, one of twice its length to a third."""
    cell = np.arange(360)
    for wave, share in ((9, 1), (18, 1 - np.sinc(0.5)), (90, 0)):
        h = np.sin(2 * np.pi * cell / wave) * np.ones((360, 1))
        inner = detail(h, 4)[20:-20, 20:-20]
        assert np.sqrt(2 * (inner**2).mean()) == pytest.approx(share, abs=0.03)


def test_measures_of_each_patch_worked_out_by_itself():
    rng = np.random.default_rng(0)
    estimate = interpolation.enlarge(LR, 4, "spline") + rng.normal(size=HR.shape)
    tables = patch_measures(HR, {"net": estimate, "truth": HR}, LR, CELL)
    for i in (0, CHUNK - 1, CHUNK, N - 1):
        for cells, rim in (("all", 0), ("inner", 8)):
            row, cut = tables[cells]["net"].iloc[i], slice(rim, 64 - rim)
            error = (estimate[i] - HR[i])[cut, cut]
            assert row["squared"] == pytest.approx((error**2).mean())
            assert row["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
            assert row["absolute"] == pytest.approx(np.abs(error).mean())
            grown = slice(rim - 1, 65 - rim) if rim else slice(None)  # slopes of the cells that are counted
            angles = [np.degrees(np.arctan(terrain.slope(h[i][grown, grown], CELL))) for h in (estimate, HR)]
            assert row["slope_absolute"] == pytest.approx(np.abs(angles[0] - angles[1]).mean())
            assert row["slope_signed"] == pytest.approx((angles[0] - angles[1]).mean())
            rough = slice(max(rim, 4), 64 - max(rim, 4))
            own = (estimate[i] - ndimage.uniform_filter(estimate[i], 9))[rough, rough]
            assert row["roughness"] == pytest.approx((own**2).mean())
            down, few = resize(estimate[i]) - LR[i], slice(rim // 4, 16 - rim // 4)
            assert row["lr_squared"] == pytest.approx((down[few, few] ** 2).mean())
            beyond = detail_beyond_bicubic(HR[i], LR[i])[cut, cut]
            assert row["true_detail"] == pytest.approx((beyond**2).mean())
            assert row["invented"] == pytest.approx((invented(HR[i], estimate[i], LR[i], rim // 4) ** 2).mean())
    perfect = tables["all"]["truth"].drop(columns=["roughness", "true_roughness", "true_detail"])
    np.testing.assert_allclose(perfect, 0, atol=1e-6)


@pytest.mark.parametrize(("dtype", "rounding"), [("float32", 1e-2), ("float64", 1e-6)])
def test_nothing_is_invented_by_truth_or_bicubic_or_weak_or_strong_detail(dtype, rounding):
    truth, lr = HR.astype(dtype), LR.astype(dtype)
    bicubic = interpolation.enlarge(lr, 4)
    assert np.sqrt((detail_beyond_bicubic(truth, lr) ** 2).mean()) > 1
    for share in (0, 0.5, 1, 2):
        made_up = invented(truth, bicubic + np.asarray(share, dtype) * (truth - bicubic), lr)
        assert made_up.shape == truth.shape
        assert made_up.max() < rounding


def test_a_checkerboard_is_found_where_it_is():
    false = np.zeros_like(HR)
    false[:, 8:40, 8:40] = 5 * CHECKS[8:40, 8:40]
    made_up = invented(HR, HR + false, LR)
    np.testing.assert_allclose(made_up[:, 16:32, 16:32], 5, rtol=0.15)
    assert made_up[:, 52:, 52:].max() < 1e-6
    np.testing.assert_allclose(invented(HR, interpolation.enlarge(LR, 4) + false, LR)[:, 16:32, 16:32], 5, rtol=0.15)


def test_detail_upside_down_is_invented():
    bicubic = interpolation.enlarge(LR, 4)
    own = detail_beyond_bicubic(HR, LR)
    np.testing.assert_allclose(
        invented(HR, 2 * bicubic - HR, LR), np.sqrt(ndimage.uniform_filter(own**2, (1, 17, 17))), rtol=1e-6
    )


def test_what_does_not_belong_together_is_told():
    with pytest.raises(ValueError, match=r"net has shape \(2, 64, 60\); expected that of the truth, \(2, 64, 64\)"):
        patch_measures(HR[:2], {"net": HR[:2, :, :60]}, LR[:2], 50)
    with pytest.raises(ValueError, match="as many patches"):
        patch_measures(HR[:2], {}, LR, 50)
    with pytest.raises(ValueError, match="inner cells need more than 4"):
        patch_measures(HR[:2, :16, :16], {}, LR[:2, :4, :4], 50)
    with pytest.raises(ValueError, match="must agree"):
        invented(HR[:1], HR, LR)
    assert terrain_measures.RIM == 2
