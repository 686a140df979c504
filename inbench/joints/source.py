"""A plugin's source: its files, and their hash, in which comments, docstrings and blank space do not count on any Python."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
_OPENINGS = {"FSTRING_START": "FSTRING_END", "TSTRING_START": "TSTRING_END"}


def code_hash(files: Iterable[Path]) -> str:
    """SHA-256 of what the files say to Python, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(normal_form(file.read_text(encoding="utf-8")).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def normal_form(text: str) -> str:
    """The source as one statement a line: tokens joined by a blank, without comments and docstrings."""
    statements: list[str] = []
    for statement, depth in _statements(text):
        is_text = all(kind == tokenize.STRING for kind, _ in statement)
        if not is_text:
            statements.append("\t" * depth + " ".join(word for _, word in statement))
    return "\n".join(statements)


def _statements(text: str) -> Iterator[tuple[list[tuple[int, str]], int]]:
    statement: list[tuple[int, str]] = []
    depth = 0
    for kind, word in _tokens(text):
        if kind == tokenize.INDENT:
            depth += 1
        elif kind == tokenize.DEDENT:
            depth -= 1
        elif kind == tokenize.NEWLINE:
            if statement:
                yield statement, depth
            statement = []
        else:
            statement.append((kind, word))


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """Tokens, with an f-string as one STRING: Python 3.11 has it so, later ones cut it into parts."""
    lines = io.StringIO(text).readlines()  # as tokenize counts them
    open_strings: list[tuple[str, tuple[int, int]]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name in _OPENINGS:
            open_strings.append((_OPENINGS[name], token.start))
        elif open_strings and name == open_strings[-1][0]:
            _, start = open_strings.pop()
            if not open_strings:
                yield tokenize.STRING, _between(lines, start, token.end)
        elif not open_strings and token.type not in _SILENT:
            yield token.type, token.string


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    middle = lines[start[0] : end[0] - 1]
    return "".join([lines[start[0] - 1][start[1] :], *middle, lines[end[0] - 1][: end[1]]])


def beside(file: Path, *, apart: Collection[str]) -> set[Path]:
    """The files under a file's folder that it imports, and that those import; of what is called as those apart none."""
    imports: dict[Path, set[Path] | None] = {}
    left = [file]
    while left:
        one = left.pop()
        if one not in imports:
            imports[one] = _imported(one, file.parent, apart)
            left += imports[one] or ()
    return {one for one, found in imports.items() if found is not None} - {file}


def _imported(file: Path, folder: Path, apart: Collection[str]) -> set[Path] | None:
    """The files under a folder that a file imports; None where Python cannot read it."""
    found = set[Path]()
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        module = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
        start = file.parents[node.level - 1] if isinstance(node, ast.ImportFrom) and node.level else folder
        for name in (f"{module}{alias.name}".lstrip(".") for alias in node.names):
            parts = [] if name.partition(".")[0] in apart else name.split(".")
            for path in (start.joinpath(*parts[: place + 1]) for place in range(len(parts))):
                found |= {one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()}
    return found
