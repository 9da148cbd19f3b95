"""DICOM images to series, studies and volumes: what belongs together, in which order, and what is left out."""
