"""`inbench data` and `inbench show`: from a user's files to prepared data, and one clear sentence for what is wrong."""

import json
import shutil

import numpy as np
import pytest
from conftest import TINY, Child, no_child, workers
from handmade import encoded, noise, written, zipped
from official_layouts import FACES, PARTITION, cars_in_one, celeba, face_name, with_zipped_faces
from PIL import Image

import inbench
from inbench.joints import registry, store

DRAWN = TINY["datasets"]
RUN = ("--methods", "mean-fill", "--budget", TINY["budget"], "--device", "cpu", "--precision", "float32", "--threads", "1")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return written(tmp_path_factory.mktemp("downloads") / "celeba", celeba())


@pytest.fixture
def album(tmp_path):
    """Eight pictures, and an index.csv that says which of them train, validate and test."""
    parts = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    rows = "".join(f"p{place}.png,{part}\n" for place, part in enumerate(parts))
    pictures = {f"p{place}.png": encoded(noise(place, 48, 40)) for place in range(8)}
    return written(tmp_path / "album", {**pictures, "index.csv": f"file,split\n{rows}"})


@pytest.fixture
def folder(tmp_path):
    """Where prepared data lives in a test."""
    return tmp_path / "data"


@pytest.fixture
def data(command, folder):
    """`inbench data ...` with a folder of its own; a later --data wins."""
    return lambda act, *words: command("data", act, "--data", str(folder), *words)


@pytest.fixture
def prepare(data, faces):
    """`inbench data prepare celeba` at size 32."""

    def call(*words, name="celeba", source=faces, terms=True):
        accepted = ["--accept-terms"] if terms else []
        return data("prepare", name, "--from", str(source), "--size", "32", *accepted, *words)

    return call


def refused(told, *parts):
    """Exit code 2 and one sentence on stderr with these parts in it."""
    assert told.code == 2
    assert told.out == ""
    (line,) = (line for line in told.err.splitlines() if not line.startswith("preparing "))
    assert line.startswith("inbench: ")
    for part in parts:
        assert part in line


def prepared_in(folder):
    return [found.manifest["label"] for found in store.all_in(folder)]


def damage(prepared):
    """Change one byte of a prepared set."""
    file = prepared / "train.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


# Terms


def test_terms_are_shown_and_nothing_is_prepared_until_they_are_accepted(prepare, folder):
    told = prepare(terms=False)
    assert (told.code, told.out) == (2, "")
    for part in ("celeba comes with terms:", "non-commercial research only", "Licence: CelebA agreement", "--accept-terms"):
        assert part in told.err
    assert not folder.exists()


def test_terms_are_asked_once_in_a_folder_of_prepared_data(prepare, folder, tmp_path):
    assert prepare().code == 0
    other_crop = prepare(name="celeba[crop=center178]", terms=False)
    assert other_crop.code == 0
    assert "terms" not in other_crop.err
    elsewhere = prepare("--data", str(tmp_path / "elsewhere"), terms=False)
    assert (elsewhere.code, elsewhere.out) == (2, "")
    assert "--accept-terms" in elsewhere.err
    assert not (tmp_path / "elsewhere").exists()


def test_accepted_terms_of_one_set_are_not_those_of_another(prepare, tmp_path):
    assert prepare().code == 0
    cars = written(tmp_path / "cars", cars_in_one())
    told = prepare(name="stanford-cars", source=cars, terms=False)
    assert told.code == 2
    assert "stanford-cars comes with terms" in told.err
    assert prepare(name="stanford-cars", source=cars).code == 0
    assert prepare(terms=False).code == 0


def test_terms_that_changed_are_asked_again(prepare, folder):
    assert prepare().code == 0
    (file,) = folder.glob("*terms*.json")
    accepted = json.loads(file.read_text())
    assert accepted["celeba"]["inbench"] == inbench.__version__
    file.write_text(json.dumps({"celeba": {**accepted["celeba"], "terms": "those of last year"}}))
    assert prepare(terms=False).code == 2


@pytest.mark.parametrize("text", ["", "not json"])
def test_a_damaged_note_of_accepted_terms_is_as_none(prepare, folder, text):
    written(folder, {"accepted-terms.json": text})
    assert prepare(terms=False).code == 2
    assert prepare().code == 0
    assert prepare(terms=False).code == 0


def test_terms_that_cannot_be_kept_are_one_sentence(prepare, tmp_path):
    (tmp_path / "file").write_text("")
    refused(prepare("--data", str(tmp_path / "file" / "data")), str(tmp_path / "file" / "data"), "--data DIR")


# Preparing


def test_prepare_says_what_it_made(prepare, folder):
    told = prepare()
    assert told.code == 0
    (found,) = store.all_in(folder)
    assert found.fault() == ""
    lines = dict(line.split(None, 1) for line in told.out.splitlines() if not line.startswith(("data set", "note", "resized")))
    assert "data set     celeba, 32 x 32\n" in told.out
    assert lines["pictures"] == "8 train, 2 val, 2 test; no picture in two parts"
    assert lines["content"] == found.manifest["content"]
    assert lines["folder"] == str(found.folder)
    assert lines["licence"].startswith("CelebA agreement")
    assert lines["cite"].startswith("Liu, Luo, Wang, Tang")
    assert f"source {PARTITION}" in told.out
    assert "resized by   Pillow bilinear on a finer grid, averaged" in told.out
    for note in found.manifest["notes"]:
        assert f"note         {note}\n" in told.out
    assert "preparing" in told.err


def test_prepare_with_json_is_json_alone(prepare, folder):
    told = json.loads(prepare("--json").out)
    (found,) = store.all_in(folder)
    assert told["folder"] == str(found.folder)
    assert {name: told[name] for name in ("label", "size", "counts", "content", "notes", "dropped")} == {
        name: found.manifest[name] for name in ("label", "size", "counts", "content", "notes", "dropped")
    }
    assert told["counts"] == {"train": 8, "val": 2, "test": 2}


def test_prepare_a_second_time_finds_it(prepare, folder):
    one, other = (json.loads(prepare("--json").out) for _ in range(2))
    assert one == other
    assert prepared_in(folder) == ["celeba"]


def test_dropped_pictures_are_told(prepare, faces, tmp_path):
    source = shutil.copytree(faces, tmp_path / "celeba")
    shutil.copy(source / FACES / face_name(12), source / FACES / face_name(1))
    told = prepare("--json", name="celeba[crop=center178]", source=source)
    assert json.loads(told.out)["dropped"] == {"train": 1, "val": 0, "test": 0}
    assert "1 train pictures that another part has too were left out" in json.loads(told.out)["notes"]


@pytest.mark.parametrize("lay", ["folder", "zip", "by its name"])
def test_a_folder_or_zip_of_pictures_is_prepared_by_its_path(data, album, folder, lay):
    source = zipped(album.with_suffix(".zip"), {file.name: file.read_bytes() for file in album.iterdir()})
    words = ("folder", "--from", str(album)) if lay == "by its name" else (str(album if lay == "folder" else source),)
    told = data("prepare", *words, "--size", "32", "--json")
    assert told.code == 0
    assert (json.loads(told.out)["label"], json.loads(told.out)["counts"]) == ("album", {"train": 4, "val": 2, "test": 2})
    assert prepared_in(folder) == ["album"]


@pytest.mark.parametrize("words", [(), ("--from",)])
def test_bad_pictures_can_be_left_out_and_are_counted(data, album, words):
    (album / "p0.png").write_bytes(b"")
    named = ("folder", "--from", str(album)) if words else (str(album),)
    refused(data("prepare", *named, "--size", "32"), "p0.png is empty", "--skip-bad-images")
    told = data("prepare", *named, "--size", "32", "--skip-bad-images")
    assert told.code == 0
    assert "note         1 bad image skipped: p0.png" in told.out


def test_a_set_made_from_nothing_is_prepared_without_files(data, folder):
    told = data("prepare", DRAWN, "--size", "32")
    assert told.code == 0
    assert "40 train, 8 val, 12 test" in told.out
    assert prepared_in(folder) == [DRAWN.replace("train=40,val=8,test=12", "test=12,train=40,val=8")]


# Listing and verifying


def test_list_tells_what_there_is_and_what_is_prepared(data, prepare, folder):
    told = data("list")
    assert told.code == 0
    for cls in (plugin.cls for plugin in registry.load().plugins["dataset"].values()):
        assert f"  {cls.name}" in told.out
        assert f"licence: {cls.licence}" in told.out
        assert cls.where in told.out
    assert "nothing yet; inbench data prepare NAME --from PATH" in told.out
    prepare(name="celeba[crop=center178]")
    told = data("list")
    assert "  celeba[crop=center178] at 32: 8 + 2 + 2 pictures (train + val + test), 20" in told.out
    assert str(store.all_in(folder)[0].folder) in told.out
    assert "nothing yet" not in told.out


def test_list_with_json_is_json_alone(data, prepare):
    made = json.loads(prepare("--json").out)
    found = json.loads(data("list", "--json").out)
    assert found["prepared"] == [made]
    sets = {one["name"]: one for one in found["datasets"]}
    assert sets["celeba"]["needs_files"]
    assert not sets["drawn-faces"]["needs_files"]
    assert sets["celeba"]["params"] == {"crop": "openface", "split": "official"}
    assert all(one["licence"] and one["summary"] for one in sets.values())


def test_verify_says_whether_sets_are_as_they_were_prepared(data, prepare, folder):
    told = data("verify")
    assert (told.code, told.out) == (0, "nothing is prepared\n")
    prepare()
    prepare(name="celeba[crop=center178]")
    told = data("verify")
    assert told.code == 0
    assert sorted(told.out.splitlines()) == [
        "celeba at 32: as prepared, no picture in two parts",
        "celeba[crop=center178] at 32: as prepared, no picture in two parts",
    ]
    (found,) = (found for found in store.all_in(folder) if found.manifest["label"] == "celeba")
    damage(found.folder)
    told = data("verify")
    assert told.code == 1
    mend = f"; remove {found.folder} and prepare it again\n"
    assert f"celeba at 32: the pictures are not those that were prepared{mend}" in told.out
    assert data("verify", "celeba[crop=center178]").code == 0
    assert data("verify", "celeba").code == 1
    (one,) = json.loads(data("verify", "celeba", "--json").out)
    assert one == {"label": "celeba", "folder": str(found.folder), "fault": "the pictures are not those that were prepared"}


@pytest.mark.parametrize("name", ["train.npy", "val.csv", "manifest.json"])
def test_verify_meets_a_file_that_was_cut_off_with_exit_1(data, prepare, folder, name):
    prepare()
    (found,) = store.all_in(folder)
    (found.folder / name).write_bytes((found.folder / name).read_bytes()[:20])
    told = data("verify")
    assert told.code == 1
    assert "celeba" in told.out


def test_verify_of_a_name_that_is_not_prepared_is_one_sentence(data, prepare):
    prepare()
    refused(data("verify", "celebs"), "unknown prepared data set 'celebs'; did you mean 'celeba'?")


# From a published manifest


@pytest.fixture
def published(prepare, folder, tmp_path):
    """The manifest of a prepared set, and what it tells."""
    prepare()
    (found,) = store.all_in(folder)
    return shutil.copy(found.folder / "manifest.json", tmp_path / "published.json"), found.manifest


def rebuilt(data, file, source, tmp_path, *words):
    return data("prepare", str(file), "--from", str(source), "--data", str(tmp_path / "theirs"), "--accept-terms", *words)


def altered(file, **changes):
    """A manifest that tells something else."""
    told = json.loads(file.read_text())
    for name, value in changes.items():
        told[name] = {**told[name], **value} if isinstance(value, dict) else value
    file.write_text(json.dumps(told))
    return file


@pytest.mark.parametrize("lay", ["copy", "zip", "zip of the pictures"])
def test_a_published_set_is_rebuilt_to_the_same_content(data, published, faces, tmp_path, lay):
    file, wanted = published
    files = {path.relative_to(faces).as_posix(): path.read_bytes() for path in faces.rglob("*") if path.is_file()}
    if lay == "zip":
        source = zipped(tmp_path / "theirs.zip", files)
    else:
        source = written(tmp_path / "their files", with_zipped_faces(files) if lay == "zip of the pictures" else files)
    told = rebuilt(data, file, source, tmp_path, "--json")
    assert told.code == 0
    assert json.loads(told.out)["content"] == wanted["content"]
    assert json.loads(told.out)["size"] == 32


def test_the_users_own_set_is_rebuilt_too(data, album, folder, tmp_path):
    made = json.loads(data("prepare", f"{album}[crop=pad]", "--size", "32", "--json").out)
    file = shutil.copy(store.all_in(folder)[0].folder / "manifest.json", tmp_path / "published.json")
    told = rebuilt(data, file, shutil.copytree(album, tmp_path / "copy"), tmp_path, "--json")
    assert json.loads(told.out)["content"] == made["content"]


def test_a_rebuilt_set_asks_for_its_terms_too(data, published, faces, tmp_path):
    told = data("prepare", str(published[0]), "--from", str(faces), "--data", str(tmp_path / "theirs"))
    assert told.code == 2
    assert "--accept-terms" in told.err


@pytest.mark.parametrize(("number", "part"), [(2, "train"), (10, "val"), (12, "test")])
def test_other_pictures_than_those_published_are_told(data, published, faces, tmp_path, number, part):
    source = shutil.copytree(faces, tmp_path / "celeba")
    (source / FACES / face_name(number)).write_bytes(encoded(noise(99, 178, 218), "JPEG"))
    told = rebuilt(data, published[0], source, tmp_path)
    refused(told, f"does not hold the bytes that {published[0]} tells of", f"the files behind '{part}' are not the same")


def test_another_list_than_the_published_one_is_told(data, published, faces, tmp_path):
    source = shutil.copytree(faces, tmp_path / "celeba")
    text = (source / PARTITION).read_text()
    (source / PARTITION).write_text(text.replace("000001.jpg 0", "000001.jpg 2"))
    refused(rebuilt(data, published[0], source, tmp_path), f"the files behind '{PARTITION}' are not the same")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": {"code": "0" * 64}}, "this version of inbench prepares it in another way"),
        ({"versions": {"pillow": "1.0"}}, "it was made with pillow 1.0, and here is "),
        ({"versions": {"cv2": "5"}}, "it was made with cv2 5, and here is None"),
        ({}, "the files and the recipe are the same"),
    ],
)
def test_why_a_rebuilt_set_differs_is_told(data, published, faces, tmp_path, changes, said):
    file = altered(published[0], content="0" * 64, **changes)
    refused(rebuilt(data, file, faces, tmp_path), "does not hold the bytes", said)


def test_other_versions_that_give_the_same_bytes_are_no_matter(data, published, faces, tmp_path):
    file = altered(published[0], versions={"pillow": "1.0"}, recipe={"code": "0" * 64})
    assert rebuilt(data, file, faces, tmp_path).code == 0


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"recipe": 3}', '"recipe"'])
def test_a_file_that_is_no_manifest_is_one_sentence(data, faces, tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    refused(rebuilt(data, tmp_path / "other.json", faces, tmp_path), "other.json is no manifest.json of a prepared data set")


def test_a_manifest_that_is_not_there_is_one_sentence(data, faces, tmp_path):
    refused(rebuilt(data, tmp_path / "nowhere.json", faces, tmp_path), "there is no ", "nowhere.json")


# What the user got wrong


WRONG = [
    ("celeba", "data set celeba needs its files: add --from PATH; where to get them: https://mmlab.ie.cuhk.edu.hk"),
    ("stanford-cars", "data set stanford-cars needs its files: add --from PATH"),
    ("celeba --from ./nowhere", "there is no nowhere"),
    ("drawn-faces --from .", "data set drawn-faces needs no files; drop --from"),
    ("celebs --from .", "unknown data set 'celebs'; did you mean 'celeba'?"),
    ("celeba[crop=face] --from .", "celeba[crop=...] must be one of openface, center178, center108, not 'face'"),
    ("celeba[corp=openface] --from .", "did you mean 'crop'?"),
    ("celeba[crop=openface --from .", "opens a bracket that it never closes"),
    ("celeba --from . --size 48", "--size 48 is no power of two from 32 to 256"),
    ("celeba --from . --size big", "invalid int value: 'big'"),
    ("celeba --from", "--from"),
    ("./nowhere", "there is no nowhere"),
    ("folder", "data set 'folder' is what a path means"),
    ("", "NAME"),
    ("celeba --plugin nowhere.py", "there is no plugin file"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG)
def test_a_wrong_word_is_one_sentence_and_nothing_is_prepared(data, folder, words, sentence):
    refused(data("prepare", *words.split()), sentence)
    assert not folder.exists()


@pytest.mark.parametrize("words", [("data",), ("data", "fetch"), ("data", "list", "celeba"), ("show",)], ids=" ".join)
def test_a_wrong_command_is_one_sentence(command, words):
    refused(command(*words), "--help")


def test_a_path_and_files_from_another_place_are_one_too_many(data, album, faces):
    refused(data("prepare", str(album), "--from", str(faces), "--size", "32"), "--from")


def test_files_of_another_kind_are_one_sentence(prepare, album, folder):
    refused(prepare(source=album), f"{album} holds no img_align_celeba, neither the folder nor img_align_celeba.zip")
    assert prepared_in(folder) == []


# Runs


@pytest.fixture
def run(command, folder, tmp_path):
    """`inbench run` of one method on a data set of that name."""

    def call(name, *words, size="32"):
        results = str(tmp_path / "results")
        return command("run", *RUN, "--datasets", name, "--size", size, "--data", str(folder), "--results", results, *words)

    return call


def test_a_run_on_a_set_that_is_not_prepared_names_the_command(run, tmp_path):
    with workers(no_child):
        refused(run("celeba"), "not prepared at size 32", "inbench data prepare 'celeba' --from PATH --size 32")
        refused(run("celeba", size="64"), "inbench data prepare 'celeba' --from PATH")
        refused(run("celeba[crop=center108]"), "inbench data prepare 'celeba[crop=center108]' --from PATH --size 32")
    assert not (tmp_path / "results").exists()


def test_a_run_takes_the_set_that_was_prepared_under_that_name(run, prepare):
    prepare(name="celeba[crop=center178]")
    with workers(no_child):
        refused(run("celeba"), "not prepared at size 32")
    with workers(Child):
        told = run("celeba[crop=center178]", "--json")
    (row,) = json.loads(told.out)["rows"]
    assert (told.code, row["dataset"], row["complete"]) == (0, "celeba[crop=center178]", True)


def test_a_run_on_a_set_prepared_by_other_code_names_the_command(run, prepare, folder):
    prepare()
    (found,) = store.all_in(folder)
    altered(found.folder / "manifest.json", recipe={"code": "0" * 64})
    with workers(no_child):
        refused(run("celeba"), "prepared by another version of inbench; once more: inbench data prepare 'celeba'")


# Showing


def test_show_tells_of_a_method_with_its_parameters(command):
    told = command("show", "dense-gan")
    assert told.code == 0
    assert told.out.startswith("dense-gan, a method\n")
    for part in ("summary", "paper", "licence", "origin     inbench_methods.dense_gan", "parameters:", "  growth = "):
        assert part in told.out


def test_show_tells_of_a_data_set_a_mask_and_a_metric(command):
    said = command("show", "celeba").out
    assert said.startswith("celeba, a data set\n")
    assert "  crop = openface: openface: turned and scaled by five landmarks" in said
    assert "where      https://mmlab.ie.cuhk.edu.hk" in said
    assert command("show", "center").out.startswith("center, a mask\n")
    said = command("show", "ssim").out
    assert said.startswith("ssim, a metric\n")
    assert "better     " in said


def test_show_with_json_is_json_alone(command):
    for kind, names in ((kind, plugins) for kind, plugins in registry.load().plugins.items()):
        for name in names:
            told = json.loads(command("show", name, "--json").out)
            assert (told["name"], told["kind"]) == (name, kind)
            assert all(param["about"] for param in told["params"] if kind == "dataset")


def test_show_of_a_name_that_there_is_not_is_one_sentence(command):
    refused(
        command("show", "dense-gn"), "unknown method, data set, mask, metric or budget 'dense-gn'; did you mean 'dense-gan'?"
    )


def test_show_of_a_broken_plugin_says_where(command, plugin):
    refused(command("show", "broken", "--plugin", plugin("1 / 0", "broken.py")), "broken")


def test_what_needs_an_option_is_shown_without_what_it_would_cost(command, plugin):
    text = """
    import dataclasses

    class Sealed(Base):
        name = "sealed"

        @dataclasses.dataclass(frozen=True)
        class Params:
            key: str = inbench.required("what opens it")
    """
    told = command("show", "sealed", "--plugin", plugin(text))
    assert told.code == 0, told.err
    assert "key = (required): what opens it" in told.out
    assert "GFLOP" not in told.out


def read(file):
    """The pixels of a PNG."""
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(("size", "scale"), [(32, 4), (64, 2), (128, 1)])
@pytest.mark.parametrize("mask", ["center", "random80", "center[side=20]"])
def test_the_picture_of_a_mask_is_a_sheet_of_64_holes(command, tmp_path, mask, size, scale):
    file = tmp_path / "sheet.png"
    told = command("show", mask, "--picture", str(file), "--size", str(size))
    assert told.code == 0
    assert str(file) in told.out
    sheet = read(file)
    assert sheet.shape == (scale * (8 * (size + 2) + 2),) * 2 + (3,)
    hole = sheet[2 * scale :: scale, 2 * scale :: scale][:size, :size]
    assert set(np.unique(hole)) == {0, 255}
    if mask == "center[side=20]":
        assert (hole == 255).sum() == 20 * 20 * 3


def test_the_picture_of_a_data_set_is_a_sheet_of_its_test_pictures(command, tmp_path, folder):
    words = ("--picture", str(tmp_path / "sheet.png"), "--size", "32", "--data", str(folder))
    assert command("show", DRAWN, *words).code == 0
    sheet = read(tmp_path / "sheet.png")
    assert sheet.shape == (4 * (2 * 34 + 2), 4 * (8 * 34 + 2), 3)  # twelve pictures: two rows
    (found,) = store.all_in(folder)
    assert (sheet[8 : 8 + 128 : 4, 8 : 8 + 128 : 4] == found.part("test").images[0]).all()


def test_the_picture_of_a_prepared_set_is_made_from_it(command, prepare, folder, tmp_path):
    words = ("--picture", str(tmp_path / "sheet.png"), "--size", "32", "--data", str(folder))
    refused(command("show", "celeba", *words), "inbench data prepare 'celeba' --from PATH")
    prepare()
    assert command("show", "celeba", *words).code == 0
    assert read(tmp_path / "sheet.png").shape == (4 * 36, 4 * 274, 3)


def test_a_picture_without_a_name_lies_where_one_is(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(command("show", "center[side=20]", "--json", "--picture").out)
    assert (tmp_path / told["picture"]).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["center_side_20.png"]


@pytest.mark.parametrize(("name", "kind"), [("dense-gan", "method"), ("ssim", "metric")])
def test_what_has_no_pictures_is_refused(command, tmp_path, name, kind):
    told = command("show", name, "--picture", str(tmp_path / "sheet.png"))
    refused(told, f"{name} is a {kind}; only masks and data sets have pictures")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("center --size 48", "--size 48 is no power of two"),
        ("center[side=65]", "larger than the image"),
        ("center[sid=4]", "did you mean 'side'?"),
        ("celeba[crop=face]", "must be one of openface"),
    ],
)
def test_a_picture_of_something_wrong_is_one_sentence(command, tmp_path, words, sentence):
    refused(command("show", *words.split(), "--picture", str(tmp_path / "sheet.png")), sentence)
    assert not (tmp_path / "sheet.png").exists()


def test_a_budget_is_shown_with_its_options_as_they_were_written(command):
    told = command("show", "paper[steps=2000,ema=0.999]")
    assert told.code == 0
    assert "paper, a budget" in told.out
    assert "  steps = 2000: visits to the optimizers" in told.out
    assert "  ema = 0.999: decay" in told.out
    assert "  val-times = 20: " in told.out
    refused(command("show", "paper[step=9]"), "did you mean 'steps'?")
    refused(command("show", "paper", "--picture"), "paper is a budget; only masks and data sets have pictures")


def test_pictures_of_the_users_own_are_shown_by_their_path(command, tmp_path, album):
    told = command("show", str(album), "--picture", str(tmp_path / "sheet.png"), "--size", "32")
    assert (told.code, (tmp_path / "sheet.png").exists()) == (0, True)
    assert "resize = bilinear" in told.out


@pytest.mark.parametrize("name", ["nowhere/sheet.png", "sheet.xyz"])
def test_a_picture_that_cannot_be_written_is_one_sentence(command, tmp_path, name):
    refused(command("show", "center", "--picture", str(tmp_path / name)), f"{name} cannot be written")
