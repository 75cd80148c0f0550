"""The parts of a grid in a trial: gentle blocks to train on, two halves of the steep ones to steer by and to score on.

Source: ours; the question is that of Murakami et al. 2025.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd

from bathysr_nb import grids, terrain
from bathysr_nb.pairs import blocks, gaps
from bathysr_nb.trial.settings import Ablation


class Half(NamedTuple):
    """One half of the steep blocks.

    Attributes
    ----------
    lr, hr : ndarray, shape (n, h, w) and (n, H, W)
        Metres.
    table : DataFrame
        Of each pair: block, mean_slope_gradient (HR), mean_depth (LR, metres).
    """

    lr: np.ndarray
    hr: np.ndarray
    table: pd.DataFrame


class Areas(NamedTuple):
    """The parts of a grid.

    Attributes
    ----------
    source, validation : (ndarray, ndarray)
        LR and HR patches of gentle blocks, metres: to train on, and to follow the training with.
    halves : (Half, Half)
        The steep blocks: the LR of one half steers, the other half is scored.
    delta : (float, float)
        LR cell size in metres.
    """

    source: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    halves: tuple[Half, Half]
    delta: tuple[float, float]


@functools.lru_cache(1)
def cut_areas(ablation: Ablation) -> Areas:
    """Cut the grid into pairs: gentle blocks for training, steep ones for steering and scoring."""
    grid = grids.read_grid(ablation.grid, **ablation.options)
    window = (ablation.kernel_size,) * 2 if ablation.kernel_size else None
    cell = grid.attrs["cell_size"]
    depth = gaps.ocean(grid.values, window, ablation.land)
    lr, hr, table = blocks.build_pairs(
        depth,
        cell,
        ablation.block_cells,
        hr_img_shape=(ablation.patch_cells,) * 2,
        hr_stride=(ablation.stride,) * 2,
        scale=ablation.scale,
    )
    delta = tuple(ablation.scale * d for d in cell)
    slope = terrain.mean_slope_gradient(lr.astype(float), delta)
    gentle, steep = blocks.source_and_target(table["block"], slope, ablation.source_share)
    rng = np.random.default_rng(ablation.split_seed)
    learn, watch, _ = (gentle[part] for part in blocks.split_blocks(len(gentle), ablation.validation_size, 0, rng))
    steep = rng.permutation(steep)
    parts = (learn, watch, steep[: len(steep) // 2], steep[len(steep) // 2 :])
    chosen = [table["block"].isin(part).to_numpy() for part in parts]
    source, validation = ((lr[part], hr[part]) for part in chosen[:2])
    halves = tuple(_half(lr[part], hr[part], table.loc[part, "block"], cell) for part in chosen[2:])
    return Areas(source, validation, halves, delta)


def _half(lr: np.ndarray, hr: np.ndarray, block: pd.Series, cell) -> Half:
    columns = {
        "block": block.to_numpy(),
        "mean_slope_gradient": terrain.mean_slope_gradient(hr.astype(float), cell),
        "mean_depth": lr.mean(axis=(1, 2), dtype=np.float64),
    }
    return Half(lr, hr, pd.DataFrame(columns))


def scored_half(ablation: Ablation, seed: int) -> int:
    """Which half a training with this seed is scored on: the second, or, if the halves are swapped, the first.

    Parameters
    ----------
    ablation : Ablation
        With ``swap_halves``, odd seeds swap them.
    seed : int

    Returns
    -------
    int
        0 or 1.
    """
    return 0 if ablation.swap_halves and seed % 2 else 1
