"""Small networks and a bit of sea floor, shared by the tests of the networks."""

import numpy as np

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.build import build_model
from bathysr_nb.models.normalisation import Normalisation

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")
RESIDUAL = Normalisation(-2500, 0, relief=7.0)
MANUAL = Normalisation(-2500, -100)
GANS = ("srgan", "esrgan")
#: Options that keep every network's structure with few weights.
SMALL = {
    "srcnn": {"filters": (4, 3), "kernels": (5, 1, 3)},
    "fsrcnn": {"d": 4, "s": 3, "m": 2},
    "espcn": {"filters": (4, 3), "kernels": (3, 3, 3)},
    "srgan": {"filters": 4, "d_filters": 2},
    "esrgan": {"filters": 3, "num_residual_blocks": 1, "d_filters": 2, "d_num_downsampling_blocks": 1},
}


def small(name, scale=2, normalisation=None, **options):
    """The network with few weights."""
    return build_model(name, scale=scale, normalisation=normalisation, **SMALL[name] | options)


def shaken(model, seed=0, by=0.1):
    """The model with every weight moved off its initial value, so that nothing is zero."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(scale=by, size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def predict(model, x):
    """`model.predict`, without the time it takes to compile."""
    return ops.convert_to_numpy(model(x, training=False))


def fit_small(name):
    """Build and train a small network for two epochs; returns it and its history."""
    keras.utils.set_random_seed(0)
    lr = SEA[:, :8, :8]
    hr = np.repeat(np.repeat(lr, 2, 1), 2, 2)
    model = small(name, normalisation=RESIDUAL)
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(lr, hr, batch_size=2, epochs=2, validation_data=(lr, hr), verbose=0).history
    return model, history
