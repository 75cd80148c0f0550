import numpy as np
import pandas as pd
import pytest

from bathysr_nb import interpolation
from bathysr_nb.grids import synthetic
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.pairs import downsampling
from bathysr_nb.scores import baselines, comparison, spectrum, tables
from bathysr_nb.scores import page as score_page
from bathysr_nb.scores.comparison import Ground, compare
from bathysr_nb.scores.linear import LinearFilter
from bathysr_nb.scores.terrain_measures import patch_measures
from bathysr_nb.terrain import mean_slope_gradient

N = comparison.BATCH + 14
HR = synthetic.seafloor((15 * 16, 18 * 16), province="ridge", seed=5).reshape(15, 16, 18, 16).swapaxes(1, 2)
HR = HR.reshape(N, 16, 16).astype(np.float32)
LR = downsampling.resize(HR, 2)
NET = interpolation.enlarge(LR, 2) + 0.8 * (HR - interpolation.enlarge(LR, 2))
GROUND = Ground(mean_slope_gradient(HR, 50), np.repeat(np.arange(27), 10), (50.0, 50.0), "bilinear")
EDGES = tuple(np.quantile(GROUND.slope, [0.3, 0.9]))


@pytest.fixture(scope="module")
def found():
    linear = LinearFilter.fit(LR[::2], HR[::2])
    return compare(LR, HR, {"net": NET}, GROUND, Normalisation(-5000, 0), linear, EDGES)


def test_batches_do_not_show(found):
    sides = baselines.baseline_estimates(LR, 2, LinearFilter.fit(LR[::2], HR[::2])) | {"net": NET}
    measures = patch_measures(HR, sides, LR, 50)
    for cells, methods in measures.items():
        for name, table in methods.items():
            pd.testing.assert_frame_equal(found.measures[cells][name][list(table)], table, rtol=1e-4, atol=1e-6)
    pd.testing.assert_frame_equal(found.spectra, spectrum.spectra(HR, sides, 50), rtol=1e-4)
    psnr = tables.patch_scores(HR[..., None], {"net": NET[..., None]}, Normalisation(-5000, 0))["net_psnr"]
    np.testing.assert_allclose(found.measures["all"]["net"]["psnr"], psnr, rtol=1e-5)


def test_scores_have_every_method_in_every_bin_on_both_kinds_of_cells(found):
    methods = ["nearest", "bilinear", "bicubic", "spline", "linear filter", "net"]
    counts = found.scores.groupby(["cells", "slope"], sort=False)["method"].apply(list)
    assert list(counts.index.get_level_values(0)) == ["inner"] * 4 + ["all"] * 4
    assert all(names == methods for names in counts)
    line = found.scores.query("cells == 'all' and slope == 'all' and method == 'net'").iloc[0]
    assert line["rmse"] == pytest.approx(np.sqrt(np.mean((NET.astype(float) - HR) ** 2)), rel=1e-4)
    assert line["change"] == pytest.approx(-80, abs=0.1)
    assert line["invented"] < 0.01
    assert line["psnr_low"] < line["psnr"] < line["psnr_high"]
    assert found.scores.query("cells == 'inner'")["psnr"].isna().all()


def test_the_verdict_names_the_best_rival_the_steepest_bin_and_what_was_invented(found):
    said = score_page.verdicts(found, GROUND, "net", EDGES)
    assert said[0].startswith("all slopes: better, RMSE -80.")
    assert said[0].endswith("against bicubic")
    rmse = found.scores.query("cells == 'inner' and slope == 'all' and method != 'net'").set_index("method")["rmse"]
    assert rmse.idxmin() != "bicubic"
    assert said[1].startswith("all slopes: better")
    assert said[1].endswith(f"against {rmse.idxmin()}, the best that needs no network")
    steep = GROUND.slope >= EDGES[1]
    assert said[2].startswith(
        f"slopes {EDGES[1]:g}- ({steep.sum()} patches of {len(set(GROUND.block[steep]))} blocks): "
    )
    there = np.sqrt(found.measures["inner"]["net"]["true_detail"].mean())
    assert said[3] == f"invented detail 0.00 m RMS, where the truth has {there:.2f} m beyond bicubic"


def test_where_bicubic_is_the_best_rival_it_is_named_once(found):
    inner = found.measures["inner"]
    others = {name: table.assign(squared=table["squared"] * 9) for name, table in inner.items() if name != "bicubic"}
    said = score_page.verdicts(found._replace(measures={"inner": inner | others}), GROUND, "net", EDGES)
    assert [text.startswith("all slopes") for text in said] == [True, False, False]
    assert said[0].endswith("bicubic, the best that needs no network")


def test_the_verdict_of_few_unknown_and_flat_blocks(found):
    few = GROUND._replace(block=np.zeros(N, int))
    said = score_page.verdicts(found, few, "net", EDGES)
    assert "too few blocks for an interval" in said[0]
    assert said[2].endswith("patches of 1 block): too few blocks to say")
    assert "blocks not known" in score_page.verdicts(found, GROUND._replace(block=None), "net", EDGES)[0]
    assert len(score_page.verdicts(found, GROUND, "net", edges=(50,))) == 3  # all in one bin


def test_worse_and_no_difference_are_said(found):
    rng = np.random.default_rng(0)
    bicubic = found.measures["inner"]["bicubic"]
    for factor, word in (
        (rng.uniform(1.2, 1.4, N), "worse, RMSE +"),
        (rng.lognormal(0, 0.3, N), "no clear difference"),
    ):
        changed = {"net": bicubic.assign(squared=bicubic["squared"] * factor / (factor.mean() if "no" in word else 1))}
        other = found._replace(measures={"inner": found.measures["inner"] | changed})
        assert score_page.verdicts(other, GROUND, "net", EDGES)[0].startswith(f"all slopes: {word}")


def test_the_page_begins_with_the_verdict_and_has_all_tables(found):
    text = score_page.page(found, GROUND, "net", EDGES)
    assert text.index("better, RMSE -80") < text.index("|")
    assert text.count("| linear filter |") >= 2
    for word in ("pooled over cells", "mean over patches", "MAE", "slope error", "roughness", "PSNR", "spectrum.png"):
        assert word in text
    assert "270 patches of 27 blocks, cells of 50 m" in text
