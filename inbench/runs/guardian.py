"""The guardian, `python -m inbench.runs.guardian SUBMISSION NUMBER`: on an engine's node, what `inbench run` is here.

It takes the claim on one run, starts `python -m inbench.runs.worker SPEC.json`, holds it to its limits and records its end.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from inbench.joints import submissions
from inbench.joints.claims import Claims
from inbench.joints.isolation import NO_ROOM
from inbench.runs.runner import POLL_SECONDS, Attempt, Limits
from inbench.words.errors import Interrupted, NoRoom, UserError, visible
from inbench.words.planned import Planned

STOPPED = 130


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: the run is done or skipped; 1: it failed, and its record says why; 130: stopped, it goes on next time."""
    submission = submissions.opened(Path(arguments[0]))
    one, limits = submission.run(int(arguments[1])), Limits(**submission.limits)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if fault := _unseen(one):
        print(f"inbench: {fault}", file=sys.stderr)
        return submissions.NOT_VISIBLE
    try:
        code = bring_to_its_end(one, limits)
    except (KeyboardInterrupt, Interrupted):
        print("inbench: stopped; what it had is kept, and it goes on from there when it is started again", file=sys.stderr)
        return STOPPED
    except NoRoom as error:
        print(f"inbench: {visible(error)}", file=sys.stderr)
        return NO_ROOM
    except UserError as error:
        print(f"inbench: {visible(error)}", file=sys.stderr)
        return 2
    _tell(one)
    return code


def bring_to_its_end(one: Planned, limits: Limits) -> int:
    """Wait for a run, or compute it; `Interrupted` where whoever started this process is gone."""
    attempt, parent = Attempt(one, Claims(one.runs / ".partial"), limits), os.getppid()
    try:
        while not attempt.go_on(lambda *_: None, {}):
            time.sleep(POLL_SECONDS)
            if os.getppid() != parent:  # the engine's process on this node is gone: the engine starts the run elsewhere
                raise Interrupted
    except BaseException:
        attempt.stop()
        raise
    return 0 if one.state in ("done", "skipped") else 1


def _tell(one: Planned) -> None:
    """Tell observers, where there may be any: to look for them takes seconds."""
    if one.made and (one.spec["plugins"] or metadata.entry_points(group="inbench")):
        from inbench.runs import observers

        observers.run_finished(one)


def _unseen(one: Planned) -> str:
    """What of a run's files cannot be read on this node."""
    if not Path(one.spec["data"]).is_dir():
        return f"the prepared data {one.spec['data']} is not there on this node; name a shared folder with --data DIR"
    for file in one.spec["plugins"]:
        if not Path(file).is_file():
            return f"the plugin file {file} is not there on this node; put it into a shared folder"
    return ""


def _stop(number: int, frame: object) -> None:
    """A second signal is no haste: engines send one to every process of a job, and more of them."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
