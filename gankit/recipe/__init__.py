"""Recipes: a TOML file, checked and completed, and the modality graph it describes."""
