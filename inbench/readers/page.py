"""Page: a template filled with text to one file of HTML that asks for nothing and runs nothing but its own script."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from inbench.readers.formats import CONTROL
from inbench.words.errors import UserError

FOLDER = "pages"


def filled(template: str, *, styles: Sequence[str], scripts: Sequence[str], data: Any, **told: Any) -> str:
    """The page: what is told is text in it, never markup; data is JSON that its script reads.

    Its policy lets no request out and runs the one script and the one style that stand in it, by their hashes.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError as error:
        raise UserError("a page needs Jinja2; pip install 'inbench[report]'") from error
    style, script = _joined(styles), _joined(scripts)
    given = {"policy": policy(style, script), "style": Markup(style), "script": Markup(script), "data": data}
    return str(_environment(jinja2.Environment).get_template(template).render(**given, **told))


@functools.cache
def _environment(kind: Any) -> Any:
    """Templates of ours, in which everything that is told is text."""
    from jinja2 import FunctionLoader, StrictUndefined

    told = {"autoescape": True, "finalize": _plain, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return kind(loader=FunctionLoader(_text), **told)


def policy(style: str, script: str) -> str:
    """The content security policy of a page with this style and this script."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _plain(value: Any) -> Any:
    """A text without control characters: names and messages come from files and plugins."""
    return CONTROL.sub(" ", value) if type(value) is str else value


def _text(name: str) -> str:
    return (resources.files("inbench.readers") / FOLDER / name).read_text(encoding="utf-8")


def _joined(names: Sequence[str]) -> str:
    """Files of ours in one, fit to stand inside an element."""
    text = "\n".join(map(_text, names))
    assert not re.search(r"</(?:script|style)|<!--", text, re.IGNORECASE)
    return text
