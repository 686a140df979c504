"""Comparison: two methods on the same pictures, one claim, and what few seeds cannot tell."""

import json

import numpy as np
import pytest
import scipy.stats
from test_tables import YOUNG, filled, floor, lay, scored

from inbench.readers import comparison, comparison_sheets, formats, statistics, tables
from inbench.readers.sections import found_in
from inbench.words import disk, records
from inbench.words.errors import UserError

HARD = np.random.default_rng(0).normal(20, 3, 60).round(6)


def two(results, by=0.5, **more):
    lay(results, "one", tuple((HARD + by).round(6)), **more)
    lay(results, "other", tuple(HARD), **more)


def verdict(results, one="one", other="other"):
    (found,) = comparison.compare(results, one, other)
    return comparison_sheets.verdict(found, 1)


def test_a_difference_is_taken_picture_by_picture(tmp_path):
    two(tmp_path)
    (found,) = comparison.compare(tmp_path, "one", "other")
    told = found.differences["psnr"]
    assert (told.value, told.low, told.high) == pytest.approx((0.5, 0.5, 0.5))
    assert verdict(tmp_path).startswith("verdict: one is better by 0.50 dB psnr-pooled, in one training each (p below 0.001)")
    assert verdict(tmp_path, "other", "one").startswith("verdict: one is better by 0.50 dB")


def test_methods_are_compared_in_the_precision_that_both_have(tmp_path):
    two(tmp_path)
    lay(tmp_path, "one", tuple(HARD - 3), run={"precision": "bf16"})
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert (found.names, found.differences["psnr"].value) == (("one", "other"), pytest.approx(0.5))
    (found,) = comparison.compare(tmp_path, "one, bf16", "other")
    assert (found.names, found.differences["psnr"].value) == (("one, bf16", "other"), pytest.approx(-3))


def test_which_precision_is_meant_has_to_be_said_where_both_have_several(tmp_path):
    two(tmp_path)
    two(tmp_path, run={"precision": "bf16"})
    with pytest.raises(UserError, match=r"one was trained in several forms; name one: 'one, .*' or 'one, .*'"):
        comparison.compare(tmp_path, "one", "other")
    (found,) = comparison.compare(tmp_path, "one, bf16", "other, bf16")
    assert found.differences["psnr"].value == pytest.approx(0.5)


def test_trainings_before_and_after_a_change_of_a_default_are_told_apart_by_it(tmp_path, command):
    for weight, shift in ((6.0, 1), (4.0, 2)):
        lay(tmp_path, "one", tuple(HARD + shift), run={"params": {"weight": weight, "lr": 0.1}})
    lay(tmp_path, "other", tuple(HARD))
    shown = [row["shown"] for row in tables.rows(tmp_path)]
    assert shown == ["one[weight=4]", "one[weight=6]", "other"]
    with pytest.raises(UserError, match=r"several forms; name one: 'one\[weight=4\]' or 'one\[weight=6\]'"):
        comparison.compare(tmp_path, "one", "other")
    (found,) = comparison.compare(tmp_path, "one[weight=4]", "other")
    assert found.differences["psnr"].value == pytest.approx(2)
    assert command("tables", "--results", str(tmp_path), "--methods", "one[weight=6]").out.count("| one[weight=") == 1


def test_a_training_from_before_a_parameter_was_there_is_not_taken_for_the_method(tmp_path):
    for params, shift in (({"w": 1}, 1), ({"w": 1, "sees": "hole"}, 2)):
        lay(tmp_path, "one", tuple(HARD + shift), run={"params": params})
    lay(tmp_path, "other", tuple(HARD))
    assert [row["shown"] for row in tables.rows(tmp_path)] == ["one[sees=-]", "one[sees=hole]", "other"]
    with pytest.raises(UserError, match=r"name one: 'one\[sees=-\]' or 'one\[sees=hole\]'"):
        comparison.compare(tmp_path, "one", "other")
    (found,) = comparison.compare(tmp_path, "one[sees=-]", "other")
    assert found.differences["psnr"].value == pytest.approx(1)


@pytest.mark.parametrize("text", ["[]", "[tv=0],ridge,third"])
def test_what_is_no_change_of_the_first_is_refused(tmp_path, text):
    ablated(tmp_path)
    with pytest.raises(UserError, match=r"must be the first method with other options, such as '\[tv=0\]'"):
        comparison.compare(tmp_path, "gan", text)


def test_lines_of_another_precision_say_so(tmp_path):
    for precision, shift in (("float32", 1), ("bf16", 2)):
        lay(tmp_path, "gan", tuple(HARD), run={"precision": precision, "params": {"tv": 1.0}})
        changed = {"precision": precision, "params": {"tv": 0.0}}
        lay(tmp_path, "gan", tuple(HARD - shift), run=changed, label="gan[tv=0]")
    found = comparison.compare(tmp_path, "gan, float32", "[tv=0]", "[tv=0], bf16")
    assert [one.beside for one in found] == ["tv=0", "tv=0, bf16"]
    assert [one.differences["psnr"].value for one in found] == pytest.approx([1, 2])


def test_the_format_of_a_file_is_that_of_its_ending(tmp_path, command):
    two(tmp_path)
    asked = ("compare", "one", "other", "--results", str(tmp_path), "--write")
    assert command(*asked, str(tmp_path / "x.tex")).code == 0
    assert r"\begin{tabular}" in (tmp_path / "x.tex").read_text()
    assert command(*asked, str(tmp_path / "x.csv")).err.startswith("inbench: unknown format 'csv'")


def test_guests_with_few_images_take_none_from_two_others_and_are_compared_on_theirs(tmp_path):
    two(tmp_path)
    filled(tmp_path, 12.0)  # four images
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert found.images == len(HARD)
    (found,) = comparison.compare(tmp_path, "one", "mean-fill")
    assert found.images == 4


def test_closed_forms_of_several_seeds_are_compared_with_the_other_and_not_with_their_own(tmp_path):
    for seed in range(3):
        lay(tmp_path, "linear", tuple(HARD + 1), run={"seed": seed}, labels={"any_budget": True})
        lay(tmp_path, "ppca", tuple(HARD - 5), run={"seed": seed}, labels={"any_budget": True})
    lay(tmp_path, "gan", tuple(HARD))
    for other, apart in (("gan", 1.0), ("ppca", 6.0)):
        (found,) = comparison.compare(tmp_path, "linear", other)
        assert found.differences["psnr"].value == pytest.approx(apart)
        (back,) = comparison.compare(tmp_path, other, "linear")
        assert back.differences["psnr"].value == pytest.approx(-apart)


def test_the_choice_of_images_is_in_what_is_said_of_several_trainings(tmp_path):
    chance, rows = np.random.default_rng(1), {}
    for name, level in (("one", 20.6), ("other", 20.0)):
        own = chance.normal(0, 2, 60)  # what is peculiar to a method, and stays so whatever the seed is
        rows[name] = [(level + own + chance.normal(0, 0.1, 60)).round(6) for _ in range(3)]
        for seed, psnrs in enumerate(rows[name]):
            lay(tmp_path, name, tuple(psnrs), run={"seed": seed})
    (found,) = comparison.compare(tmp_path, "one", "other")
    columns = [psnrs[:, None] for name in ("one", "other") for psnrs in rows[name]]
    (images,) = statistics.over_images(columns, [1 / 3] * 3 + [-1 / 3] * 3, range(60), ["mean"])
    means = [[psnrs.mean() for psnrs in rows[name]] for name in ("one", "other")]
    told, alone = statistics.between_seeds(*means, images), statistics.between_seeds(*means)
    got = found.differences["psnr"]
    assert (got.value, got.low, got.high, got.p) == pytest.approx((told.value, told.low, told.high, told.p), rel=1e-6)
    assert alone.p < 0.01 < told.p
    assert found.spread[1].squared == pytest.approx(images.squared, rel=0.2)


def test_scores_that_are_no_numbers_have_no_verdict(tmp_path):
    for seed in range(2):
        lay(tmp_path, "one", (float("nan"),) * 9, run={"seed": seed})
        lay(tmp_path, "other", tuple(HARD[:9]), run={"seed": seed})
    (found,) = comparison.compare(tmp_path, "one", "other")
    text = formats.markdown(comparison_sheets.sheets([found]))
    assert "No verdict: of psnr-pooled these images tell nothing" in text
    assert "| one  " not in text
    assert "better by" not in text


def test_where_two_names_are_one_training_the_other_data_sets_are_still_compared(tmp_path):
    for data, name, precisions in (("one-set", "faces", ("float32", "bf16")), ("0ther", "cars", ("bf16",))):
        for shift, precision in enumerate(precisions):
            lay(tmp_path, "gan", tuple(HARD + shift), run={"precision": precision, "data": data}, labels={"dataset": name})
    (found,) = comparison.compare(tmp_path, "gan, float32", "gan, bf16")
    assert found.section.dataset == "faces"


def test_a_seed_of_a_guest_with_few_images_takes_none_from_its_others(tmp_path):
    lay(tmp_path, "gan", tuple(HARD))
    for seed, psnrs in enumerate((HARD + 1, HARD[:4] + 1)):
        lay(tmp_path, "ppca", tuple(psnrs), run={"seed": seed}, labels={"any_budget": True})
    (found,) = comparison.compare(tmp_path, "gan", "ppca")
    assert (found.images, found.seeds) == (len(HARD), (1, 1))


def test_two_budgets_are_compared_where_each_is_named_and_nothing_is_claimed(tmp_path):
    for steps, shift in ((5, 0.0), (10, 1.0)):
        lay(tmp_path, "gan", tuple(HARD + shift), run={"steps": steps}, labels={"budget": f"paper[steps={steps}]"})
    (found,) = comparison.compare(tmp_path, "gan, paper[steps=10]", "gan, paper[steps=5]")
    assert (found.differences["psnr"].value, found.images) == (pytest.approx(1.0), len(HARD))
    text = formats.markdown(comparison_sheets.sheets([found]))
    assert "gan, paper[steps=10] against gan, paper[steps=5]: " in text
    assert "budget: paper[steps=10] and paper[steps=5]" in text
    assert "No verdict: they were given different budgets" in text
    (found,) = comparison.compare(tmp_path, "gan, paper[steps=10]", "gan, paper[steps=5,val_images=3]")  # which only watches
    assert found.differences["psnr"].value == pytest.approx(1.0)
    lay(tmp_path, "other", tuple(HARD), run={"steps": 10}, labels={"budget": "paper[steps=10]"})
    (found,) = comparison.compare(tmp_path, "other", "gan, paper[steps=10]")  # at the budget that one names
    assert (found.section.budget, found.withheld) == ("paper[steps=10]", "")
    with pytest.raises(UserError, match=r"there are no scores of 'gan, paper\[steps=7\]' there"):
        comparison.compare(tmp_path, "gan, paper[steps=10]", "gan, paper[steps=7]")
    with pytest.raises(UserError, match=r"unknown parameter of budget paper 'step'; did you mean 'steps'"):
        comparison.compare(tmp_path, "gan, paper[steps=10]", "gan, paper[step=5]")


def test_a_method_is_not_compared_with_itself(tmp_path):
    two(tmp_path)
    with pytest.raises(UserError, match=r"one and one are the same trainings; .* 'one, paper\[steps=1000\]'"):
        comparison.compare(tmp_path, "one", "one")


def test_a_method_whose_runs_all_failed_is_no_unknown_one(tmp_path):
    two(tmp_path)
    lay(tmp_path, "third", status="failed", reason="no such weights")
    with pytest.raises(UserError, match="'third' has no run that came to an end: failed: no such weights"):
        comparison.compare(tmp_path, "one", "third")


def test_a_table_of_several_says_what_so_few_seeds_can_tell(tmp_path):
    for seed, shift in enumerate((0.0, 0.4, -0.4)):
        two(tmp_path, 0.5 + shift, run={"seed": seed})
        lay(tmp_path, "third", tuple(HARD + 2 * shift), run={"seed": seed})
    (sheet,) = comparison_sheets.sheets(comparison.compare(tmp_path, "one", "other", "third"))
    assert any(note.startswith("3 seeds cannot separate 0.1 dB") for note in sheet.notes)


def test_trainings_that_nothing_else_tells_apart_are_told_apart_by_their_key(tmp_path):
    for steps, shift in ((6, 1), (7, 2)):
        lay(tmp_path, "one", tuple(HARD + shift), run={"steps": steps})
    lay(tmp_path, "other", tuple(HARD))
    first, second, _ = (row["shown"] for row in tables.rows(tmp_path))
    assert first != second
    found = [comparison.compare(tmp_path, name, "other")[0].differences["psnr"].value for name in (first, second)]
    assert sorted(found) == pytest.approx([1, 2])


def test_where_one_of_two_is_missing_nothing_has_to_be_said(tmp_path):
    for precision in ("float32", "bf16"):
        lay(tmp_path, "one", tuple(HARD), run={"precision": precision})
    for text in ("third", ""):
        with pytest.raises(UserError, match=f"unknown method '{text}'"):
            comparison.compare(tmp_path, "one", text)


def test_records_that_stand_in_the_tables_of_two_budgets_are_one_claim(tmp_path):
    for name in ("ridge", "other-ridge"):
        lay(tmp_path, name, tuple(HARD + len(name)), labels={"any_budget": True})
    for budget in ("paper[steps=1]", "paper[steps=2]"):
        lay(tmp_path, "gan", tuple(HARD), labels={"budget": budget}, run={"steps": int(budget[-2])})
    found = comparison.compare(tmp_path, "ridge", "other-ridge")
    assert (len(found), comparison.claims_of(found)) == (2, 1)
    assert [one.adjusted for one in found] == [one.differences["psnr-pooled"].p for one in found]


def test_a_claim_of_the_same_trainings_is_made_once_on_the_most_images(tmp_path):
    two(tmp_path, labels={"budget": "paper[steps=1]"})
    lay(tmp_path, "gan", tuple(HARD[:30]), labels={"budget": "paper[steps=1,test_images=30]"})
    found = comparison.compare(tmp_path, "one", "other")
    assert ([one.images for one in found], comparison.claims_of(found)) == ([30, 60], 1)
    assert comparison_sheets.verdict(found[0], 1) == "no verdict: the claim is made on the 60 images of the same trainings"
    assert found[0].adjusted is None
    assert found[1].adjusted == pytest.approx(found[1].differences["psnr-pooled"].p)


def test_the_claim_is_made_on_the_first_hole_that_is_named(tmp_path):
    for method, shift in (("one", 0.5), ("other", 0.0)):
        values = tuple((HARD + shift).round(6))
        entries = {mask: scored(values, shown=mask) for mask in ("center", "half", "box")}
        lay(tmp_path, method, values, told={"scores": entries})
    found = comparison.compare(tmp_path, "one", "other", masks="half,center")
    told = {each.section.mask: comparison_sheets.verdict(each, 1) for each in found}
    assert told.keys() == {"center", "half"}
    assert told["half"].startswith("verdict: one is better by 0.50 dB")
    assert told["center"] == "no verdict: claims are made of psnr-pooled on the hole half alone"
    assert [line[0].text for sheet in comparison_sheets.sheets(found) for line in sheet.body if "primary" in line[0].text] == [
        "psnr-pooled dB (primary)"
    ]
    with pytest.raises(UserError, match=r"unknown mask 'halve'; did you mean 'half'\?"):
        comparison.compare(tmp_path, "one", "other", masks="halve")


def test_on_a_hole_that_is_named_methods_are_compared_that_were_trained_on_another_the_same_for_both(tmp_path):
    def trained(method, on, shift):
        values = tuple((HARD + shift).round(6))
        labels = {"train_mask": on, "masks": {f"{on}[side=1]": on}}
        entries = {on: scored(values, shown=on), "thick": scored(values, shown="thick")}
        lay(tmp_path, method, values, labels=labels, run={"train_mask": on}, told={"scores": entries})

    def differences(**more):
        found = comparison.compare(tmp_path, "one", "other", masks="thick", **more)
        return [(round(each.differences["psnr"].value, 3), each.trained) for each in found]

    trained("one", "box", 0.5)
    trained("other", "half", 0.0)
    with pytest.raises(UserError, match="one and other were never scored on the same data, mask and budget"):
        differences()
    trained("other", "box", 0.1)
    assert differences() == [(0.4, "box")]
    trained("one", "half", 0.7)
    with pytest.raises(UserError, match="one was trained on box and on half, none of which it is tested on here, nor center"):
        differences()
    for method, shift in (("one", 0.9), ("other", 0.2)):
        trained(method, "center", shift)
    assert differences() == [(0.7, "center")]
    told = formats.markdown(comparison_sheets.sheets(comparison.compare(tmp_path, "one", "other", masks="thick")))
    assert "Trained on the hole center." in told
    for method, shift in (("one", 1.5), ("other", 0.3)):
        trained(method, "thick", shift)
    assert differences() == [(1.2, "")]


def test_one_training_is_compared_over_images_with_a_closed_form_of_any_number_of_seeds(tmp_path):
    lay(tmp_path, "one", tuple((HARD + 0.5).round(6)))
    for seed in range(3):
        lay(tmp_path, "linear", tuple(HARD), run={"seed": seed}, labels={"any_budget": True})
    (found,) = comparison.compare(tmp_path, "one", "linear")
    assert not found.by_seeds
    assert found.differences["psnr-pooled"].high > found.differences["psnr-pooled"].low


def test_a_closed_form_that_draws_by_its_seed_is_compared_over_all_its_trainings(tmp_path):
    """`ppca` sketches at random: the first of three says little of it."""
    lay(tmp_path, "linear", tuple(HARD), labels={"any_budget": True})
    for seed, shift in enumerate((1.0, -1.0, -1.5)):
        lay(tmp_path, "ppca", tuple(HARD + shift), run={"seed": seed}, labels={"any_budget": True})
    (found,) = comparison.compare(tmp_path, "ppca", "linear")
    assert (found.by_seeds, found.seeds) == (True, (3, 1))
    assert found.differences["psnr"].value == pytest.approx(-0.5)
    assert found.singles == ()  # the linear map is the same whatever the seed is


def test_learners_whose_trainings_are_alike_are_compared_over_images(tmp_path):
    for seed in range(3):
        lay(tmp_path, "one", tuple(HARD + 0.5), run={"seed": seed})
        lay(tmp_path, "other", tuple(HARD), run={"seed": seed})
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert not found.by_seeds


def test_how_a_closed_form_varies_says_nothing_of_a_single_learner(tmp_path):
    lay(tmp_path, "gan", tuple(HARD + 0.5))
    for seed in range(3):  # the order of its pictures moves a sum by as little
        lay(tmp_path, "linear", tuple(HARD + 1e-4 * seed), run={"seed": seed}, labels={"any_budget": True})
    (found,) = comparison.compare(tmp_path, "gan", "linear")
    assert not found.by_seeds
    assert found.differences["psnr"].value == pytest.approx(0.4999)
    assert "in one training each" in comparison_sheets.verdict(found, 1)


NOT_OURS = {"licence": "none", "paper": "none", "moved": 0, "drift": 0.0}


@pytest.mark.parametrize(
    ("more", "parameters"),
    [({"external": NOT_OURS}, 0), ({}, 1_500_000)],
    ids=["guesses from elsewhere", "weights that a plugin brings"],
)
def test_a_network_that_was_trained_elsewhere_is_one_training(tmp_path, more, parameters):
    for seed, shift in enumerate((0.0, 0.4, -0.4)):
        lay(tmp_path, "gan", tuple(HARD + 0.5 + shift), run={"seed": seed})
    lay(
        tmp_path,
        "theirs",
        tuple(HARD),
        run={"seed": None},
        labels={"any_budget": True},
        told=more,
        costs={"parameters": parameters},
    )
    lay(tmp_path, "telea", tuple(HARD), run={"seed": None}, labels={"any_budget": True}, costs={"parameters": 0})
    (found,) = comparison.compare(tmp_path, "gan", "theirs")
    assert found.singles == ("theirs",)
    told = statistics.between_seeds([0.5, 0.9, 0.1], [0.0])
    assert found.differences["psnr"].p == pytest.approx(told.p, rel=1e-3)
    (found,) = comparison.compare(tmp_path, "gan", "telea")
    assert found.singles == ()
    assert found.differences["psnr"].p < told.p


def test_metrics_that_one_training_lacks_are_not_compared(tmp_path):
    for seed in range(2):
        lay(tmp_path, "gan", tuple(HARD + seed), run={"seed": seed})
    lay(tmp_path, "linear", tuple(HARD), labels={"any_budget": True})
    record = next(one for one in found_in(tmp_path) if one.told["run"]["seed"] == 1)
    metrics = {name: told for name, told in record.told["metrics"].items() if name != "ssim"}
    disk.commit(record.folder, {"run.json": disk.to_json(record.told | {"metrics": metrics})})
    (found,) = comparison.compare(tmp_path, "gan", "linear")
    assert found.differences["psnr"].value == pytest.approx(0.5)
    assert "ssim" not in found.differences


def test_below_the_floor_is_the_mean_of_the_trainings_as_in_tables(tmp_path):
    for seed, shift in enumerate((1.0, 2.0, -1.5)):
        lay(tmp_path, "gan", tuple(HARD + shift), run={"seed": seed}, labels={"budget": "paper[steps=5]"})
    lay(tmp_path, "linear", tuple(HARD), labels={"any_budget": True})
    (found,) = comparison.compare(tmp_path, "gan", "linear")
    assert found.short == []


def test_pictures_of_other_names_are_never_paired(tmp_path):
    lay(tmp_path, "one", tuple(HARD), ids=[f"a{place:02d}" for place in range(60)])
    lay(tmp_path, "other", tuple(HARD[::-1]), ids=[f"{'ab'[place > 9]}{place:02d}" for place in range(60)])
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert found.images == 10


def test_pictures_of_validation_are_called_so(tmp_path):
    two(tmp_path)
    for record in records.all_of(tmp_path):
        (entry,) = record.scores.values()
        told = {**record.told, "scores": {"center[side=32] on val": {**entry, "shown": "center on val"}}}
        disk.commit(record.folder, {"run.json": disk.to_json(told)})
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert "60 validation images, the same for both" in formats.markdown(comparison_sheets.sheets([found]))


def test_pictures_are_paired_by_their_names(tmp_path):
    ids = [f"{place:03d}" for place in range(60)]
    lay(tmp_path, "one", tuple(HARD), ids=ids)
    lay(tmp_path, "other", tuple(HARD[::-1]), ids=ids[::-1])
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert (found.differences["psnr"].low, found.differences["psnr"].high) == (0, 0)
    assert "equivalent in psnr-pooled" in verdict(tmp_path)


def test_a_difference_under_the_margin_says_so(tmp_path):
    lay(tmp_path, "one", tuple(HARD + 0.06 + np.resize([0.2, -0.2], 60)))
    lay(tmp_path, "other", tuple(HARD))
    assert "less than the margin of 0.1 dB" in verdict(tmp_path)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"labels": {"budget": "quick"}}, "budget quick is a first look and ranks nothing"),
        ({"told": YOUNG}, "one and other have not converged"),
    ],
)
def test_there_is_no_verdict_on_what_may_not_be_ranked(tmp_path, more, why):
    two(tmp_path, **more)
    assert verdict(tmp_path) == f"no verdict: {why}"
    assert all(cell.text == "-" for (sheet,) in [comparison_sheets.sheets(comparison.compare(tmp_path, "one", "other"))]
               for *_, cell in sheet.body)  # fmt: skip


def test_claims_on_several_data_sets_are_held_by_holm(tmp_path):
    two(tmp_path)
    two(tmp_path, 0.3, run={"data": "0ther"}, labels={"dataset": "cars"})
    found = comparison.compare(tmp_path, "one", "other")
    alone = [one.differences["psnr-pooled"].p for one in found]
    assert [one.adjusted for one in found] == pytest.approx(statistics.holm(alone))
    assert "Holm over 2 claims" in comparison_sheets.verdict(found[0], 2)


def test_several_seeds_are_compared_over_trainings(tmp_path):
    for seed, shift in enumerate((0.0, 0.4, -0.4)):
        two(tmp_path, 0.5 + shift, run={"seed": seed})
    (found,) = comparison.compare(tmp_path, "one", "other")
    assert found.by_seeds
    assert found.differences["psnr"].value == pytest.approx(0.5)
    text = formats.markdown(comparison_sheets.sheets([found]))
    assert f"Over 3 and 3 trainings, {len(HARD)} images (Welch's t, with what the choice of images adds)" in text
    assert "3 seeds cannot separate 0.1 dB" in text


def test_a_single_training_beside_several_is_compared_over_trainings_and_says_so(tmp_path):
    for seed, psnr in enumerate((20.0, 20.4, 19.6)):
        lay(tmp_path, "one", (psnr,) * 4, run={"seed": seed})
    lay(tmp_path, "other", (19.9,) * 4)
    floor(tmp_path, 18.0)
    (found,) = comparison.compare(tmp_path, "one", "other")
    told = statistics.between_seeds([20.0, 20.4, 19.6], [19.9])
    assert found.differences["psnr"].p == pytest.approx(told.p)
    text = formats.markdown(comparison_sheets.sheets([found]))
    assert "Over 3 and 1 trainings, 4 images (Student's t, with what the choice of images adds)." in text
    assert "A single training beside several is taken to vary as they do: other." in text
    (found,) = comparison.compare(tmp_path, "one", "linear")
    assert found.differences["psnr"].p == pytest.approx(scipy.stats.ttest_1samp([20.0, 20.4, 19.6], 18.0).pvalue)
    assert "taken to vary" not in formats.markdown(comparison_sheets.sheets([found]))


def test_an_interval_within_the_margin_is_equivalence_and_a_wide_one_is_nothing(tmp_path):
    lay(tmp_path, "one", tuple(HARD))
    lay(tmp_path, "near", tuple(HARD + np.resize([0.05, -0.05], 60)))
    lay(tmp_path, "far", tuple(HARD + np.resize([3, -3], 60)))
    assert verdict(tmp_path, "one", "near").startswith(
        "verdict: equivalent in psnr-pooled, its interval is within the margin of 0.1 dB, in one training each"
    )
    assert verdict(tmp_path, "one", "far").startswith("verdict: no difference in psnr-pooled can be claimed (p = ")


def test_one_seed_says_nothing_of_others(tmp_path):
    two(tmp_path)
    text = formats.markdown(comparison_sheets.sheets(comparison.compare(tmp_path, "one", "other")))
    assert "One seed cannot separate trainings" in text


def test_parameters_choose_the_method(tmp_path, command):
    lay(tmp_path, "gan", (20.0,) * 4, run={"params": {"tv": 0.0}}, label="gan[tv=0]")
    lay(tmp_path, "gan", (21.0,) * 4, run={"params": {"tv": 1e-6}})
    told = command("compare", "gan[tv=0]", "gan", "--results", str(tmp_path), "--json")
    (row,) = json.loads(told.out)["rows"]
    assert row["methods"] == ["gan[tv=0]", "gan"]
    assert row["differences"]["psnr"]["value"] == -1.0


def test_a_method_without_scores_is_told_with_those_there_are(tmp_path):
    two(tmp_path)
    with pytest.raises(UserError, match=r"unknown method 'third'; there are: one, other"):
        comparison.compare(tmp_path, "one", "third")
    lay(tmp_path, "third", (20.0,) * 4, run={"data": "0ther"}, labels={"dataset": "cars"})
    with pytest.raises(UserError, match="never scored on the same data"):
        comparison.compare(tmp_path, "one", "third")
    with pytest.raises(UserError, match=r"no scores of 'third' there; there are on cars, budget paper$"):
        comparison.compare(tmp_path, "one", "third", only="faces")
    with pytest.raises(UserError, match=r"no scores of 'one\[tv=0\]' in .*; there are of one"):
        comparison.compare(tmp_path, "one", "one[tv=0]")
    with pytest.raises(UserError, match="unknown method 'othr'; did you mean 'other'"):
        comparison.compare(tmp_path, "one", "othr")


def ablated(results):
    """A network, itself with each of two parameters changed, and another method."""
    lay(results, "gan", tuple(HARD + 1), run={"params": {"tv": 1e-6, "skips": "cat"}})
    lay(results, "gan", tuple(HARD), run={"params": {"tv": 0.0, "skips": "cat"}}, label="gan[tv=0]")
    lay(results, "gan", tuple(HARD + 1.5), run={"params": {"tv": 1e-6, "skips": "off"}}, label="gan[skips=off]")
    lay(results, "ridge", tuple(HARD + 1 + np.resize([1, -1], 60)))


def test_a_method_against_several_is_one_table_that_shows_what_differs(tmp_path):
    ablated(tmp_path)
    found = comparison.compare(tmp_path, "gan", "[tv=0]", "gan[skips=off]", "ridge")
    (sheet,) = comparison_sheets.sheets(found)
    body = [[cell.text for cell in line] for line in sheet.body]
    assert [line[0] for line in body] == ["tv=0", "skips=off", "ridge"]
    assert [line[1] for line in body[:2]] == ["+1.00", "-0.50"]
    assert [line[-1].partition(" (")[0] for line in body] == [
        "the first is better, in one training each",
        "skips=off is better, in one training each",
        "no difference can be claimed",
    ]
    assert [one.adjusted for one in found] == pytest.approx(
        statistics.holm([one.differences["psnr-pooled"].p for one in found])
    )
    assert "The verdict is on psnr-pooled alone, p by Holm over 3 claims" in formats.markdown([sheet])


def test_a_table_of_several_says_who_is_not_in_it(tmp_path):
    ablated(tmp_path)
    for name in ("gan", "ridge"):
        lay(tmp_path, name, (20.0,) * 4, run={"data": "0ther", "params": {}}, labels={"dataset": "cars"})
    first, second = comparison_sheets.sheets(comparison.compare(tmp_path, "gan", "gan[tv=0]", "ridge"))
    assert (first.title.partition(":")[0], second.title.partition(":")[0]) == ("gan against 1 other", "gan against 2 others")
    assert first.notes[-1] == "not scored here: tv=0"
    assert not any(note.startswith("not scored") for note in second.notes)


def test_one_of_several_that_was_never_scored_beside_the_first_is_named(tmp_path):
    ablated(tmp_path)
    lay(tmp_path, "far", (20.0,) * 4, run={"data": "0ther"}, labels={"dataset": "cars"})
    with pytest.raises(UserError, match="gan and far were never scored on the same data"):
        comparison.compare(tmp_path, "gan", "ridge", "far")


def test_so_short_a_training_that_it_is_below_linear_says_little_of_the_method(tmp_path):
    few = {"labels": {"budget": "paper[steps=9]"}}
    two(tmp_path, **few)
    lay(tmp_path, "linear", tuple(HARD + 0.2), **few)
    lay(tmp_path, "third", tuple(HARD - 1), **few)
    caution = "So short a training says little of what it leaves below linear: other, third"
    assert caution in formats.markdown(comparison_sheets.sheets(comparison.compare(tmp_path, "one", "other", "third")))
    two(tmp_path / "whole", labels={"budget": "paper"})
    lay(tmp_path / "whole", "linear", tuple(HARD + 0.2), labels={"budget": "paper"})
    assert "So short a training" not in formats.markdown(
        comparison_sheets.sheets(comparison.compare(tmp_path / "whole", "one", "other"))
    )


def test_a_comparison_in_a_document_is_written_and_checked(tmp_path, command):
    two(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- inbench comparison: begin --><!-- inbench comparison: end -->\nafter\n")
    asked = ("compare", "one", "other", "--results", str(tmp_path))
    assert command(*asked, "--check", str(page)).code == 1
    assert command(*asked, "--write", str(page)).code == 0
    assert "one is better by 0.50 dB" in page.read_text()
    assert page.read_text().endswith("\nafter\n")
    assert command(*asked, "--check", str(page)).code == 0
