"""The physics: what the papers' equations say."""

import attrs
import numpy as np
import pytest
from gankit_dce.kinetics import HEMATOCRIT, Acquisition, arterial_plasma
from gankit_dce.translator import Tofts

EARLY = Tofts().acquisition()


def concentration(ktrans, ve, acquisition=EARLY):
    """mmol/L in tissue."""
    ktrans, ve = np.broadcast_arrays(np.asarray(ktrans, dtype=float), np.asarray(ve, dtype=float))
    return acquisition.concentration(ktrans, ve, acquisition.delays_min(), acquisition.doses(), np.exp)


def test_the_arterial_input_is_parkers():
    """The first pass peaks near 6 mmol/L in blood 10 s after injection (Parker et al. 2006, Fig. 2)."""
    t_min = np.linspace(0, 5, 3001)
    blood = arterial_plasma(t_min) * (1 - HEMATOCRIT)
    assert blood.max() == pytest.approx(6.0, abs=0.2)
    assert t_min[blood.argmax()] * 60 == pytest.approx(10.2, abs=0.3)
    assert blood[-1] == pytest.approx(1.05 * np.exp(-0.1685 * 5), rel=1e-3)


def test_the_integral_is_that_of_tofts():
    """One second is step enough: a step a hundred times finer gives the same to one in a thousand."""
    ktrans, ve, end_min = 0.4, 0.3, EARLY.after_s / 60
    t_min = np.linspace(0, end_min, 3001)
    curve = arterial_plasma(t_min) * np.exp(-ktrans / ve * (end_min - t_min))
    fine = ktrans * np.sum((curve[1:] + curve[:-1]) / 2) * (t_min[1] - t_min[0])
    assert concentration(ktrans, ve) == pytest.approx(fine, rel=1e-3)


def test_tissue_without_exchange_does_not_enhance():
    """Ktrans of zero lets nothing in."""
    assert concentration(0.0, 0.3) == 0
    assert EARLY.enhancement(np.zeros(3), np.exp).tolist() == pytest.approx([0, 0, 0])


def test_more_room_means_less_wash_out():
    """Concentration grows with ve, and with Ktrans as long as little has washed out."""
    assert (np.diff(concentration(0.3, np.linspace(0.05, 0.5, 20))) > 0).all()
    assert (np.diff(concentration(np.linspace(0.01, 0.1, 20), 0.5)) > 0).all()


def test_enhancement_follows_the_gradient_echo():
    """A saturating pulse of 90 degrees sees ``(1 - E) / (1 - E0)``: the equation worked out by hand."""
    saturating = attrs.evolve(EARLY, flip_deg=90.0)
    r1 = 1 / EARLY.t1_s + EARLY.relaxivity * 0.5
    by_hand = (1 - np.exp(-EARLY.repetition_s * r1)) / (1 - np.exp(-EARLY.repetition_s / EARLY.t1_s)) - 1
    assert saturating.enhancement(np.array(0.5), np.exp) == pytest.approx(by_hand)


def test_enhancement_grows_and_saturates():
    """More contrast agent, more signal, but each further mmol/L adds less."""
    enhancement = EARLY.enhancement(np.linspace(0, 5, 50), np.exp)
    assert (np.diff(enhancement) > 0).all()
    assert (np.diff(enhancement, 2) < 0).all()


def test_no_tissue_enhances_beyond_the_highest():
    """A thousand tissues at random stay below the bound, and one comes near."""
    numbers = np.random.default_rng(0)
    ktrans, ve = numbers.uniform(0, 0.5, 1000), numbers.uniform(0.02, 0.5, 1000)
    reached = EARLY.enhancement(concentration(ktrans, ve), np.exp)
    bound = EARLY.highest(0.5, 0.5)
    assert reached.min() >= 0
    assert 0.95 * bound < reached.max() <= bound


def test_a_later_image_sees_another_phase():
    """Leaky tissue with little room has washed in by half a minute, tissue with much room goes on."""
    late = Acquisition(**{**attrs.asdict(EARLY), "after_s": 120.0})
    assert concentration(0.5, 0.1, late) < concentration(0.5, 0.1)
    assert concentration(0.1, 0.5, late) > concentration(0.1, 0.5)
