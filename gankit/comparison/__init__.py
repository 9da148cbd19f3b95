"""Comparisons: several recipes and seeds trained, measured and tested against each other."""
