"""Budgets: what every method may spend alike."""

import dataclasses

import pytest

from inbench.words import budget
from inbench.words.errors import UserError


def test_a_smaller_budget_sees_fewer_images_and_scores_fewer():
    smoke, quick, paper = (budget.read(name) for name in ("smoke", "quick", "paper"))
    seen = [told.steps_for(4096) * told.batch for told in (smoke, quick, paper)]
    assert seen == sorted(seen)
    assert smoke.test_images < quick.test_images
    assert paper.test_images is None


def test_paper_is_fifty_epochs_of_batch_64():
    paper = budget.read("paper")
    assert (paper.steps, paper.epochs, paper.batch, paper.test_images) == (None, 50, 64, None)
    assert paper.steps_for(200_000) == 156_250


@pytest.mark.parametrize("name", budget.BUDGETS)
def test_a_bare_budget_is_shown_as_its_name(name):
    assert budget.read(name).shown == name


def test_an_option_overrides_and_is_shown():
    told = budget.read("paper[steps=2000,test_images=128]")
    assert (told.steps_for(10**6), told.test_images, told.name) == (2000, 128, "paper")
    assert told.shown == "paper[steps=2000,test_images=128]"


def test_what_equals_the_default_is_not_shown():
    assert budget.read(f"quick[steps={budget.BUDGETS['quick'].steps}]").shown == "quick"


def test_epochs_replace_steps():
    assert budget.read("quick[epochs=2,batch=8]").steps_for(80) == 20


def test_a_training_is_at_least_one_step():
    assert budget.read("paper[epochs=0.001]").steps_for(64) == 1


def test_no_epochs_are_not_one_whole_epoch():
    try:
        told = budget.read("paper[epochs=0]")
    except UserError:
        return
    assert told.steps_for(64_000) == 1


def test_test_images_may_be_all():
    assert budget.read("quick[test_images=none]").test_images is None


def test_a_budget_without_an_end_is_refused():
    with pytest.raises(UserError, match="neither steps nor epochs"):
        budget.read("quick[steps=none]")


@pytest.mark.parametrize("text", ["quick[steps=0]", "quick[batch=0]", "quick[steps=1.5]", "paper[epochs=-1]"])
def test_a_budget_out_of_bounds_is_refused(text):
    with pytest.raises(UserError, match="budget"):
        budget.read(text)


def test_an_unknown_budget_suggests_the_near_one():
    with pytest.raises(UserError, match="unknown budget 'qick'; did you mean 'quick'"):
        budget.read("qick")


def test_an_unknown_option_of_a_budget_suggests_the_near_one():
    with pytest.raises(UserError, match="did you mean 'steps'"):
        budget.read("quick[step=3]")


def test_a_budget_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        budget.read("quick").steps = 1


def test_what_only_watches_a_training_is_not_in_its_name():
    assert budget.read("paper[steps=2000,val_images=8,val_times=5]").shown == "paper[steps=2000]"
