"""Models saved when the package was one flat folder still load and predict what they did.

The files in ``saved`` were written by version 0.1.0 with modules such as ``bathysr_nb.layers``, which is no more:
layers are found by the name under which they are registered.
"""

from pathlib import Path

import numpy as np
import pytest

from bathysr_nb.models import load_model

SAVED = Path(__file__).parent / "saved"
LR = (np.random.default_rng(0).normal(size=(1, 8, 8, 1)) * 30 - 1500).astype("float32")


@pytest.mark.parametrize("name", ["srcnn", "fsrcnn", "espcn"])
def test_models_saved_with_other_module_names_predict_the_same(name):
    answers = np.load(SAVED / "answers.npz")
    sr = np.asarray(load_model(SAVED / f"{name}.keras")(LR, training=False))
    np.testing.assert_allclose(sr, answers[name], rtol=0, atol=1e-3)  # metres, at 1,500 m of depth
