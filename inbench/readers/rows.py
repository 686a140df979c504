"""Rows: records to what a table says of each method, parameters, data set and mask. Measures nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inbench.readers import counting, standing, statistics
from inbench.readers.naming import is_called, numerics_of, set_names, told_apart
from inbench.words import brackets
from inbench.words.errors import UserError, unknown
from inbench.words.records import Record
from inbench.words.soundness import PRIMARY

FLOOR = "linear"
"""A linear map from the known pixels, in closed form: what a network has to pass to be worth its training."""


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


Intervals = dict[str, list[statistics.Interval]]


def rows(results: Path, *, keys: set[str] | None = None, masks: set[str] | None = None) -> list[dict[str, Any]]:
    """A row for each method, parameters, data set and mask, or for some: the content of `inbench tables --json`."""
    made = rows_of(found_in(results, keys=keys))
    return [row for row in made if masks is None or row["mask"] in masks or row["status"] != "ok"]


def rows_of(found: list[Record], *, where: Callable[[Section], bool] = lambda _: True) -> list[dict[str, Any]]:
    """The rows of some records; where: in which tables, for their intervals take the time."""
    made = []
    for section, members in sections(found).items():
        if not where(section):
            continue
        scored = Scored(section, members)
        groups = [(same, _ok(same, scored)) for same in trainings(members)]
        names = told_apart([same for same, _ in groups])
        intervals = bootstrapped(scored, [ok[0] for _, ok in groups if len(ok) == 1])
        found_here = [
            _row(section, same, ok, scored, intervals) | {"shown": name} for (same, ok), name in zip(groups, names, strict=True)
        ]
        for row in found_here:
            row["below_floor"] = _below_floor(row, found_here)
        made += sorted(found_here, key=lambda row: (row["shown"], row["train_mask"] or ""))
    return made


def check_there(results: Path) -> None:
    """Raises `UserError` where a folder holds no records."""
    if not (results / "runs").is_dir():
        raise UserError(f"there are no records in {results}; make some with inbench run --results {results}")


def found_in(results: Path, *, keys: set[str] | None = None) -> list[Record]:
    """The records that tables count. Raises `UserError` where there are none."""
    check_there(results)
    return current(record for record in counting.counted(results)[0] if keys is None or record.key in keys)


def trained_on_it(row: dict[str, Any]) -> bool:
    """Whether a row's training mask is the one it was tested on, or it needed none."""
    return row["train_mask"] in (None, row["mask"].removesuffix(" on val"))


def _below_floor(row: dict[str, Any], members: list[dict[str, Any]]) -> bool:
    """Whether a learner is worse than a linear map from the known pixels."""
    floor = next(
        (other["metrics"] for other in members if other["method"] == FLOOR and other["metrics"] and trained_on_it(other)),
        None,
    )
    if floor is None or row["closed_form"] or not row["seeds"] or not row["metrics"]:
        return False
    own, linear = row["metrics"][PRIMARY]["mean"], floor[PRIMARY]["mean"]
    return own is not None and linear is not None and bool(own < linear)


def sections(found: list[Record]) -> dict[Section, list[Record]]:
    """Records by what they can be compared on. A method that no budget changes stands in the tables of all of them."""
    sections: dict[Section, list[Record]] = {}
    budgets, names = standing.budgets(found), set_names(found)
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        named = [entry["shown"] for entry in record.scores.values()] or list(labels["masks"].values())
        for budget in budgets[record.key]:
            for mask in dict.fromkeys(named):
                section = Section(names[record.key], run["data"], run["size"], mask, budget)
                sections.setdefault(section, []).append(record)
    kept = [section for section in sections if not _is_repeated(section, sections)]
    in_order = sorted(kept, key=lambda section: (section.dataset, section.size, section.mask, section.budget))
    return {section: sections[section] for section in in_order}


def _is_repeated(section: Section, sections: Mapping[Section, list[Record]]) -> bool:
    """Whether a table holds only guests from other budgets, and another of the same pictures and hole holds all of them."""
    if any(_at_home(record, section) for record in sections[section]):
        return False
    own = {record.key for record in sections[section]}
    for other, members in sections.items():
        same = dataclasses.replace(other, budget=section.budget) == section and other != section
        theirs = {record.key for record in members} if same else set()
        hosts = any(_at_home(record, other) for record in members)
        if own < theirs or (own == theirs and (hosts or other.budget < section.budget)):
            return True
    return False


def _at_home(record: Record, section: Section) -> bool:
    """Whether a record was made at the budget of a table, and another budget would have made another."""
    labels = record.told["labels"]
    return not labels["any_budget"] and bool(labels["budget"] == section.budget)


def asked_for(
    found: list[Record], dataset: str | None = None, masks: str | None = None, budget: str | None = None
) -> Callable[[Section], bool]:
    """Which tables are those of a data set, of masks `A,B[p=1]`, of a budget; None asks for all.

    Raises `UserError` for one that no table has.
    """
    wanted = {"mask": brackets.split_list(masks)} if masks else {}
    wanted |= {field: [_in_order(name)] for field, name in (("dataset", dataset), ("budget", budget)) if name}
    there = list(sections(found)) if wanted else []
    for field, names in wanted.items():
        known = {getattr(section, field) for section in there}
        for name in names:
            if not any(is_called(one, name) if field == "dataset" else one == name for one in known):
                raise unknown("data set" if field == "dataset" else field, name, known)
    return lambda section: all(
        any(is_called(section.dataset, name) if field == "dataset" else getattr(section, field) == name for name in names)
        for field, names in wanted.items()
    )


def _in_order(text: str) -> str:
    """A name with its options as labels have them, sorted."""
    named = brackets.parse(text)
    return brackets.write(named.name, named.options)


def of_dataset(found: list[Record], only: str | None) -> list[Record]:
    """The records of one data set, or of all; a `UserError` where there are none."""
    asked_for(found, only)
    names = set_names(found)
    return [record for record in found if only is None or is_called(names[record.key], _in_order(only))]


def section_of(row: dict[str, Any]) -> Section:
    """The table that a row stands in."""
    return Section(row["dataset"], row["data"], row["size"], row["mask"], row["budget"])


def by_table(made: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows by the table that they stand in."""
    tables: dict[Section, list[dict[str, Any]]] = {}
    for row in made:
        tables.setdefault(section_of(row), []).append(row)
    return list(tables.values())


def by_data(made: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows by data set, size and budget, whatever the hole."""
    found: dict[Section, list[dict[str, Any]]] = {}
    for row in made:
        found.setdefault(dataclasses.replace(section_of(row), mask=""), []).append(row)
    return list(found.values())


def trainings(members: list[Record]) -> list[list[Record]]:
    """Records that differ by seed only, together."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(members, key=lambda record: record.told["run"]["seed"] or 0):
        run = {key: value for key, value in record.told["run"].items() if key not in ("seed", "code")}
        groups.setdefault(repr(sorted(run.items())), []).append(record)
    return sorted(
        groups.values(), key=lambda same: (same[0].told["labels"]["method"], same[0].told["labels"]["train_mask"] or "")
    )


def entry_of(record: Record, mask: str) -> tuple[str, dict[str, Any]] | None:
    """The scores on a mask by its shown form."""
    return next(
        ((name, entry) for name, entry in record.scores.items() if entry["shown"] == mask and entry["status"] == "ok"),
        None,
    )


class Scored:
    """The per-image scores of a section, on the pictures that all its records share, in one order; read when asked for."""

    def __init__(self, section: Section, members: list[Record]) -> None:
        self.section = section
        found = {record.key: entry for record in members if (entry := entry_of(record, section.mask))}
        scored = [record for record in members if record.key in found]
        newest = {}  # the holes of so many first pictures, as the last run had them
        for record in sorted(scored, key=lambda record: str(record.told["written"])):
            if "external" not in record.told:
                newest[found[record.key][1]["n"]] = found[record.key][1]["holes"]

        def has_these_holes(record: Record) -> bool:
            entry = found[record.key][1]
            return "external" in record.told or bool(newest[entry["n"]] == entry["holes"])

        self.records = {record.key: record for record in scored if has_these_holes(record)}
        self.entries = {key: found[key] for key in self.records}
        self.common: list[str] | None = None
        counts = {entry["n"] for _, entry in self.entries.values()}
        if len(counts) > 1 or any("external" in record.told for record in self.records.values()):
            ids = [set(self.frame(record).index) for record in self.records.values()]
            if any(other != ids[0] for other in ids):
                self.common = sorted(set.intersection(*ids))
        self.same = self.common is None
        """Whether all were scored on the same pictures."""

    def frame(self, record: Record) -> pd.DataFrame:
        """The rows of a record, in the order of the names of their images."""
        return counting.frame(record, self.entries[record.key][0]).sort_index()

    def columns(self, record: Record, metrics: Iterable[str]) -> tuple[NDArray[np.float64], list[int]]:
        """The values of some metrics, [n, k], and to which group each image belongs; without groups, each to itself."""
        frame = self.frame(record)
        if self.common is not None:
            frame = frame.loc[self.common]
        groups = frame["group"].to_numpy(np.float64)
        owners = range(len(groups)) if np.isnan(groups).any() else groups.astype(int).tolist()
        return frame[[record.told["metrics"][name]["column"] for name in metrics]].to_numpy(np.float64), list(owners)

    def mean(self, record: Record, metric: str) -> float:
        """A metric over the images: as run.json has it, or of its rows where only some of them count."""
        told = self.entries[record.key][1]["means"]
        if self.same and metric in told:
            return float("nan") if told[metric] is None else float(told[metric])
        column = self.columns(record, [metric])[0][:, 0]
        return float(statistics.reduced(counting.mean_of(column), record.told["metrics"][metric]["reduce"]))

    def count(self, record: Record) -> int:
        """How many images count."""
        return int(self.entries[record.key][1]["n"]) if self.common is None else len(self.common)


AT_A_TIME = 64
"""Records whose intervals are drawn together: enough that the drawing costs little beside the sums, few enough for memory."""


def bootstrapped(scored: Scored, singles: list[Record]) -> Intervals:
    """The intervals over images of trainings that stand alone, by key: every metric, in the order of run.json."""
    found = {}
    for start in range(0, len(singles), AT_A_TIME):
        alike: dict[tuple[int, ...], list[tuple[Record, NDArray[np.float64]]]] = {}
        for record in singles[start : start + AT_A_TIME]:
            values, owners = scored.columns(record, record.told["metrics"])
            alike.setdefault(tuple(owners), []).append((record, values))
        for owners_of_all, members in alike.items():
            reduces = [metric["reduce"] for record, _ in members for metric in record.told["metrics"].values()]
            intervals = iter(statistics.bootstraps(np.hstack([values for _, values in members]), owners_of_all, reduces))
            for record, _ in members:
                found[record.key] = [next(intervals) for _ in record.told["metrics"]]
    return found


def _ok(same: list[Record], scored: Scored) -> list[Record]:
    """Those of some trainings that have scores."""
    return [record for record in same if record.status == "ok" and record.key in scored.entries]


def _row(section: Section, same: list[Record], ok: list[Record], scored: Scored, intervals: Intervals) -> dict[str, Any]:
    first = same[0].told
    broken = [record for record in same if record not in ok]
    external = first.get("external")
    ours = ok if external is None else []  # what guesses from elsewhere cost is not known
    costs = [record.told["costs"] for record in ours]
    status, reason = _failure(section, broken[0]) if broken else ("ok", "")
    return {
        "method": first["run"]["method"],
        "label": first["labels"]["method"],
        "params": first["run"]["params"],
        "numerics": numerics_of(first["run"]),
        "dataset": section.dataset,
        "data": section.data,
        "mask": section.mask,
        "hole": _in_full(first["labels"], section.mask),
        "train_mask": first["labels"]["train_mask"],
        "budget": section.budget,
        "any_budget": first["labels"]["any_budget"],
        "notes": first["labels"].get("notes", []),
        "size": section.size,
        "records": [record.folder.name for record in same],
        "seeds": [record.told["run"]["seed"] for record in same if record.told["run"]["seed"] is not None],
        "status": status,
        "reason": reason,
        "complete": len(ok) == len(same),
        "converged": None if not ok else all(record.converged is not False for record in ok),
        "train_seconds": _train_seconds(ours) if ours else None,
        "ms_per_image": _ms_per_image(section, ours),
        "cpu_seconds": _cpu_seconds(ours) if ours else None,
        "peak_memory_bytes": max((cost["peak_memory_bytes"] for cost in costs), default=None),
        "parameters": costs[0]["parameters"] if costs else None,
        "warnings": _warnings(section, ok),
        "closed_form": bool(costs) and costs[0].get("updates") == {},
        "flops_per_image": _flops(section, ours),
        "external": external,
        "licence": first["labels"].get("licence"),
        "hardware": sorted({hardware_of(record) for record in ours}),
        "commits": sorted(set(filter(None, map(commit_of, ours)))),
        "written": sorted({str(record.told["written"])[:10] for record in ours}),
        "costs": costs_by_hardware(section, ours),
        "metrics": _metrics(ok, scored, intervals) if ok else {},
    }


def _in_full(labels: dict[str, Any], mask: str) -> str:
    """A mask with all its options, by its shown form: `center[side=32]`."""
    return str(next((full for full, shown in labels.get("masks", {}).items() if shown == mask), mask))


def _warnings(section: Section, ok: list[Record]) -> list[str]:
    """What people should know who read these numbers."""
    found = [text for record in ok for text in record.told.get("warnings", [])]
    found += [text for record in ok if (scored := entry_of(record, section.mask)) for text in scored[1].get("warnings", [])]
    return list(dict.fromkeys(found))


def _failure(section: Section, record: Record) -> tuple[str, str]:
    """Why a record has no scores on a mask: its training, or this scoring, did not work out."""
    if record.status != "ok":
        return record.status, str(record.told["reason"])
    entry = next((entry for entry in record.scores.values() if entry["shown"] == section.mask), None)
    if entry and entry["status"] == "ok":
        return "other holes", f"its holes of {section.mask} are not those of newer rows; inbench run scores it again"
    return (str(entry["status"]), str(entry["reason"])) if entry else ("interrupted", "not scored yet")


def commit_of(record: Record) -> str:
    """The commit that made a record, in short; empty where it is not known."""
    told = record.told["provenance"]
    return f"{told.get('commit') or ''}"[:10] + (" with changes" if told.get("commit") and told.get("dirty") else "")


def hardware_of(record: Record) -> str:
    """What a record was made on, in words."""
    return ", ".join(map(str, record.told["provenance"]["hardware"].values()))


def costs_by_hardware(section: Section, ok: list[Record]) -> dict[str, dict[str, float | None]]:
    """What runs cost, for each hardware: the middle of its seeds, which do the same work, and the most memory."""
    found = {}
    for hardware in sorted({hardware_of(record) for record in ok}):
        mine = [record for record in ok if hardware_of(record) == hardware]
        found[hardware] = {
            "train_seconds": _train_seconds(mine),
            "cpu_seconds": _cpu_seconds(mine),
            "ms_per_image": _ms_per_image(section, mine),
            "peak_memory_bytes": max(record.told["costs"]["peak_memory_bytes"] for record in mine),
        }
    return found


def _train_seconds(ok: list[Record]) -> float:
    return float(np.median([record.told["costs"]["train_seconds"] for record in ok]))


def _ms_per_image(section: Section, ok: list[Record]) -> float | None:
    found = [found[1]["costs"]["images_per_second"] for record in ok if (found := entry_of(record, section.mask))]
    return 1000 / float(np.median(found)) if found else None


def _cpu_seconds(ok: list[Record]) -> float:
    """Processor time of a run, all cores, training and scoring; the middle of its seeds."""
    return float(
        np.median(
            [
                r.told["costs"]["cpu_seconds"]
                + sum(s["costs"]["cpu_seconds"] for s in r.scores.values() if s["status"] == "ok")
                for r in ok
            ]
        )
    )


def _flops(section: Section, ok: list[Record]) -> int | None:
    found = entry_of(ok[0], section.mask) if ok else None
    return int(found[1]["costs"]["flops_per_image"]) if found else None


def _metrics(ok: list[Record], scored: Scored, drawn: Intervals) -> dict[str, dict[str, Any]]:
    """Each metric with its interval: over images for one training, over trainings for several."""
    metrics = {name: told for name, told in ok[0].told["metrics"].items() if all(name in one.told["metrics"] for one in ok)}
    if len(ok) == 1:
        intervals = drawn[ok[0].key]
    else:
        intervals = [statistics.over_seeds([scored.mean(record, name) for record in ok]) for name in metrics]
    told = {
        name: {
            **{word: round(value, 10) if np.isfinite(value) else None for word, value in zip(WORDS, interval, strict=True)},
            "n": scored.count(ok[0]),
            "unit": metric["unit"],
            "better": metric["better"],
        }
        for (name, metric), interval in zip(metrics.items(), intervals, strict=True)
    }
    return told | _of_sets(ok, scored)


def _of_sets(ok: list[Record], scored: Scored) -> dict[str, dict[str, Any]]:
    """What is said of all images together: only where every record was scored on all that count; an interval over trainings."""
    entries = [scored.entries[record.key][1] for record in ok]
    found = {}
    for name, set_told in entries[0].get("sets", {}).items() if scored.same else ():
        values = [entry["sets"][name]["value"] for entry in entries if name in entry.get("sets", {})]
        if len(values) == len(ok):
            ends = statistics.over_seeds(values) if len(values) > 1 else (values[0], None, None)
            found[name] = {**dict(zip(WORDS, ends, strict=True)), "n": scored.count(ok[0]), **{
                word: set_told[word] for word in ("unit", "better")}}  # fmt: skip
    return found


WORDS = ("mean", "low", "high")
