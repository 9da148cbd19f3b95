"""The check of phases passes on those that we ship, and finds what is planted."""

import pytest

from gankit.testing import check_phase
from tests.testing.planted import Paired
from tests.testing.planted_phases import Phase
from tests.testing.planted_torch import PhaseImportsTorch


@pytest.mark.parametrize(
    ("recipe", "phase"),
    [
        ("mpmri", "warm-up"),
        ("mpmri", "supervised"),
        ("mpmri", "unsupervised"),
        ("cogan", "unsupervised"),
        ("costa", "supervised"),
        ("supervised", "supervised"),
    ],
)
def test_every_phase_keeps_its_promises(tiny_recipe, recipe, phase):
    """Each phase that a shipped recipe has passes."""
    tiny = tiny_recipe(recipe)
    (spec,) = [spec for spec in tiny.phases if spec.name == phase]
    check_phase(spec, tiny)


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        ("undeclared pool", "draws from pool 'cs', which its pools do not name"),
        ("undeclared use", "trains 'encoder', which is neither in the graph nor in its uses"),
        ("undeclared place", "makes candidates at 'latent', which its places do not name"),
        ("undeclared reference", "gives a reference at 't2w', which its references do not name"),
        ("idle player", "names player 't2w_translator', which the gradient of no term reaches"),
        ("global draws", "draws from a global random generator"),
        ("same at every step", "draws the same inputs at every step"),
        ("one process alone", "draws other values at 'adc' in two processes than in one"),
        ("presence of a share", "gives a presence at 'adc' that is not that of all processes' slices"),
        ("writes", "writes into its inputs"),
        ("draws a candidate", "draws from a global random generator"),
        ("meets others", "makes other candidates at 'latent' in two processes than in one"),
        ("unused", "names player 'encoder', which the gradient of no term reaches"),
    ],
)
def test_a_planted_defect_of_a_phase_is_found(tiny_recipe, plant, found):
    """The message is one line that says what is wrong."""
    with pytest.raises(AssertionError, match=f"^Phase: [^\n]*{found}"):
        check_phase(Phase(terms=(Paired(on=("adc",)),), plant=plant), tiny_recipe())


def test_a_phase_that_imports_torch_is_found(tiny_recipe):
    """As any spec: a recipe is checked without torch."""
    with pytest.raises(AssertionError, match=r"importing tests\.testing\.planted_torch imports torch"):
        check_phase(PhaseImportsTorch(terms=(Paired(on=("adc",)),)), tiny_recipe())


def test_without_a_defect_the_same_phase_passes(tiny_recipe):
    """What the check finds is the plant, not what it is planted in."""
    check_phase(Phase(terms=(Paired(on=("adc",)),)), tiny_recipe())
