"""Time to quality: the first watched step that reached a goal, seconds at the run's own speed, seeds that never came so far."""

import json

import pytest
from test_tables import body, lay

from inbench.readers import tables
from inbench.words.errors import UserError


def curve(*psnrs, every=20):
    return {"validation": [{"step": every * (place + 1), "psnr": psnr} for place, psnr in enumerate(psnrs)]}


def test_steps_and_seconds_are_those_of_the_first_watch_that_reached_the_goal(tmp_path):
    lay(tmp_path, told=curve(18.0, 19.0, 20.5, 19.9, 21.0))  # 100 steps, 12.3 s
    text = tables.time_to_quality(tmp_path, "21,20", "markdown")
    assert body(text)["gan"] == ["100", "123", "21.00", "60", "7", "100", "12"]
    assert "trained on center" in text
    assert "a processor" in text


def test_how_many_images_were_tested_is_no_matter_of_training(tmp_path):
    lay(tmp_path, told=curve(20.0), labels={"budget": "paper[steps=9,test_images=4]"})
    lay(tmp_path, "other", told=curve(20.0), labels={"budget": "paper[steps=9]"})
    text = tables.time_to_quality(tmp_path, "20", "markdown")
    assert set(body(text)) == {"gan", "other"}
    assert text.count("budget: paper[steps=9],") == 1


def test_one_budget_may_be_asked_for(tmp_path, command):
    lay(tmp_path, told=curve(20.0), labels={"budget": "paper[steps=9,test_images=4]"})
    lay(tmp_path, "other", told=curve(20.0), labels={"budget": "paper[steps=5]"}, run={"steps": 5})
    asked = ("tables", "--results", str(tmp_path), "--time-to", "20", "--budget")
    assert set(body(command(*asked, "paper[test_images=4,steps=9]").out)) == {"gan"}
    assert set(body(command(*asked, "paper[steps=5]").out)) == {"other"}
    assert command(*asked, "paper[steps=7]").err.startswith("inbench: unknown budget 'paper[steps=7]'")


def test_a_goal_that_was_never_reached_is_a_dash_and_seeds_are_counted(tmp_path):
    lay(tmp_path, told=curve(18.0, 19.0, 20.0, 20.0, 20.0))
    lay(tmp_path, told=curve(18.0, 19.0, 19.5, 19.5, 20.2), run={"seed": 1})
    lay(tmp_path, told=curve(18.0, 19.0, 19.5, 19.5, 19.5), run={"seed": 2})
    assert body(tables.time_to_quality(tmp_path, "20,21", "markdown"))["gan"][3:] == ["80 (2 of 3 seeds)", "10", "-", "-"]


def test_seconds_are_at_the_speed_of_the_middle_seed_and_on_how_many_pictures_is_told(tmp_path):
    for seed, spent in enumerate((10.0, 12.0, 99.0)):
        costs = {"train_seconds": spent, "cpu_seconds": 1.0, "peak_memory_bytes": 1, "parameters": 1}
        lay(tmp_path, told={**curve(20.0), "costs": costs, "val_images": 8 if seed else 256}, run={"seed": seed})
    text = tables.time_to_quality(tmp_path, "20", "markdown")
    assert body(text)["gan"][1:] == ["120", "20.00", "20", "2"]
    assert "Watched on 8 or 256 pictures." in text


def test_trainings_that_nobody_watched_have_no_line(tmp_path):
    lay(tmp_path, told=curve(20.0))
    lay(tmp_path, "unwatched")
    assert list(body(tables.time_to_quality(tmp_path, "20", "markdown"))) == ["gan"]


def test_where_nobody_watched_any_it_says_what_would(tmp_path):
    lay(tmp_path, "unwatched")
    with pytest.raises(UserError, match="no training there was watched by validation; inbench run --budget paper"):
        tables.time_to_quality(tmp_path, "20", "markdown")


def test_seconds_can_be_those_of_a_quiet_machine(tmp_path):
    setting = {"size": 64, "batch": 8, "device": "cpu", "precision": "float32"}
    case = {"group": "train step", "name": "gan", "stats": {"median": 0.5, "iqr": 0.1, "rounds": 5}}
    case["extra_info"] = {**setting, "images": 8, "flops": None, "bytes_moved": None}
    machine = {"hardware": {"cpu": "a quiet processor"}, "libraries": {}, "threads": 2}
    file = tmp_path / "timings.json"
    file.write_text(json.dumps({"benchmarks": [case], "machine_info": machine, "datetime": "2026"}))
    lay(tmp_path, told=curve(18.0, 20.0))
    lay(tmp_path, "untimed", told=curve(20.0))
    text = tables.time_to_quality(tmp_path, "20", "markdown", timed=file)
    assert body(text)["gan"] == ["100", "500", "20.00", "40", "20"]
    assert "on a quiet processor" in text
    assert "untimed" not in text
    case["extra_info"]["batch"] = 16
    file.write_text(json.dumps({"benchmarks": [case], "machine_info": machine, "datetime": "2026"}))
    with pytest.raises(UserError, match="of a training; inbench bench --batch 8 --size 64 has"):
        tables.time_to_quality(tmp_path, "20", "markdown", timed=file)


@pytest.mark.parametrize("goals", ["", "good", "20,,21", "nan"])
def test_goals_that_are_no_decibels_are_named(tmp_path, goals):
    with pytest.raises(UserError, match="must be validation psnr in dB, such as 20,21"):
        tables.time_to_quality(tmp_path, goals, "markdown")


def test_programs_are_told_where_the_numbers_are(tmp_path):
    with pytest.raises(UserError, match=r"run\.json has the validation"):
        tables.time_to_quality(tmp_path, "20", "csv")
