"""What `inbench data` does: prepare a data set from a user's files, list what there is, verify what was prepared."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from inbench import __version__
from inbench.joints import choices, store
from inbench.joints.preparing import Report
from inbench.joints.registry import Registry
from inbench.joints.store import Prepared
from inbench.words import clock, params
from inbench.words.dataset import Dataset
from inbench.words.disk import write_file
from inbench.words.errors import UserError, unknown

ACCEPTED = "accepted-terms.json"


def prepare(
    text: str, plugins: Registry, *, source: Path | None, size: int, folder: Path, accept: bool, skip_bad: bool, report: Report
) -> Prepared:
    """Prepare a data set, or rebuild the one that a manifest describes; its terms have to be accepted once."""
    wanted = published(Path(text)) if text.endswith(".json") else None
    if wanted:
        text, size = wanted["recipe"]["dataset"], wanted["recipe"]["size"]
    choice = choices.dataset(text, plugins, source=source, skip_bad_images=skip_bad)
    dataset = choice.dataset
    if dataset.needs_source and choice.source is None:
        raise UserError(f"data set {dataset.name} needs its files: add --from PATH; where to get them: {dataset.where}")
    if source is not None and choice.source != source:
        raise UserError(f"{text} is a path already; drop --from {source}, or name a data set in its place")
    if not dataset.needs_source and choice.source is not None:
        raise UserError(f"data set {dataset.name} needs no files; drop --from")
    if skip_bad and dataset.name != "folder":
        raise UserError(f"--skip-bad-images is for your own pictures; those of {dataset.name} are to be fetched again")
    settle_terms(dataset, folder, accept=accept)
    prepared = choice.prepared(size, folder, report)
    if wanted and prepared.manifest["content"] != wanted["content"]:
        raise UserError(
            f"{prepared.folder} does not hold the bytes that {wanted['file']} tells of: {difference(wanted, prepared)}"
        )
    return prepared


def published(file: Path) -> dict[str, Any]:
    """A manifest that somebody published."""
    try:
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        _ = told["recipe"]["dataset"], told["recipe"]["size"], told["content"], told["sources"], told["versions"]
        if not (isinstance(told["recipe"]["dataset"], str) and isinstance(told["recipe"]["size"], int)):
            raise TypeError("its recipe is none")
    except FileNotFoundError:
        raise UserError(f"there is no {file}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is no manifest.json of a prepared data set") from error
    return {**told, "file": str(file)}


def difference(wanted: dict[str, Any], prepared: Prepared) -> str:
    """Why a rebuilt set is not the same: other files, another recipe, or other libraries."""
    here = prepared.manifest
    for name, told in wanted["sources"].items():
        if here["sources"].get(name) != told:
            return f"the files behind {name!r} are not the same"
    if here["recipe"]["code"] != wanted["recipe"]["code"]:
        return "this version of inbench prepares it in another way"
    for name, version in wanted["versions"].items():
        if here["versions"].get(name) != version:
            return f"it was made with {name} {version}, and here is {here['versions'].get(name)}"
    return "the files and the recipe are the same"


def settle_terms(dataset: Dataset, folder: Path, *, accept: bool) -> None:
    """Terms are shown until they are accepted; that they were is kept beside the prepared data."""
    if not dataset.terms:
        return
    file = folder / ACCEPTED
    digest = hashlib.sha256(dataset.terms.encode()).hexdigest()
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        found = None
    accepted = found if isinstance(found, dict) else {}
    here = accepted.get(dataset.name)
    if isinstance(here, dict) and here.get("terms") == digest:
        return
    if not accept:
        raise UserError(
            f"{dataset.name} comes with terms:\n\n  {dataset.terms}\n\n  Licence: {dataset.licence}\n\n"
            "If you accept them, add --accept-terms; it is asked once"
        )
    accepted[dataset.name] = {"terms": digest, "utc": clock.utc(), "inbench": __version__}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps(accepted, indent=1).encode())
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); name another folder with --data DIR") from error


def listed(plugins: Registry, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The data sets there are, and those that were prepared."""
    sets = [plugins.get("dataset", name).cls for name in plugins.names("dataset")]
    return {
        "datasets": [
            {
                "name": cls.name,
                "summary": cls.summary,
                "licence": cls.licence,
                "citation": cls.citation,
                "where": cls.where,
                "needs_files": cls.needs_source,
                "params": params.defaults(cls.Params),
            }
            for cls in sets
        ],
        "prepared": [told(prepared) for prepared in store.all_in(folder)],
    }


def told(prepared: Prepared) -> dict[str, Any]:
    """What a prepared set says of itself."""
    manifest = prepared.manifest
    names = ("label", "size", "counts", "dropped", "licence", "citation", "content", "sources", "resizer", "notes", "prepared")
    return {**{name: manifest.get(name) for name in names}, "folder": str(prepared.folder)}


def in_words(prepared: Prepared) -> str:
    """The same for people."""
    said = told(prepared)
    counts = ", ".join(f"{count:,} {part}" for part, count in said["counts"].items())
    lines = {
        "data set": f"{said['label']}, {said['size']} x {said['size']}",
        "pictures": f"{counts}; no picture in two parts",
        "licence": said["licence"],
        "cite": said["citation"],
        "content": said["content"],
        **{f"source {name}": digest for name, digest in (said["sources"] or {}).items()},
        "resized by": said["resizer"],
        "folder": said["folder"],
    }
    text = [f"{name:<12} {value}" for name, value in lines.items() if value]
    return "\n".join([*text, *(f"note         {note}" for note in said["notes"] or [])])


def chosen(names: list[str], folder: Path) -> list[Prepared]:
    """The prepared sets of those names, or all, those with a damaged manifest by the name of their folder."""
    found = store.found_in(folder)
    for name in names:
        if name not in map(label_of, found):
            raise unknown("prepared data set", name, set(map(label_of, found)))
    return [prepared for prepared in found if not names or label_of(prepared) in names]


def label_of(prepared: Prepared) -> str:
    return str(prepared.manifest["label"]) if prepared.is_whole() else prepared.folder.name
