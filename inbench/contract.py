"""The contract: what every plugin promises, as small checks put to it on the same road that a run takes."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from inbench import brackets, budget, params, registry, scoring, seeds, training
from inbench.batches import Batches, to_image
from inbench.dataset import Dataset, Pictures
from inbench.device import autocast_forwards
from inbench.errors import Interrupted, Unavailable
from inbench.mask import Mask
from inbench.masks import Center, Random80
from inbench.method import Method
from inbench.metric import Metric
from inbench.store import Part

BATCH, STEPS, PICTURES, CLOSE = 8, 4, 32, 1e-4
SIZES = (32, 64, 128, 256)
CPU = torch.device("cpu")
Test = Callable[[Any], str]


@dataclass(frozen=True)
class Check:
    """One promise, how to mend a plugin that breaks it, and a test: it answers what it saw instead, or nothing."""

    name: str
    promise: str
    mend: str
    test: Test


@dataclass(frozen=True)
class Finding:
    """A promise that a plugin does not keep."""

    check: str
    seen: str
    expected: str
    mend: str

    def __str__(self) -> str:
        return f"{self.check}: {self.seen}; expected: {self.expected}; {self.mend}"


def run_check(check: Check, cls: type[Any]) -> Finding | None:
    """Put one check to one plugin class; None where the promise is kept. `Unavailable` passes through."""
    before = world()
    try:
        seen = check.test(cls)
    except Unavailable:
        raise
    except (Exception, SystemExit) as error:  # plugins are other people's code
        seen = f"{type(error).__name__}: {error}"
    finally:
        put_back(before)
    return Finding(check.name, seen, check.promise, check.mend) if seen else None


def world() -> dict[str, Any]:
    """What belongs to the whole process, and so to no plugin."""
    return {
        "the number of threads": torch.get_num_threads(),
        "the default dtype": torch.get_default_dtype(),
        "the grad mode": torch.is_grad_enabled(),
        "the determinism flag": torch.are_deterministic_algorithms_enabled(),
        "the environment": dict(os.environ),
        "the working folder": os.getcwd(),
    }


def put_back(before: Mapping[str, Any]) -> None:
    torch.set_num_threads(before["the number of threads"])
    torch.set_default_dtype(before["the default dtype"])
    torch.set_grad_enabled(before["the grad mode"])
    if torch.are_deterministic_algorithms_enabled() != before["the determinism flag"]:  # to set it imports the compiler
        torch.use_deterministic_algorithms(before["the determinism flag"])
    os.environ.clear()
    os.environ.update(before["the environment"])
    os.chdir(before["the working folder"])


CHECKS: dict[str, list[Check]] = {kind: [] for kind in registry.KINDS}


def promised(*kinds: str, where: Callable[[Any], bool] = lambda cls: True) -> Callable[[str, str], Callable[[Test], Test]]:
    """A decorator that adds a test to the checks of some kinds; it is put to the plugins `where` it applies."""

    def add(promise: str, mend: str) -> Callable[[Test], Test]:
        def keep(test: Test) -> Test:
            name = test.__name__.replace("_", "-")
            for kind in kinds:
                CHECKS[kind].append(Check(name, promise, mend, lambda cls: test(cls) if where(cls) else ""))
            return test

        return keep

    return add


def has_defaults(cls: Any) -> bool:
    return not params.needs_option(cls.Params)


plugin = promised(*registry.KINDS)
method = promised("method")
learner = promised("method", where=lambda cls: cls.learns())
mask = promised("mask", where=has_defaults)
dataset = promised("dataset", where=lambda cls: has_defaults(cls) and not cls.needs_source)
metric = promised("metric", where=has_defaults)

# Every plugin


@plugin("the name is kebab-case, and what it is stands in one line each", "say it in the class")
def says_what_it_is(cls: Any) -> str:
    if not registry.NAME.fullmatch(cls.name):
        return f"the name is {cls.name!r}"
    base = next(base for base in registry.KINDS.values() if issubclass(cls, base))
    for word in {"summary", "about", "paper", "licence"} & base.__annotations__.keys():
        said = getattr(cls, word, None)
        if not isinstance(said, str) or not said.strip() or "\n" in said:
            return f"{word} = {said!r}"
    return ""


@plugin("every option has a type that brackets can hold, and says its effect", "write: lr: float = param(1e-3, 'step length')")
def options_can_be_typed(cls: Any) -> str:
    silent = [name for name, field in cls.Params.__dataclass_fields__.items() if not field.metadata.get("about")]
    if silent:
        return f"{silent[0]} does not say what it does"
    for name in budget.BUDGETS if has_defaults(cls) else ():
        resolved = params.resolve(cls.Params, {}, whose=cls.name, budget=name)
        typed = brackets.parse(params.canonical(cls.name, resolved)).options
        again = params.values_of(params.resolve(cls.Params, typed, whose=cls.name))
        for option, value in params.values_of(resolved).items():
            if again[option] != value or type(again[option]) is not type(value):
                return f"{option} = {value!r} comes back as {again[option]!r}"
    return ""


# Methods: what they are put to


def clouds(size: int, count: int, seed: int) -> Part:
    """Soft coloured clouds, a part of a data set."""
    noise = seeds.unit(np.arange(count, dtype=np.uint64), 3 * 16, purpose=seed).reshape(count, 3, 4, 4)
    soft = F.interpolate(torch.from_numpy(noise), size=(size, size), mode="bicubic", align_corners=False)
    pixels = soft.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    return Part(pixels.numpy(), [f"cloud-{seed}-{place}" for place in range(count)], None)


def center(size: int) -> Mask:
    return Center(Center.settle(Center.Params(), size))


def build(cls: type[Method], seed: int = 0, size: int | None = None) -> Method:
    """As the worker builds it."""
    training.seed_everything(seeds.stream(seed, "init"))
    built = cls(size or min(cls.sizes), cls.small)
    built.to(CPU, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return built


def train(built: Method, checkpoint: Path, beat: training.Beat = lambda progress: None) -> training.Progress:
    """A short training by the runner's own loop, on a hole that does not move."""
    size, one_pass = built.size, built.one_pass
    batches = Batches(clouds(size, PICTURES, 0), center(size), batch=BATCH, seed=0, device=CPU, one_pass=one_pass)
    watch = training.Watch(clouds(size, 4, 1), center(size), 4, CPU)
    steps = -(-PICTURES // BATCH) if one_pass else STEPS
    return training.train(built, batches, steps, watch=watch, seed=0, checkpoint=checkpoint, beat=beat)


def trained(cls: type[Method]) -> Method:
    built = build(cls)
    if cls.learns():
        with tempfile.TemporaryDirectory() as folder:
            train(built, Path(folder) / "checkpoint.pt")
    return built.eval()


def questions(size: int, count: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """seen, hole and seed, as scoring asks them."""
    part = clouds(size, count, 2)
    hole = torch.from_numpy(center(size).draw(part.ids, size))
    seen = to_image(part.images, CPU).masked_fill(hole, 0)
    return seen, hole, torch.from_numpy(seeds.of_ids(part.ids, "answer", 0).astype(np.int64))


def guess(built: Method, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
    built.eval()
    with torch.no_grad():
        return built.inpaint(seen, hole, seed).clone()


def difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> str:
    """The first name whose tensors differ; empty where all are the same to the last bit."""
    names = sorted(one.keys() | other.keys())
    return next((name for name in names if not (name in one and name in other and torch.equal(one[name], other[name]))), "")


def state_of(built: Method) -> dict[str, Tensor]:
    return {name: value.clone(memory_format=torch.contiguous_format) for name, value in built.state_dict().items()}


# Methods: what they promise


@method("networks are drawn from the seed that the runner set", "drop manual_seed and the like from __init__")
def seeds_nothing(cls: type[Method]) -> str:
    one, again = state_of(build(cls, seed=1)), state_of(build(cls, seed=1))
    chance = []
    for seed in (1, 2):
        build(cls, seed)
        chance.append((torch.rand(1).item(), np.random.rand(), random.random()))
    if any(map(float.__eq__, *chance)):
        return "after __init__, chance is the same under two seeds"
    return (name := difference(one, again)) and f"{name} differs under one seed"


@method("threads, dtype, grad mode, environment and folder are left alone", "these are the runner's; do without")
def leaves_the_world_alone(cls: type[Method]) -> str:
    before = world()
    acts: dict[str, Callable[[], object]] = {
        "__init__": lambda: build(cls),
        "training": lambda: trained(cls),
        "inpaint": lambda: guess(trained(cls), *questions(min(cls.sizes))),
    }
    for name, act in acts.items():
        act()
        for thing, value in world().items():
            if value != before[thing]:
                return f"{name} changed {thing}"
    return ""


@method("built from `small`, it takes a step at each of its `sizes`", "write small = Params(width=8)")
def works_small_at_its_sizes(cls: type[Method]) -> str:
    if not isinstance(cls.small, cls.Params) or not cls.sizes or not set(cls.sizes) <= set(SIZES):
        return f"small = {cls.small!r}, sizes = {cls.sizes}"
    for size in cls.sizes:
        built = build(cls, size=size).train()
        if cls.learns() and not cls.one_pass:
            built.step(*questions(size, 2)[:2])
    return ""


@learner("step answers losses by name: finite float32, also where networks run in bfloat16", "return {'loss': loss}")
def losses_have_names(cls: type[Method]) -> str:
    for precision in ("float32", "bf16"):
        built = build(cls).train()
        autocast_forwards(built, "cpu", precision)
        losses = built.step(*questions(min(cls.sizes), BATCH)[:2])
        if not isinstance(losses, Mapping):
            return f"step answered {type(losses).__name__}"
        for name, loss in losses.items():
            if not isinstance(loss, Tensor) or loss.numel() != 1:
                return f"{name} is {type(loss).__name__}, not a tensor of one number"
            if loss.dtype != torch.float32 or not loss.isfinite():
                return f"{name} is {loss.item()}, {loss.dtype}, at {precision}"
    return ""


@learner("training changes what is learned, and every optimizer steps", "a method that learns nothing leaves `step` out")
def learns_something(cls: type[Method]) -> str:
    built = build(cls)
    before = state_of(built)
    with tempfile.TemporaryDirectory() as folder:
        progress = train(built, Path(folder) / "checkpoint.pt")
    idle = [name for name, count in progress.updates.items() if not count]
    if idle:
        return f"{idle[0]} never stepped"
    return "" if difference(before, built.state_dict()) else "nothing in the state changed"


@method("pictures, holes and seeds come back as they were given", "use out-of-place operations on what you are given")
def touches_no_input(cls: type[Method]) -> str:
    given = questions(min(cls.sizes), BATCH)
    before = [value.clone() for value in given]
    if cls.learns():
        build(cls).train().step(*given[:2])
        if not all(map(torch.equal, given, before)):
            return "step changed its image or hole"
    guess(trained(cls), *given)
    return "" if all(map(torch.equal, given, before)) else "inpaint changed what it was given"


@method("a guess is [N, 3, S, S], float, finite, in [0, 1], on the device", "scale the answer: (y + 1) / 2")
def guess_is_a_picture(cls: type[Method]) -> str:
    scoring.answer(trained(cls), *questions(min(cls.sizes)))
    return ""


@method("any hole gets an answer: nothing, everything, one pixel, many", "mind empty sums and divisions by 0")
def fills_any_hole(cls: type[Method]) -> str:
    size = min(cls.sizes)
    part, seed = clouds(size, 4, 2), questions(size)[2]
    hole = torch.from_numpy(Random80(Random80.Params()).draw(part.ids, size))
    hole[0], hole[1], hole[2] = False, True, False
    hole[2, 0, 0, 0] = True
    scoring.answer(trained(cls), to_image(part.images, CPU).masked_fill(hole, 0), hole, seed)
    return ""


@method("one seed, one guess, whatever other generators say", "draw from `seed` only, with inbench.uniform")
def same_seed_same_guess(cls: type[Method]) -> str:
    built, asked = trained(cls), questions(min(cls.sizes))
    training.seed_everything(1)
    one = guess(built, *asked)
    training.seed_everything(2)
    off = (guess(built, *asked) - one).abs().max().item()
    return f"two guesses differ by {off:.2g}" if off else ""


@method("another seed gives another guess where `chance` is True, else the same", "set chance, or use the seed")
def another_seed_as_told(cls: type[Method]) -> str:
    built, (seen, hole, seed) = trained(cls), questions(min(cls.sizes))
    same = torch.equal(guess(built, seen, hole, seed), guess(built, seen, hole, seed + 1))
    told = "the same" if same else "another"
    return f"chance = {cls.chance}, and another seed gives {told} guess" if same == cls.chance else ""


@method("a guess does not depend on the rest of the batch or its order", "no sum or mean over the batch in inpaint")
def alone_as_in_company(cls: type[Method]) -> str:
    built, asked = trained(cls), questions(min(cls.sizes))
    together = guess(built, *asked)
    alone = torch.cat([guess(built, *(value[place : place + 1] for value in asked)) for place in range(len(together))])
    turned = guess(built, *(value.flip(0) for value in asked)).flip(0)
    for how, other in (("alone", alone), ("in another order", turned)):
        if (off := (together - other).abs().max().item()) > CLOSE:
            return f"{how} it differs by {off:.2g}"
    return ""


@learner("what was learned is in state_dict, as tensors", "keep it in parameters or register_buffer")
def state_holds_what_was_learned(cls: type[Method]) -> str:
    built, fresh, asked = trained(cls), build(cls, seed=3), questions(min(cls.sizes))
    fresh.load_state_dict(safetensors.torch.load(safetensors.torch.save(state_of(built))))
    off = (guess(built, *asked) - guess(fresh, *asked)).abs().max().item()
    return f"weights read again guess otherwise by {off:.2g}" if off else ""


@learner("an interrupted training ends with the same bits", "counters are buffers, optimizers are attributes")
def resumes_to_the_same_bits(cls: type[Method]) -> str:
    def stop(progress: training.Progress) -> None:
        if progress.step == STEPS // 2:
            raise Interrupted

    straight, again = build(cls), build(cls)
    with tempfile.TemporaryDirectory() as folder:
        whole = train(straight, Path(folder) / "straight.pt")
        with contextlib.suppress(Interrupted):
            train(build(cls), Path(folder) / "checkpoint.pt", stop)
        rest = train(again, Path(folder) / "checkpoint.pt")
    name = difference(straight.state_dict(), again.state_dict()) or ("" if rest.curve == whole.curve else "the curve")
    return f"{name} differs after an interruption" if name else ""


@method("the truth under the hole plays no part in a guess", "look at `seen` and `hole` only")
def never_sees_the_truth(cls: type[Method]) -> str:
    built, size = trained(cls), min(cls.sizes)
    part, rule = clouds(size, 4, 2), center(size)
    other = np.where(rule.draw(part.ids, size)[:, 0, :, :, None], 255 - part.images, part.images)
    one, two = (
        scoring.score(built, Part(images, part.ids, None), rule, [], count=None, device=CPU, beat=lambda *_: None)
        for images in (part.images, other)
    )
    return "" if np.array_equal(one.guesses, two.guesses) else "another truth, another guess"


# Masks, data sets, metrics

IDS = [f"picture-{place}" for place in range(6)]


def settled(cls: type[Mask], size: int) -> Mask:
    return cls(cls.settle(cls.Params(), size))


@mask("holes are bool [n, 1, S, S] at every size, some pixels missing and some known", "return [n, S, S] bool")
def holes_fit_every_size(cls: type[Mask]) -> str:
    for size in SIZES:
        share = settled(cls, size).draw(IDS, size).mean((1, 2, 3))
        if share.min() == 0 or share.max() == 1:
            return f"at size {size} a hole is nothing or everything"
    return ""


@mask("an id has the same hole alone, in company and in any order", "draw from each seed by itself")
def same_id_same_hole(cls: type[Mask]) -> str:
    rule = settled(cls, 32)
    ways = rule.draw(IDS, 32), rule.draw(IDS[::-1], 32)[::-1], np.concatenate([rule.draw([one], 32) for one in IDS])
    return "" if (ways[0] == ways[1]).all() and (ways[0] == ways[2]).all() else "the hole depends on its company"


@mask("the seed is the only chance", "use inbench.unit(seeds, count)")
def seed_draws_the_holes(cls: type[Mask]) -> str:
    training.seed_everything(1)
    one = settled(cls, 32).draw(6, 32, seed=5)
    training.seed_everything(2)
    return "" if np.array_equal(one, settled(cls, 32).draw(6, 32, seed=5)) else "two draws under one seed differ"


def parts_of(cls: type[Dataset]) -> dict[str, Pictures]:
    split = cls(params.resolve(cls.Params, {}, whose=cls.name)).prepare(None, 32)
    return {name: found for name in ("train", "test", "val") if (found := getattr(split, name)) is not None}


@dataset("no picture and no id is in two parts", "split by person or photograph before cutting")
def parts_are_apart(cls: type[Dataset]) -> str:
    owners: dict[str | bytes, str] = {}
    for name, pictures in parts_of(cls).items():
        some = np.asarray(pictures.images[:64])
        for thing in (*pictures.ids, *(picture.tobytes() for picture in some)):
            if owners.setdefault(thing, name) != name:
                return f"{thing if isinstance(thing, str) else 'a picture'} is in {owners[thing]} and in {name}"
    return ""


@dataset("pictures are uint8 [n, S, S, 3], the same bytes every time", "no chance but seeds by id; sort files")
def pictures_are_the_same_bytes(cls: type[Dataset]) -> str:
    shown = []
    for state in (1, 2):
        training.seed_everything(state)
        for name, pictures in parts_of(cls).items():
            some = np.asarray(pictures.images[:16])
            if some.dtype != np.uint8 or some.shape != (min(16, len(pictures.ids)), 32, 32, 3):
                return f"{name} is {some.dtype} {some.shape}"
            shown.append((pictures.ids, some.tobytes()))
    return "" if shown[: len(shown) // 2] == shown[len(shown) // 2 :] else "two preparations differ"


def measurable(noise: float = 0.1) -> tuple[Tensor, Tensor, Tensor]:
    """A raw guess, off by some noise everywhere, the image and the hole, as scoring hands them to a metric."""
    part = clouds(32, 4, 3)
    image = to_image(part.images, CPU).double()
    off = torch.from_numpy(seeds.unit(np.arange(4, dtype=np.uint64), 3 * 32 * 32)).view(4, 3, 32, 32) - 0.5
    raw = (image + noise * off).clamp(0, 1).mul(255).round() / 255
    return raw, image, torch.from_numpy(center(32).draw(part.ids, 32))


def columns(cls: type[Metric], raw: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
    return cls(cls.Params()).per_image(raw, torch.where(hole, raw, image), image, hole)


def values(cls: type[Metric], raw: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    return columns(cls, raw, image, hole)[cls.column or cls.name]


@metric("each column is float64 [N] and finite, its own among them, the input untouched", "reduce over (1, 2, 3)")
def scores_each_image(cls: type[Metric]) -> str:
    given = measurable()
    found = columns(cls, *given)
    if not all(map(torch.equal, given, measurable())):
        return "per_image changed its input"
    for name, column in found.items():
        if column.shape != (4,) or column.dtype != torch.float64 or not column.isfinite().all():
            return f"{name} is {column.dtype} {list(column.shape)}, {column.tolist()}"
    return "" if (cls.column or cls.name) in found else f"the columns are {', '.join(found)}"


@metric("an image scores alone as in company", "no mean over the batch")
def scores_alone_as_in_company(cls: type[Metric]) -> str:
    given = measurable()
    alone = torch.cat([values(cls, *(value[place : place + 1] for value in given)) for place in range(4)])
    return "" if torch.allclose(values(cls, *given), alone, rtol=1e-9, atol=1e-12) else "alone the numbers differ"


@metric("a worse guess scores worse, in the direction of `better`", "turn `better` round")
def worse_is_worse(cls: type[Metric]) -> str:
    most, little = values(cls, *measurable(0.4)), values(cls, *measurable(0.1))
    rise = most.abs() - little.abs() if cls.better == "zero" else most - little
    worse = rise > 0 if cls.better != "higher" or cls.reduce == "psnr" else rise < 0  # psnr reduces squared errors
    return "" if worse.all() else f"{cls.better} is better, and more noise changes it by {rise.tolist()}"


@metric("only its region counts", "weigh by hole or ~hole, or say region = 'whole'")
def looks_where_it_says(cls: type[Metric]) -> str:
    raw, image, hole = measurable()
    elsewhere = {"hole": ~hole, "known": hole, "whole": torch.zeros_like(hole)}[cls.region]
    other = values(cls, torch.where(elsewhere, 1 - raw, raw), image, hole)
    return "" if torch.equal(values(cls, raw, image, hole), other) else f"a change outside the {cls.region} counts"


METHOD_CHECKS, MASK_CHECKS = tuple(CHECKS["method"]), tuple(CHECKS["mask"])
DATASET_CHECKS, METRIC_CHECKS = tuple(CHECKS["dataset"]), tuple(CHECKS["metric"])
