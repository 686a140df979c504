"""The hash of a plugin's source: what is said to Python counts, how it looks does not."""

import textwrap
import tokenize

import pytest

from inbench.joints.source import _tokens, code_hash, normal_form

SOURCE = '''
"""A method."""

import math


class Net:
    """It has layers."""

    width = 64  # channels

    def area(self, side: int) -> float:
        """Pixels."""
        return math.prod([side, side])
'''


def same(one, other):
    return normal_form(textwrap.dedent(one)) == normal_form(textwrap.dedent(other))


def strings(text):
    return [word for kind, word in _tokens(text) if kind == tokenize.STRING]


def test_comments_do_not_count():
    assert same(SOURCE, SOURCE.replace("# channels", "# of the first layer") + "# the end\n")


def test_docstrings_do_not_count():
    bare = SOURCE.replace('"""A method."""', "").replace('"""It has layers."""', "").replace('"""Pixels."""', '"""Of\n  it."""')
    assert same(SOURCE, bare)


def test_blank_space_does_not_count():
    assert same(
        SOURCE, SOURCE.replace("\n\n", "\n\n\n\n").replace("width = 64", "width=64").replace("[side, side]", "[side,side]")
    )


def test_the_width_of_an_indent_does_not_count():
    assert same(SOURCE, SOURCE.replace("    ", "  "))


def test_wrapped_lines_do_not_count():
    assert same("total = add(one, two) + three\n", "total = add(\n    one,  # first\n    two\n) + \\\n  three\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("width = 64", "width = 65"),
        ("width = 64", "width = '64'"),
        ("def area", "def size"),
        ("side, side", "side, 2"),
        ("math.prod", "math . sum"),
        ("        return", "        if side: return"),
    ],
)
def test_what_python_does_counts(before, after):
    assert before in SOURCE
    assert not same(SOURCE, SOURCE.replace(before, after))


def test_the_depth_of_a_statement_counts():
    assert not same("if a:\n    b = 1\n    c = 2\n", "if a:\n    b = 1\nc = 2\n")


def test_blank_space_in_a_string_counts():
    assert not same("a = 'x y'\n", "a = 'x  y'\n")


def test_a_text_in_an_expression_counts():
    assert not same("raise ValueError('wrong')\n", "raise ValueError('bad')\n")


def test_the_normal_form_never_changes():
    assert normal_form(SOURCE) == (
        "import math\n"
        "class Net :\n"
        "\twidth = 64\n"
        "\tdef area ( self , side : int ) -> float :\n"
        "\t\treturn math . prod ( [ side , side ] )"
    )


@pytest.mark.parametrize(
    "text",
    [
        'f"plain"',
        'f"{a}"',
        "f\"{a['key']}\"",
        'f"{a!r:>{width}} {{b}} {c=}"',
        'f"{ {1: 2}[1] }"',
        "f\"{f'{a} and {b}'} {c}\"",
        'rf"\\d{a}"',
        'f"""{a}\n  {b}\n"""',
        'f"é {a} ü"',
    ],
)
def test_an_f_string_is_one_string(text):
    assert strings(f"x = {text} + 'y'\n") == [text, "'y'"]


def test_a_change_within_an_f_string_counts():
    assert not same('x = f"{a + 1}"\n', 'x = f"{a + 2}"\n')


@pytest.mark.parametrize("odd", ["\x0c", "'\u2028'", "'\x85'", "'\x1c'"])
def test_a_line_that_only_some_count_as_one_moves_no_f_string(odd):
    assert strings(f'a = 1\n{odd}\nx = f"{{a + 1}}"\n')[-1] == 'f"{a + 1}"'


def test_tokens_of_python_3_12_give_the_same_normal_form(monkeypatch):
    text = "x = f\"{a['k']} {f'{b}'}\" + 'y'\n"
    start, middle, end = 901, 902, 903
    for kind, name in ((start, "FSTRING_START"), (middle, "FSTRING_MIDDLE"), (end, "FSTRING_END")):
        monkeypatch.setitem(tokenize.tok_name, kind, name)
    parts = [  # as Python 3.12 cuts it
        (tokenize.NAME, "x", 0),
        (tokenize.OP, "=", 2),
        (start, 'f"', 4),
        (tokenize.OP, "{", 6),
        (tokenize.NAME, "a", 7),
        (tokenize.OP, "[", 8),
        (tokenize.STRING, "'k'", 9),
        (tokenize.OP, "]", 12),
        (tokenize.OP, "}", 13),
        (middle, " ", 14),
        (tokenize.OP, "{", 15),
        (start, "f'", 16),
        (tokenize.OP, "{", 18),
        (tokenize.NAME, "b", 19),
        (tokenize.OP, "}", 20),
        (end, "'", 21),
        (tokenize.OP, "}", 22),
        (end, '"', 23),
        (tokenize.OP, "+", 25),
        (tokenize.STRING, "'y'", 27),
        (tokenize.NEWLINE, "\n", 30),
        (tokenize.ENDMARKER, "", 0),
    ]
    tokens = [tokenize.TokenInfo(kind, word, (1, place), (1, place + len(word)), text) for kind, word, place in parts]
    assert all(token.string == text[token.start[1] : token.end[1]] for token in tokens)
    expected = "x = f\"{a['k']} {f'{b}'}\" + 'y'"
    assert normal_form(text) == expected
    monkeypatch.setattr(tokenize, "generate_tokens", lambda readline: iter(tokens))
    assert normal_form(text) == expected


def test_line_ends_do_not_count(tmp_path):
    (tmp_path / "unix.py").write_bytes(SOURCE.encode())
    (tmp_path / "dos.py").write_bytes(SOURCE.replace("\n", "\r\n").encode())
    assert code_hash([tmp_path / "unix.py"]) == code_hash([tmp_path / "dos.py"])


def test_the_hash_never_changes(tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)
    assert code_hash([tmp_path / "net.py"]) == "6aeaafeab8779d3d1514a52d93da518940f186b5a08fbe56a6890449086a3b50"


def test_every_file_and_its_place_counts(tmp_path):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("a = 1\n")
    other.write_text("b = 2\n")
    assert len({code_hash(files) for files in ([one], [other], [one, other], [other, one])}) == 4
