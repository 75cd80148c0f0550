"""A generator and a discriminator as one Keras model, trained in one pass.

The manual alternates two updates (``train_on_batch`` of 2.2.10 and 2.2.14); here one batch gives
both losses and one backward pass updates both networks. Each network's gradients come from its own
loss alone: the discriminator sees a detached copy of the generator's patches, and the generator is
judged by a frozen copy of the discriminator. Callbacks, checkpoints and all backends work unchanged.

Source: manual 2.1.4, 2.1.5, 2.2.10, 2.2.13, 2.2.14.
"""

from __future__ import annotations

from bathysr_nb.models.backend import keras, ops
from bathysr_nb.models.options import Srgan


def label_losses(real, fake, valid: float = 1.0, invalid: float = 0.0):
    """SRGAN's losses: binary cross-entropy of logits against labels.

    Parameters
    ----------
    real, fake : tensor, shape (n, 1)
        Logits of true and of super-resolved patches.
    valid, invalid : tensor, shape (n, 1), or float
        Labels of true and of super-resolved patches.

    Returns
    -------
    (tensor, tensor)
        Generator's and discriminator's loss. In the stable form softplus(c) - label c.
    """
    entropy = lambda logit, label: ops.mean(ops.softplus(logit) - label * logit)  # noqa: E731
    return entropy(fake, valid), (entropy(real, valid) + entropy(fake, invalid)) / 2


def relativistic_losses(real, fake):
    """ESRGAN's relativistic average losses.

    With D_Ra(a, b) = sigmoid(C(a) - E[C(b)]), the discriminator's is
    -E[log D_Ra(r, f)] - E[log(1 - D_Ra(f, r))], the generator's the same with r and f swapped.

    Parameters
    ----------
    real, fake : tensor, shape (n, 1)
        Logits C of true and of super-resolved patches.

    Returns
    -------
    (tensor, tensor)
        Generator's and discriminator's loss. In the stable form -log sigmoid(c) = softplus(-c).
    """
    more, less = real - ops.mean(fake), fake - ops.mean(real)
    for_discriminator = ops.mean(ops.softplus(-more)) + ops.mean(ops.softplus(less))
    for_generator = ops.mean(ops.softplus(more)) + ops.mean(ops.softplus(-less))
    return for_generator, for_discriminator


@keras.saving.register_keras_serializable("bathysr_nb")
class GAN(keras.Model):
    """Generator and discriminator; calling it runs the generator alone.

    Parameters
    ----------
    generator : keras.Model
        LR metres (n, h, w, 1) to HR metres (n, H, W, 1).
    discriminator : keras.Model
        HR metres to one logit a patch, real above 0.
    relativistic : bool
        ESRGAN's loss instead of SRGAN's.
    loss_weights : (float, float)
        Weights of content and adversarial loss in the generator's.
    label_noise : float
        Labels are 1 - noise u and noise u with u uniform in 0..1 (SRGAN).
    seed : int
        Of the label noise.

    Notes
    -----
    Reported: loss (content alone, as for the other networks), g_loss = w0 content + w1
    adversarial, d_loss. One optimiser serves both networks: its updates are element by element, as two
    optimisers' would be (do not clip by the norm of all gradients, which would couple the networks).
    """

    def __init__(
        self,
        generator,
        discriminator,
        *,
        relativistic=False,
        loss_weights=Srgan.loss_weights,
        label_noise=Srgan.label_noise,
        seed=0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # metres must reach the networks in float32
        self.generator, self.discriminator = generator, discriminator
        self.relativistic, self.label_noise = bool(relativistic), float(label_noise)
        self.loss_weights, self.seed = tuple(map(float, loss_weights)), int(seed)
        self.content, self.g_loss, self.d_loss = map(keras.metrics.Mean, ("content", "g_loss", "d_loss"))
        self.noise = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, x, training=None):
        return self.generator(x, training=training)

    def summary(self, *args, **kwargs):
        """Print the layer tables of the generator and of the discriminator."""
        self.generator.summary(*args, **kwargs)
        self.discriminator.summary(*args, **kwargs)

    def judge_frozen(self, patches, training: bool):
        """Logits of the discriminator, of which nothing is trained or updated here.

        Parameters
        ----------
        patches : tensor, shape (n, H, W, 1)
            HR or SR depths.
        training : bool
        """
        weights = [ops.stop_gradient(ops.convert_to_tensor(v)) for v in self.discriminator.trainable_variables]
        state = [ops.convert_to_tensor(v) for v in self.discriminator.non_trainable_variables]
        return self.discriminator.stateless_call(weights, state, patches, training=training)[0]

    def _adversarial(self, real, fake):
        if self.relativistic:
            return relativistic_losses(real, fake)
        noise = lambda: self.label_noise * keras.random.uniform(ops.shape(real), seed=self.noise)  # noqa: E731
        return label_losses(real, fake, 1 - noise(), noise())

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        content = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        real = self.discriminator(y, training=training)
        fake = self.discriminator(ops.stop_gradient(y_pred), training=training)
        _, d_loss = self._adversarial(real, fake)
        adversarial, _ = self._adversarial(ops.stop_gradient(real), self.judge_frozen(y_pred, training))
        g_loss = self.loss_weights[0] * content + self.loss_weights[1] * adversarial
        for tracker, value in ((self.content, content), (self.g_loss, g_loss), (self.d_loss, d_loss)):
            tracker.update_state(value)
        return g_loss + d_loss if training else content

    def get_metrics_result(self):
        results = super().get_metrics_result()
        return {"loss": results.pop("content")} | {k: v for k, v in results.items() if k != "loss"}

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "relativistic": self.relativistic,
            "loss_weights": self.loss_weights,
            "label_noise": self.label_noise,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        nets = {k: keras.saving.deserialize_keras_object(config[k]) for k in ("generator", "discriminator")}
        return cls(**{**config, **nets})
