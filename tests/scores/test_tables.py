import numpy as np
import pandas as pd
import pytest

from bathysr_nb import interpolation
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.scores import baselines, tables


def test_squared_error_by_hand_and_rim():
    truth = np.zeros((2, 4, 4))
    estimate = truth.copy()
    estimate[0, 0, 0] = 4.0  # on the rim
    estimate[1, 1, 1] = 2.0  # inside
    np.testing.assert_allclose(tables.squared_error(truth, estimate), [1.0, 0.25])
    np.testing.assert_allclose(tables.squared_error(truth, estimate, rim=1), [0.0, 1.0])
    np.testing.assert_allclose(tables.squared_error(truth[..., None], estimate[..., None]), [1.0, 0.25])
    with pytest.raises(ValueError, match="must agree"):
        tables.squared_error(truth, estimate[:1])


def test_slope_bins_are_the_manuals_by_default():
    assert list(tables.slope_bins([0.0, 0.0499, 0.05, 0.1])) == ["0-0.05", "0-0.05", "0.05-0.1", "0.1-"]
    with pytest.raises(ValueError, match="rising"):
        tables.slope_bins([0.1], (0.1, 0.05))


def test_pooled_rmse_per_bin_by_hand():
    errors = {"bicubic": np.array([4.0, 16.0, 1.0]), "net": np.array([1.0, 9.0, 1.0])}
    table = tables.score_table(errors, [0.01, 0.02, 0.2], [0, 1, 2])
    row = table[(table["slope"] == "0-0.05") & (table["method"] == "net")].iloc[0]
    assert row["rmse"] == pytest.approx(np.sqrt(5))
    assert row["change"] == pytest.approx(100 * (np.sqrt(5 / 10) - 1))
    assert (row["patches"], row["blocks"]) == (2, 2)
    assert "0.05-0.1" not in set(table["slope"])
    assert np.isnan(row["low"])


def test_interval_resamples_blocks_not_patches():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(20), 25)
    reference = rng.uniform(50, 100, 20)[block]
    model = reference * rng.uniform(0.6, 1.1, 20)[block]
    by_block = tables.change_interval(model, reference, block)
    by_patch = tables.change_interval(model, reference, np.arange(500))
    assert by_block[1] - by_block[0] > 3 * (by_patch[1] - by_patch[0])
    assert by_block == tables.change_interval(model, reference, block)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        block = np.repeat(np.arange(40), 5)
        reference = np.repeat(rng.exponential(1, 40), 5)
        model = reference * np.repeat(rng.normal(0.81, 0.1, 40), 5)
        low, high = tables.change_interval(model, reference, block, seed)
        hits += low <= -10 <= high
    assert 170 <= hits <= 198


def test_a_bin_of_few_blocks_keeps_its_numbers_and_names_the_block_that_decides_them():
    errors = {"bicubic": np.full(16, 4.0), "net": np.full(16, 1.0)}
    table = tables.score_table(errors, [0.01] * 10 + [0.07] * 6, np.arange(16))
    text, typical = tables.wide_table(table), tables.typical_table(table)
    assert text["0-0.05"].tolist() == ["10", "10 (10.0)", "block 0: 10%", "2.00", "1.00  -50.0% [-50.0, -50.0]"]
    assert text["0.05-0.1"].tolist() == ["6", "6 (6.0)", "block 10: 17%", "2.00", "1.00  -50.0%"]
    assert typical.loc["net"].tolist() == ["-50.0% [-50.0, -50.0], 10 of 10", "-50.0% [-50.0, -50.0], 6 of 6"] + [
        "-50.0% [-50.0, -50.0], 16 of 16"
    ]
    assert "bicubic" not in typical.index
    ruled = {"bicubic": np.r_[1e4, np.ones(15)], "net": np.r_[2e4, 0.25 * np.ones(15)]}
    table = tables.score_table(ruled, np.zeros(16), np.arange(16))
    assert tables.wide_table(table)["0-0.05"].tolist()[2:] == ["block 0: 100%", "25.02", "35.36  +41.3%"]
    assert tables.typical_table(table).loc["net", "all"].endswith("15 of 16")
    assert table.query("method == 'net'")["typical"].iloc[0] == pytest.approx(
        100 * (2**0.5 * 0.5**15) ** (1 / 16) - 100
    )
    with pytest.raises(ValueError, match="net: the errors of 1 of 16 patches are not finite"):
        tables.score_table(ruled | {"net": np.r_[np.nan, np.ones(15)]}, np.zeros(16), np.arange(16))


def test_below_six_blocks_a_typical_change_has_no_interval():
    errors = {"bicubic": np.full(5, 4.0), "net": np.r_[9.0, np.ones(4)]}
    table = tables.score_table(errors, np.zeros(5), np.arange(5))
    assert tables.typical_table(table).loc["net", "all"] == f"{100 * (1.5 * 0.5**4) ** 0.2 - 100:+.1f}%, 4 of 5"
    assert tables.wide_table(table).loc["net", "all"] == "1.61  -19.4%"


def test_patch_scores_by_hand_and_each_patch_by_itself():
    """With more patches than a batch: a patch's scores are those it has alone."""
    rng = np.random.default_rng(0)
    truth = rng.normal(-1000, 100, (2 * tables.BATCH + 3, 12, 12, 1)).astype("float32")
    estimates = {"a": truth + 20, "b": truth + rng.normal(0, 5, truth.shape).astype("float32")}
    table = tables.patch_scores(truth, estimates, Normalisation(-2000, 0, relief=3))
    scores = ("psnr", "dssim", "rmse", "rmse_metres")
    assert list(table) == [f"{method}_{score}" for method in "ab" for score in scores]
    np.testing.assert_allclose(table["a_psnr"], 40, atol=1e-3)
    np.testing.assert_allclose(table["a_rmse"], 0.01, rtol=1e-4)
    np.testing.assert_allclose(table["a_rmse_metres"], 20, rtol=1e-4)
    np.testing.assert_allclose(table["b_psnr"], -20 * np.log10(table["b_rmse"]), atol=1e-3)
    for i in (0, tables.BATCH, len(truth) - 1):
        alone = tables.patch_scores(
            truth[[i]], {k: v[[i]] for k, v in estimates.items()}, Normalisation(-2000, 0, relief=3)
        )
        np.testing.assert_allclose(alone.iloc[0], table.iloc[i], rtol=1e-4)
    with pytest.raises(ValueError, match="must agree"):
        tables.patch_scores(truth, {"a": truth[:5]}, Normalisation(-2000, 0))


def test_comparison_rows_tell_each_patchs_own_scores():
    rng = np.random.default_rng(0)
    hr = rng.normal(-1000, 10, (2, 16, 16, 1))
    lr, sr, units = hr[:, 1::4, 1::4], hr - np.array([20, 2]).reshape(2, 1, 1, 1), Normalisation(-2000, 0)
    methods = baselines.enlarged(lr, 4) | {"super-res": sr}
    np.testing.assert_array_equal(methods["low-res"], np.kron(lr, np.ones((1, 4, 4, 1))))
    np.testing.assert_array_equal(methods["bicubic"][..., 0], interpolation.enlarge(lr[..., 0], 4))
    scores = tables.patch_scores(hr, methods, units).set_axis([7, 9])
    sides = methods | {"low-res": lr, "high-res": hr}
    rows = tables.comparison_rows(sides, scores)
    for i, (row, number, psnr) in enumerate(zip(rows, (7, 9), (40, 60), strict=True)):
        titles = list(row)
        assert [title.split("\n")[0] for title in titles] == [
            "low-res",
            "bicubic",
            "super-res",
            f"high-res, patch {number}",
        ]
        assert titles[2].startswith(f"super-res\n{psnr}.00 dB, DSSIM ")
        for patch, side in zip(row.values(), sides.values()):
            np.testing.assert_array_equal(patch, side[i, ..., 0])


def measures(n, seed):
    names = ["squared", "rmse", "absolute", "slope_absolute", "slope_signed", "roughness", "true_roughness"]
    table = pd.DataFrame(np.random.default_rng(seed).uniform(1, 9, (n, 9)), columns=[*names, "lr_squared", "invented"])
    return table.assign(rmse=np.sqrt(table["squared"]))


def test_full_table_by_hand():
    given, slope = {"bicubic": measures(12, 0), "net": measures(12, 1).assign(psnr=30.0, dssim=0.1)}, np.full(12, 0.07)
    slope[:2] = 0.2
    found = tables.full_table(given, slope, np.arange(12)).set_index(["slope", "method"])
    assert set(found.index) == {(label, name) for label in ("0.05-0.1", "0.1-", "all") for name in given}
    row, table = found.loc["0.05-0.1", "net"], given["net"][2:]
    means = table.mean()
    assert row["rmse"] == pytest.approx(np.sqrt(means["squared"]))
    assert row["rmse_patch_mean"] == pytest.approx(np.sqrt(table["squared"]).mean())
    assert row["rmse_patch_mean"] < row["rmse"]
    assert row["mae"] == pytest.approx(means["absolute"])
    assert (row["slope_error"], row["slope_bias"]) == pytest.approx((means["slope_absolute"], means["slope_signed"]))
    assert row["roughness_ratio"] == pytest.approx(np.sqrt(means["roughness"] / means["true_roughness"]))
    assert row["lr_consistency"] == pytest.approx(np.sqrt(means["lr_squared"]))
    assert row["invented"] == pytest.approx(np.sqrt(means["invented"]))
    assert (row["psnr"], row["dssim"]) == pytest.approx((30, 0.1))
    assert np.isnan(found.loc[("all", "bicubic"), "psnr"])
    squares = [given[name]["squared"][2:].to_numpy() for name in ("net", "bicubic")]
    assert (row["low"], row["high"]) == pytest.approx(tables.change_interval(*squares, np.arange(10)))
    for score in tables.SCORE_FORMULAS:
        assert row[f"{score}_low"] <= row[score] <= row[f"{score}_high"]
        assert np.isnan(found.loc[("0.1-", "net"), f"{score}_low"])  # two blocks


def test_unknown_blocks_give_no_intervals():
    given = {"bicubic": measures(30, 0), "net": measures(30, 1)}
    found = tables.full_table(given, np.full(30, 0.07))
    assert found[list(tables.BY_BLOCK)].isna().all(axis=None)
    assert tables.typical_table(found).loc["net", "all"] == "not known"
    assert (tables.wide_table(found).loc["blocks"] == "not known").all()
    assert found[[name for name in found if name.endswith(("low", "high"))]].isna().all(axis=None)
    assert found["rmse"].notna().all()


def test_intervals_of_scores_contain_the_truth_about_as_often_as_they_say():
    """Slope errors of 30 blocks drawn from a population whose mean is 5 degrees."""
    hits = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        table = measures(90, seed).assign(slope_absolute=np.repeat(rng.gamma(25, 0.2, 30), 3))
        row = tables.full_table({"bicubic": table}, np.zeros(90), np.repeat(np.arange(30), 3), seed=seed).iloc[-1]
        hits += row["slope_error_low"] <= 5 <= row["slope_error_high"]
    assert 42 <= hits <= 49
