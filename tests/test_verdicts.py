"""Verdicts: a paper's claims on records whose differences are known: each verdict, its sign, and why there is none."""

import json

import numpy as np
import pytest
from test_tables import YOUNG, floor, lay

from inbench.readers import tables, verdicts
from inbench.readers.sections import found_in
from inbench.readers.statistics import Difference
from inbench.readers.verdicts import EQUIVALENT, OPEN, REFUTED, SUPPORTED
from inbench.words import disk, published
from inbench.words.errors import UserError

NOISE = np.random.Generator(np.random.Philox(1)).normal(0, 2, 60)


ALONE = ", in one training each"


@pytest.fixture
def told(tmp_path):
    """Judges claims of one paper on the records that were laid; answers the verdicts and values by metric."""

    def judged(*metrics, method="good", than="other", budget=None, roles=None):
        text = (published.FOLDER / "meng2020.toml").read_text()
        head, rest = text.split("[[claims]]", 1)
        figures = rest[rest.index("[[figures]]") :]
        made = [
            f'[[claims]]\nsays = "better"\nsource = "Table 9"\nmethod = "{method}"\nthan = "{than}"\nmetric = "{metric}"\n'
            'dataset = "celeba"\nmask = "center"\nbudget = "paper"\n'
            for metric in metrics
        ]
        file = tmp_path / "mine.toml"
        file.write_text(head + "\n".join(made) + "\n" + figures)
        paper = published.load(str(file))
        found = verdicts.judge(found_in(tmp_path), paper, {"celeba": "faces"} if roles is None else roles, budget)
        return {one.claim.metric: (one.verdict, one.difference.value if one.difference else None) for one in found}

    return judged


def test_a_clear_gain_supports_the_claim_whichever_way_the_metric_runs(tmp_path, told):
    lay(tmp_path, "good", 22 + NOISE)
    lay(tmp_path, "other", 21 + NOISE)
    found = told("psnr", "l2")
    assert found["psnr"] == (SUPPORTED + ALONE, pytest.approx(1.0))
    assert found["l2"][0] == SUPPORTED + ALONE
    assert found["l2"][1] > 0  # its error is the smaller one, which is what the paper says


def test_a_clear_loss_does_not_support_it(tmp_path, told):
    lay(tmp_path, "good", 21 + NOISE)
    lay(tmp_path, "other", 22 + NOISE)
    assert told("psnr")["psnr"] == (REFUTED + ALONE, pytest.approx(-1.0))


def test_a_difference_within_the_margin_is_equivalence(tmp_path, told):
    lay(tmp_path, "good", 21.01 + NOISE)
    lay(tmp_path, "other", 21 + NOISE)
    assert told("psnr")["psnr"][0] == EQUIVALENT + ALONE


def test_noise_leaves_the_claim_open(tmp_path, told):
    lay(tmp_path, "good", 21 + NOISE)
    lay(tmp_path, "other", 21 + NOISE[::-1])
    assert told("psnr")["psnr"][0] == OPEN


def test_a_training_that_still_rises_says_that_it_is_too_early(tmp_path, told):
    lay(tmp_path, "good", 22 + NOISE, told=YOUNG)
    lay(tmp_path, "other", 21 + NOISE)
    assert told("psnr")["psnr"] == ("too early: good has not converged", pytest.approx(1.0))


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [
        ("paper[steps=50]", f"{SUPPORTED}{ALONE}, so far: good and other are below linear after so few steps"),
        ("paper", SUPPORTED + ALONE),
    ],
)
def test_of_a_short_training_below_the_floor_a_verdict_is_one_so_far(tmp_path, told, budget, verdict):
    floor(tmp_path, 30.0, labels={"dataset": "faces"})
    lay(tmp_path, "good", 22 + NOISE, labels={"budget": budget})
    lay(tmp_path, "other", 21 + NOISE, labels={"budget": budget})
    assert told("psnr", budget=budget)["psnr"] == (verdict, pytest.approx(1.0))


def test_a_training_at_another_size_is_not_what_a_paper_claims_of(tmp_path, told):
    for size, by in ((32, -1), (64, 1)):
        lay(tmp_path, "good", 22 + by + NOISE, run={"size": size})
        lay(tmp_path, "other", 22 + NOISE, run={"size": size})
    assert told("psnr")["psnr"] == (SUPPORTED + ALONE, pytest.approx(1.0))


def test_nothing_is_said_where_it_is_open_which_precision_is_meant(tmp_path, told):
    for precision in ("float32", "bf16"):
        lay(tmp_path, "good", 22 + NOISE, run={"precision": precision})
        lay(tmp_path, "other", 21 + NOISE, run={"precision": precision})
    assert told("psnr")["psnr"][0].startswith("no verdict: good was trained in several forms")


def test_each_data_set_is_judged_under_the_budget_that_it_has(tmp_path):
    for dataset, budget in (("faces", "paper[steps=200]"), ("autos", "paper[steps=100]")):
        for method, psnr in (("dense-gan", 22 + NOISE), ("context-encoder", 21 + NOISE)):
            labels, run = {"dataset": dataset, "budget": budget}, {"params": {}, "data": dataset}
            lay(tmp_path, method, psnr, labels=labels, run=run)
    text = tables.claims(tmp_path, "meng2020", "markdown", datasets="celeba=faces,cars=autos")
    assert "On autos, 64 x 64, budget paper[steps=100]" in text
    assert "On faces, 64 x 64, budget paper[steps=200]" in text


def test_how_many_pictures_a_closed_form_was_shown_makes_no_training_longer(tmp_path):
    lay(tmp_path, "linear", 19 + NOISE, run={"params": {}, "steps": 5000}, labels={"any_budget": True, "budget": "paper"})
    for steps in (100, 300):
        lay(tmp_path, "dense-gan", 20 + NOISE, run={"params": {}, "steps": steps}, labels={"budget": f"paper[steps={steps}]"})
    text = (published.FOLDER / "meng2020.toml").read_text().replace('than = "context-encoder"', 'than = "linear"')
    (tmp_path / "mine.toml").write_text(text)
    judged = verdicts.judge(found_in(tmp_path), published.load(str(tmp_path / "mine.toml")), {"celeba": "faces"})
    assert {one.compared.budget for one in judged if one.compared} == {"paper[steps=300]"}


def test_the_longest_training_is_judged_though_a_shorter_one_would_have_a_verdict(tmp_path):
    for steps, psnrs, looks in ((300, (22 + NOISE, 20 + NOISE), {}), (2000, (20 + NOISE, 22 + NOISE), YOUNG)):
        for method, psnr in zip(("dense-gan", "context-encoder"), psnrs, strict=True):
            run = {"params": {}, "steps": steps}
            lay(tmp_path, method, psnr, labels={"budget": f"paper[steps={steps}]"}, run=run, told=looks)
    judged = verdicts.judge(found_in(tmp_path), published.load("meng2020"), {"celeba": "faces"})
    found = [one for one in judged if one.compared]
    assert {one.compared.budget for one in found} == {"paper[steps=2000]"}
    assert all(one.early for one in found)


def test_of_the_same_trainings_each_claim_is_judged_on_the_most_pictures_that_both_were_tested_on(tmp_path):
    for method, count, shift in (("dense-gan", 60, 2), ("context-encoder", 60, 1), ("semantic-inpainting", 20, 0)):
        budget = "paper" if count == 60 else f"paper[test_images={count}]"
        lay(tmp_path, method, 20 + shift + NOISE[:count], labels={"budget": budget}, run={"params": {}})
    judged = verdicts.judge(found_in(tmp_path), published.load("meng2020"), {"celeba": "faces"})
    over = {one.claim.than: one.compared.over for one in judged if one.compared}
    assert over == {"context-encoder": "60 images", "semantic-inpainting": "20 images"}


def test_more_trainings_count_more_than_more_pictures(tmp_path):
    for method, shift in (("dense-gan", 2), ("context-encoder", 1)):
        for seed in range(3):
            labels = {"budget": "paper" if seed == 0 else "paper[test_images=20]"}
            values = 20 + shift + 0.1 * seed + NOISE[: 60 if seed == 0 else 20]
            lay(tmp_path, method, values, labels=labels, run={"params": {}, "seed": seed})
    judged = verdicts.judge(found_in(tmp_path), published.load("meng2020"), {"celeba": "faces"})
    assert {one.compared.over for one in judged if one.compared} == {"3 and 3 trainings, 20 images"}


def test_of_two_sets_of_one_name_one_has_to_be_named(tmp_path):
    for data in ("aaaaaaaa", "bbbbbbbb"):
        for method, shift in (("dense-gan", 2), ("context-encoder", 1)):
            lay(tmp_path, method, 20 + shift + NOISE, run={"params": {}, "data": data})
    several = "faces is the name of several sets of pictures; name one: faces@aaaaaa or faces@bbbbbb"
    assert several in tables.claims(tmp_path, "meng2020", "markdown", datasets="celeba=faces")
    with pytest.raises(UserError, match=several):
        tables.paper(tmp_path, "meng2020", "markdown", datasets="celeba=faces")
    assert "1 of 4 complete" not in tables.paper(tmp_path, "meng2020", "markdown", datasets="celeba=faces@aaaaaa")


def test_what_was_not_run_not_scored_or_has_no_data_says_so(tmp_path, told):
    lay(tmp_path, "good", 22 + NOISE)
    lay(tmp_path, "other", 21 + NOISE)
    assert told("psnr", than="third")["psnr"] == ("not run", None)
    assert told("sharpness")["sharpness"] == ("not scored by sharpness: inbench score", None)
    assert told("psnr", roles={})["psnr"][0] == "no data set stands for celeba: --datasets celeba=NAME"
    assert told("psnr", budget="quick")["psnr"] == ("not run", None)


@pytest.mark.parametrize(
    ("low", "high", "chance", "verdict"),
    [
        (0.2, 0.4, 0.01, SUPPORTED),
        (0.2, 0.4, 0.2, OPEN),  # many claims were made
        (0.01, 0.09, 0.01, EQUIVALENT),
        (-0.05, 0.05, 1.0, EQUIVALENT),
        (-0.4, 0.05, 0.3, REFUTED),  # no gain that counts
        (-0.4, -0.2, 0.01, REFUTED),
        (-0.4, 0.4, 1.0, OPEN),
        (0.05, 0.4, 0.01, SUPPORTED),
    ],
)
def test_the_rule_is_the_one_that_is_printed(low, high, chance, verdict):
    assert verdicts.verdict_of(Difference((low + high) / 2, low, high, chance), chance, 0.1) == verdict


@pytest.mark.parametrize(
    ("low", "high", "chance", "verdict"),
    [(0.2, 0.4, 0.01, SUPPORTED), (-0.4, -0.2, 0.01, REFUTED), (-0.4, -0.2, 0.2, OPEN), (-0.4, 0.2, 0.2, OPEN)],
)
def test_without_a_margin_many_claims_make_both_verdicts_as_hard(low, high, chance, verdict):
    assert verdicts.verdict_of(Difference((low + high) / 2, low, high, chance), chance, 0.0) == verdict


def test_claims_that_cannot_be_judged_yet_make_no_other_claim_easier(tmp_path, told):
    lay(tmp_path, "good", 21.25 + 0.7 * NOISE)
    lay(tmp_path, "other", 21 + NOISE)
    lacking = [f"no-such-{place}" for place in range(40)]
    assert told("psnr")["psnr"][0] == SUPPORTED + ALONE
    assert told("psnr", *lacking)["psnr"][0] == OPEN


def test_who_was_better_before_the_end_of_its_training_is_told(tmp_path, told):
    fallen = [{"step": 100 * (place + 1), "psnr": psnr} for place, psnr in enumerate((18, 21, 20, 20, 20))]
    lay(tmp_path, "good", 22 + NOISE)
    lay(tmp_path, "other", 21 + NOISE, told={"validation": fallen})
    assert told("psnr")["psnr"][0] == f"{SUPPORTED}{ALONE}, so far: other is past its best"


def test_many_claims_are_one_family(tmp_path, told):
    lay(tmp_path, "good", 21.25 + 0.7 * NOISE)
    lay(tmp_path, "other", 21 + NOISE)
    alone, among = told("psnr")["psnr"][0], told("psnr", *["psnr"] * 40)["psnr"][0]
    assert (alone, among) == (SUPPORTED + ALONE, OPEN)


def test_the_table_says_what_was_compared_and_by_which_rule(tmp_path):
    lay(tmp_path, "dense-gan", 22 + NOISE, run={"params": {}})
    lay(tmp_path, "context-encoder", 21 + NOISE, run={"params": {}})
    text = tables.claims(tmp_path, "meng2020", "markdown", datasets="celeba=faces")
    assert "| our method fills better than CE" in text
    assert "On faces, 64 x 64, budget paper: 60 test images, intervals over the images of one training each, paired" in text
    assert "p below 0.05 after Holm over all claims of the paper" in text
    assert "Not run, and not in the table: our method fills better than an autoencoder (dense-gan against autoencoder)" in text


def test_a_paper_without_claims_says_how_to_state_one(tmp_path):
    with pytest.raises(UserError, match=r"yeh2017 lists no claims; a claim is a \[\[claims\]\]"):
        tables.claims(tmp_path, "yeh2017", "markdown")


def trained(results, name, levels, seed=0):
    """A record with a curve of the given losses."""
    run = lay(results, name, 21 + NOISE, run={"seed": seed})
    folder = results / "runs" / run.name
    lines = ["step,loss,val_psnr", *(f"{step + 1},{loss}," for step, loss in enumerate(levels))]
    disk.commit(folder, {"curve.csv": "\n".join(lines).encode()})


def test_what_is_said_of_curves_is_tested_over_trainings(tmp_path, told):
    for seed in range(3):
        trained(tmp_path, "good", [0.013 + 0.0001 * seed + 0.001 * (step % 3) for step in range(100)], seed)
        trained(tmp_path, "other", [0.025 + 0.0001 * seed + 0.010 * (step % 3) for step in range(100)], seed)
    found = told("loss-level", "loss-swing")
    assert found["loss-level"] == (SUPPORTED, pytest.approx(0.035 - 0.014))
    assert found["loss-swing"][0] == SUPPORTED


def test_one_training_tells_no_spread_of_curves(tmp_path, told):
    trained(tmp_path, "good", [0.013] * 100)
    trained(tmp_path, "other", [0.025] * 100)
    assert told("loss-level")["loss-level"] == (f"{OPEN}: one training tells no spread", pytest.approx(0.012))


def test_methods_without_a_curve_say_so(tmp_path, told):
    lay(tmp_path, "good", 22 + NOISE)
    lay(tmp_path, "other", 21 + NOISE)
    assert told("loss-level")["loss-level"] == ("no curve of a loss", None)


def seams(results, name, values):
    """A record whose every image has a seam of about that much."""
    run = lay(results, name, 21 + NOISE)
    folder = results / "runs" / run.name
    head, *rows = (folder / "scores" / "center.csv").read_text().splitlines()
    lines = [f"{head},seam", *(f"{row},{values + 0.1 * noise}" for row, noise in zip(rows, NOISE, strict=True))]
    content = json.loads((folder / "run.json").read_text())
    content["metrics"]["seam"] = {"unit": "/255", "better": "zero", "region": "hole", "reduce": "mean", "column": "seam"}
    files = {"run.json": disk.to_json(content), "scores/center.csv": "\n".join(lines).encode()}
    disk.commit(folder, files)


@pytest.mark.parametrize(
    ("good", "other", "verdict"),
    [
        (2, 5, SUPPORTED),
        (-2, -5, SUPPORTED),
        (5, 2, REFUTED),
        (-5, -2, REFUTED),  # on one side of 0
        (-2, 5, SUPPORTED),
        (2, -5, SUPPORTED),
        (-5, 2, REFUTED),  # and on both
    ],
)
def test_where_zero_is_best_the_nearer_one_gains(tmp_path, told, good, other, verdict):
    seams(tmp_path, "good", good)
    seams(tmp_path, "other", other)
    more = 0.1 * NOISE.mean()
    assert told("seam")["seam"] == (verdict + ALONE, pytest.approx(abs(other + more) - abs(good + more)))
