"""The recipes whose slices come with the mask of the lesion, at sizes that train in moments."""

import numpy as np
import pytest

from gankit import AbstractAdversarialLoss, CohortError, Judging, evaluate, load_model, load_recipe, train
from gankit.testing import check_phase
from gankit_metrics._utility_training import Slices

TINY = {
    "mpmri": {},
    "mpmri-conditional": {
        "networks.noncs_latent_critic.width": 4,
        "networks.cs_critic.width": 4,
        "networks.noncs_critic.width": 4,
        "phases.supervised-noncs.start": 1,
        "phases.unsupervised-noncs.start": 1,
    },
}


@pytest.fixture(params=TINY)
def tiny(request, tiny_recipe):
    """Both recipes, small."""
    return tiny_recipe(request.param, **TINY[request.param])


@pytest.fixture
def conditional(tiny_recipe):
    """The one that a label is given."""
    name = "mpmri-conditional"
    return tiny_recipe(name, **TINY[name])


def test_their_phases_keep_their_promises(tiny):
    """The check that authors of plugins run."""
    for phase in tiny.phases:
        check_phase(phase, tiny)


def test_slices_come_with_masks_of_their_size(tiny, masked_cohort, tmp_path):
    """A synthetic cohort has the mask as ground truth, which is what segmentation trains on."""
    run = train(tiny, tmp_path / "run", device="cpu", cohort=masked_cohort, quiet=True)
    cohort = load_model(run.path).cohort(3)
    assert set(cohort.modalities) == {"adc", "t2w"}
    assert cohort.truth["lesion"].shape == (3, 16, 16)
    assert set(np.unique(cohort.truth["lesion"])) <= {0, 1}


def test_a_cohort_without_outlines_is_refused(tiny, tiny_cohort, tmp_path):
    """One line says which key asks for what, what there is, and both ways on; nothing is trained."""
    with pytest.raises(CohortError) as refused:
        train(tiny, tmp_path / "run", device="cpu", cohort=tiny_cohort, quiet=True)
    assert str(refused.value) == (
        "modalities.lesion.mask: the cohort has no ground truth 'lesion'; it has none; import outlines with the slices"
        " (gankit import), or begin with a recipe that makes no mask (gankit recipe list)"
    )


def test_images_follow_from_the_label_that_is_given(conditional, masked_cohort, tmp_path):
    """The same latents with and without cancer: labels are those asked for, and images differ."""
    model = load_model(train(conditional, tmp_path / "run", device="cpu", cohort=masked_cohort, quiet=True).path)
    cancer, none = (model.cohort(3, given={"cs": np.full(3, value)}) for value in (1, 0))
    assert cancer.labels["cs"].tolist() == [1, 1, 1]
    assert none.labels["cs"].tolist() == [0, 0, 0]
    assert not np.array_equal(cancer.modalities["adc"].values, none.modalities["adc"].values)


@pytest.mark.parametrize("name", ["mpmri-conditional", "mpmri-conditional-quick"])
def test_both_classes_have_the_same_training_after_the_warm_up(plugins, name):
    """As many steps, in turn, on the class's own slices and against them, by critics of its own."""
    named = {phase.name: phase for phase in load_recipe(name, (), plugins).phases}
    critics = []
    for task in ("supervised", "unsupervised"):
        cancer, none = named[task], named[f"{task}-noncs"]
        assert (cancer.pool, none.pool) == ("cs", "noncs")
        assert cancer.every == none.every > (none.start - cancer.start) > 0
        for phase in (cancer, none):
            judges = [term for term in phase.terms if isinstance(term, AbstractAdversarialLoss)]
            assert {term.against for term in judges} <= {None, phase.pool}
            critics += [term.critic for term in judges]
    assert len(set(critics)) == len(critics) == 4


def test_utility_adds_slices_of_both_classes_of_a_model_that_is_given_the_label(conditional, masked_cohort, tmp_path):
    """Both sides get slices of the model; of one that is given none, the side with the label alone."""
    path = train(conditional, tmp_path / "run", device="cpu", cohort=masked_cohort, quiet=True).path
    options = ("utility.shares=[100]", "utility.steps=1", "utility.repeats=1")
    judging = Judging(metrics="utility", options=options, label="cs", sets=1, per_set=8, replicates=20, device="cpu")
    seen, groups = [], Slices.groups
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Slices, "groups", lambda slices: (seen.append(slices), groups(slices))[1])
        evaluate(path, judging=judging, quiet=True)
    added = next(each for each in seen if each.added_wanted is not None)
    assert len(added.added_wanted) == len(added.added_other) == 8
    assert (added.added_wanted != added.added_other).any()
