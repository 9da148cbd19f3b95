"""Runs: the directory of a run, the model it leaves, and what is made with one."""
