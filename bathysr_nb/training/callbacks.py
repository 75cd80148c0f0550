"""Callbacks: what is written, drawn and checked while a network trains.

`bathysr_nb.training.trainer` puts them in order: the history first, then weights and figures, the state last, so that
a run killed at any moment can resume from a completed epoch.

Source: manual 2.2.17 (``ModelLogger``), 2.2.18 (``HistoryLogger``), 2.2.19 (``TestLogger``).
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from bathysr_nb import plots
from bathysr_nb.files import store
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import BEST
from bathysr_nb.training.state import STATE, save_state

HISTORY = "history.csv"
ORDER = ("loss", "psnr", "dssim", "rmse", "mae", "g_loss", "d_loss")


def epoch_file(log_dir, name: str, epoch: int, suffix: str) -> Path:
    """A file of one epoch, e.g. ``weights_00020.weights.h5``.

    Parameters
    ----------
    log_dir : path
    name : str
    epoch : int
        From 1.
    suffix : str
        With its dot.
    """
    return Path(log_dir) / f"{name}_{epoch:05d}{suffix}"


def save_weights(model: keras.Model, path) -> None:
    """Write a model's weights, completely or not at all, replacing an existing file.

    Parameters
    ----------
    model : keras.Model
    path : path
    """
    with store.replacing(path, overwrite=True) as part:
        whole = part.with_suffix(".weights.h5")  # Keras refuses any other ending
        try:
            model.save_weights(whole)
            whole.replace(part)
        finally:
            whole.unlink(missing_ok=True)


class HistoryLogger(keras.callbacks.Callback):
    """``history.csv`` after each epoch and ``history_*.png`` every `log_period` epochs.

    Parameters
    ----------
    log_dir : path
    log_period : int or None
        None: no figures.
    rows : list of dict
        Epochs already trained; each new one is appended.
    """

    def __init__(self, log_dir, log_period: int | None, rows: list[dict]):
        super().__init__()
        self.log_dir, self.log_period, self.rows = Path(log_dir), log_period, rows

    def on_epoch_end(self, epoch, logs=None):
        columns = [part + name for part in ("", "val_") for name in ORDER]
        self.rows.append({"epoch": epoch + 1} | {name: float(logs[name]) for name in columns if name in logs})
        store.write_text(self.log_dir / HISTORY, self.frame().to_csv(), overwrite=True)
        if self.log_period and (epoch + 1) % self.log_period == 0:
            path = epoch_file(self.log_dir, "history", epoch + 1, ".png")
            with store.replacing(path, overwrite=True) as part:
                plots.history(self.frame()).savefig(part, dpi=110)

    def best(self) -> int:
        """The (first) epoch of the lowest val_loss; 0 before the first epoch."""
        return min(self.rows, key=lambda row: row["val_loss"])["epoch"] if self.rows else 0

    def is_stale(self, patience: int | None) -> bool:
        """Whether the last `patience` epochs brought no lower val_loss; never if it is None."""
        return patience is not None and bool(self.rows) and len(self.rows) - self.best() >= patience

    def frame(self) -> pd.DataFrame:
        """All epochs, one row each."""
        return pd.DataFrame(self.rows).set_index("epoch")


class ModelLogger(keras.callbacks.Callback):
    """``weights_best.weights.h5`` at the lowest val_loss, ``weights_*.weights.h5`` every `log_period` epochs.

    Parameters
    ----------
    log_dir : path
    log_period : int or None
        None: only the best.
    history : HistoryLogger
        Must come before this one in the list of callbacks.
    patience : int or None
        Stop after this many epochs without a lower val_loss.
    """

    def __init__(self, log_dir, log_period: int | None, history: HistoryLogger, patience: int | None = None):
        super().__init__()
        self.log_dir, self.log_period, self.history, self.patience = Path(log_dir), log_period, history, patience

    def on_epoch_end(self, epoch, logs=None):
        if self.history.best() == epoch + 1:
            save_weights(self.model, self.log_dir / BEST)
        if self.log_period and (epoch + 1) % self.log_period == 0:
            save_weights(self.model, epoch_file(self.log_dir, "weights", epoch + 1, ".weights.h5"))
        if self.history.is_stale(self.patience):
            self.model.stop_training = True


class TestLogger(keras.callbacks.Callback):
    """``test_*.png`` every `log_period` epochs: four validation patches beside their truth.

    Parameters
    ----------
    log_dir : path
    log_period : int
    draw : callable
        Takes the super-resolved patches to a figure.
    lr : ndarray, shape (4, h, w, 1)
        The patches, always the same.
    """

    def __init__(self, log_dir, log_period: int, draw, lr: np.ndarray):
        super().__init__()
        self.log_dir, self.log_period, self.draw, self.lr = Path(log_dir), log_period, draw, lr

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.log_period == 0:
            figure = self.draw(self.model.predict(self.lr, verbose=0))
            with store.replacing(epoch_file(self.log_dir, "test", epoch + 1, ".png"), overwrite=True) as part:
                figure.savefig(part, dpi=110)


class StateLogger(keras.callbacks.Callback):
    """The state after each epoch, for ``--resume``; must be the last of the callbacks that write."""

    def __init__(self, log_dir, history: HistoryLogger):
        super().__init__()
        self.path, self.history = Path(log_dir) / STATE, history

    def on_epoch_end(self, epoch, logs=None):
        save_state(self.path, self.model, self.history.rows)


class StopOnNaN(keras.callbacks.Callback):
    """Raise a ValueError with epoch and batch as soon as a loss is not finite.

    The loss is checked after every batch, so the batch named is the one that broke it.
    """

    def __init__(self, log_dir, history: HistoryLogger):
        super().__init__()
        self.log_dir, self.history, self.epoch = Path(log_dir), history, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs, f"in epoch {self.epoch}, batch {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        """The last step's weights have not been used for a training loss yet; validation has used them."""
        self._check(logs, f"after epoch {self.epoch}")

    def _check(self, logs, when: str) -> None:
        broken = [name for name, value in logs.items() if name.endswith("loss") and not np.isfinite(value)]
        if broken:
            best = self.history.best()
            good = f"last good weights: {self.log_dir / BEST} (epoch {best})" if best else "no epoch completed before"
            raise ValueError(
                f"{self.model.name}: {broken[0]} became NaN or infinite {when}; {good}; "
                "start again with a lower learning_rate"
            )


class Progress(keras.callbacks.Callback):
    """A progress bar over all steps in a terminal; elsewhere, if asked for, an occasional line.

    Parameters
    ----------
    epochs, steps : int
        Epochs in all, and steps of each.
    done : int
        Epochs already trained.
    lines : bool
        Print an epoch's losses where there is no terminal, at most every `EVERY` seconds.
    """

    EVERY = 10.0

    def __init__(self, epochs: int, steps: int, done: int, lines: bool):
        super().__init__()
        self.epochs, self.lines, self.printed = epochs, lines, 0.0
        self.bar = tqdm(total=epochs * steps, initial=done * steps, desc="steps", leave=False, disable=None)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        shown = {name: f"{logs[name]:.4g}" for name in ("loss", "val_loss", "val_rmse")}
        self.bar.set_postfix({"epoch": epoch + 1} | shown)
        due = epoch + 1 == self.epochs or time.monotonic() - self.printed > self.EVERY
        if self.bar.disable and self.lines and due:
            figures = ", ".join(f"{name} {value}" for name, value in shown.items())
            print(f"epoch {epoch + 1} of {self.epochs}: {figures}", flush=True)
            self.printed = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()


class LiveCurves(keras.callbacks.Callback):
    """Draw curves in place while the network trains, at most every few seconds.

    A notebook that runs headless keeps the last picture.

    Parameters
    ----------
    draw : callable or None
        Takes the history so far (DataFrame, one row an epoch) to a figure; None draws nothing.
    history : HistoryLogger
        Must come before this one in the list of callbacks.
    """

    EVERY = 3.0

    def __init__(self, draw, history: HistoryLogger):
        super().__init__()
        self.draw, self.history, self.shown, self.handle = draw, history, 0.0, None

    def on_epoch_end(self, epoch, logs=None):
        if self.draw and time.monotonic() - self.shown > self.EVERY:
            self.show()

    def show(self):
        """Replace the picture by one of all epochs so far."""
        from IPython.display import Image, display

        png = io.BytesIO()
        self.draw(self.history.frame()).savefig(png, dpi=90)
        if self.handle:
            self.handle.update(Image(png.getvalue()))
        else:
            self.handle = display(Image(png.getvalue()), display_id=True)
        self.shown = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.draw and self.history.rows and kind is None:
            self.show()
