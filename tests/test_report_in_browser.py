"""The pages in a real browser: they run, ask for nothing, and can be used by mouse, by keyboard and by a screen reader."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, until
from reported import ENDING, HOSTILE
from selenium.webdriver.common.keys import Keys

from inbench.commands import cli, embedding, galleries
from inbench.joints import registry, store
from inbench.readers import report, sections, tables
from inbench.words import disk, records

RULES = Path(next(iter(importlib.util.find_spec("axe_core_python").submodule_search_locations))) / "axe.min.js"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.driver.quit()


@pytest.fixture(scope="module")
def page(browser: Browser, reported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    made, found, damaged = report.rows_and_records(reported)
    embedded = embedding.embed(made, found, registry.load(), store.default_folder())
    told = report.report(made, found, damaged, published=tables.all_of_paper(found, "meng2020"))
    file.write_text(report.written(told, embedded.galleries), encoding="utf-8")
    return file


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    browser.open(page)
    return browser


def focused(browser: Browser) -> str:
    """What has the focus: its id, or its text."""
    return str(browser.script("return document.activeElement.id || document.activeElement.textContent.trim()"))


def press(browser: Browser, *keys: str) -> None:
    for key in keys:
        browser.driver.switch_to.active_element.send_keys(key)


def test_the_page_runs_without_complaint_and_asks_for_nothing(opened: Browser) -> None:
    assert opened.find("#fills canvas").is_displayed()
    assert opened.all("#charts path")
    assert len(opened.all("#planes circle")) == 4
    assert opened.complaints() == []
    assert opened.requests() == []


def test_a_name_that_is_an_element_is_text(opened: Browser) -> None:
    opened.find("#charts summary").click()
    assert "owned" not in opened.driver.title
    assert [name for name in opened.texts("#scores tbody th") if name.startswith(HOSTILE)]
    assert HOSTILE in opened.texts("#fills .thumb span")
    assert HOSTILE in opened.texts("#charts h4")
    assert ENDING in opened.find("#failed").text
    assert opened.all("img, body script:not([type]) ~ script") == []
    assert opened.complaints() == []


def test_a_head_sorts_its_column_the_best_first_and_then_the_other_way(opened: Browser) -> None:
    head = next(one for one in opened.all("#scores article:first-of-type thead th") if one.text.startswith("psnr-pooled"))

    def column() -> list[str]:
        place = opened.script("return arguments[0].cellIndex", head)
        return [
            row.find_elements("xpath", "./*")[place].text.split(" ")[0]
            for row in opened.all("#scores article:first-of-type tbody tr")
        ]

    assert head.get_attribute("aria-sort") == "none"
    head.find_element("tag name", "button").click()
    *values, last = column()
    assert (head.get_attribute("aria-sort"), last) == ("descending", "-"), "what failed has no value and stays below"
    assert values == sorted(values, key=float, reverse=True)
    assert len(set(values)) == 4
    head.find_element("tag name", "button").send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"
    assert column() == [*reversed(values), "-"]


def test_filters_leave_what_is_asked_for(opened: Browser) -> None:
    def shown() -> list[str]:
        return [one.get_attribute("data-mask") for one in opened.all("#scores article") if one.is_displayed()]

    assert shown() == ["center", "thick"]
    opened.find("select[name=mask]").send_keys("thick")
    assert shown() == ["thick"]
    assert opened.find("#filters output").text == "1 of 2 tables"
    assert "hole: thick" in opened.script("return document.getElementById('galleries').selectedOptions[0].textContent")
    opened.find("input[name=method]").send_keys("LIN")
    assert opened.texts("#scores tbody th") == ["linear"]
    opened.find("#reset").click()
    assert shown() == ["center", "thick"]
    assert len(opened.texts("#scores tbody th")) == 10
    assert not opened.all("#scores .more")[0].is_displayed()
    opened.find("#more").click()
    assert opened.all("#scores .more")[0].is_displayed()


def drawn(browser: Browser, selector: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of a canvas, [S, S, 3]."""
    found = browser.script(
        "const c = document.querySelector(arguments[0]);"
        "return [c.width, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]",
        selector,
    )
    return np.array(found[1], np.uint8).reshape(-1, found[0], 4)[..., :3]


def test_what_is_drawn_is_the_completed_picture_to_the_pixel(opened: Browser, reported: Path) -> None:
    made = [row for row in tables.rows(reported) if row["mask"] == "thick"]
    found = {record.folder.name: record for record in sections.found_in(reported)}
    one = galleries.gallery(made, found, registry.load(), store.default_folder(), wanted={"random": 2})
    opened.find("select[name=mask]").send_keys("thick")
    opened.all("#picks button")[1].click()
    place = [row["method"] for row in one.rows].index("nearest")
    opened.find("#right-of").send_keys("nearest")
    assert opened.find("#told").text.startswith(one.picks[1].id)
    assert f"Right: nearest ({one.scores[place][1]:.2f} dB" in opened.find("#told").text
    for selector, expected in (("#left", one.pictures.images[1]), ("#right", one.completed[place][1])):
        assert until(lambda at=selector, as_it_is=expected: np.array_equal(drawn(opened, at), as_it_is)), selector


def test_the_slider_is_moved_by_keys(opened: Browser) -> None:
    slider, left = opened.find("#slider"), opened.find("#left")
    assert opened.script("return arguments[0].style.clipPath", left) == "inset(0px 50% 0px 0px)"
    slider.send_keys(Keys.ARROW_RIGHT * 3)
    assert opened.script("return arguments[0].style.clipPath", left) == "inset(0px 47% 0px 0px)"
    slider.send_keys(Keys.HOME)
    assert opened.script("return arguments[0].style.clipPath", left) == "inset(0px 100% 0px 0px)"


def test_the_page_is_walked_through_by_keys(opened: Browser) -> None:
    press(opened, Keys.TAB)
    assert focused(opened) == "Skip to the scores"
    press(opened, Keys.ENTER)
    assert focused(opened) == "scores"
    press(opened, Keys.TAB, Keys.TAB)
    assert focused(opened) == "method"
    press(opened, Keys.ENTER)
    assert opened.find("#scores thead th").get_attribute("aria-sort") == "ascending"
    assert opened.script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    opened.all("#fills .thumb")[1].send_keys(Keys.SPACE)
    assert opened.all("#fills .thumb")[1].get_attribute("aria-pressed") == "true"


def test_dark_is_what_the_system_asks_for_and_can_be_chosen(opened: Browser) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = opened.script(paper)
    opened.prefer("dark")
    dark = opened.script(paper)
    assert dark != light
    assert opened.find("#theme").get_attribute("aria-pressed") == "true"
    opened.find("#theme").click()
    assert (opened.script(paper), opened.find("#theme").get_attribute("aria-pressed")) == (light, "false")
    opened.driver.refresh()
    assert opened.script(paper) == light, "what was chosen is kept"


@pytest.mark.parametrize("width", [320, 390, 1280, 2000])
def test_the_page_fits_from_a_phone_to_a_wide_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_nothing_keeps_people_out(browser: Browser, page: Path, scheme: str, width: int) -> None:
    browser.open(page, scheme=scheme, width=width)
    browser.script("for (const one of document.querySelectorAll('details')) one.open = true")
    browser.find("#more").click()
    assert browser.faults(RULES.read_text(encoding="utf-8")) == []


def test_a_blinded_page_is_answered_by_keys_and_its_votes_are_counted(
    browser: Browser, reported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, words = tmp_path / "blind.html", ["--methods", "linear,mean-fill", "--questions", "5"]
    assert cli.main(["report", "--blind", "--results", str(reported), "--output", str(file), *words]) == 0
    browser.open(file)
    assert browser.faults(RULES.read_text(encoding="utf-8")) == []
    key = json.loads(file.with_suffix(".key.json").read_text())
    sides = ["left" if question["left"] == "linear" else "right" for question in key["questions"]]
    for side in sides[:4]:
        press(browser, Keys.ARROW_LEFT if side == "left" else Keys.ARROW_RIGHT)
    assert browser.find("#count").text == "5 of 5"

    def is_kept() -> bool:  # a browser may write down what a page keeps a moment later
        browser.driver.refresh()
        return bool(browser.find("#count").text == "5 of 5")

    assert until(is_kept), "what was answered is kept"
    browser.find("#back").click()
    browser.find(f"#{sides[3]}").click()
    browser.find("#left" if sides[4] == "right" else "#right").click()
    assert browser.find("#done").is_displayed()
    browser.find("#save").click()
    votes = browser.downloads / f"votes-{key['page']}.csv"
    assert until(votes.is_file)
    assert [row["choice"] for row in csv.DictReader(votes.read_text().splitlines())][:4] == sides[:4]
    assert browser.complaints() == []
    assert browser.requests() == []
    capsys.readouterr()
    assert cli.main(["report", "--votes", str(votes), "--key", str(file.with_suffix(".key.json")), "--json"]) == 0
    pair = json.loads(capsys.readouterr().out)["rows"][0]
    assert (pair["method"], pair["against"], pair["chosen"], pair["asked"]) == ("linear", "mean-fill", 4, 5)


def test_a_hundred_runs_are_a_page_that_opens_at_once(browser: Browser, reported: Path, tmp_path: Path) -> None:
    template = next(one for one in records.all_of(reported) if one.told["run"]["method"] == "nearest")
    scores = {key: entry for key, entry in template.scores.items() if entry["shown"] == "center"}
    kept = [entry[kind] for entry in scores.values() for kind in ("file", "guesses")]
    files = {name: (template.folder / name).read_bytes() for name in kept}
    for number in range(100):
        run = records.Run(**{**template.told["run"], "params": {"number": number}})
        labels = {**template.told["labels"], "method": f"nearest[number={number}]"}
        told = {**template.told, "key": run.key, "labels": labels, "run": vars(run), "scores": scores}
        disk.commit(tmp_path / "runs" / run.name, {**files, "run.json": disk.to_json(told)})
    file = tmp_path / "hundred.html"
    assert cli.main(["report", "--results", str(tmp_path), "--output", str(file)]) == 0
    assert file.stat().st_size < 15 * 2**20
    seconds = browser.thread_seconds(file)
    assert len(browser.all("#scores tbody tr")) == 100
    assert seconds < 2, "until it answers"
