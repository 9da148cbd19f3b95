"""Comparisons: several recipes and seeds are trained, measured, and tested against each other."""
