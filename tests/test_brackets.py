"""Brackets: one syntax for the options of anything."""

import pytest
from conftest import planned

from inbench.joints import choices, registry
from inbench.words.brackets import Named, file_name, parse, split_list, value_text, write
from inbench.words.errors import UserError


def test_a_bare_name_has_no_options():
    assert parse(" linear ") == Named("linear", {})


def test_options_are_read_as_text():
    assert parse("dense-gan[tv=0, adversarial=1e-3]") == Named("dense-gan", {"tv": "0", "adversarial": "1e-3"})


def test_empty_brackets_are_no_options():
    assert parse("linear[]") == Named("linear", {})


def test_a_hyphen_in_an_option_is_an_underscore():
    assert parse("x[latent-steps=5]").options == {"latent_steps": "5"}


def test_a_value_may_hold_an_equals_sign():
    assert parse("x[a=b=c]").options == {"a": "b=c"}


def test_commas_split_only_outside_brackets():
    assert split_list("a, b[p=1,q=2],mix(c,d)") == ["a", "b[p=1,q=2]", "mix(c,d)"]


def test_empty_parts_of_a_list_are_dropped():
    assert split_list(",a,,b,") == ["a", "b"]


def test_brackets_may_stand_inside_a_value():
    assert parse("mix[of=center[side=8],share=0.5]").options == {"of": "center[side=8]", "share": "0.5"}


def test_a_path_with_brackets_in_it_is_a_name():
    assert parse("/data/faces[old]/set.zip") == Named("/data/faces[old]/set.zip", {})


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("mix(center,half)", ("center", "half")),
        (" mix( center , half ) ", ("center", "half")),
        ("mix(center)", ("center",)),
        ("mix()", ()),
        ("mix(,center,,)", ("center",)),
        ("mix(box[least=3,most=5],mix(thin,thick))", ("box[least=3,most=5]", "mix(thin,thick)")),
        ("mix(from-files[path=/a/b.zip,hole=black],half)", ("from-files[path=/a/b.zip,hole=black]", "half")),
        ("mix(from-files[path=/a(b)/c.zip],half)", ("from-files[path=/a(b)/c.zip]", "half")),
        ("mix(center,\n    half)", ("center", "half")),
    ],
)
def test_a_mixture_has_members(text, members):
    assert parse(text) == Named("mix", {}, members)


def test_members_are_kept_in_the_order_they_were_written():
    assert parse("mix(z,a,m,a)").members == ("z", "a", "m", "a")


@pytest.mark.parametrize(
    "text", ["center", "center[side=3]", "/data/faces(old)", "./faces(old)", "Faces (old)", "(a,b)", "x.zip"]
)
def test_what_is_no_mixture_has_no_members(text):
    assert parse(text).members == ()


def test_a_path_with_round_brackets_in_it_is_a_name():
    assert parse("/data/faces(old)/set(1).zip") == Named("/data/faces(old)/set(1).zip", {})
    assert parse("/data/faces(old)[crop=pad]") == Named("/data/faces(old)", {"crop": "pad"})


@pytest.mark.parametrize("text", ["mix(a))", "mix(a,b))(", "mix(a[b=1)", "mix(a(b)", "mix(a]b)"])
def test_a_mixture_with_an_odd_bracket_is_refused(text):
    with pytest.raises(UserError, match="bracket"):
        split_list(text)


@pytest.mark.parametrize("text", ["mix(a))", "mix(a[b=1)", "mix(a(b)", "mix(a]b)", "mix(a),mix(b)"])
def test_a_mixture_of_odd_brackets_is_refused(text):
    with pytest.raises(UserError, match="bracket"):
        parse(text)


def test_a_list_of_mixtures_splits_between_them():
    assert split_list("mix(a,b), c ,mix(d[e=f,g=h],i)") == ["mix(a,b)", "c", "mix(d[e=f,g=h],i)"]


@pytest.mark.parametrize("text", ["mean-fill(half,center)", "all(x)"])
def test_a_method_takes_no_members(tmp_path, text):
    with pytest.raises(UserError, match=r"\("):
        planned(tmp_path, text)


@pytest.mark.parametrize("text", ["photos(a,b)", "drawn-faces(x)"])
def test_a_data_set_takes_no_members(text):
    with pytest.raises(UserError, match=r"\("):
        choices.dataset(text, registry.load())


@pytest.mark.parametrize("text", ["a[b=1", "a]b]", "[a=1]", "a[b]", "a[=1]", "a[b=1,b=2]", "a[b=1]]"])
def test_what_is_no_bracket_form_is_refused(text):
    with pytest.raises(UserError) as error:
        parse(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["a,b[c", "a],b"])
def test_a_list_with_an_odd_bracket_is_refused(text):
    with pytest.raises(UserError, match="bracket"):
        split_list(text)


def test_an_error_quotes_what_was_typed():
    with pytest.raises(UserError, match=r"'tv' in 'dense-gan\[tv\]' is no option"):
        parse("dense-gan[tv]")


def test_options_are_written_sorted():
    assert write("a", {"z": 1, "b": None, "m": True}) == "a[b=none,m=true,z=1]"


def test_a_name_without_options_is_written_bare():
    assert write("a", {}) == "a"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), (True, "true"), (False, "false"), (1.0, "1"), (0.001, "0.001"), (1e-6, "1e-06"), (3, "3"), ("x", "x")],
)
def test_a_value_is_written_as_one_types_it(value, text):
    assert value_text(value) == text


def test_a_large_float_is_written_without_loss():
    assert float(value_text(1e22)) == 1e22


def test_what_is_written_reads_back():
    options = {"side": "40", "part": "left", "share": "0.25"}
    assert parse(write("center", options)) == Named("center", options)


def test_a_file_name_holds_safe_characters_only():
    assert file_name("center[side=40] on val/x") == "center_side_40_on_val_x"


@pytest.mark.parametrize(
    ("text", "name"), [("..", "_"), ("[]", "_"), ("../x", "x"), (".hidden", "hidden"), ("mix(center,half[part=left])", None)]
)
def test_a_file_name_is_never_empty_hidden_or_another_folder(text, name):
    found = file_name(text)
    assert found == (name or "mix_center_half_part_left")
