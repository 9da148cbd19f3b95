"""What is known of slices: masks, tables, and the labels that follow from them."""
