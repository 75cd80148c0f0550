"""The trainer's input file: what to train, on which data, and how.

Source: manual 2.2.27 (``UserParams``), 2.4.1; `residual`, `relief`, `bias`, `schedule`, `seed`,
`train_data` and the sections `fsrcnn`, `srgan` and `vgg` are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, ClassVar

from bathysr_nb.augment.online import OnlineAugmentation, OnlineRanges
from bathysr_nb.files import yamlfile
from bathysr_nb.files.kinds import (
    Count,
    Depths,
    Names,
    Positive,
    Residual,
    Seed,
    Shape,
    Text,
)
from bathysr_nb.files.yamlfile import Limit
from bathysr_nb.models.options import BIAS, Espcn, Esrgan, Fsrcnn, Model, Scale, Srcnn, Srgan, scale_fault
from bathysr_nb.training.choices import Loss, Optimizer, Penalty, Schedule

SSIM_CELLS = 11  # least side of an HR patch: the window of `bathysr_nb.scores.metrics.dssim`, which loads Keras


def _room_for_ssim(input_shape, scale) -> str | None:
    if scale * min(input_shape[:2]) >= SSIM_CELLS:
        return None
    return f"input_shape is {input_shape}, expected {-(-SSIM_CELLS // scale)} rows and columns or more at scale {scale}"


def _turned_squares(input_shape, online_da) -> str | None:
    rows, columns, _ = input_shape
    if rows == columns or online_da is None or not (online_da.valid and online_da.rotation_range):
        return None
    return (
        f"online_da.rotation_range is {online_da.rotation_range}, expected 0 for input_shape {input_shape}: not square"
    )


@dataclass(frozen=True)
class OnlineDA(OnlineRanges):
    """Section ``online_da``: changes drawn anew for each training patch.

    Attributes
    ----------
    valid : bool
        Whether anything is drawn at all.
    steps_per_epoch_mag : float
        Factor on the steps of an epoch.
    zoom_range, zoom_iso, depth_scale_range, use_depth_scale, horizontal_flip, vertical_flip, rotation_range
        See `bathysr_nb.augment.online.OnlineRanges`.
    """

    valid: bool = False
    steps_per_epoch_mag: Positive = 1

    @property
    def augmentation(self) -> OnlineAugmentation | None:
        """What draws the changes; None where the section is switched off."""
        if not self.valid:
            return None
        return OnlineAugmentation(**{field.name: getattr(self, field.name) for field in fields(OnlineRanges)})

    @property
    def magnification(self) -> float:
        """Factor on the steps of an epoch; 1 where the section is switched off."""
        return self.steps_per_epoch_mag if self.valid else 1


@dataclass(frozen=True)
class Vgg:
    """Section ``vgg`` of the loss of that name.

    Attributes
    ----------
    weights : Path or None
        VGG19's weights; None: those in Keras' cache.
    penalty : {"l1", "l2", "none"}
        On values outside 0..1.
    """

    weights: Path | None = None
    penalty: Penalty = "l1"


@dataclass(frozen=True, kw_only=True)
class Params:
    """A trainer's input file, its keys as attributes; made by `load_params`.

    Attributes
    ----------
    data_dir : Path
        Folder with train, validation and test; it need not exist yet.
    model : {"srcnn", "fsrcnn", "espcn", "srgan", "esrgan"}
    input_shape : (int, int, int)
        Rows, columns and the one channel of an LR patch.
    scale : {2, 3, 4}
        HR cells per LR cell along an axis; 2 or 4 for the GANs.
    train_data : tuple of (str, str)
        Pairs of pickles, HR and LR, in data_dir/train; several pairs are joined.
    norm_range : (float, float) or None
        Metres that become 0 and 1; None: the training set's extremes.
    residual : "bicubic" or None
        Predict the difference from bicubic; None: the manual's form.
    relief : float or None
        Metres per unit of the residual form; None: from the training set.
    bias : bool
        Biases in the convolutions.
    fname_model_weights : Path or None
        Weights to start training from, or to test.
    read_test_weights : str or None
        Weights in log_dir to test.
    batch_size, epochs : int
    loss : {"mae", "mse", "psnr", "dssim", "vgg"}
        The file may say ``ssim`` for dssim.
    optimizer : {"sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam"}
    learning_rate : float
        The peak if `schedule` is not constant.
    schedule : {"constant", "cosine", "one_cycle"}
    log_dir : Path
        Folder for all output; if empty, ``<name of the input file>_log`` beside the input file.
    log_period : int
        Epochs between periodic weights and test figures.
    patience : int or None
        Epochs without a better val_loss before training stops; None: it does not.
    seed : int
    online_da : OnlineDA
    srcnn, fsrcnn, espcn, srgan, esrgan : Srcnn, Fsrcnn, Espcn, Srgan, Esrgan
    vgg : Vgg
    """

    data_dir: Path
    model: Model
    input_shape: Shape = (16, 16, 1)
    scale: Scale = 4
    train_data: Names = (("data_HR.pkl", "data_LR.pkl"),)
    norm_range: Depths | None = None
    residual: Residual = None
    relief: Annotated[float, Limit("metres above 0", lambda x: x > 0)] | None = None
    bias: bool = BIAS
    fname_model_weights: Path | None = None
    read_test_weights: Text | None = None
    batch_size: Count = 16
    epochs: Count = 5000
    loss: Loss = "mse"
    optimizer: Optimizer = "adam"
    learning_rate: Positive = 1e-4
    schedule: Schedule = "constant"
    log_dir: Path | None = None
    log_period: Count = 20
    patience: Count | None = None
    seed: Seed = 0
    online_da: OnlineDA = OnlineDA()
    srcnn: Srcnn = Srcnn()
    fsrcnn: Fsrcnn = Fsrcnn()
    espcn: Espcn = Espcn()
    srgan: Srgan = Srgan()
    esrgan: Esrgan = Esrgan()
    vgg: Vgg = Vgg()

    RELATIONS: ClassVar = (
        ({"model", "scale"}, scale_fault),
        ({"input_shape", "scale"}, _room_for_ssim),
        ({"input_shape", "online_da"}, _turned_squares),
    )

    @property
    def options(self) -> dict:
        """The chosen network's section and `bias`, as keywords of `bathysr_nb.models.build.build_model`."""
        section = getattr(self, self.model)
        return {field.name: getattr(section, field.name) for field in fields(section)} | {"bias": self.bias}


def load_params(path, overrides: dict | None = None) -> Params:
    """Read and check a trainer's input file; whether the files that it names exist is not checked.

    Relative paths count from the file's folder. ``None`` is null, ``1e-7`` a number and
    ``!!python/tuple`` a list; no code in the file is run.

    Parameters
    ----------
    path : path
        YAML with the keys of `Params`; data_dir and model are required.
    overrides : dict, optional
        Values that override the file's; ``"espcn.filters"`` names a key of a section.

    Returns
    -------
    Params

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        In one line, the file and every fault in it: unknown, missing and duplicate keys, wrong
        types, values out of range or contradicting each other.

    Examples
    --------
    >>> params = load_params("params/input_espcn.yml", {"model": "esrgan", "esrgan.loss_weights": [1, 1e-3]})
    >>> params.options["loss_weights"], params.log_dir.name
    ((1, 0.001), 'input_espcn')
    """
    params = yamlfile.load(Params, path, overrides)
    beside = Path(path).resolve()
    return params if params.log_dir else replace(params, log_dir=beside.with_name(f"{beside.stem}_log"))
