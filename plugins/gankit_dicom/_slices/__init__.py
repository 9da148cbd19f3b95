"""From the volumes of a study to slices: which are chosen, where they are cut, and what their values become."""
