"""Making a cohort."""

import pytest


@pytest.mark.benchmark(group="phantom, 2,525 slices of 64 x 64")
def test_phantom(benchmark):
    """All slices of the paper's counts: under 5 s on 2 cores."""
    from gankit_phantom.source import Phantom

    cohort = benchmark.pedantic(Phantom().load, rounds=3, warmup_rounds=0)
    assert len(cohort) == 2525
