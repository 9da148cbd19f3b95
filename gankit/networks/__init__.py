"""Networks: the modality graph as torch modules, and what networks are made of."""
