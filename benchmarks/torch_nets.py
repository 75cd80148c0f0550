"""The five networks and their training step in PyTorch: what `train_speed.py` compares with.

Eager PyTorch as its users write it: ``nn`` modules, channels-last memory, patches and an index
shuffle in memory. The modules bear the names of the Keras layers, so `copy_weights` needs no list.
Run as a program it is a worker of `train_speed.py`; it needs PyTorch and NumPy alone.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from workers import Rounds, serve

SLOPE, BETA, BN = 0.2, 0.2, {"eps": 1e-3, "momentum": 0.2}
LAST = torch.channels_last


def named(**modules) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def enlarge(x, scale: int):
    """Keys bicubic with a = -0.5, which PyTorch uses with antialias alone (else a = -0.75)."""
    return F.interpolate(x, scale_factor=scale, mode="bicubic", antialias=True)


def local_mean(x, window: int):
    """Mean over a square window, edges replicated, along one axis after the other."""
    reach = window // 2
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(x, (window, 1), 1), (1, window), 1)


class Enlarge(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        return enlarge(x, self.scale)


class Deconvolution(nn.ConvTranspose2d):
    """PyTorch crops alike on both sides or more before; Keras' same padding crops more after."""

    def __init__(self, inputs, scale):
        super().__init__(inputs, 1, 9, scale, padding=(9 - scale) // 2)
        self.more = (9 - scale) % 2

    def forward(self, x):
        x = super().forward(x)
        return x[:, :, : x.shape[2] - self.more, : x.shape[3] - self.more]


def srcnn(scale: int) -> nn.Module:
    return named(
        enlarge=Enlarge(scale),
        conv_1=conv(1, 64, 9),
        relu_1=nn.ReLU(inplace=True),
        conv_2=conv(64, 32, 1),
        relu_2=nn.ReLU(inplace=True),
        conv_last=conv(32, 1, 5),
    )


def fsrcnn(scale: int) -> nn.Module:
    layers, inputs = {}, 1
    mapping = [(f"map_{i}", 12, 3) for i in range(1, 5)]
    for name, channels, kernel in [("extract", 56, 5), ("shrink", 12, 1), *mapping, ("expand", 56, 1)]:
        layers[name], layers[f"{name}_prelu"] = conv(inputs, channels, kernel), nn.PReLU(channels)
        inputs = channels
    return named(**layers, deconvolution=Deconvolution(inputs, scale))


def espcn(scale: int) -> nn.Module:
    return named(
        conv_1=conv(1, 64, 5),
        relu_1=nn.ReLU(inplace=True),
        conv_2=conv(64, 32),
        relu_2=nn.ReLU(inplace=True),
        conv_last=conv(32, scale**2),
        sub_pixel=nn.PixelShuffle(scale),
    )


def upsampling(scale: int, filters: int, activation) -> nn.Module:
    blocks = [
        named(conv=conv(filters, 4 * filters), sub_pixel=nn.PixelShuffle(2), activation=activation())
        for _ in range(1, scale.bit_length())
    ]
    return named(**{f"up_{i}": block for i, block in enumerate(blocks, 1)})


class ResidualBlock(nn.Module):
    def __init__(self, filters):
        super().__init__()
        self.conv_1, self.bn_1 = conv(filters, filters), nn.BatchNorm2d(filters, **BN)
        self.conv_2, self.bn_2 = conv(filters, filters), nn.BatchNorm2d(filters, **BN)
        self.prelu = nn.PReLU(filters)

    def forward(self, x):
        return x + self.bn_2(self.conv_2(self.prelu(self.bn_1(self.conv_1(x)))))


class SRGAN(nn.Module):
    def __init__(self, scale, filters=32):
        super().__init__()
        self.first_conv, self.first_prelu = conv(1, filters, 9), nn.PReLU(filters)
        self.block_1 = ResidualBlock(filters)
        self.after_conv, self.after_bn = conv(filters, filters), nn.BatchNorm2d(filters, **BN)
        self.up = upsampling(scale, filters, lambda: nn.PReLU(filters))
        self.conv_last = conv(filters, 1, 9)

    def forward(self, x):
        skip = self.first_prelu(self.first_conv(x))
        x = skip + self.after_bn(self.after_conv(self.block_1(skip)))
        return self.conv_last(self.up(x))


class DenseBlock(nn.Module):
    def __init__(self, filters):
        super().__init__()
        for i in range(1, 6):
            self.add_module(f"conv_{i}", conv(i * filters, filters))

    def forward(self, x):
        seen = [x]
        for i in range(1, 5):
            out = self.get_submodule(f"conv_{i}")(torch.cat(seen, 1))
            seen.append(F.leaky_relu(out, SLOPE, inplace=True))
        return x + BETA * self.conv_5(torch.cat(seen, 1))


class RRDB(nn.Module):
    def __init__(self, filters):
        super().__init__()
        self.dense_1, self.dense_2, self.dense_3 = (DenseBlock(filters) for _ in range(3))

    def forward(self, x):
        return x + BETA * self.dense_3(self.dense_2(self.dense_1(x)))


class ESRGAN(nn.Module):
    def __init__(self, scale, filters=32):
        super().__init__()
        self.first_conv = conv(1, filters)
        self.rrdb_1, self.rrdb_2 = RRDB(filters), RRDB(filters)
        self.after_conv = conv(filters, filters)
        self.up = upsampling(scale, filters, lambda: nn.LeakyReLU(SLOPE, inplace=True))
        self.conv_last = conv(filters, 1)

    def forward(self, x):
        x = self.first_conv(x)
        return self.conv_last(self.up(x + self.after_conv(self.rrdb_2(self.rrdb_1(x)))))


def discriminator(blocks: int, filters: int = 4, dropout: float = 0.0) -> nn.Module:
    leaky = lambda: nn.LeakyReLU(SLOPE, inplace=True)  # noqa: E731
    layers = {"conv_0": conv(1, filters), "relu_0": leaky()}
    for i in range(1, blocks + 1):
        narrow, wide = filters * 2 ** (i - 1), filters * 2**i
        layers[f"pad_{i}"] = nn.ZeroPad2d((0, 1, 0, 1))  # Keras' same padding when it strides
        layers[f"down_{i}"] = nn.Conv2d(narrow, narrow, 3, 2)
        layers[f"down_{i}_bn"], layers[f"down_{i}_relu"] = nn.BatchNorm2d(narrow, **BN), leaky()
        layers[f"conv_{i}"] = conv(narrow, wide)
        layers[f"conv_{i}_bn"], layers[f"conv_{i}_relu"] = nn.BatchNorm2d(wide, **BN), leaky()
    layers |= {"mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "dense": nn.Linear(wide, 16 * filters)}
    return named(**layers, dense_relu=leaky(), dropout=nn.Dropout(dropout), logit=nn.Linear(16 * filters, 1))


class InMetres(nn.Module):
    """The residual form: bicubic plus `relief` times the network of LR less its local mean."""

    def __init__(self, network, relief, scale):
        super().__init__()
        self.network, self.relief, self.scale = network, relief, scale

    def forward(self, lr):
        return enlarge(lr, self.scale) + self.relief * self.network((lr - local_mean(lr, 9)) / self.relief)


class Judge(nn.Module):
    """A discriminator of HR patches in metres."""

    def __init__(self, network, relief, scale):
        super().__init__()
        self.network, self.relief, self.window = network, relief, 9 * scale + 1 - 9 * scale % 2

    def forward(self, hr):
        return self.network((hr - local_mean(hr, self.window)) / self.relief)


NETWORKS = {"srcnn": srcnn, "fsrcnn": fsrcnn, "espcn": espcn, "srgan": SRGAN, "esrgan": ESRGAN}
JUDGES = {"srgan": {"blocks": 1}, "esrgan": {"blocks": 2, "dropout": 0.4}}


def build(name: str, relief: float, scale: int = 4) -> tuple[nn.Module, nn.Module | None]:
    """Generator, and discriminator or None, both from metres."""
    generator = InMetres(NETWORKS[name](scale), relief, scale).to(memory_format=LAST)
    if name not in JUDGES:
        return generator, None
    return generator, Judge(discriminator(**JUDGES[name]), relief, scale).to(memory_format=LAST)


def as_keras(name: str) -> str:
    """``network.rrdb_1.dense_2.conv_3`` is Keras' layer ``rrdb_1_dense_2_conv_3``."""
    return name.removeprefix("network.").removeprefix("up.").replace(".", "_")


def torch_weights(module: nn.Module, weights: dict[str, np.ndarray], shuffled: bool) -> dict[str, np.ndarray]:
    """A layer's Keras weights in PyTorch's order; `shuffled`: a factor 2 sub-pixel shuffle follows."""
    names = {"bias": "bias", "gamma": "weight", "beta": "bias", "alpha": "weight", "kernel": "weight"}
    names |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
    if shuffled:  # Keras lays out (row, column, channel), PyTorch (channel, row, column)
        weights = {k: w.reshape(*w.shape[:-1], 4, -1).swapaxes(-1, -2).reshape(w.shape) for k, w in weights.items()}
    out = {names[key]: value for key, value in weights.items()}
    if isinstance(module, nn.PReLU):
        out["weight"] = out["weight"].reshape(-1)
    elif not isinstance(module, nn.BatchNorm2d):
        out["weight"] = out["weight"].T if isinstance(module, nn.Linear) else out["weight"].transpose(3, 2, 0, 1)
    return out


def copy_weights(module: nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Give a network the weights ``{"layer/variable": array}`` of a Keras model.

    Raises
    ------
    ValueError
        If a layer has none, or one is left over.
    """
    left = {key for key in weights if not key.startswith("dropout")}
    for name, layer in module.named_modules():
        if not isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.PReLU)):
            continue
        prefix = as_keras(name) + "/"
        own = {key.removeprefix(prefix): weights[key] for key in left if key.startswith(prefix)}
        shuffled = prefix.startswith("up_") and isinstance(layer, nn.Conv2d)
        state = {k: torch.tensor(v.copy()) for k, v in torch_weights(layer, own, shuffled).items()}
        missing = set(layer.load_state_dict(state, strict=False).missing_keys) - {"num_batches_tracked"}
        if missing:
            raise ValueError(f"{prefix}: no Keras weights for {', '.join(sorted(missing))}")
        left -= {prefix + key for key in own}
    if left:
        raise ValueError(f"left over: {', '.join(sorted(left))}")


@contextmanager
def frozen(network: nn.Module):
    """Nothing of the network learns, and its running statistics stand still."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    network.requires_grad_(False)
    for norm in norms:
        norm.track_running_stats = False
    yield network
    network.requires_grad_(True)
    for norm in norms:
        norm.track_running_stats = True


class Training:
    """One network, or a pair, and its training step: mean absolute error and Adam.

    Parameters
    ----------
    name : str
    generator, discriminator : Module, Module or None
    relief : float
        Metres per unit of the loss.
    """

    def __init__(self, name, generator, discriminator, relief, learning_rate=1e-4, weight=1e-7):
        self.name, self.relief, self.weight = name, relief, weight
        self.generator, self.discriminator = generator, discriminator
        self.optimizers = [
            torch.optim.Adam(net.parameters(), learning_rate, eps=1e-7, fused=True)
            for net in (generator, discriminator)
            if net is not None
        ]

    def losses(self, lr, hr) -> dict:
        fake = self.generator(lr)
        content = (fake - hr).abs().mean() / self.relief
        if self.discriminator is None:
            return {"loss": content}
        real, judged = self.discriminator(hr), self.discriminator(fake.detach())
        with frozen(self.discriminator) as judge:
            again = judge(fake)
        if self.name == "esrgan":
            more, less = real - judged.mean(), judged - real.mean()
            d_loss = F.softplus(-more).mean() + F.softplus(less).mean()
            more, less = real.detach() - again.mean(), again - real.detach().mean()
            adversarial = F.softplus(more).mean() + F.softplus(-less).mean()
        else:
            noise = lambda: 1e-6 * torch.rand_like(real)  # noqa: E731
            entropy = F.binary_cross_entropy_with_logits
            d_loss = (entropy(real, 1 - noise()) + entropy(judged, noise())) / 2
            adversarial = entropy(again, 1 - noise())
        return {"loss": content, "g_loss": content + self.weight * adversarial, "d_loss": d_loss}

    def step(self, lr, hr) -> dict:
        """One batch; the losses as they were before the step."""
        losses = self.losses(lr, hr)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        sum(value for key, value in losses.items() if key != "loss" or len(losses) == 1).backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return {key: value.detach() for key, value in losses.items()}


def tensor(patches: np.ndarray) -> torch.Tensor:
    """(n, h, w, 1) to (n, 1, h, w), channels last in memory."""
    return torch.from_numpy(patches).permute(0, 3, 1, 2).contiguous(memory_format=LAST)


class TorchArm(Rounds):
    """PyTorch's side of the comparison; see `workers.serve`."""

    def versions(self) -> str:
        torch.set_num_threads(self.threads)
        return f"PyTorch {torch.__version__.split('+')[0]}"

    def start(self, name: str, patches: int, weights: str, data: str, relief: float) -> None:
        torch.set_num_threads(self.threads)
        with np.load(data) as arrays:
            self.lr, self.hr = tensor(arrays["lr"][:patches]), tensor(arrays["hr"][:patches])
            self.test = tensor(arrays["test"])
        nets = build(name, relief)
        with np.load(weights) as arrays:
            for kind, net in zip(("generator", "discriminator"), nets):
                if net is not None:
                    own = {key.removeprefix(kind + "/"): arrays[key] for key in arrays if key.startswith(kind + "/")}
                    copy_weights(net, own)
        self.training = Training(name, *nets, relief)

    def first_loss(self) -> float:
        """Loss of one training step on the first 16 patches."""
        return float(self.training.step(self.lr[:16], self.hr[:16])["loss"])

    def epoch(self, batch: int) -> None:
        order = torch.randperm(len(self.lr))
        total = torch.zeros(())
        for i in range(0, len(order) - batch + 1, batch):
            chosen = order[i : i + batch]
            total += self.training.step(self.lr[chosen], self.hr[chosen])["loss"]
        float(total)

    def predict(self) -> np.ndarray:
        net = self.training.generator.eval()
        with torch.no_grad():
            out = torch.cat([net(part) for part in self.test.split(32)])
        net.train()
        return out.permute(0, 2, 3, 1).numpy()


if __name__ == "__main__":
    serve(TorchArm())
