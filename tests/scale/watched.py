"""A learner that says what it does: each step and each end, by run and process, in a file; its pace is read from another."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

TEXT = """
import os, sys, time
from pathlib import Path

import torch
from torch import nn

import inbench
import inbench.acts.training

inbench.acts.training.CHECKPOINT_SECONDS = 0.1
FOLDER = Path(__file__).parent


def say(what):
    line = f"{what} {Path(sys.argv[-1]).parent.name} {os.getpid()} {time.time()}\\n".encode()
    file = os.open(FOLDER / "said.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)


class Watched(inbench.Method):
    name, summary, paper, licence = "watched", "for a test", "none", "none"

    def __init__(self, size, params):
        super().__init__(size, params)
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Dropout(0.2), nn.Conv2d(4, 3, 3, padding=1))
        self.adam = inbench.adam(self.net.parameters(), 1e-2)

    def step(self, image, hole):
        say("step")
        time.sleep(float((FOLDER / "pace.txt").read_text()))
        loss = (self.net(image.masked_fill(hole, 0)) - image).square().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss": loss}

    def finish(self):
        say("ended")

    def inpaint(self, seen, hole, seed):
        return self.net(seen).clamp(0, 1)


@inbench.hookimpl
def inbench_methods():
    return [Watched]
"""


class Watch:
    """The plugin in a folder, and what its runs have said."""

    def __init__(self, folder: Path, pace: float = 0.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.said = folder / "watched.py", folder / "said.txt"
        self.file.write_text(TEXT)
        self.set_pace(pace)
        self.forget()

    def set_pace(self, seconds: float) -> None:
        """How long a step waits, from now on."""
        (self.file.parent / "pace.txt").write_text(f"{seconds}")

    def forget(self) -> None:
        self.said.write_text("")

    def lines(self, what: str) -> list[tuple[str, str, float]]:
        """Run, process and moment of everything said of one kind."""
        told = [line.split() for line in self.said.read_text().splitlines()]
        return [(run, process, float(moment)) for kind, run, process, moment in told if kind == what]

    def ends(self) -> Counter[str]:
        """How often each run's training came to its end."""
        return Counter(run for run, _, _ in self.lines("ended"))

    def at_once(self) -> list[str]:
        """Runs that two processes trained at the same time: one spoke again after another had begun."""
        found = []
        for run in {run for run, _, _ in self.lines("step")}:
            order = [process for name, process, _ in self.lines("step") if name == run]
            changes = sum(one != next_one for one, next_one in itertools.pairwise(order))
            if changes >= len({*order}):
                found.append(run)
        return found
