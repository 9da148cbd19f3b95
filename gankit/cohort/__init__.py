"""Cohorts: slices of many patients, how they are split, fitted to a recipe and shown."""
