"""The phantom's volumes: one gland a patient, consistent from plane to plane."""

import numpy as np
import pytest
from click.testing import CliRunner

from gankit import CohortError, read_cohort
from gankit.cli import main
from gankit.testing import check_cohort_source
from gankit_phantom import _cohort
from gankit_phantom._volume import Planes, VolumeDraws
from gankit_phantom.source import Phantom

COUNTS = {
    "patients_cs": 8, "patients_noncs": 6, "train_cs": 7, "train_noncs": 7, "test_cs": 3, "test_noncs": 2,
}  # fmt: skip
VOLUMES = Phantom(size=32, depth=16, seed=5, **COUNTS)
"""10 CS volumes of 8 patients, 9 others of 6: some patients have two."""


@pytest.fixture(scope="module")
def cohort():
    return VOLUMES.load()


def labelled(cohort, value):
    return np.flatnonzero(cohort.labels["cs"] == value)


def test_a_volume_has_planes_and_their_distance(cohort):
    """(N, C, D, H, W), with the truth of each voxel, 70 mm / size in the plane and 72 mm / depth across."""
    assert {name: modality.values.shape for name, modality in cohort.modalities.items()} == dict.fromkeys(
        ("adc", "t2w", "dce"), (19, 1, 16, 32, 32)
    )
    assert {name: truth.shape for name, truth in cohort.truth.items()} == dict.fromkeys(
        ("tissue", "lesion"), (19, 16, 32, 32)
    )
    assert set(cohort.slice_spacing_mm) == {4.5}
    assert set(cohort.spacing_mm) == {np.float32(70 / 32)}


def test_volumes_keep_the_promises_of_a_cohort_source(monkeypatch):
    """The same twice, valid, and fresh volumes are of others."""
    monkeypatch.setattr(_cohort, "FRESH_VOLUMES", 6)
    monkeypatch.setattr(_cohort, "FRESH_TEST_VOLUMES", 3)
    check_cohort_source(VOLUMES)
    fresh = VOLUMES.fresh()
    assert [(fresh.split == "train").sum(), (fresh.split == "test").sum()] == [7, 6]


def test_neighbouring_planes_are_alike(cohort):
    """Images of neighbours correlate more than planes three apart, and more than those of another patient."""
    volumes = cohort.modalities["t2w"].values[:, 0]

    def correlation(one, other):
        return np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)])

    near = correlation(np.concatenate(volumes[:, 1:]), np.concatenate(volumes[:, :-1]))
    apart = correlation(np.concatenate(volumes[:, 3:]), np.concatenate(volumes[:, :-3]))
    others = correlation(np.concatenate(volumes[:8]), np.concatenate(volumes[8:16]))
    assert near > 0.85
    assert near > apart + 0.05
    assert near > others + 0.15


def test_the_gland_begins_and_ends_within_the_volume(cohort):
    """Its section grows from nothing, is one piece along the planes, and closes again."""
    zones = [cohort.tissues.index(name) for name in ("peripheral zone", "transition zone")]
    area_ND = np.isin(cohort.truth["tissue"], zones).sum(axis=(2, 3))
    assert not area_ND[:, [0, -1]].any()
    for area_D in area_ND:
        shown = np.flatnonzero(area_D > 20)
        assert len(shown) >= 6
        assert np.diff(shown).max() == 1
        steps = np.abs(np.diff(area_D[shown[0] : shown[-1] + 1]))
        assert steps.max() < 0.7 * area_D.max()


def test_a_lesion_is_a_body_in_space(cohort):
    """Each CS volume has one, in some planes next to each other and not in all; other volumes have none."""
    lesion_NDHW = cohort.truth["lesion"]
    assert not lesion_NDHW[labelled(cohort, 0)].any()
    for lesion_DHW in lesion_NDHW[labelled(cohort, 1)]:
        assert 1 <= lesion_DHW.any(axis=(1, 2)).sum() <= 10
    thick = [volume.any(axis=(1, 2)).sum() for volume in lesion_NDHW[labelled(cohort, 1)]]
    assert np.mean(thick) >= 2


def test_volumes_of_one_patient_differ_by_noise_alone(cohort):
    """One gland and one set of findings; another scan."""
    names, first, counts = np.unique(cohort.patient, return_index=True, return_counts=True)
    twice = np.flatnonzero(counts > 1)
    assert len(twice)
    for i in twice:
        one, other = np.flatnonzero(cohort.patient == names[i])[:2]
        np.testing.assert_array_equal(cohort.truth["tissue"][one], cohort.truth["tissue"][other])
        assert not np.array_equal(cohort.modalities["t2w"].values[one], cohort.modalities["t2w"].values[other])
    assert len({truth.tobytes() for truth in cohort.truth["tissue"][first]}) == 14


def test_the_first_planes_are_at_the_feet():
    """The pubic bone, seen near the apex, is in low planes; the bladder, above the base, in high ones."""
    cohort = Phantom(size=32, depth=12, **COUNTS).load()
    planes = np.arange(12)[None, :]

    def height(tissue):
        area_ND = (cohort.truth["tissue"] == cohort.tissues.index(tissue)).sum(axis=(2, 3))
        return (area_ND * planes).sum() / area_ND.sum()

    assert height("bladder") > 7
    gland = height("peripheral zone")
    front = (cohort.truth["tissue"][:, :, :4, 12:20] == cohort.tissues.index("bone")).sum(axis=(2, 3))
    assert (front * planes).sum() / front.sum() < gland < height("bladder")


def test_what_drifts_from_plane_to_plane_keeps_its_spread():
    """Draws of unit variance stay so in every plane, and neighbours are close."""
    planes = Planes(12, 3.0, 1.0)
    drawn = np.stack(
        [VolumeDraws(np.random.default_rng(seed), planes).standard_normal((12, 5)) for seed in range(2000)]
    )
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.07)
    assert np.corrcoef(drawn[:, 4, 0], drawn[:, 5, 0])[0, 1] > 0.98
    assert abs(np.corrcoef(drawn[:, 4, 0], drawn[:, 4, 1])[0, 1]) < 0.07


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slice_spacing_mm": 3.0}, "slice_spacing_mm is of volumes; give a depth too"),
        ({"depth": 12, "anatomy": "maps.npz"}, "label maps of an anatomy are slices, not volumes"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    """Nothing given is silently unused."""
    with pytest.raises(CohortError, match=message):
        Phantom(**options).load()


def test_the_command_draws_volumes(tmp_path):
    """To a cohort file that says the distance of planes."""
    counts = [f"--{name.replace('_', '-')}=2" for name in ("train_cs", "train_noncs", "test_cs", "test_noncs")]
    out = tmp_path / "volumes.safetensors"
    words = ["phantom", "--depth=8", "--slice-spacing-mm=6", "--size=32", *counts, "-o", str(out)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "8 volumes of 8 patients" in result.output
    assert set(read_cohort(out).slice_spacing_mm) == {6.0}
    assert "slice spacing: 6 to 6 mm" in CliRunner().invoke(main, ["cohort", "info", str(out)]).output


@pytest.mark.parametrize(
    ("asked", "patients"),
    [
        (["--depth=8"], 8),
        (["--depth=8", "--patients-cs=2"], 6),
        (["--patients-cs=2", "--patients-noncs=3"], 5),
        (["--depth=8", "--neighbours=1", "--patients-cs=2", "--patients-noncs=2"], 4),
    ],
)
def test_the_command_draws_one_volume_a_patient_unless_told(tmp_path, asked, patients):
    """Of slices and slabs as many patients as asked for."""
    counts = [f"--{name.replace('_', '-')}=2" for name in ("train_cs", "train_noncs", "test_cs", "test_noncs")]
    result = CliRunner().invoke(main, ["phantom", "--size=32", *counts, *asked, "-o", str(tmp_path / "c.safetensors")])
    assert f"of {patients} patients" in result.output, result.output
