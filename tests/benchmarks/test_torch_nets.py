"""The benchmark's networks in PyTorch are the package's: same numbers from the same weights."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from bathysr_nb.interpolation import enlarge
from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.build import MODELS, build_model
from bathysr_nb.models.normalisation import Normalisation
from bathysr_nb.training import losses

torch = pytest.importorskip("torch", reason="PyTorch is not installed: compares the benchmark's networks with ours")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
keras_arm, torch_nets = import_module("keras_arm"), import_module("torch_nets")

RELIEF, LEARNING_RATE = 7.0, 1e-3


def sea(shape, seed):
    return (np.random.default_rng(seed).normal(size=shape) * 10 - 1500).astype("float32")


def same_nets(name):
    """A Keras model and the PyTorch networks with its weights; nothing is dropped at random."""
    model = build_model(name, normalisation=Normalisation(-6000, 0, RELIEF))
    keras_arm.shake(model)
    nets = torch_nets.build(name, RELIEF)
    for kind, net in zip(("generator", "discriminator"), nets):
        if net is not None:
            own = {k: ops.convert_to_numpy(v) for k, v in keras_arm.named_weights(model).items()}
            own = {k.removeprefix(kind + "/"): v for k, v in own.items() if k.startswith(kind + "/")}
            torch_nets.copy_weights(net, own)
    if name == "esrgan":
        model.discriminator.get_layer("dropout").rate = nets[1].network.dropout.p = 0.0
    return model, nets


@pytest.mark.parametrize("name", MODELS)
def test_same_weights_give_the_same_patches(name):
    model, (net, _) = same_nets(name)
    x = sea((3, 12, 16, 1), seed=1)
    ours = model.predict(x, verbose=0)
    with torch.no_grad():
        theirs = net.eval()(torch_nets.tensor(x)).permute(0, 2, 3, 1).numpy()
    correction = ours - enlarge(x[..., 0].astype(float), 4)[..., None]
    assert correction.std() > 0.1
    np.testing.assert_allclose(theirs, ours, atol=1e-3 * correction.std(), rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_two_steps_have_the_same_losses(name):
    """The second is after an update of both networks, so gradients and optimisers agree too."""
    model, nets = same_nets(name)
    lr, hr = sea((16, 16, 16, 1), seed=2), sea((16, 64, 64, 1), seed=3)
    loss = losses.get_loss("mae", Normalisation(-6000, 0, RELIEF))
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss)
    training = torch_nets.Training(name, *nets, RELIEF, learning_rate=LEARNING_RATE)
    history = []
    for _ in range(2):
        ours = {k: float(v) for k, v in model.train_on_batch(lr, hr, return_dict=True).items()}
        model.reset_metrics()
        theirs = {k: float(v) for k, v in training.step(torch_nets.tensor(lr), torch_nets.tensor(hr)).items()}
        assert ours == pytest.approx(theirs, rel=1e-3)
        history.append(ours)
    assert max(abs(history[1][key] / history[0][key] - 1) for key in history[0]) > 3e-3


def test_weights_that_do_not_fit_are_named():
    net, _ = torch_nets.build("espcn", RELIEF)
    own = {
        k.removeprefix("generator/"): ops.convert_to_numpy(v)
        for k, v in keras_arm.named_weights(build_model("espcn")).items()
    }
    with pytest.raises(ValueError, match="conv_2/: no Keras weights for bias"):
        torch_nets.copy_weights(net, {k: v for k, v in own.items() if k != "conv_2/bias"})
    with pytest.raises(ValueError, match="left over: conv_9/kernel"):
        torch_nets.copy_weights(net, {**own, "conv_9/kernel": own["conv_2/kernel"]})
