"""Tables: records to rows, rows to markdown. Reads records, measures nothing, and never reads a table back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from inbench import counting, elsewhere, records, statistics
from inbench.errors import UserError
from inbench.records import PROTOCOL_LINE, Record

SHOWN = ("l2", "psnr", "psnr-pooled", "ssim")
PRIMARY = "psnr-pooled"
FLOOR = "linear"
MARGINS = {"psnr": 0.1, "psnr-pooled": 0.1, "psnr-completed": 0.1, "ssim": 0.005, "ssim-hole": 0.005}


@dataclass(frozen=True)
class Section:
    """What one table is about: everything in it was measured on the same pictures and holes."""

    dataset: str
    data: str
    size: int
    mask: str
    budget: str


def current(found: Iterable[Record]) -> list[Record]:
    """The newest record of each run, whatever the source of its plugin was; older ones are stale."""
    newest: dict[str, Record] = {}
    for record in found:
        told = {key: value for key, value in record.told["run"].items() if key != "code"}
        same = repr(sorted(told.items()))
        if same not in newest or newest[same].told["written"] < record.told["written"]:
            newest[same] = record
    return list(newest.values())


def rows(results: Path, *, keys: set[str] | None = None) -> list[dict[str, Any]]:
    """A row for each method, parameters, data set and mask: the content of `inbench tables --json`."""
    if not (results / "runs").is_dir():
        raise UserError(f"there are no records in {results}; make some with inbench run --results {results}")
    found = current(record for record in counting.counted(results)[0] if keys is None or record.key in keys)
    made = []
    for section, members in _sections(found).items():
        common = _common_ids(section, members)
        made += _told_apart([_row(section, same, common) for same in _trainings(members)])
    return made


def _told_apart(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one method and mask that differ in their numerics alone say which they are."""
    alike = Counter((row["shown"], row["train_mask"]) for row in members)
    twins = [alike[row["shown"], row["train_mask"]] > 1 for row in members]
    for row, is_twin in zip(members, twins, strict=True):
        if is_twin and row["numerics"]:
            row["shown"] += ", " + row["numerics"]
    return sorted(members, key=lambda row: (row["shown"], row["train_mask"] or ""))


def _sections(found: list[Record]) -> dict[Section, list[Record]]:
    """Records by what they can be compared on. A method that no budget changes stands in the tables of all of them."""
    sections: dict[Section, list[Record]] = {}
    budgets = elsewhere.budgets(found)
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        named = [entry["shown"] for entry in record.scores.values()] or list(labels["masks"].values())
        for budget in budgets[record.key]:
            for mask in dict.fromkeys(named):
                section = Section(labels["dataset"], run["data"], run["size"], mask, budget)
                sections.setdefault(section, []).append(record)
    return dict(sorted(sections.items(), key=lambda item: (item[0].dataset, item[0].size, item[0].mask, item[0].budget)))


def _trainings(members: list[Record]) -> list[list[Record]]:
    """Records that differ by seed only, together."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(members, key=lambda record: record.told["run"]["seed"] or 0):
        run = {key: value for key, value in record.told["run"].items() if key not in ("seed", "code")}
        groups.setdefault(repr(sorted(run.items())), []).append(record)
    return sorted(
        groups.values(), key=lambda same: (same[0].told["labels"]["method"], same[0].told["labels"]["train_mask"] or "")
    )


def _entry(record: Record, mask: str) -> tuple[str, dict[str, Any]] | None:
    """The scores on a mask by its shown form."""
    return next(
        ((name, entry) for name, entry in record.scores.items() if entry["shown"] == mask and entry["status"] == "ok"),
        None,
    )


def _common_ids(section: Section, members: list[Record]) -> list[str] | None:
    """The pictures that every record of a section was scored on; None where all were scored on the same number."""
    scored = [(record, found[0], found[1]["n"]) for record in members if (found := _entry(record, section.mask))]
    if len({n for _, _, n in scored}) < 2:
        return None
    ids = [set(counting.frame(record, canonical).index) for record, canonical, _ in scored]
    return sorted(set.intersection(*ids))


def _row(section: Section, same: list[Record], common: list[str] | None) -> dict[str, Any]:
    first = same[0].told
    ok = [record for record in same if record.status == "ok" and _entry(record, section.mask)]
    broken = [record for record in same if record not in ok]
    external = first.get("external")
    costs = [record.told["costs"] for record in ok] if external is None else []
    status, reason = _failure(section, broken[0]) if broken else ("ok", "")
    return {
        "method": first["run"]["method"],
        "shown": first["labels"]["method"],
        "params": first["run"]["params"],
        "numerics": _numerics(first["run"]),
        "dataset": section.dataset,
        "mask": section.mask,
        "train_mask": first["labels"]["train_mask"],
        "budget": section.budget,
        "notes": first["labels"].get("notes", []),
        "size": section.size,
        "seeds": [record.told["run"]["seed"] for record in same if record.told["run"]["seed"] is not None],
        "status": status,
        "reason": reason,
        "complete": len(ok) == len(same),
        "converged": None if not ok else all(record.told.get("converged") is not False for record in ok),
        "train_seconds": float(np.mean([cost["train_seconds"] for cost in costs])) if costs else None,
        "ms_per_image": _ms_per_image(section, ok) if costs else None,
        "cpu_seconds": _cpu_seconds(ok) if costs else None,
        "peak_memory_bytes": max((cost["peak_memory_bytes"] for cost in costs), default=None),
        "parameters": costs[0]["parameters"] if costs else None,
        "warnings": _warnings(section, ok),
        "closed_form": bool(costs) and costs[0].get("updates") == {},
        "flops_per_image": _flops(section, ok) if costs else None,
        "external": external,
        "hardware": sorted({", ".join(map(str, record.told["provenance"]["hardware"].values())) for record in ok if costs}),
        "metrics": _metrics(section, ok, common) if ok else {},
    }


def _numerics(run: dict[str, Any]) -> str:
    """What a run was computed with, in words: `bf16`, `float32, deterministic`."""
    told = [run["precision"], "compiled" if run.get("compiled") else "", "deterministic" if run.get("deterministic") else ""]
    return ", ".join(filter(None, told))


def _warnings(section: Section, ok: list[Record]) -> list[str]:
    """What people should know who read these numbers."""
    found = [text for record in ok for text in record.told.get("warnings", [])]
    found += [text for record in ok if (scored := _entry(record, section.mask)) for text in scored[1].get("warnings", [])]
    return list(dict.fromkeys(found))


def _failure(section: Section, record: Record) -> tuple[str, str]:
    """Why a record has no scores on a mask: its training, or this scoring, did not work out."""
    if record.status != "ok":
        return record.status, str(record.told["reason"])
    entry = next((entry for entry in record.scores.values() if entry["shown"] == section.mask), None)
    return (str(entry["status"]), str(entry["reason"])) if entry else ("interrupted", "not scored yet")


def _ms_per_image(section: Section, ok: list[Record]) -> float | None:
    found = [found[1]["costs"]["images_per_second"] for record in ok if (found := _entry(record, section.mask))]
    return 1000 / float(np.mean(found)) if found else None


def _cpu_seconds(ok: list[Record]) -> float:
    """Processor time of a run, all cores, training and scoring; the mean over seeds."""
    return float(
        np.mean(
            [
                r.told["costs"]["cpu_seconds"]
                + sum(s["costs"]["cpu_seconds"] for s in r.scores.values() if s["status"] == "ok")
                for r in ok
            ]
        )
    )


def _flops(section: Section, ok: list[Record]) -> int | None:
    found = _entry(ok[0], section.mask) if ok else None
    return int(found[1]["costs"]["flops_per_image"]) if found else None


def _metrics(section: Section, ok: list[Record], common: list[str] | None) -> dict[str, dict[str, Any]]:
    """Each metric with its interval: over images for one training, over trainings for several."""
    frames = []
    for record in ok:
        found = _entry(record, section.mask)
        frame = counting.frame(record, found[0]) if found else pd.DataFrame()
        frames.append(frame if common is None else frame.loc[common])
    made = {}
    for name, metric in ok[0].told["metrics"].items():
        values = [frame[metric["column"]].to_numpy(dtype=np.float64) for frame in frames]
        if len(values) == 1:
            mean, low, high = statistics.bootstrap(values[0], _owners(frames[0]), reduce=metric["reduce"])
        else:
            mean, low, high = statistics.over_seeds(
                [float(statistics.reduced(counting.mean_of(column), metric["reduce"])) for column in values]
            )
        number = (round(value, 10) if np.isfinite(value) else None for value in (mean, low, high))
        made[name] = {
            **dict(zip(("mean", "low", "high"), number, strict=True)),
            "n": len(values[0]),
            "unit": metric["unit"],
            "better": metric["better"],
        }
    return made


def _owners(frame: pd.DataFrame) -> list[int]:
    if frame["group"].isna().any():
        return list(range(len(frame)))
    return [int(group) for group in frame["group"]]


def markdown(made: list[dict[str, Any]], *, unfinished: int = 0, damaged: Sequence[str] = ()) -> str:
    """All rows as markdown: a table a section, its marks and its protocol under it."""
    blocks = []
    sections: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in made:
        sections.setdefault((row["dataset"], row["size"], row["mask"], row["budget"]), []).append(row)
    for (dataset, size, mask, budget), members in sections.items():
        blocks.append(f"{_title(dataset, size, mask, budget)}\n\n{_table(members)}\n\n{_under(members)}")
    if unfinished:
        blocks.append(
            f"{unfinished} more {'runs are' if unfinished > 1 else 'run is'} not finished; "
            "the same `inbench run` goes on with them."
        )
    if damaged:
        told = "\n".join(f"- {plain(fault)}" for fault in damaged)
        blocks.append(f"{len(damaged)} damaged records are not counted; the same `inbench run` makes them anew:\n\n{told}")
    return "\n\n".join([*blocks, PROTOCOL_LINE]) + "\n"


def _title(dataset: object, size: object, mask: object, budget: object) -> str:
    return f"**{plain(dataset)}, {size} x {size}, hole: {plain(mask)}, budget: {plain(budget)}**"


def _table(members: list[dict[str, Any]]) -> str:
    ranks = _ranks(members)
    best = {name: _best(name, members) for name in SHOWN} if ranks else {}
    head = ["method", *(_head(name, members) for name in SHOWN), "train s", "ms/image"]
    if not all(_trained_on_it(row) for row in members):
        head.insert(1, "trained on")
    body = []
    for row in members:
        cells = [plain(row["shown"]) + _marks(row, members)]
        if "trained on" in head:
            cells.append(plain(row["train_mask"] or "-"))
        for name in SHOWN:
            cells.append(_cell(name, row, best.get(name)))
        cells += [
            f"{row['train_seconds']:.0f}" if row["train_seconds"] else "-",
            f"{row['ms_per_image']:.1f}" if row["ms_per_image"] else "-",
        ]
        body.append(cells)
    made: str = tabulate(
        body,
        headers=head,
        tablefmt="github",
        disable_numparse=True,
        colalign=("left",) * (len(head) - len(SHOWN) - 2) + ("right",) * (len(SHOWN) + 2),
    )
    return made


def _ranks(members: list[dict[str, Any]]) -> bool:
    """Whether a table may say who is best: not at a budget that is for a first look."""
    return not members[0]["budget"].startswith(("quick", "smoke"))


def _head(name: str, members: list[dict[str, Any]]) -> str:
    metric = next((row["metrics"][name] for row in members if name in row["metrics"]), {"unit": "", "better": "higher"})
    arrow = "↑" if metric["better"] == "higher" else "↓"
    return f"{name} {metric['unit']} {arrow}".replace("  ", " ")


def _best(name: str, members: list[dict[str, Any]]) -> float | None:
    values = [
        row["metrics"][name]["mean"]
        for row in members
        if name in row["metrics"] and row["complete"] and row["converged"] is not False
    ]
    values = [value for value in values if value is not None]
    better = max if name != "l2" else min
    return better(values) if values else None


def _cell(name: str, row: dict[str, Any], best: float | None) -> str:
    metric = row["metrics"].get(name)
    if not metric or metric["mean"] is None:
        return "-"
    digits = 3 if name.startswith("ssim") else 2
    text = f"{metric['mean']:.{digits}f}"
    if (
        best is not None
        and row["complete"]
        and row["converged"] is not False
        and abs(metric["mean"] - best) <= MARGINS.get(name, 0.0)
    ):
        text = f"**{text}**"
    return f"{text} ±{(metric['high'] - metric['low']) / 2:.{digits}f}"


def _marks(row: dict[str, Any], members: list[dict[str, Any]]) -> str:
    marks = "" if row["status"] == "ok" else f" ({row['status']})"
    if row["external"] is not None:
        marks += f" {elsewhere.MARK}"
    if _below_floor(row, members):
        marks += " †"
    if row["converged"] is False and _ranks(members):
        marks += " ‡"
    return marks


def _trained_on_it(row: dict[str, Any]) -> bool:
    """Whether a row's training mask is the one it was tested on, or it needed none."""
    return row["train_mask"] in (None, row["mask"].removesuffix(" on val"))


def _below_floor(row: dict[str, Any], members: list[dict[str, Any]]) -> bool:
    floor = next(
        (other["metrics"] for other in members if other["method"] == FLOOR and other["metrics"] and _trained_on_it(other)),
        None,
    )
    if floor is None or row["closed_form"] or not row["seeds"] or not row["metrics"]:
        return False
    own, linear = row["metrics"][PRIMARY]["mean"], floor[PRIMARY]["mean"]
    return own is not None and linear is not None and bool(own < linear)


def _under(members: list[dict[str, Any]]) -> str:
    complete = sum(row["complete"] for row in members)
    counts = {row["metrics"][PRIMARY]["n"] for row in members if row["metrics"]}
    several = any(len(row["seeds"]) > 1 for row in members)
    lines = [f"{complete} of {len(members)} complete; {max(counts, default=0)} test images"]
    lines += sorted({plain(note) for row in members for note in row["notes"]})
    lines.append(
        "± is half a 95 % interval, over images for one training" + (" and over trainings for several" if several else "")
    )
    if any(_below_floor(row, members) for row in members):
        lines.append(f"† a learner below {FLOOR}: not trained enough")
    if _ranks(members) and any(row["converged"] is False for row in members):
        lines.append("‡ not converged: validation psnr rose by over 0.1 dB in the last fifth")
    lines += [plain(elsewhere.note(row)) for row in members if row["external"] is not None]
    if not _ranks(members):
        lines.append(f"budget {plain(members[0]['budget'])} is a first look and ranks nothing")
    if len({hardware for row in members for hardware in row["hardware"]}) > 1:
        lines.append("times are from different hardware and must not be compared")
    told = ". ".join(line[0].upper() + line[1:] for line in lines) + "."
    broken = [f"- {plain(row['shown'])}: {row['status']}: {plain(row['reason'])}" for row in members if row["status"] != "ok"]
    broken += [f"- {plain(row['shown'])}: warning: {plain('; '.join(row['warnings']))}" for row in members if row["warnings"]]
    return "\n\n".join([told, "\n".join(broken)]) if broken else told


def cost_table(results: Path) -> str:
    """What each run cost, as markdown: a table for each section and hardware."""
    blocks = []
    sections: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows(results):
        if row["metrics"] and row["external"] is None:
            told = (row["dataset"], str(row["size"]), row["mask"], row["budget"], "; ".join(row["hardware"]))
            sections.setdefault(told, []).append(row)
    for (dataset, size, mask, budget, hardware), members in sections.items():
        body = [[plain(row["shown"]), *_cost_cells(row)] for row in members]
        total = sum(row["cpu_seconds"] for row in members)
        body.append(["all", "", f"{total:.0f}", "", "", "", ""])
        head = ["method", "train s", "CPU s", "ms/image", "peak MB", "parameters M", "GFLOP/image"]
        made = tabulate(body, headers=head, tablefmt="github", disable_numparse=True, colalign=("left", *["right"] * 6))
        blocks.append(f"{_title(dataset, size, mask, budget)}, on {plain(hardware)}\n\n{made}")
    return "\n\n".join(blocks) + "\n"


def _cost_cells(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['train_seconds']:.0f}" if row["train_seconds"] else "-",
        f"{row['cpu_seconds']:.0f}",
        f"{row['ms_per_image']:.1f}",
        f"{row['peak_memory_bytes'] / 2**20:.0f}",
        f"{row['parameters'] / 1e6:.2f}" if row["parameters"] else "-",
        f"{row['flops_per_image'] / 1e9:.2f}" if row["flops_per_image"] else "-",
    ]


def plain(text: object) -> str:
    """A name or message as markdown text: nothing in it can be a table's bar, a tag or a terminal's control character."""
    kept = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", str(text))
    return re.sub(r"([\\`*|<>])", lambda found: {"<": "&lt;", ">": "&gt;"}.get(found[1], f"\\{found[1]}"), kept)


def table(results: str | Path = "results", *, only: str | None = None) -> str:
    """The tables of a results folder as markdown; `only` names one data set."""
    folder = Path(results)
    done = {record.key for record in records.all_of(folder)}
    waiting = sum(records.Run(**spec["run"]).key not in done for spec in records.unfinished(folder))
    made = [row for row in rows(folder) if only in (None, row["dataset"])]
    return markdown(made, unfinished=waiting, damaged=counting.counted(folder)[1])


def write(text: str, file: Path, name: str = "tables") -> None:
    """Put the tables into a file: between the markers of that name where it has them, else as the whole file."""
    records.write_file(file, placed(text, file, name).encode())


def is_current(text: str, file: Path, name: str = "tables") -> bool:
    """Whether a file holds these tables already."""
    return file.is_file() and file.read_text(encoding="utf-8") == placed(text, file, name)


def placed(text: str, file: Path, name: str = "tables") -> str:
    """The file's content with the tables in it."""
    opening, closing = markers(name)
    if file.is_file():
        old = file.read_text(encoding="utf-8")
        before, begin, rest = old.partition(opening)
        _, end, after = rest.partition(closing)
        if begin and end:
            return f"{before}{opening}\n\n{text.rstrip()}\n\n{closing}{after}"
        if name != "tables":
            raise UserError(f"{file} has no place for {name}; write {opening} and {closing} where they go")
    return text


def markers(name: str = "tables") -> tuple[str, str]:
    """The lines of a document between which its generated tables of that name stand."""
    return f"<!-- inbench {name}: begin -->", f"<!-- inbench {name}: end -->"
