"""The names of the kinds of component. Their classes are in ``gankit.plugin.components``, whose import takes longer."""

NETWORK_KINDS = ("encoder", "generator", "translator", "discriminator")
"""Kinds of network. They share one namespace, since a recipe's ``use`` names no kind."""

KIND_NAMES = (*NETWORK_KINDS, "sampler", "loss", "augmentation", "phase", "optimizer", "schedule", "cohort", "metric")
"""All kinds, in the order in which they are listed to people."""
