"""Training: phases over batches, resumed, recorded and replayed."""
