"""Provenance: where the numbers of each record came from, and what came to nothing, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inbench.words import brackets
from inbench.words.records import Record


def run(record: Record, place: str) -> dict[str, Any]:
    """What is known of where a record's numbers came from."""
    told = record.told
    asked, labels, costs = told["run"], told["labels"], told["costs"]
    steps = "" if asked["steps"] is None else f"{asked['steps']} x {asked['batch']}"
    return {
        "method": labels["method"],
        "status": record.status,
        "data set": f"{labels['dataset']}, {asked['size']}",
        "trained on": labels["train_mask"] or "-",
        "budget": "any" if labels["any_budget"] else labels["budget"],
        "seed": "-" if asked["seed"] is None else str(asked["seed"]),
        "steps x batch": steps or "-",
        "precision": asked["precision"] or "-",
        "weights M": f"{costs['parameters'] / 1e6:.2f}" if costs.get("parameters") else "-",
        "where": place,
        "parameters": [f"{name} = {brackets.value_text(value)}" for name, value in sorted(asked["params"].items())],
        "written": told["written"][:16].replace("T", " "),
        "record": record.folder.name,
        "code": asked["code"][:12],
    }


def environment(record: Record) -> tuple[tuple[str, str], ...]:
    """With what and on what a record was made, in words; what is not known is left out."""
    told = record.told["provenance"]
    version, commit = told.get("inbench") or record.told.get("inbench"), _words(told.get("commit"))[:12]
    changed = "with changes that are not committed" if told.get("dirty") else ""
    words = {
        "inbench": ", ".join(filter(None, [f"{_words(version)} {commit}".strip(), changed])),
        "python": _words(told.get("python")),
        "libraries": _words(told.get("libraries")),
        "hardware": ", ".join(map(str, told.get("hardware", {}).values())),
        "device": _words(told.get("device")),
        "threads": _words(told.get("threads")),
    }
    return tuple((name, value) for name, value in words.items() if value)


def _words(value: object) -> str:
    """What a record tells, whatever it is: records come from other machines and other people."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {held}" for name, held in value.items())
    return "" if value is None else str(value)


def letter(place: int) -> str:
    """A, B, ... Z, A1, ..."""
    return chr(ord("A") + place % 26) + (str(place // 26) if place >= 26 else "")


def metrics(found: Sequence[Record]) -> list[Mapping[str, str]]:
    """The metrics that the records hold, with what each is."""
    told = {name: metric for record in found for name, metric in record.told["metrics"].items()}
    return [
        {
            "name": name,
            "unit": metric["unit"],
            "better": metric["better"],
            "region": metric.get("region", ""),
            "about": metric.get("about", ""),
        }
        for name, metric in told.items()
    ]


def broken(record: Record) -> list[Mapping[str, Any]]:
    """What of a record came to nothing: its training, or its scores on a mask."""
    told = {"record": record.folder.name, "method": record.told["labels"]["method"]}
    told["dataset"] = record.told["labels"]["dataset"]
    if record.status != "ok":
        log = [str(line) for line in record.told.get("log", [])]
        return [{**told, "status": record.status, "reason": record.told["reason"], "log": log}]
    return [
        {**told, "status": entry["status"], "reason": f"hole {entry['shown']}: {entry.get('reason', '')}", "log": []}
        for entry in record.scores.values()
        if entry["status"] != "ok"
    ]
