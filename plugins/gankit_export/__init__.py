"""Synthetic slices as DICOM, NIfTI and PNG files, for viewers and other programs."""

from collections.abc import Mapping

from gankit import hookimpl


@hookimpl
def export_formats() -> Mapping[str, str]:
    """``gankit sample ... --format dicom|nifti|png``."""
    return {name: f"gankit_export._{name}:encode" for name in ("dicom", "nifti", "png")}
