"""Reports: one HTML file about a run or a comparison."""
