"""``anatomy``: which slices have malformed anatomy."""

import attrs
import numpy as np
import pytest
import torch
from scipy import ndimage

from gankit import Candidate, Cohort, Modality
from gankit_metrics._descriptors import described
from gankit_metrics._plausible import CAUSES, FAILING, Limits
from gankit_metrics._segmenter import _loss, _moved
from gankit_metrics._structures import Structures, halves, outlined
from gankit_metrics.anatomy import Anatomy

SIDES = (32, 32)
GLAND = Anatomy().gland
NAMES = ("malformed", *(f"malformed.{cause}" for cause in CAUSES), "real.malformed")


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def structures(small_real):
    """Those of the phantom."""
    return Structures.of(small_real, GLAND, SIDES)


@pytest.fixture(scope="module")
def seen(small_real, structures):
    """True segmentations of real slices, mirrored and moved, as described."""
    share = np.concatenate(list(_moved(structures.shares(small_real, SIDES), generator())))
    return described(share, structures.names, structures.zones)


@pytest.fixture(scope="module")
def limits(seen):
    """Of all of them."""
    return Limits.of(seen, np.ones(len(seen["gland/size"]), dtype=bool))


@pytest.fixture(scope="module")
def fresh(small_fresh, structures):
    """True segmentations of fresh patients."""
    return structures.shares(small_fresh.select(np.arange(0, len(small_fresh), 3)), SIDES)


@pytest.fixture(scope="module")
def broken(structures, limits):
    """By cause, the share of segmentations that are implausible by it, and ``any``."""

    def of(share):
        found = limits.broken(described(share, structures.names, structures.zones))
        return {cause: slices.mean() for cause, slices in found.items()} | {"any": np.any([*found.values()], 0).mean()}

    return of


def hard(likely):
    """Segmentations (N, K, H, W) from the number of a structure in each pixel (N, H, W)."""
    return np.stack([likely == number for number in range(7)], axis=1).astype(np.float32)


def gland_of(share, structures):
    return share[:, list(structures.zones)].sum(axis=1) > 0.5


def column(mask):
    """Middle of each mask along the last axis, (N, 1, 1)."""
    at = np.arange(mask.shape[-1])
    return ((mask * at).sum((1, 2)) / mask.sum((1, 2)).clip(1)).reshape(-1, 1, 1)


def row(mask):
    return column(mask.transpose(0, 2, 1))


def half_bladder(share, structures):
    """Nothing left of the bladder's right half, in slices with a bladder of some size."""
    bladder = share.argmax(axis=1) == structures.names.index("bladder")
    kept = bladder.sum((1, 2)) > 30
    gone = bladder & (np.arange(32) > column(bladder))
    return hard(np.where(gone, 0, share.argmax(axis=1)))[kept]


def cut_gland(share, structures):
    """Fat across the gland's middle."""
    gland = gland_of(share, structures)
    band = np.abs(np.arange(32)[:, None] - row(gland)) <= 1.5
    return hard(np.where(gland & band, 0, share.argmax(axis=1)))


def no_gland(share, structures):
    return hard(np.where(gland_of(share, structures), 0, share.argmax(axis=1)))


def two_glands(share, structures):
    """The gland once more, above its place."""
    likely = share.argmax(axis=1)
    above = np.roll(np.where(gland_of(share, structures), likely, -1), -13, axis=1)
    return hard(np.where(above >= 0, above, likely))


def swapped_zones(share, structures):
    order = np.arange(7)
    order[list(structures.zones)] = order[list(structures.zones)][::-1]
    return share[:, order]


def test_the_structures_of_the_phantom_are_large_and_lie_where_they_lay(structures):
    """Lesions, nodules and thin tissues are none."""
    assert structures.names == (
        "fat", "muscle", "bone", "bladder", "rectal content", "peripheral zone", "transition zone",
    )  # fmt: skip
    assert [structures.names[zone] for zone in structures.zones] == ["peripheral zone", "transition zone"]


def test_a_lesion_belongs_to_the_zone_in_which_it_lies():
    """And a pixel that is averaged from several belongs to them by their area."""
    tissue = np.array([[[0, 1, 1, 3, 1, 2, 2, 0]] * 2], dtype=np.uint8)
    cohort = Cohort(
        modalities={"t2w": Modality.of(np.zeros((1, 1, 2, 8)), channels="first")},
        labels={"cs": np.ones(1, dtype=np.int8)},
        patient=np.array(["a"]),
        split=np.array(["train"]),
        truth={"tissue": tissue},
        tissues=("outside", "one", "other", "lesion"),
    )
    share = Structures(("outside", "one", "other"), (0, 1, 2), (1, 2)).shares(cohort, (1, 4))
    assert share[0, :, 0].T.tolist() == [[0.5, 0.5, 0], [0, 1, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]]


def test_so_many_real_slices_break_a_limit_and_no_more(seen, limits):
    """By one cause or more, however the causes overlap."""
    assert 0.02 < np.any([*limits.broken(seen).values()], axis=0).mean() <= FAILING


def test_networks_that_disagree_are_averaged(limits):
    """A size at twice its limit in one view passes if the other views are in the middle."""
    by = {what: np.array([middle]) for what, middle in limits.middle.items()}
    far = by | {"area/fat": by["area/fat"] + 2 * limits.largest["area"] * limits.above["area/fat"]}
    assert [limits.broken(*views)["area"].item() for views in ((far,), (far, by, by), (far, far, by))] == [1, 0, 1]


def test_what_is_under_a_hundredth_of_the_picture_is_judged_by_its_size_alone():
    """Its place and shape say nothing; what is absent has no size."""
    likely = np.zeros((3, *SIDES))
    likely[:2, 8:24, 8:24], likely[1, 8:11, 8:11], likely[2, 0, 0] = 1, 2, 2
    found = described(hard(likely), range(7), (1,))
    assert found["area/2"].tolist() == pytest.approx([0, 3 / 32, 1 / 32])
    assert all(np.isnan(found[what]).all() for what in ("place/2 0", "shape/2 mirror", "unsure/2"))
    assert found["gland/size"].tolist() == [0.5, pytest.approx((247 / 1024) ** 0.5), 0]


def test_real_anatomy_passes(fresh, broken):
    """That of patients whom nobody has seen, also mirrored and moved by a pixel; limits of 120 patients are narrow."""
    assert broken(fresh)["any"] < 3 * FAILING
    assert broken(fresh[..., ::-1])["any"] < 3 * FAILING
    assert broken(np.roll(fresh, (1, -1), (2, 3)))["any"] < 3 * FAILING


@pytest.mark.parametrize(
    ("malform", "cause"),
    [
        (half_bladder, "shape"),
        (cut_gland, "gland"),
        (no_gland, "gland"),
        (no_gland, "area"),
        (two_glands, "gland"),
        (swapped_zones, "place"),
    ],
)
def test_malformed_anatomy_fails(malform, cause, fresh, structures, broken):
    """And the cause says what is wrong."""
    assert broken(malform(fresh, structures))[cause] > 0.9


def test_halves_of_different_slices_fail_more_often(fresh, broken):
    """Where their structures do not meet."""
    joined = np.where(np.arange(32) < 16, fresh, np.roll(fresh, 5, axis=0))
    assert broken(joined)["any"] > 5 * max(broken(fresh)["any"], 0.02)


def test_smeared_anatomy_is_unsure(fresh, broken):
    """The mean of two segmentations, and a blurred one."""
    assert broken((fresh + np.roll(fresh, 5, axis=0)) / 2)["unsure"] > 0.9
    assert broken(ndimage.gaussian_filter(fresh, (0, 0, 2, 2)))["unsure"] > 0.9


def test_what_real_slices_lack_may_be_absent(fresh, structures, broken):
    """Most have no bladder, and all have a rectum."""
    without = {name: fresh.copy() for name in ("bladder", "rectal content")}
    for name, share in without.items():
        share[:, 0] += share[:, structures.names.index(name)]
        share[:, structures.names.index(name)] = 0
    assert broken(without["bladder"])["area"] < 0.3
    assert broken(without["rectal content"])["area"] == 1


def test_volumes_are_described_too():
    """A ball in a box: its size, one piece, and its middle one radius from that of the other half of the gland."""
    z, y, x = np.indices((16, 16, 16)) - 7.5
    ball = (np.sqrt(z**2 + y**2 + x**2) < 5.3)[None]
    found = described(np.stack([~ball, ball & (x < 0), ball & (x > 0)], axis=1) * 1.0, ("out", "left", "right"), (1, 2))
    assert found["gland/size"] == pytest.approx((ball.sum() / 16**3) ** 0.5)
    assert found["gland/pieces"] == found["gland/mirror"] == 0
    assert found["place/right 0"] == pytest.approx(0)
    assert found["place/right 2"] == pytest.approx(3 / 8, rel=0.05)
    assert found["place/left 2"] == -found["place/right 2"]


def read(cohort, evaluation, metric):
    return {reading.name: reading for reading in metric.measure(Candidate(name="control", cohort=cohort), evaluation)}


def test_every_cause_is_a_reading(candidate, evaluation):
    """Shares of slices, none larger than the whole, and what real slices have."""
    readings = read(candidate.cohort, evaluation, Anatomy(width=1, steps=1))
    assert tuple(readings) == NAMES
    assert all(0 <= readings[f"malformed.{cause}"].value <= readings["malformed"].value <= 1 for cause in CAUSES)
    assert readings["real.malformed"].note == "150 real fresh slices with the label"


def test_limits_come_from_patients_that_the_network_has_not_seen(evaluation):
    """Both halves have patients with the label and patients without."""
    train = outlined(evaluation, GLAND)
    one, other = (train.select(half) for half in halves(train, evaluation))
    assert not set(one.patient) & set(other.patient)
    assert len(one) + len(other) == len(train)
    assert all(set(half.labels["cs"]) == {0, 1} for half in (one, other))


def test_outlines_of_the_gland_alone_are_enough(candidate, evaluation):
    """As in imported patients; slices without an outline are not used."""
    real, names = evaluation.real, ("not outlined", "gland")
    parts = [real.tissues.index(name) for name in ("peripheral zone", "transition zone", "anterior stroma")]
    tissue = np.isin(real.truth["tissue"], parts).astype(np.uint8)
    tissue[::5] = 0
    plain = attrs.evolve(evaluation, real=attrs.evolve(real, truth={"tissue": tissue}, tissues=names))
    assert len(outlined(plain, GLAND)) == tissue[real.split == "train"].any(axis=(1, 2)).sum()
    assert Structures.of(outlined(plain, GLAND), GLAND, SIDES) == Structures(names, (0, 1), (1,))
    readings = read(candidate.cohort, plain, Anatomy(width=1, steps=1))
    assert all(reading.value is not None for reading in readings.values())


def test_zones_count_as_gland_where_other_slices_show_the_whole(evaluation):
    """Half of the slices have zones in the ground truth, and half the gland."""
    real, names = evaluation.real, (*evaluation.real.tissues, "gland")
    parts = [names.index(name) for name in ("peripheral zone", "transition zone", "anterior stroma")]
    tissue = real.truth["tissue"].copy()
    tissue[::2][np.isin(tissue[::2], parts)] = names.index("gland")
    mixed = attrs.evolve(evaluation, real=attrs.evolve(real, truth={"tissue": tissue}, tissues=names))
    structures = Structures.of(outlined(mixed, GLAND), GLAND, SIDES)
    assert [structures.names[zone] for zone in structures.zones] == ["gland"]
    assert not np.isin(outlined(mixed, GLAND).truth["tissue"], parts).any()


def test_slices_of_both_labels_are_also_seen_as_they_are():
    """Those of a batch that are mixed are drawn, since a batch has one label after the other."""
    images = torch.cat([torch.ones(16, 1, 8, 8), -torch.ones(16, 1, 8, 8)])
    batches = []

    def network(batch):
        batches.append(batch)
        return torch.zeros(len(batch), 2, 8, 8)

    _loss(network, torch.zeros(1, dtype=int), generator(), images, torch.ones(32, 2, 8, 8) / 2)
    assert set(batches[0][16:].mean((1, 2, 3)).tolist()) == {1, -1}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"truth": {}}, "the real cohort has no ground truth 'tissue'"),
        ({"tissues": ("a", "b")}, "the ground truth 'tissue' has no part of the gland but a, b; name some in `gland`"),
        ({"labels": {"cs": np.zeros(448, dtype=np.int8)}}, "the real cohort lacks test slices with the label"),
    ],
)
def test_what_is_missing_is_said(candidate, evaluation, changes, why):
    """No reading has a value, and every note says why."""
    lacking = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, **changes), fresh=None)
    readings = read(candidate.cohort, lacking, Anatomy())
    assert tuple(readings) == NAMES
    for reading in readings.values():
        assert reading.value is None
        assert reading.note.startswith(why)
