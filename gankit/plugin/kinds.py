"""The names of the kinds of component. ``gankit.plugin.components`` has their classes, which take longer to import."""

NETWORK_KINDS = ("encoder", "generator", "translator", "discriminator")
"""They share one namespace, since a recipe's ``use`` names no kind."""

KIND_NAMES = (*NETWORK_KINDS, "loss", "phase", "cohort", "metric")
"""In the order in which they are listed to people."""
