"""The settings file of a trial: which training sets are compared, on which grid, and how they are trained.

Source: ours; the comparison is the one of Murakami et al. 2025, with equal budgets.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from bathysr_nb.files import yamlfile
from bathysr_nb.files.kinds import (
    Count,
    Depths,
    Positive,
    Rate,
    Seed,
    Share,
)
from bathysr_nb.files.yamlfile import Limit, Spelling
from bathysr_nb.grids.read import Reading
from bathysr_nb.mixup.planning import Policy
from bathysr_nb.models.options import Model, Scale
from bathysr_nb.scores.linear import NEIGHBOURHOOD
from bathysr_nb.training.choices import LOSSES, SAME_LOSS, Optimizer, Schedule
from bathysr_nb.trial.forms import FORMS
from bathysr_nb.trial.training_sets import ARMS

REFERENCE = "flip_rotate"  # the arm with which all others are compared
#: Keys that may change between calls; finished trainings stay valid.
GROWING = ("models", "form", "steps", "arms", "seeds", "slope_edges", "save_dir")

Part = Annotated[float, Limit("a share between 0 and 1", lambda x: 0 < x < 1)]
Arms = Annotated[
    tuple[Literal[tuple(ARMS)], ...],
    Limit(f"a list of arms, each once, with {REFERENCE} among them", lambda a: _each_once(a) and REFERENCE in a),
]
Models = Annotated[
    tuple[Model, ...],
    Limit("a list of networks, each once", lambda names: _each_once(names)),
]
Forms = Annotated[
    tuple[Literal[tuple(FORMS)], ...],
    Limit("a list of forms, each once", lambda names: _each_once(names)),
]
Lengths = Annotated[
    tuple[Count, ...],
    Limit("a list of rising whole numbers above 0", lambda steps: bool(steps) and _rise(steps)),
]
OwnLoss = Annotated[Literal[LOSSES] | None, Spelling(SAME_LOSS)]
Seeds = Annotated[tuple[Seed, ...], Limit("a list of seeds, each once", lambda seeds: _each_once(seeds))]
Edges = Annotated[tuple[Positive, ...], Limit("rising numbers above 0", lambda edges: _rise(edges))]


def _each_once(values) -> bool:
    return 0 < len(values) == len(set(values))


def _rise(values) -> bool:
    return all(a < b for a, b in zip(values, values[1:]))


def _room_for_filter(patch_cells, scale) -> str | None:
    least = NEIGHBOURHOOD * scale
    return None if patch_cells >= least else f"patch_cells is {patch_cells}, expected at least {least} at scale {scale}"


@dataclass(frozen=True, kw_only=True)
class Ablation(Reading):
    """The keys of a trial's settings file as attributes; made by `load_settings`.

    Attributes
    ----------
    grid : Path
        High-resolution grid.
    variable, crs, cell_size, bounds, positive, missing_value
        How it is read; see `bathysr_nb.grids.read.Reading`.
    land : str
        "mask" makes cells at or above sea level missing, "keep" takes them for seafloor.
    save_dir : Path
        Folder for all output.
    arms : tuple of str
        Training sets to compare; see `bathysr_nb.trial.training_sets.make_training_set`.
    models : tuple of str
        Networks to train on each.
    seeds : tuple of int
        Each training set is drawn, and each network trained, once per seed.
    swap_halves : bool
        Odd seeds steer by the half of the steep blocks that even seeds are scored on, and are scored on the other, so
        that two seeds score every steep block once.
    kernel_size : int or None
        Side of the window that fills gaps.
    block_cells, patch_cells, stride, scale : int
        As `bathysr_nb.pairs.blocks.build_pairs`, in HR cells.
    source_share : float
        Share of the blocks, the gentlest, to train on; half of the others steer, half are scored.
    validation_size : float
        Share of the source blocks for validation.
    split_seed : int
    increase_rate : float
        Size of every training set, in multiples of the source's pairs.
    originals_share, threshold, lambda_policy, alpha, lamb
        As `bathysr_nb.trial.training_sets.make_training_set`.
    form : tuple of str
        What the networks are given and give, each a rung of the ladder; see `bathysr_nb.trial.forms.FORMS`.
    steps : tuple of int
        Lengths of training in optimiser steps, rising; each length is a training of its own.
    batch_size, learning_rate, schedule, optimizer
        As `bathysr_nb.training.recipe.Recipe`; the same for every arm.
    loss : str or None
        As `bathysr_nb.training.recipe.Recipe`; None: the one that suits each form.
    norm_range : (float, float) or None
        Depths that become 0 and 1; None: the source's extremes, for every arm.
    xla : bool
        Compile the training step with XLA, a fifth faster on two cores.
    slope_edges : tuple of float
        Inner edges of the bins of true slope.
    """

    grid: Path
    save_dir: Path
    arms: Arms = tuple(ARMS)
    models: Models = ("espcn",)
    seeds: Seeds = (0, 1)
    swap_halves: bool = True
    land: Literal["mask", "keep"] = "mask"
    kernel_size: Count | None = None
    block_cells: Count = 100
    patch_cells: Count = 64
    stride: Count = 8
    scale: Scale = 4
    source_share: Part = 0.65
    validation_size: Part = 0.1
    split_seed: Seed = 0
    increase_rate: Rate = 2
    originals_share: Part = 0.5
    threshold: float | None = None
    lambda_policy: Policy = "target"
    alpha: Positive = 0.5
    lamb: Share = 0.8
    form: Forms = ("residual",)
    steps: Lengths = (2500,)
    batch_size: Count = 32
    learning_rate: Positive = 0.002
    schedule: Schedule = "one_cycle"
    optimizer: Optimizer = "adam"
    loss: OwnLoss = None
    norm_range: Depths | None = None
    xla: bool = False
    slope_edges: Edges = (0.05, 0.1)

    RELATIONS: ClassVar = (({"patch_cells", "scale"}, _room_for_filter),)

    @property
    def fixed(self) -> dict:
        """The settings that must not change for results to be comparable."""
        kept = [f for f in fields(self) if f.name not in GROWING and not self._is_read_as_it_is(f)]
        return {f.name: getattr(self, f.name) for f in kept} | {"grid": self.grid.name}

    def _is_read_as_it_is(self, field: Field) -> bool:
        """Whether a field says how the grid is read and is left at its default."""
        return field.name in (*self.options, "land") and getattr(self, field.name) == field.default


def load_settings(path, overrides: dict | None = None) -> Ablation:
    """Read the settings file of a trial; relative paths count from its folder.

    Parameters
    ----------
    path : path
    overrides : dict, optional
        Values that override the file's.

    Returns
    -------
    Ablation

    Raises
    ------
    FileNotFoundError, ValueError
        One line that names the file and everything that is wrong in it.
    """
    return yamlfile.load(Ablation, path, overrides)
