"""Files of volumes: how they are called, and how NIfTI, MetaImage and NRRD are read."""
