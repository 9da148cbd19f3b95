"""Metrics in feature spaces: their arithmetic against independent formulas, their contract, what they refuse."""

import hashlib
import sys
import warnings

import attrs
import numpy as np
import pytest
import torch
from pytest import approx
from scipy.linalg import sqrtm
from torch.nn import functional
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from gankit import Candidate, Draws, InputError, Modality, ModalitySpec
from gankit_metrics import _extractor, features
from gankit_metrics._features_diversity import window
from gankit_metrics._features_images import three_channels
from gankit_metrics._features_random import high_frequency_energy, random_features
from gankit_metrics._frechet import Fitted, KernelDistance, frechet, inception_score, mean_of_pairs
from gankit_metrics._manifold import Neighbourhoods, distances
from gankit_metrics._resampling import centred, drawn
from gankit_metrics._sides import Dealt, Sides, kernel_reading
from gankit_metrics._similarity import similarities
from gankit_metrics._training import applied

METRICS = [
    features.Inception,
    features.TaskFrechet,
    features.RandomFrechet,
    features.HighFrequency,
    features.Diversity,
    features.Memorisation,
]


def samples(count, size, seed=0, shift=0.0):
    numbers = np.random.default_rng(seed)
    return numbers.standard_normal((count, size)) @ numbers.standard_normal((size, size)) / np.sqrt(size) + shift


def readings(metric, candidate, evaluation):
    return {reading.name: reading for reading in metric.measure(candidate, evaluation)}


def with_values(candidate, change):
    """The candidate with ``change(name, values)`` in the place of each modality's values."""
    cohort = candidate.cohort
    modalities = {
        name: attrs.evolve(modality, values=change(name, modality.values.copy()))
        for name, modality in cohort.modalities.items()
    }
    return attrs.evolve(candidate, cohort=attrs.evolve(cohort, modalities=modalities))


# Arithmetic -----------------------------------------------------------------------------------------------


def frechet_by_formula(x_ND, y_MD):
    """With the matrix square root itself."""
    x_DD, y_DD = np.cov(x_ND, rowvar=False), np.cov(y_MD, rowvar=False)
    means = ((x_ND.mean(0) - y_MD.mean(0)) ** 2).sum()
    return means + np.trace(x_DD + y_DD - 2 * sqrtm(x_DD @ y_DD).real)


@pytest.mark.parametrize(("x_count", "y_count", "size"), [(300, 200, 12), (90, 70, 64), (40, 300, 12)])
def test_frechet_distance_is_that_of_the_matrix_square_root(x_count, y_count, size):
    """Eq. 6 of Heusel et al., float64, to 1e-6."""
    x_ND, y_MD = samples(x_count, size), samples(y_count, size, seed=1, shift=0.3)
    assert frechet(Fitted.of(x_ND), Fitted.of(y_MD)) == approx(frechet_by_formula(x_ND, y_MD), rel=1e-6)


def test_frechet_distance_is_the_same_through_features_and_through_samples():
    """With fewer samples than features the covariances are singular, and samples alone give the exact trace."""
    x_ND, y_MD = samples(20, 50), samples(30, 50, seed=1)
    through_features = frechet(
        Fitted(x_ND.mean(0), np.vstack([Fitted.of(x_ND).spread_ND, np.zeros((40, 50))])),
        Fitted(y_MD.mean(0), np.vstack([Fitted.of(y_MD).spread_ND, np.zeros((40, 50))])),
    )
    assert frechet(Fitted.of(x_ND), Fitted.of(y_MD)) == approx(through_features, rel=1e-6)


def test_a_sample_has_no_frechet_distance_from_itself():
    """Zero, up to rounding."""
    x_ND = samples(100, 16)
    assert frechet(Fitted.of(x_ND), Fitted.of(x_ND)) == approx(0, abs=1e-9)


def test_weights_count_samples_as_often_as_they_say():
    """A bootstrap by weights is the bootstrap by repetition."""
    x_ND, y_MD = samples(60, 5), samples(50, 5, seed=1)
    counts_N = np.random.default_rng(0).integers(0, 4, size=60)
    repeated = frechet(Fitted.of(np.repeat(x_ND, counts_N, axis=0)), Fitted.of(y_MD))
    assert frechet(Fitted.of(x_ND, counts_N.astype(float)), Fitted.of(y_MD)) == approx(repeated, rel=1e-9)


class Identity(torch.nn.Module):
    """Features that are given, for torchmetrics."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, x):
        return x


def test_torchmetrics_gives_the_same_frechet_distance():
    """An independent implementation, on the same features."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    x_ND, y_MD = samples(200, 24), samples(150, 24, seed=1, shift=0.2)
    theirs = FrechetInceptionDistance(feature=Identity(24))
    theirs.update(torch.from_numpy(y_MD), real=True)
    theirs.update(torch.from_numpy(x_ND), real=False)
    assert frechet(Fitted.of(x_ND), Fitted.of(y_MD)) == approx(float(theirs.compute()), rel=1e-6)


def test_kernel_distance_is_the_mean_over_pairs_of_different_samples():
    """Eq. 4 of Binkowski et al., pair by pair; torchmetrics agrees where both sides are equally many."""
    from torchmetrics.image.kid import KernelInceptionDistance

    x_ND, y_MD = samples(30, 6), samples(30, 6, seed=1, shift=0.5)

    def kernel(a, b):
        return (a @ b / 6 + 1) ** 3

    within = [np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]) for s in (x_ND, y_MD)]
    between = np.mean([kernel(a, b) for a in x_ND for b in y_MD])
    ours = KernelDistance.of(x_ND, y_MD).value()
    assert ours == approx(within[0] + within[1] - 2 * between, rel=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = KernelInceptionDistance(feature=Identity(6), subsets=1, subset_size=30)
    with torch.random.fork_rng(devices=[]):
        theirs.update(torch.from_numpy(y_MD), real=True)
        theirs.update(torch.from_numpy(x_ND), real=False)
        assert ours == approx(float(theirs.compute()[0]), rel=1e-6)


def test_a_sample_drawn_twice_is_not_compared_with_itself():
    """Else every replicate of the kernel distance would be too large."""
    kernel_NN = samples(4, 4)
    kernel_NN = kernel_NN + kernel_NN.T
    expected = (2 * kernel_NN[0, 1] + kernel_NN[0, 3] * 2 + kernel_NN[1, 3]) / 5
    assert mean_of_pairs(kernel_NN, np.array([[2.0, 1.0, 0.0, 1.0]]))[0] == approx(expected)


def test_inception_score_is_the_exponential_of_the_mean_divergence():
    """Salimans et al., Sec. 4, and torchmetrics in one split; 1 without variety, K at best."""
    from torchmetrics.image.inception import InceptionScore

    logit_NK = samples(80, 7)
    probability_NK = np.exp(logit_NK) / np.exp(logit_NK).sum(axis=1, keepdims=True)
    divergence_N = (probability_NK * np.log(probability_NK / probability_NK.mean(axis=0))).sum(axis=1)
    ours = inception_score(probability_NK)[0]
    assert ours == approx(np.exp(divergence_N.mean()), rel=1e-9)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        theirs = InceptionScore(feature=Identity(7), splits=1)
        theirs.update(torch.from_numpy(logit_NK))
        assert ours == approx(float(theirs.compute()[0]), rel=1e-6)
    assert inception_score(np.full((5, 4), 0.25))[0] == approx(1)
    assert inception_score(np.eye(4))[0] == approx(4)


def test_neighbourhoods_on_a_line():
    """Real at 0, 1, 2, 3, each 1 from the nearest other; candidates at 0.5, 0.6 and, far away, 9."""
    found = Neighbourhoods.of(np.array([[0.5], [0.6], [9.0]]), np.arange(4.0)[:, None], 1, 1)
    assert found.precision_N.tolist() == [1, 1, 0]
    assert found.density_N.tolist() == [2, 2, 0]
    assert found.coverage_M.tolist() == [1, 1, 0, 0]
    assert found.recall_M.tolist() == [0, 1, 1, 1]  # the candidates' own radii are 0.1, 0.1 and 8.4
    assert Neighbourhoods.of(np.array([[0.5], [2.0]]), np.arange(4.0)[:, None], 1, 1).recall_M.tolist() == [1, 1, 1, 1]


def test_the_distance_to_a_copy_is_exactly_zero():
    """Copies are found however large features are."""
    x_ND = 1e4 + samples(20, 8)
    assert (np.diag(distances(x_ND, x_ND.copy())) == 0).all()


# Equal counts and the bootstrap ---------------------------------------------------------------------------


@pytest.mark.parametrize(("candidates", "real", "parts", "count"), [(1000, 300, 3, 300), (200, 300, 1, 200)])
def test_sides_are_dealt_into_equal_counts(candidates, real, parts, count):
    """Parts are disjoint, of one size, and as many as there are candidates for."""
    dealt = Dealt.of(candidates, real, np.random.default_rng(0))
    assert [len(part) for part in dealt.parts] == [count] * parts
    assert len(np.unique(np.concatenate(dealt.parts))) == parts * count
    assert len(np.unique(dealt.real)) == count


def test_all_slices_of_a_patient_are_drawn_together(evaluation):
    """A replicate counts each slice as often as its patient."""
    cohort = evaluation.pool("train")
    weights_RN = drawn(cohort, evaluation, "test")
    for patient in np.unique(cohort.patient):
        of_patient = weights_RN[:, cohort.patient == patient]
        assert (of_patient == of_patient[:, :1]).all()
    assert len(np.unique(weights_RN[:, 0])) > 1


def test_an_interval_moved_by_its_bias_is_around_the_value():
    """Replicates that are all too large by one tell how far a figure varies all the same."""
    low, high = centred(np.random.default_rng(0).normal(6, 1, 2000), 5.0)
    assert low == approx(5 - 1.96, abs=0.15)
    assert high == approx(5 + 1.96, abs=0.15)


# Feature spaces -------------------------------------------------------------------------------------------


def test_the_interval_of_the_kernel_distance_is_around_it():
    """Slices of a patient who is drawn twice are compared with each other twice, which raises every replicate: here
    four slices of each of 40 patients hardly differ."""
    numbers = np.random.default_rng(0)
    x_ND, y_MD = (
        np.repeat(numbers.standard_normal((40, 4)), 4, axis=0) + 0.1 * numbers.standard_normal((160, 4)) for _ in "xy"
    )
    weights = [np.repeat(numbers.multinomial(40, np.full(40, 1 / 40), size=300), 4, axis=1).astype(float) for _ in "xy"]
    reading = kernel_reading(Sides(x_ND, y_MD, *weights, dealt=Dealt.of(160, 160, numbers)), "kid", "made-up features")
    low, high = reading.interval
    assert 0.2 < (reading.value - low) / (high - low) < 0.8


def test_the_task_extractor_is_trained_once(evaluation, candidate, monkeypatch):
    """Then it comes out of the cache with the same features, and global generators were left alone."""
    before = torch.get_rng_state()
    first = _extractor.task_extractor(evaluation)(candidate.cohort, evaluation)
    assert torch.equal(before, torch.get_rng_state())
    monkeypatch.setattr(_extractor, "_trained", None)
    again = _extractor.task_extractor(evaluation)(candidate.cohort, evaluation)
    assert first.shape == (len(candidate.cohort), 64)
    assert np.array_equal(first, again)


def test_task_features_tell_the_label_of_patients_never_seen(evaluation):
    """Fresh slices with and without lesions lie apart: a mean difference in features ranks them."""
    extractor = _extractor.task_extractor(evaluation)
    wanted, others = (extractor(evaluation.fresh_pool("test", value), evaluation) for value in (True, False))
    real, rest = (extractor(evaluation.pool("train", value), evaluation) for value in (True, False))
    direction = real.mean(0) - rest.mean(0)
    assert ((wanted @ direction)[:, None] > others @ direction).mean() > 0.7


@pytest.mark.parametrize("shape", [(1, 40), (2, 64, 64), (3, 20, 33), (1, 12, 12, 12), (1, 5, 5)])
def test_feature_networks_take_slices_of_any_rank_and_size(shape):
    """The task extractor's last layer and the random filters fit the shape."""
    x_NCS = Draws(0).uniform("images", 12, *shape)
    network = _extractor._Network(shape)
    assert applied(network.features, x_NCS).shape == (12, 64)
    assert len(random_features(x_NCS, 0)) == 12


def test_random_features_depend_on_their_seed_alone():
    """Two evaluations see the same filters."""
    x_NCS = Draws(0).uniform("images", 8, 1, 32, 32)
    assert np.array_equal(random_features(x_NCS, 3), random_features(x_NCS, 3))
    assert not np.allclose(random_features(x_NCS, 3), random_features(x_NCS, 4))


def test_high_frequencies_are_those_above_half_of_nyquist():
    """A wave of 12 pixels has almost none; one of 3 pixels keeps its windowed energy."""
    x = np.arange(48)
    slow, fast = (np.cos(2 * np.pi * x / length) * np.ones((1, 1, 48, 1)) for length in (12, 3))
    window_energy = (np.hanning(50)[1:-1] ** 2).mean() ** 2
    assert high_frequency_energy(fast)[0] == approx(window_energy / 2, rel=0.01)
    assert high_frequency_energy(slow)[0] < 1e-4 * high_frequency_energy(fast)[0]


@pytest.mark.parametrize(
    ("side", "expected"), [(256, (11, 5)), (176, (11, 5)), (175, (7, 5)), (64, (7, 4)), (32, (7, 3)), (8, (7, 2))]
)
def test_structural_similarity_has_as_many_scales_as_fit(side, expected):
    """The published 5 scales and 11 pixels from 176 pixels on."""
    assert window(side) == expected


@pytest.mark.parametrize("side", range(8, 200))
def test_structural_similarity_is_defined_at_every_size(side):
    """Torchmetrics wants the window to fit the coarsest scale, whose size it rounds down."""
    taps, scales = window(side)
    images = torch.zeros(1, 1, side, side)
    assert multiscale_structural_similarity_index_measure(
        images, images, kernel_size=taps, sigma=0.5, data_range=2.0, betas=(1 / scales,) * scales, normalize="relu"
    ) == approx(1.0)


@pytest.mark.parametrize("shape", [(4, 1, 64, 64), (3, 2, 33, 40), (3, 1, 180, 190), (3, 1, 8, 24, 20)])
def test_torchmetrics_gives_the_same_similarities(shape):
    """Pair by pair but for rounding in float32, for both windows, for several channels, and for volumes."""
    x_NCS = Draws(0).uniform("slices", *shape)
    x_NCS = ((x_NCS + x_NCS[:1] + np.linspace(0, 1, shape[-1], dtype=np.float32)) / 3).astype(np.float32)
    taps, scales = window(min(shape[2:]))
    exponents, sigma = (1 / scales,) * scales, 1.5 if taps == 11 else 0.8
    similarity_NN = similarities(x_NCS, exponents, taps, sigma)
    i, j = np.triu_indices(shape[0], 1)
    published_P = multiscale_structural_similarity_index_measure(
        *(torch.from_numpy(x_NCS[side]) for side in (i, j)), sigma=sigma, kernel_size=taps, reduction="none",
        data_range=2.0, betas=exponents, normalize="relu",
    )  # fmt: skip
    assert similarity_NN[i, j] == approx(published_P.numpy(), abs=1e-5)
    assert similarity_NN[j, i] == approx(published_P.numpy(), abs=1e-5)
    assert 0.05 < published_P.min() < published_P.max() < 0.95


# Inception ------------------------------------------------------------------------------------------------


class FakeInception(torch.nn.Module):
    """Called as the published network is: 48 features of coarse pixels, 5 classes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.from_numpy(np.random.default_rng(0).standard_normal((5, 48))).float())

    def forward(self, x, return_features: bool = False, no_output_bias: bool = False):
        features = functional.adaptive_avg_pool2d(x.float() / 128 - 1, [4, 4]).flatten(1)
        if return_features:
            return features
        return functional.softmax(functional.linear(features, self.last) + (0 if no_output_bias else 1), dim=1)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    """A TorchScript file, and its hash."""
    file = tmp_path_factory.mktemp("inception") / "fake.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(FakeInception()).save(file)
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def test_without_its_weights_inception_has_no_value_and_says_why(candidate, evaluation, monkeypatch):
    """Nothing is downloaded and nothing fails."""
    monkeypatch.delenv("GANKIT_INCEPTION", raising=False)
    found = readings(features.Inception(), candidate, evaluation)
    assert list(found) == ["pairs.fid", "adc.is", "t2w.is"]
    assert all(reading.value is None and "GANKIT_INCEPTION" in reading.note for reading in found.values())


def test_inception_figures_are_of_the_network_in_the_file(candidate, evaluation, inception_file, monkeypatch):
    """The whole path: file, hash, pictures, network, figures; the environment names the file as well as the option."""
    file, sha256 = inception_file
    found = readings(features.Inception(weights=file, sha256=sha256), candidate, evaluation)
    real = evaluation.pool("train")
    network = FakeInception()

    def embed(cohort, *modalities, **options):
        x_N3HW = torch.from_numpy(three_channels(cohort, evaluation, *modalities))
        return network(x_N3HW, **options).double().numpy()

    parts = Dealt.of(len(candidate.cohort), len(real), evaluation.draws("parts")).parts
    assert len(parts) == 2
    x_ND, y_MD = (embed(side, return_features=True) for side in (candidate.cohort, real))
    expected = np.mean([frechet_by_formula(x_ND[part], y_MD) for part in parts])
    assert found["pairs.fid"].value == approx(expected, rel=1e-5)
    p_NK = embed(candidate.cohort, "adc", no_output_bias=True)
    assert found["adc.is"].value == approx(np.mean([inception_score(p_NK[part])[0] for part in parts]), rel=1e-6)
    assert found["adc.is"].interval[0] < found["adc.is"].value < found["adc.is"].interval[1]
    monkeypatch.setenv("GANKIT_INCEPTION", str(file))
    assert readings(features.Inception(sha256=sha256), candidate, evaluation) == found


def test_a_file_of_another_hash_is_refused_unread(candidate, evaluation, inception_file):
    """TorchScript is code: the published hash is expected unless another is stated."""
    with pytest.raises(InputError, match=r"fake.pt: SHA-256 is [0-9a-f]{64}, accepted: f58cb9b6"):
        readings(features.Inception(weights=inception_file[0]), candidate, evaluation)


def test_a_file_that_is_not_there_or_not_torchscript_is_refused(candidate, evaluation, tmp_path):
    """One clear line each."""
    with pytest.raises(InputError, match=r"none.pt: no such file"):
        readings(features.Inception(weights=tmp_path / "none.pt"), candidate, evaluation)
    file = tmp_path / "text.pt"
    file.write_bytes(b"text")
    sha256 = hashlib.sha256(b"text").hexdigest()
    with pytest.raises(InputError, match=r"text.pt: not a TorchScript file"):
        readings(features.Inception(weights=file, sha256=sha256), candidate, evaluation)


def test_a_pair_becomes_three_channels(candidate, evaluation):
    """ADC, T2w and their mean; the range becomes 0 to 255; one modality is shown thrice."""
    picture = three_channels(candidate.cohort, evaluation)
    adc = candidate.cohort.modalities["adc"].values[:, 0].clip(0, 3000)
    assert picture.dtype == np.uint8
    assert abs(picture[:, 0] - np.round(adc / 3000 * 255)).max() <= 1
    assert abs(picture[:, 2] - picture[:, :2].mean(axis=1)).max() <= 1
    alone = three_channels(candidate.cohort, evaluation, "t2w")
    assert (alone == picture[:, 1:2]).all()


# The contract ---------------------------------------------------------------------------------------------


def spec_of(metric, inception_file):
    """The metric with options that suit a test."""
    file, sha256 = inception_file
    options = {features.Inception: {"weights": file, "sha256": sha256}, features.Diversity: {"slices": 16}}
    return metric(**options.get(metric, {}))


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_gives_the_same_readings_twice(metric, candidate, evaluation, inception_file):
    """Every value has an interval around it and a note; nothing global was drawn from."""
    spec = spec_of(metric, inception_file)
    state = torch.get_rng_state()
    found = readings(spec, candidate, evaluation)
    assert found == readings(spec, candidate, evaluation)
    assert torch.equal(state, torch.get_rng_state())
    for reading in found.values():
        assert np.isfinite(reading.value), reading
        assert reading.interval[0] <= reading.value <= reading.interval[1], reading
        assert reading.note, reading


@pytest.mark.parametrize("metric", METRICS)
def test_too_few_slices_give_no_value_and_the_reason(metric, candidate, evaluation, inception_file):
    """Two slices have no distribution; the same readings are named as for many."""
    spec = spec_of(metric, inception_file)
    few = attrs.evolve(candidate, cohort=candidate.cohort.select(np.arange(2)))
    found = readings(spec, few, evaluation)
    assert list(found) == list(readings(spec, candidate, evaluation))
    found.pop("exact.copies", None)  # a single slice may be a copy
    if metric is features.HighFrequency:  # a mean needs no more
        assert all(reading.value is not None for reading in found.values())
    else:
        assert all(reading.value is None and "needs" in reading.note for reading in found.values())


@pytest.mark.parametrize("metric", METRICS)
def test_nan_images_are_refused(metric, candidate, evaluation, inception_file):
    """The message names the slice."""
    spec = spec_of(metric, inception_file)
    spoiled = with_values(candidate, lambda name, values: values)
    for modality in spoiled.cohort.modalities.values():
        modality.values[:, 0, 4, 4] = np.nan
    with pytest.raises(InputError, match=r"NaN or infinite values.*, the first is slice 0 of patient"):
        readings(spec, spoiled, evaluation)


def test_without_slices_of_the_other_label_task_features_have_no_value(candidate, evaluation):
    """The extractor has nothing to tell apart; pixels need none."""
    real = evaluation.real
    only_wanted = attrs.evolve(evaluation, real=real.select((real.labels["cs"] == 1) | (real.split == "test")))
    assert all(
        reading.value is None and "cannot be learned" in reading.note
        for reading in features.TaskFrechet().measure(candidate, only_wanted)
    )
    found = readings(features.Memorisation(), candidate, only_wanted)
    assert found["features.ratio"].value is None
    assert found["pixels.ratio"].value is not None


def test_without_fresh_patients_the_test_split_is_held_out(candidate, evaluation):
    """The note says how few there are."""
    alone = attrs.evolve(evaluation, fresh=None)
    found = readings(features.Memorisation(), candidate, alone)
    assert "24 held-out slices (the test split)" in found["pixels.copies"].note
    assert found["pixels.ratio"].note.startswith("nearest of 24 each")


def test_inception_says_when_it_cannot_take_the_modalities(candidate, evaluation, inception_file):
    """Four channels make no picture."""
    values = np.repeat(candidate.cohort.modalities["adc"].values, 4, axis=1)
    spec = ModalitySpec(shape=(4, 32, 32), range=(0.0, 3000.0))
    wide = [
        attrs.evolve(
            cohort, modalities={"dce": Modality.of(values[np.arange(len(cohort)) % len(values)], channels="first")}
        )
        for cohort in (candidate.cohort, evaluation.real)
    ]
    other = attrs.evolve(evaluation, real=wide[1], fresh=None, modalities={"dce": spec})
    found = readings(
        features.Inception(weights=inception_file[0], sha256=inception_file[1]),
        Candidate(name="wide", cohort=wide[0]),
        other,
    )
    assert all("1 to 3 channels" in reading.note and reading.value is None for reading in found.values())


def test_a_missing_package_is_named(candidate, evaluation, monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "scipy.spatial.distance", None)
    with pytest.raises(InputError, match=r"needs scipy; pip install 'gankit\[metrics\]'"):
        readings(features.RandomFrechet(), candidate, evaluation)


def test_every_metric_is_registered(plugins):
    """Recipes and commands find them by name."""
    names = ["inception", "frechet", "random-frechet", "high-frequency", "diversity", "memorisation"]
    assert [plugins.registry.find(name, "metric") for name in names] == METRICS
