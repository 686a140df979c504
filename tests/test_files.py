"""Files in a folder or in a zip read in place: the same names either way, and no archive that is not safe to read."""

import hashlib
import os
import stat
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
from handmade import damaged, encoded, noise, written, zipped

from inbench.joints.files import MOST_BYTES, Files, known_file
from inbench.words.errors import UserError


@pytest.fixture(params=["folder", "zip"])
def place(request, tmp_path):
    """Where files come to lie: as a folder or as a zip."""

    def lay(files):
        return zipped(tmp_path / "set.zip", files) if request.param == "zip" else written(tmp_path / "set", files)

    return lay


def refused(source, act=None):
    """What is said of files that cannot be read: one line, which names the source."""
    with pytest.raises(UserError) as error:
        act() if act else Files(source)
    said = str(error.value)
    assert str(source) in said
    assert "\n" not in said
    return said


# Names


def test_names_are_sorted(place):
    files = Files(place({"b.png": b"b", "a/z.png": b"z", "a.png": b"a", "B.png": b"B", "a/y/x.png": b"x"}))
    assert files.names == ["B.png", "a.png", "a/y/x.png", "a/z.png", "b.png"]
    assert files.known == set(files.names)


def test_a_file_is_read_by_its_name(place):
    files = Files(place({"a/z.png": b"z", "b.png": b"b"}))
    assert [files.read(name) for name in files.names] == [b"z", b"b"]


def test_an_outer_folder_around_all_is_left_off(place):
    files = Files(place({"faces/a.png": b"a", "faces/in/b.png": b"b"}))
    assert files.names == ["a.png", "in/b.png"]
    assert (files.read("a.png"), files.read("in/b.png")) == (b"a", b"b")


def test_outer_folders_one_in_the_other_are_left_off(place):
    files = Files(place({"x/y/a.png": b"a", "x/y/b.png": b"b"}))
    assert files.names == ["a.png", "b.png"]
    assert files.read("b.png") == b"b"


def test_one_file_in_a_folder_keeps_its_own_name(place):
    files = Files(place({"faces/a.png": b"a"}))
    assert (files.names, files.read("a.png")) == (["a.png"], b"a")


@pytest.mark.parametrize(
    "names", [["x/a.png", "xy/b.png"], ["x/a.png", "b.png"], ["x-y/a.png", "x/b.png"], ["x/y/a.png", "y/y/a.png"]]
)
def test_folders_that_are_not_around_all_stay(place, names):
    assert Files(place(dict.fromkeys(names, b"x"))).names == sorted(names)


def test_what_a_mac_and_hidden_files_leave_behind_is_passed_over(place):
    hidden = ["__MACOSX/faces/._a.png", "faces/.DS_Store", "faces/._a.png", ".git/config", "faces/.thumbs/a.png"]
    files = Files(place({"faces/a.png": b"a"} | dict.fromkeys(hidden, b"x")))
    assert files.names == ["a.png"]


def test_a_name_that_only_holds_a_dot_is_not_hidden(place):
    assert Files(place({"a.b/c.d.png": b"x", "e.f": b"y"})).names == ["a.b/c.d.png", "e.f"]


def test_names_in_other_scripts_and_with_blanks_work(place):
    files = Files(place({"Gesichter/Zoë 1.png": b"z", "Gesichter/顔.png": b"k"}))
    assert files.names == ["Zoë 1.png", "顔.png"]
    assert files.read("顔.png") == b"k"


def test_empty_folders_are_no_files(tmp_path):
    (written(tmp_path / "set", {"a.png": b"a"}) / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.mkdir("empty")
        archive.writestr("a.png", b"a")
    assert Files(tmp_path / "set").names == Files(tmp_path / "set.zip").names == ["a.png"]


def test_nothing_at_all_is_no_file(place):
    files = Files(place({"empty/.hidden": b"x"}))
    assert (files.names, files.pictures(), files.find("a.png")) == ([], [], None)


def test_pictures_are_those_whose_name_ends_like_one(place):
    names = ["a.JPG", "b.jpeg", "c.Png", "d.bmp", "e.webp", "f.tif", "g.TIFF"]
    others = ["h.txt", "i.npz", "png", "j.png.txt", "k.gif"]
    assert Files(place(dict.fromkeys(names + others, b"x"))).pictures() == names


def test_a_file_is_found_by_its_own_name_the_shortest_way_down(place):
    files = Files(place(dict.fromkeys(["a/b/list.txt", "lists/list.txt", "c/d/e/list.txt", "z.png", "xlist.txt"], b"x")))
    assert files.find("list.txt") == "a/b/list.txt"
    assert files.find("z.png") == "z.png"
    assert files.find("b/list.txt") is None
    assert files.find("nowhere.txt") is None


def test_a_file_on_top_is_found_before_one_in_a_folder(place):
    assert Files(place({"a/list.txt": b"x", "list.txt": b"y"})).find("list.txt") == "list.txt"


# Lists


@pytest.mark.parametrize(
    "data",
    [b"a 1\nb 2\n", b"a 1\r\nb 2\r\n", b"a 1\rb 2\r", b"\xef\xbb\xbfa 1\r\nb 2\n"],
    ids=["unix", "windows", "old mac", "byte order mark"],
)
def test_a_list_is_text_whatever_its_line_ends(place, data):
    assert Files(place({"list.txt": data})).text("list.txt") == "a 1\nb 2\n"


def test_a_list_keeps_its_letters(place):
    assert Files(place({"list.txt": "Zoë,顔\n".encode()})).text("list.txt") == "Zoë,顔\n"


IMPOSTORS = {
    "nothing": (b"", "is empty"),
    "page": (b"<!DOCTYPE html>\n<html></html>", "is an HTML page"),
    "page after blanks": (b"\r\n  <html></html>", "is an HTML page"),
    "page after a byte order mark": (b"\xef\xbb\xbf<!DOCTYPE html>", "is an HTML page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "is a Git LFS pointer"),
    "latin": ("Zoë".encode("latin-1"), "is not UTF-8"),
    "utf-16": ("a 1\n".encode("utf-16"), "is not UTF-8"),
    "picture": (encoded(noise(0)), "is not UTF-8"),
}


@pytest.mark.parametrize(("data", "said"), IMPOSTORS.values(), ids=IMPOSTORS)
def test_what_is_no_list_is_refused_by_its_name(place, data, said):
    source = place({"lists/identity.txt": data, "a.png": b"a"})
    assert f": lists/identity.txt {said}" in refused(source, lambda: Files(source).text("lists/identity.txt"))


def test_a_pointer_is_told_how_to_become_a_file(place):
    source = place({"list.txt": IMPOSTORS["pointer"][0]})
    assert "git lfs pull" in refused(source, lambda: Files(source).text("list.txt"))


# What cannot be read


def test_a_file_that_is_not_there_is_refused_by_its_name(place):
    source = place({"a.png": b"a"})
    assert "b.png" in refused(source, lambda: Files(source).read("b.png"))


def test_a_source_that_is_not_there_is_refused(tmp_path):
    assert "is neither a folder nor a readable zip" in refused(tmp_path / "nowhere.zip")


@pytest.mark.parametrize("data", [b"", b"no zip", b"<html></html>", b"PK\x03\x04 and no more", encoded(noise(0))])
def test_a_file_that_is_no_zip_is_refused(tmp_path, data):
    written(tmp_path, {"set.zip": data})
    assert "is neither a folder nor a readable zip" in refused(tmp_path / "set.zip")


def test_a_zip_that_is_cut_short_is_refused(tmp_path):
    source = zipped(tmp_path / "set.zip", {"a.png": encoded(noise(0)), "b.png": encoded(noise(1))})
    source.write_bytes(source.read_bytes()[:-40])
    assert "is neither a folder nor a readable zip" in refused(source)


@pytest.mark.parametrize(("ending", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz")])
def test_a_tar_archive_is_to_be_unpacked_first(tmp_path, ending, mode):
    source = tmp_path / f"cars_train{ending}"
    with tarfile.open(source, mode) as archive:
        archive.add(written(tmp_path / "set", {"a.png": b"a"}), "set")
    assert refused(source) == (f"{source} is a tar archive; unpack it (tar xf cars_train{ending}) and name the folder")


def test_a_file_too_large_for_a_picture_or_a_list_is_not_read(tmp_path):
    with (written(tmp_path / "set", {"a.png": b"a"}) / "large.bin").open("wb") as file:
        file.truncate(MOST_BYTES + 1)  # it takes no room on the disk
    said = refused(tmp_path / "set", lambda: Files(tmp_path / "set").read("large.bin"))
    assert said.endswith("large.bin has 256 MB: no picture, no list")


# Zips that are not safe to read


def as_it_is(path, *members):
    """A zip of members as they are told, however wrong."""
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for member, data in members:
            archive.writestr(member, data)
    return path


@pytest.mark.parametrize(
    "name",
    ["../x.png", "a/../../x.png", "a/..", "..", "/etc/x.png", "//x.png", "C:\\x.png", "C:x.png", "a\\b.png", "..\\x.png"],
)
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    source = as_it_is(tmp_path / "set.zip", ("a.png", b"a"), (name, b"x"))
    assert refused(source) == f"{source} is not read: its member {name!r} leads out of the archive"


@pytest.mark.parametrize("name", ["a..png", "..a/b.png", "a/...png", "a..b/c.png"])
def test_dots_that_lead_nowhere_are_no_offence(tmp_path, name):
    Files(as_it_is(tmp_path / "set.zip", ("a.png", b"a"), (name, b"x")))


def test_a_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    source = as_it_is(tmp_path / "set.zip", ("a.png", b"a"), (link, b"/etc/passwd"))
    assert refused(source) == f"{source} is not read: its member 'link.png' is a link"


def test_a_name_that_is_there_twice_is_refused(tmp_path):
    source = as_it_is(tmp_path / "set.zip", ("a.png", b"a"), ("b.png", b"b"), ("a.png", b"other"))
    assert refused(source) == f"{source} is not read: its member 'a.png' is in it twice"


def rewritten(source, name, place, data):
    """A zip whose list of members tells something else of one of them: bytes from `place` of its entry."""
    held = bytearray(source.read_bytes())
    entry = held.rindex(name.encode()) - 46
    assert held[entry : entry + 4] == b"PK\x01\x02"
    held[entry + place : entry + place + len(data)] = data
    source.write_bytes(held)
    return source


VERSION, FLAGS, METHOD, PACKED, UNPACKED = 6, 8, 10, 20, 24
"""Where an entry of the list of members says so."""


def small(tmp_path):
    return zipped(tmp_path / "set.zip", {"a.png": b"a" * 100, "b.png": b"b" * 100})


def test_an_encrypted_member_is_refused(tmp_path):
    source = rewritten(small(tmp_path), "b.png", FLAGS, b"\x01")
    assert refused(source) == f"{source} is not read: its member 'b.png' is encrypted"


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path):
    source = tmp_path / "set.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"a")
        archive.writestr("bomb.png", bytes(20 * 2**20))
    assert source.stat().st_size < 10**5
    assert refused(source) == f"{source} is not read: its member 'bomb.png' would unpack to 20 MB"


def test_a_member_too_large_for_a_picture_or_a_list_is_refused(tmp_path):
    large = (2 * MOST_BYTES).to_bytes(4, "little")
    source = rewritten(rewritten(small(tmp_path), "b.png", UNPACKED, large), "b.png", PACKED, large)
    assert refused(source) == f"{source} is not read: its member 'b.png' would unpack to 512 MB"


def test_a_list_that_shrinks_well_is_no_bomb(tmp_path):
    lines = "\n".join(f"{number:06d}.jpg 0" for number in range(50_000))
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.txt", lines)
        archive.writestr("zeros.txt", "0" * 2**20)
    files = Files(tmp_path / "set.zip")
    assert files.text("list.txt") == lines
    assert len(files.read("zeros.txt")) == 2**20


def test_a_bomb_that_says_it_is_small_does_not_go_off(tmp_path):
    source = tmp_path / "set.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(2**23))
    rewritten(source, "bomb.png", UNPACKED, (1000).to_bytes(4, "little"))
    assert "bomb.png cannot be read" in refused(source, lambda: Files(source).read("bomb.png"))


@pytest.mark.parametrize(
    ("place", "data"),
    [(VERSION, b"\xff"), (METHOD, b"\x63"), (FLAGS, b"\x20"), (FLAGS, b"\x40")],
    ids=["of a later version", "of an unknown method", "patched", "strongly encrypted"],
)
def test_a_member_that_no_reader_here_knows_is_refused(tmp_path, place, data):
    source = rewritten(small(tmp_path), "b.png", place, data)
    refused(source, lambda: Files(source).read("b.png"))


def test_a_member_with_a_wrong_checksum_is_refused_by_its_name(tmp_path):
    source = damaged(zipped(tmp_path / "set.zip", {"x/a.png": encoded(noise(0)), "x/b.png": encoded(noise(1))}), "x/b.png")
    assert Files(source).read("a.png") == encoded(noise(0))
    assert f"{source}: b.png cannot be read: " in refused(source, lambda: Files(source).read("b.png"))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["zip", "bzip2", "lzma"])
def test_a_member_that_does_not_unpack_is_refused_by_its_name(tmp_path, method):
    source, name = tmp_path / "set.zip", "b.png"
    with zipfile.ZipFile(source, "w", method) as archive:
        archive.writestr(name, encoded(noise(1)))
    data = bytearray(source.read_bytes())
    start = 30 + len(name)
    data[start : start + 60] = b"\x07" * 60
    source.write_bytes(data)
    assert f"{source}: b.png cannot be read: " in refused(source, lambda: Files(source).read("b.png"))


# A file that has to be a certain one


def test_a_file_is_known_by_its_hash_or_the_start_of_it(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"weights")
    whole = hashlib.sha256(b"weights").hexdigest()
    for told in (whole, whole.upper(), whole[:12]):
        assert known_file(str(tmp_path / "weights.pt"), told) == b"weights"


@pytest.mark.parametrize("told", ["", "9", "0" * 12, "0" * 64, "short", "long"])
def test_another_file_is_refused_with_the_hash_it_has(tmp_path, told):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights")
    whole = hashlib.sha256(b"weights").hexdigest()
    wrong = {"short": whole[:11], "long": whole + "0"}.get(told, told)
    assert f"is {whole}, not {wrong!r}" in refused(path, lambda: known_file(str(path), wrong))


def test_a_file_that_is_not_there_is_said(tmp_path):
    path = tmp_path / "none.pt"
    assert "No such file or directory" in refused(path, lambda: known_file(str(path), "0" * 64))


def test_a_name_that_is_no_text_is_told(tmp_path):
    (tmp_path / "set").mkdir()
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "set") + b"/caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(UserError, match=r"caf.*is not UTF-8; rename it"):
        Files(tmp_path / "set")
