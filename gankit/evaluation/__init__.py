"""Evaluation: measuring a synthesizer beside real slices, and what came of it."""
