"""What the tests of several folders share; a fixture that gives a function is called like one."""

import os
import sys

# each of xdist's processes has a core for itself; NumPy and TensorFlow read this when they are imported
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import numpy as np
import pytest

from bathysr_nb.grids import synthetic
from bathysr_nb.pairs import downsampling

#: Options that keep every network's structure with few weights.
SMALL = {
    "srcnn": {"filters": (4, 3), "kernels": (5, 1, 3)},
    "fsrcnn": {"d": 4, "s": 3, "m": 2},
    "espcn": {"filters": (4, 3), "kernels": (3, 3, 3)},
    "srgan": {"filters": 4, "d_filters": 2},
    "esrgan": {"filters": 3, "num_residual_blocks": 1, "d_filters": 2, "d_num_downsampling_blocks": 1},
}


@pytest.fixture(autouse=True)
def seeded():
    """A test's weights do not depend on the tests before it."""
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def small():
    """A network with few weights: small(name, scale, normalisation, **options)."""
    from bathysr_nb.models.build import build_model

    def build(name, scale=2, normalisation=None, **options):
        return build_model(name, scale=scale, normalisation=normalisation, **SMALL[name] | options)

    return build


@pytest.fixture(scope="session")
def shaken():
    """The model with every weight moved off its initial value, so that nothing is zero."""

    def shake(model, seed=0, by=0.1):
        rng = np.random.default_rng(seed)
        model.set_weights([w + rng.normal(scale=by, size=w.shape).astype("float32") for w in model.get_weights()])
        return model

    return shake


@pytest.fixture(scope="session")
def predict():
    """`model.predict`, without the time it takes to compile."""
    from bathysr_nb.models.backend import ops

    return lambda model, x: ops.convert_to_numpy(model(x, training=False))


@pytest.fixture
def set_precision():
    """Set Keras' precision for one test: set_precision("mixed_bfloat16")."""
    from bathysr_nb.models.backend import keras

    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="session")
def ridge_pairs():
    """LR and HR patches of a made ridge, from the gentlest to the steepest: ridge_pairs(n, cells, ...)."""

    def make(n, cells=64, seed=0, gentlest=1.0, steepest=1.0, scale=4, method="bilinear"):
        ground = synthetic.seafloor((cells, cells * n), province="ridge", seed=seed)
        relief = np.linspace(gentlest, steepest, n, dtype=np.float32)[:, None, None]
        hr = np.ascontiguousarray(ground.reshape(cells, n, cells).swapaxes(0, 1) * relief)
        return downsampling.resize(hr, scale, method), hr

    return make


@pytest.fixture(scope="session")
def units():
    """The normalisation of every network that `saved_network` makes."""
    from bathysr_nb.models.normalisation import Normalisation

    return Normalisation(-3500, -1500, relief=5)


@pytest.fixture(scope="session")
def saved_network(units):
    """A network with weights drawn at random, saved as training would save it."""
    from bathysr_nb.models.build import build_model

    def save(log_dir, name="espcn", scale=4, seed=0, file="weights_best.weights.h5", **options):
        model = build_model(name, scale=scale, normalisation=units, **options)
        rng = np.random.default_rng(seed)
        model.set_weights([rng.normal(scale=0.05, size=w.shape) for w in model.get_weights()])
        log_dir.mkdir(exist_ok=True)
        model.save_weights(log_dir / "x.weights.h5")
        (log_dir / "x.weights.h5").rename(log_dir / file)
        (log_dir / "normalisation.json").write_text(units.to_json())
        return model

    return save
