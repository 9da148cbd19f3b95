"""Sheets of slices that are not drawn: drawing takes most of the time, and no fault concerns it."""

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + (1).to_bytes(4) + (1).to_bytes(4) + bytes(20_000)
"""What a reader of its size needs."""


def draw_none() -> None:
    """From now on, in this process, every sheet is ``PNG``."""
    import gankit.cohort.sheet
    import gankit_dicom._study

    gankit.cohort.sheet.sheet_png = gankit_dicom._study.sheet_png = lambda *_, **__: PNG
