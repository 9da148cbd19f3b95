"""Headers of an archive: what many have in common is in memory once."""

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._scan import COMMON, files_under, scan
from tests.plugins.dicom.scans import write_adc, write_t2w


def test_what_images_have_in_common_is_in_memory_once(tmp_path):
    """And is what each file says."""
    write_t2w(tmp_path, 2)
    write_adc(tmp_path, 4)
    files = files_under(tmp_path)
    headers, _ = scan(files, map)
    assert headers == [header for file in files for header in read_headers(file)]
    for name in COMMON:
        values = [getattr(header, name) for header in headers]
        assert len({id(value) for value in values}) == len(set(values))
