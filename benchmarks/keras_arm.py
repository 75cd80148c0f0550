"""This package's side of `train_speed.py`, and the plain way with Keras: a worker process.

    python benchmarks/keras_arm.py {fit,metrics,generator,stock}

fit: the package's network, trained by its loop on its data pipeline. metrics: the same with every metric.
generator: the same network between 0 and 1, fed by a Python generator as the manual's through
``train_on_batch``. stock: that generator and Keras' own layers where the package has faster ones.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from workers import Rounds, serve

from bathysr_nb.models import layers
from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.build import build_model
from bathysr_nb.models.gan import GAN
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.training import losses
from bathysr_nb.training.batches import Batches
from bathysr_nb.training.loop import train_epoch

LOW, HIGH, LEARNING_RATE = -6000.0, 0.0, 1e-4
FASTER = {
    layers.ToOneChannel: keras.layers.Conv2D,
    layers.Deconvolution: keras.layers.Conv2DTranspose,
    layers.PReLU: keras.layers.PReLU,
}


def stock(model: keras.Model) -> keras.Model:
    """The model with Keras' own layers instead of the package's faster ones, weights kept."""

    def plain(layer):
        config = layer.get_config()
        if type(layer) not in FASTER:
            return type(layer).from_config(config)
        return FASTER[type(layer)].from_config({k: v for k, v in config.items() if k != "block"})

    copy = keras.models.clone_model(model, clone_function=plain)
    copy.set_weights(model.get_weights())
    return copy


def networks(model) -> dict[str, keras.Model]:
    if isinstance(model, GAN):
        return {"generator": model.generator, "discriminator": model.discriminator}
    return {"generator": model}


def named_weights(model) -> dict[str, keras.Variable]:
    """``{"generator/layer/variable": variable}``, as `torch_nets.copy_weights` reads them."""
    return {
        f"{kind}/{layer.name}/{variable.name}": variable
        for kind, net in networks(model).items()
        for layer in net.layers
        if not isinstance(layer, keras.layers.Dropout)
        for variable in layer.variables
    }


def shake(model, seed: int = 0) -> None:
    """Move every weight off its initial value, so that nothing is zero and a comparison sees it."""
    rng = np.random.default_rng(seed)
    for variable in named_weights(model).values():
        variable.assign(ops.convert_to_numpy(variable) + rng.uniform(-0.05, 0.05, variable.shape).astype("float32"))


class KerasArm(Rounds):
    """See `workers.serve`."""

    def __init__(self, kind: str):
        self.kind = kind

    def versions(self) -> str:
        backend = keras.backend.backend()
        return f"Keras {keras.__version__} on {backend} {__import__(backend).__version__.split('+')[0]}"

    def start(self, name: str, patches: int, weights: str, data: str, relief: float) -> None:
        """Build a network; the first arm writes the weights that all others read."""
        keras.backend.clear_session()
        with np.load(data) as arrays:
            self.lr, self.hr, self.test = arrays["lr"][:patches], arrays["hr"][:patches], arrays["test"]
        norm = Normalisation(LOW, HIGH, relief)
        bare = self.kind in ("generator", "stock")
        self.model = build_model(name, normalisation=None if bare else norm)
        self._share_weights(Path(weights))
        if self.kind == "stock":
            self._make_stock()
        loss = losses.get_loss("mae", Normalisation(0, 1) if bare else norm)
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE), loss, metrics=self._metrics(norm))
        self.rng, self.lasted = np.random.default_rng(0), {}  # seconds an epoch lasted, by batch

    def _metrics(self, norm):
        if self.kind != "metrics":
            return None
        from bathysr_nb.scores.metrics import get_metrics

        return get_metrics(norm)

    def _share_weights(self, path: Path) -> None:
        own = named_weights(self.model)
        if not path.exists():
            shake(self.model)
            np.savez(path, **{key: ops.convert_to_numpy(variable) for key, variable in own.items()})
        with np.load(path) as arrays:
            for key, variable in own.items():
                variable.assign(arrays[key])

    def _make_stock(self) -> None:
        if isinstance(self.model, GAN):
            self.model.generator = stock(self.model.generator)
        else:
            self.model = stock(self.model)

    def first_loss(self) -> float:
        """Loss of one training step on the first 16 patches."""
        logs = self.model.fit(self.lr[:16], self.hr[:16], batch_size=16, verbose=0)
        return logs.history["loss"][0]

    def generated(self, batch: int):
        """One batch as the manual's generator makes it: choose, slice, scale to 0..1."""
        chosen = self.rng.choice(len(self.lr), batch, replace=False)
        yield tuple((side[chosen] - LOW) / (HIGH - LOW) for side in (self.lr, self.hr))

    def epoch(self, batch: int) -> None:
        for _ in range(len(self.lr) // batch):
            self.model.train_on_batch(*next(self.generated(batch)))

    def round(self, batch: int, seconds: float) -> float:
        if self.kind in ("generator", "stock"):
            return super().round(batch, seconds)
        data, began = Batches(self.lr, self.hr, batch, turn=False, seed=0), time.perf_counter()
        epochs = max(1, round(seconds / self.lasted.get(batch, seconds or 1)))
        calls = keras.callbacks.CallbackList(model=self.model)
        calls.on_train_begin()
        for epoch in range(epochs):
            train_epoch(self.model, data, epoch, calls)
        calls.on_train_end()
        self.lasted[batch] = (time.perf_counter() - began) / epochs
        return len(data) * batch / self.lasted[batch]

    def predict(self) -> np.ndarray:
        return self.model.predict(self.test, batch_size=32, verbose=0)


if __name__ == "__main__":
    serve(KerasArm(sys.argv[1]))
