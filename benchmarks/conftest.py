"""What a benchmark says when it has run: its time as a multiple of its group's first, here and in the JSON."""

from __future__ import annotations

import os
from itertools import groupby

import torch

os.environ["GANKIT_CACHE"] = "off"  # what is measured is made


def ratios(benchmarks):
    """Each measured benchmark with (median of its group's first) / (its median)."""
    measured = sorted((run for run in benchmarks if run.stats.rounds), key=lambda run: str(run.group))  # stable
    for _, group in groupby(measured, key=lambda run: run.group):
        first, *rest = group
        yield from ((run, first.stats.median / run.stats.median) for run in (first, *rest))


def pytest_terminal_summary(terminalreporter, config):
    """One line a benchmark, under its group: how many times as fast as the first."""
    group = None
    for run, ratio in ratios(config._benchmarksession.benchmarks):
        if run.group != group:
            group = run.group
            terminalreporter.section(f"{group}: speed as a multiple of the first, by medians", sep="-")
        extra = "".join(f"; {key} {value:.4g}" for key, value in run.extra_info.items() if key != "ratio")
        terminalreporter.write_line(f"{run.name:60} {1e3 * run.stats.median:10.4g} ms  {ratio:6.2f} x{extra}")


def pytest_benchmark_update_machine_info(machine_info):
    """The processor, and what torch makes of it; no names, which tell whose machine it was."""
    cpu = machine_info["cpu"]
    vectors = [flag for flag in cpu.get("flags", []) if flag.startswith(("avx", "amx", "asimd", "sve"))]
    kept = {key: machine_info[key] for key in ("machine", "system", "python_version")}
    kept["cpu"] = {"brand": cpu.get("brand_raw"), "count": cpu.get("count"), "vectors": vectors}
    kept["torch"] = {"version": torch.__version__, "threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        kept["torch"]["device"] = torch.cuda.get_device_name()
    machine_info.clear()
    machine_info.update(kept)


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Put the ratio beside each result; of the commit keep what finds it again."""
    by_name = {run.fullname: ratio for run, ratio in ratios(config._benchmarksession.benchmarks)}
    for entry in output_json["benchmarks"]:
        entry["extra_info"]["ratio"] = round(by_name[entry["fullname"]], 3)
        entry["stats"].pop("data", None)
        for unused in ("options", "params", "param"):
            entry.pop(unused, None)
    commit = output_json["commit_info"]
    output_json["commit_info"] = {key: commit[key] for key in ("id", "time", "dirty") if key in commit}
