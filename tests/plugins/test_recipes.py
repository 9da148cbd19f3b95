"""The recipes of image translation: what they give, make and compare, at sizes that train in moments."""

import numpy as np
import pytest

from gankit import AbstractAdversarialLoss, load_model, train
from gankit.testing import check_phase

TINY = {
    "pix2pix": {"networks.pair_critic.layers": 1},
    "cyclegan": {
        "networks.adc_translator.width": 4,
        "networks.adc_critic.layers": 1,
        "networks.t2w_critic.layers": 1,
    },
}


@pytest.fixture(params=TINY)
def tiny(request, tiny_recipe):
    """Both recipes on a small cohort."""
    return tiny_recipe(request.param, **TINY[request.param])


def test_their_phases_keep_their_promises(tiny):
    """The check that authors of plugins run."""
    (phase,) = tiny.phases
    check_phase(phase, tiny)


def test_adc_is_given_and_t2w_is_made(tiny):
    """The graph is one translator; a network back, where there is one, is no part of it."""
    assert tiny.given() == ("adc",)
    assert tiny.synthesizer_networks() == ("t2w_translator",)
    (phase,) = tiny.phases
    assert set(phase.players(tiny)) <= {"t2w_translator", "adc_translator"}


def test_only_pix2pix_compares_pairs(tiny):
    """Its critic sees ADC beside T2w, and l1 the slice's own T2w. CycleGAN compares images with themselves alone."""
    (phase,) = tiny.phases
    judged = {term.on for term in phase.terms if isinstance(term, AbstractAdversarialLoss)}
    compared = {term.on for term in phase.terms if not isinstance(term, AbstractAdversarialLoss)}
    if tiny.name == "pix2pix":
        assert (judged, compared) == ({("adc", "t2w")}, {("t2w",)})
    else:
        assert (judged, compared) == ({("t2w",), ("adc-made",)}, {("adc-cycled",), ("t2w-cycled",)})


def test_a_model_translates_real_adc(tiny, tiny_cohort, tmp_path):
    """What is given comes back as it was, at its own unit, and T2w is made beside it."""
    run = train(tiny, tmp_path / "run", device="cpu", cohort=tiny_cohort, quiet=True)
    adc = tiny_cohort.modalities["adc"].values[:3]
    made = load_model(run.path).sample(3, given={"adc": adc})
    assert np.allclose(made["adc"].numpy(), adc, atol=0.01)
    assert made["t2w"].shape == (3, 1, 16, 16)
