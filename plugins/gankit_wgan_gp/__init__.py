"""Wasserstein critics with gradient penalty and the unsupervised phase of Wang et al., Eqs. 4 to 6.

The loss is that of Gulrajani et al. 2017, "Improved training of Wasserstein GANs" (arXiv:1704.00028).
"""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("discriminator", "conv-critic", "gankit_wgan_gp.critic:ConvCritic")
    registry.add("loss", "wgan-gp", "gankit_wgan_gp.losses:WassersteinGradientPenalty")
    registry.add("phase", "synthesize", "gankit_wgan_gp.phase:Synthesize")
