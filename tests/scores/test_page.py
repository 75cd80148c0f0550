import numpy as np

from bathysr_nb.scores import page as score_page


def test_the_verdict_names_the_best_rival_the_steepest_bin_and_what_was_invented(ground, edges, found):
    said = score_page.verdict_sentences(found, ground, "net", edges)
    assert said[0].startswith("all slopes, against bicubic: better in a typical block, -80.")
    assert ", on 27 of 27 blocks; pooled RMSE " in said[0]
    rmse = found.scores.query("cells == 'inner' and slope == 'all' and method != 'net'").set_index("method")["rmse"]
    assert rmse.idxmin() != "bicubic"
    assert said[1].startswith(f"all slopes, against {rmse.idxmin()}, the best method without a network: better")
    steep = ground.slope >= edges[1]
    assert said[2].startswith(
        f"slopes {edges[1]:g}- ({steep.sum()} patches of {len(set(ground.block[steep]))} blocks), against bicubic: "
    )
    there = np.sqrt(found.measures["inner"]["net"]["true_detail"].mean())
    assert said[3] == f"invented detail 0.00 m RMS, where the truth has {there:.2f} m beyond bicubic"


def test_where_bicubic_is_the_best_rival_it_is_named_once(ground, edges, found):
    inner = found.measures["inner"]
    others = {name: table.assign(squared=table["squared"] * 9) for name, table in inner.items() if name != "bicubic"}
    said = score_page.verdict_sentences(found._replace(measures={"inner": inner | others}), ground, "net", edges)
    assert [text.startswith("all slopes") for text in said] == [True, False, False]
    assert said[0].startswith("all slopes, against bicubic, the best method without a network: ")


def test_the_verdict_of_few_unknown_and_flat_blocks(ground, edges, found):
    few = ground._replace(block=np.zeros(len(ground.slope), int))
    said = score_page.verdict_sentences(found, few, "net", edges)
    assert "against bicubic: too few blocks to say in a typical block, -80." in said[0]
    assert "better on 1 of 1 blocks; pooled RMSE" in said[0]
    assert "no interval: block 0 has 100% of the squared error" in said[2]
    assert "blocks not known" in score_page.verdict_sentences(found, ground._replace(block=None), "net", edges)[0]
    assert len(score_page.verdict_sentences(found, ground, "net", edges=(50,))) == 3  # all in one bin


def test_worse_and_no_difference_are_said(ground, edges, found):
    rng, n = np.random.default_rng(0), len(ground.slope)
    bicubic = found.measures["inner"]["bicubic"]
    for factor, word in (
        (rng.uniform(1.2, 1.4, n), "worse in a typical block, +"),
        (rng.lognormal(0, 0.3, n), "no clear difference"),
    ):
        changed = {"net": bicubic.assign(squared=bicubic["squared"] * factor / (factor.mean() if "no" in word else 1))}
        other = found._replace(measures={"inner": found.measures["inner"] | changed})
        assert score_page.verdict_sentences(other, ground, "net", edges)[0].startswith(
            f"all slopes, against bicubic: {word}"
        )


def test_the_page_begins_with_the_verdict_and_has_all_tables(ground, edges, found):
    text = score_page.evaluation_page(found, ground, "net", edges)
    assert text.index("better in a typical block, -80") < text.index("|")
    assert text.index("change against bicubic in a typical block") < text.index("pooled RMSE in metres")
    assert text.count("| linear filter |") >= 2
    for word in ("pooled over cells", "mean over patches", "MAE", "slope error", "roughness", "PSNR", "spectrum.png"):
        assert word in text
    assert "270 patches of 27 blocks, cells of 50 m" in text
