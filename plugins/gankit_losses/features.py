"""Losses on features: ``feature-matching`` of sets, and ``perceptual`` of pairs."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from gankit import AbstractAdversarialLoss, AbstractFeatureLoss, AdversarialLoss, FeatureLoss, option


@attrs.frozen(kw_only=True)
class FeatureMatching(AbstractAdversarialLoss):
    """The feature matching of Salimans et al. 2016, "Improved techniques for training GANs" (arXiv:1606.03498,
    Sec. 3.1): the player makes the mean features of candidates those of references.

    It minimises ``|E f(x) - E f(x̂)|²`` as a mean over features, ``f`` the features of the critic, and means over all
    layers where the paper takes one. Expectations are over the global batch. It moves the players alone: another term
    trains the critic. References are unpaired; pairs are for ``perceptual``.
    """

    trains_critic: ClassVar[bool] = False
    needs_features: ClassVar[bool] = True

    def build(self) -> AdversarialLoss:
        from gankit_losses._features import MatchedMeans

        return MatchedMeans()  # type: ignore[return-value] # it trains no critic


@attrs.frozen(kw_only=True)
class Perceptual(AbstractFeatureLoss):
    """The feature reconstruction of Johnson et al. 2016, "Perceptual losses for real-time style transfer and
    super-resolution" (arXiv:1603.08155, Eq. 2), over any network of the recipe that gives features.

    ``mean over layers of |φ(x̂) - φ(x)|²``, a mean over channels and pixels of each layer, or of absolute differences.
    Features of candidates and their references to one unitless loss each, (B,). With a critic as the network and
    ``distance = "l1"`` it is the feature matching of pix2pixHD (Wang et al. 2018, arXiv:1711.11585, Eq. 4). A network
    that nothing trains keeps its first weights: those of a file, which ``[weights]`` names, or random ones, whose
    features still tell images apart.
    """

    distance: Literal["l2", "l1"] = option("l2", help="squared or absolute differences of features")

    def build(self) -> FeatureLoss:
        from gankit_losses._features import Difference

        return Difference(absolute=self.distance == "l1")
