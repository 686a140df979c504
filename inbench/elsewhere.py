"""Rows of guesses that were made elsewhere: in which tables they stand, their mark, and what is known of them."""

from __future__ import annotations

from typing import Any

from inbench.records import Record

MARK = "§"


def budgets(found: list[Record]) -> dict[str, list[str]]:
    """The budgets in whose tables each record stands, by its key: where no budget changes it, those that learners spent."""
    spent: dict[tuple[str, int], set[str]] = {}
    asked: dict[tuple[str, int], set[str]] = {}
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        if not labels["any_budget"]:
            spent.setdefault((run["data"], run["size"]), set()).add(labels["budget"])
        elif "external" not in record.told:
            asked.setdefault((run["data"], run["size"]), set()).add(labels["budget"])
    found_in = {}
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        place, own = (run["data"], run["size"]), {labels["budget"]}
        if labels["any_budget"]:
            own = spent.get(place) or (asked.get(place) if "external" in record.told else None) or own
        found_in[record.key] = sorted(own)
    return found_in


def note(row: dict[str, Any]) -> str:
    """What is known of guesses that were not made here."""
    told = row["external"]
    known = [told["paper"], f"licence: {told['licence']}" if told["licence"] else ""]
    known.append(f"known pixels changed in {told['moved']} images, pasted back" if told["moved"] else "")
    said = "; ".join(filter(None, known))
    return f"§ {row['shown']}: guesses made elsewhere" + (f" ({said})" if said else "")
