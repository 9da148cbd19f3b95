"""``resnet-frechet``: a network from a file of weights, and the distances in its features."""

import attrs
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from gankit import InputError
from gankit_metrics._features_images import three_channels
from gankit_metrics._frechet import KernelDistance
from gankit_metrics._resnet import load_resnet
from gankit_metrics.features import ResNetFrechet

MEAN, DEVIATION = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)


class Block(nn.Module):
    """Two convolutions, or a bottleneck of three, by torchvision's names."""

    def __init__(self, inner, outer, stride, deep, groups=1):
        super().__init__()
        middle = outer // 4 if deep else outer
        sizes = [(inner, middle, 1, 1), (middle, middle, 3, stride), (middle, outer, 1, 1)]
        if not deep:
            sizes = [(inner, outer, 3, stride), (outer, outer, 3, 1)]
        self.count = len(sizes)
        for number, (before, after, side, by) in enumerate(sizes, start=1):
            group = groups if deep and side == 3 else 1
            setattr(self, f"conv{number}", nn.Conv2d(before, after, side, by, side // 2, groups=group, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(after))
        if stride > 1 or inner != outer:
            self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        inner = x
        for number in range(1, self.count + 1):
            inner = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(inner))
            inner = inner.relu() if number < self.count else inner
        return (inner + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class Network(nn.Module):
    """A residual network as its paper draws it, written with modules."""

    def __init__(self, blocks=(2, 1, 1, 1), width=8, deep=False, groups=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        inner = width
        for layer, count in enumerate(blocks, start=1):
            outer = width * 2 ** (layer - 1) * (4 if deep else 1)
            strides = [2 if layer > 1 else 1] + [1] * (count - 1)
            parts = []
            for stride in strides:
                parts.append(Block(inner, outer, stride, deep, groups))
                inner = outer
            setattr(self, f"layer{layer}", nn.Sequential(*parts))
        self.fc = nn.Linear(inner, 5)

    def forward(self, x):
        x = functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for layer in range(1, 5):
            x = getattr(self, f"layer{layer}")(x)
        return x.mean(dim=(2, 3))


@pytest.fixture
def network():
    """``network(**shape)``: one with statistics that are not those of the beginning, in evaluation."""

    def make(**shape):
        torch.manual_seed(0)
        made = Network(**shape)
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
        return made.eval()

    return make


@pytest.fixture
def file(network, tmp_path):
    """Weights of a small network."""
    save_file(network().state_dict(), tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


@pytest.mark.parametrize("shape", [{}, {"deep": True}, {"deep": True, "groups": 2, "blocks": (1, 2, 1, 1)}])
@pytest.mark.parametrize("prefix", ["", "module.backbone."])
def test_features_are_those_of_the_network_that_the_weights_are_from(network, tmp_path, shape, prefix):
    """Basic blocks, bottlenecks and groups are read off the weights; all names may have a prefix."""
    made = network(**shape)
    weights = {f"{prefix}{name}": tensor for name, tensor in made.state_dict().items()}
    save_file(weights, tmp_path / "w.safetensors")
    pictures = np.random.default_rng(0).integers(0, 256, (5, 3, 40, 40)).astype(np.uint8)
    found = load_resnet(tmp_path / "w.safetensors").features(pictures, 64, MEAN, DEVIATION)
    x = functional.interpolate(torch.from_numpy(pictures) / 255, (64, 64), mode="bilinear", antialias=True)
    x = (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(DEVIATION).view(1, 3, 1, 1)
    np.testing.assert_allclose(found, made(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def changed(file, change):
    from safetensors.torch import load_file

    weights = load_file(file)
    change(weights)
    save_file(weights, file)
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("layer2.0.bn2.running_var"), "'layer2.0.bn2.running_var' is not there"),
        (lambda weights: weights.pop("layer1.0.conv1.weight"), "layer1 has no blocks from 0 on"),
        (lambda weights: weights.update(extra=torch.zeros(2)), "'extra' is of no layer"),
        (lambda weights: weights["conv1.weight"].fill_(torch.nan), "'conv1.weight' has NaN or infinite values"),
        (lambda weights: weights.update({"conv1.weight": torch.zeros(8, 1, 7, 7)}), "by torchvision's names: "),
        (
            lambda weights: weights.update({"layer3.0.conv1.weight": torch.zeros(32, 7, 3, 3)}),
            "by torchvision's names: ",
        ),
    ],
    ids=["lacking", "no first block", "beside", "NaN", "channels", "shape"],
)
def test_weights_of_something_else_are_refused_on_one_line(file, change, message):
    """With the first tensor that does not fit."""
    changed(file, change)
    with pytest.raises(InputError, match="small.safetensors: not the weights of a ResNet") as raised:
        load_resnet(file)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_pickle_is_refused_unread(tmp_path):
    """It could run code."""
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    with pytest.raises(InputError, match="resnet.pth: not a safetensors file .*pickled weights are not read"):
        load_resnet(tmp_path / "resnet.pth")


def test_readings_are_distances_in_the_features_and_name_the_file(file, candidate, evaluation, monkeypatch):
    """The environment names the file as well as the option."""
    spec = ResNetFrechet(weights=file, size=32)
    found = {reading.name: reading for reading in spec.measure(candidate, evaluation)}
    assert list(found) == ["pairs.fd", "pairs.kid", "adc.fd", "adc.kid", "t2w.fd", "t2w.kid"]
    network = load_resnet(file)
    sides = [
        network.features(three_channels(side, evaluation, "adc"), 32, spec.mean, spec.deviation)
        for side in (candidate.cohort, evaluation.pool("train"))
    ]
    assert found["adc.kid"].value == pytest.approx(KernelDistance.of(*sides).value())
    assert f"ResNet features of small.safetensors, SHA-256 {network.sha256}" in found["adc.fd"].note
    monkeypatch.setenv("GANKIT_FEATURES", str(file))
    assert {reading.name: reading for reading in ResNetFrechet(size=32).measure(candidate, evaluation)} == found


def test_blurred_slices_are_further_away(file, candidate, evaluation, controls):
    """Even a network that has learned nothing sees it."""
    blurred = attrs.evolve(candidate, cohort=controls["blurred"])
    found = [
        {reading.name: reading.value for reading in ResNetFrechet(weights=file, size=32).measure(each, evaluation)}
        for each in (candidate, blurred)
    ]
    assert found[1]["pairs.kid"] > 5 * abs(found[0]["pairs.kid"])


def test_without_a_file_there_is_no_value_and_the_reason(candidate, evaluation, monkeypatch):
    """Nothing is downloaded and nothing fails."""
    monkeypatch.delenv("GANKIT_FEATURES", raising=False)
    found = list(ResNetFrechet().measure(candidate, evaluation))
    assert len(found) == 6
    assert all(reading.value is None and "GANKIT_FEATURES" in reading.note for reading in found)
