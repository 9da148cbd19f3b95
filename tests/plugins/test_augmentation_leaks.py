"""What critics see augmented does not leak into samples: a small GAN on images whose trait can be counted."""

import numpy as np
import pytest
import torch

from gankit import Cohort, Draws, Modality, load_recipe
from gankit.training.resident import resident_cohort
from gankit.training.train import Trainer

CPU = torch.device("cpu")
RECIPE = """
name = "sided"
cohort = { use = "file", path = "not read" }
pools.all = {}
latent.dim = 8
modalities.adc = { shape = [1, 8, 8], range = [0, 1] }
networks.decoder = { use = "stitch-decoder", width = 8, factor = 1, start = 2 }
networks.critic = { use = "conv-critic", width = 16 }
synthesizer.adc = { network = "decoder", from = "latent" }
training = { steps = 150, batch = 32, ema = 0.9 }

[[phases]]
use = "synthesize"
critic_steps = 2
learning_rate = 1e-3
betas = [0.0, 0.9]
critic_learning_rate = 2e-3
critic_betas = [0.0, 0.9]
terms = [{ use = "gan", name = "game", penalty = 1.0, on = "adc", critic = "critic", against = "all" }]
"""


@pytest.fixture(scope="module")
def sided():
    """256 images of a bright spot, 8 x 8, which is in the left half of every one."""
    numbers, (y, x) = np.random.default_rng(0), np.mgrid[:8, :8]
    at_y, at_x = numbers.uniform(1.5, 5.5, (256, 1, 1)), numbers.uniform(1, 2.5, (256, 1, 1))
    images = np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / 2)[:, None]
    patient = np.array([f"p{number}" for number in range(256)])
    split = np.full(256, "train")
    return Cohort(modalities={"adc": Modality.of(images)}, labels={}, patient=patient, split=split, source="a spot")


@pytest.fixture
def share_on_the_right(sided, tmp_path):
    """``share_on_the_right(**overrides)``: share of the samples of a trained GAN whose right half is the brighter."""

    def share(**overrides):
        torch.set_num_threads(1)
        (tmp_path / "sided.toml").write_text(RECIPE)
        recipe = load_recipe(tmp_path / "sided.toml", overrides)
        trained = Trainer(recipe, resident_cohort(recipe, sided, CPU), CPU)
        for _ in range(recipe.training.steps):
            trained.step()
        latents = torch.from_numpy(Draws(5).normal("latents", 512, 8))
        with torch.no_grad():
            images = trained.state.averages.synthesize({"latent": latents})["adc"]
        assert images.flatten(1).amax(dim=1).mean() > 0  # it shows spots
        left, right = (half.mean(dim=(1, 2, 3)) for half in images.split(4, dim=3))
        return (right > left).float().mean().item()

    return share


def test_samples_are_not_mirrored_where_the_critic_sees_mirrored_images(share_on_the_right):
    """No real slice has its spot on the right. A quarter of all that the critic sees has, on both sides alike; samples
    have not."""
    augment = {"phases.synthesize.terms.game.augment": [{"use": "mirror", "probability": 0.5}]}
    assert share_on_the_right(**augment) < 0.02


def test_the_trait_shows_where_real_slices_alone_are_mirrored(share_on_the_right):
    """So the count can tell: samples learn the mirrored slices too."""
    assert share_on_the_right(**{"augmentation.mirror": True}) > 0.2
