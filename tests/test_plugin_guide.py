"""The guide for plugin authors: its text is the template's, its blocks run in their order, its hooks are those there are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, Child, Told, workers
from torch import Tensor, nn

import inbench
from inbench.commands import scaffold

ROOT = Path(inbench.__file__).parent.parent
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
PLUGINS = {text.split('"""')[1].partition(":")[0].replace("-", "_"): text for kind, text in BLOCKS if kind == "python"}
LINES = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]
INSTALL = LINES.index("pip install ./inbench-tiny-net")
AFTER = LINES[INSTALL + 1 :][:3]
"""What is typed where the example is installed."""
SMALL = ["--datasets", TINY["datasets"], "--size", "32", "--budget", "smoke", "--threads", "1", "--precision", "float32"]
FEW = ["--methods", "tiny-net,dense-gan,mean-fill"]
"""What the tests add to a run, and to a run of all methods, so that the same command takes less time."""


class Lama(nn.Module):
    """Called as LaMa's published file is: the picture, then a mask in which 1 is missing; sides are multiples of 8."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        assert image.shape[2] % 8 == 0
        assert image.shape[3] % 8 == 0
        return image * (1 - mask) + mask * image.mean((2, 3), keepdim=True)


def published(folder: Path) -> dict[str, str]:
    """The files of weights that the guide names, each with its SHA-256."""
    torch.jit.save(torch.jit.script(Lama()), str(folder / "big-lama.pt"))
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1), nn.Sigmoid())
    torch.save(net.state_dict(), folder / "states.pt")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("big-lama.pt", "states.pt")}


def test_the_guide_shows_what_new_writes() -> None:
    assert PLUGINS["tiny_net"] == scaffold.template("method")


def test_the_plugin_on_a_palm_has_20_lines() -> None:
    assert len([line for line in PLUGINS["nearest_row"].splitlines() if line.strip()]) <= 20


@pytest.fixture
def guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Told]) -> dict[str, Told]:
    """What every command of the guide said, but for those that install: an environment of its own is there for them."""
    pytest.importorskip("cv2")
    monkeypatch.chdir(tmp_path)
    for name, text in PLUGINS.items():
        if name != "tiny_net":
            Path(f"{name}.py").write_text(text, encoding="utf-8")
    hashes, said = published(tmp_path), {}
    for line in [*LINES[:INSTALL], *LINES[INSTALL + len(AFTER) + 1 :]]:
        for name, digest in hashes.items():
            if name in line:
                line = line.replace("SHA256", digest[:16])
        program, *words = shlex.split(line)
        if program == "pytest":
            subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words], check=True)
            continue
        with workers(Child) if words[0] == "run" else contextlib.nullcontext():
            said[line] = command(*words, *(SMALL if words[0] == "run" else ()), *(FEW if "all" in words else ()))
        assert said[line].code == 0, said[line].err + said[line].out
    return said


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_every_block_of_the_guide_runs(guided: dict[str, Told], command: Callable[..., Told]) -> None:
    assert len(guided) == 10
    rows: dict[str, Any] = {row["shown"].partition("[")[0]: row for row in json.loads(command("tables", "--json").out)["rows"]}
    assert {"tiny-net", "nearest-row", "lama-file", "states-file", "dense-gan", "mean-image"} <= set(rows)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows["lama-file"]["params"].keys() == {"multiple", "one_is", "sha256"}
    assert not [file for file in Path("results").rglob("*.json") if "big-lama" in file.read_text()]
    assert [json.loads(line)["method"] for line in Path("finished.jsonl").read_text().splitlines()] == ["mean-image"]
