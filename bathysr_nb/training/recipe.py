"""How a network is trained: loss, optimiser, schedule, batches, and how often files are written.

Source: manual 2.2.28 (``Modeler``: losses and optimisers), 2.4.1.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from bathysr_nb.augment.online import OnlineAugmentation
from bathysr_nb.models.backend import keras
from bathysr_nb.training.choices import KEEP, LOSSES, OPTIMIZERS, PRECISIONS, SCHEDULES


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train; `bathysr_nb.training.trainer.train` is told what to train, and on what.

    Attributes
    ----------
    loss : {"mae", "mse", "psnr", "dssim", "vgg"}
    vgg_weights : path, optional
    penalty : {"l1", "l2", "none"}
        Of the vgg loss; see `bathysr_nb.training.losses.get_loss`.
    optimizer : {"sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam"}
    learning_rate : float
        The peak, where the schedule is not constant.
    schedule : {"constant", "cosine", "one_cycle"}
        cosine falls to zero over all steps; one_cycle rises for a quarter of them first.
    epochs : int, optional
        None: the number of whole epochs closest to `steps`.
    steps : int
        Optimiser steps, where `epochs` is None.
    batch_size : int
    turn : bool
        Flip and turn each batch at random.
    online : OnlineAugmentation, optional
        Changes drawn anew for each patch.
    magnification : float
        Factor on the steps of an epoch (``steps_per_epoch_mag``).
    patience : int, optional
        Epochs without a lower val_loss before training stops; None: it does not.
    keep : {"best", "last"}
        The weights that a training returns: those of the lowest val_loss, or of the last step.
    log_period : int, optional
        Epochs between periodic weights and figures; None: none are written.
    mixed_precision : {"mixed_bfloat16", "mixed_float16"}, optional
        Precision that the network computes in; input, output and metrics stay float32.
    xla : bool
        Compile with XLA on backends that do not always do so.
    tensorboard : bool
        Also write logs for TensorBoard.
    seed : int

    Raises
    ------
    ValueError
        Naming every unknown choice and every number out of range.

    Examples
    --------
    >>> Recipe(steps=100, batch_size=8).number_of_epochs(per_epoch=30)
    3
    """

    loss: str = "mae"
    vgg_weights: Path | None = None
    penalty: str = "l1"
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    schedule: str = "one_cycle"
    epochs: int | None = None
    steps: int = 2500
    batch_size: int = 32
    turn: bool = True
    online: OnlineAugmentation | None = None
    magnification: float = 1
    patience: int | None = None
    keep: str = "best"
    log_period: int | None = None
    mixed_precision: str | None = None
    xla: bool = False
    tensorboard: bool = False
    seed: int = 0

    def __post_init__(self):
        choices = {
            "loss": LOSSES,
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
            "keep": KEEP,
            "mixed_precision": (*PRECISIONS, None),
        }
        faults = [
            f"unknown {key} {getattr(self, key)!r}; choose one of {', '.join(map(str, allowed))}"
            for key, allowed in choices.items()
            if getattr(self, key) not in allowed
        ]
        numbers = ("learning_rate", "epochs", "steps", "batch_size", "magnification", "patience", "log_period")
        for key in numbers:
            value = getattr(self, key)
            if value is not None and not value > 0:
                faults.append(f"{key} is {value}, expected more than 0")
        if self.tensorboard and importlib.util.find_spec("tensorboard") is None:
            faults.append("tensorboard is not installed; pip install tensorboard")
        if faults:
            raise ValueError("; ".join(faults))

    def number_of_epochs(self, per_epoch: int) -> int:
        """How many epochs of `per_epoch` steps to train."""
        return self.epochs or max(1, round(self.steps / per_epoch))

    def make_optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        """The optimiser for a training of `steps` steps in all."""
        optimizer = getattr(keras.optimizers, OPTIMIZERS[self.optimizer])
        return optimizer(learning_rate=learning_rate(self.schedule, self.learning_rate, steps))


def learning_rate(schedule: str, peak: float, steps: int):
    """The learning rate as Keras takes it: a number, or a schedule.

    Parameters
    ----------
    schedule : {"constant", "cosine", "one_cycle"}
    peak : float
    steps : int
        Of the whole training.

    Examples
    --------
    >>> [round(float(learning_rate(name, 1.0, 100)(25)), 3) for name in ("one_cycle", "cosine")]
    [1.0, 0.854]
    """
    if schedule == "constant":
        return peak
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(peak, steps)
    warm = max(1, steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        peak / 25, max(1, steps - warm), warmup_target=peak, warmup_steps=warm
    )
