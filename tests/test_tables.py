"""Tables: records to rows, rows to markdown; what is not comparable, finished or good enough is said."""

import csv
import dataclasses
import gzip
import io
import json
import math
import re

import numpy as np
import pytest

from inbench.readers import formats, score_sheets, statistics, tables
from inbench.readers.costs import cost_sheets
from inbench.words import disk, records
from inbench.words.errors import UserError
from inbench.words.protocol import PROTOCOL_LINE
from inbench.words.records import Run

METRICS = {
    "l2": {"unit": "%", "better": "lower", "region": "hole", "reduce": "mean", "column": "l2", "about": "error"},
    "psnr": {"unit": "dB", "better": "higher", "region": "hole", "reduce": "mean", "column": "psnr", "about": "psnr"},
    "psnr-pooled": {"unit": "dB", "better": "higher", "region": "hole", "reduce": "psnr", "column": "mse", "about": "pooled"},
    "ssim": {"unit": "", "better": "higher", "region": "whole", "reduce": "mean", "column": "ssim", "about": "ssim"},
}
RUN = Run("gan", {"tv": 0.5}, "c0de", "da7a", 64, "center[side=32]", 100, 8, "float32", 0)
LABELS = {"method": "gan", "dataset": "faces", "budget": "paper", "train_mask": "center", "any_budget": False, "notes": []}


def mse_at(psnr):
    return 10 ** (-psnr / 10)


def scores_csv(psnrs, *, ids=None, groups=None, ssim=0.8):
    """What a worker writes of images with these PSNRs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "group", "l2", "psnr", "mse", "ssim"])
    for place, psnr in enumerate(psnrs):
        image_id = ids[place] if ids else f"{place:03d}.png"
        numbers = (400 * mse_at(psnr), psnr, mse_at(psnr), ssim)
        writer.writerow([image_id, groups[place] if groups else "", *(f"{number:.10g}" for number in numbers)])
    return text.getvalue().encode()


YOUNG = {"validation": [{"step": 50 * (place + 1), "psnr": 20.0 + place} for place in range(5)]}
"""What a record tells of a training that still rises."""


def scored(psnrs, *, shown="center", file="center", speed=100.0):
    """An entry of run.json for a test mask."""
    return {
        "status": "ok",
        "reason": "",
        "n": len(psnrs),
        "file": f"scores/{file}.csv",
        "holes": "0" * 64,
        "means": {},
        "costs": {"images_per_second": speed, "seconds_at_batch_1": 0.02, "flops_per_image": 2e9, "cpu_seconds": 1.5},
        "shown": shown,
        "guesses": None,
    }


def lay(
    results,
    name="gan",
    psnrs=(20.0,) * 4,
    *,
    status="ok",
    reason="",
    label=None,
    told=None,
    run=None,
    labels=None,
    files=None,
    costs=None,
    **more,
):
    """A record on disk, as a worker leaves it."""
    run = dataclasses.replace(RUN, method=name, **(run or {}))
    labels = {**LABELS, "masks": {"center[side=32]": "center"}, "method": label or name, **(labels or {})}
    content = records.new(run, labels=labels, status=status, reason=reason)
    content["provenance"] = {"hardware": {"cpu": "a processor", "cores": "2"}}
    files = dict(files or {})
    if status == "ok":
        content["metrics"] = METRICS
        content["costs"] = {"train_seconds": 12.3, "cpu_seconds": 20.0, "peak_memory_bytes": 3 * 2**20, "parameters": 1_500_000}
        content["costs"] |= costs or {}
        content["scores"] = {"center[side=32]": scored(psnrs)}
        files["scores/center.csv"] = scores_csv(psnrs, **more)
    content |= told or {}
    disk.commit(results / "runs" / run.name, {"run.json": disk.to_json(content), **files})
    return run


def floor(results, psnr=18.0, **more):
    """The linear baseline: one pass, whatever the budget."""
    labels = {"any_budget": True, **more.pop("labels", {})}
    return lay(results, "linear", (psnr,) * 4, labels=labels, run={"steps": 5, "params": {}, "batch": 256}, **more)


def filled(results, psnr=12.0, name="mean-fill", **more):
    """A method that learns nothing."""
    run = dict.fromkeys(("train_mask", "steps", "batch", "precision", "seed")) | {"params": {}} | more.pop("run", {})
    labels = {"any_budget": True, "train_mask": None, **more.pop("labels", {})}
    return lay(results, name, (psnr,) * 4, run=run, labels=labels, costs={"parameters": 0}, **more)


def body(text):
    """The rows of the tables, by the first cell."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|:- ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells if row[0] != "method"}


def row(results, method="gan"):
    (found,) = [row for row in tables.rows(results) if row["method"] == method]
    return found


def test_a_row_has_the_shape_that_the_design_gives(tmp_path):
    lay(tmp_path)
    (found,) = json.loads(json.dumps(tables.rows(tmp_path), allow_nan=False))
    expected = {
        "method": "gan",
        "params": {"tv": 0.5},
        "dataset": "faces",
        "mask": "center",
        "train_mask": "center",
        "budget": "paper",
        "size": 64,
        "seeds": [0],
        "status": "ok",
        "complete": True,
    }
    assert {name: found[name] for name in expected} == expected
    assert set(found["metrics"]) == set(METRICS)
    for name, metric in found["metrics"].items():
        assert set(metric) == {"mean", "low", "high", "n", "unit", "better"}
        assert (metric["n"], metric["unit"], metric["better"]) == (4, METRICS[name]["unit"], METRICS[name]["better"])
    assert found["metrics"]["psnr"] == {"mean": 20.0, "low": 20.0, "high": 20.0, "n": 4, "unit": "dB", "better": "higher"}
    assert found["metrics"]["psnr-pooled"]["mean"] == pytest.approx(20.0)
    assert found["metrics"]["l2"]["mean"] == pytest.approx(4.0)


BOLD = "Bold: the best that is complete and has no ‡, and within 0.1 dB of PSNR or 0.005 of SSIM of it."
SMALL_TABLE = f"""**faces, 64 x 64, hole: center, budget: paper**

| method          |         l2 % ↓ |       psnr dB ↑ |   psnr-pooled dB ↑ |           ssim ↑ |   train s |   ms/image |
|-----------------|----------------|-----------------|--------------------|------------------|-----------|------------|
| broken (failed) |              - |               - |                  - |                - |         - |          - |
| gan             | **4.00** ±0.00 | **20.00** ±0.00 |    **20.00** ±0.00 | **0.800** ±0.000 |        12 |       10.0 |
| linear          |     6.34 ±0.00 |     18.00 ±0.00 |        18.00 ±0.00 | **0.800** ±0.000 |        12 |       10.0 |

2 of 3 complete; 4 test images. ± is half a 95 % interval, over images for one training. {BOLD}

- broken: failed: ValueError: no

{PROTOCOL_LINE}
"""


def test_a_small_table_reads_as_it_always_did(tmp_path):
    lay(tmp_path, psnrs=(20.0,) * 4)
    floor(tmp_path, 18.0)
    lay(tmp_path, "broken", status="failed", reason="ValueError: no")
    assert tables.table(tmp_path) == SMALL_TABLE


def test_a_learner_below_the_linear_floor_is_marked(tmp_path):
    floor(tmp_path, 20.5)
    lay(tmp_path, "low", (20.4,) * 4)
    lay(tmp_path, "high", (20.6,) * 4)
    text = tables.table(tmp_path)
    assert [name for name in body(text) if "†" in name] == ["low †"]
    assert "† a learner below linear, by psnr-pooled" in text


def test_a_closed_form_below_the_floor_is_not_marked(tmp_path):
    floor(tmp_path, 18.0)
    lay(tmp_path, "mean-image", (16.0,) * 4, labels={"any_budget": True})
    assert "†" not in tables.markdown(tables.rows(tmp_path))


def test_what_learns_nothing_is_not_marked_below_the_floor(tmp_path):
    floor(tmp_path, 20.0)
    filled(tmp_path, 12.0)
    lay(tmp_path, psnrs=(21.0,) * 4)
    assert "†" not in tables.table(tmp_path)


def test_a_linear_map_trained_on_another_hole_is_no_floor(tmp_path):
    floor(tmp_path, 20.0, labels={"train_mask": "half[part=left]"})
    lay(tmp_path, psnrs=(19.0,) * 4)
    assert "†" not in tables.table(tmp_path)


BEGIN, END = tables.markers()


@pytest.mark.parametrize("budget", ["quick", "quick[steps=50]", "smoke"])
def test_a_first_look_ranks_nothing_and_says_so(tmp_path, budget):
    lay(tmp_path, labels={"budget": budget})
    lay(tmp_path, "other", (25.0,) * 4, labels={"budget": budget})
    text = tables.table(tmp_path)
    assert not any("**" in cell for cells in body(text).values() for cell in cells)
    assert f"udget {formats.plain(budget)} is a first look and ranks nothing" in text


def test_all_within_the_margin_of_the_best_are_bold(tmp_path):
    for name, psnr, ssim in (("best", 22.0, 0.800), ("near", 21.95, 0.796), ("far", 21.8, 0.794)):
        lay(tmp_path, name, (psnr,) * 4, ssim=ssim)
    found = body(tables.table(tmp_path))
    bold = {name: ["**" in cell for cell in cells[:4]] for name, cells in found.items()}
    assert bold == {
        "best": [True, True, True, True],
        "near": [False, True, True, True],  # l2 has no margin
        "far": [False, False, False, False],
    }


def test_the_lowest_error_is_the_best(tmp_path):
    lay(tmp_path, "low", (25.0,) * 4)
    lay(tmp_path, "high", (15.0,) * 4)
    found = body(tables.table(tmp_path))
    assert "**" in found["low"][0]
    assert "**" not in found["high"][0]


def test_what_has_not_converged_is_neither_bold_nor_the_best(tmp_path):
    lay(tmp_path, "young", (25.0,) * 4, told=YOUNG)
    lay(tmp_path, "old", (20.0,) * 4)
    text = tables.table(tmp_path)
    found = body(text)
    assert not any("**" in cell for cell in found["young ‡"])
    assert "**" in found["old"][1]
    assert "‡ not converged" in text


def test_guests_with_few_images_take_none_from_the_others_and_say_so(tmp_path):
    lay(tmp_path, psnrs=(20.0, 21.0, 22.0, 23.0, 24.0, 25.0))
    filled(tmp_path)  # four images
    text = tables.table(tmp_path)
    assert "1 of 2 complete; 6 test images" in text
    assert body(text)["mean-fill (fewer images)"][0] == "-"
    assert "fewer images: tested on 4 of these 6 images; inbench run scores the others" in text


def test_where_nobody_was_trained_a_first_look_takes_none_either(tmp_path):
    filled(tmp_path, name="mean-fill")
    lay(tmp_path, "nearest", (20.0,) * 6, labels={"any_budget": True})
    assert "1 of 2 complete; 6 test images" in tables.table(tmp_path)


def test_a_budget_is_found_as_it_was_typed(tmp_path):
    lay(tmp_path, labels={"budget": "paper[steps=9]"})
    assert "gan" in tables.table(tmp_path, budget="paper[steps=9,val_images=7]")


def test_other_holes_are_never_compared(tmp_path):
    lay(tmp_path, "old", (25.0,) * 4, told={"scores": {"center[side=32]": {**scored((25.0,) * 4), "holes": "1" * 64}}})
    lay(tmp_path, "new", (20.0,) * 4)
    text = tables.table(tmp_path)
    assert body(text)["old (other holes)"][0] == "-"
    assert "its holes of center are not those of newer rows" in text
    assert "**" in body(text)["new"][1]


def test_as_many_images_are_not_yet_the_same_ones(tmp_path):
    external = {"licence": "none", "paper": "none", "moved": 0, "drift": 0.0}
    lay(tmp_path, "ours", (20.0, 21.0, 22.0, 23.0), ids="abcd")
    lay(tmp_path, "theirs", (20.0, 21.0, 22.0, 23.0), ids="cdef", told={"external": external}, labels={"any_budget": True})
    found = {row["shown"]: row["metrics"]["psnr"] for row in tables.rows(tmp_path)}
    assert {name: (metric["mean"], metric["n"]) for name, metric in found.items()} == {"ours": (22.5, 2), "theirs": (20.5, 2)}


def test_one_image_has_no_interval(tmp_path):
    lay(tmp_path, psnrs=(20.0,))
    text = tables.table(tmp_path)
    assert "1 test image, which has no interval" in text
    assert body(text)["gan"][1] == "**20.00**"


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    lay(tmp_path)
    with pytest.raises(UserError, match=r"nowhere.x\.md cannot be written: No such file"):
        tables.write("text", tmp_path / "nowhere" / "x.md")


def test_a_data_set_is_chosen_as_it_was_typed(tmp_path):
    lay(tmp_path, labels={"dataset": "faces[crop=wide,train=9]"})
    assert "gan" in body(tables.table(tmp_path, only="faces[train=9,crop=wide]"))


def test_an_incomplete_row_is_never_bold(tmp_path):
    lay(tmp_path, "whole", (20.0,) * 4)
    lay(tmp_path, "half", (20.0,) * 4)
    lay(tmp_path, "half", status="failed", reason="killed", run={"seed": 1})
    found = body(tables.table(tmp_path))
    assert "**" in found["whole"][1]
    assert not any("**" in cell for cell in found["half (failed)"])


@pytest.mark.parametrize("status", ["failed", "timeout", "oom", "diverged", "skipped"])
def test_a_run_that_came_to_nothing_is_a_row_with_its_reason(tmp_path, status):
    lay(tmp_path)
    lay(tmp_path, "other", status=status, reason="it went wrong")
    text = tables.table(tmp_path)
    assert set(body(text)[f"other ({status})"]) == {"-"}
    assert f"- other: {status}: it went wrong" in text
    assert "1 of 2 complete" in text
    found = row(tmp_path, "other")
    assert (found["status"], found["complete"], found["metrics"]) == (status, False, {})


def test_one_seed_of_several_that_failed_makes_the_row_incomplete(tmp_path):
    lay(tmp_path)
    lay(tmp_path, status="diverged", reason="step 3: loss = nan", run={"seed": 1})
    found = row(tmp_path)
    assert (found["seeds"], found["status"], found["complete"]) == ([0, 1], "diverged", False)
    assert found["metrics"]["psnr"]["mean"] == 20.0


def test_methods_are_compared_on_the_images_they_share(tmp_path):
    lay(tmp_path, "many", (10.0, 20.0, 30.0, 40.0))
    lay(tmp_path, "few", (50.0, 60.0), ids=["003.png", "001.png"])
    assert row(tmp_path, "many")["metrics"]["psnr"]["mean"] == 30.0  # of 001 and 003
    assert row(tmp_path, "few")["metrics"]["psnr"]["mean"] == 55.0
    assert {found["metrics"]["psnr"]["n"] for found in tables.rows(tmp_path)} == {2}
    assert "2 test images" in tables.table(tmp_path)


def test_images_whose_id_looks_like_no_value_are_images_too(tmp_path):
    lay(tmp_path, "many", (10.0, 20.0, 30.0), ids=["NA", "null", "1"])
    lay(tmp_path, "few", (10.0, 20.0), ids=["NA", "null"])
    assert row(tmp_path, "many")["metrics"]["psnr"]["mean"] == 15.0


def test_one_training_has_a_bootstrap_over_its_images(tmp_path):
    psnrs = tuple(np.random.default_rng(0).normal(20, 2, 40).round(6))
    lay(tmp_path, psnrs=psnrs)
    found = row(tmp_path)["metrics"]["psnr"]
    expected = statistics.bootstrap(np.array(psnrs), range(40))
    assert (found["mean"], found["low"], found["high"]) == pytest.approx(expected, abs=1e-9)


def test_one_training_on_groups_has_a_bootstrap_over_groups(tmp_path):
    psnrs = tuple(np.repeat(np.random.default_rng(0).normal(20, 2, 10).round(6), 4))
    lay(tmp_path, psnrs=psnrs, groups=[place // 4 for place in range(40)])
    found = row(tmp_path)["metrics"]["psnr"]
    expected = statistics.bootstrap(np.array(psnrs), [place // 4 for place in range(40)])
    assert (found["low"], found["high"]) == pytest.approx(expected[1:], abs=1e-9)


def test_several_trainings_have_a_t_interval_over_their_means(tmp_path):
    for seed, psnr in enumerate((20.0, 21.0, 23.0)):
        lay(tmp_path, psnrs=(psnr - 1, psnr + 1), run={"seed": seed})
    found = row(tmp_path)
    assert found["seeds"] == [0, 1, 2]
    for name, reduce, means in (
        ("psnr", "mean", [20.0, 21.0, 23.0]),
        ("psnr-pooled", "psnr", [-10 * math.log10((mse_at(psnr - 1) + mse_at(psnr + 1)) / 2) for psnr in (20.0, 21.0, 23.0)]),
    ):
        values = [np.array([psnr - 1, psnr + 1]) for psnr in (20.0, 21.0, 23.0)]
        each = [(mse_at(one) if reduce == "psnr" else one)[:, None] for one in values]
        (images,) = statistics.over_images(each, [1 / 3] * 3, range(2), [reduce])
        metric = found["metrics"][name]
        assert (metric["mean"], metric["low"], metric["high"]) == pytest.approx(statistics.over_seeds(means, images), abs=1e-8)
    assert "over trainings and images for several" in tables.table(tmp_path)


def test_each_training_stands_by_itself_with_its_looks(tmp_path):
    fallen = [{"step": 50 * (place + 1), "psnr": psnr} for place, psnr in enumerate((18.0, 21.0, 20.0, 20.0, 20.0))]
    lay(tmp_path, psnrs=(20.0,) * 4, run={"seed": 0}, told=YOUNG)
    lay(tmp_path, psnrs=(21.0,) * 4, run={"seed": 1}, told={"validation": fallen})
    floor(tmp_path)  # no chance: nothing that a seed would change
    (sheet,) = score_sheets.training_sheets(tables.rows(tmp_path))
    assert [[cell.text for cell in line] for line in sheet.body] == [
        ["gan ‡", "0", "20.00", "0.800", "24.00", "250", "24.00"],
        ["gan ¶", "1", "21.00", "0.800", "21.00", "100", "20.00"],
    ]
    assert any(note.startswith("¶ past its best") for note in sheet.notes)
    told = json.loads(tables.table(tmp_path, form="json"))["rows"]
    assert [one["seed"] for row in told for one in row["trainings"] if row["method"] == "gan"] == [0, 1]


def test_who_was_better_before_the_end_is_marked(tmp_path):
    fallen = [{"step": 50 * (place + 1), "psnr": psnr} for place, psnr in enumerate((18.0, 21.0, 20.0, 20.0, 20.0))]
    lay(tmp_path, told={"validation": fallen})
    assert row(tmp_path)["past_best"] is True
    assert "| gan ¶ " in tables.table(tmp_path)
    assert "¶ past its best: all validation psnr of the last fifth" in tables.table(tmp_path)


def test_records_of_older_code_are_hidden(tmp_path):
    lay(tmp_path, psnrs=(10.0,) * 4, run={"code": "old"}, told={"written": "2026-01-01T00:00:00Z"})
    lay(tmp_path, psnrs=(20.0,) * 4, run={"code": "new"}, told={"written": "2026-01-02T00:00:00Z"})
    assert row(tmp_path)["metrics"]["psnr"]["mean"] == 20.0


def test_other_params_are_another_row(tmp_path):
    lay(tmp_path)
    lay(tmp_path, run={"params": {"tv": 0.0}}, label="gan[tv=0]")
    assert list(body(tables.table(tmp_path))) == ["gan", "gan[tv=0]"]


def test_only_the_runs_asked_for_are_rows(tmp_path):
    wanted = lay(tmp_path)
    lay(tmp_path, "other")
    assert [found["method"] for found in tables.rows(tmp_path, keys={wanted.key})] == ["gan"]


def test_tables_of_one_data_set_of_some_masks_and_of_one_budget(tmp_path, command):
    lay(tmp_path)
    lay(tmp_path, run={"data": "0ther"}, labels={"dataset": "cars"})
    lay(tmp_path, run={"steps": 7}, labels={"budget": "paper[steps=7]"})
    for width in (20, 30):
        shown = {f"center[side={width}]": scored((20.0,) * 4, shown=f"center[side={width}]")}
        lay(tmp_path, f"wide{width}", told={"scores": shown})

    def heads(*words):
        told = command("tables", "--results", str(tmp_path), *words)
        return [line.strip("*").replace(", 64 x 64", "") for line in told.out.splitlines() if line.startswith("**")] or told.err

    faces = "faces, hole: center"
    assert heads("--only", "cars") == ["cars, hole: center, budget: paper"]
    assert heads("--masks", "center[side=20],center[side=30]") == [
        f"{faces}[side=20], budget: paper", f"{faces}[side=30], budget: paper",
    ]  # fmt: skip
    assert heads("--only", "faces", "--masks", "center", "--budget", "paper[steps=7]") == [f"{faces}, budget: paper[steps=7]"]
    assert heads("--matrix", "--only", "cars") == ["cars, budget: paper: psnr-pooled dB ↑ by the mask tested on"]
    assert "unknown data set 'nosuch'; there are: cars, faces" in heads("--only", "nosuch")
    assert "unknown mask 'half'; there are: center, center[side=20]" in heads("--masks", "half")
    assert "unknown budget 'quick'; there are: paper, paper[steps=7]" in heads("--budget", "quick")
    assert "--masks chooses among the tables of records; leave it out with --paper" in heads(
        "--paper", "meng2020", "--masks", "center"
    )


def test_tables_of_some_methods_keep_their_marks_and_say_that_others_are_left_out(tmp_path, command):
    lay(tmp_path, "gan", (20.0,) * 4, run={"params": {"tv": 0.0}}, label="gan[tv=0]")
    lay(tmp_path, "gan", (20.0,) * 4, run={"params": {"tv": 1e-6}})
    lay(tmp_path, "linear", (21.0,) * 4)
    told = command("tables", "--results", str(tmp_path), "--methods", "gan[tv=0]")
    assert [line.split("|")[1].strip() for line in told.out.splitlines() if line.startswith("| gan")] == ["gan[tv=0] †"]
    assert "1 of 3 rows are shown: --methods gan[tv=0]; bold is the best of these." in told.out
    assert (
        "unknown method 'gaan'; did you mean 'gan'?" in command("tables", "--results", str(tmp_path), "--methods", "gaan").err
    )


def test_data_masks_sizes_and_budgets_have_tables_of_their_own(tmp_path):
    lay(tmp_path)
    lay(tmp_path, run={"data": "0ther"}, labels={"dataset": "cars"})
    lay(tmp_path, run={"size": 32})
    lay(tmp_path, run={"steps": 7}, labels={"budget": "paper[steps=7]"})
    halves = {"half[part=any]": scored((20.0,) * 4, shown="half")}
    lay(tmp_path, "wide", told={"scores": halves})
    heads = [line for line in tables.table(tmp_path).splitlines() if line.startswith("**")]
    assert heads == [
        "**cars, 64 x 64, hole: center, budget: paper**",
        "**faces, 32 x 32, hole: center, budget: paper**",
        "**faces, 64 x 64, hole: center, budget: paper**",
        "**faces, 64 x 64, hole: center, budget: paper[steps=7]**",
        "**faces, 64 x 64, hole: half, budget: paper**",
    ]


def test_what_no_budget_changes_stands_in_the_tables_of_all(tmp_path):
    lay(tmp_path, labels={"budget": "paper"})
    lay(tmp_path, run={"steps": 100}, labels={"budget": "quick"}, told={})
    lay(tmp_path, run={"steps": 9}, labels={"budget": "smoke"})
    filled(tmp_path)
    budgets = [found["budget"] for found in tables.rows(tmp_path) if found["method"] == "mean-fill"]
    assert budgets == sorted({found["budget"] for found in tables.rows(tmp_path)})


def test_a_record_counts_once_in_a_table(tmp_path):
    both = {"center[side=32]": scored((20.0,) * 4), "center[side=32] on val": scored((30.0,) * 4, file="center_on_val")}
    run = lay(tmp_path, told={"scores": both})
    disk.commit(tmp_path / "runs" / run.name, {"scores/center_on_val.csv": scores_csv((30.0,) * 4)})
    assert all(found["seeds"] == [0] for found in tables.rows(tmp_path))
    assert tables.rows(tmp_path)[0]["metrics"]["psnr"]["mean"] == 20.0


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_column_without_any_value_is_a_dash(tmp_path, seeds):
    for seed in seeds:
        lay(tmp_path, psnrs=(math.nan,) * 4, run={"seed": seed})
    floor(tmp_path, math.nan)
    text = tables.table(tmp_path)
    assert body(text)["gan"][:3] == ["-", "-", "-"]
    assert row(tmp_path)["metrics"]["psnr"]["mean"] is None


def test_the_training_mask_is_said_where_it_is_not_the_test_mask(tmp_path):
    lay(tmp_path)
    assert "trained on" not in tables.table(tmp_path)
    lay(tmp_path, "other", run={"train_mask": "random80"}, labels={"train_mask": "random80"})
    found = body(tables.table(tmp_path))
    assert (found["gan"][0], found["other"][0]) == ("center", "random80")


def test_times_of_different_hardware_are_flagged(tmp_path):
    lay(tmp_path)
    assert "different hardware" not in tables.table(tmp_path)
    lay(tmp_path, "other", told={"provenance": {"hardware": {"cpu": "another", "cores": "2"}}})
    assert "different hardware" in tables.table(tmp_path)


def test_rows_that_were_made_with_different_versions_of_a_library_are_flagged(tmp_path):
    def made_with(name, **libraries):
        lay(tmp_path, name, told={"provenance": {"hardware": {"cpu": "one"}, "libraries": libraries}})

    made_with("gan", torch="2.13.0+cpu", numpy="2.4.6")
    made_with("other", torch="2.13.0+cu128", numpy="2.4.6", cv2="4.9.0")
    assert "different versions" not in tables.table(tmp_path)
    made_with("third", torch="2.13.0", numpy="2.4.6", cv2="4.10.0")
    assert "Rows were made with different versions of a library: cv2 4.10.0 and 4.9.0." in tables.table(tmp_path)


def test_zipped_scores_are_read_too(tmp_path):
    run = lay(tmp_path)
    folder = tmp_path / "runs" / run.name
    whole = (folder / "scores" / "center.csv").read_bytes()
    disk.commit(folder, {"scores/center.csv.gz": gzip.compress(whole)}, remove=("scores/center.csv",))
    assert not (folder / "scores" / "center.csv").exists()
    assert row(tmp_path)["metrics"]["psnr"]["mean"] == 20.0


NASTY = "a|b<i>c`d`\ne\x1b[31mf*g*\\"


def test_no_name_can_break_a_table(tmp_path):
    lay(tmp_path, label=NASTY, labels={"dataset": NASTY, "budget": f"paper{NASTY}"})
    lay(tmp_path, "other", status="failed", reason=NASTY, labels={"dataset": NASTY, "budget": f"paper{NASTY}"})
    text = tables.table(tmp_path)
    assert not set(text) & {chr(code) for code in range(32) if code != 10}
    assert "<i>" not in text
    assert "`d`" not in text.replace("\\`", "")
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
    assert len(bars) == 1
    assert sum("b&lt;i&gt;c" in line for line in text.splitlines()) == 3  # the head, a row, the reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("<b>", "&lt;b&gt;"),
        ("`x`", "\\`x\\`"),
        ("*x*", "\\*x\\*"),
        ("a\nb\tc\x1bd\x9be", "a b c d e"),
        ("dense-gan[tv=0]", "dense-gan[tv=0]"),
        (3, "3"),
    ],
)
def test_text_is_made_plain(text, shown):
    assert formats.plain(text) == shown


def test_runs_that_are_not_finished_are_counted(tmp_path):
    run = lay(tmp_path)
    for begun in (run, dataclasses.replace(run, seed=5)):
        work = tmp_path / "runs" / ".partial" / begun.name
        work.mkdir(parents=True)
        (work / "spec.json").write_bytes(disk.to_json({"run": dataclasses.asdict(begun)}))
    assert "1 more run is not finished" in tables.table(tmp_path)


def test_a_folder_without_records_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match=r"there are no records in .*inbench run --results"):
        tables.rows(tmp_path / "nowhere")


def test_what_preparation_left_out_is_said_once(tmp_path):
    for name in ("gan", "other"):
        lay(tmp_path, name, labels={"notes": ["2 bad images skipped"]})
    assert tables.table(tmp_path).count("2 bad images skipped") == 1


def test_costs_have_a_column_for_each_hardware(tmp_path):
    lay(tmp_path)
    lay(tmp_path, "broken", status="failed", reason="no")
    text = tables.table(tmp_path, sheets=cost_sheets)
    assert body(text)["gan"] == ["12", "22", "10.0", "20.0", "3", "1.50", "2.00"]
    assert "budget: paper, on 2, a processor**" in text
    assert "broken" not in text
    lay(tmp_path, "other", told={"provenance": {"hardware": {"cpu": "another"}}})
    text = tables.table(tmp_path, sheets=cost_sheets)
    assert body(text)["gan"] == ["12", "22", "10.0", "20.0", "3", *"-----", "1.50", "2.00"]
    assert body(text)["other"] == [*"-----", "12", "22", "10.0", "20.0", "3", "1.50", "2.00"]
    assert body(text)["all"] == ["", "22", "", "", "", "", "22", "", "", "", "", ""]
    assert "A: 2, a processor. B: another." in text


def test_the_memory_of_a_gpu_is_what_tensors_held_there(tmp_path):
    lay(tmp_path, costs={"peak_cuda_bytes": 7 * 2**20})
    lay(tmp_path, "on-the-cpu", costs={"peak_cuda_bytes": None})
    found = body(tables.table(tmp_path, sheets=cost_sheets))
    assert (found["gan"][4], found["on-the-cpu"][4]) == ("7", "3")


def test_no_machine_is_left_out_of_the_costs_however_many_there_are(tmp_path):
    for place in range(28):
        lay(tmp_path, f"gan{place}", told={"provenance": {"hardware": {"cpu": f"machine {place:02}"}}})
    (sheet,) = cost_sheets(tables.rows(tmp_path))
    assert [column.head for column in sheet.columns if column.head.startswith("CPU s")][-2:] == ["CPU s A1", "CPU s B1"]
    assert sheet.body[-1][0].text == "all"
    assert all(any(cell.text == "22" for cell in line) for line in sheet.body[:-1])


def test_costs_of_several_budgets_are_one_table_in_which_nothing_stands_twice(tmp_path):
    lay(tmp_path, labels={"budget": "paper[steps=9]"})
    lay(tmp_path, "searcher", (20.0,) * 2, labels={"budget": "paper[steps=9,test_images=2]"})
    filled(tmp_path)
    text = tables.table(tmp_path, sheets=cost_sheets)
    assert text.count("\n| gan ") == text.count("\n| mean-fill ") == text.count("\n| searcher ") == 1
    assert [body(text)[name][0] for name in ("gan", "mean-fill", "searcher")] == [
        "paper[steps=9]", "-", "paper[steps=9,test_images=2]"]  # fmt: skip
    assert text.startswith("**faces, 64 x 64, hole: center, on 2, a processor**")


def test_what_has_no_number_is_not_among_the_best(tmp_path):
    lay(tmp_path)
    lay(tmp_path, "lost", (math.nan,) * 4)
    text = tables.best(tmp_path, 5)
    assert list(body(text)) == ["gan"]
    assert "the best 1 of 1**" in text
    for name in ("gan", "net"):
        lay(tmp_path, name, run={"data": "0ther"}, labels={"dataset": "cars"})
    assert "faces" not in tables.best(tmp_path, 5)


def test_who_was_trained_on_another_hole_or_elsewhere_may_be_the_best(tmp_path):
    external = {"licence": "none", "paper": "none", "moved": 0, "drift": 0.0}
    half = {"scores": {"half": scored((20.0,) * 4, shown="half")}}
    lay(tmp_path, "gan", (20.0,) * 4, told=half)
    filled(tmp_path, 12.0, told={"scores": {"half": scored((12.0,) * 4, shown="half")}})
    lay(tmp_path, "theirs", (21.0,) * 4, told={**half, "external": external}, labels={"any_budget": True, "train_mask": None})
    (sheet,) = score_sheets.best_sheets(tables.rows(tmp_path), 2)
    assert [[cell.text for cell in line[:2]] for line in sheet.body] == [["theirs §", "-"], ["gan", "center"]]


def test_a_line_of_a_matrix_says_where_it_stands_for_more_trainings(tmp_path):
    both = {"center": scored((20.0,) * 4), "half": scored((20.0,) * 4, shown="half")}
    lay(tmp_path, "gan", (20.0,) * 4, told={"scores": both})
    lay(tmp_path, "gan", (21.0,) * 4, run={"seed": 1})
    lay(tmp_path, "net", (21.0,) * 4, told={"scores": both})
    (sheet,) = score_sheets.matrix_sheets(tables.rows(tmp_path))
    assert [note for note in sheet.notes if "trainings" in note and "elsewhere" in note] == [
        "gan: 2 trainings of center, 1 elsewhere"
    ]


def test_holes_of_a_matrix_are_in_the_order_of_their_sizes(tmp_path):
    shown = [f"center[side={side}]" for side in (8, 16, 24)] + ["half"]
    lay(tmp_path, "gan", (20.0,) * 4, told={"scores": {name: scored((20.0,) * 4, shown=name) for name in reversed(shown)}})
    (sheet,) = score_sheets.matrix_sheets(tables.rows(tmp_path))
    assert [column.head for column in sheet.columns][-4:] == shown


def test_terms_stand_beside_the_costs_where_they_are_known(tmp_path):
    lay(tmp_path, labels={"licence": "MIT"})
    lay(tmp_path, "older")
    found = body(tables.table(tmp_path, sheets=cost_sheets))
    assert (found["gan"][-1], found["older"][-1]) == ("MIT", "-")


def test_every_table_ends_with_the_protocol(tmp_path):
    lay(tmp_path)
    assert tables.table(tmp_path).rstrip().endswith(PROTOCOL_LINE)


def test_a_document_that_is_no_text_and_holes_that_are_none_are_one_sentence(tmp_path, command):
    lay(tmp_path)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    for words, why in (
        (["--write", str(tmp_path / "picture.png")], "picture.png cannot be read as text"),
        (["--masks", ","], "--masks ',' names nothing"),
    ):
        told = command("tables", "--results", str(tmp_path), *words)
        assert (told.code, why in told.err) == (2, True)


def test_tables_are_written_between_the_markers(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter ü\n", encoding="utf-8")
    tables.write("new ±\n", file)
    assert file.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew ±\n\n{END}\nafter ü\n"
    tables.write("newer\n", file)
    assert file.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter ü\n"


def test_a_page_may_hold_several_tables_of_a_kind_each_under_its_own_name(tmp_path, command):
    lay(tmp_path)
    filled(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("".join(f"{tables.markers(name)[0]}\n{tables.markers(name)[1]}\n" for name in ("floors", "learned")))
    for name, method in (("floors", "mean-fill"), ("learned", "gan")):
        asked = ("tables", "--results", str(tmp_path), "--methods", method)
        assert command(*asked, "--check", f"{page}#{name}").code == 1
        assert command(*asked, "--write", f"{page}#{name}").code == 0
        assert command(*asked, "--check", f"{page}#{name}").code == 0
    assert page.read_text().count(PROTOCOL_LINE) == 1  # a document says it once
    floors, learned = page.read_text().split(tables.markers("floors")[1])
    assert ("| mean-fill" in floors, "| gan" in floors) == (True, False)
    assert ("| mean-fill" in learned, "| gan" in learned) == (False, True)
    assert "has no place for other" in command(*asked, "--write", f"{page}#other").err


def test_a_file_without_markers_is_the_tables(tmp_path):
    tables.write("new\n", tmp_path / "TABLES.md")
    tables.write("newer\n", tmp_path / "TABLES.md")
    assert (tmp_path / "TABLES.md").read_text() == "newer\n"


@pytest.mark.parametrize("content", [BEGIN, END, f"{END}\n{BEGIN}"])
def test_half_a_pair_of_markers_is_no_place(tmp_path, content):
    file = tmp_path / "TABLES.md"
    file.write_text(content)
    tables.write("new\n", file)
    assert file.read_text() == "new\n"


@pytest.mark.parametrize("before", ["", f"# Title\n{BEGIN}\n{END}\n"])
def test_stale_tables_are_found(tmp_path, before):
    file = tmp_path / "TABLES.md"
    file.write_text(before)
    lay(tmp_path)
    assert not tables.is_current(tables.table(tmp_path), file)
    tables.write(tables.table(tmp_path), file)
    assert tables.is_current(tables.table(tmp_path), file)
    lay(tmp_path, "other")
    assert not tables.is_current(tables.table(tmp_path), file)


def test_tables_that_are_not_there_are_stale(tmp_path):
    assert not tables.is_current("new\n", tmp_path / "TABLES.md")


def test_tables_of_the_same_records_are_the_same_to_the_byte(tmp_path):
    lay(tmp_path, psnrs=(20.0, 21.0, 24.0))
    lay(tmp_path, "other", (19.0, 22.0, 23.0))
    assert tables.table(tmp_path) == tables.table(tmp_path)


def test_two_sets_of_pictures_of_one_name_are_told_apart(tmp_path, command):
    for data, level in (("aaaaaaaa", 20.0), ("bbbbbbbb", 22.0)):
        lay(tmp_path, "gan", (level,) * 4, run={"data": data})
    lay(tmp_path, "gan", (21.0,) * 4, run={"data": "cccccccc"}, labels={"dataset": "cars"})
    assert {row["dataset"] for row in tables.rows(tmp_path)} == {"faces@aaaaaa", "faces@bbbbbb", "cars"}

    def heads(only):
        told = command("tables", "--results", str(tmp_path), "--only", only)
        return [line.partition(",")[0].strip("*") for line in told.out.splitlines() if line.startswith("**")] or told.err

    assert heads("faces") == ["faces@aaaaaa", "faces@bbbbbb"]
    assert heads("faces@bbbbbb") == ["faces@bbbbbb"]
    assert "unknown data set 'faces@cccccc'" in heads("faces@cccccc")


def test_the_best_of_all_budgets_stand_with_their_budget_and_beside_the_floor(tmp_path, command):
    lay(tmp_path, "gan", (22.0,) * 4, run={"steps": 9}, labels={"budget": "paper[steps=9]"})
    lay(tmp_path, "gan", (23.0,) * 4, labels={"budget": "paper"})
    lay(tmp_path, "gan", (29.0,) * 4, run={"steps": 3}, labels={"budget": "quick"})
    lay(tmp_path, "few", (28.0,) * 2, labels={"budget": "paper[test_images=2]"})
    for name, level in (("linear", 20.0), ("other", 21.0)):
        lay(tmp_path, name, (level,) * 4, labels={"any_budget": True})
    (sheet,) = score_sheets.best_sheets(tables.rows(tmp_path), 2)
    assert "tested on fewer images and left out: few" in sheet.notes
    assert [[cell.text for cell in line[:2]] for line in sheet.body] == [
        ["gan", "paper"], ["gan", "paper[steps=9]"], ["linear", "-"],
    ]  # fmt: skip
    assert sheet.title == "faces, 64 x 64, hole: center: the best 2 of 4, and linear"
    told = command("tables", "--results", str(tmp_path), "--best", "1")
    assert [line.split("|")[2].strip() for line in told.out.splitlines() if line.startswith(("| gan", "| linear"))] == [
        "paper",
        "-",
    ]
    assert "--best 0 must be at least 1" in command("tables", "--results", str(tmp_path), "--best", "0").err


def test_a_table_with_several_trainings_of_a_method_says_how_many_each_has(tmp_path):
    for seed in (0, 1):
        lay(tmp_path, "gan", (20.0 + seed,) * 4, run={"seed": seed})
    lay(tmp_path, "linear", run={"seed": None})
    (sheet,) = score_sheets.score_sheets(tables.rows(tmp_path))
    place = [column.head for column in sheet.columns].index("trainings")
    assert [line[place].text for line in sheet.body] == ["2", "-"]
