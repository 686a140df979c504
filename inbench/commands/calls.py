"""What a script calls: `inbench.run`, the command in three lines of Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inbench.readers import tables
from inbench.runs import executors, plan
from inbench.runs.runner import Limits
from inbench.words.planned import Planned


def run(methods: str = "all", datasets: str = "drawn-faces", **options: Any) -> list[dict[str, Any]]:
    """Train and score, as `inbench run` does, and return the rows of the tables as `inbench tables --json` prints them.

    methods, datasets: as on the command line, such as "linear,dense-gan[tv=0]"; options: `mask`, `test_masks`, `budget`,
    `seeds`, `size`, `device`, `precision`, `compile`, `deterministic`, `threads`, `results`, `data`, `plugins`, `keep`,
    `score_on`, `rerun`; and `executor`, `executor_options` (a list of `KEY=VALUE`), `jobs`.
    Raises `UserError` where a name or a path is wrong; a run that fails is a row with its status.
    """
    for name in ("results", "data"):
        if options.get(name) is not None:
            options[name] = Path(options[name])
    if isinstance(options.get("plugins"), str):
        options["plugins"] = [options["plugins"]]
    chosen = [options.pop("executor", "local"), options.pop("executor_options", ()), options.pop("jobs", None)]
    executor = executors.chosen(*chosen)
    request = executors.fitting(plan.Request(methods=methods, datasets=datasets, **options), executor)
    planned = plan.make(request, lambda *_: None)
    executor.execute(planned, show=lambda *_: None, limits=Limits())
    return rows_of(planned, request.results)


def rows_of(planned: Sequence[Planned], results: Path) -> list[dict[str, Any]]:
    """The rows of what was planned: of these runs, on these test masks."""
    masks = set().union(*(one.shown_masks for one in planned))
    return tables.rows(results, keys={one.run.key for one in planned}, masks=masks)
