"""Critics of patches and of residual blocks: what their papers say of them, and what every critic promises."""

import itertools
import subprocess
import sys

import attrs
import numpy as np
import pytest
import torch
from pytest import approx
from torch import nn
from torch.nn.functional import leaky_relu, unfold

from gankit import Draws, PluginError, RecipeError, train
from gankit.networks.synthesizer import apart, together
from gankit.testing import check_network
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer
from gankit_critics._minibatch_std import MinibatchStd
from gankit_critics.patch import PatchCritic
from gankit_critics.residual import ResidualCritic

SCORE = {"score": ()}
PAIR = {"adc": (1, 16, 16), "t2w": (2, 16, 16)}
LABELLED = {"adc": (1, 16, 16), "cs": (2,), "t2w": (2, 16, 16), "zone": (3,)}
NORMS = ["none", "batch", "layer", "instance"]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def built(spec, source):
    torch.manual_seed(0)
    return spec.build(source, SCORE)


def patches(source, **options):
    return built(PatchCritic(**({"width": 2, "layers": 1} | options)), source)


def residual(source, **options):
    return built(ResidualCritic(**({"width": 2} | options)), source)


def images(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def halved(image):
    """Averages over 2 x 2 pixels."""
    return image.unflatten(3, (-1, 2)).mean(4).unflatten(2, (-1, 2)).mean(3)


def filled(network):
    """The network with all weights 1, whose gradient shows how often each pixel is seen."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0)
    return network


# What every network promises ------------------------------------------------------------------------------


@pytest.mark.parametrize(("norm", "projection"), list(itertools.product(NORMS, [False, True])))
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_the_critics_pass_the_conformance_check(norm, projection, spectral_norm):
    """Under every norm, with and without labels, at several scales and for groups of samples."""
    options = {"width": 4, "norm": norm, "projection": projection, "spectral_norm": spectral_norm}
    source = LABELLED if projection else PAIR
    check_network(PatchCritic(layers=1, scales=2, **options), source, SCORE)
    for group in (0, 2):
        check_network(ResidualCritic(minibatch_std=group, **options), source, SCORE)


@pytest.mark.parametrize("spec", [PatchCritic(width=2), ResidualCritic(width=2)], ids=["patch", "residual"])
@pytest.mark.parametrize("shape", [(1, 24), (3, 24, 40), (2, 24, 32, 25)])
def test_images_have_one_to_three_dimensions(spec, shape):
    """Of any number of channels and any proportion; labels beside them are constant maps unless projected on."""
    check_network(spec, {"adc": shape, "cs": (2,)}, SCORE)


def test_specs_import_no_torch():
    """Checking a recipe must not load torch."""
    code = "import sys, gankit_critics.patch, gankit_critics.residual; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("make", [patches, residual])
def test_every_layer_has_norm_one_with_spectral_norm(make):
    """The largest singular value of its matrix (outputs, inputs x taps), by torch's decomposition."""
    network = make(LABELLED, width=8, spectral_norm=True, projection=True)
    weights = [layer.weight for layer in network.modules() if hasattr(layer, "parametrizations")]
    others = [name for name, weight in network.named_parameters() if weight.ndim > 1 and "original" not in name]
    norms = [torch.linalg.matrix_norm(weight.flatten(1), 2).item() for weight in weights]
    assert norms == approx([1] * len(weights), rel=0.01)
    assert not others


@pytest.mark.parametrize("make", [patches, residual])
def test_neighbouring_pixels_are_seen_equally_often(make):
    """The gradient never falls from the edge to the middle: no grid of the stride's period for a generator to learn."""
    network = filled(make({"adc": (1, 64, 64)}))
    x = torch.ones(1, 1, 64, 64, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x).sum(), x)
    for line in (slope[0, 0, 32, :33], slope[0, 0, :33, 32]):
        assert (line.diff() >= -1e-6 * line.max()).all()
    torch.testing.assert_close(slope, slope.flip(2, 3))


@pytest.mark.parametrize("make", [patches, residual])
def test_all_is_finite_in_bfloat16_and_for_black_images(make):
    """An image of zeros gives no NaN, under any norm."""
    for norm in NORMS:
        network, x = make(PAIR, norm=norm), torch.zeros(4, 3, 16, 16, requires_grad=True)
        (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        slope.square().sum().backward()
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())
        with torch.autocast("cpu", torch.bfloat16):
            assert network(x).isfinite().all()


# Patches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_a_patch_has_as_many_pixels_as_the_paper_says(layers, pixels):
    """The gradient of one score reaches 16, 70 and 286 pixels a side for 1, 3 and 5 layers (Isola et al., 6.1.2)."""
    network = filled(patches({"adc": (1, 640)}, width=1, layers=layers))
    x = torch.ones(1, 1, 640, requires_grad=True)
    scores = network(x)[0]
    (slope,) = torch.autograd.grad(scores[len(scores) // 2], x)
    assert int(slope.count_nonzero()) == pixels


@pytest.mark.parametrize(
    ("shape", "layers", "count"), [((256, 256), 3, 30 * 30), ((64, 32), 2, 14 * 6), ((12, 25), 2, 4), ((6,), 1, 1)]
)
def test_a_side_of_n_pixels_has_so_many_patches(shape, layers, count):
    """n / 2^layers - 2, rounded down: 30 x 30 of 70 x 70 pixels in the paper's images of 256 x 256."""
    assert patches({"adc": (1, *shape)}, width=1, layers=layers)(images(2, 1, *shape)).shape == (2, count)


def test_each_patch_is_scored_by_itself():
    """An image moved by 2^layers pixels has the same scores, one patch further."""
    network, x = patches({"adc": (1, 128)}, layers=2), images(1, 1, 128)
    before, after = network(x)[0], network(x.roll(4, dims=2))[0]
    torch.testing.assert_close(after[6:-5], before[5:-6])


def test_scales_judge_smaller_images():
    """Equation 3 of Wang et al.: critics of their own, on the image and on its averages over 2 and 4 pixels a side."""
    source, x = {"adc": (1, 96, 96)}, images(2, 1, 96, 96)
    network = patches(source, layers=3, scales=3)
    first, second, third = network.scales
    scores = [first(x, None), second(halved(x), None), third(halved(halved(x)), None)]
    assert [each.shape[1] for each in scores] == [100, 16, 1]
    repeats = [1, 6, 100]  # whole times, so that the three count about equally in a mean over patches
    torch.testing.assert_close(network(x), torch.cat([s.repeat(1, n) for s, n in zip(scores, repeats, strict=True)], 1))


def test_features_are_those_of_every_layer_at_every_scale():
    """First layers first, the largest image first; labels and images come as for scores."""
    network = patches({"adc": (1, 24, 24), "cs": (2,)}, layers=1, scales=2, projection=True)
    features = network.features(images(3, 1, 24, 24), torch.zeros(3, 2))
    assert [tuple(each.shape[1:]) for each in features] == [(2, 12, 12), (4, 11, 11), (2, 6, 6), (4, 5, 5)]


@pytest.mark.parametrize(
    ("options", "sides", "message"),
    [
        ({}, (16, 16), "3 at 1 scale need sides of 24 pixels, not 16 x 16; accepted for layers + scales: together at "),
        ({"layers": 2, "scales": 3}, (64, 32), "need sides of 48 pixels, not 64 x 32; accepted for layers + scales: "),
        ({"layers": 1}, (5, 64), "accepted for layers + scales: nothing; its smallest side is 6 pixels"),
    ],
)
def test_images_too_small_for_patches_are_problems(options, sides, message):
    """The problem says what would fit."""
    (problem,) = PatchCritic(**options).check({"adc": (1, *sides)}, SCORE)
    assert problem.place == "layers"
    assert message in problem.message


@pytest.mark.parametrize("side", range(6, 100))
def test_what_a_problem_accepts_is_accepted(side):
    """And nothing beyond, for every size."""
    (problem,) = PatchCritic(layers=30).check({"adc": (1, side)}, SCORE)
    most = int(problem.message.rpartition(" ")[2])
    for scales in range(1, most):
        assert not list(PatchCritic(layers=most - scales, scales=scales).check({"adc": (1, side)}, SCORE))
        assert list(PatchCritic(layers=most - scales + 1, scales=scales).check({"adc": (1, side)}, SCORE))
        assert patches({"adc": (1, side)}, layers=most - scales, scales=scales)(images(1, 1, side)).shape[1] > 0


# Residual blocks ------------------------------------------------------------------------------------------


def test_depth_follows_from_size():
    """64 x 64 is halved to 4 x 4 by four blocks that double the width; the sums over pixels are scored."""
    features = residual({"adc": (1, 64, 64)}, width=4).features(images(1, 1, 64, 64))
    shapes = [tuple(each.shape[1:]) for each in features]
    assert shapes == [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4), (32,)]


def test_a_block_adds_a_branch_to_a_shortcut():
    """(shortcut(x) + h(x)) / sqrt(2); h has 3 x 3 and 4 x 4 taps, and images go into the first one as they are."""
    network, x = residual({"adc": (1, 16, 16)}), images(2, 1, 16, 16)
    for (block,) in network.blocks:
        mixing, (keep, halve) = block.shortcut[1], [each for each in block.branch if isinstance(each, nn.Conv2d)]
        assert [keep.kernel_size, halve.kernel_size, mixing.kernel_size] == [(3, 3), (4, 4), (1, 1)]
        shortcut = torch.einsum("oi,bihw->bohw", mixing.weight[:, :, 0, 0], halved(x)) + mixing.bias.view(1, -1, 1, 1)
        read = x if block is network.blocks[0][0] else leaky_relu(x, 0.2)
        made = block(x)
        torch.testing.assert_close(made, (shortcut + halve(leaky_relu(keep(read), 0.2))) / 2**0.5)
        x = made
    torch.testing.assert_close(network.score(leaky_relu(x, 0.2).sum((2, 3))).squeeze(1), network(images(2, 1, 16, 16)))


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_scores_neither_vanish_nor_grow_with_depth(norm):
    """From 16 to 128 pixels, the last maps of a new critic vary as much as its images, within a factor of 3."""
    for side in (16, 32, 64, 128):
        network, x = residual({"adc": (1, side, side)}, width=16, norm=norm), images(4, 1, side, side)
        assert 1 / 3 < network.features(x)[-2].std().item() < 3


# Minibatch standard deviation -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 3), (1, 2, 2, 2)])
def test_the_new_channel_is_the_mean_standard_deviation_of_a_group(shape):
    """Of each channel at each pixel over samples that follow each other, averaged (Karras et al. 2018, Sec. 3)."""
    x = images(6, *shape)
    made = MinibatchStd(3)(x)
    assert torch.equal(made[:, :-1], x)
    for group in (slice(0, 3), slice(3, 6)):
        expected = x[group].numpy().astype(np.float64).std(axis=0).mean()
        assert made[group, -1].flatten().tolist() == approx([expected] * made[group, -1].numel(), rel=1e-4)


def test_groups_do_not_depend_on_how_a_batch_is_shared_or_followed():
    """A process that has half of the batch sees the same groups, and so does a critic that gets two sets at once."""
    x = images(8, 3, 4, 4)
    expected = MinibatchStd(2)(x)
    assert torch.equal(torch.cat([MinibatchStd(2)(share) for share in x.chunk(2)]), expected)
    assert torch.equal(MinibatchStd(2)(torch.cat([x, images(8, 3, 4, 4, seed=1)]))[:8], expected)


def test_a_set_of_equal_samples_is_scored_otherwise():
    """The critic sees what no sample alone shows; with zero deviation its gradient is finite."""
    network, x = residual({"adc": (1, 16, 16)}, minibatch_std=4), images(4, 1, 16, 16)
    same = x[:1].repeat(4, 1, 1, 1).requires_grad_()
    assert not torch.allclose(network(same)[0], network(x)[0])
    (slope,) = torch.autograd.grad(network(same).sum(), same)
    assert slope.isfinite().all()


def test_a_group_of_one_is_a_problem():
    """It has no deviation."""
    (problem,) = ResidualCritic(minibatch_std=1).check(PAIR, SCORE)
    assert str(problem) == "minibatch_std: one sample has no standard deviation; must be at least 2, or 0 for none"


# Labels ---------------------------------------------------------------------------------------------------


def one_hot(*values):
    return torch.eye(3)[list(values)]


def test_projection_is_the_inner_product_of_features_with_the_labels_embedding():
    """Equation 3 of Miyato and Koyama 2018: y^T V f + w^T f + b, of the critic that sums over pixels."""
    network, x = residual({"adc": (1, 16, 16), "zone": (3,)}, projection=True), images(2, 1, 16, 16)
    label_BK = one_hot(2, 0)
    f = network.features(x, label_BK)[-1].detach().numpy()
    v, w, b = (each.detach().numpy() for each in (network.embedding.weight, network.score.weight, network.score.bias))
    expected = [f[i] @ v[k] + f[i] @ w[0] + b[0] for i, k in enumerate((2, 0))]
    assert network(x, label_BK).tolist() == approx(expected, rel=1e-5)


def test_a_patch_projects_the_features_that_it_sees():
    """The same equation for every patch; its features are 4 x 4 places of the last map."""
    network, x = patches({"adc": (1, 16, 16), "zone": (3,)}, projection=True), images(2, 1, 16, 16)
    (scale,) = network.scales
    f_BNP = unfold(network.features(x, one_hot(2, 0))[-1], 4, padding=1)
    v_KN, w_N = scale.embedding.weight.flatten(1), scale.score.weight.flatten()
    expected = torch.einsum("bn,bnp->bp", v_KN[[2, 0]] + w_N, f_BNP) + scale.score.bias
    torch.testing.assert_close(network(x, one_hot(2, 0)), expected)


@pytest.mark.parametrize("make", [patches, residual])
def test_places_are_read_in_the_order_of_the_source(make):
    """Images and labels in any order; what is concatenated for a loss and taken apart again has the same scores."""
    network = make(LABELLED, projection=True)
    places = {
        "adc": images(2, 1, 16, 16),
        "cs": one_hot(0, 1)[:, :2],
        "t2w": images(2, 2, 16, 16),
        "zone": one_hot(2, 1),
    }
    expected = network(*places.values())
    joined = together(places, tuple(places))
    torch.testing.assert_close(network(*apart(joined, LABELLED)), expected)
    assert not torch.allclose(network(*(places | {"zone": one_hot(0, 1)}).values()), expected)


@pytest.mark.parametrize("spec", [PatchCritic, ResidualCritic])
def test_projection_reads_apart_and_needs_a_label(spec):
    """Without a label, or without images, one problem says what is missing."""
    assert spec(projection=True).reads_apart
    assert not spec().reads_apart
    (problem,) = spec(projection=True).check({"adc": (1, 64, 64)}, SCORE)
    expected = "projection: needs a label beside the images, as in on = ['adc', 'cs']; its terms have adc"
    assert str(problem) == expected
    (problem,) = spec(projection=True).check({"cs": (2,)}, SCORE)
    assert str(problem) == "use: scores images (C, *S) of 1 to 3 dimensions, not 2"
    (problem,) = spec().check({"adc": (1, 64, 64)}, {"t2w": (1, 64, 64)})
    assert str(problem) == "use: returns one score per sample or patch, not 1 x 64 x 64"


# In training ----------------------------------------------------------------------------------------------

CRITICS = {
    "patches": {"use": "patch-critic", "layers": 1, "scales": 2},
    "spectral patches": {"use": "patch-critic", "layers": 1, "norm": "instance", "spectral_norm": True},
    "residual": {"use": "residual-critic", "norm": "layer", "spectral_norm": True},
}


def with_critic(options):
    """Overrides of ``adc-only`` with another critic."""
    return {f"networks.adc_critic.{name}": value for name, value in {"width": 4, **options}.items()}


@pytest.fixture
def trainer(tiny_recipe, tiny_cohort):
    """``trainer(critic, **overrides)``: a trainer of the tiny ``adc-only`` with this critic, at step 0."""
    cpu = torch.device("cpu")

    def make(critic, **overrides):
        recipe = tiny_recipe("adc-only", **with_critic(critic), **overrides)
        return Trainer(recipe, resident_cohort(recipe, tiny_cohort, cpu, torch.float32), cpu, torch.float32)

    return make


@pytest.mark.parametrize("critic", CRITICS.values(), ids=CRITICS)
def test_a_game_with_gradient_penalty_goes_on_as_if_it_had_not_stopped(trainer, critic, tmp_path):
    """Every network moves, all is finite, and a checkpoint in the middle changes no bit."""
    whole, first, rest = (trainer(critic) for _ in range(3))
    start = {name: each.clone() for name, each in whole.state.networks.by_name.named_parameters()}
    for _ in range(4):
        whole.step()
    for _ in range(2):
        first.step()
    first.state.save(tmp_path / "checkpoint")
    rest.state.load(tmp_path / "checkpoint")
    for _ in range(2):
        rest.step()
    assert whole.state.not_finite() is None
    assert not [name for name, each in whole.state.networks.by_name.named_parameters() if each.equal(start[name])]
    ended, again = whole.state.tensors(), rest.state.tensors()
    assert all(torch.equal(ended[name], again[name]) for name in ended)


CONDITIONAL = {
    "pools.all.split": "train",
    "synthesizer.cs": {"label": "cs", "classes": 2},
    "synthesizer.adc.from": ["latent", "cs"],
    "phases.unsupervised.pool": "all",
    "phases.unsupervised.terms.wgan-gp-adc": {"on": ["adc", "cs"], "against": "all"},
}
"""Overrides that make ``adc-only`` draw slices of both classes, judged with their label."""


@pytest.mark.parametrize("critic", CRITICS.values(), ids=CRITICS)
def test_a_conditional_game_trains_the_embedding(trainer, critic):
    """The label reaches the critic as (B, K), and each class's part of the embedding moves."""
    trained = trainer({**critic, "projection": True}, **CONDITIONAL)
    embeddings = {
        name: each
        for name, each in trained.state.networks.by_name.named_parameters()
        if "embedding" in name and "adc_critic" in name
    }
    before = {name: each.clone() for name, each in embeddings.items()}
    for _ in range(2):
        trained.step()
    assert trained.state.not_finite() is None
    assert embeddings
    for name, each in embeddings.items():
        assert len(each) == 2
        assert (each != before[name]).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("on", [["adc", "cs"], ["cs", "adc"]])
@pytest.mark.parametrize("critic", [{"use": "conv-critic"}, {"use": "residual-critic", "projection": True}])
def test_a_penalty_sees_the_slope_by_images_and_not_by_the_label_beside_them(trainer, critic, on):
    """R1 is the squared norm of ∇_x D(x, y): the derivative by the images for the labels that they have."""
    term = {"use": "hinge", "on": on, "critic": "adc_critic", "against": "all", "penalty": 2.0}
    trained = trainer(critic, **CONDITIONAL | {"phases.unsupervised.terms.wgan-gp-adc": term})
    networks, (phase,) = trained.state.networks, trained.phases
    drawn = phase.batch(trained.cohort, Draws(0)).sets[-1]
    candidates = {place: each.detach() for place, each in phase.candidates(networks, drawn.inputs).items()}
    reference = drawn.references["wgan-gp-adc"]

    ((judged, loss),) = phase.adversarial
    with_r1 = phase.critic_objective(networks, judged, loss, drawn, candidates)
    without = phase.critic_objective(networks, judged, attrs.evolve(judged, penalty=0.0).build(), drawn, candidates)

    image = slice(0, 1) if on[0] == "adc" else slice(2, 3)
    real = reference.clone().requires_grad_()
    (slope,) = torch.autograd.grad(networks.run("adc_critic", real, tuple(on)).sum(), real)
    expected = slope[:, image].square().flatten(1).sum(dim=1).mean()
    assert (with_r1 - without).item() == approx(expected.item(), rel=1e-4)


def test_samples_that_mix_are_refused_under_a_gradient_penalty(tiny_recipe):
    """The minibatch's standard deviation gives a sample's score a gradient by the others."""
    critic = {"use": "residual-critic", "minibatch_std": 2}
    with pytest.raises(RecipeError, match=r"'adc_critic' mixes the samples of a batch .*sample by sample; choose opt"):
        tiny_recipe("adc-only", **with_critic(critic))


@pytest.mark.parametrize("loss", [{"use": "gan"}, {"use": "relativistic", "penalty": 0}])
def test_groups_that_do_not_divide_the_batch_are_refused_before_training(
    tiny_recipe, tiny_cohort, tmp_path, plugins, loss
):
    """One line says what to change, also under a loss that always scores both sets in one call: no group has samples of
    both."""
    critic = with_critic({"use": "residual-critic", "minibatch_std": 4})
    swapped = {f"phases.unsupervised.terms.wgan-gp-adc.{key}": value for key, value in loss.items()}
    recipe = tiny_recipe("adc-only", **critic, **swapped, **{"training.batch": 6})
    with pytest.raises(PluginError, match=r"networks\.adc_critic: .* 6 samples cannot be divided into groups of 4"):
        train(recipe, tmp_path / "run", device="cpu", cohort=tiny_cohort, plugins=plugins, quiet=True)
