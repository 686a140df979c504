"""What a method promises of how it is built and how it learns."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from inbench.acts import contract, training
from inbench.acts.checks_of_plugins import is_ready
from inbench.acts.contract import Broken
from inbench.acts.trials import (
    SIZES,
    STEPS,
    build,
    difference,
    guess,
    lesson,
    optimizers_of,
    questions,
    side,
    state_of,
    train,
    trained,
)
from inbench.joints import watching
from inbench.joints.device import autocast_forwards
from inbench.words.errors import Interrupted
from inbench.words.method import Method

FALLS = 24
"""Steps on the same 8 pictures after which some loss has to have fallen."""

BUILDING = contract.Promises(where=is_ready, about="__init__")
LEARNING = contract.Promises(where=lambda cls: is_ready(cls) and cls.learns(), about="step")
LASTING = contract.Promises(where=lambda cls: is_ready(cls) and cls.learns(), about="step")

# How it is built


@BUILDING(
    "`small` is a tiny `Params`, and `sizes` are some of 32, 64, 128, 256", "write `small = Params(width=8)`", about="small"
)
def has_a_small_form(cls: type[Method]) -> str:
    if not isinstance(cls.small, cls.Params):
        return f"small = {cls.small!r}"
    return "" if cls.sizes and set(cls.sizes) <= set(SIZES) else f"sizes = {cls.sizes}"


@BUILDING(
    "built from `small` at each of its `sizes`, it keeps `self.size` and `self.params`", "call `super().__init__(size, params)`"
)
def builds_at_its_sizes(cls: type[Method]) -> str:
    for size in cls.sizes:
        built = build(cls, size=size)
        if built.size != size or built.params != cls.small:
            return f"at size {size} it has size = {built.size}, params = {built.params!r}"
    return ""


@BUILDING("networks are drawn from the seed that the runner set", "drop `manual_seed` and the like from `__init__`")
def seeds_nothing(cls: type[Method]) -> str:
    one, again = state_of(build(cls, seed=1)), state_of(build(cls, seed=1))
    chance = []
    for seed in (1, 2):
        build(cls, seed)
        chance.append((torch.rand(1).item(), np.random.rand(), random.random()))
    if any(map(float.__eq__, *chance)):
        return "after __init__, chance is the same under two seeds"
    return (name := difference(one, again)) and f"{name} differs under one seed"


@BUILDING("it opens no file but those that its options name, starts nothing, calls nobody", "take the path as an option")
def opens_no_file(cls: type[Method]) -> str:
    with watching.opened() as opened:
        build(cls)
    named = {os.path.abspath(value) for value in vars(cls.small).values() if isinstance(value, str)}
    strange = [one for one in opened if os.path.abspath(one.what) not in named]
    if strange:
        raise Broken(f"__init__ opened {strange[0].what}", strange[0].where(cls))
    return ""


@BUILDING("what belongs to the whole process is left alone", "these settings are the runner's; do without them")
def leaves_the_world_alone(cls: type[Method]) -> str:
    acts: dict[str, Callable[[], object]] = {
        "__init__": lambda: build(cls),
        "step": lambda: trained(cls),
        "inpaint": lambda: guess(trained(cls), *questions(side(cls))),
    }
    for name, act in acts.items():
        before = contract.world()
        with contextlib.suppress(Exception, SystemExit):  # what it raises is another promise's matter
            act()
        changed = contract.changes(before)
        if changed:
            raise Broken(f"{name} changed {changed[0]}", contract.place_of(cls, name))
    return ""


# How it learns


@LEARNING(
    "`step` answers losses by name, finite float32 numbers", "`return {'loss': loss}`, the tensor itself without `.item()`"
)
def losses_have_names(cls: type[Method]) -> str:
    return about_losses(build(cls).train().step(*lesson(side(cls))))


def about_losses(losses: object) -> str:
    """What is wrong with an answer of `step`."""
    if not isinstance(losses, Mapping):
        return f"step answered {type(losses).__name__}"
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            return f"{name} is {type(loss).__name__}, not a tensor of one number"
        if loss.dtype != torch.float32 or not loss.isfinite():
            return f"{name} is {loss.item()}, {loss.dtype}"
    return ""


@LEARNING(
    "it takes a step at each of its `sizes`",
    "let layers follow self.size, or name fewer sizes",
    where=lambda cls: not cls.one_pass,
)
def steps_at_its_sizes(cls: type[Method]) -> str:
    for size in cls.sizes:
        if size != side(cls) and (seen := about_losses(build(cls, size=size).train().step(*lesson(size, 2)))):
            return f"at size {size}, {seen}"
    return ""


@LEARNING("a step leaves its pictures and holes as they were given", "write `x = image * 2 - 1`, not `image.mul_(2)`")
def step_writes_into_nothing(cls: type[Method]) -> str:
    image, hole = lesson(side(cls))
    before = image.clone(), hole.clone()
    build(cls).train().step(image, hole)
    written = [name for name, now, then in zip(("image", "hole"), (image, hole), before, strict=True) if not now.equal(then)]
    return f"step changed its {' and its '.join(written)}" if written else ""


@LEARNING(
    "every optimizer that steps is an attribute of the method", "write `self.adam = inbench.adam(...)`, not a list of them"
)
def optimizers_are_attributes(cls: type[Method]) -> str:
    built, stepped = build(cls).train(), []
    handle = register_optimizer_step_post_hook(lambda optimizer, *_: stepped.append(optimizer))
    try:
        built.step(*lesson(side(cls)))
    finally:
        handle.remove()
    known = list(map(id, optimizers_of(built).values()))
    hidden = [optimizer for optimizer in stepped if id(optimizer) not in known]
    return f"{type(hidden[0]).__name__} steps and is no attribute, so that no checkpoint has it" if hidden else ""


@LEARNING("training changes what is learned, and every optimizer steps", "a method that learns nothing leaves `step` out")
def learns_something(cls: type[Method]) -> str:
    built = build(cls).train()
    optimizers, before, stepped = optimizers_of(built), state_of(built), set[int]()
    for optimizer in optimizers.values():
        optimizer.register_step_post_hook(lambda one, *_: stepped.add(id(one)))
    for step in range(STEPS):
        training.seed_everything(step)
        built.progress = step / STEPS
        built.step(*lesson(side(cls)))
    built.finish()
    idle = [name for name, optimizer in optimizers.items() if id(optimizer) not in stepped]
    if idle:
        return f"{idle[0]} never stepped"
    learned = {name for name, _ in built.named_parameters()} if optimizers else before.keys()
    after = built.state_dict()
    same = not difference({name: before[name] for name in learned}, {name: after[name] for name in learned})
    return f"no {'weight' if optimizers else 'buffer'} changed" if same else ""


@LEARNING(
    "some loss falls on the same 8 pictures, holes and chance", "mind the sign of the loss, and what backward reaches",
    where=lambda cls: not cls.one_pass,
)  # fmt: skip
def a_loss_falls(cls: type[Method]) -> str:
    """Adversaries pull against each other, so it is enough that one of the losses falls; with everything else the same in
    every step there is no chance in it."""
    built, given = build(cls).train(), lesson(side(cls))
    curves: dict[str, list[float]] = {}
    for step in range(FALLS):
        training.seed_everything(1)
        built.progress = step / FALLS
        for name, loss in built.step(*(value.clone() for value in given)).items():
            curves.setdefault(name, []).append(loss.item())
        if any(sum(curve[-3:]) < sum(curve[:3]) for curve in curves.values() if len(curve) >= FALLS // 4):
            return ""
    told = ", ".join(f"{name} went from {curve[0]:.4g} to {curve[-1]:.4g}" for name, curve in curves.items())
    return f"in {FALLS} steps {told}" if curves else ""


@LEARNING(
    "a step keeps the losses on the device and does not wait for it",
    "return the tensors; no `.item()`, `float()` or `if`",
    warning=True,
)
def step_does_not_wait(cls: type[Method]) -> str:
    with watching.waits() as waited:
        build(cls).train().step(*lesson(side(cls)))
    own = [(one.what, place) for one in waited if (place := one.where(cls))]
    if own:
        raise Broken(f"step calls {own[0][0]}, which on a GPU waits for all that was begun", own[0][1])
    return ""


@LEARNING("its networks may run in bfloat16", "no dtype by name inside a network; losses in float32")
def trains_in_bfloat16(cls: type[Method]) -> str:
    built = build(cls).train()
    autocast_forwards(built, "cpu", "bf16")
    return about_losses(built.step(*lesson(side(cls))))


# What a training leaves


@LASTING("two trainings from one seed end with the same bits", "no chance but torch's, numpy's and random's own generators")
def training_repeats(cls: type[Method]) -> str:
    name = difference(trained(cls).state_dict(), trained(cls).state_dict())
    return f"{name} differs between two trainings from one seed" if name else ""


@LASTING("what was learned is in `state_dict`, as tensors", "keep it in parameters, or in `register_buffer(name, tensor)`")
def state_holds_what_was_learned(cls: type[Method]) -> str:
    built, fresh, asked = trained(cls), build(cls, seed=3), questions(side(cls))
    fresh.load_state_dict(safetensors.torch.load(safetensors.torch.save(state_of(built))))
    off = (guess(built, *asked) - guess(fresh, *asked)).abs().max().item()
    return f"weights read again guess otherwise by {off:.2g}" if off else ""


@LASTING("an interrupted training ends with the same bits", "counters are buffers, optimizers are attributes")
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
