import numpy as np
import pytest

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.gan import GAN, label_losses, relativistic_losses
from bathysr_nb.models.normalisation import Normalisation

SEA = (np.random.default_rng(0).normal(size=(3, 16, 16, 1)) * 30 - 1500).astype("float32")
RESIDUAL, MANUAL = Normalisation(-2500, 0, relief=7.0), Normalisation(-2500, -100)
LR = (SEA[:, :8, :8] + 2500) / 2400
HR = np.repeat(np.repeat(LR, 2, 1), 2, 2) + np.random.default_rng(4).normal(scale=0.1, size=(3, 16, 16, 1))
HR = HR.astype("float32")
EACH_GAN = pytest.mark.parametrize("name", ["srgan", "esrgan"])
RATE = 0.5


@pytest.fixture(scope="module")
def gan(small, shaken):
    """A small GAN, the same weights and dropout each time; no label noise, so that losses can be recomputed."""

    def build(name, content=1.0, adversarial=1e-7, **options):
        keras.utils.set_random_seed(7)
        options |= {"label_noise": 0.0} if name == "srgan" else {}
        model = small(name, loss_weights=(content, adversarial), **options)
        for layer in model.discriminator.layers:
            if isinstance(layer, keras.layers.Dropout) and keras.backend.backend() == "torch":
                layer.rate = 0  # Keras gives PyTorch's dropout no seed
        return shaken(model, by=0.05)

    return build


def stepped(model, x=LR, y=HR, rate=RATE, **kwargs):
    """The model after one step of gradient descent."""
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True, **kwargs)
    model.train_on_batch(x, y)
    return model


def assert_same(ours, theirs, tolerance=1e-6):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=1e-5)


def furthest(ours, theirs):
    """How far the furthest learnt weight is from its counterpart."""
    pairs = zip(ours.trainable_variables, theirs.trainable_variables, strict=True)
    return max(float(ops.max(ops.abs(a - b))) for a, b in pairs)


def tensors(*arrays):
    return [ops.convert_to_tensor(np.float32(array)) for array in arrays]


def adversarial_terms(name, real, fake):
    """Generator's and discriminator's loss from probabilities, as the papers write them."""
    sigmoid = lambda c: 1 / (1 + ops.exp(-c))  # noqa: E731
    if name == "srgan":
        real, fake = sigmoid(real), sigmoid(fake)
        return -ops.mean(ops.log(fake)), -ops.mean(ops.log(real)) / 2 - ops.mean(ops.log(1 - fake)) / 2
    r, f = sigmoid(real - ops.mean(fake)), sigmoid(fake - ops.mean(real))
    return -ops.mean(ops.log(f)) - ops.mean(ops.log(1 - r)), -ops.mean(ops.log(r)) - ops.mean(ops.log(1 - f))


class DiscriminatorAlone(keras.Model):
    """A discriminator that learns to tell given patches from given patches."""

    def __init__(self, name, discriminator):
        super().__init__()
        self.kind, self.discriminator = name, discriminator

    def call(self, fake, training=None):
        return fake

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        real = self.discriminator(y, training=training)
        return adversarial_terms(self.kind, real, self.discriminator(y_pred, training=training))[1]


class GeneratorJudged(keras.Model):
    """A generator before a discriminator that nothing holds back: its own gradients are the ones to have."""

    def __init__(self, name, generator, discriminator):
        super().__init__()
        self.kind, self.generator, self.discriminator = name, generator, discriminator

    def call(self, x, training=None):
        return self.generator(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        real = self.discriminator(y, training=training)
        self.discriminator(ops.stop_gradient(y_pred), training=training)  # as many draws of the dropout before
        return adversarial_terms(self.kind, real, self.discriminator(y_pred, training=training))[0]


@EACH_GAN
def test_content_alone_trains_the_generator_as_without_discriminator(gan, name):
    model, before = stepped(gan(name, 1, 0)), gan(name)
    assert_same(model.generator, stepped(gan(name).generator))
    assert furthest(model.generator, before.generator) > 1e-3
    assert furthest(model.discriminator, before.discriminator) > 1e-4


@EACH_GAN
@pytest.mark.parametrize("weights", [(1, 1), (0, 1e3)], ids=str)
def test_discriminator_does_not_care_what_the_generator_is_weighted_by(gan, name, weights):
    reference, model = stepped(gan(name, 1, 0)), stepped(gan(name, *weights))
    assert_same(model.discriminator, reference.discriminator)
    assert furthest(model.generator, reference.generator) > 1e-4


@EACH_GAN
def test_discriminator_learns_as_one_trained_alone(gan, name):
    model = stepped(gan(name, 1, 1))
    fake = gan(name).generator(LR, training=True)
    alone = DiscriminatorAlone(name, gan(name).discriminator)
    stepped(alone, ops.convert_to_numpy(fake), HR)
    assert_same(model.discriminator, alone.discriminator)


@EACH_GAN
def test_generator_gets_the_adversarial_gradient_through_the_frozen_copy(gan, name):
    fresh = gan(name)
    judged = stepped(GeneratorJudged(name, fresh.generator, fresh.discriminator))
    model = stepped(gan(name, 0, 1))
    assert_same(model.generator, judged.generator, 3e-6)
    assert furthest(model.generator, gan(name).generator) > 1e-4
    assert furthest(model.discriminator, judged.discriminator) > 1e-4  # which was pulled to please the generator


@EACH_GAN
def test_generators_update_is_the_weighted_sum(gan, name):
    start, content, adversarial, both = (
        model.generator.get_weights()
        for model in (gan(name), *(stepped(gan(name, *w)) for w in ((1, 0), (0, 1), (0.5, 3))))
    )
    for at, c, a, sum_ in zip(start, content, adversarial, both, strict=True):
        if not np.allclose(c, a):  # not the moving statistics, which take no step
            np.testing.assert_allclose(sum_ - at, 0.5 * (c - at) + 3 * (a - at), atol=1e-5, rtol=1e-3)


@EACH_GAN
def test_judging_moves_nothing(gan, name):
    model = gan(name)
    before = [ops.convert_to_numpy(v) for v in model.discriminator.variables]
    frozen = model.judge_frozen(HR, training=True)
    for old, now in zip(before, model.discriminator.variables, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(now))
    np.testing.assert_allclose(  # and it judges as the discriminator would, batch statistics included
        ops.convert_to_numpy(frozen), ops.convert_to_numpy(model.discriminator(HR, training=True)), atol=1e-5
    )


@EACH_GAN
def test_moving_statistics_see_real_and_fake_once_each(gan, name):
    model, expected = stepped(gan(name, 1, 1)), gan(name)
    fake = expected.generator(LR, training=True)
    expected.discriminator(HR, training=True)
    expected.discriminator(fake, training=True)
    moved = 0
    ours, theirs = model.discriminator.non_trainable_weights, expected.discriminator.non_trainable_weights
    for a, b, start in zip(ours, theirs, gan(name).discriminator.non_trainable_weights, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-6)
        moved = max(moved, float(ops.max(ops.abs(a - start))))
    assert moved > 0.01


def test_losses_equal_numpy_from_probabilities():
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(2, 5, 1)) * 2
    p = lambda c: 1 / (1 + np.exp(-c))  # noqa: E731
    r, f = p(real - fake.mean()), p(fake - real.mean())
    for_generator, for_discriminator = relativistic_losses(*tensors(real, fake))
    assert float(for_discriminator) == pytest.approx(-np.log(r).mean() - np.log(1 - f).mean(), rel=1e-5)
    assert float(for_generator) == pytest.approx(-np.log(f).mean() - np.log(1 - r).mean(), rel=1e-5)
    valid, invalid = 1 - 0.1 * rng.random((5, 1)), 0.1 * rng.random((5, 1))
    entropy = lambda q, label: -(label * np.log(q) + (1 - label) * np.log(1 - q)).mean()  # noqa: E731
    for_generator, for_discriminator = label_losses(*tensors(real, fake, valid, invalid))
    expected = (entropy(p(real), valid) + entropy(p(fake), invalid)) / 2
    assert float(for_discriminator) == pytest.approx(expected, rel=1e-5)
    assert float(for_generator) == pytest.approx(entropy(p(fake), valid), rel=1e-5)


def test_losses_by_hand():
    zero, two = tensors([[0]], [[2]])
    assert [float(v) for v in label_losses(zero, zero)] == pytest.approx([np.log(2), np.log(2)])
    # one real patch at 2, one fake at 0: sigmoid(2) = 0.8808, 1 - sigmoid(-2) = 0.8808
    assert [float(v) for v in relativistic_losses(two, zero)] == pytest.approx(
        [-2 * np.log(0.1192029), -2 * np.log(0.8807971)], rel=1e-5
    )


@pytest.mark.parametrize("losses", [label_losses, relativistic_losses])
@pytest.mark.parametrize(("real", "fake"), [(200, -200), (-200, 200)])
def test_losses_stay_finite_and_right_for_sure_discriminators(losses, real, fake):
    pair = tensors(np.full((4, 1), real), np.full((4, 1), fake))
    for_generator, for_discriminator = map(float, losses(*pair))
    right = real > fake
    each = 200 if losses is label_losses else 800  # -log sigmoid(-400), twice
    assert for_discriminator == pytest.approx(0 if right else each, abs=1e-6)
    assert for_generator == pytest.approx(each if right else 0, abs=1e-6)


@EACH_GAN
def test_reported_losses(gan, name):
    """loss and val_loss are the content's, as for a network alone; the others by hand."""

    def fitted(model):
        model.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"], run_eagerly=True)
        return model.fit(LR, HR, validation_data=(LR, HR), batch_size=3, epochs=2, verbose=0).history

    history, expected = fitted(gan(name, 1, 0)), fitted(gan(name).generator)
    names = {"loss", "mae", "g_loss", "d_loss"}
    assert set(history) == names | {f"val_{key}" for key in names}
    for key, values in expected.items():
        assert history[key] == pytest.approx(values, rel=1e-4), key
    assert history["g_loss"] == pytest.approx(history["loss"])  # the adversarial term weighs nothing
    assert history["val_g_loss"] == pytest.approx(history["val_loss"])


@EACH_GAN
def test_validation_losses_by_hand(predict, gan, name):
    model = gan(name, 2, 0.5)
    model.compile("sgd", "mse")
    scores = model.evaluate(LR, HR, batch_size=3, verbose=0, return_dict=True)
    sr = predict(model, LR)
    real, fake = tensors(*(predict(model.discriminator, x) for x in (HR, sr)))
    content = np.square(sr - HR).mean()
    adversarial, d_loss = (float(v) for v in adversarial_terms(name, real, fake))
    assert scores == pytest.approx(
        {"loss": content, "g_loss": 2 * content + 0.5 * adversarial, "d_loss": d_loss}, rel=1e-4
    )


def test_label_noise_keeps_labels_off_0_and_1(gan):
    """With noise u, labels 1 - u and u: the loss lies between that of sure and of unsure labels."""
    model = gan("srgan")
    model.label_noise = 1.0
    real, fake = tensors(np.full((500, 1), 3), np.full((500, 1), -3))
    for_generator, for_discriminator = map(float, model._adversarial(real, fake))
    # E label = 1/2: softplus(3) - 3/2 for real and softplus(-3) + 3/2 for fake, the same number
    assert for_discriminator == pytest.approx(np.log1p(np.exp(3)) - 1.5, abs=0.15)
    assert for_generator == pytest.approx(np.log1p(np.exp(-3)) + 1.5, abs=0.15)


@EACH_GAN
def test_call_and_predict_are_the_generators(predict, gan, name):
    model = gan(name)
    out = model.predict(LR, verbose=0)
    np.testing.assert_allclose(out, predict(model.generator, LR), atol=1e-6)
    np.testing.assert_allclose(out, model.generator.predict(LR, verbose=0), atol=1e-6)


OPTIONS = {
    "srgan": {"loss_weights": (0.5, 1e-3), "label_noise": 0.05},
    "esrgan": {"loss_weights": (0.5, 1e-3)},
}


@EACH_GAN
def test_config_keeps_the_options(small, name):
    model = small(name, **OPTIONS[name])
    other = GAN.from_config(model.get_config())
    assert (other.name, other.seed) == (name, 0)
    assert other.relativistic == (name == "esrgan")
    assert other.loss_weights == (0.5, 1e-3)
    assert other.label_noise == (0.05 if name == "srgan" else 1e-6)
    assert other.count_params() == model.count_params()


@EACH_GAN
@pytest.mark.slow
def test_whole_gan_survives_a_file_and_trains_on(small, shaken, predict, tmp_path, name):
    model = shaken(small(name, normalisation=RESIDUAL, **OPTIONS[name]), by=0.05)
    model.compile("adam", "mse")
    model.train_on_batch(SEA[:, :8, :8], SEA)
    model.save(tmp_path / "gan.keras")
    other = keras.models.load_model(tmp_path / "gan.keras")
    assert isinstance(other, GAN)
    assert_same(other, model, 0)
    assert (other.relativistic, other.loss_weights) == (name == "esrgan", (0.5, 1e-3))
    depth = SEA[:, :5, :6]
    np.testing.assert_array_equal(predict(other, depth), predict(model, depth))
    np.testing.assert_array_equal(predict(other.discriminator, SEA), predict(model.discriminator, SEA))
    for ours, theirs in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))
    scores = other.train_on_batch(SEA[:, :8, :8], SEA, return_dict=True)
    assert set(scores) == {"loss", "g_loss", "d_loss"}
    assert np.isfinite(list(scores.values())).all()


@EACH_GAN
def test_weights_of_both_networks_survive_a_file(small, gan, tmp_path, name):
    model, other = gan(name), small(name)
    model.save_weights(tmp_path / "gan.weights.h5")
    other.load_weights(tmp_path / "gan.weights.h5")
    assert_same(other.generator, model.generator, 0)
    assert_same(other.discriminator, model.discriminator, 0)


@EACH_GAN
def test_logits_are_single_precision_in_half_precision_training(small, set_precision, name):
    set_precision("mixed_bfloat16")
    model = small(name, normalisation=RESIDUAL)
    model.compile("sgd", "mse")
    scores = model.train_on_batch(SEA[:, :8, :8], SEA, return_dict=True)
    set_precision("float32")
    assert keras.backend.standardize_dtype(model.discriminator(SEA).dtype) == "float32"
    assert keras.backend.standardize_dtype(model.judge_frozen(SEA, training=True).dtype) == "float32"
    assert model.discriminator.get_layer("conv_0").compute_dtype == "bfloat16"
    assert np.isfinite(list(scores.values())).all()


def test_summary_shows_both_networks(gan, capsys):
    gan("srgan").summary()
    shown = capsys.readouterr().out
    assert "first_conv" in shown
    assert "logit" in shown
