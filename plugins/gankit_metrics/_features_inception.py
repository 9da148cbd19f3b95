"""Readings of ``inception``.

Letters: N slices, D features, K classes.
"""

from __future__ import annotations

import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading
from gankit_metrics import _inception
from gankit_metrics._features_images import no_pictures, three_channels
from gankit_metrics._frechet import inception_score
from gankit_metrics._resampling import centred
from gankit_metrics._sides import Sides, frechet_reading, too_few, without_value
from gankit_metrics.features import ENVIRONMENT, Inception

SPACE = "Inception-v3 features"


def measure(spec: Inception, candidate: Candidate, evaluation: Evaluation) -> list[Reading]:
    """See ``Inception``."""
    real = evaluation.pool("train")
    if files := spec.files():
        note = too_few(candidate.cohort, real) or no_pictures(real, evaluation)
    else:
        note = f"needs inception-2015-12-05.pt: set the option weights, or {ENVIRONMENT}, to the file"
    if note:
        scores = without_value(note, {f"{name}.is": "higher" for name in evaluation.modalities})
        return [*without_value(note, {"pairs.fid": "lower"}), *scores]
    network = _inception.load_inception(files[0], spec.sha256)
    scores = [_score(network, name, candidate.cohort, real, evaluation, spec) for name in evaluation.modalities]
    return [_distance(network, candidate.cohort, real, evaluation, spec), *scores]


def _distance(
    network: _inception.Inception, candidates: Cohort, real: Cohort, evaluation: Evaluation, spec: Inception
) -> Reading:
    x_ND = network.features(three_channels(candidates, evaluation))
    kept = evaluation.kept(
        "inception-features",
        {"sha256": spec.sha256.lower()},
        lambda: {"features": network.features(three_channels(real, evaluation))},
    )
    return frechet_reading(Sides.of(x_ND, kept["features"], candidates, real, evaluation), "pairs.fid", SPACE)


def _score(
    network: _inception.Inception, name: str, candidates: Cohort, real: Cohort, evaluation: Evaluation, spec: Inception
) -> Reading:
    x_NK = network.probabilities(three_channels(candidates, evaluation, name))
    y_MK = evaluation.kept(
        f"inception-{name}",
        {"sha256": spec.sha256.lower(), "modality": name},
        lambda: {"probabilities": network.probabilities(three_channels(real, evaluation, name))},
    )["probabilities"]
    sides = Sides.of(x_NK, y_MK, candidates, real, evaluation)
    parts, weights_RN = sides.dealt.parts, sides.x_weight_RN
    value = float(np.mean([inception_score(x_NK[part])[0] for part in parts]))
    replicates = np.mean([inception_score(x_NK[part], weights_RN[:, part]) for part in parts], axis=0)
    of_real = inception_score(y_MK[sides.dealt.real])[0]
    count = len(parts[0])
    return Reading(
        name=f"{name}.is",
        value=value,
        interval=centred(replicates, value),
        better="higher",
        note=f"one split of {count} slices, mean over {len(parts)}; real training slices: {of_real:.2f}"
        "; interval moved by its bootstrap bias",
    )
