import numpy as np
import pytest

from bathysr_nb import models
from bathysr_nb.models.backend import keras
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.scores.metrics import get_metrics
from bathysr_nb.training import loop
from bathysr_nb.training.batches import Batches

NORM = Normalisation(-5000, 0, 10.0)


def compiled(name="espcn"):
    keras.utils.set_random_seed(1)
    model = models.build_model(name, (8, 8, 1), 4, NORM)
    model.compile(keras.optimizers.Adam(1e-3), "mae", metrics=get_metrics(NORM))
    return model


@pytest.fixture
def stop_after_two():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    return Stop()


@pytest.mark.parametrize(("name", "batch"), [("espcn", 5), ("srgan", 8)])
def test_scores_are_those_of_keras(training_pairs, name, batch, monkeypatch):
    """Unequal batches for one; the losses of a GAN are not weighted by patches in Keras."""
    monkeypatch.setattr(loop, "VALIDATION_BATCH", batch)
    pairs = tuple(side[:16] for side in training_pairs)
    model = compiled(name)
    theirs = model.evaluate(*pairs, batch_size=batch, verbose=0, return_dict=True)
    ours = loop.scores(model, pairs)
    assert set(ours) >= {"loss", "rmse", "mae", "psnr", "dssim"}
    assert ours == {key: pytest.approx(theirs[key], rel=1e-5) for key in ours}


def test_weights_and_logs_are_those_of_keras_own_fit(training_pairs, validation_pairs):
    ours, theirs, logs = compiled(), compiled(), keras.callbacks.History()
    batches = Batches(*training_pairs, 8, turn=False, seed=0)
    loop.fit(ours, batches, validation_pairs, [logs], epochs=2)
    both = [np.concatenate(side) for side in zip(*(pair for e in (0, 1) for pair in batches.epoch(e)))]
    past = theirs.fit(*both, batch_size=8, shuffle=False, validation_data=validation_pairs, verbose=0).history
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert logs.history["val_rmse"][-1] == pytest.approx(past["val_rmse"][-1], rel=1e-5)
    assert np.mean(logs.history["loss"]) == pytest.approx(past["loss"][-1], rel=1e-5)
    assert np.hypot(*logs.history["rmse"]) / 2**0.5 == pytest.approx(past["rmse"][-1], rel=1e-5)


def test_goes_on_where_it_was_and_stops_when_told(training_pairs, validation_pairs, stop_after_two):
    logs = keras.callbacks.History()
    loop.fit(
        compiled(),
        Batches(*training_pairs, 8, turn=False, seed=0),
        validation_pairs,
        [logs, stop_after_two],
        epochs=9,
        done=1,
    )
    assert logs.epoch == [1]
