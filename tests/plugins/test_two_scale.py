"""``two-scale-critic``: what it sees of an image, and that the window it draws follows from seed and step."""

import pytest
import torch

from gankit import Draws, RecipeError
from gankit.testing import check_network
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer
from gankit_baselines.critic import CoupledCritic
from gankit_critics.patch import PatchCritic
from gankit_critics.residual import ResidualCritic
from gankit_critics.two_scale import TwoScaleCritic
from gankit_wgan_gp.critic import ConvCritic
from tests.training.test_engine import WINDOWED

SCORE = {"score": ()}
VOLUME = {"adc": (1, 8, 16, 16), "t2w": (2, 8, 16, 16)}
CONV = ConvCritic(width=2)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def two_scales(**options):
    return TwoScaleCritic(**{"critic": CONV, "window": (4, 8, 6), **options})


def built(spec, source=VOLUME):
    torch.manual_seed(0)
    return spec.build(source, SCORE)


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def place(*share):
    return {"window": torch.tensor(share)}


def slope(network, x, **draws):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(network(x, **draws).sum(), x)[0]


def blind(network):
    """The network without the critic of the coarse image, which gives no gradient then."""
    with torch.no_grad():
        for parameter in network.whole.parameters():
            parameter.zero_()
    return network


# What it sees ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("critic", "source"),
    [
        (CONV, {"curve": (1, 24)}),
        (CONV, {"adc": (1, 16, 24)}),
        (CONV, VOLUME | {"cs": (2,)}),
        (PatchCritic(width=2, layers=1), {"adc": (2, 16, 16)}),
        (ResidualCritic(width=2, projection=True), {"cs": (2,), **VOLUME}),
        (ResidualCritic(width=2, minibatch_std=2), VOLUME),
        (CoupledCritic(width=2), {"adc": (1, 16, 16), "t2w": (2, 16, 16)}),
    ],
)
def test_it_keeps_the_promises_of_its_critics(critic, source):
    """At any rank; with labels, patches, groups of samples and coupled modalities; with a drawn window and without."""
    check_network(TwoScaleCritic(critic=critic), source, SCORE)


def test_the_score_is_the_mean_of_both_critics():
    """One sees means over voxels; one a window, and where it begins, from -1 to 1 along each axis."""
    network, x = built(two_scales(coarse=(1, 2, 2))), images(2, 3, 8, 16, 16)
    coarse = x.unflatten(4, (8, 2)).mean(5).unflatten(3, (8, 2)).mean(4)
    part = x[:, :, 4:8, 0:8, 5:11]
    told = [torch.full((2, 1, 4, 8, 6), at) for at in (1.0, -1.0, 0.0)]
    expected = (network.whole(coarse) + network.part(torch.cat([part, *told], dim=1))) / 2
    torch.testing.assert_close(network(x, draws=place(0.999, 0.0, 0.5)), expected)


def test_a_gradient_reaches_the_drawn_window_alone_through_its_critic():
    """All of the window, in all modalities."""
    reached = slope(blind(built(two_scales())), images(2, 3, 8, 16, 16), draws=place(0.25, 0.5, 0.0))
    inside = torch.zeros_like(reached, dtype=torch.bool)
    inside[:, :, 1:5, 4:12, 0:6] = True
    assert torch.equal(reached != 0, inside)


def test_without_draws_windows_cover_the_image():
    """So a trained critic that scores slices overlooks nothing, and always gives the same score."""
    assert (slope(blind(built(two_scales(window=(3, 8, 7)))), images(2, 3, 8, 16, 16)) != 0).all()


def test_every_place_where_a_window_fits_is_drawn_equally_often():
    network = built(two_scales())
    begins = [network._begins({"window": torch.tensor(row)})[0].tolist() for row in Draws(0).uniform("w", 4000, 3)]
    for axis, places in enumerate((5, 9, 11)):
        counts = torch.bincount(torch.tensor([begin[axis] for begin in begins]))
        assert len(counts) == places
        assert (counts / 4000 - 1 / places).abs().max() < 0.02


# In training ----------------------------------------------------------------------------------------------


def test_each_question_has_its_window_and_all_its_calls_share_it(tiny_recipe, tiny_cohort):
    """Real, synthetic and mixed pairs of one update are seen at one place, other updates and steps see others, and a
    step that is run again sees the same."""
    cpu, seen = torch.device("cpu"), []
    recipe = tiny_recipe(**WINDOWED, **{"phases.unsupervised.start": 0})
    trained = Trainer(recipe, resident_cohort(recipe, tiny_cohort, cpu, torch.float32), cpu)
    part = trained.state.networks["windowed"].part
    part.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0][0, -2:, 0, 0].tolist())))
    for _ in range(2):
        trained.step()

    updates = trained.phases[2].spec.critic_steps
    calls = 2 * updates + 1  # an update scores both sets, then the mixed pairs; the players' question is one call
    assert len(seen) == 2 * calls
    assert seen[: 2 * updates : 2] == seen[1 : 2 * updates : 2]
    assert len(set(seen)) == 2 * (updates + 1)

    trained.state.step = 1
    trained.step()
    assert seen[calls : 2 * calls] == seen[2 * calls :]


# What does not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": (9, 8, 8)}, "window: 9 along axis 0 (planes), which has 8; accepted: 1 to 8"),
        ({"window": 12}, "window: 12 along axis 0 (planes), which has 8; accepted: 1 to 8"),
        ({"coarse": (1, 3, 2)}, "coarse: axis 1 (rows) has 16, must be divisible by 3"),
        ({"window": (8, 8)}, "window: [8, 8] is of 2 axes, but images here have 3: planes, rows, columns"),
        (
            {"critic": ConvCritic(kernel=2), "window": 8},
            "critic.kernel: on the coarse image: axis 0 (planes) has 2 taps; accepted: odd numbers, such as 1 and 3",
        ),
        (
            {"critic": TwoScaleCritic()},
            "critic.use: judges by draws of its own, so it cannot be one of two scales; choose another",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_axis(options, said):
    assert said in [str(problem) for problem in two_scales(**options).check(VOLUME, SCORE)]


def test_the_check_of_a_recipe_says_so(tiny_recipe):
    with pytest.raises(RecipeError, match=r"windowed\.window: 20 along axis 1 \(columns\), which has 16; acc"):
        tiny_recipe(**WINDOWED | {"networks.windowed": WINDOWED["networks.windowed"] | {"window": [8, 20]}})
