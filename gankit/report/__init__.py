"""Reports: one HTML file of a run or of a comparison."""
