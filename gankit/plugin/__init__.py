"""Plugins: hooks, the registry, the abstract kinds of component and their options."""
