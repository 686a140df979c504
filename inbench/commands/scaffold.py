"""What `inbench new` writes: a plugin that works, with its test, from the templates that the guide shows."""

from __future__ import annotations

import importlib.util
import keyword
import re
import string
import sys
from dataclasses import dataclass
from pathlib import Path

from inbench import __version__
from inbench.joints import registry
from inbench.words import published
from inbench.words.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"
ROOT = Path(__file__).parents[2]
EXAMPLES = {"method": "tiny-net", "dataset": "two-tone", "mask": "diamond-hole", "metric": "colour-error"}
"""What the templates are plugins of: each is one that works, and a name takes the place of its name."""
FOLDERS = {"method": "methods", "dataset": "datasets"}
"""Where a checkout of inbench has files that are found by themselves."""
RUNS = {
    "method": "inbench run --methods all --budget smoke",
    "dataset": "inbench run --datasets {name} --methods all --budget smoke",
    "mask": "inbench run --mask {name} --methods all --budget smoke",
    "metric": "inbench run --methods all --budget smoke",
}


@dataclass(frozen=True)
class Written:
    """The files that were written, and what to type next."""

    files: list[str]
    next: list[str]


def new(kind: str, name: str, *, package: bool = False, here: Path | None = None) -> Written:
    """Write a plugin of that name: a file and its test, or an installable distribution; nothing is overwritten."""
    here = here or Path.cwd()
    if kind == "paper":
        texts, following = _paper(name, package, here)
    else:
        check_name(kind, name, module_of(name) if not package else f"inbench_{module_of(name)}")
        texts, following = distribution(kind, name, here) if package else _file(kind, name, here)
    taken = [file for file in texts if file.exists()]
    if taken:
        raise UserError(f"{_shown(taken[0], here)} is there already and stays as it is; choose another name, or move it away")
    try:
        for file, text in texts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        raise UserError(f"{_shown(file, here)} cannot be written ({error.strerror}); go to a folder of yours") from None
    return Written([_shown(file, here) for file in texts], following)


def _paper(name: str, package: bool, here: Path) -> tuple[dict[Path, str], list[str]]:
    """A paper's published numbers, to be filled in."""
    if package:
        raise UserError("a paper is a file; leave out --package")
    if not re.fullmatch(registry.NAME.pattern, name) or name in published.names():
        raise UserError(
            f"{name!r} is no name for a paper of yours; write lower-case words joined by hyphens, such as 'doe2026'"
        )
    file = f"{name}.toml"
    text = (TEMPLATES / "paper.toml").read_text(encoding="utf-8").replace("example-paper.toml", file)
    return {here / file: text}, [f"inbench run --paper {file}", f"inbench tables --paper {file}"]


def check_name(kind: str, name: str, module: str) -> None:
    """Refuse, with a name that would do, what cannot be the name of a new plugin of that kind."""
    if not re.fullmatch(registry.NAME.pattern, name) or not name[0].isalpha():
        words = re.findall("[a-z0-9]+", re.sub("([a-z])([A-Z])", r"\1-\2", name).lower())
        better = "-".join(words if words and words[0][0].isalpha() else ["my", *words] if words else [])
        raise UserError(
            f"{name!r} is no name; write lower-case words joined by hyphens, a letter first"
            + (f", such as {better!r}" if better else "")
        )
    if name == "all":
        raise UserError(f"'all' means every {registry.SPOKEN[kind]}; choose another name")
    owner = registry.load().plugins[kind].get(name)
    if owner:
        raise UserError(f"{registry.SPOKEN[kind]} {name!r} is already taken by {owner.origin}; choose another name")
    others = template(kind).replace(class_of(EXAMPLES[kind]), "")
    if keyword.iskeyword(module) or re.search(rf"\b{class_of(name)}\b", others):
        raise UserError(f"{name!r} is a word of Python or of the plugin itself; choose another name, such as 'my-{name}'")
    if module in sys.stdlib_module_names or module in registry.BUILT_IN or _installed(module):
        raise UserError(f"{module}.py would hide the module {module!r}; choose another name, such as 'my-{name}'")


def template(kind: str) -> str:
    return (TEMPLATES / f"{kind}.py").read_text(encoding="utf-8")


def source(kind: str, name: str) -> str:
    """The plugin's text: the template, with the name in place of its own."""
    example = EXAMPLES[kind]
    return template(kind).replace(example, name).replace(class_of(example), class_of(name))


def module_of(name: str) -> str:
    return name.replace("-", "_")


def class_of(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _test(kind: str, name: str, module: str) -> str:
    """The text of a plugin's test, which imports it from a module."""
    imports = sorted([f"from {module} import {class_of(name)}", "from inbench.testing import parametrize_with_checks"])
    if module.startswith(registry.BUILT_IN):  # in a checkout, what is installed comes first and what is one's own last
        imports = [imports[1], "", imports[0]]
    return _filled("test", kind, name, imports="\n".join(imports))


def _filled(form: str, kind: str, name: str, **more: str) -> str:
    text = (TEMPLATES / f"{form}.txt").read_text(encoding="utf-8")
    words = {"name": name, "module": module_of(name), "cls": class_of(name), "kind": registry.SPOKEN[kind]}
    return string.Template(text).substitute(words, version=__version__, run=RUNS[kind].format(name=name), **more)


def _file(kind: str, name: str, here: Path) -> tuple[dict[Path, str], list[str]]:
    """A file here, or in the folder of a checkout that is searched, and its test."""
    module, run = module_of(name), RUNS[kind].format(name=name)
    if kind in FOLDERS and (here == ROOT or ROOT in here.parents) and (ROOT / FOLDERS[kind]).is_dir():
        test = _test(kind, name, f"inbench_{FOLDERS[kind]}.{module}")
        files = {ROOT / FOLDERS[kind] / f"{module}.py": source(kind, name), ROOT / "tests" / f"test_{module}.py": test}
        return files, [f"inbench check {name}", run]
    test = _test(kind, name, module)
    files = {here / f"{module}.py": source(kind, name), here / f"test_{module}.py": test}
    done = [f"inbench score --plugin {module}.py"] if kind == "metric" else []  # what was run before gets it too
    return files, [f"inbench check {module}.py", *done, f"{run} --plugin {module}.py"]


def distribution(kind: str, name: str, here: Path) -> tuple[dict[Path, str], list[str]]:
    """A folder that pip installs: what it is, how it is found, the plugin, and its test."""
    package, top = f"inbench_{module_of(name)}", here / f"inbench-{name}"
    files = {
        top / "pyproject.toml": _filled("pyproject", kind, name),
        top / "README.md": _filled("readme", kind, name),
        top / "src" / package / "__init__.py": source(kind, name),
        top / "tests" / f"test_{module_of(name)}.py": _test(kind, name, package),
    }
    return files, [f"pip install -e inbench-{name}", f"inbench check {name}", RUNS[kind].format(name=name)]


def _installed(module: str) -> bool:
    """Whether a module of that name is installed, here aside."""
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return found is not None and Path(found.origin or "").parent != Path.cwd()


def _shown(file: Path, here: Path) -> str:
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
