"""The networks' names, scales and options, with defaults and limits; nothing here loads Keras.

Input files, `bathysr_nb.models.build` and the networks' own functions take them from here.

Source: manual 2.2.27, 2.4.1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from bathysr_nb.files.kinds import Count, Filters, Kernels, LossWeights, Noise

BIAS = True  # whether convolutions have biases


def _one_kernel_more(filters, kernels) -> str | None:
    if len(kernels) == len(filters) + 1:
        return None
    return f"kernels is {tuple(kernels)}, expected one more than filters, which has {len(filters)}"


@dataclass(frozen=True)
class Srcnn:
    """SRCNN, section ``srcnn``.

    Attributes
    ----------
    filters : tuple of int
        Channels of all convolutions but the last.
    kernels : tuple of int
        Kernel size of each convolution, one more than `filters`.
    """

    filters: Filters = (64, 32)
    kernels: Kernels = (9, 1, 5)

    RELATIONS: ClassVar = (({"filters", "kernels"}, _one_kernel_more),)


@dataclass(frozen=True)
class Fsrcnn:
    """FSRCNN, section ``fsrcnn``.

    Attributes
    ----------
    d : int
        Channels of the features.
    s : int
        Channels they are shrunk to.
    m : int
        Number of mapping convolutions.
    """

    d: Count = 56
    s: Count = 12
    m: Count = 4


@dataclass(frozen=True)
class Espcn:
    """ESPCN, section ``espcn``; the keys are those of `Srcnn`."""

    filters: Filters = (64, 32)
    kernels: Kernels = (5, 3, 3)

    RELATIONS: ClassVar = (({"filters", "kernels"}, _one_kernel_more),)


@dataclass(frozen=True)
class Srgan:
    """SRGAN, section ``srgan``.

    Attributes
    ----------
    filters, num_residual_blocks : int
        Of the generator.
    d_filters, d_num_downsampling_blocks : int
        Of the discriminator.
    loss_weights : (float, float)
        Weights of the content loss and of the adversarial loss.
    label_noise : float
        Labels are 1 - noise u and noise u with u uniform in 0..1.
    """

    filters: Count = 32
    num_residual_blocks: Count = 1
    d_filters: Count = 4
    d_num_downsampling_blocks: Count = 1
    loss_weights: LossWeights = (1, 1e-7)
    label_noise: Noise = 1e-6


@dataclass(frozen=True)
class Esrgan:
    """ESRGAN, section ``esrgan``; the keys are those of `Srgan`, without noise on the labels."""

    filters: Count = 32
    num_residual_blocks: Count = 2
    d_filters: Count = 4
    d_num_downsampling_blocks: Count = 2
    loss_weights: LossWeights = (1, 1e-7)


#: Every network and its options.
OPTIONS = {"srcnn": Srcnn, "fsrcnn": Fsrcnn, "espcn": Espcn, "srgan": Srgan, "esrgan": Esrgan}
GANS = ("srgan", "esrgan")
SCALES = (2, 3, 4)  # HR cells per LR cell along an axis
GAN_SCALES = (2, 4)  # the generators double once or twice

Model = Literal[tuple(OPTIONS)]
Scale = Literal[SCALES]


def check_name(name: str) -> None:
    """Raise a ValueError that lists the choices unless `name` is a network."""
    if name not in OPTIONS:
        raise ValueError(f"unknown model {name!r}; choose one of {', '.join(OPTIONS)}")


def scale_fault(model: str, scale: int) -> str | None:
    """What is wrong with a scale for a network, or None.

    Parameters
    ----------
    model : str
        One of `OPTIONS`.
    scale : int

    Examples
    --------
    >>> scale_fault("srgan", 3), scale_fault("espcn", 3)
    ('scale is 3, expected 2 or 4 for srgan', None)
    """
    allowed = GAN_SCALES if model in GANS else SCALES
    return None if scale in allowed else f"scale is {scale!r}, expected {' or '.join(map(str, allowed))} for {model}"


def default_options(name: str) -> dict:
    """The options of a network with their defaults.

    Examples
    --------
    >>> default_options("fsrcnn")
    {'d': 56, 's': 12, 'm': 4, 'bias': True}
    """
    check_name(name)
    return asdict(OPTIONS[name]()) | {"bias": BIAS}


def complete_options(name: str, given: dict) -> dict:
    """All options of a network: those given, and the defaults of the others.

    Parameters
    ----------
    name : str
        One of `OPTIONS`.
    given : dict

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the network or an option is unknown, or `kernels` are not one more than `filters`.

    Examples
    --------
    >>> complete_options("espcn", {"bias": False})
    {'filters': (64, 32), 'kernels': (5, 3, 3), 'bias': False}
    """
    defaults = default_options(name)
    if unknown := sorted(set(given) - set(defaults)):
        raise ValueError(f"{name}: unknown option {', '.join(unknown)}; choose from {', '.join(defaults)}")
    options = defaults | given
    for keys, fault in getattr(OPTIONS[name], "RELATIONS", ()):
        if found := fault(**{key: options[key] for key in keys}):
            raise ValueError(f"{name}: {found}")
    return options
