"""Runs: the directory of a run, its trained model, and what is made with a model."""
