"""The measures of a training: keys of rows of ``metrics.jsonl`` whose numbers are taken at each sample sheet."""

HEALTH = "health/"
"""Begin of every key."""

MOVED = f"{HEALTH}moved/"
"""Before a network: distance of its weights from its first ones, as a share of their norm."""
SLOPE = f"{HEALTH}slope/"
"""Before ``PHASE.TERM``: mean norm of the critic's gradient between references and candidates."""
LATENT_MEAN = f"{HEALTH}latent/mean"
"""Mean of encodings of real slices in a dimension of the latent, root mean square over dimensions; 0 in the prior."""
LATENT_DEVIATION = f"{HEALTH}latent/deviation"
"""Standard deviation of encodings of real slices in a dimension, root mean square over dimensions; 1 in the prior."""
VARIED = f"{HEALTH}varied/"
"""Before a modality: median distance of samples to the nearest other one, as a share of that of real slices."""
NEW = f"{HEALTH}new/"
"""Before a modality: median distance of samples to the nearest slice of the training set, as a share of that of real
slices to the nearest one of another patient."""
