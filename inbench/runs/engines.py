"""Engines: what executors share that hand runs to a scheduler and then only look at the records."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from inbench.joints import submissions
from inbench.joints.claims import Claims
from inbench.joints.isolation import NO_ROOM
from inbench.joints.submissions import NOT_VISIBLE, Submission
from inbench.runs.runner import Attempt, Limits, Show, settled_since
from inbench.words import records
from inbench.words.errors import Interrupted, UserError
from inbench.words.planned import SETTLED, Planned

LOOK_SECONDS = 1.0
ASK_SECONDS = 5.0
LATE_SECONDS = 30.0
"""So long after a run has ended well its record may come into sight: network file systems keep an old view of a folder."""
ENDED, QUEUED, RUNNING = "ended", "queued", "running"


@dataclass(frozen=True)
class Told:
    """What an engine says of a run: queued, running or ended; why; its exit code, where it has one."""

    state: str
    reason: str = ""
    code: int | None = None


GONE = Told(ENDED, "it knows nothing of it any more")


class Engine(ABC):
    """Has runs computed elsewhere. They go on when the command that submitted them is gone; the next one attaches."""

    name: ClassVar[str]
    elsewhere: ClassVar[bool] = True
    at_once: int = 1
    listed: tuple[int, ...] = ()
    jobs: int | None
    gpus: int
    wait: bool

    @abstractmethod
    def check(self) -> None:
        """A `UserError` where the engine is not there."""

    @abstractmethod
    def most(self) -> int:
        """How many runs one submission may have."""

    @abstractmethod
    def submit(self, submission: Submission, threads: int) -> None:
        """Hand it over; a `UserError` in the engine's words where it is refused."""

    @abstractmethod
    def ask(self, submission: Submission) -> Mapping[int, Told]:
        """What it knows of each run, by number; what it does not know any more is left out."""

    def release(self, submission: Submission) -> None:
        """All runs of a submission have come to an end."""
        submission.forget()

    def execute(self, planned: Sequence[Planned], *, show: Show, limits: Limits) -> None:
        """Have every run of a plan brought to its end, and wait for that; what is with the engine already is not sent again."""
        self.check()
        waiting = []
        for one in planned:
            if one.state in SETTLED or one.state.startswith("plugin "):
                Attempt(one, Claims(one.runs / ".partial"), limits).go_on(show, {})
                show(one, {})
            else:
                waiting.append(one)
        if waiting:
            try:
                _Vigil(self, waiting, show, limits).keep()
            except KeyboardInterrupt:
                raise Interrupted(
                    f"the runs go on with {self.name}; inbench status shows them, and the same command attaches to them"
                ) from None


@dataclass
class _Vigil:
    """The waiting for runs that others compute."""

    engine: Engine
    waiting: list[Planned]
    show: Show
    limits: Limits
    sent: set[str] = field(default_factory=set)
    told: dict[str, Told] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    away: str = ""

    def __post_init__(self) -> None:
        self.results = Path(self.waiting[0].spec["results"])
        self.claims = Claims(self.results / "runs" / ".partial")

    def keep(self) -> None:
        asked = -ASK_SECONDS
        while self.waiting:
            for one in [one for one in self.waiting if settled_since(one)]:
                self._over(one)
            if time.monotonic() - asked >= ASK_SECONDS:
                self._ask_again()
                asked = time.monotonic()
                if not self.engine.wait:
                    for one in self.waiting:
                        one.state = QUEUED
                    return
            for one in self.waiting:
                told = self.told.get(one.run.name, Told(QUEUED))
                waits = f"{told.state}{f' ({told.reason})' if told.reason else ''}"
                self.show(one, one.heartbeat or {"waits": self.away or waits})
            if self.waiting:
                time.sleep(LOOK_SECONDS)
        self._clear()

    def _over(self, one: Planned) -> None:
        (self.given_up if one.state == "interrupted" else self.settled).add(one.run.name)
        self.waiting.remove(one)
        self.show(one, {})

    def _ask_again(self) -> None:
        """An engine that is away for a while is no reason to stop waiting, once it has the runs."""
        try:
            self._ask()
            self.away = ""
        except UserError as error:
            if not self.told:
                raise
            self.away = str(error)

    def _ask(self) -> None:
        """Learn what the engine has; send what nobody has; give up what has ended without a record."""
        found, places = dict[str, Told](), dict[str, tuple[Submission, int]]()
        wanted = {one.run.name for one in self.waiting}
        for submission in submissions.all_of(self.results, self.engine.name):
            if wanted.isdisjoint(submission.names):
                continue
            known = self.engine.ask(submission)
            for number, name in enumerate(submission.names):
                told = known.get(number, GONE)
                if name not in found or told.state != ENDED:
                    found[name], places[name] = told, (submission, number)
        self.told, new = found, []
        for one in list(self.waiting):
            name = one.run.name
            if self.told.get(name, GONE).state != ENDED or self.claims.held(name):
                self.ended.pop(name, None)
            elif name not in self.sent:
                new.append(one)
            elif not settled_since(one):
                self._maybe_give_up(one, self.told.get(name, GONE), places.get(name))
            else:
                self._over(one)
        self._send(new)

    def _send(self, new: Sequence[Planned]) -> None:
        most = self.engine.most() if new else 1
        for at in range(0, len(new), most):
            submission = submissions.write(self.engine.name, self.limits, new[at : at + most])
            try:
                self.engine.submit(submission, int(new[at].spec["threads"]))
            except BaseException:
                submission.forget()
                raise
            self.sent |= set(submission.names)
            self.told |= dict.fromkeys(submission.names, Told(QUEUED))

    def _maybe_give_up(self, one: Planned, told: Told, place: tuple[Submission, int] | None) -> None:
        since = self.ended.setdefault(one.run.name, time.monotonic())
        if told.code or time.monotonic() - since > LATE_SECONDS:
            one.state, one.reason = "interrupted", self._why(told, place)
            self._over(one)

    def _why(self, told: Told, place: tuple[Submission, int] | None) -> str:
        if told.code == NOT_VISIBLE and place and not place[0].log(place[1]).exists():
            return (
                f"a node of {self.engine.name} does not see the results folder {self.results}; "
                "name one on a file system that it shares with this machine, with --results DIR"
            )
        lines = records.last_lines(place[0].log(place[1])) if place else []
        said = next((line.strip().removeprefix("inbench: ") for line in reversed(lines) if line.strip()), "")
        if told.code == NO_ROOM or (told.code and said):
            return said
        ending = f"{self.engine.name} has ended it before it came to its end"
        return f"{ending}{f' ({told.reason})' if told.reason else ''}; the same command goes on with it"

    def _clear(self) -> None:
        """Forget submissions that the engine has nothing left to do for, unless their logs say why a run was given up."""
        began = time.monotonic()
        for submission in submissions.all_of(self.results, self.engine.name):
            with contextlib.suppress(UserError):  # it does not answer; the next command forgets them
                self._clear_away(submission, began)

    def _clear_away(self, submission: Submission, began: float) -> None:
        while (left := self._left(submission)) and left <= self.settled and time.monotonic() - began < LATE_SECONDS:
            time.sleep(LOOK_SECONDS)  # its record is there, and its process about to end
        if not left and self.given_up.isdisjoint(submission.names):
            self.engine.release(submission)

    def _left(self, submission: Submission) -> set[str]:
        """The runs of a submission that the engine has not seen the end of."""
        return {submission.names[number] for number, told in self.engine.ask(submission).items() if told.state != ENDED}
