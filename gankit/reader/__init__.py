"""Reader studies: pages on which people judge real and synthetic slices, and the statistics of their answers."""
