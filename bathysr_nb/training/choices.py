"""What a training can be asked for by name; nothing here loads Keras.

Input files, `bathysr_nb.training.recipe`, `bathysr_nb.training.losses` and the command line take the names from here.

Source: manual 2.2.16 (``Loss``), 2.2.28 (``Modeler``), 2.4.1.
"""

from __future__ import annotations

from typing import Annotated, Literal

from bathysr_nb.files.yamlfile import Spelling

POWERS = {"mae": 1, "mse": 2}  # of the error, for losses per cell
LOSSES = (*POWERS, "psnr", "dssim", "ssim", "vgg")
SAME_LOSS = {"ssim": "dssim"}  # two names of one loss
PENALTIES = {"l1": 1, "l2": 2, "none": None}  # powers of the excess, in the vgg loss
#: Optimisers and their classes in `keras.optimizers`.
OPTIMIZERS = {
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adam": "Adam",
    "adamax": "Adamax",
    "nadam": "Nadam",
}
SCHEDULES = ("constant", "cosine", "one_cycle")
PRECISIONS = ("mixed_bfloat16", "mixed_float16")
KEEP = ("best", "last")  # the weights that a training gives back

Loss = Annotated[Literal[LOSSES], Spelling(SAME_LOSS)]
Optimizer = Literal[tuple(OPTIMIZERS)]
Schedule = Literal[SCHEDULES]
Penalty = Annotated[Literal[tuple(PENALTIES)] | None, Spelling({None: "none"})]
