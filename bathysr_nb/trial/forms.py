"""What a network of the trial is given and gives: the rungs of the ladder from the manual's form to the residual one.

Each rung takes one thing off the network's hands: first the depth of a patch, then the smooth part of the ground, at
last the size of its relief.

Source: manual 2.2.22 for the first form; the others are ours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bathysr_nb.models.normalisation import Normalisation


class Form(NamedTuple):
    """One form of a network.

    Attributes
    ----------
    words : str
        For tables and figures.
    residual : bool
        Predict the difference from bicubic, in units of the relief; False: depths scaled to 0..1.
    bias : bool
        Biases in the convolutions.
    loss : str
        The loss that served this form better in short trials: squared errors for scaled depths, absolute ones for the
        difference from bicubic.
    centred : bool
        The mean of the LR patch is taken off both sides of a pair, and added again to what is predicted.
    """

    words: str
    residual: bool
    bias: bool
    loss: str
    centred: bool = False


#: The rungs, from the manual's form up.
FORMS = {
    "manual": Form("manual's form", residual=False, bias=True, loss="mse"),
    "manual_centred": Form("manual's form, patch mean removed", residual=False, bias=True, loss="mse", centred=True),
    "residual_bias": Form("residual form with biases", residual=True, bias=True, loss="mae"),
    "residual": Form("residual form without biases", residual=True, bias=False, loss="mae"),
}


def patch_mean(lr: np.ndarray, form: str) -> np.ndarray:
    """What a form takes off a pair: the mean of each LR patch, or nothing.

    Parameters
    ----------
    lr : ndarray, shape (n, h, w)
        Metres.
    form : str
        One of `FORMS`.

    Returns
    -------
    ndarray, shape (n, 1, 1), dtype of `lr`

    Examples
    --------
    >>> lr = np.array([[[-5.0, -7.0]]])
    >>> patch_mean(lr, "manual_centred").ravel(), patch_mean(lr, "manual").ravel()
    (array([-6.]), array([0.]))
    """
    mean = lr.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return (mean if FORMS[form].centred else np.zeros_like(mean)).astype(lr.dtype)


def in_form(pair, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs as a network of this form is given them.

    Parameters
    ----------
    pair : (ndarray, ndarray)
        LR (n, h, w) and HR (n, H, W) patches, metres.
    form : str
        One of `FORMS`.

    Returns
    -------
    (ndarray, ndarray)
        Shapes (n, h, w, 1) and (n, H, W, 1), metres.
    """
    mean = patch_mean(pair[0], form)
    return tuple((side - mean)[..., None] for side in pair)


def units(source, form: str, norm_range=None) -> Normalisation:
    """The units of a network of this form.

    Parameters
    ----------
    source : (ndarray, ndarray)
        LR and HR patches of the source, metres.
    form : str
        One of `FORMS`.
    norm_range : (float, float), optional
        Depths that become 0 and 1; None, or a form without patch means: the source's extremes.

    Returns
    -------
    Normalisation
    """
    return Normalisation.fit(*in_form(source, form), FORMS[form].residual, None if FORMS[form].centred else norm_range)
