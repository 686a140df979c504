"""Columns: other metrics than the protocol's in the same tables, and what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Told
from test_tables import body, lay

from inbench.readers import score_sheets

Command = Callable[..., Told]


def test_perception_stands_in_tables_with_what_it_is(command: Command, pictured: Path) -> None:
    told = command("tables", "--results", str(pictured), "--columns", "perception").out
    heads = [cell.strip() for cell in next(line for line in told.splitlines() if line.startswith("| method")).split("|")]
    assert heads[2:6] == ["gradient-energy dB → 0", "seam /255 → 0", "spectrum dB ↓", "patch-distance /255 ↓"]
    assert "Seam: mean absolute step across the hole's border" in told
    assert float(body(told.split("hole: random80")[0])["mean-fill"][0].split()[0]) < -20


def test_records_that_lack_a_metric_have_a_dash(command: Command, tmp_path: Path) -> None:
    lay(tmp_path)
    told = command("tables", "--results", str(tmp_path), "--columns", "psnr,perception")
    assert told.code == 0
    assert body(told.out)["gan"][:5] == ["**20.00** ±0.00", "-", "-", "-", "-"]


def test_any_metric_may_be_named_and_another_word_is_one_sentence(command: Command, pictured: Path) -> None:
    told = command("tables", "--results", str(pictured), "--columns", "ssim-hole,known-drift").out
    assert "| method" in told
    assert "known-drift /255 ↓" in told
    assert "psnr-pooled dB" not in told.split("Protocol")[0]
    assert command("tables", "--results", str(pictured), "--columns", "sim-hole").err.startswith(
        "inbench: unknown column 'sim-hole'"
    )
    assert command("tables", "--results", str(pictured), "--columns", "psnr", "--costs").code == 2


def test_metrics_that_are_named_stand_alone(command: Command, pictured: Path) -> None:
    asked = ("tables", "--results", str(pictured), "--columns", "psnr,ssim")
    head = next(line for line in command(*asked).out.splitlines() if line.startswith("| method"))
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["method", "psnr dB ↑", "ssim ↑"]
    first = command(*asked, "--format", "csv").out.splitlines()[0].split(",")
    assert first[-6:] == ["psnr", "psnr low", "psnr high", "ssim", "ssim low", "ssim high"]
    assert "l2" not in first


def test_all_columns_are_all_metrics(command: Command, pictured: Path) -> None:
    told = command("tables", "--results", str(pictured), "--columns", "all", "--format", "latex").out
    assert r"gradient-energy dB $\rightarrow$ 0" in told
    assert "ssim-hole" in told


@pytest.mark.parametrize(("better", "best"), [("higher", 4.0), ("lower", -5.0), ("zero", None)])
def test_the_best_is_where_the_metric_says(better: str, best: float | None) -> None:
    members = [
        {
            "complete": True,
            "converged": True,
            "budget": "paper",
            "metrics": {"m": {"mean": mean, "low": None, "better": better, "unit": "dB"}},
            "metric_codes": {},
        }
        for mean in (4.0, -1.0, -5.0)
    ]
    assert score_sheets.best_of("m", members) == best
    assert [score_sheets.score("m", row, best).best for row in members] == [mean == best for mean in (4.0, -1.0, -5.0)]


@pytest.mark.parametrize(
    ("name", "unit", "mean", "shown"),
    [("ssim", "", 0.1234, "0.123"), ("kid", "", 0.00431, "0.0043"), ("fid", "", 23.456, "23.46"), ("psnr", "dB", 0.5, "0.50")],
)
def test_small_numbers_without_a_unit_keep_the_digits_that_tell_them_apart(name, unit, mean, shown) -> None:
    row = {"complete": True, "converged": True, "budget": "paper"}
    row["metrics"] = {name: {"mean": mean, "low": None, "better": "lower", "unit": unit}}
    assert score_sheets.score(name, row).text == shown
