"""``radiomics-frechet``, and the features that it rests on."""

from itertools import groupby
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from scipy import ndimage

from gankit import Candidate, Evaluation
from gankit_metrics._radiomics import radiomics
from gankit_metrics._radiomics_textures import cooccurrences, dependences, runs, textures, tone_differences, zones
from gankit_metrics._segmenter import Seen
from gankit_metrics.anatomy import Anatomy
from gankit_metrics.radiomics import RadiomicsFrechet

WIDTH = 2.5
OTHER_NAMES = {
    "SizeZoneNonUniformity": "ZoneSizeNonUniformity",
    "SizeZoneNonUniformityNormalized": "ZoneSizeNonUniformityNormalized",
    "ZoneVariance": "ZoneSizeVariance",
}
"""Names of PyRadiomics that numpyradiomics has in another form."""


def smooth(shape, seed):
    """Intensities of the size of tens, and a region with holes."""
    numbers = np.random.default_rng(seed)
    x = ndimage.gaussian_filter(numbers.standard_normal(shape), 1.5) * 120
    return x, numbers.random(shape) < 0.85


@pytest.mark.parametrize("shape", [(24, 20), (9, 8, 7)], ids=["2-D", "3-D"])
def test_features_are_those_of_numpyradiomics(shape):
    """An implementation of PyRadiomics' definitions by others. Its runs fail in 2-D and mix up axes in 3-D; they are
    counted by hand below."""
    others = pytest.importorskip("numpyradiomics", reason="numpyradiomics is not installed")
    kinds = ("firstorder", "glcm", "glszm", "gldm", "ngtdm")
    x, region = smooth((3, *shape), seed=len(shape))
    found = radiomics(x, region, WIDTH)
    for n in range(3):
        for kind in kinds:
            expected = getattr(others, kind)(x[n], region[n], binWidth=WIDTH)
            names = [name.removeprefix(f"{kind}_") for name in found if name.startswith(f"{kind}_")]
            assert len(names) == {"firstorder": 17, "glcm": 24, "glszm": 16, "gldm": 14, "ngtdm": 5}[kind]
            for name in names:
                one = expected[OTHER_NAMES.get(name, name)]
                assert found[f"{kind}_{name}"][n] == pytest.approx(one, rel=1e-9, abs=1e-12), name


def lines(level):
    """Levels along rows, columns and both diagonals of a picture, line by line."""
    height, width = level.shape
    diagonals = range(-height + 1, width)
    yield [*level]
    yield [*level.T]
    yield [level.diagonal(k) for k in diagonals]
    yield [level[:, ::-1].diagonal(k) for k in diagonals]


def test_runs_are_what_one_counts_along_lines():
    """The mean over four directions of each direction's figure."""
    level = np.random.default_rng(0).integers(0, 4, (7, 9))
    parts = []
    for direction in lines(level):
        found = [(int(value), len(list(run))) for line in direction for value, run in groupby(line) if value]
        size = np.array([run for _, run in found], dtype=float)
        value = np.array([one for one, _ in found], dtype=float)
        lengths, levels = (np.unique(of, return_counts=True)[1] for of in (size, value))
        share = np.unique(np.array(found), axis=0, return_counts=True)[1] / len(found)
        parts.append(
            {
                "ShortRunEmphasis": (1 / size**2).mean(),
                "LongRunEmphasis": (size**2).mean(),
                "LowGrayLevelRunEmphasis": (1 / value**2).mean(),
                "HighGrayLevelRunEmphasis": (value**2).mean(),
                "ShortRunLowGrayLevelEmphasis": (1 / value**2 / size**2).mean(),
                "ShortRunHighGrayLevelEmphasis": (value**2 / size**2).mean(),
                "LongRunLowGrayLevelEmphasis": (size**2 / value**2).mean(),
                "LongRunHighGrayLevelEmphasis": (size**2 * value**2).mean(),
                "GrayLevelNonUniformity": (levels**2).sum() / len(found),
                "GrayLevelNonUniformityNormalized": (levels**2).sum() / len(found) ** 2,
                "RunLengthNonUniformity": (lengths**2).sum() / len(found),
                "RunLengthNonUniformityNormalized": (lengths**2).sum() / len(found) ** 2,
                "GrayLevelVariance": value.var(),
                "RunVariance": size.var(),
                "RunEntropy": -(share * np.log2(share)).sum(),
                "RunPercentage": len(found) / (level > 0).sum(),
            }
        )
    expected = {name: np.mean([part[name] for part in parts]) for name in parts[0]}
    assert {name: values[0] for name, values in runs(level[None]).items()} == pytest.approx(expected)


def test_a_slice_does_not_depend_on_those_beside_it():
    """Features are of single slices, however many are computed together."""
    x, region = smooth((200, 8, 8), seed=0)
    together, alone = radiomics(x, region, WIDTH), radiomics(x[150:151], region[150:151], WIDTH)
    assert {name: values[150] for name, values in together.items()} == pytest.approx(
        {name: values[0] for name, values in alone.items()}
    )


def test_an_offset_by_whole_levels_changes_no_texture():
    """The lowest level of a region is 1."""
    x, region = smooth((4, 12, 12), seed=0)
    one, other = radiomics(x, region, WIDTH), radiomics(x + 40 * WIDTH, region, WIDTH)
    for name in one:
        if not name.startswith("firstorder_"):
            np.testing.assert_allclose(one[name], other[name])


@pytest.mark.parametrize("region", [np.ones((1, 6, 6), int), np.eye(6, dtype=int)[None, :1], np.zeros((1, 6, 6), int)])
def test_a_region_of_one_level_or_of_one_pixel_has_finite_features(region):
    """Where nothing varies, what a texture would say has its limit."""
    region = region.copy()
    region[0, 0, 0] = 1
    found = textures(region)
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["glcm_JointEnergy"] == found["glcm_Correlation"] == found["glcm_MCC"] == 1
    assert found["glcm_Contrast"] == found["glcm_JointEntropy"] == 0
    assert found["ngtdm_Coarseness"] == 1e6
    assert found["glszm_ZonePercentage"] == pytest.approx(1 / (region > 0).sum())


def test_known_textures_have_known_figures():
    """Two halves of a picture: two zones, and neighbours differ along one border alone."""
    level = np.repeat([[1, 1, 2, 2]], 4, axis=0)[None]
    assert zones(level)["LargeAreaEmphasis"] == 64
    assert zones(level)["ZoneEntropy"] == pytest.approx(1)
    horizontal, vertical, diagonal = 4 / 12, 0, 3 / 9
    assert cooccurrences(level)["Contrast"] == pytest.approx(np.mean([horizontal, vertical, diagonal, diagonal]))
    assert dependences(level)["LargeDependenceEmphasis"] == pytest.approx((8 * 4**2 + 8 * 6**2) / 16)
    across = 2 * (2 * 2 / 5 + 2 * 3 / 8) / 16  # of the neighbours in the two inner columns, whose ends have 5, others 8
    assert tone_differences(level)["Contrast"] == pytest.approx(0.25 * across)


# The distance ---------------------------------------------------------------------------------------------


def distances(evaluation, cohort):
    """Readings by name."""
    found = RadiomicsFrechet(steps=100).measure(Candidate(name="x", cohort=cohort), evaluation)
    return {reading.name: reading for reading in found}


@pytest.fixture(scope="module")
def floor(evaluation, controls):
    """Of fresh real slices."""
    return distances(evaluation, controls["right"])


@pytest.mark.parametrize("control", ["blurred", "with a grid", "without the label"])
def test_what_is_wrong_is_further_away_than_fresh_slices(evaluation, controls, floor, control):
    """Texture, and what the gland contains."""
    found = distances(evaluation, controls[control])
    least = {"blurred": 10, "with a grid": 10, "without the label": 1.3}[control]
    assert found["adc.fd"].value > least * floor["adc.fd"].value


def test_fresh_slices_have_a_small_distance_with_an_interval(floor):
    """It is that of finite samples, in variances of real features."""
    for reading in floor.values():
        low, high = reading.interval
        assert 0 <= low <= reading.value <= high
        assert "92 features" not in reading.note


def test_two_metrics_segment_the_candidates_once(evaluation, controls, monkeypatch):
    """``anatomy`` and this one look at what the same networks see, where their options are the same."""
    looked = []

    def seen(images):
        looked.append(len(images))
        return Seen(gland=np.zeros((len(images), *images.shape[2:]), dtype=bool), broken={})

    monkeypatch.setattr(Anatomy, "segmenter", lambda *_: SimpleNamespace(seen=seen))
    candidate = Candidate(name="x", cohort=controls["right"])
    for steps, times in ((5, 1), (5, 1), (6, 2)):
        assert {reading.value for reading in RadiomicsFrechet(steps=steps).measure(candidate, evaluation)} == {None}
        Anatomy(steps=steps).seen(candidate, evaluation)
        assert looked == [len(candidate.cohort)] * times


def test_slices_without_a_gland_are_left_out_and_counted(evaluation, controls):
    """Blank slices have none; where nothing else is there, the distance has no value."""
    cohort = controls["right"].select(np.arange(60))
    blank = np.arange(60) < 20

    def emptied(modality):
        values = modality.values.copy()
        values[blank] = 0
        return attrs.evolve(modality, values=values)

    part = attrs.evolve(cohort, modalities={name: emptied(of) for name, of in cohort.modalities.items()})
    assert "; 20 candidates without a gland" in distances(evaluation, part)["adc.fd"].note
    nothing = distances(evaluation, part.select(blank))["adc.fd"]
    assert nothing.value is None
    assert nothing.note == "needs at least 10 slices with a gland on each side; the candidate has 0"


def test_without_outlines_there_is_no_value(evaluation: Evaluation, candidate):
    """The note says what is lacking."""
    bare = attrs.evolve(evaluation, real=attrs.evolve(evaluation.real, truth={}, tissues=()))
    for reading in RadiomicsFrechet().measure(candidate, bare):
        assert reading.value is None
        assert reading.note == "the real cohort has no ground truth 'tissue'"
