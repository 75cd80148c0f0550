"""The answer of a run in sentences with numbers: is a network better than what needs none, on how many blocks.

Source: ours.
"""

from __future__ import annotations

import numpy as np

from bathysr_nb.scores.baselines import rivals
from bathysr_nb.scores.intervals import change_interval, roughest_block
from bathysr_nb.scores.typical import Typical, typical_change
from bathysr_nb.scores.words import bracketed, change_in_words, signed, verdict_word


def by_rmse(errors: dict[str, np.ndarray], names) -> list[str]:
    """Methods in the order of their pooled RMSE, the lowest first.

    Parameters
    ----------
    errors : dict of str to ndarray, shape (n,)
        Squared error of each patch for each method.
    names : sequence of str
        The methods to order.

    Examples
    --------
    >>> by_rmse({"a": np.array([4.0]), "b": np.array([1.0]), "c": np.array([0.0])}, ["a", "b"])
    ['b', 'a']
    """
    return sorted(names, key=lambda name: errors[name].mean())


def short_answer(errors: dict[str, np.ndarray], block: np.ndarray, networks) -> list[str]:
    """Two sentences: is the best network better than interpolation, and on how many blocks.

    Parameters
    ----------
    errors : dict of str to ndarray, shape (n,)
        Squared error of each patch, of bicubic, other methods without a network, and the networks.
    block : ndarray, shape (n,)
        Block of each patch.
    networks : sequence of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> errors = {"bicubic": np.full(8, 4.0), "espcn": np.full(8, 3.24), "srcnn": np.full(8, 3.61)}
    >>> print(*short_answer(errors, np.arange(8), ["srcnn", "espcn"]), sep="\\n")
    Is a network better than interpolation? In a typical block espcn is better than bicubic, -10.0% [-10.0, -10.0]. \
Over the whole area its RMSE is 1.80 m, that of bicubic 2.00 m: better.
    On how many blocks? espcn is better than bicubic on 8 of 8 blocks. Block 0 has 12% of bicubic's squared error.
    """
    best, others = by_rmse(errors, networks)[0], rivals(errors)
    changes = {other: typical_change(errors[best], errors[other], block) for other in others}
    told = [f"{_standing(change)} {other}, {_percent(change)}" for other, change in changes.items()]
    counts = [f"than {other} on {change.better} of {change.blocks} blocks" for other, change in changes.items()]
    rmse = {name: float(np.sqrt(errors[name].mean())) for name in (best, *others)}
    metres = ", ".join(f"that of {name} {rmse[name]:.2f} m" for name in others)
    area = verdict_word(*change_interval(errors[best], errors["bicubic"], block))
    label, share = roughest_block(errors["bicubic"], block)
    return [
        f"Is a network better than interpolation? In a typical block {best} is {', and '.join(told)}. Over the "
        f"whole area its RMSE is {rmse[best]:.2f} m, {metres}: {area}.",
        f"On how many blocks? {best} is better {', '.join(counts)}. Block {label:g} has {share:.0%} of bicubic's "
        "squared error" + (", so it decides the RMSE of the area." if share > 1 / 3 else "."),
    ]


def _standing(change: Typical) -> str:
    words = {"better": "better than", "worse": "worse than", "no clear difference": "not clearly different from"}
    return words.get(verdict_word(change.low, change.high), "not to be compared, for too few blocks, with")


def _percent(change: Typical) -> str:
    return f"{signed(change.change)}% {bracketed(change.low, change.high)}".rstrip()


def network_sentences(errors: dict[str, np.ndarray], block: np.ndarray, networks) -> list[str]:
    """One sentence for each network and rival, the networks in the order of their RMSE.

    Parameters
    ----------
    errors, block, networks
        As `short_answer`.

    Returns
    -------
    list of str
    """
    return [
        f"{name} against {called}: {change_in_words(errors[name], errors[rival], block)}"
        for name in by_rmse(errors, networks)
        for rival, called in rivals(errors).items()
    ]
