"""Losses of the field beside those of Wang et al.: with critics, on features, of critics alone, and of masks."""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("loss", "hinge", "gankit_losses.adversarial:Hinge")
    registry.add("loss", "least-squares", "gankit_losses.adversarial:LeastSquares")
    registry.add("loss", "relativistic", "gankit_losses.adversarial:Relativistic")
    registry.add("loss", "feature-matching", "gankit_losses.features:FeatureMatching")
    registry.add("loss", "perceptual", "gankit_losses.features:Perceptual")
    registry.add("loss", "lecam", "gankit_losses.regularisers:LeCam")
    registry.add("loss", "consistency", "gankit_losses.regularisers:Consistency")
    registry.add("loss", "dice", "gankit_losses.masks:Dice")
