"""What a waiting person sees: one moving line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from inbench.words.errors import visible

if TYPE_CHECKING:
    from inbench.words.planned import Planned

PLAIN_SECONDS = 15.0


class Screen:
    """Progress on a stream (stderr), so that stdout holds the results alone."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.moving = stream, stream.isatty()
        self._width, self._last, self._place, self._total = 0, time.monotonic(), 0, 0
        self._order: list[str] = []
        self._said = ""
        self._beats: dict[str, dict[str, Any]] = {}

    def preparing(self, part: str, done: int, total: int) -> None:
        """A report of `preparing.prepare`."""
        if not total:
            self._say(f"waiting for {part}")
            return
        self._line(f"preparing {part}: {done} of {total} pictures", end=done == total)

    def timing(self, what: str, done: int, total: int) -> None:
        """A report of `bench.measure`, and of `supervising.checked`."""
        self._line(f"{what}: {done} of {total}", end=done == total)

    def estimating(self, done: int, total: int) -> None:
        """How many runs have been tried out."""
        self._line(f"estimating: {done} of {total} runs tried out", end=done == total)

    def plan(self, planned: Sequence[Planned]) -> None:
        """How many runs there are, and how many of them are done already."""
        self._order = [one.run.key for one in planned]
        self._total = len(planned)
        done = sum(one.state == "done" for one in planned)
        self._say(f"{self._total} run{'s' if self._total != 1 else ''}" + (f", {done} of them done already" if done else ""))

    def run(self, one: Planned, beat: dict[str, Any]) -> None:
        """A run's state, or how far its worker says it is."""
        title = f"[{self._order.index(one.run.key) + 1}/{self._total}] {one.title}"
        if not beat and one.state in ("done", "failed", "skipped", "timeout", "oom", "diverged", "interrupted", "queued"):
            self._beats.pop(one.run.key, None)
            self._say(f"{title}: {one.state}" + (f": {one.reason}" if one.reason else ""))
            return
        self._beats[one.run.key] = beat
        working = sum("waits" not in told for told in self._beats.values())
        if working and "waits" in beat:
            return
        others = f"{working} at work, {len(self._beats) - working} waiting; " if len(self._beats) > 1 else ""
        self._line(f"{others}{title}: {_state(beat)}")

    def _line(self, text: str, *, end: bool = False) -> None:
        text = visible(text)
        if self.moving:
            self.stream.write("\r" + text.ljust(self._width) + ("\n" if end else ""))
            self._width = 0 if end else len(text)
            self.stream.flush()
        elif text != self._said and (end or time.monotonic() - self._last > PLAIN_SECONDS):
            self._say(text)

    def _say(self, text: str) -> None:
        if self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self._width = 0
        self._last, self._said = time.monotonic(), text
        print(visible(text), file=self.stream, flush=True)


def _state(beat: dict[str, Any]) -> str:
    """What a run that is not over does."""
    if beat.get("elsewhere"):
        return "another process has it" + (f": {phase(beat)}" if "phase" in beat else "")
    if "starts" in beat:
        return "going on from its checkpoint" if beat["starts"] else "starting"
    return str(beat["waits"]) if "waits" in beat else phase(beat) if beat else "starting"


def phase(beat: dict[str, Any]) -> str:
    """A heartbeat in words: `training, step 40 of 100, 12 images/s, 0:21 left`."""
    if not isinstance(beat.get("phase"), str):  # damaged, or of another version
        return "at work"
    told = {name: value for name, value in beat.items() if isinstance(value, (int, float)) and abs(value) < 1e12}
    done, total = told.get("done", 0), told.get("total", 0)
    if beat["phase"] != "training":
        return f"{beat['phase']}, {done} of {total} images"
    text = f"training, step {done} of {total}"
    if told.get("rate") and "left" in told:
        text += f", {told['rate']:.0f} images/s, {duration(told['left'])} left"
    return text


def duration(seconds: float) -> str:
    """`1:05`, `2:00:00`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
