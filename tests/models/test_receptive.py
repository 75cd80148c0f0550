from itertools import product

import numpy as np
import pytest

from bathysr_nb.models.build import MODELS, predictor
from bathysr_nb.models.receptive import receptive_field


@pytest.mark.parametrize(("name", "scale"), [*product(MODELS, (2,)), ("fsrcnn", 3), ("srcnn", 4), ("srgan", 4)])
def test_receptive_field_is_what_an_impulse_reaches(small, predict, name, scale):
    model = predictor(small(name, scale=scale, bias=False))
    model.set_weights([np.abs(w) + 0.1 * (w.ndim == 4) for w in model.get_weights()])
    claimed, half = receptive_field(model), 40
    lr = np.zeros((1, 2 * half + 1, 2 * half + 1, 1), "float32")
    lr[0, half, half] = 1
    rows, columns = np.nonzero(predict(model, lr)[0, ..., 0])
    measured = max(np.abs(rows // scale - half).max(), np.abs(columns // scale - half).max())
    assert measured <= claimed <= measured + 1
