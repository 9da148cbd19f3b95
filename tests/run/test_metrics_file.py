"""``metrics.jsonl``: a row that is read is one that was written, and nothing is dropped without a word."""

import json

import pytest

from gankit import FileWarning
from gankit.run.metrics_file import MetricsFile
from tests.damage import flipped

ROWS = [{"step": step, "wall_s": 10.0 * step, "supervised.l2-adc": 0.1 / step} for step in range(1, 6)]
NO_ROWS = {
    "a number": b"5",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"step"',
    "an empty row": b"{}",
    "no step": b'{"loss": 1.0}',
    "a step that is text": b'{"step": "four"}',
    "a step that is true": b'{"step": true}',
    "half a step": b'{"step": 1.5}',
    "a loss that is text": b'{"step": 4, "loss": "low"}',
    "a digest that is none": b'{"step": 4, "digest": 5}',
    "cut short": b'{"step": 4, "wal',
    "no text": b"\xff\xfe",
    "zeros": bytes(200),
    "brackets": b"[" * 9999,
}


@pytest.fixture
def file(tmp_path):
    """Five rows."""
    file = MetricsFile(tmp_path / "metrics.jsonl")
    for row in ROWS:
        file.append(row)
    return file


def test_each_line_is_json_for_any_tool(file):
    """With the row's own keys, and its digest last."""
    lines = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert [{key: value for key, value in line.items() if key != "digest"} for line in lines] == ROWS
    assert all(list(line)[-1] == "digest" for line in lines)
    assert (file.rows(), file.last_step()) == (ROWS, 5)


def test_a_row_of_which_one_bit_is_another_is_named_and_the_others_are_read(file):
    """Whichever bit: in a number, a key, the digest, or the end of a line."""
    content = file.path.read_bytes()
    for damaged in flipped(content, 200):
        file.path.write_bytes(damaged)
        with pytest.warns(FileWarning, match=r"metrics\.jsonl: lines? .* damaged, cut short, .* and left out"):
            rows = file.rows()
        assert len(rows) in (3, 4)
        assert all(row in ROWS for row in rows)


@pytest.mark.parametrize("what", NO_ROWS)
def test_a_line_that_is_no_row_is_kept_aside_and_named(file, what):
    """JSON of another kind, a row without a step, a step that is no number, what is no text at all."""
    line, content = NO_ROWS[what], file.path.read_bytes()
    file.path.write_bytes(line + b"\n" + content + line + b"\n")
    with pytest.warns(FileWarning, match=r"lines 1 and 7 are damaged, cut short, .* and left out"):
        assert file.rows() == ROWS
    assert file.last_step() == 5
    with pytest.warns(FileWarning, match=r"lines 1 and 7 are .*, and kept in metrics\.damaged\.jsonl"):
        file.rewind(4)
    assert file.rows() == ROWS[:4]
    assert file.aside.read_bytes() == (line + b"\n") * 2


def test_rewinding_drops_the_rows_after_a_step_and_keeps_a_line_cut_short(file):
    """Those steps will be run again. What is aside stays there, once."""
    file.path.write_bytes(file.path.read_bytes() + b'{"step": 6, "wal')
    content = b"".join(file.path.read_bytes().splitlines(keepends=True)[:2])
    for _ in range(2):
        with pytest.warns(FileWarning, match="line 6 is damaged, cut short, repeated or of another run"):
            file.rewind(5)
        file.path.write_bytes(file.path.read_bytes() + b'{"step": 6, "wal')
    with pytest.warns(FileWarning, match="line 6 is damaged, cut short, repeated or of another run"):
        file.rewind(2)
    assert file.path.read_bytes() == content
    assert file.aside.read_bytes() == b'{"step": 6, "wal\n'


@pytest.mark.parametrize("order", [[0, 1, 2, 0, 1, 2], [2, 1, 0], [0, 0, 1, 1, 2, 2]])
def test_rows_that_were_not_logged_in_this_order_are_named(file, order):
    """Rows that were pasted twice, or sorted otherwise, would be drawn as curves that never were."""
    lines = file.path.read_bytes().splitlines(keepends=True)
    file.path.write_bytes(b"".join(lines[number] for number in order))
    with pytest.warns(FileWarning, match=r"lines? .* damaged, cut short, .* and left out"):
        steps = [row["step"] for row in file.rows()]
    assert steps == ([3] if order[0] == 2 else [1, 2, 3])
    with pytest.warns(FileWarning, match=r"kept in metrics\.damaged\.jsonl"):
        file.rewind(3)
    assert [row["step"] for row in file.rows()] == steps


def test_a_row_of_another_run_is_named(file):
    """However sound it is there. Rows of a version that knew no runs are taken."""
    own, other = MetricsFile(file.path.with_name("own"), "a" * 32), MetricsFile(file.path.with_name("other"), "b" * 32)
    for step in (1, 2, 3):
        (own if step % 2 else other).append({"step": step})
    own.path.write_bytes(b"".join(sorted([*own.path.read_bytes().splitlines(True), other.path.read_bytes()])))
    with pytest.warns(FileWarning, match=r"line 2 is damaged, cut short, .* and left out"):
        assert own.rows() == [{"step": 1}, {"step": 3}]
    assert MetricsFile(file.path, "a" * 32).rows() == ROWS


def test_rows_of_before_digests_are_read_with_one_warning(file):
    """They are numbers alone; when the run goes on they get digests."""
    file.path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with pytest.warns(FileWarning, match="has rows without a digest, as files of earlier versions") as warned:
        assert file.rows() == ROWS
    assert len(warned) == 1
    with pytest.warns(FileWarning, match="has rows without a digest"):
        file.rewind(5)
    assert all("digest" in json.loads(line) for line in file.path.read_text().splitlines())
