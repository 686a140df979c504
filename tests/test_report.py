"""The report: one page with everything that records tell, pictures only where they may be shown, and votes counted."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
from conftest import Told
from hypothesis import given
from hypothesis import strategies as st
from reported import ENDING, HOSTILE
from test_tables import lay

from inbench.commands.embedding import Embedded, fit
from inbench.joints import store
from inbench.readers import voting
from inbench.readers.chart_lines import MOST, thinned
from inbench.readers.voting import Vote
from inbench.words import disk, records
from inbench.words.errors import UserError

Command = Callable[..., Told]
ROOT = Path(__file__).parents[1]


def page_of(command: Command, results: Path, folder: Path, *words: str) -> str:
    """The page of a results folder, as the command writes it."""
    told = command("report", "--results", str(results), "--output", str(folder / "page.html"), *words)
    assert told.code == 0, told.err
    return (folder / "page.html").read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    """What the page's script reads."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def unshareable(tmp_path: Path) -> Path:
    """The prepared data of the tests, as if its pictures were not to be passed on."""
    folder = tmp_path / "data"
    shutil.copytree(store.default_folder(), folder)
    for file in folder.glob("*/manifest.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "shareable": False, "licence": "mine"}))
    return folder


def test_the_page_runs_its_own_script_and_style_and_asks_for_nothing(reported: Path, command: Command, tmp_path: Path) -> None:
    page = page_of(command, reported, tmp_path)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind, element in (("style-src", "style"), ("script-src", "script")):
        (text,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert re.findall(r'href="([^#"][^"]*)"', page) == ["data:,"]
    markup = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    markup = re.sub(r'"[^"]*"', '""', markup)  # what stands in an attribute is text
    assert not re.search(r"<[^>]*\s(on\w+|style|src)\s*=", markup)


def test_a_program_is_told_where_the_page_is(reported: Path, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "page.html"
    told = command("report", "--results", str(reported), "--output", str(file), "--pictures", "none", "--json")
    assert json.loads(told.out) == {"file": str(file), "bytes": file.stat().st_size}


def test_names_and_messages_are_text(reported: Path, command: Command, tmp_path: Path) -> None:
    page = page_of(command, reported, tmp_path)
    assert HOSTILE not in page
    assert ENDING not in page
    data = data_of(page)
    assert HOSTILE in [one["method"] for one in data["trainings"]]
    assert HOSTILE in data["galleries"][0]["methods"]


def test_the_page_tells_what_the_tables_tell(reported: Path, command: Command, tmp_path: Path) -> None:
    page = page_of(command, reported, tmp_path)
    for row in json.loads(command("tables", "--json", "--results", str(reported)).out)["rows"]:
        for metric in row["metrics"].values():
            assert f'data-value="{metric["mean"]:.8g}"' in page
    assert "8 of 10 rows complete, from 5 runs" in " ".join(page.split())
    assert page.count('<span class="status">failed</span>') == 1
    assert "RuntimeError" in page


def test_a_paper_stands_beside_ours_when_it_is_asked_for(command: Command, tmp_path: Path) -> None:
    lay(tmp_path, "dense-gan", (20.25,) * 4, labels={"budget": "paper"})
    plain = page_of(command, tmp_path, tmp_path)
    assert "#published" not in plain
    page = " ".join(page_of(command, tmp_path, tmp_path, "--paper", "meng2020", "--datasets", "celeba=faces").split())
    assert '<a href="#published">' in page
    assert "<i>23.3119</i></td> <td" in page
    for title in ("meng2020, Table 1:", "meng2020: arithmetic of the published cells", "meng2020: what it claims, tested"):
        assert f"<h3>{title}" in page
    row = page[page.index('<th scope="row">Our method</th>') :]
    assert row.index(">20.25 <") < row.index("</tr>")


def test_the_words_of_the_readme_are_explained(reported: Path, command: Command, tmp_path: Path) -> None:
    page = page_of(command, reported, tmp_path, "--pictures", "none")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The words")[2].partition("##")[0]
    words = [line.split("|")[1].strip() for line in readme.splitlines() if line.startswith("|")][2:]
    assert len(words) > 8
    assert not [word for word in words if f"<dt>{word}</dt>" not in page]


def test_pictures_that_must_not_be_passed_on_are_not_in_the_page(
    reported: Path, command: Command, tmp_path: Path, unshareable: Path
) -> None:
    page = page_of(command, reported, tmp_path, "--data", str(unshareable))
    assert data_of(page)["galleries"] == []
    assert "data:image" not in page
    assert "they are not to be passed on (licence: mine)" in page
    assert "For your own eyes" not in page
    own = page_of(command, reported, tmp_path, "--data", str(unshareable), "--pictures", "all")
    assert "For your own eyes" in own
    assert len(data_of(own)["galleries"]) == 2


def test_without_the_data_there_are_scores_and_the_reason(reported: Path, command: Command, tmp_path: Path) -> None:
    page = page_of(command, reported, tmp_path, "--data", str(tmp_path / "empty"))
    assert data_of(page)["galleries"] == []
    assert "the data set is not prepared here" in page


def test_pictures_stay_within_their_room_the_first_of_every_rule_first() -> None:
    rules = ["random"] * 3 + ["best", "worst"]
    picks = [{"rule": rule, "id": place, "image": "i" * 10, "fills": ["f" * 45, "f" * 45]} for place, rule in enumerate(rules)]
    made = [{"title": title, "picks": picks} for title in ("one", "two")]
    for room, expected in ((10_000, [0, 1, 2, 3, 4]), (800, [0, 1, 3, 4]), (799, [0, 3, 4]), (200, [0])):
        embedded = Embedded()
        fit(embedded, made, 5, room=room)
        assert [[pick["id"] for pick in one["picks"]] for one in embedded.galleries] == [expected, expected]
        assert len(embedded.notices) == (room < 10_000)
    embedded = Embedded()
    fit(embedded, made, 5, room=199)
    assert [one["title"] for one in embedded.galleries] == ["one"]
    assert embedded.notices[1] == "two: no pictures; there is no room for more on one page."


def test_what_damaged_records_hold_is_not_in_a_table_and_is_said(tmp_path: Path, command: Command) -> None:
    lay(tmp_path)
    lay(tmp_path, "other")
    (folder,) = (tmp_path / "runs").glob("other-*")
    (folder / "scores" / "center.csv").write_text("id,group\n")
    page = page_of(command, tmp_path, tmp_path)
    assert f"{folder.name}/scores/center.csv is not what was written" in page
    assert 'data-method="other"' not in page
    shutil.rmtree(next((tmp_path / "runs").glob("gan-*")))
    told = command("report", "--results", str(tmp_path))
    assert (told.code, told.err) == (2, f"inbench: no record in {tmp_path} can be counted; inbench verify says why\n")


def test_what_strangers_wrote_into_a_record_breaks_no_page(tmp_path: Path, command: Command) -> None:
    lay(
        tmp_path,
        "odd",
        label="odd\ud800",
        told={"provenance": {"hardware": {"cpu": 1}, "libraries": "x", "commit": 5, "threads": [2]}},
    )
    (folder,) = (tmp_path / "runs").glob("odd-*")
    (watched,) = records.all_of(tmp_path)
    content = {**watched.told, "validation": [{"step": 2, "psnr": 20.5}]}
    curve = b"step,loss,val_psnr\n1,0.5,\n2,nan,\n3,0.25,20.5\n4\n"
    disk.commit(folder, {"run.json": json.dumps(content).encode(), "curve.csv": curve})
    (training,) = data_of(page_of(command, tmp_path, tmp_path))["trainings"]
    assert training["validation"] == [[2, 20.5]]
    assert training["losses"] == {"loss": [[1.0, 0.5], [3.0, 0.25]]}
    disk.commit(folder, {"curve.csv": b"step,loss\n1,much\n"})
    assert data_of(page_of(command, tmp_path, tmp_path))["trainings"][0]["losses"] == {}


def test_a_long_line_is_thinned_to_means_of_neighbours() -> None:
    points = [(float(step), float(step % 2)) for step in range(10 * MOST)]
    found = thinned(points)
    assert len(found) == MOST
    assert {value for _, value in found} == {0.5}
    assert (found[0][0], found[-1][0]) == (4.5, 10 * MOST - 5.5)


def test_runs_that_are_not_finished_are_counted(tmp_path: Path, command: Command) -> None:
    run = lay(tmp_path)
    assert "not finished" not in page_of(command, tmp_path, tmp_path)
    work = tmp_path / "runs" / ".partial" / "other"
    work.mkdir(parents=True)
    (work / "spec.json").write_text(json.dumps({"run": {**vars(run), "seed": 1}}))
    assert "1 more run is not finished" in page_of(command, tmp_path, tmp_path)


def test_what_is_wrong_is_one_sentence(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path)
    results = ("report", "--results", str(tmp_path))
    assert command(*results, "--only", "cats").err == ("inbench: unknown data set 'cats'; there are: faces\n")
    assert "did you mean 'all'?" in command(*results, "--pictures", "al").err
    assert command(*results, "--seed", "1").err == "inbench: --seed belongs to --blind\n"
    assert command(*results, "--key", "k.json").err == "inbench: --key belongs to --votes\n"
    assert "ask for one at a time" in command(*results, "--blind", "--votes", "v.csv").err
    assert command(*results, "--datasets", "celeba=faces").err == "inbench: --datasets belongs to --paper\n"
    assert "leave it out with --blind" in command(*results, "--blind", "--paper", "meng2020").err
    assert "did you mean 'meng2020'?" in command(*results, "--paper", "meng202").err
    assert command(*results, "--blind", "--questions", "0").err == "inbench: --questions 0 must be at least 1\n"
    there = tmp_path / "there"
    there.mkdir()
    assert command(*results, "--output", str(there)).err == f"inbench: {there} cannot be written: Is a directory\n"
    monkeypatch.setitem(sys.modules, "jinja2", None)
    told = command(*results)
    assert (told.code, told.err) == (2, "inbench: a page needs Jinja2; pip install 'inbench[report]'\n")


def test_only_who_asks_for_a_page_loads_its_templates() -> None:
    code = "import inbench.commands.cli, inbench.readers.report, sys; sys.exit(bool({'jinja2', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The blinded page


def blind(command: Command, results: Path, folder: Path, *words: str) -> tuple[str, dict[str, Any]]:
    told = command("report", "--blind", "--results", str(results), "--output", str(folder / "blind.html"), *words)
    assert told.code == 0, told.err
    return (folder / "blind.html").read_text(encoding="utf-8"), json.loads((folder / "blind.key.json").read_text())


def test_a_blinded_page_names_nobody_and_its_key_does(reported: Path, command: Command, tmp_path: Path) -> None:
    page, key = blind(command, reported, tmp_path, "--questions", "12")
    names = {question[side] for question in key["questions"] for side in ("left", "right")}
    assert names == {"mean-fill", "linear", "nearest", HOSTILE}
    assert not [name for name in (*names, "autoencoder") if name in page]
    assert len(data_of(page)["questions"]) == len(key["questions"]) == 12
    pairs = [frozenset((question["left"], question["right"])) for question in key["questions"]]
    assert {pairs.count(pair) for pair in pairs} == {2}, "every pair is asked equally often"
    assert len({(question["id"], pair) for question, pair in zip(key["questions"], pairs, strict=True)}) == 12


def test_a_seed_draws_the_same_questions_and_another_one_others(reported: Path, command: Command, tmp_path: Path) -> None:
    first, again, other = (
        blind(command, reported, tmp_path, "--methods", "linear,mean-fill", "--questions", "9", "--seed", seed)[1]
        for seed in ("0", "0", "1")
    )
    assert first == again
    assert first != other
    sides = [question["left"] for question in first["questions"]]
    assert 0 < sides.count("linear") < 9


def test_a_blinded_page_shows_no_picture_that_may_not_be_shown(
    reported: Path, command: Command, tmp_path: Path, unshareable: Path
) -> None:
    told = command("report", "--blind", "--results", str(reported), "--data", str(unshareable))
    assert told.code == 2
    assert "they are not to be passed on" in told.err


def test_votes_come_back_as_counts(tmp_path: Path, command: Command) -> None:
    key, votes = tmp_path / "blind.key.json", tmp_path / "votes.csv"
    questions = [{"left": "a", "right": "b"}, {"left": "b", "right": "a"}, {"left": "a", "right": "b"}]
    key.write_text(json.dumps({"page": "abc", "questions": questions}))
    votes.write_text("page,question,choice,seconds\nabc,1,left,1.5\nabc,2,left,0.8\nabc,2,right,0.9\nabc,3,right,2.0\n")
    told = command("report", "--votes", str(votes), "--key", str(key), "--json")
    pair, *alone = json.loads(told.out)["rows"]
    assert (pair["method"], pair["against"], pair["chosen"], pair["asked"]) == ("a", "b", 2, 3)
    assert {row["method"]: row["chosen"] for row in alone} == {"a": 2, "b": 1}
    text = command("report", "--votes", str(votes), "--key", str(key)).out
    assert re.search(r"\| a +\| +2 \| +3 \| +67 \| +9 to 99 \|", text)


@pytest.mark.parametrize(("chosen", "count"), [(0, 7), (3, 7), (7, 7), (120, 301)])
def test_the_interval_of_a_share_is_the_exact_one(chosen: int, count: int) -> None:
    expected = scipy.stats.binomtest(chosen, count).proportion_ci(0.95, method="exact")
    assert voting.interval(chosen, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "holds no votes"),
        ("page,question,choice,seconds\nxyz,1,left,1\n", "holds votes on page xyz, not on abc"),
        ("page,question,choice,seconds\nabc,2,left,1\n", "line 2, is no vote"),
        ("page,question,choice,seconds\nabc,1,both,1\n", "line 2, is no vote"),
        ("page,question,choice,seconds\nabc,²,left,1\n", "line 2, is no vote"),
        (f"page,question,choice,seconds\nabc,{'1' * 5000},left,1\n", "line 2, is no vote"),
    ],
)
def test_votes_that_are_none_are_refused(tmp_path: Path, text: str, said: str) -> None:
    key, votes = tmp_path / "key.json", tmp_path / "votes.csv"
    key.write_text(json.dumps({"page": "abc", "questions": [{"left": "a", "right": "b"}]}))
    votes.write_text(text)
    with pytest.raises(UserError, match=said):
        voting.read([votes], key)


@pytest.mark.parametrize("text", ["", "[]", '{"page": 1}', '{"page": "abc", "questions": [{"left": "a"}]}', "[" * 100_000])
def test_a_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    key = tmp_path / "key.json"
    key.write_text(text)
    with pytest.raises(UserError, match="is no key of a blinded page"):
        voting.read([], key)


LINE = st.lists(st.sampled_from(["abc", "1", "2", "left", "right", "", '"', "\0", "é"]) | st.text(max_size=5)).map(",".join)


@given(st.binary() | st.lists(LINE).map(lambda lines: "\n".join([",".join(voting.COLUMNS), *lines]).encode()))
def test_whatever_a_file_holds_it_is_votes_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    key, votes = folder / "any.key.json", folder / "any.csv"
    key.write_text(json.dumps({"page": "abc", "questions": [{"left": "a", "right": "b"}]}))
    votes.write_bytes(data)
    with contextlib.suppress(UserError):
        assert all({vote.chosen, vote.other} == {"a", "b"} for vote in voting.read([votes], key))


def test_votes_on_a_pair_of_one_method_count_for_nobody() -> None:
    assert voting.as_rows([Vote("a", "a")]) == []
