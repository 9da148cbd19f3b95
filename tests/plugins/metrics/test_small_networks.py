"""The trainer of small networks that metrics share, and the networks."""

import attrs
import numpy as np
import pytest
import torch
from torch import nn

from gankit_metrics._classifier import Convolutional, TwoLayer, classifier
from gankit_metrics._training import Schedule, applied, drawn, fit, weights, with_weights
from gankit_metrics._unet import SmallUNet
from gankit_metrics.anatomy import Anatomy
from gankit_metrics.classification import GanTest
from gankit_metrics.consistency import PairConsistency
from gankit_metrics.oracle import Oracle


def generator(seed=0):
    return np.random.default_rng(seed)


def test_weights_follow_from_the_generator_alone():
    """Torch's own generator is neither read nor moved."""
    before = torch.random.get_rng_state()
    one, again, other = (drawn(lambda: Convolutional((2, 16, 16), 4), generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    x = np.ones((1, 2, 16, 16), dtype=np.float32)
    assert applied(one, x) == applied(again, x)
    assert applied(one, x) != applied(other, x)


def test_first_weights_keep_the_scale():
    """Standard deviation ``sqrt(2 / fan in)`` (He et al. 2015, Eq. 10), biases 0, scales of norms 1."""
    network = drawn(lambda: nn.Sequential(nn.Linear(200, 300), nn.BatchNorm1d(300)), generator())
    linear, norm = network
    assert linear.weight.std().item() == pytest.approx(0.1, rel=0.02)
    assert not linear.bias.any()
    assert (norm.weight == 1).all()
    assert (norm.running_mean == 0).all()
    assert (norm.running_var == 1).all()


def test_the_step_size_rises_and_falls_to_zero():
    """To its largest within a tenth of the steps."""
    schedule = Schedule(steps=100)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == 0.1
    assert max(rates) == rates[10] == 1
    assert rates[-1] < 0.001
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_batches_take_equally_of_each_group_and_every_slice_in_turn():
    """Six and two slices, batches of four: the six are each seen once before any is seen twice."""
    seen = []

    def watch(images, number_B):
        seen.append(number_B.tolist())
        return (network(images.flatten(1)) ** 2).mean()

    network = nn.Linear(4, 1)
    arrays = (np.zeros((8, 1, 2, 2), np.float32), np.arange(8))
    fit(network, watch, arrays, [np.arange(6), np.arange(6, 8)], Schedule(steps=6, batch=4), generator())
    assert all(len(batch) == 4 and {*batch[2:]} == {6, 7} for batch in seen)
    firsts = [number for batch in seen for number in batch[:2]]
    assert sorted(firsts[:6]) == sorted(firsts[6:]) == list(range(6))


def test_images_and_masks_vary_alike():
    """Half of the slices are mirrored, batches move by up to two pixels, and other arrays stay as they are."""
    pairs, mirrored = [], []

    def watch(image, mask, label_B):
        pairs.append(torch.equal(image, mask))
        assert label_B.tolist() == [1.0] * 16
        mirrored.extend((image[:, 0, :, :].argmax(dim=-1)[:, 0] != image[0, 0, 0].argmax()).tolist())
        return (network(image.flatten(1)) ** 2).mean()

    network = nn.Linear(64, 1)
    image = np.zeros((16, 1, 8, 8), np.float32)
    image[..., 2] = 1
    fit(
        network,
        watch,
        (image, image.copy(), np.ones(16, np.float32)),
        [np.arange(16)],
        Schedule(steps=40, batch=16),
        generator(),
    )
    assert all(pairs)
    assert 0.3 < np.mean(mirrored) < 0.7


def test_a_classifier_learns_what_is_there():
    """Slices brighter on top against slices brighter below, in one to three dimensions, and it is kept whole."""
    for sides in ((16,), (16, 16), (8, 8, 8)):
        noise = generator(1).standard_normal((2, 60, 1, *sides)).astype(np.float32)
        noise[:, :, 0, : sides[0] // 2] += np.array([2, -2]).reshape(2, 1, *[1] * len(sides))
        schedule = Schedule(steps=60, batch=16, learning_rate=2e-2, mirror=False, shift=0)
        for build in (lambda s=sides: TwoLayer((1, *s), 8), lambda s=sides: Convolutional((1, *s), 4)):
            network = classifier(build, *noise[:, :30], schedule, generator())
            assert (applied(network, noise[0, 30:]) > 0).mean() > 0.85
            assert (applied(network, noise[1, 30:]) < 0).mean() > 0.85
            kept = with_weights(build, weights(network))
            assert np.array_equal(applied(kept, noise[0]), applied(network, noise[0]))


@pytest.mark.parametrize("sides", [(8,), (8, 12), (4, 8, 4)])
def test_the_unet_keeps_the_size(sides):
    """In one to three dimensions."""
    network = drawn(lambda: SmallUNet(2, 3, len(sides), 4), generator())
    assert network(torch.zeros(2, 2, *sides)).shape == (2, 3, *sides)


@pytest.mark.parametrize("metric", [Anatomy(), GanTest(), Oracle(), PairConsistency()])
def test_slices_of_sides_that_a_network_cannot_take_have_no_readings(metric, evaluation, candidate):
    """Six pixels: every reading says what is needed, none is an exception."""
    shapes = {name: attrs.evolve(spec, shape=(1, 6, 6)) for name, spec in evaluation.modalities.items()}
    readings = list(metric.measure(candidate, attrs.evolve(evaluation, modalities=shapes)))
    assert readings
    assert all(reading.value is None for reading in readings)
    assert all("slices are 6 x 6" in reading.note for reading in readings)
