import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bathysr_nb.models import build

TRAIN_ALL = """
import numpy as np
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import MODELS, build_model
from bathysr_nb.models.normalisation import Normalisation
lr = (np.random.default_rng(0).normal(size=(3, 8, 8, 1)) * 30 - 1500).astype("float32")
hr = lr.repeat(2, 1).repeat(2, 2)
for name in MODELS:
    model = build_model(name, scale=2, normalisation=Normalisation(-2500, 0, relief=7.0))
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(lr, hr, batch_size=2, epochs=2, validation_data=(lr, hr), verbose=0).history
    assert all(np.isfinite(v).all() for v in history.values()), (name, history)
    assert model.predict(lr[:, :5, :7], verbose=0).shape == (3, 10, 14, 1), name
print(keras.backend.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_networks_train_on_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", TRAIN_ALL], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == backend


def test_package_uses_no_backend_by_name():
    for path in Path(build.__file__).parents[1].rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        }
        assert not (names | imported) & {"tf", "tensorflow", "torch", "jax"}, path
