import numpy as np
import pytest

from bathysr_nb.scores import answer

BLOCK = np.repeat(np.arange(10), 3)


@pytest.fixture
def errors():
    """The network of the lower RMSE gains on nine blocks of ten; the other gains a little on all of them."""
    bicubic = np.full(30, 4.0)
    bicubic[:3] = 100
    gains = np.full(30, 0.64)
    gains[3:6] = 1.21
    return {"bicubic": bicubic, "spline": bicubic * 0.98**2, "srcnn": bicubic * 0.99**2, "espcn": bicubic * gains}


def test_the_network_of_the_lowest_rmse_is_told_first_whatever_its_interval(errors):
    assert answer.by_rmse(errors, ["srcnn", "espcn"]) == ["espcn", "srcnn"]
    said = answer.network_sentences(errors, BLOCK, ["srcnn", "espcn"])
    assert [text.split(" against ")[0] for text in said] == ["espcn", "espcn", "srcnn", "srcnn"]
    assert said[2].startswith(
        "srcnn against bicubic: better in a typical block, -1.0% [-1.0, -1.0], on 10 of 10 blocks"
    )


def test_two_sentences_answer_with_numbers(errors):
    better, blocks = answer.short_answer(errors, BLOCK, ["srcnn", "espcn"])
    typical = 100 * ((0.8**9 * 1.1) ** 0.1 - 1)
    assert f"In a typical block espcn is better than bicubic, {typical:+.1f}% [" in better
    assert "], and better than spline, " in better
    assert "Over the whole area its RMSE is 2.99 m, that of bicubic 3.69 m, that of spline 3.61 m: " in better
    assert "espcn is better than bicubic on 9 of 10 blocks, than spline on 9 of 10 blocks." in blocks
    assert blocks.endswith("Block 0 has 74% of bicubic's squared error, so it decides the RMSE of the area.")


def test_too_few_blocks_and_no_difference_are_said(errors):
    some = {name: error[:9] for name, error in errors.items()}
    assert "not to be compared, for too few blocks, with bicubic" in answer.short_answer(some, BLOCK[:9], ["espcn"])[0]
    rng = np.random.default_rng(0)
    same = errors | {"espcn": errors["bicubic"] * np.repeat(np.exp(rng.normal(0, 0.2, 10)), 3)}
    assert "not clearly different from bicubic" in answer.short_answer(same, BLOCK, ["espcn"])[0]
