"""Import of DICOM and of NIfTI or MetaImage volumes: any scanner's folders to one cohort file and one report."""

from collections.abc import Mapping

from gankit import hookimpl


@hookimpl
def commands() -> Mapping[str, str]:
    return {
        "import dicom": "gankit_dicom.command:import_dicom",
        "import volumes": "gankit_dicom.command:import_volumes",
    }
