"""Standing: who stands in which budget's tables, and that different numbers of test images meet on the fewer."""

from test_tables import body, filled, lay, scored, scores_csv

from inbench.readers import sections, tables
from inbench.readers.rows import rows_of

ALL, FEW = "paper[steps=2000]", "paper[steps=2000,test_images=2]"


def table_of(text, budget):
    return body(next(part for part in text.split("\n**") if f"budget: {budget}**\n" in part))


def lay_two(results, fewer=FEW):
    lay(results, "gan", (18.0, 20.0, 22.0, 24.0), labels={"budget": ALL})
    lay(results, "searcher", (21.0, 23.0), labels={"budget": fewer})
    return "\n" + tables.table(results)


def test_a_method_that_was_tested_on_fewer_images_meets_the_others_on_these(tmp_path):
    text = lay_two(tmp_path)
    assert list(table_of(text, ALL)) == ["gan"]
    few = table_of(text, FEW)
    assert few["gan"][1].startswith("19.00")  # of the images that both have, 18 and 20
    assert few["searcher"][1].startswith("**22.00**")


def test_another_training_stands_in_a_table_of_its_own(tmp_path):
    text = lay_two(tmp_path, fewer="paper[steps=1000,test_images=2]")
    assert list(table_of(text, "paper[steps=1000,test_images=2]")) == ["searcher"]


def test_what_no_budget_changes_stands_in_both(tmp_path):
    filled(tmp_path)
    text = lay_two(tmp_path)
    assert "mean-fill" in table_of(text, ALL)
    assert "mean-fill" in table_of(text, FEW)


def test_a_table_of_nothing_but_what_no_budget_changes_stands_once(tmp_path):
    told = {"scores": {"center[side=32]": scored((12.0,) * 4), "half[part=any]": scored((12.0,) * 4, shown="half")}}
    labels = {"masks": {"center[side=32]": "center", "half[part=any]": "half"}}
    filled(tmp_path, told=told, labels=labels)
    text = lay_two(tmp_path)
    assert text.count("hole: half") == 1


def test_a_hole_that_the_one_with_fewer_images_was_not_tested_on_has_the_table_of_all_images_alone(tmp_path):
    both = {"center[side=32]": "center", "half[part=any]": "half"}
    told = {"scores": {full: scored((20.0,) * 4, shown=shown) for full, shown in both.items()}}
    lay(tmp_path, "gan", told=told, labels={"budget": ALL, "masks": both})
    lay(tmp_path, "searcher", (21.0, 23.0), labels={"budget": FEW})
    text = "\n" + tables.table(tmp_path)
    assert text.count("hole: half") == 1
    assert f"hole: half, budget: {ALL}**" in text
    assert text.count("hole: center") == 2


def test_all_images_stand_in_a_table_though_one_of_fewer_holds_the_same_methods(tmp_path):
    both = {"center[side=32]": "center", "half[part=any]": "half"}
    lay(tmp_path, "gan", labels={"budget": "paper"})
    halves = {"half[part=any]": scored((19.0,) * 2, shown="half")}
    lay(tmp_path, "net", told={"scores": halves}, labels={"budget": "paper[test_images=2]", "masks": both},
        files={"scores/center.csv": scores_csv((19.0,) * 2)})  # fmt: skip
    told = {"scores": {full: scored((12.0,) * 4, shown=shown) for full, shown in both.items()}}
    filled(tmp_path, told=told, labels={"masks": both})
    found = {row["budget"]: row["metrics"]["psnr"]["n"] for row in tables.rows(tmp_path)
             if (row["method"], row["mask"]) == ("mean-fill", "half")}  # fmt: skip
    assert found["paper"] == 4


def test_whoever_asks_for_a_row_by_its_budget_finds_it_in_all_its_tables(tmp_path):
    both = {"center[side=32]": "center", "half[part=any]": "half"}
    lay(tmp_path, "gan", labels={"budget": "paper[steps=10]"}, run={"steps": 10})
    told = {"scores": {full: scored((20.0,) * 4, shown=shown) for full, shown in both.items()}}
    lay(tmp_path, "gan", told=told, labels={"budget": "paper[steps=20]", "masks": both}, run={"steps": 20})
    filled(tmp_path, told=told, labels={"masks": both})
    kept = sections.found_in(tmp_path)
    budgets = {row["budget"] for row in rows_of(kept) if (row["method"], row["mask"]) == ("mean-fill", "half")}
    assert budgets == {"paper[steps=10]", "paper[steps=20]"}
    assert tables.table(tmp_path).count("hole: half") == 1


def test_a_label_that_is_no_budget_is_only_like_itself(tmp_path):
    lay(tmp_path, "gan", labels={"budget": "of old[x=1]"})
    lay(tmp_path, "other", labels={"budget": ALL})
    text = "\n" + tables.table(tmp_path)
    assert list(table_of(text, "of old[x=1]")) == ["gan"]


def test_what_ran_under_several_budgets_with_parameters_of_theirs_stands_once_in_each(tmp_path):
    lay(tmp_path, "gan", labels={"budget": ALL})
    lay(tmp_path, "gan", labels={"budget": "quick"}, run={"steps": 7})
    for budget, steps, psnr in (("quick", 10, 15.0), ("paper", 100, 16.0)):
        filled(tmp_path, psnr, name="diffusion", labels={"budget": budget}, run={"params": {"steps": steps}})
    text = "\n" + tables.table(tmp_path)
    assert text.count("| diffusion ") == 2
    assert table_of(text, ALL)["diffusion"][1].startswith("16.00")
    assert table_of(text, "quick")["diffusion"][1].startswith("15.00")
