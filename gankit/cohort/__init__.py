"""Cohorts: slices of many patients, their file, and how they are split, fitted to a recipe and shown."""
