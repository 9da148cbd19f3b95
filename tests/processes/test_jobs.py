"""Processes of a comparison: so many at a time, told once to stop, none left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from gankit.processes.jobs import Job, cores, run_jobs, sharing_cores


@pytest.fixture
def job(tmp_path):
    """``job(name, word)``: a job that runs ``tests.processes.stub``."""

    def make(name, word):
        return Job(name=name, module=("tests.processes.stub", word, str(tmp_path / name)), log=tmp_path / f"{name}.log")

    return make


def signalling(files, *signals):
    """Send signals to this process, each a moment after the last, once every file is there."""

    def send():
        while not all(file.exists() for file in files):
            time.sleep(0.01)
        for number in signals:
            os.kill(os.getpid(), number)
            time.sleep(0.5)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def test_no_more_run_at_a_time_than_asked_for(job, tmp_path):
    """Of four, two overlap at most, and all end well."""
    ended, stopped = run_jobs([job(name, "quick") for name in "abcd"], 2, os.environ, quiet=True)
    assert stopped is None
    assert [each.code for each in ended] == [0] * 4
    spans = [tuple(map(float, (tmp_path / name).read_text().split())) for name in "abcd"]
    assert max(sum(low <= began < high for low, high in spans) for began, _ in spans) <= 2


def test_without_a_terminal_lines_say_how_far_all_are(tmp_path, monkeypatch, capsys):
    """With rate and time left: 30 of one job's 100 steps were done before, 20 follow; the other job's are to come."""
    monkeypatch.setattr("gankit.processes.progress.LINE_EVERY_S", 0)
    monkeypatch.setattr("gankit.processes.jobs.SHOW_S", 0)
    steps = iter([30, 30, *[50] * 10_000])
    module = ("tests.processes.stub", "quick")
    first = Job(
        name="a", module=(*module, str(tmp_path / "a")), log=tmp_path / "a.log", total=100, done=lambda: next(steps)
    )
    second = Job(name="b", module=(*module, str(tmp_path / "b")), log=tmp_path / "b.log", total=60)
    run_jobs([first, second], 1, os.environ, what="steps of 2 trainings")
    said = capsys.readouterr().err
    assert re.search(r"^steps of 2 trainings 50/160  [\d.]+/s  \d+ s left$", said, re.MULTILINE)
    assert "30/160" not in said  # no rate yet, so no time left
    assert "a: done" in said


def test_a_job_that_fails_leaves_its_last_line_and_the_others_run(job):
    """Its code and what it printed last."""
    ended, _ = run_jobs([job("bad", "fail"), job("good", "quick")], 1, os.environ, quiet=True)
    assert [(each.name, each.code) for each in ended] == [("bad", 3), ("good", 0)]
    assert ended[0].last == "last line"


def test_a_job_runs_no_module_of_the_current_folder(job, tmp_path, monkeypatch):
    """Neither by its name nor by an import of what it runs."""
    for name in ("planted", "runpy", "threading", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.chdir(tmp_path)
    planted = Job(name="planted", module=("planted",), log=tmp_path / "planted.log")
    ended, _ = run_jobs([planted, job("good", "quick")], 1, os.environ, quiet=True)
    assert [(each.name, each.code) for each in ended] == [("planted", 1), ("good", 0)]
    assert ended[0].last.endswith("No module named planted")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_once_and_no_other_job_starts(job, tmp_path, number):
    """Both that run are told once; the third never starts."""
    files = [tmp_path / name for name in "ab"]
    sender = signalling(files, number)
    ended, stopped = run_jobs([job(name, "wait") for name in "abc"], 2, os.environ, quiet=True)
    sender.join()
    assert stopped == number
    assert sorted((each.name, each.code) for each in ended) == [("a", 130), ("b", 130)]
    assert [file.read_text() for file in files] == ["told\n"] * 2
    assert not (tmp_path / "c").exists()


def test_a_second_signal_kills(job, tmp_path):
    """A job that does not listen ends all the same."""
    sender = signalling([tmp_path / "a"], signal.SIGINT, signal.SIGINT)
    ended, _ = run_jobs([job("a", "stubborn")], 1, os.environ, quiet=True)
    sender.join()
    assert [each.code for each in ended] == [-signal.SIGKILL]
    assert (tmp_path / "a").read_text() == "told\n"


def test_a_job_is_told_to_stop_when_its_parent_is_killed(tmp_path):
    """SIGKILL leaves the parent no chance to tell it."""
    file, log = tmp_path / "a", tmp_path / "a.log"
    text = (
        "import os; from pathlib import Path; from gankit.processes.jobs import Job, run_jobs;"
        f"run_jobs([Job(name='a', module=('tests.processes.stub', 'wait', {str(file)!r}),"
        f" log=Path({str(log)!r}))], 1, os.environ, quiet=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", text])
    signalled = _text_within_10_s(file, "")
    parent.kill()
    parent.wait()
    assert signalled
    assert _text_within_10_s(file, "told\n")


def _text_within_10_s(file, text):
    for _ in range(1000):
        if file.exists() and file.read_text() == text:
            return True
        time.sleep(0.01)
    return False


def test_processes_share_the_cores_unless_the_user_says_otherwise(monkeypatch):
    """OMP_NUM_THREADS is at least 1 and never overrides the user's."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert sharing_cores(1)["OMP_NUM_THREADS"] == str(cores())
    assert sharing_cores(10_000)["OMP_NUM_THREADS"] == "1"
    assert sharing_cores(1)["OMP_WAIT_POLICY"] == os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert sharing_cores(2)["OMP_NUM_THREADS"] == "7"
