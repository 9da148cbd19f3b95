"""Tuning: settings of a recipe are searched by a reading on validation slices. Test slices are not read."""
