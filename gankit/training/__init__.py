"""Training: phases over batches, their state and checkpoints, and replayed steps on a GPU."""
