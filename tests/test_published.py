"""Published numbers: the papers that come with inbench, and what is said of a file that is wrong."""

import pytest

from inbench.words import published
from inbench.words.errors import UserError


def test_the_papers_that_come_with_inbench():
    assert published.names() == ["meng2020", "pathak2016", "yeh2017"]


@pytest.mark.parametrize("name", published.names())
def test_a_paper_has_a_whole_card_and_a_source_for_every_number(name):
    paper = published.load(name)
    assert tuple(paper.convention) == published.CARD
    assert all(fact.reason for fact in paper.convention.values())
    assert paper.source
    assert all(table.source and table.rows for table in paper.tables)
    assert paper.unverified


def test_meng2020_holds_both_tables_and_four_figures():
    paper = published.load("meng2020")
    assert [table.name for table in paper.tables] == ["Table 1", "Table 2", "Figure 5", "Figure 6", "Figure 7", "Figure 8"]
    cells = {row.label: row.published for row in paper.tables[0].rows}
    assert cells["Our method"] == {"l2": "2.74", "psnr": "23.3119", "ssim": "0.7949"}


def test_yeh2017_has_two_methods_on_three_data_sets_and_four_masks():
    (table,) = published.load("yeh2017").tables
    assert len({(row.method, row.dataset, row.mask) for row in table.rows}) == 2 * 3 * 4


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('method = "autoencoder", published', 'methd = "autoencoder", published', "unknown key 'methd'; did you mean 'method'"),
        ('psnr = "16.2319"', 'psnr = "16.2e"', "psnr '16.2e' is no number"),
        ('psnr = "16.2319"', 'psnr = "inf"', "psnr 'inf' is no number"),
        ('"SI", method', '"SI", dataset = ["celeba"], method', "dataset must be text in quotes, not ['celeba']"),
        ('dataset = "cars"\nmask', 'dataset = ["cars"]\nmask', "dataset must be text in quotes, not ['cars']"),
        ("region = {", "regin = {", "unknown key 'regin'; did you mean 'region'"),
        ('value = "[-1, 1]"', 'value = "[0, 255]"', "range '[0, 255]' must be one of [0, 1], [-1, 1]"),
        ("size = 64", 'size = "64"', "size must be a whole number, not '64'"),
        ('"SI", method', '"SI", dataset = "celebs", method', "unknown data set role 'celebs'; did you mean 'celeba'"),
    ],
)
def test_a_wrong_key_is_told_with_its_file_and_line(tmp_path, old, new, told):
    text = (published.FOLDER / "meng2020.toml").read_text()
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(old, new, 1))
    line = text[: text.index(old)].count("\n") + 1
    with pytest.raises(UserError) as error:
        published.load(str(file))
    assert str(error.value).startswith(f"line {line} of mine.toml: ")
    assert told in str(error.value)


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path):
    (tmp_path / "mine.toml").write_text('title = "a"\nauthors = \n')
    with pytest.raises(UserError, match=r"mine.toml is no TOML: .*line 2"):
        published.load(str(tmp_path / "mine.toml"))


def test_an_unknown_paper_is_told_with_the_nearest():
    with pytest.raises(UserError, match="unknown paper 'meng2019'; did you mean 'meng2020'"):
        published.load("meng2019")


def test_roles_are_given_by_name():
    paper = published.load("meng2020")
    assert published.roles_of(paper, "celeba=faces.zip[crop=pad]")["celeba"] == "faces.zip[crop=pad]"
    assert published.roles_of(paper, None, own=False) == {}
    with pytest.raises(UserError, match="names no role; write celeba=faces"):
        published.roles_of(paper, "faces")
    with pytest.raises(UserError, match="unknown data set role of meng2020 'celebA'"):
        published.roles_of(paper, "celebA=faces")


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("celeba64-closeup", "celeba64-closeup"),
        ("somewhere/faces.zip", "faces"),
        ("faces.zip[crop=pad]", "faces[crop=pad]"),
        ("drawn-faces[train=40,test=12]", "drawn-faces[test=12,train=40]"),
    ],
)
def test_a_data_set_is_called_as_records_call_it(typed, label):
    assert published.label_of(typed) == label
