"""Choices: what a user's words mean, resolved against the plugins there are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inbench.joints import preparing, store
from inbench.joints.masks import Mix
from inbench.joints.registry import Plugin, Registry, is_ours, line_in
from inbench.words import brackets, params
from inbench.words.dataset import Dataset
from inbench.words.errors import Unavailable, UserError
from inbench.words.mask import Mask
from inbench.words.metric import Metric

SOURCE = "@"
"""Before the hash of the source of a mask that is not inbench's own: another source, other holes, another key."""


@dataclass(frozen=True)
class MaskChoice:
    """A mask as the user meant it.

    canonical: the form that never changes, for keys; shown: the form for people; typed: what chooses it again on this
    machine, where it names files.
    """

    mask: Mask
    canonical: str
    shown: str
    typed: str


def mask(text: str, size: int, plugins: Registry) -> MaskChoice:
    """`center[side=40]`, `mix(center,half)` -> a mask settled for a size; a clear `UserError` where it is none."""
    with_source = re.fullmatch(f"(.+){SOURCE}([0-9a-f]{{12}})", text, re.DOTALL)
    text, code = with_source.groups() if with_source else (text, "")
    named = brackets.parse(text)
    plugin = plugins.get("mask", named.name)
    cls, own = plugin.cls, "" if is_ours(plugin.cls) else f"{SOURCE}{plugin.code[:12]}"
    if code and SOURCE + code != own:
        raise UserError(f"the source of mask {named.name} is another than where {text} was scored; its holes may be others")
    if issubclass(cls, Mix):
        return _mix(cls, named, size, plugins)
    if named.members or text.rstrip().endswith(")"):
        raise UserError(f"{text!r}: only mix takes masks in (...); the options of {named.name} go into [...]")
    whose = f"mask {named.name}"
    settled = cls.settle(params.resolve(cls.Params, named.options, whose=whose), size)
    default = {} if params.needs_option(cls.Params) else params.values_of(cls.settle(cls.Params(), size))
    return MaskChoice(
        cls(settled),
        params.canonical(named.name, settled) + own,
        params.shown(named.name, settled, settled=default),
        written_again(named.name, params.values_of(settled)),
    )


def written_again(name: str, options: Mapping[str, object]) -> str:
    """The text that chooses the same once more. A `UserError` where brackets cannot hold a value."""
    text = brackets.write(name, options)
    try:
        read = brackets.parse(text).options
    except UserError:
        read = {}
    for option, value in options.items():
        if read.get(option) != brackets.value_text(value):
            raise UserError(f"{option} of {name}, {value!r}, holds a comma or an odd bracket; rename it, or make a link to it")
    return text


def _mix(cls: type[Mix], named: brackets.Named, size: int, plugins: Registry) -> MaskChoice:
    """The members in one order, so that the same mixture has one name."""
    members = {choice.canonical: choice for choice in (mask(member, size, plugins) for member in named.members)}
    if len(members) < 2:
        raise UserError("mix takes two masks or more: write mix(center,half)")
    chosen = [members[canonical] for canonical in sorted(members)]

    def listed(form: str) -> str:
        return ",".join(getattr(choice, form) for choice in chosen)

    mixed = cls(cls.Params(of=listed("canonical")), [choice.mask for choice in chosen])
    return MaskChoice(mixed, *(f"{cls.name}({listed(form)})" for form in ("canonical", "shown", "typed")))


@dataclass(frozen=True)
class DatasetChoice:
    """A data set as the user meant it: with its options, its name for people, the hash of its source, and its files."""

    dataset: Dataset
    label: str
    code: str
    source: Path | None

    def prepared(self, size: int, folder: Path, report: preparing.Report) -> store.Prepared:
        """Its prepared form: made now, or, for a set whose files were named in `inbench data prepare`, found."""
        if self.source is None and self.dataset.needs_source:
            return store.find(self.dataset, code=self.code, size=size, folder=folder)
        return preparing.prepare(
            self.dataset, label=self.label, code=self.code, source=self.source, size=size, folder=folder, report=report
        )


def names_files(name: str, plugins: Registry) -> bool:
    """Whether the name of a data set is the path of its pictures: it looks like one, or is a folder and no plugin."""
    looks = "/" in name or name.startswith((".", "~")) or Path(name).suffix == ".zip"
    return looks or (name not in plugins.plugins["dataset"] and os.path.isdir(name))


def dataset(text: str, plugins: Registry, *, source: Path | None = None, skip_bad_images: bool = False) -> DatasetChoice:
    """A data set by its name, or `folder` by a path; `source`: the files of a named one."""
    # os.path, for pathlib raises where a text cannot be a path at all
    named = brackets.Named(text) if os.path.exists(text) else brackets.parse(text)
    if named.members:
        raise UserError(f"{text!r}: only masks can be mixed in (...); the options of a data set go into [...]")
    is_path = names_files(named.name, plugins)
    try:
        plugin = plugins.get("dataset", "folder" if is_path else named.name)
    except UserError as error:
        if plugins.faults_of("dataset", named.name):
            raise
        stop = "" if str(error).endswith("?") else "."
        raise UserError(f"{error}{stop} Pictures of your own are named by their path, as ./{named.name}") from None
    source = Path(os.path.expanduser(named.name)) if is_path else source
    if source is not None and not os.path.exists(source):
        raise UserError(
            f"there is no {source}; a data set is a folder or a zip of pictures, "
            f"or one of {', '.join(plugins.names('dataset'))}"
        )
    if named.name == "folder" and source is None:
        raise UserError("data set 'folder' is what a path means; write the path of a folder or zip of pictures instead")
    given: dict[str, object] = dict(named.options)
    if plugin.cls.name == "folder" and skip_bad_images:
        given["skip_bad_images"] = "true"
    chosen = plugin.cls(params.resolve(plugin.cls.Params, given, whose=f"data set {named.name}"))
    own_name = source is not None and plugin.cls.name == "folder"
    label = (
        brackets.write(source.resolve().stem, named.options) if own_name and source else params.shown(named.name, chosen.params)
    )
    return DatasetChoice(chosen, label, plugin.code, source)


def metrics(asked: str, plugins: Registry) -> list[Metric]:
    """Every metric that needs no option, with its defaults, and those that are asked for: `fid[weights=PATH,sha256=HASH]`."""
    each = plugins.plugins["metric"].values()
    found = [_metric(plugin, {}) for plugin in each if not params.needs_option(plugin.cls.Params)]
    for text in brackets.split_list(asked):
        named = brackets.parse(text)
        plugin = plugins.get("metric", named.name)
        if not params.needs_option(plugin.cls.Params) and not named.options:
            continue  # it is there already
        try:
            found.append(_metric(plugin, named.options))
        except Unavailable as error:
            raise UserError(str(error)) from error
    return found


def _metric(plugin: Plugin, options: Mapping[str, object]) -> Metric:
    try:
        made: Metric = plugin.cls(params.resolve(plugin.cls.Params, options, whose=f"metric {plugin.cls.name}"))
    except (UserError, Unavailable):
        raise
    except Exception as error:  # plugins are other people's code
        where = line_in(plugin.cls, error)
        raise UserError(f"metric {plugin.cls.name} cannot be made: {type(error).__name__}: {error} ({where})") from error
    made.code = "" if is_ours(plugin.cls) else plugin.code[:12]
    return made
