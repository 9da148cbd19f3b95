"""Metrics in feature spaces: how far synthetic slices are from real ones as distributions, and how varied they are.

Each compares with the real training slices that have the candidates' label, and each figure has a 95% interval from
patients drawn again. Figures that depend on how many slices there are, are computed on equal counts of both sides.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

import attrs

from gankit import AbstractMetric, Candidate, Evaluation, Reading, option
from gankit_metrics._planes import and_of_planes

PUBLISHED_SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
"""Of ``inception-2015-12-05.pt``, NVIDIA's TorchScript translation of the TensorFlow network."""

ENVIRONMENT = "GANKIT_INCEPTION"
"""Environment variable with the path of that file, for where the option gives none."""

FEATURES = "GANKIT_FEATURES"
"""Environment variable with the path of the weights of ``resnet-frechet``, for where the option gives none."""


@attrs.frozen(kw_only=True)
class Inception(AbstractMetric):
    """Inception score of each modality (Salimans et al. 2016, arXiv:1606.03498) and Frechet Inception distance of the
    pairs (Heusel et al. 2017, arXiv:1706.08500), with the network of published figures, trained on ImageNet
    (2015-12-05), as Wang et al. report them in Table II.

    The network is a local file, never downloaded; without it the readings have no value. A slice's range becomes 0 to
    255; a modality of one channel is shown thrice, a pair as (first, second, mean of both); the network itself resizes
    to 299 bilinearly. The score is over one split of as many candidates as there are real slices.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*.fid": (0.0, math.inf), "*.is": (1.0, math.inf)}

    weights: Path | None = option(
        None, help="inception-2015-12-05.pt, a TorchScript file; default: the environment's GANKIT_INCEPTION"
    )
    sha256: str = option(PUBLISHED_SHA256, help="SHA-256 that the file must have")

    def files(self) -> tuple[Path, ...]:
        """The file of the option, else of the environment; none where neither names one."""
        named = self.weights or os.environ.get(ENVIRONMENT)
        return (Path(named),) if named else ()

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_inception import measure

        return measure(self, candidate, evaluation)


@attrs.frozen(kw_only=True)
class ResNetFrechet(AbstractMetric):
    """Frechet distance (Heusel et al. 2017, arXiv:1706.08500, Eq. 6) and kernel distance (Binkowski et al. 2018,
    arXiv:1801.01401) between candidates and real training slices in the features of a residual network (He et al. 2016,
    arXiv:1512.03385) whose weights are a file of yours: of ImageNet, of RadImageNet, or of your own training.

    The file is safetensors, never downloaded and never pickled; without it the readings have no value. It has the
    tensors of a ResNet or ResNeXt by torchvision's names, from which depth and width follow; the last layer is not
    needed. From a ``.pth`` of such a network:

        from safetensors.torch import save_file
        save_file({name: t.contiguous() for name, t in torch.load("resnet50.pth").items()}, "resnet50.safetensors")

    A slice's range becomes 0 to 1; a modality of one channel is shown thrice, a pair as (first, second, mean of both).
    Readings: ``fd`` and ``kid`` of the pairs and of each modality. The note has the SHA-256 of the file: distances of
    two files are not compared. With more features than slices ``fd`` is biased up, ``kid`` is not. In a
    study of medical images, readers contradicted distances in RadImageNet's features (arXiv:2311.13717), so report
    another distance beside them.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*.fd": (0.0, math.inf)}

    weights: Path | None = option(None, help="safetensors file of a ResNet; default: the environment's GANKIT_FEATURES")
    size: int = option(224, ge=32, le=4096, help="to which both sides of a slice are resized")
    mean: tuple[float, float, float] = option(
        (0.485, 0.456, 0.406), help="of each channel in [0, 1], as the network was trained; default: ImageNet's"
    )
    deviation: tuple[float, float, float] = option((0.229, 0.224, 0.225), gt=0, help="standard deviations, likewise")

    def files(self) -> tuple[Path, ...]:
        """The file of the option, else of the environment; none where neither names one."""
        named = self.weights or os.environ.get(FEATURES)
        return (Path(named),) if named else ()

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_resnet import measure

        return measure(self, candidate, evaluation)


@attrs.frozen(kw_only=True)
class TaskFrechet(AbstractMetric):
    """Distances between candidates and real training slices in the features of a small network that has learned, on
    the real training slices, to tell the candidates' label from the rest: it sees what the label depends on, such as
    lesions, and needs no download.

    ``fd``: Frechet distance (Heusel et al. 2017, arXiv:1706.08500, Eq. 6). ``kid``: kernel distance (Binkowski et al.
    2018, arXiv:1801.01401). ``precision``, ``recall``: Kynkäänniemi et al. 2019 (arXiv:1904.06991). ``density``,
    ``coverage``: Naeem et al. 2020 (arXiv:2002.09797). ``kinds``: the Inception score's formula with kinds of real
    slices for classes: the real features' k-means clusters, one normal distribution of equal variance each; it is the
    number of kinds that the candidates spread over, and is to be near the real slices' own.

    The network knows the training slices it was trained on, so real slices of other patients have distances above 0
    as well: compare with theirs. ``random-frechet`` sees blur, noise and grids better.

    Of volumes, the same readings follow of their middle planes: ``axial.fd``, ``coronal.fd``, ``sagittal.fd`` and so
    on, each by a network that has learned from these planes.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "*fd": (0.0, math.inf),
        "*density": (0.0, math.inf),
        "*kinds": (1.0, math.inf),
        "*precision": (0.0, 1.0),
        "*recall": (0.0, 1.0),
        "*coverage": (0.0, 1.0),
    }

    neighbours: int = option(3, ge=1, le=10_000, help="size of the neighbourhoods of precision and recall")
    density_neighbours: int = option(5, ge=1, le=10_000, help="size of the neighbourhoods of density and coverage")
    kinds: int = option(10, ge=2, le=10_000, help="clusters of real slices")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_task import measure

        return and_of_planes(partial(measure, self), candidate, evaluation)


@attrs.frozen(kw_only=True)
class RandomFrechet(AbstractMetric):
    """Frechet distance, and recall of the pairs, in the features of a network that has learned nothing: mean and
    standard deviation of the responses of fixed random filters at three scales, each scaled to variance 1 over the
    real slices. It sees blur, noise and grids, but hardly lesions, which ``frechet`` sees. Random networks as
    feature spaces of generative models: Naeem et al. 2020 (arXiv:2002.09797, Sec. 3.3).

    There is one distance for the pairs and one for each modality alone. If the modalities of synthesized pairs do not
    belong together, only the distance of the pairs shows it.

    Of volumes, the same readings follow of their middle planes: ``axial.pairs.fd``, ``coronal.pairs.fd``,
    ``sagittal.pairs.fd`` and so on. Slices that were made one by one and stacked look right in the axial plane alone.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*.fd": (0.0, math.inf), "*.recall": (0.0, 1.0)}

    neighbours: int = option(3, ge=1, le=10_000, help="size of the neighbourhoods of recall")
    seed: int = option(0, ge=0, le=2**63 - 1, help="seed of the filters, apart from the evaluation's")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_random_readings import measure

        return and_of_planes(partial(measure, self), candidate, evaluation)


@attrs.frozen(kw_only=True)
class HighFrequency(AbstractMetric):
    """Energy of fine detail, at spatial frequencies above half of Nyquist's, over that of real training slices, for
    each modality: below 1 for blur, above 1 for noise or grids. Generators' spectra: Durall et al. 2020
    (arXiv:2003.01826)."""

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*": (0.0, math.inf)}

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_random_readings import measure_energy

        return measure_energy(candidate, evaluation)


@attrs.frozen(kw_only=True)
class Diversity(AbstractMetric):
    """Mean structural similarity between slices of different patients, for each modality (Odena et al. 2017,
    arXiv:1610.09585, Sec. 4.2). If a model repeats itself, it is higher than between real slices.

    Multi-scale SSIM (Wang et al. 2003) has 5 scales and a window of 11 pixels, for which slices under 176 pixels are
    too small; there the window is 7 pixels and there are as many scales as fit (3 at 32 pixels, 4 at 64), with the
    first scales' exponents scaled to sum 1. Negative similarities count as 0.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*": (0.0, 1.0)}

    slices: int = option(
        64, ge=2, le=10_000, help="slices drawn from each side, each of another patient; all pairs are compared"
    )

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_diversity import measure

        return measure(self, candidate, evaluation)


@attrs.frozen(kw_only=True)
class Memorisation(AbstractMetric):
    """Whether candidates repeat or betray the training slices, compared with held-out real slices of other patients:
    the fresh cohort's test split or, without a fresh cohort, the real test split.

    ``exact.copies``: share of candidates that are a training slice of any label, pixel by pixel but for rounding; 0 for
    real slices.

    ``moved.copies``: share of candidates closer to a training slice than 99% of held-out slices are, however the
    training slice is moved, by up to an eighth of the side, and mirrored; .01 for real slices. ``moved.patients``:
    share of training patients to whom some candidate is clearly closer, below 80% of the distance, than any candidate
    is to a held-out slice and any held-out slice to a training slice; 0 for real slices.

    Further readings in two spaces, the features of ``frechet`` and pixels averaged down to 8 or fewer along each axis:
    ``ratio``: mean distance from a candidate to the nearest training slice over that to the nearest held-out slice,
    equal counts of both, so that copies of more training slices than there are held-out ones are above 0; 1 for real
    slices, and no value where every candidate is a held-out slice itself.
    ``copies``: share of candidates closer to a training slice than 99% of held-out slices are; .01 for real slices,
    and more also for candidates without variety, whose nearest slices are near without being copied.
    ``membership``: area under the ROC curve of an attacker who takes real slices near a candidate for training slices
    (Hayes et al. 2019, arXiv:1705.07663; Chen et al. 2020, arXiv:1909.03935, the attack that has samples alone);
    1/2 where nothing is betrayed.

    The short table has ``exact.copies``, ``moved.copies``, ``features.copies`` and ``features.ratio``. All but the last
    are 1 for a model that copies, however many slices it has to copy.
    """

    headline: ClassVar[tuple[str, ...]] = ("exact.copies", "moved.copies", "features.copies", "features.ratio")
    audits: ClassVar[bool] = True
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*.ratio": (0.0, math.inf), "*": (0.0, 1.0)}

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._features_memorisation import measure

        return measure(candidate, evaluation)
