"""Each loss of ``gankit_losses`` against its equation in plain numbers."""

import math

import pytest
import torch
from pytest import approx

from gankit import Draw
from gankit_baselines.losses import NonSaturating
from gankit_losses.adversarial import Hinge, LeastSquares, Relativistic
from gankit_losses.features import FeatureMatching, Perceptual
from gankit_losses.masks import Dice
from gankit_losses.regularisers import Consistency, LeCam
from tests.relative import Speckle

ON = {"on": ("adc",), "critic": "c", "against": "cs"}
REAL, MADE = (2.0, 0.5, -1.0), (-2.0, 0.25, 1.5)


def images(*scores):
    """An image of one pixel for each score, which ``score`` gives back."""
    return torch.tensor(scores, dtype=torch.float64).view(-1, 1, 1, 1)


def score(x):
    return x.flatten(1).mean(dim=1)


def patches(x):
    """Two patches, one a point above the sample's score and one a point below."""
    return score(x)[:, None] + torch.tensor([1.0, -1.0], dtype=x.dtype)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def softplus(x):
    return math.log1p(math.exp(x))


# With a critic --------------------------------------------------------------------------------------------

EQUATIONS = {
    "hinge": (
        Hinge(**ON),
        lambda real, made: mean(max(0, 1 - d) for d in real) + mean(max(0, 1 + d) for d in made),
        lambda real, made: -mean(made),
    ),
    "least-squares": (
        LeastSquares(**ON),
        lambda real, made: mean((d - 1) ** 2 for d in real) / 2 + mean(d**2 for d in made) / 2,
        lambda real, made: mean((d - 1) ** 2 for d in made) / 2,
    ),
    "relativistic": (
        Relativistic(**ON, penalty=0.0),
        lambda real, made: mean(softplus(f - r) for r, f in zip(real, made, strict=True)),
        lambda real, made: mean(softplus(r - f) for r, f in zip(real, made, strict=True)),
    ),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_critic_and_player_minimise_their_equations(name):
    """In plain numbers, and of a critic with patches as the mean over patches and samples."""
    spec, critics, players = EQUATIONS[name]
    loss = spec.build()
    assert loss.critic(score, images(*REAL), images(*MADE), {}).item() == approx(critics(REAL, MADE))
    assert loss.player(score, images(*REAL), images(*MADE), {}).item() == approx(players(REAL, MADE))
    both = [[d + 1 for d in each] + [d - 1 for d in each] for each in (REAL, MADE)]
    assert loss.critic(patches, images(*REAL), images(*MADE), {}).item() == approx(critics(*both))
    assert loss.player(patches, images(*REAL), images(*MADE), {}).item() == approx(players(*both))


def bowl(x):
    """A critic ``|x|²/2``, whose slope at x is x."""
    return x.flatten(1).square().sum(dim=1) / 2


@pytest.mark.parametrize(
    ("loss", "options", "at_real", "at_made"),
    [
        (Hinge, {"penalty": 0.4}, 0.2, 0.0),
        (LeastSquares, {"penalty": 0.4}, 0.2, 0.0),
        (Relativistic, {"penalty": 0.4}, 0.2, 0.2),
        (NonSaturating, {"penalty": 0.4}, 0.2, 0.0),
        (NonSaturating, {"candidate_penalty": 0.4}, 0.0, 0.2),
        (NonSaturating, {"penalty": 0.4, "candidate_penalty": 0.8}, 0.2, 0.4),
    ],
)
def test_r1_and_r2_are_half_of_gamma_times_the_mean_squared_slope(loss, options, at_real, at_made):
    """R1 at real samples, R2 at candidates; a loss with either says that it penalises the gradient."""
    plain, given = loss(**ON, penalty=0.0), [bowl, images(*REAL), images(*MADE), {}]
    penalty = loss(**ON, **options).build().critic(*given) - plain.build().critic(*given)
    expected = at_real * mean(x**2 for x in REAL) + at_made * mean(x**2 for x in MADE)
    assert penalty.item() == approx(expected)
    assert loss(**ON, **options).penalises_gradient
    assert not plain.penalises_gradient


def test_a_relativistic_critic_is_judged_by_differences_alone():
    """A number added to all scores changes neither answer."""
    loss = Relativistic(**ON, penalty=0.0).build()
    for question in (loss.critic, loss.player):
        values = [question(lambda x, c=c: score(x) + c, images(*REAL), images(*MADE), {}).item() for c in (0, 7)]
        assert values[0] == approx(values[1])


# Features -------------------------------------------------------------------------------------------------


class Squares:
    """A critic with two layers of features: a pixel, and its square and double."""

    def __call__(self, x):
        return score(x)

    def features(self, x):
        pixel = x.flatten(1)
        return [pixel, torch.cat([pixel.square(), 2 * pixel], dim=1)]


def test_feature_matching_compares_mean_features():
    """The mean over features of the squared difference of their means, and a mean over layers."""
    value = FeatureMatching(**ON).build().player(Squares(), images(*REAL), images(*MADE), {})
    first = (mean(REAL) - mean(MADE)) ** 2
    second = ((mean(x**2 for x in REAL) - mean(x**2 for x in MADE)) ** 2 + (2 * (mean(REAL) - mean(MADE))) ** 2) / 2
    assert value.item() == approx((first + second) / 2)


@pytest.mark.parametrize(("distance", "power"), [("l2", 2), ("l1", 1)])
def test_perceptual_compares_pairs(distance, power):
    """Each sample with its own reference; a mean over features, then over layers."""
    features = [Squares().features(images(*each)) for each in (MADE, REAL)]
    each_B = Perceptual(on=("adc",), network="c", distance=distance).build()(*features)
    expected = [
        (abs(x - y) ** power + (abs(x**2 - y**2) ** power + abs(2 * x - 2 * y) ** power) / 2) / 2
        for x, y in zip(MADE, REAL, strict=True)
    ]
    assert each_B.tolist() == approx(expected)


# Regularisers ---------------------------------------------------------------------------------------------


def test_lecam_holds_scores_near_the_average_of_the_other_set():
    """At first the averages are 0; then each moves by a tenth towards the mean score of its set."""
    loss = LeCam(**ON, decay=0.9).build().double()
    first = loss.critic(score, images(*REAL), images(*MADE), {})
    assert first.item() == approx(mean(d**2 for d in REAL) + mean(d**2 for d in MADE))
    average_real, average_made = 0.1 * mean(REAL), 0.1 * mean(MADE)
    assert loss.real.item() == approx(average_real)
    assert loss.made.item() == approx(average_made)
    second = loss.critic(score, images(*REAL), images(*MADE), {})
    expected = mean((d - average_made) ** 2 for d in REAL) + mean((d - average_real) ** 2 for d in MADE)
    assert second.item() == approx(expected)


@pytest.mark.parametrize("balanced", [True, False])
def test_consistency_is_the_squared_change_of_scores_by_the_augmentation(balanced):
    """Noise of 0.5 times its draw changes a score by as much; a sample that stays as it is adds nothing."""
    spec = Consistency(**ON, augmentations=(Speckle(amount=0.5, probability=0.5),), balanced=balanced)
    sides = ["reference", "candidate"] if balanced else ["reference"]
    own = {"0": Draw(), "0_noise": Draw("normal", None)}
    assert spec.draws == {f"{side}_{name}": draw for side in sides for name, draw in own.items()}
    noise = images(1.0, 2.0, 3.0)
    draws = {f"{side}_0_noise": noise * (1 if side == "reference" else 2) for side in sides}
    draws |= {f"{side}_0": torch.tensor([0.4, 0.6, 0.4], dtype=torch.float64) for side in sides}
    value = spec.build().critic(score, images(*REAL), images(*MADE), draws)
    assert value.item() == approx((0.25 + 2.25) / 3 + ((1.0 + 9.0) / 3 if balanced else 0))


# Masks ----------------------------------------------------------------------------------------------------


def test_dice_is_one_minus_twice_the_shared_part():
    """Of masks 4 and 8 pixels large that share 2; the smoothing is in both parts of the fraction."""
    candidate, reference = (torch.full((1, 1, 4, 4), -1.0) for _ in range(2))
    candidate.view(-1)[:4] = 1
    reference.view(-1)[2:10] = 1
    assert Dice(on=("m",), smooth=1e-9).build()(candidate, reference).item() == approx(1 - 2 * 2 / (4 + 8), abs=1e-6)
    assert Dice(on=("m",), smooth=3.0).build()(candidate, reference).item() == approx(1 - (4 + 3) / (12 + 3))


def test_dice_of_two_empty_masks_is_nothing():
    """A slice without a lesion that is made without one is right; channels count alike."""
    empty = torch.full((1, 2, 4, 4), -1.0)
    full = empty.clone()
    full[:, 0] = 1
    assert Dice(on=("m",)).build()(empty, empty).item() == 0
    assert Dice(on=("m",)).build()(full, empty).item() == approx((16 / 17 + 0) / 2)
