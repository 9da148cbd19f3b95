"""JSON and TOML from anywhere: read, or refused on one line and at no cost."""

import time

import pytest

from gankit.files.documents import parse_json, parse_toml, parse_value, read_json, read_toml

MANY = 200_000

HOSTILE = [
    (parse_json, "[" * MANY + "]" * MANY, "more than 64 tables or lists within each other"),
    (parse_json, "[" * 65 + "]" * 65, "more than 64 tables or lists within each other"),
    (parse_json, '{"a":' * MANY, "more than 64 tables or lists within each other"),
    (parse_json, "1" * 5000, "a whole number of more than 64 bits"),
    (parse_json, f"[{2**63}]", "a whole number of more than 64 bits"),
    (parse_json, "[NaN]", "not JSON: NaN is no number of JSON"),
    (parse_json, "1e400", "not JSON: 1e400 is no number of JSON"),
    (parse_json, '{"a": 1, "a": 2}', "not JSON: the key 'a' is there twice"),
    (parse_json, '{"' + "a" * 5000 + '": 1}', "a key has at most 1000"),
    (parse_json, '{"a": ["\\ud800"]}', "the text '.ud800', which is not Unicode"),
    (parse_json, '{"\\udfff": 1}', "the text '.udfff', which is not Unicode"),
    (parse_json, '{"a"', "not JSON: Expecting ':'"),
    (parse_toml, "a = " + "[" * MANY + "]" * MANY, "more than 64 tables or lists within each other"),
    (parse_toml, "a = " + "{a = " * 2000 + "1" + "}" * 2000, "more than 64 tables or lists within each other"),
    (parse_toml, "a" + ".a" * MANY + " = 1", "more than 64 tables or lists within each other"),
    (parse_toml, "[a" + ' . "a"' * MANY + "]", "more than 64 tables or lists within each other"),
    (parse_toml, "a = { a" + ".'a'" * MANY + " = 1 }", "more than 64 tables or lists within each other"),
    (parse_toml, "a = " + "1" * 5000, "a whole number of more than 64 bits"),
    (parse_toml, "a = 0x" + "f" * 5000, "a whole number of more than 64 bits"),
    (parse_toml, "a" * 5000 + " = 1", "a key has at most 1000"),
    (parse_toml, "a = 2024-02-31", "not TOML: Invalid date"),
    (parse_toml, "a = 1\na = 2", "not TOML: Cannot overwrite"),
]


@pytest.mark.parametrize(("parse", "text", "said"), HOSTILE, ids=[f"{case[0].__name__}-{case[2]}" for case in HOSTILE])
def test_what_no_document_has_is_refused_on_one_line(parse, text, said):
    """Whatever the parser raises for it, and before it takes memory by the square of its size."""
    began = time.monotonic()
    with pytest.raises(ValueError, match=said) as refused:
        parse(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, coding):
    """Editors of Windows write one."""
    (tmp_path / "a.toml").write_text('a = "1e-6 mm²/s"\r\n', encoding=coding, newline="")
    (tmp_path / "a.json").write_text('{"µ": 1}', encoding=coding)
    assert read_toml(tmp_path / "a.toml") == {"a": "1e-6 mm²/s"}
    assert read_json(tmp_path / "a.json") == {"µ": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a = 1".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        ("a = 1".encode("utf-16-le"), "bytes 0, as UTF-16 .* save it as UTF-8 text"),
        ("a = 'é'".encode("latin-1"), "it is no UTF-8 text; save it as UTF-8"),
        (b"#" * 600_000, "it has 600000 bytes, and a file of its kind has at most 500000"),
    ],
    ids=["UTF-16", "UTF-16 without a mark", "Latin-1", "large"],
)
def test_another_coding_is_named(tmp_path, content, said):
    """With what to do."""
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("[1, 2]", [1, 2]), ("'a # b'", "a # b"), ("a b", "a b"), ("a#b", "a#b"), ("", ""), ("8,16", "8,16")],
)
def test_a_given_value_is_toml_or_text(text, value):
    """So that names need no quotes."""
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\nsteps = 2", "several lines"),
        ("1\r[training]", "several lines"),
        ('"""a\nb"""', "several lines"),
        ("1 # one", "a comment"),
        ("[1] # ]", "a comment"),
        ("9" * 400, "a whole number of more than 64 bits"),
        ("[" * 100 + "]" * 100, "more than 64 tables"),
        ("caf\udce9", "the text 'caf.udce9', which is not Unicode"),
        ("'caf\udce9'", "the text .*, which is not Unicode"),
    ],
)
def test_a_given_value_is_one_value(text, said):
    """No further statement is let in, and nothing that was typed is dropped."""
    with pytest.raises(ValueError, match=f"has {said}"):
        parse_value(text)
