"""Evaluation: metrics of what a synthesizer makes, beside real slices, and their results."""
