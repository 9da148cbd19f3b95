"""One DICOM file: what its header says of each image in it, and their pixels."""
