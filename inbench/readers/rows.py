"""Rows: records to what a table says of each method, parameters, data set and mask. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inbench.readers import statistics, watched
from inbench.readers.counting import shared_metrics
from inbench.readers.naming import numerics_of, told_apart
from inbench.readers.scored import Intervals, Scored, bootstrapped, entry_of
from inbench.readers.sections import Section, found_in, images_shown, sections, shown_once, trained_there, trainings
from inbench.words.protocol import FLOOR, PRIMARY
from inbench.words.records import Record, mask_and_part, score_key

ENDS = ("mean", "low", "high")
"""What a metric of a row is: its mean over the images, and its interval."""


def rows(
    results: Path, *, keys: set[str] | None = None, masks: set[str] | None = None, beside: str | None = None
) -> list[dict[str, Any]]:
    """A row for each method, parameters, data set and mask, or for some: the content of `inbench tables --json`.

    beside: the key of one on whose images the others stand, however few they are.
    """
    found = found_in(results, keys=keys)
    made = rows_of(found, where=shown_once(found), beside=beside)
    return [row for row in made if masks is None or row["mask"] in masks or row["status"] != "ok"]


def rows_of(
    found: list[Record], *, where: Callable[[Section], bool] = lambda _: True, beside: str | None = None
) -> list[dict[str, Any]]:
    """The rows of some records; where: in which tables, for their intervals take the time; beside: as above."""
    made = []
    for section, members in sections(found).items():
        if not where(section):
            continue
        scored = Scored(section, members)
        scored = scored if beside in scored.entries else scored.whole
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


def trained_on_it(row: dict[str, Any]) -> bool:
    """Whether a row's training mask is the one it was tested on, or it needed none."""
    return trained_there(row["train_mask"], row["mask"])


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


def _ok(same: list[Record], scored: Scored) -> list[Record]:
    """Those of some trainings that have scores."""
    return [record for record in same if record.status == "ok" and record.key in scored.entries]


def _row(section: Section, same: list[Record], ok: list[Record], scored: Scored, intervals: Intervals) -> dict[str, Any]:
    first = same[0].told
    broken = [record for record in same if record not in ok]
    external = first.get("external")
    ours = ok if external is None else []  # what guesses from elsewhere cost is not known
    costs = [record.told["costs"] for record in ours]
    status, reason = _failure(scored, broken[0]) if broken else ("ok", "")
    return {
        "method": first["run"]["method"],
        "label": first["labels"]["method"],
        "params": first["run"]["params"],
        "code": first["run"]["code"],
        "numerics": numerics_of(first["run"]),
        "dataset": section.dataset,
        "data": section.data,
        "mask": section.mask,
        "mask_in_full": _in_full(first["labels"], section.mask),
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
        "converged": watched.converged(ok),
        "past_best": watched.past_best(ok),
        "budget_images": max(map(images_shown, same)),
        "train_seconds": _train_seconds(ours) if ours else None,
        "ms_per_image": _ms_per_image(section, ours),
        "cpu_seconds": _cpu_seconds(ours) if ours else None,
        "peak_memory_bytes": max((cost["peak_memory_bytes"] for cost in costs), default=None),
        "parameters": costs[0]["parameters"] if costs else None,
        "warnings": _warnings(section, ok),
        "closed_form": bool(costs) and first["labels"]["any_budget"],
        "flops_per_image": _flops(section, ours),
        "external": external,
        "metric_codes": _codes(ok),
        "licence": first["labels"].get("licence"),
        "hardware": sorted({hardware_of(record) for record in ours}),
        "libraries": sorted({library for record in ours for library in libraries_of(record)}),
        "commits": sorted(set(filter(None, map(commit_of, ours)))),
        "written": sorted({str(record.told["written"])[:10] for record in ours}),
        "costs": costs_by_hardware(section, ours),
        "metrics": _metrics(ok, scored, intervals) if ok else {},
        "trainings": [_training(record, scored) for record in ok if record.told["run"]["seed"] is not None],
    }


def _training(record: Record, scored: Scored) -> dict[str, Any]:
    """One training of a row: its scores, its best and its last look at validation psnr, and the step of the best."""
    looks = record.told["validation"]
    best = max(looks, key=lambda look: look["psnr"], default=None)
    means = {name: scored.mean(record, name) for name in record.told["metrics"]}
    return {
        "seed": record.told["run"]["seed"],
        "checkpoint": watched.checkpoint(record),
        "scores": {name: mean if np.isfinite(mean) else None for name, mean in means.items()},
        "converged": watched.converged([record]),
        "past_best": watched.past_best([record]),
        "best_look": best["psnr"] if best else None,
        "best_step": best["step"] if best else None,
        "last_look": looks[-1]["psnr"] if looks else None,
    }


def _in_full(labels: dict[str, Any], mask: str) -> str:
    """A mask with all its options, by its shown form: `center[side=32]`."""
    shown, part = mask_and_part(mask)
    return score_key(next((str(full) for full, told in labels.get("masks", {}).items() if told == shown), shown), part)


def _warnings(section: Section, ok: list[Record]) -> list[str]:
    """What people should know who read these numbers."""
    found = [text for record in ok for text in record.told.get("warnings", [])]
    found += [text for record in ok if (scored := entry_of(record, section.mask)) for text in scored[1].get("warnings", [])]
    return list(dict.fromkeys(found))


def _failure(scored: Scored, record: Record) -> tuple[str, str]:
    """Why a record has no scores on a mask: its training, or this scoring, did not work out."""
    mask, count = scored.section.mask, len(scored.ids)
    if record.status != "ok":
        return record.status, str(record.told["reason"])
    entry = next((entry for entry in record.scores.values() if entry["shown"] == mask), None)
    if entry and entry["status"] == "ok" and entry["n"] < count:
        more = (
            "inbench compare takes the images that two have" if "external" in record.told else "inbench run scores the others"
        )
        return "fewer images", f"tested on {entry['n']} of these {count} images; {more}"
    if entry and entry["status"] == "ok":
        return "other holes", f"its holes of {mask} are not those of newer rows; inbench run scores it again"
    return (str(entry["status"]), str(entry["reason"])) if entry else ("interrupted", "not scored yet")


def commit_of(record: Record) -> str:
    """The commit that made a record, in short; empty where it is not known."""
    told = record.told["provenance"]
    return f"{told.get('commit') or ''}"[:10] + (" with changes" if told.get("commit") and told.get("dirty") else "")


def hardware_of(record: Record) -> str:
    """What a record was made on, in words."""
    return ", ".join(map(str, record.told["provenance"]["hardware"].values()))


def libraries_of(record: Record) -> list[tuple[str, str]]:
    """The names and versions of what it was made with; nothing where that is not known."""
    told = record.told["provenance"].get("libraries")
    return [(name, str(version).partition("+")[0]) for name, version in told.items()] if isinstance(told, dict) else []


def costs_by_hardware(section: Section, ok: list[Record]) -> dict[str, dict[str, float | None]]:
    """What runs cost, for each hardware: the middle of its seeds, which do the same work, and the most memory."""
    found = {}
    for hardware in sorted({hardware_of(record) for record in ok}):
        mine = [record for record in ok if hardware_of(record) == hardware]
        found[hardware] = {
            "train_seconds": _train_seconds(mine),
            "cpu_seconds": _cpu_seconds(mine),
            "ms_per_image": _ms_per_image(section, mine),
            "latency_seconds": _latency(section, mine),
            "peak_memory_bytes": max(_peak_memory(record) for record in mine),
        }
    return found


def _codes(ok: list[Record]) -> dict[str, list[str]]:
    """By which versions of its source a metric that is not inbench's measured these: of one that no record tells, empty."""
    told: dict[str, set[str]] = {}
    for record in ok:
        sets = [entry.get("sets", {}) for entry in record.scores.values()]
        for name, metric in [item for metrics in (record.told["metrics"], *sets) for item in metrics.items()]:
            told.setdefault(name, set()).add(metric.get("code", ""))
    return {name: sorted(codes) for name, codes in told.items() if codes != {""}}


def _peak_memory(record: Record) -> int:
    """Of a GPU what tensors held there, else what the process held."""
    costs = record.told["costs"]
    return int(costs["peak_memory_bytes"] if costs.get("peak_cuda_bytes") is None else costs["peak_cuda_bytes"])


def _train_seconds(ok: list[Record]) -> float:
    return float(np.median([record.told["costs"]["train_seconds"] for record in ok]))


def _ms_per_image(section: Section, ok: list[Record]) -> float | None:
    found = [found[1]["costs"]["images_per_second"] for record in ok if (found := entry_of(record, section.mask))]
    return 1000 / float(np.median(found)) if found else None


def _latency(section: Section, ok: list[Record]) -> float | None:
    """Seconds that an answer to one picture by itself takes."""
    costs = [found[1]["costs"] for record in ok if (found := entry_of(record, section.mask))]
    seconds = [cost["seconds_at_batch_1"] for cost in costs if "seconds_at_batch_1" in cost]
    return float(np.median(seconds)) if seconds else None


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
    """Each metric with its interval: over images for one training, over trainings and images for several."""
    metrics = shared_metrics(ok)
    intervals = drawn[ok[0].key] if len(ok) == 1 else _over_both(ok, metrics, scored)
    told = {
        name: {
            **{word: round(value, 10) if np.isfinite(value) else None for word, value in zip(ENDS, interval, strict=True)},
            "n": len(scored.ids),
            "unit": metric["unit"],
            "better": metric["better"],
        }
        for (name, metric), interval in zip(metrics.items(), intervals, strict=True)
    }
    return told | _of_sets(ok, scored)


def _over_both(ok: list[Record], metrics: Mapping[str, Mapping[str, Any]], scored: Scored) -> list[statistics.Interval]:
    """The intervals of several trainings of a method."""
    values, owners = zip(*(scored.columns(record, metrics) for record in ok), strict=True)
    errors = statistics.over_images(values, [1 / len(ok)] * len(ok), owners[0], [told["reduce"] for told in metrics.values()])
    means = ([scored.mean(record, name) for record in ok] for name in metrics)
    return [statistics.over_seeds(each, error) for each, error in zip(means, errors, strict=True)]


def _of_sets(ok: list[Record], scored: Scored) -> dict[str, dict[str, Any]]:
    """What is said of all images together: only where every record was scored on all that count; an interval over trainings."""
    entries = [scored.entries[record.key][1] for record in ok]
    found = {}
    for name, set_told in entries[0].get("sets", {}).items() if scored.same else ():
        values = [entry["sets"][name]["value"] for entry in entries if name in entry.get("sets", {})]
        if len(values) == len(ok):
            ends = statistics.over_seeds(values) if len(values) > 1 else (values[0], None, None)
            found[name] = {**dict(zip(ENDS, ends, strict=True)), "n": len(scored.ids), **{
                word: set_told[word] for word in ("unit", "better")}}  # fmt: skip
    return found
