"""The committed records that tests and campaigns begin from."""

from __future__ import annotations

from pathlib import Path

REFERENCE = Path(__file__).parents[1] / "results" / "reference"


def on_drawn_faces(method: str) -> Path:
    """The record of a method on drawn faces, the only ones whose rows are not gzipped."""
    there = sorted((REFERENCE / "runs").glob(f"{method}-*"))
    return next(record for record in there if [*(record / "scores").glob("*.csv")])
