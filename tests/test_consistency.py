"""Consistency: the arithmetic of published cells, the same for every paper."""

import dataclasses
import math

import pytest

from inbench.readers import consistency
from inbench.words import published
from inbench.words.published import Fact, PaperRow, PaperTable

MENG = published.load("meng2020")


def paper(*cells, span="[-1, 1]"):
    """A paper with a row for each (l2, psnr)."""
    rows = [
        PaperRow(f"row {n}", f"m{n}", "celeba", "center", "paper", {"l2": l2, "psnr": psnr})
        for n, (l2, psnr) in enumerate(cells)
    ]
    table = PaperTable("Table", 1, "t", "s", 64, ["l2", "psnr"], rows)
    card = {**MENG.convention, "range": Fact(span, True, "stated")}
    return dataclasses.replace(MENG, tables=[table], convention=card)


@pytest.mark.parametrize(("span", "square"), [("[-1, 1]", 4), ("[0, 1]", 1)])
def test_the_bound_follows_from_the_range(span, square):
    bound = -10 * math.log10(0.04 / square)
    assert consistency.notes(paper(("4.000", f"{bound + 0.5:.4f}"), span=span)) == []
    (note,) = consistency.notes(paper(("4.000", f"{bound - 0.5:.4f}"), span=span))
    assert "not consistent with the same row's L2 under the convention printed below" in note
    assert f"{bound:.2f} dB" in note


def test_rounding_of_the_cells_is_no_fault():
    assert consistency.notes(paper(("4.0", f"{-10 * math.log10(0.01012):.1f}"))) == []


def test_a_hair_under_the_bound_is_told_as_what_it_may_be():
    (note,) = consistency.notes(paper(("4.000", f"{20 - 0.03:.4f}")))
    assert "0.03 dB under the bound" in note
    assert "not consistent" not in note


def test_an_error_of_nothing_and_one_with_an_exponent_are_numbers_too():
    assert consistency.notes(paper(("0.0", "40.0"))) == []
    assert consistency.notes(paper(("1e-3", "56.1"))) == consistency.notes(paper(("0.001", "56.1")))
    assert consistency.notes(paper(("1e-3", "50.0"))) != []


def test_a_gap_that_needs_pictures_of_very_different_difficulty_is_told():
    (note,) = consistency.notes(paper(("4.000", "22.0000")))
    assert "2.00 dB above" in note
    assert f"{math.sqrt(2 * 20 / math.log(10)):.1f} dB from image to image" in note


def test_the_rows_of_meng2020_that_do_not_add_up_are_those_of_the_arithmetic():
    notes = consistency.notes(MENG)
    starts = [note.partition(":")[0] for note in notes if "not consistent" in note]
    assert starts == ["Table 1, Autoencoder", "Table 1, SI"]
    assert any("by L2 SI is 0.41 dB better than CE, by PSNR 2.61 dB worse" in note for note in notes)
    assert any("psnr 23.3119 and 22.0737" in note and "beside equal l2 2.74" in note for note in notes)
    assert any("the same ssim, 0.7751, to the last digit" in note for note in notes)
    assert not any("wrong" in note for note in notes)


@pytest.mark.parametrize("name", ["pathak2016", "yeh2017"])
def test_papers_whose_cells_agree_have_no_note(name):
    assert consistency.notes(published.load(name)) == []
