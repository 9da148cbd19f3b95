"""Adversarial latent shaping and the supervised phase of Wang et al., Eqs. 1 to 3.

Shaping follows Makhzani et al. 2016, "Adversarial autoencoders" (arXiv:1511.05644).
"""

from gankit import Registry, hookimpl


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("encoder", "conv-encoder", "gankit_aae.encoder:ConvEncoder")
    registry.add("discriminator", "mlp-critic", "gankit_aae.latent_critic:MlpCritic")
    registry.add("loss", "l2", "gankit_aae.losses:L2")
    registry.add("loss", "l1", "gankit_aae.losses:L1")
    registry.add("loss", "band-l2", "gankit_aae.losses:BandL2")
    registry.add("loss", "aae", "gankit_aae.losses:AdversarialLatent")
    registry.add("phase", "reconstruct", "gankit_aae.phase:Reconstruct")
