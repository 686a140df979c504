"""Curves: levels and swings of losses whose level and swing are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_tables import lay

from inbench.readers import chart_lines, curves
from inbench.words import disk, records


def curve(loss: np.ndarray) -> curves.Curve:
    steps = np.arange(1.0, len(loss) + 1)
    return curves.Curve("loss", steps, loss, steps[-1:], np.array([20.0]))


def swinging(level: float = 0.5, by: float = 0.1, count: int = 400) -> np.ndarray:
    return level * (1 + by * (-1.0) ** np.arange(count))


def test_a_loss_that_goes_up_and_down_by_a_tenth_swings_by_ten_per_cent() -> None:
    level, swing = curve(swinging(by=0.1)).last()
    assert level == pytest.approx(0.5)
    assert swing == pytest.approx(0.1)


def test_a_swing_is_relative_and_has_no_unit() -> None:
    assert curve(1000 * swinging()).last()[1] == pytest.approx(curve(swinging()).last()[1])


def test_a_swing_is_where_it_is() -> None:
    loss = np.concatenate([swinging(by=0.2), swinging(by=0.02)])
    swings = curve(loss).running()[1]
    assert swings[200] == pytest.approx(0.2, rel=0.25)
    assert swings[600] == pytest.approx(0.02, rel=0.25)
    assert curve(loss).last()[1] == pytest.approx(0.02, rel=0.25)


def test_a_loss_that_stands_still_does_not_swing_and_one_of_zero_has_no_relative_swing() -> None:
    assert curve(np.full(50, 0.3)).last() == (pytest.approx(0.3), 0)
    assert np.isnan(curve(np.zeros(50)).last()[1])


def test_a_few_steps_are_a_curve_too() -> None:
    level, swing = curve(np.array([0.4, 0.2, 0.3])).running()
    assert len(level) == len(swing) == 3


def test_only_what_learned_step_by_step_has_a_curve(pictured: Path) -> None:
    found = {record.told["run"]["method"]: curves.curve_of(record) for record in records.all_of(pictured)}
    assert found["mean-fill"] is None
    assert found["mean-image"] is None
    learned = found["autoencoder"]
    assert learned is not None
    assert learned.name == "loss"
    assert learned.steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert learned.watched[-1] == 6
    assert np.isfinite(learned.psnr).all()


@pytest.mark.parametrize(
    "damaged", [b"", b"step,loss\n1,much\n", b"loss\n0.5\n", b"step,loss\n,0.5\n", b"\xff", b"step,loss\n1,nan\n"]
)
def test_what_is_no_curve_is_none_and_no_line_of_a_chart(tmp_path: Path, damaged: bytes) -> None:
    run = lay(tmp_path, told={"validation": [{"step": 1, "psnr": 20.0}]})
    disk.commit(tmp_path / "runs" / run.name, {"curve.csv": damaged})
    (record,) = records.all_of(tmp_path)
    assert curves.curve_of(record) is None
    assert [training.losses for training in chart_lines.trainings([record])] == [{}]
