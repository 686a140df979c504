"""The registry: a broken plugin is listed with its reason and place, and the others still load."""

import functools
import textwrap

import pytest

from inbench.joints import registry
from inbench.joints.source import code_hash
from inbench.words.errors import UserError

GOOD = """
import dataclasses
import inbench


class Echo(inbench.Method):
    name = "echo"
    summary = "what is seen"
    paper = "none"
    licence = "CC0-1.0"

    @dataclasses.dataclass(frozen=True)
    class Params:
        gain: float = 1.0

    def inpaint(self, seen, hole, seed):
        return seen


@inbench.hookimpl
def inbench_methods():
    return [Echo]
"""


def good(**changes):
    """A plugin that works, but for some changes."""
    text = GOOD
    for before, after in changes.get("but", {}).items():
        assert before in text
        text = text.replace(before, after)
    return text


BROKEN = {  # what is in the file: the lines of which one is to be named, and what is to be said
    "syntax error": ("x = 1\ndef broken(:\n", (2,), "SyntaxError: invalid syntax; mend this line"),
    "missing import": (
        "import inbench\nimport no_such_library\n",
        (2,),
        "ModuleNotFoundError: No module named 'no_such_library'; install it",
    ),
    "raises at import": ("\n\nraise RuntimeError('not today')\n", (3,), "RuntimeError: not today"),
    "raises in a function": ("def f():\n    return 1 / 0\n\nf()\n", (2,), "ZeroDivisionError"),
    "exits at import": ("import sys\nsys.exit(3)\n", (2,), "SystemExit: 3"),
    "exits in its hook": (good(but={"return [Echo]": "raise SystemExit(3)"}), (22,), "SystemExit: 3"),
    "hook raises": (good(but={"return [Echo]": "return [Echoo]"}), (22,), "NameError: name 'Echoo' is not defined"),
    "hook typo": (good(but={"inbench_methods": "inbench_method"}), (20, 21), "there is no hook 'inbench_method'"),
    "hook with arguments": (good(but={"inbench_methods()": "inbench_methods(size)"}), (20, 21), "size"),
    "hook without mark": (good(but={"@inbench.hookimpl\n": "\n"}), (21,), "write @inbench.hookimpl above it"),
    "no hook": ("x = 1\n", (1,), "it has no hook; write @inbench.hookimpl above def inbench_methods()"),
    "newer hooks": (
        good(but={"import inbench\n": "import inbench\nINBENCH_API = 99\n"}),
        (4,),
        "written for version 99 of the hooks, and inbench",
    ),
    "hooks of no version": (
        good(but={"import inbench\n": "import inbench\nINBENCH_API = '1'\n"}),
        (4,),
        "INBENCH_API is '1'; write the version of the hooks",
    ),
    "a newer face": (
        "\nfrom inbench import Oracle\n",
        (2,),
        "a newer inbench may have it: pip install --upgrade inbench",
    ),
    "hook without answer": (good(but={"return [Echo]": "[Echo]"}), (20, 21), "inbench_methods"),
    "instance for class": (
        good(but={"return [Echo]": "return [Echo(64, Echo.Params())]"}),
        (6, 20, 21, 22),
        "return the class, not an instance",
    ),
    "class without list": (good(but={"return [Echo]": "return Echo"}), (20, 21), "inbench_methods"),
    "wrong kind": (good(but={"inbench.Method": "inbench.Metric"}), (6,), "Echo is no Method; derive it from inbench.Method"),
    "bad name": (good(but={'"echo"': '"Echo_1"'}), (6,), "'Echo_1' is no name"),
    "name that is no text": (good(but={'"echo"': "7"}), (6,), "is no name"),
    "no name": (good(but={'    name = "echo"\n': "\n"}), (6,), "does not say its 'name'"),
    "no summary": (good(but={'summary = "what is seen"': "x = 1"}), (6,), "does not say its 'summary'"),
    "no answer": (good(but={"def inpaint": "def fill"}), (6,), "does not define 'inpaint'"),
    "params that are no dataclass": (
        good(but={"    @dataclasses.dataclass(frozen=True)\n": "\n"}),
        (6,),
        "no frozen dataclass",
    ),
    "params that can be changed": (good(but={"(frozen=True)": ""}), (6,), "no frozen dataclass"),
    "duplicate name": (
        good(but={'"echo"': '"mean-fill"'}),
        (6,),
        "already taken by inbench_methods.mean_fill; choose another name",
    ),
}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No plugins from outside; what is built in is hashed once."""
    monkeypatch.delenv("INBENCH_PLUGINS", raising=False)
    monkeypatch.setattr(registry, "code_hash", lambda files: hashed(tuple(files)))


@functools.cache
def hashed(files):
    return code_hash(files)


@pytest.fixture
def file(tmp_path):
    """Writes a plugin file, named after the test so that no two are the same."""

    def write(text, name="my_plugin.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


def test_everything_that_is_built_in_is_whole():
    found = registry.load()
    assert found.faults == []
    assert {"mean-fill", "linear", "biharmonic"} <= set(found.names("method"))
    assert {"drawn-faces", "photos", "folder"} <= set(found.names("dataset"))
    assert {"center", "half", "random80", "pattern25"} <= set(found.names("mask"))
    assert {"l2", "psnr", "psnr-pooled", "ssim"} <= set(found.names("metric"))


def test_a_plugin_file_brings_its_method(file):
    path = file(good())
    plugin = registry.load([path]).get("method", "echo")
    assert (plugin.cls.__name__, plugin.origin, plugin.kind) == ("Echo", path, "method")
    assert len(plugin.code) == 64


def test_the_code_of_a_plugin_is_its_file(file):
    one = registry.load([file(good(), "one.py")]).get("method", "echo").code
    same = registry.load([file(good() + "# the end\n", "same.py")]).get("method", "echo").code
    other = registry.load([file(good(but={"1.0": "2.0"}), "other.py")]).get("method", "echo").code
    assert one == same != other


def test_what_a_plugin_imports_from_beside_it_is_part_of_its_code(file, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "code_hash", code_hash)
    monkeypatch.syspath_prepend(tmp_path)
    beside = {
        "parts_of_echo/__init__.py": "from .deep import BLUE\n",
        "parts_of_echo/deep.py": "BLUE = 1\n",
        "other_parts/__init__.py": "",
        "other_parts/deep.py": "import parts_of_echo\n",
        "half_written.py": "x = (\n",
        "not_asked_for.py": "",
        "inbench/__init__.py": "",  # as in a checkout
    }
    for name, text in beside.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    tried = "try:\n    import half_written\nexcept SyntaxError:\n    pass\n"
    codes = []
    for blue in (1, 2, 2):
        (tmp_path / "parts_of_echo" / "deep.py").write_text(f"BLUE = {blue}\n")
        plugin = registry.load([file(good() + "import other_parts.deep\n" + tried, f"beside{len(codes)}.py")]).get(
            "method", "echo"
        )
        codes.append(plugin.code)
        found = [path.relative_to(tmp_path).as_posix() for path in registry.files_of(plugin.cls)[1:]]
    assert found == sorted(name for name in beside if "parts" in name)
    assert codes[0] != codes[1] == codes[2]


def test_a_module_that_lies_beside_a_plugin_and_is_not_found_says_how_it_would_be(file, tmp_path):
    (tmp_path / "nearby.py").write_text("")
    path = file("import nearby\n" + good(), "beside.py")
    (fault,) = registry.load([path]).faults
    assert "No module named 'nearby'; it lies beside the plugin" in fault.reason
    assert f"--package), or set PYTHONPATH={tmp_path}" in fault.reason


def test_a_plugin_may_bring_all_four_kinds(file):
    found = registry.load(
        [
            file("""
            import numpy as np
            import inbench

            class Dots(inbench.Mask):
                name = "dots"
                summary = "dots"
                def holes(self, seeds, size):
                    return np.ones((len(seeds), size, size), dtype=bool)

            class Zero(inbench.Metric):
                name, better, region, about = "zero", "lower", "hole", "nothing"
                def per_image(self, guess, completed, image, hole):
                    return {}

            class None_(inbench.Dataset):
                name, summary, licence = "nothing", "nothing", "CC0-1.0"
                def prepare(self, source, size):
                    raise NotImplementedError

            class Same(inbench.Method):
                name, summary, paper, licence = "same", "same", "none", "CC0-1.0"
                def inpaint(self, seen, hole, seed):
                    return seen

            @inbench.hookimpl
            def inbench_masks():
                return [Dots]

            @inbench.hookimpl
            def inbench_metrics():
                return [Zero]

            @inbench.hookimpl
            def inbench_datasets():
                return [None_]

            @inbench.hookimpl
            def inbench_methods():
                return (each for each in [Same])
            """)
        ]
    )
    assert found.faults == []
    for kind, name in (("mask", "dots"), ("metric", "zero"), ("dataset", "nothing"), ("method", "same")):
        assert found.get(kind, name)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_one_fault_with_its_reason(file, kind):
    text, _, said = BROKEN[kind]
    path = file(text)
    (fault,) = registry.load([path]).faults
    assert said in fault.reason
    assert fault.origin == path
    assert not fault.unavailable


@pytest.mark.parametrize("kind", BROKEN)
def test_a_fault_names_the_file_and_the_line(file, kind):
    text, lines, _ = BROKEN[kind]
    path = file(text)
    (fault,) = registry.load([path]).faults
    assert fault.where in [f"{path}:{line}" for line in lines]
    assert fault.where in str(fault)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_leaves_the_others_whole(file, kind):
    broken, whole = file(BROKEN[kind][0], "broken.py"), file(good(but={'"echo"': '"after"'}), "whole.py")
    found = registry.load([broken, whole])
    assert found.get("method", "after").origin == whole
    assert found.get("method", "mean-fill").origin == "inbench_methods.mean_fill"
    assert len(found.faults) == 1


def test_a_plugin_with_one_bad_class_keeps_its_good_ones(file):
    found = registry.load([file(good(but={"return [Echo]": "return [int, Echo]"}))])
    assert found.get("method", "echo")
    assert [fault.reason for fault in found.faults] == ["int is no Method; derive it from inbench.Method"]


def test_a_broken_plugin_asked_for_by_name_says_why(file):
    path = file("import no_such_library\n", "gated_conv.py")
    with pytest.raises(UserError, match=r"method 'gated-conv' is broken: .*no_such_library.*gated_conv.py:1"):
        registry.load([path]).get("method", "gated-conv")


def test_a_class_at_fault_is_asked_for_by_its_own_name(file):
    path = file(good(but={"(frozen=True)": ""}), "other_name.py")
    with pytest.raises(UserError, match=r"method 'echo' is broken: .*no frozen dataclass"):
        registry.load([path]).get("method", "echo")


def test_the_first_of_two_names_stays(file):
    one, other = file(good(), "one.py"), file(good(), "other.py")
    found = registry.load([one, other])
    assert found.get("method", "echo").origin == one
    (fault,) = found.faults
    assert one in fault.reason
    assert fault.origin == other


@pytest.mark.parametrize("where", ["import", "hook"])
def test_what_needs_an_optional_library_is_unavailable(file, where):
    sentence = "pip install 'inbench[opencv]'"
    text = f'import inbench\nraise inbench.Unavailable("{sentence}")\n'
    if where == "hook":
        text = good(but={"return [Echo]": f'raise inbench.Unavailable("{sentence}")'})
    (fault,) = registry.load([file(text, "telea.py")]).faults
    assert (fault.name, fault.reason, fault.unavailable) == ("telea", sentence, True)


def test_a_file_that_is_not_there_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match=r"there is no plugin file .*missing.py"):
        registry.load([str(tmp_path / "missing.py")])


def test_a_file_named_twice_is_loaded_once(file):
    path = file(good())
    assert registry.load([path, path]).faults == []


def test_files_of_the_environment_are_loaded_too(file, monkeypatch):
    one, other = file(good(), "one.py"), file(good(but={'"echo"': '"after"'}), "other.py")
    monkeypatch.setenv("INBENCH_PLUGINS", f"{one}:{other}")
    assert {"echo", "after"} <= set(registry.load().names("method"))


def test_a_relative_file_is_found_from_where_one_is(file, monkeypatch, tmp_path):
    path = file(good())
    monkeypatch.chdir(tmp_path)
    assert registry.named_files(["my_plugin.py"]) == (path,)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("method", "mean-fil", "unknown method 'mean-fil'; did you mean 'mean-fill'?"),
        ("mask", "centre", "unknown mask 'centre'; did you mean 'center'?"),
        ("dataset", "drawn-face", "unknown data set 'drawn-face'; did you mean 'drawn-faces'?"),
        ("metric", "zzz", "unknown metric 'zzz'; there are: "),
    ],
)
def test_an_unknown_name_suggests_the_near_one(kind, name, said):
    with pytest.raises(UserError) as error:
        registry.load().get(kind, name)
    assert str(error.value).startswith(said)


def test_a_plugin_may_hold_dataclasses_of_texts(file):
    """`from __future__ import annotations` needs the module to be found by its name."""
    assert registry.load([file("from __future__ import annotations\n" + good())]).faults == []


def test_two_files_of_one_name_do_not_mix(file, tmp_path):
    (tmp_path / "other").mkdir()
    one, other = file(good(), "plugin.py"), file(good(but={'"echo"': '"after"'}), "other/plugin.py")
    found = registry.load([one, other])
    assert found.get("method", "echo").code != found.get("method", "after").code
