"""Paper sheets: published cells beside ours, what differs, and how a paper's runs are planned."""

import dataclasses
import json
from pathlib import Path

import pytest
from test_tables import body, lay

from inbench.readers import paper_sheets, tables
from inbench.runs import paper_runs, plan
from inbench.words import brackets, published, records
from inbench.words.errors import UserError
from inbench.words.planned import Planned

MENG = published.load("meng2020")


def meng(results: Path, **more):
    """The records of Table 1."""
    for method, psnr in (("autoencoder", 20.0), ("context-encoder", 21.0), ("semantic-inpainting", 19.0), ("dense-gan", 22.0)):
        lay(results, method, (psnr,) * 4, run={"params": {"tv": 1e-6}}, **more)


def table_1(results, **more):
    return tables.paper(results, "meng2020", "markdown", **{"table": "1", "datasets": "celeba=faces", **more})


def test_published_cells_stand_beside_ours_and_are_never_bold(tmp_path):
    meng(tmp_path)
    found = body(table_1(tmp_path))
    assert found["Autoencoder"][:4] == ["autoencoder", "*[7.89]*", "4.00 ±0.00", "*[16.2319]*"]
    assert found["Our method"][3:6] == ["*[23.3119]*", "**22.00** ±0.00", "**22.00** ±0.00"]
    assert not any("**" in cell and "[" in cell for cells in found.values() for cell in cells)


def test_where_losses_settle_stands_beside_where_the_paper_says_they_do(tmp_path):
    for seed, level in enumerate((0.02, 0.04)):
        curve = "step,loss\n" + "".join(f"{step},{level}\n" for step in range(1, 101))
        lay(tmp_path, "dense-gan", run={"params": {"tv": 1e-6}, "seed": seed}, files={"curve.csv": curve.encode()})
    text = tables.paper(tmp_path, "meng2020", "markdown", datasets="celeba=faces")
    part = text[text.index("**meng2020, Figure 5") : text.index("**meng2020, figures")]
    found = body(part)
    assert {row: found[row] for row in ("Our method", "No dense blocks")} == {
        "Our method": ["dense-gan", "*[0.013 ± 0.002]*", "2", "0.0300 ± 0.0000"],
        "No dense blocks": ["dense-gan[dense=false]", "*[0.025 ± 0.005]*", "-", "-"],
    }
    assert "the median loss of the last fifth of the steps" in part
    assert "1 not run yet: inbench run --paper meng2020 --datasets celeba=faces runs what is missing" in part


def test_what_of_ours_is_not_as_in_the_paper_is_said(tmp_path):
    meng(tmp_path, labels={"budget": "quick"})
    text = table_1(tmp_path)
    for part in (
        "4 of 4 complete; 4 test images",
        "Data of ours: faces; of the paper: CelebA, OpenFace crop",
        "Budget of ours: quick; as the paper trained: paper",
        "Hole of ours: center; of the paper: a rectangle in the middle; its side is not stated",
        "Budget quick is a first look and ranks nothing",
        "not consistent with the same row's L2 under the convention printed below",
        "Not verified: journal, year",
        "Protocol 1:",
    ):
        assert part in text
    assert "**20" not in text


def test_what_is_missing_is_to_be_run_as_the_others_were(tmp_path):
    lay(tmp_path, "dense-gan", run={"params": {"tv": 1e-6}}, labels={"budget": "paper[steps=9]"})
    command = "inbench run --paper meng2020 --table 1 --datasets celeba=faces --budget 'paper[steps=9]' runs what is missing"
    assert f"3 not run yet: {command}" in table_1(tmp_path)


def test_the_papers_budget_is_taken_where_there_are_several(tmp_path):
    meng(tmp_path, labels={"budget": "quick"})
    lay(tmp_path, "dense-gan", (25.0,) * 4, run={"params": {"tv": 1e-6}, "steps": 7})
    assert body(table_1(tmp_path))["Our method"][4] == "25.00 ±0.00"
    assert "3 not run yet: inbench run --paper meng2020 --table 1 --datasets celeba=faces runs what" in table_1(tmp_path)
    assert body(table_1(tmp_path, budget="quick"))["Our method"][4] == "22.00 ±0.00"


def test_of_budgets_with_as_many_rows_the_longest_training_is_taken_then_the_most_trainings(tmp_path):
    """Not the one whose name sorts last: `paper[steps=300]` is a first look beside 2,000 steps."""
    for steps, images, psnr in ((300, 4, 26.0), (2000, 2, 25.0), (2000, 3, 22.0)):
        run = {"params": {"tv": 1e-6}, "steps": steps, "seed": images}
        lay(tmp_path, "dense-gan", (psnr,) * images, run=run, labels={"budget": f"paper[steps={steps},test_images={images}]"})
    assert body(table_1(tmp_path))["Our method"][4].startswith("23.50")  # of both trainings, on the two images they share
    assert "2 test images" in table_1(tmp_path)


def test_a_budget_is_the_one_that_was_typed_in_whatever_order(tmp_path):
    meng(tmp_path, labels={"budget": "paper[steps=9,test_images=4]"})
    assert "4 of 4 complete" in table_1(tmp_path, budget="paper[test_images=4,steps=9,val_images=16]")
    with pytest.raises(UserError, match=r"unknown budget 'papr\[steps=9\]'"):
        table_1(tmp_path, budget="papr[steps=9]")


def test_budgets_that_nothing_tells_apart_are_taken_plainest_first_by_tables_and_claims(tmp_path):
    for budget in ("paper[augmentation=flip,steps=9]", "paper[steps=9]"):
        meng(
            tmp_path,
            labels={"budget": budget},
        )
        for method in ("autoencoder", "context-encoder", "semantic-inpainting", "dense-gan"):
            run = {"params": {"tv": 1e-6}, "augmentation": "flip" if "flip" in budget else "none"}
            lay(tmp_path, method, run=run, labels={"budget": budget})
    assert "Budget of ours: paper[steps=9];" in table_1(tmp_path)
    assert "budget paper[steps=9]:" in tables.claims(tmp_path, "meng2020", "markdown", datasets="celeba=faces")


def test_claims_too_leave_a_first_look_to_itself(tmp_path):
    meng(tmp_path, labels={"budget": "quick"})
    for method in ("dense-gan", "autoencoder"):
        lay(tmp_path, method, run={"params": {"tv": 1e-6}, "steps": 9}, labels={"budget": "paper[steps=9]"})
    text = tables.claims(tmp_path, "meng2020", "markdown", datasets="celeba=faces")
    assert "budget paper[steps=9]:" in text
    assert "budget quick" not in text


def test_of_several_forms_of_a_method_the_one_of_most_trainings_stands_and_the_others_are_named(tmp_path):
    for precision, seeds, psnr in (("bf16", 1, 25.0), ("float32", 2, 22.0)):
        for seed in range(seeds):
            lay(tmp_path, "dense-gan", (psnr,) * 4, run={"params": {"tv": 1e-6}, "precision": precision, "seed": seed})
    assert body(table_1(tmp_path))["Our method"][:1] == ["dense-gan, float32"]
    assert "Our method is dense-gan, float32; there is dense-gan, bf16 too" in table_1(tmp_path)


def test_a_paper_may_write_a_hole_and_a_budget_in_full(tmp_path):
    meng(tmp_path, labels={"budget": "paper[batch=8,steps=9]"})
    text = (published.FOLDER / "meng2020.toml").read_text()
    file = tmp_path / "mine.toml"
    written = text.replace('mask = "center"', 'mask = "center[side=32]"').replace(
        'budget = "paper"', 'budget = "paper[steps=9,batch=8]"'
    )
    file.write_text(written)
    found = tables.paper(tmp_path, str(file), "markdown", table="1", datasets="celeba=faces")
    assert "4 of 4 complete" in found
    assert "Budget of ours" not in found


def test_parameters_in_brackets_choose_the_row(tmp_path):
    lay(tmp_path, "dense-gan", (20.0,) * 4, run={"params": {"tv": 0.0, "adversarial": 0.001}}, label="dense-gan[tv=0]")
    found = body(table_1(tmp_path, table="2"))
    assert [found[label][0] for label in found if label.startswith("Our method")] == [
        "dense-gan[adversarial=0,tv=0]",
        "dense-gan[tv=0]",
        "dense-gan",
    ]
    assert [found[label][4] for label in found if label.startswith("Our method")] == ["-", "20.00 ±0.00", "-"]


def test_errors_of_ours_are_brought_into_the_range_of_the_paper(tmp_path):
    lay(tmp_path, "context-encoder", (20.0,) * 4, run={"size": 128})
    text = tables.paper(tmp_path, "pathak2016", "markdown", datasets="paris=faces")
    assert "our l2 % ↓, \\[0, 1]" in text or "our l2 % ↓, [0, 1]" in text
    assert "1.00 ±0.00" in body(text)["Our reconstruction (joint)"]  # 4.00 in [-1, 1]


def test_published_tables_stand_without_any_record(tmp_path):
    text = tables.paper(tmp_path, "yeh2017", "markdown")
    assert "*[33.0]*" in text
    assert "0 of 24 complete" in text
    assert "No data set stands for svhn: --datasets svhn=NAME" in text


def test_a_paper_is_a_table_for_programs_too(tmp_path):
    meng(tmp_path)
    found = json.loads(tables.paper(tmp_path, "meng2020", "json", table="1", datasets="celeba=faces"))["rows"]
    assert [row["published"]["l2"] for row in found] == [7.89, 3.25, 2.96, 2.74]
    assert found[3]["ours"]["metrics"]["psnr"]["mean"] == 22.0
    lines = tables.paper(tmp_path, "meng2020", "csv", table="1", datasets="celeba=faces").splitlines()
    assert lines[1].startswith(
        "meng2020,Table 1,Autoencoder,autoencoder,celeba,center,paper,7.89,16.2319,0.6513,faces,paper,4.0"
    )


def test_a_data_set_that_is_misspelt_is_told_and_one_without_records_is_not(tmp_path):
    lay(tmp_path, "autoencoder", labels={"dataset": "celeba64-closeup"})
    for what in (tables.paper, tables.claims):
        with pytest.raises(UserError, match="unknown data set 'celeba64-closup'; did you mean 'celeba64-closeup'"):
            what(tmp_path, "meng2020", "markdown", datasets="celeba=celeba64-closup")
        assert what(tmp_path, "meng2020", "markdown", datasets="celeba=celeba64")


def test_a_papers_entry_says_what_is_not_verified(tmp_path):
    text = tables.paper(tmp_path, "meng2020", "latex")
    assert "% @misc{meng2020," in text
    assert "%   note = {not verified: journal, year" in text
    assert "\\textcolor{gray}{\\textit{23.3119}}" in text


def test_a_plan_asks_for_the_rows_of_the_roles_that_are_given():
    request = plan.Request(seeds="0,1")
    asked = paper_runs.requests(MENG, paper_runs.rows_of(MENG), "celeba=faces.zip", None, request)
    (only,) = asked
    assert (only.datasets, only.mask, only.budget, only.size, only.seeds) == ("faces.zip", "center", "paper", 64, "0,1")
    assert set(only.methods.split(",")) >= {
        "autoencoder",
        "context-encoder",
        "semantic-inpainting",
        "dense-gan",
        "dense-gan[tv=0]",
    }
    yeh = published.load("yeh2017")
    quick = paper_runs.requests(yeh, paper_runs.rows_of(yeh), "celeba=a,cars=b", "quick", request)
    assert {(one.datasets, one.mask, one.budget) for one in quick} == {
        (data, mask, "quick") for data in "ab" for mask in ("center", "pattern25", "random80", "half")
    }
    with pytest.raises(UserError, match=r"no data set stands for pathak2016's paris; write --datasets paris=NAME"):
        paper_runs.requests(published.load("pathak2016"), paper_runs.rows_of(published.load("pathak2016")), None, None, request)


def test_what_learns_nothing_is_scored_on_as_many_images_as_any_row_asks_for(tmp_path):
    text = (published.FOLDER / "meng2020.toml").read_text()
    head, table = text[: text.index("[[tables]]")], text[text.index("[[tables]]") : text.index("rows = [")]
    row = '{{ label = "{0}", method = "mean-fill", mask = "{1}", budget = "{2}" }}'
    few, all_of_them = "smoke[test_images=4]", "smoke"
    for budgets in ((few, all_of_them), (all_of_them, few)):
        rows = ", ".join(row.format(mask, mask, budget) for mask, budget in zip(("center", "half"), budgets, strict=True))
        (tmp_path / "mine.toml").write_text(f"{head}{table}rows = [{rows}]\n")
        request = plan.Request(results=tmp_path / "results", device="cpu", precision="float32", threads=1)
        (one,) = paper_runs.make(
            str(tmp_path / "mine.toml"), None, "celeba=drawn-faces[train=24,val=8,test=12]", None, request, print
        )
        assert (len(one.spec["test_masks"]), one.spec["wanted"]) == (2, 8)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("done", "done", "done"), ("done", "unscored", "unscored"), ("unscored", "done", "unscored"),
        ("failed", "unscored", "unscored"), ("unscored", "failed", "unscored"), ("failed", "done", "failed"),
    ],
)  # fmt: skip
def test_a_run_that_two_rows_ask_for_is_to_do_while_one_of_them_lacks_scores(one, other, both):
    run = records.Run("mean-fill", {}, "", "", 64, None, None, None, None, None)
    spec = {"labels": {"masks": {}}, "typed": {}, "test_masks": [], "wanted": 1}
    first, second = (Planned(run, state, json.loads(json.dumps(spec))) for state in (one, other))
    assert paper_runs._joined(first, second).state == both


def test_a_paper_of_ones_own_is_run_and_shown(tmp_path, command, here):
    file = tmp_path / "mine.toml"
    text = (published.FOLDER / "meng2020.toml").read_text()
    head, table = text[: text.index("[[tables]]")], text[text.index("[[tables]]") : text.index("rows = [")]
    rows = 'rows = [\n{ label = "Ours", method = "mean-fill", published = { l2 = "7.89" } },\n]\n'
    file.write_text(head + table.replace("size = 64", "size = 32") + rows)
    words = ["--paper", str(file), "--datasets", "celeba=drawn-faces[train=40,val=8,test=12]", "--results", str(tmp_path / "r")]
    told = command("run", *words, "--budget", "smoke", "--threads", "1")
    assert told.code == 0, told.err
    assert "| Ours  | mean-fill |" in told.out.replace("| Ours | ", "| Ours  | ")
    assert "1 of 1 complete" in told.out
    assert command("tables", *words).out.strip() in told.out


def test_what_the_rows_of_a_paper_say_is_not_asked_for_twice(command):
    told = command("run", "--paper", "meng2020", "--methods", "linear")
    assert (told.code, told.out) == (2, "")
    assert told.err == "inbench: --methods is what the rows of meng2020 say; leave it out with --paper\n"


def test_the_convention_chooses_our_columns():
    assert paper_sheets.ours(MENG, "l2") == [("l2", 1.0)]
    assert [name for name, _ in paper_sheets.ours(MENG, "psnr")] == ["psnr", "psnr-pooled"]
    fact = published.Fact("pooled", True, "stated")
    stated = dataclasses.replace(MENG, convention={**MENG.convention, "aggregation": fact})
    assert paper_sheets.ours(stated, "psnr") == [("psnr-pooled", 1.0)]


def test_claims_ask_for_both_sides_of_each():
    asked = paper_runs.requests(MENG, paper_runs.claimed(MENG), "celeba=a,cars=b", None, plan.Request())
    methods = {one.datasets: set(brackets.split_list(one.methods)) for one in asked}
    assert "dense-gan[bottleneck=fc]" in methods["a"]
    assert "semantic-inpainting[blend=false]" in ",".join(methods["a"])
    assert methods["b"] == {
        "dense-gan", "autoencoder", "context-encoder", "semantic-inpainting", "dense-gan[dense=false]",
        "dense-gan[dense=false,plain=matched]", "semantic-inpainting[blend=false]",
    }  # fmt: skip
