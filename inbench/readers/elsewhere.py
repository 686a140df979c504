"""Rows of guesses that were made elsewhere: their mark, and what is known of them."""

from __future__ import annotations

from typing import Any

MARK = "§"


def note(row: dict[str, Any]) -> str:
    """What is known of guesses that were not made here."""
    told = row["external"]
    known = [told["paper"], f"licence: {told['licence']}" if told["licence"] else ""]
    known.append(f"known pixels changed in {told['moved']} images, pasted back" if told["moved"] else "")
    said = "; ".join(filter(None, known))
    return f"{MARK} {row['shown']}: guesses made elsewhere" + (f" ({said})" if said else "")
