"""Params: typed options with bounds, choices, and defaults that may depend on the budget."""

import dataclasses
import json
from typing import Literal

import pytest

from inbench.words import brackets, params
from inbench.words.errors import UserError
from inbench.words.params import NoParams, by_budget, param, required, resolve


@dataclasses.dataclass(frozen=True)
class Options:
    count: int = param(4, "how many", low=1, high=9)
    rate: float = param(0.5, "how fast", low=0)
    blend: bool = param(True, "whether")
    part: Literal["any", "left", 3] = param("any", "which")
    side: int | None = param(None, "how wide", low=1)
    label: str = "x"
    steps: int = param(by_budget(smoke=5, quick=40, paper=1500), "how long", low=0)


@dataclasses.dataclass(frozen=True)
class Needy:
    path: str


@dataclasses.dataclass(frozen=True)
class Local:
    path: str = required("where it lies", local=True)
    count: int = required("how many")
    shade: str = param("white", "which colour")


@dataclasses.dataclass(frozen=True)
class Pair:
    low: int = 0
    high: int = 1

    def __post_init__(self):
        if self.low > self.high:
            raise ValueError("low is above high")


def read(**given):
    return resolve(Options, given, whose="thing")


def test_defaults_hold_where_nothing_is_given():
    assert read() == Options()


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("count", "7", 7),
        ("rate", "1e-3", 0.001),
        ("rate", "2", 2.0),
        ("blend", "off", False),
        ("blend", "TRUE", True),
        ("part", "left", "left"),
        ("part", "3", 3),
        ("side", "none", None),
        ("side", "None", None),
        ("side", "12", 12),
        ("label", "12", "12"),
    ],
)
def test_a_text_becomes_the_annotated_type(option, text, value):
    found = getattr(read(**{option: text}), option)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("count", "4.5"),
        ("count", "many"),
        ("count", ""),
        ("count", 4.5),
        ("count", True),
        ("rate", "fast"),
        ("rate", "nan"),
        ("rate", "inf"),
        ("blend", "maybe"),
        ("part", "top"),
        ("side", "wide"),
        ("count", "none"),
    ],
)
def test_a_value_of_another_type_is_refused_in_the_users_words(option, text):
    with pytest.raises(UserError, match=rf"thing\[{option}=...\] must be") as error:
        read(**{option: text})
    assert repr(text) in str(error.value)


def test_a_refused_choice_names_the_choices():
    with pytest.raises(UserError, match="one of any, left, 3"):
        read(part="top")


@pytest.mark.parametrize("text", ["1", "9"])
def test_bounds_are_inclusive(text):
    assert read(count=text).count == int(text)


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [("count", "0", "at least 1"), ("count", "10", "at most 9"), ("rate", "-1e-9", "at least 0"), ("side", "0", "at least 1")],
)
def test_a_value_beyond_its_bounds_is_refused(option, text, said):
    with pytest.raises(UserError, match=said):
        read(**{option: text})


def test_an_unknown_option_suggests_the_near_one():
    with pytest.raises(UserError, match="unknown parameter of thing 'cout'; did you mean 'count'"):
        read(cout="1")


def test_an_option_like_no_other_lists_all():
    with pytest.raises(UserError, match="there are: blend, count"):
        read(zzzzzz="1")


def test_a_thing_without_options_says_so():
    with pytest.raises(UserError, match="mean-fill has no parameters"):
        resolve(NoParams, {"a": "1"}, whose="mean-fill")


def test_an_option_without_default_is_asked_for():
    with pytest.raises(UserError, match=r"write thing\[path=...\]"):
        resolve(Needy, {}, whose="thing")
    assert params.needs_option(Needy)
    assert not params.needs_option(Options)


def test_a_refused_combination_is_the_users_error():
    with pytest.raises(UserError, match="thing: low is above high"):
        resolve(Pair, {"low": "5"}, whose="thing")


@pytest.mark.parametrize(("budget", "steps"), [("smoke", 5), ("quick", 40), ("paper", 1500)])
def test_a_default_shrinks_with_the_budget(budget, steps):
    assert resolve(Options, {}, whose="thing", budget=budget).steps == steps


def test_what_is_given_beats_the_budget():
    assert resolve(Options, {"steps": "7"}, whose="thing", budget="smoke").steps == 7


def test_a_bare_instance_has_the_papers_value():
    assert Options().steps == 1500


def test_param_and_by_budget_keep_what_both_say():
    (steps,) = [field for field in dataclasses.fields(Options) if field.name == "steps"]
    assert steps.metadata["about"] == "how long"
    assert steps.metadata["by_budget"]["quick"] == 40


def test_the_canonical_form_holds_every_option_sorted():
    assert params.canonical("thing", read(rate="1")) == (
        "thing[blend=true,count=4,label=x,part=any,rate=1,side=none,steps=1500]"
    )


def test_the_canonical_form_reads_back_as_the_same():
    told = read(rate="0.25", side="3", part="3", blend="no")
    named = brackets.parse(params.canonical("thing", told))
    assert resolve(Options, named.options, whose="thing") == told


def test_the_shown_form_holds_what_differs_only():
    assert params.shown("thing", read(rate="1", count="4")) == "thing[rate=1]"


def test_the_shown_form_knows_the_budgets_default():
    told = resolve(Options, {}, whose="thing", budget="quick")
    assert params.shown("thing", told, budget="quick") == "thing"
    assert params.shown("thing", told) == "thing[steps=40]"


def test_values_come_sorted_and_fit_into_json():
    values = params.values_of(Options())
    assert list(values) == sorted(values)
    assert json.loads(json.dumps(values)) == values


def test_a_default_and_the_same_value_typed_are_the_same_in_json():
    @dataclasses.dataclass(frozen=True)
    class Whole:
        weight: float = 1  # a plugin's author may write it so

    default, typed = (json.dumps(params.values_of(resolve(Whole, given, whose="x"))) for given in ({}, {"weight": "1"}))
    assert default == typed


def test_an_annotation_that_cannot_be_read_is_the_plugins_fault():
    @dataclasses.dataclass(frozen=True)
    class Odd:
        sides: list = None

    with pytest.raises(TypeError, match="annotated"):
        resolve(Odd, {"sides": "1"}, whose="thing")


# Options that have to be told, and options of this machine alone


def local(**given):
    return resolve(Local, {"path": "/a/b", "count": "3", **given}, whose="thing")


@pytest.mark.parametrize("left", ["path", "count"])
def test_a_required_option_is_asked_for(left):
    given = {"path": "/a/b", "count": "3"}
    del given[left]
    with pytest.raises(UserError) as error:
        resolve(Local, given, whose="thing")
    assert str(error.value) == f"thing needs '{left}'; write thing[{left}=...]"


def test_a_required_option_is_read_as_its_type():
    assert local() == Local("/a/b", 3, "white")
    with pytest.raises(UserError, match=r"thing\[count=...\] must be a whole number, not 'many'"):
        local(count="many")


def test_a_required_option_has_no_default():
    assert params.needs_option(Local)
    assert params.defaults(Local) == {"shade": "white"}
    with pytest.raises(TypeError):
        Local()


def test_a_required_option_says_so_and_what_it_is():
    told = {name: (default, said["about"]) for name, default, said in params.described(Local)}
    assert told == {
        "path": ("(required)", "where it lies"),
        "count": ("(required)", "how many"),
        "shade": ("white", "which colour"),
    }


def test_options_of_this_machine_are_left_out_of_what_is_told():
    assert params.canonical("thing", local()) == "thing[count=3,shade=white]"
    assert params.shown("thing", local()) == "thing[count=3]"
    assert params.shown("thing", local(shade="black")) == "thing[count=3,shade=black]"
    assert params.told_of(local()) == {"count": 3, "shade": "white"}


def test_options_of_this_machine_are_values_all_the_same():
    assert params.values_of(local()) == {"count": 3, "path": "/a/b", "shade": "white"}


def test_where_something_lies_makes_no_difference_to_its_name():
    one, other = local(), local(path="/elsewhere")
    assert params.canonical("thing", one) == params.canonical("thing", other)
    assert params.shown("thing", one) == params.shown("thing", other)
    assert one != other


def test_a_thing_whose_only_option_is_of_this_machine_is_told_bare():
    @dataclasses.dataclass(frozen=True)
    class Path:
        path: str = required("where it lies", local=True)

    assert params.canonical("thing", Path("/a")) == params.shown("thing", Path("/a")) == "thing"
