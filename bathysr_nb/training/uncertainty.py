"""Half-widths of a map's errors, calibrated on held-out blocks and kept with the model.

The file belongs to one ``model.keras``, whose checksum it holds.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bathysr_nb.files import project, store
from bathysr_nb.models import prediction
from bathysr_nb.scores import conformal

UNCERTAINTY = "uncertainty.json"  # beside model.keras
RIM = conformal.REACH  # LR cells off each side of a patch that are not counted: a map has neighbours there
REMEDY = "run bathysr calibrate with its input file, or write maps.calibrate_on(...).to_json() there"


@dataclass(frozen=True)
class Uncertainty:
    """Half-widths of |SR - HR| as a function of LR's local relief: width x (a + b x relief).

    Attributes
    ----------
    a : float
        Metres.
    b : float
        Metres per metre of local relief; see `bathysr_nb.scores.conformal.local_relief`.
    widths : dict of float to float
        At each level; see `bathysr_nb.scores.conformal.covering_widths`.
    blocks : int
        Held-out blocks that they were calibrated on.
    relief : (float, float)
        Medium and highest relief of their LR cells, metres.
    cell_size : (float, float) or None
        LR cell size (dy, dx) in metres; None if unknown.
    model : str or None
        SHA-256 of the model's file; None for a model that is not in a file.
    rule : str
        How the widths were chosen, in words.

    Raises
    ------
    ValueError
        If coefficients are negative, or levels and widths do not rise.
    """

    a: float
    b: float
    widths: dict[float, float]
    blocks: int
    relief: tuple[float, float]
    cell_size: tuple[float, float] | None = None
    model: str | None = None
    rule: str = "each block weighs the same; mean coverage of the blocks left out"

    def __post_init__(self):
        steps = [np.diff([0, *values]) for values in (self.widths, self.widths.values())]
        if not (self.a >= 0 and self.b >= 0 and self.widths and max(self.widths) < 1):
            raise ValueError(
                f"a is {self.a}, b {self.b} and widths {self.widths}, expected none below 0 and levels below 1"
            )
        if not ((steps[0] > 0).all() and (steps[1] >= 0).all()):
            raise ValueError(f"widths is {self.widths}, expected rising levels with rising widths")

    def half_width(self, relief: np.ndarray, level: float) -> np.ndarray:
        """Half-width of the errors where LR has some local relief.

        Parameters
        ----------
        relief : ndarray
            Metres.
        level : float
            Share of the cells of a new block whose errors are to lie within, between 0 and 1.

        Returns
        -------
        ndarray
            Metres.

        Raises
        ------
        ValueError
            As `factor`.

        Examples
        --------
        >>> Uncertainty(0.5, 0.2, {0.5: 0.4, 0.9: 1.0}, 8, (1, 9)).half_width(np.array([0.0, 10]), 0.9).tolist()
        [0.5, 2.5]
        """
        return self.factor(level) * (self.a + self.b * relief)

    def factor(self, level: float) -> float:
        """The width at a level, interpolated between those that are kept.

        Parameters
        ----------
        level : float

        Raises
        ------
        ValueError
            If the level is not between 0 and 1, or above the highest that was calibrated.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level:g}, expected a share between 0 and 1, such as 0.95")
        if level > (most := max(self.widths)):
            raise ValueError(
                f"level is {level:g}, expected at most {most:g}, the highest that {self.blocks} blocks gave"
            )
        return float(np.interp(level, [0, *self.widths], [0, *self.widths.values()]))

    def to_json(self) -> str:
        """The text of the file that `load` reads."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def load(cls, path) -> Uncertainty:
        """Read a file that holds `to_json`; anything else in it is a ValueError that names it."""
        try:
            values = json.loads(Path(path).read_text())
            widths = {float(level): float(width) for level, width in values.pop("widths").items()}
            values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
            return cls(widths=widths, **values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            fault = f"{error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"{path}: not a calibrated uncertainty ({fault}); {REMEDY}") from None

    @classmethod
    def beside(cls, model) -> Uncertainty:
        """The uncertainty in the folder of a model's file.

        Parameters
        ----------
        model : path
            ``model.keras``; a relative path counts from the project's root.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it cannot be read, or was made for another model.
        """
        path = project.resolve(model).with_name(UNCERTAINTY)
        name = project.shorten(path)
        if not path.is_file():
            raise FileNotFoundError(f"{name}: no such file; {REMEDY}")
        found = cls.load(path)
        if found.model != store.checksum(model):
            raise ValueError(f"{name}: made for another model than {Path(model).name} beside it; {REMEDY}")
        return found


def calibrate(model, lr: np.ndarray, hr: np.ndarray, block: np.ndarray, cell_size=None) -> Uncertainty:
    """Calibrate the uncertainty of a network on blocks that it was not trained on.

    Parameters
    ----------
    model : keras.Model
        From metres to metres.
    lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
        Held-out patches in metres. Their inner cells count, 2 LR cells or more from the rim.
    block : ndarray, shape (n,)
        Block of each patch.
    cell_size : float or (float, float), optional
        LR cell size in metres, or (dy, dx).

    Returns
    -------
    Uncertainty
        Of a model that is not in a file.

    Raises
    ------
    ValueError
        If there are fewer than 8 blocks or the patches have no inner cells.

    Notes
    -----
    How, see `bathysr_nb.scores.conformal`.

    Examples
    --------
    >>> from bathysr_nb.models.build import build_model
    >>> hr = np.random.default_rng(0).normal(size=(8, 32, 32, 1)).cumsum(1).cumsum(2)
    >>> lr = hr.reshape(8, 16, 2, 16, 2, 1).mean((2, 4))
    >>> calibrate(build_model("espcn", scale=2), lr, hr, np.arange(8)).blocks
    8
    """
    if fault := cannot_calibrate(lr, block):
        raise ValueError(fault)
    error, relief = held_out_errors(model, lr, hr)
    widths = conformal.covering_widths(conformal.held_out_ratios(relief, error, block))
    size = None if cell_size is None else tuple(map(float, np.broadcast_to(cell_size, 2)))
    span = (float(np.median(relief)), float(relief.max()))
    return Uncertainty(*conformal.fit_scale(relief, error, block), widths, len(np.unique(block)), span, size)


def cannot_calibrate(lr: np.ndarray, block) -> str | None:
    """Why held-out patches cannot calibrate an uncertainty; None if they can.

    Parameters
    ----------
    lr : ndarray, shape (n, h, w, 1)
    block : ndarray, shape (n,), or None
    """
    if block is None:
        return "the blocks of the held-out patches are unknown (no patches.csv beside them)"
    if (found := len(np.unique(block))) < conformal.FEWEST:
        return f"{found} held-out blocks, expected {conformal.FEWEST} or more; build with a larger validation_size"
    if min(lr.shape[1:3]) <= 2 * RIM:
        return f"LR patches of {lr.shape[1]} x {lr.shape[2]} cells have none that are {RIM} cells from the rim"
    return None


def held_out_errors(model, lr: np.ndarray, hr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of a network and the local relief that goes with them, of the inner LR cells.

    Parameters
    ----------
    model : keras.Model
        From metres to metres.
    lr, hr : ndarray, shape (n, h, w, 1) and (n, H, W, 1)
        Metres.

    Returns
    -------
    ndarray, shape (n, h - 4, w - 4, scale ** 2)
        \\|SR - HR\\| of the cells in each LR cell, metres.
    ndarray, shape (n, h - 4, w - 4)
        Metres.
    """
    n, rows, cols, _ = lr.shape
    scale, inner = hr.shape[1] // rows, slice(RIM, -RIM)
    error = np.abs(prediction.predict(model, lr, model.name) - hr).reshape(n, rows, scale, cols, scale)
    error = error.swapaxes(2, 3)[:, inner, inner].reshape(n, rows - 2 * RIM, cols - 2 * RIM, scale**2)
    return error, conformal.local_relief(lr[..., 0])[:, inner, inner]
