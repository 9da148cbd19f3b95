"""Headers made of other headers: with the same elements, some of them other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset


def flat(dataset: Dataset, **values: Any) -> Dataset:
    """The same header with other values; elements are shared, and none of the given header changes."""
    from pydicom import Dataset

    made = Dataset(dict(dataset.items()))
    for keyword, value in values.items():
        put(made, keyword, value)
    return made


def put(dataset: Dataset, keyword: str, value: Any) -> None:
    """Put an element of its own where the header may share one with other headers."""
    from pydicom import DataElement
    from pydicom.datadict import dictionary_VR
    from pydicom.tag import Tag

    dataset[Tag(keyword)] = DataElement(Tag(keyword), dictionary_VR(Tag(keyword)), value)
