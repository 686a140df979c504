"""Paper runs: the plan of what a paper's tables need: a request to `plan` for each data set, mask, size and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inbench.joints import preparing
from inbench.runs import plan
from inbench.runs.plan import Request
from inbench.words import published
from inbench.words.errors import UserError
from inbench.words.planned import Planned
from inbench.words.published import Paper, PaperRow


def make(
    name: str,
    number: str | None,
    datasets: str | None,
    budget: str | None,
    request: Request,
    report: preparing.Report,
    *,
    claims: bool = False,
) -> list[Planned]:
    """Every run of a paper's tables and figures, or of one table; the rest of the request is as for any other plan.

    claims: and what the test of its claims needs beside them.
    datasets: `ROLE=NAME,..`, and only these roles are run; none: the data sets that the paper itself used.
    budget: in place of the paper's.
    """
    paper = published.load(name)
    planned: dict[str, Planned] = {}
    rows = [*rows_of(paper, number), *(claimed(paper) if claims else [])]
    for one in requests(paper, rows, datasets, budget, request):
        for run in plan.make(one, report):
            planned[run.run.key] = _joined(planned[run.run.key], run) if run.run.key in planned else run
    return list(planned.values())


def rows_of(paper: Paper, number: str | None = None) -> list[tuple[PaperRow, int]]:
    """The rows of one table, or of all tables and figures, each with its size."""
    return [(row, table.size) for table in published.chosen(paper, number) for row in table.rows]


def claimed(paper: Paper) -> list[tuple[PaperRow, int]]:
    """Both methods of every claim, as rows of the size of the paper's tables."""
    return [
        (PaperRow(claim.says, method, claim.dataset, claim.mask, claim.budget, {}), table.size)
        for table in paper.tables[:1]
        for claim in paper.claims
        for method in (claim.method, claim.than)
    ]


def requests(
    paper: Paper, rows: Sequence[tuple[PaperRow, int]], datasets: str | None, budget: str | None, request: Request
) -> list[Request]:
    """What to ask a plan for. Raises `UserError` where no data set stands for any row."""
    roles = published.roles_of(paper, datasets, own=datasets is None)
    asked: dict[tuple[str, str, int, str], dict[str, None]] = {}
    for row, size in rows:
        if row.method and row.dataset in roles:
            place = (roles[row.dataset], row.mask, size, budget or row.budget)
            asked.setdefault(place, {})[row.method] = None
    if not asked:
        needed = sorted({row.dataset for row, _ in rows if row.method})
        if not needed:
            raise UserError(f'{paper.name} names no method of ours in any row; method = "NAME" names one')
        raise UserError(f"no data set stands for {paper.name}'s {' or '.join(needed)}; write --datasets {needed[0]}=NAME")
    return [
        replace(request, methods=",".join(methods), datasets=data, mask=mask, test_masks=None, size=size, budget=spent)
        for (data, mask, size, spent), methods in asked.items()
    ]


def _joined(one: Planned, other: Planned) -> Planned:
    """One run that several masks are scored on: what learns nothing has one key for all of them."""
    for mask in other.spec["test_masks"]:
        if mask not in one.spec["test_masks"]:
            one.spec["test_masks"].append(mask)
    one.spec["labels"]["masks"] |= other.spec["labels"]["masks"]
    one.spec["typed"] |= other.spec["typed"]
    if other.spec["wanted"] > one.spec["wanted"]:  # the images of the one that asks for more hold those of the other
        one.spec |= {name: other.spec[name] for name in ("wanted", "test_images")}
    if one.state == "done" or (one.state == "failed" and other.state != "done"):
        one.state, one.reason = other.state, other.reason
    return one
