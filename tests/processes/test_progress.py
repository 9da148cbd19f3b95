"""Progress is shown to whoever watches, and only then."""

import os
import pty
import subprocess
import sys
import threading

import pytest

from gankit import progress, say
from gankit.processes import progress as module
from gankit.processes.progress import Progress, duration, watched


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass by themselves at each look: a list with the step."""
    now, step = [0.0], [4.0]

    def monotonic():
        now[0] += step[0]
        return now[0]

    monkeypatch.setattr(module.time, "monotonic", monotonic)
    return step


def test_nobody_watches_a_function_of_python(capsys, clock):
    """The items come, and not a word."""
    assert list(progress([1, 2, 3], "drawing")) == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_long_work_says_how_far_it_is_with_rate_and_time_left(capsys, clock):
    """A line now and then; where nobody knows the total, without what is left."""
    clock[0] = 5.0
    with watched():
        list(progress(range(6), "drawing"))
        list(progress(iter(range(3)), "reading"))
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "drawing 1/6  10.0 s each  50 s left"
    assert any(line.startswith("reading 1  ") and "left" not in line for line in err)


def test_short_work_says_nothing(capsys, clock):
    """A line for what took a moment would only be in the way."""
    clock[0] = 0.01
    with watched():
        list(progress(range(6), "drawing"))
    assert capsys.readouterr().err == ""


def test_work_that_goes_on_counts_what_is_new_alone(capsys, clock):
    """Half was done before: the rate is of the 10 of these 10 seconds."""
    clock[0] = 10.0
    with Progress(100) as shown:
        shown.begin(50)
        shown.advance(60)
    assert capsys.readouterr().err == "training 60/100  1.0/s  40 s left\n"


def test_lines_keep_their_distance(capsys, clock):
    """At a look each 4 seconds every third is 10 seconds after the last line."""
    with Progress(100) as shown:
        for done in range(1, 10):
            shown.advance(done)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["3/100", "6/100", "9/100"]


def test_training_ends_with_a_line_of_what_its_players_minimised(capsys, clock):
    """However short it was; critics have numbers of their own, which a line has no room for."""
    clock[0] = 0.01
    with Progress(2) as shown:
        shown.advance(1, {"l2-adc": 0.75})
        shown.advance(2, {"l2-adc": 0.5, "gan-adc": 2, "gan-adc.critic": 3})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("training 2/2  ")
    assert line.endswith("  l2-adc 0.5  gan-adc 2")


def test_what_runs_within_a_quiet_function_is_quiet(capsys, clock):
    """Even in a command."""
    with watched(), Progress(9, quiet=True):
        list(progress(range(9), "drawing"))
        say("a word")
    assert capsys.readouterr().err == ""


def test_what_runs_within_a_function_that_speaks_is_shown(capsys, clock):
    """Loading a cohort at the start of training."""
    with Progress(9):
        list(progress(range(9), "drawing"))
    assert "drawing 2/9" in capsys.readouterr().err
    list(progress(range(9), "drawing"))
    assert capsys.readouterr().err == ""


PROGRAM = """
import time
from gankit.processes.progress import Progress
from gankit import progress, say
with Progress(4) as training:
    for _ in progress(range(3), "drawing"):
        for _ in progress(range(2), "reading"):
            time.sleep(0.06)
            say("a line")
    training.advance(4)
"""


def test_bars_within_bars_share_a_terminal():
    """rich refuses a second display; the inner bars go when they are done, the outer stays."""
    ours, theirs = pty.openpty()
    shown = []

    def read():
        while True:
            try:
                shown.append(os.read(ours, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read)
    reader.start()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, env=environment, check=False)
    os.close(theirs)
    reader.join()
    text = b"".join(shown).decode()
    assert done.returncode == 0, text
    assert all(word in text for word in ("training", "drawing", "reading", "a line"))
    last = text[text.rindex("a line") :]
    assert "4/4" in last


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3570, "1 h 0 min"), (6720, "1 h 52 min"), (190_000, "2 d 4 h")],
)
def test_time_left_is_said_in_the_units_that_people_use(seconds, said):
    """Seconds, minutes, hours, days."""
    assert duration(seconds) == said
