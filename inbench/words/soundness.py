"""Whether a run.json is one: what has to be in it, of which kind. Records come from other machines and other people."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from inbench.words.protocol import PRIMARY

FILE = re.compile(r"(?:(?:scores|guesses)/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,250}")
"""The names that files of a record may have: nothing leads out of its folder, nothing is hidden."""
HASH = re.compile(r"[0-9a-f]{64}")
NUMBER = (int, float)
TEXT, COUNT = (str, type(None)), (int, type(None))
"""What does not apply is None."""
TOLD: dict[str, Any] = {
    "key": str, "run": dict, "labels": dict, "status": str, "reason": str, "written": str, "provenance": dict,
    "costs": dict, "scores": dict, "metrics": dict, "validation": list,
}  # fmt: skip
LABELS: dict[str, Any] = {"method": str, "dataset": str, "budget": str, "any_budget": bool, "masks": dict, "train_mask": TEXT}
NAME = re.compile(r"\w[\w. -]{0,200}")
"""A broken plugin has the name of its file, which may be any that does not lead out of a folder."""
RUN: dict[str, Any] = {
    "method": str,
    "params": dict,
    "code": str,
    "data": str,
    "size": int,
    "train_mask": TEXT,
    "steps": COUNT,
    "batch": COUNT,
    "precision": TEXT,
    "seed": COUNT,
}
COSTS: dict[str, Any] = {"train_seconds": NUMBER, "cpu_seconds": NUMBER, "peak_memory_bytes": NUMBER, "parameters": NUMBER}
METRIC: dict[str, Any] = {"unit": str, "better": str, "reduce": str, "column": str}
SCORED: dict[str, Any] = {"n": int, "file": str, "holes": str, "means": dict, "costs": dict}
EXTERNAL: dict[str, Any] = {"licence": str, "paper": str, "moved": int, "drift": NUMBER}
SET: dict[str, Any] = {"value": NUMBER, "unit": str, "better": str}
MAYBE: dict[str, dict[str, Any]] = {
    "": {"started_from": TEXT, "scheduled": bool, "places": int, "val_images": COUNT},
    "labels": {"licence": TEXT},
    "provenance": {"hardware": dict, "data": (dict, type(None))},
    "costs": {"estimated": (dict, type(None)), "updates": dict, "parameters": NUMBER, "peak_cuda_bytes": COUNT},
    "metric": {"about": str, "source": str, "code": str},
    "scores": {"guesses": TEXT, "sets": dict, "costs": dict},
    "costs of an answer": {"seconds_at_batch_1": NUMBER},
}
"""What need not be there, and if it is, is of this kind: of a record, its parts, each of its metrics and of its scores."""
SCORE_COSTS: dict[str, Any] = {"images_per_second": NUMBER, "cpu_seconds": NUMBER, "flops_per_image": NUMBER}


def is_list_of_files(found: object) -> bool:
    """Whether this is the content of `done`: safe names and SHA-256 hashes."""
    return isinstance(found, dict) and all(
        FILE.fullmatch(name) and isinstance(digest, str) and HASH.fullmatch(digest) for name, digest in found.items()
    )


def wrong_with(told: Mapping[str, Any], run: Any, name: str) -> str:
    """Why the content of a run.json cannot be counted; empty where it can. `run` is the class of its identity."""
    wrong = lacking(told, TOLD) or lacking(told["run"], RUN, "run ") or lacking(told["labels"], LABELS, "labels ")
    fields = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(run)}
    if not wrong and not {name for name, needed in fields.items() if needed} <= told["run"].keys() <= fields.keys():
        wrong = "has other fields in its run"
    if not wrong and not NAME.fullmatch(told["run"]["method"]):
        wrong = "has a method whose name is none"
    if not wrong and not HASH.fullmatch(told["key"]):
        wrong = "has a key that is none"
    again = None if wrong else run(**told["run"])
    if again and told["run"].keys() >= again.told.keys() and again.key != told["key"]:  # else it is an older one
        wrong = "has a key that is not its run's"
    if not wrong and not all(isinstance(shown, str) for shown in told["labels"]["masks"].values()):
        wrong = "has masks that are no text"
    wrong = wrong or _wrong_texts(told) or _wrong_texts(told["labels"]) or _other_kind(told, "")
    wrong = wrong or next(filter(None, (_other_kind(told[part], part) for part in ("labels", "provenance", "costs"))), "")
    wrong = wrong or (lacking(told["external"], EXTERNAL, "external ") if "external" in told else "")
    wrong = wrong or next(filter(None, (_wrong_metric(*item) for item in told["metrics"].items())), "")
    if not wrong and told["scores"] and PRIMARY not in told["metrics"]:
        wrong = f"has scores and no metric {PRIMARY}"
    if not wrong and "code" in told["metrics"].get(PRIMARY, {}):
        wrong = f"has a metric {PRIMARY} that is not inbench's"
    if not wrong and told["status"] == "ok":
        hardware = told["provenance"].get("hardware")
        wrong = lacking(told["costs"], COSTS, "costs ") or ("" if isinstance(hardware, dict) else "has no hardware")
    if not wrong and not all(lacking(watch, {"step": int, "psnr": NUMBER}) == "" for watch in told["validation"]):
        wrong = "has a validation that is none"
    if not wrong and told["validation"] and (told["run"]["steps"] or 0) < 1:
        wrong = "has a validation and no steps"
    wrong = wrong or next(filter(None, (_wrong_score(mask, entry) for mask, entry in told["scores"].items())), "")
    if not wrong and "external" not in told:
        rates = {mask: entry["costs"]["images_per_second"] for mask, entry in told["scores"].items() if entry["status"] == "ok"}
        wrong = next((f"has no images_per_second on {mask}" for mask, rate in rates.items() if not rate > 0), "")
    return f"{name}/run.json {wrong}" if wrong else ""


def _wrong_metric(name: str, metric: Any) -> str:
    return lacking(metric, METRIC, f"metric {name} ") or _other_kind(metric, "metric")


def _wrong_score(mask: str, entry: Any) -> str:
    wrong = lacking(entry, {"status": str, "reason": str, "shown": str}, f"scores on {mask} ") or _other_kind(entry, "scores")
    if wrong or entry["status"] != "ok":
        return wrong
    wrong = lacking(entry, SCORED, f"scores on {mask} ") or lacking(entry["costs"], SCORE_COSTS, f"scores on {mask} ")
    wrong = wrong or _other_kind(entry["costs"], "costs of an answer")
    if not wrong and not FILE.fullmatch(entry["file"]):
        wrong = f"names the file {entry['file']!r}"
    wrong = wrong or _wrong_texts(entry)
    if not wrong and not all(value is None or isinstance(value, NUMBER) for value in entry["means"].values()):
        wrong = f"has means on {mask} that are no numbers"
    sets = entry.get("sets", {})
    wrong = wrong or next(filter(None, (lacking(told, SET, f"set-level {name} ") for name, told in sets.items())), "")
    return wrong or next(filter(None, (_other_kind(told, "metric") for told in sets.values())), "")


def _other_kind(told: Mapping[str, Any], part: str) -> str:
    """What is there, need not be, and is of another kind; empty where nothing is."""
    wrong = next((name for name, kind in MAYBE[part].items() if name in told and not isinstance(told[name], kind)), "")
    return " ".join(filter(None, ("has", part, wrong, "of another kind"))) if wrong else ""


def _wrong_texts(told: Mapping[str, Any]) -> str:
    for name in ("warnings", "notes", "log"):
        found = told.get(name, [])
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            return f"has {name} that are no text"
    return ""


def lacking(told: object, wanted: Mapping[str, Any], what: str = "") -> str:
    """What JSON does not have, or has of another kind; empty where it has all that is wanted."""
    if not isinstance(told, dict):
        return f"has {what.strip() or 'content'} of another kind"
    for name, kind in wanted.items():
        if name not in told:
            return f"has no {what}{name}"
        if not isinstance(told[name], kind):
            return f"has {what}{name} of another kind"
    return ""
