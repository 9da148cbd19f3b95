"""Names and texts of recipes that the tests of this folder share."""

SHIPPED = [
    "adc-only",
    "adc-only-quick",
    "cogan",
    "cogan-quick",
    "cogan-wgan-gp",
    "costa",
    "costa-quick",
    "cyclegan",
    "cyclegan-quick",
    "flow",
    "flow-quick",
    "mpmri",
    "mpmri-3d",
    "mpmri-3d-quick",
    "mpmri-conditional",
    "mpmri-conditional-quick",
    "mpmri-dce",
    "mpmri-dce-quick",
    "mpmri-demo",
    "mpmri-no-auxiliary",
    "mpmri-no-auxiliary-quick",
    "mpmri-no-masks",
    "mpmri-no-masks-quick",
    "mpmri-paper",
    "mpmri-paper-quick",
    "mpmri-quick",
    "mpmri-slabs-quick",
    "pix2pix",
    "pix2pix-quick",
    "supervised",
    "supervised-quick",
]
"""The recipes that plugins ship."""

ADC_ONLY = """
name = "small"
cohort = { use = "file", path = "cohort.safetensors" }
pools.cs = { label = "cs" }
latent.dim = 8
modalities.adc = { shape = [1, 16, 16], range = [0, 3000] }
networks.decoder = { use = "stitch-decoder", width = 4 }
networks.critic = { use = "conv-critic", width = 4 }
synthesizer.adc = { network = "decoder", from = "latent" }
training.steps = 10

[[phases]]
use = "synthesize"
terms = [{ use = "wgan-gp", on = "adc", critic = "critic", against = "cs" }]
"""
"""The smallest recipe: one modality, one critic."""
