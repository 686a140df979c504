"""Scoring: cut the hole, ask for a guess, paste the known pixels, round to 8 bits, measure each image."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from inbench.joints.batches import to_image
from inbench.joints.device import out_of_memory
from inbench.joints.files import DAMAGE
from inbench.joints.guards import Guard, about_answers
from inbench.joints.registry import line_in
from inbench.joints.store import Part
from inbench.words import clock, seeds
from inbench.words.disk import whole_file
from inbench.words.errors import UserError, disk_full
from inbench.words.mask import Holes, Mask
from inbench.words.method import Method
from inbench.words.metric import Metric, Pairs, SetMetric
from inbench.words.protocol import MSE_FLOOR

BATCH = 64
BATCH_1_SECONDS = 0.3
WARM_UP_SECONDS = 1.0
"""The first answer to so many pictures also pays for what later ones find (kernels chosen, memory taken): where it took less
than this, it is asked for again, and the clock tells of that."""
KEEP_SECONDS = 5.0
"""Answers to a batch that took longer are kept until their scores are written."""
LOG = "log-"
"""Before the columns of what a method logged of its answers."""
AT_ONCE_PIXELS = 2**16
"""Pixels of a channel that the CPU measures at once (16 images of 64 x 64): what comes between stays in its caches."""
Beat = Callable[[int, int], None]
T = TypeVar("T")


class Operations(TorchDispatchMode):
    """Counts floating-point operations of matrix products and convolutions, forward and backward, by torch's own formulas.

    torch's FlopCounterMode also follows modules, and so refuses a method that calls `torch.autograd.grad`.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


class WrongAnswer(Exception):
    """A method's guess is not what the contract asks for."""


class BrokenMetric(UserError):
    """A metric raised, or did not answer a number an image."""

    def __init__(self, metric: Metric, told: str) -> None:
        super().__init__(f"metric {metric.label}: {told}")
        self.metric = metric


@dataclass(frozen=True)
class Answers:
    """To a batch: guesses uint8 [N, S, S, 3], what the method logged of them, the seconds they took, what the guard told."""

    guesses: NDArray[np.uint8]
    logged: dict[str, NDArray[np.float64]]
    seconds: float
    told: list[str]

    def write(self, file: Path) -> None:
        """Keep them."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as opened:
            told = np.array(self.told, dtype=np.str_)
            np.savez(opened, guesses=self.guesses, seconds=self.seconds, told=told, **self.logged)  # type: ignore[arg-type]

    @classmethod
    def read(cls, file: Path, pixels: NDArray[np.uint8]) -> Answers | None:
        """Those that were kept, to pictures [N, S, S, 3]; None where they cannot be read."""
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as held:
                logged = {name: held[name] for name in held.files if name.startswith(LOG)}
                found = cls(held["guesses"], logged, float(held["seconds"]), [str(text) for text in held["told"]])
        except (*DAMAGE, TypeError, AttributeError, MemoryError):
            return None
        whole = all(column.shape == (len(pixels),) for column in logged.values())
        return found if whole and found.guesses.shape == pixels.shape and found.guesses.dtype == np.uint8 else None


@dataclass(frozen=True)
class Scores:
    """A run measured on one test mask: guesses uint8 [N, S, S, 3], a column a metric, and what they cost.

    sets: what metrics say of all images together, by label; metrics: those that gave all this.
    """

    ids: list[str]
    groups: list[int] | None
    guesses: NDArray[np.uint8]
    columns: dict[str, NDArray[np.float64]]
    holes_hash: str
    costs: dict[str, Any]
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: Sequence[Metric] = ()

    def csv(self) -> bytes:
        """A row an image: id, group number, columns; seven digits, far under what one picture can tell from another."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "group", *self.columns])
        for place, image_id in enumerate(self.ids):
            group = self.groups[place] if self.groups else ""
            writer.writerow([image_id, group, *(f"{column[place]:.7g}" for column in self.columns.values())])
        return text.getvalue().encode()

    def npy(self) -> bytes:
        """The guesses as a .npy file."""
        held = io.BytesIO()
        np.save(held, self.guesses, allow_pickle=False)
        return held.getvalue()


def score(
    method: Method,
    part: Part,
    mask: Mask,
    metrics: Sequence[Metric],
    *,
    count: int | None,
    device: torch.device,
    beat: Beat,
    guard: Guard | None = None,
    kept: Path | None = None,
) -> Scores:
    """Score a method on the first `count` pictures of a part (all: None) with the holes of a mask.

    kept: a folder where answers that took long stay until their scores are written: after a stop it goes on behind them.
    """
    places = sorted(part.first(count))
    ids = [part.ids[place] for place in places]
    holes = mask.draw(ids, part.images.shape[1])
    answer_seeds = seeds.of_ids(ids, "answer", 0).astype(np.int64)
    method.eval()
    guard = guard or Guard()
    guesses = np.empty((len(ids), *part.images.shape[1:]), dtype=np.uint8)
    found: dict[str, list[NDArray[np.float64]]] = {}
    seconds, warm = 0.0, set[int]()
    for start in range(0, len(ids), BATCH):
        here = slice(start, start + BATCH)
        pixels = np.ascontiguousarray(part.images[places[here]])
        file = kept and kept / f"{hashlib.sha256(repr(ids[here]).encode() + holes[here].tobytes()).hexdigest()}.npz"
        answers = Answers.read(file, pixels) if file and file.is_file() else None
        if answers is None:
            image, hole = to_image(pixels, device), torch.from_numpy(holes[here]).to(device)
            seed = torch.from_numpy(answer_seeds[here]).to(device)
            answers = _answers(method, image.masked_fill(hole, 0), hole, seed, warm=len(image) in warm)
            warm.add(len(image))
            if file and answers.seconds > KEEP_SECONDS:
                answers.write(file)
        guesses[here] = answers.guesses
        seconds += answers.seconds
        for text in answers.told:
            guard.tell(text)
        measured, metrics = _by_what_works(measure, metrics, guard, guesses[here], pixels, holes[here], device)
        for name, values in (measured | answers.logged).items():
            found.setdefault(name, []).append(values)
        beat(min(start + BATCH, len(ids)), len(ids))
    for text in about_answers(guesses, holes, learned=method.learns() and not method.one_pass):
        guard.tell(text)
    costs = {
        "images_per_second": len(ids) / max(seconds, 1e-9),
        **_alone(method, part, places, holes, answer_seeds, device),
    }
    groups = numbered(part.groups) if part.groups else None
    sets, metrics = _by_what_works(of_set, metrics, guard, guesses, part, places, holes)
    columns = {name: np.concatenate(found[name]) for name in found if name in measured or name.startswith(LOG)}
    own = [groups[place] for place in places] if groups else None
    return Scores(ids, own, guesses, columns, holes_hash(holes), costs, sets, metrics)


def _answers(method: Method, seen: Tensor, hole: Tensor, seed: Tensor, *, warm: bool) -> Answers:
    """Ask a method; where it is not warm yet, and quick, once more for the clock."""
    device, own = seen.device, Guard()
    began = clock.now(device)
    guess = answer(method, seen if warm else seen.clone(), hole, seed, own)  # it may write into what it is given
    if not warm and clock.now(device) - began < WARM_UP_SECONDS:
        began = clock.now(device)
        guess = answer(method, seen, hole, seed, own)
    seconds = clock.now(device) - began
    logged = {f"{LOG}{name}": values.double().cpu().numpy() for name, values in method.logged.items()}
    return Answers(guess.permute(0, 2, 3, 1).cpu().numpy(), logged, seconds, own.told)


def _by_what_works(
    act: Callable[..., T], metrics: Sequence[Metric], guard: Guard, *given: object
) -> tuple[T, Sequence[Metric]]:
    """What metrics come to, and which: those of plugins that are broken are left out, and told."""
    while True:
        try:
            return act(metrics, *given), metrics
        except BrokenMetric as error:
            if not error.metric.code:
                raise
            guard.tell(f"{error}; mend it, then inbench score --plugin FILE.py")
            metrics = [metric for metric in metrics if metric is not error.metric]


def of_guesses(
    guesses: NDArray[np.uint8], images: NDArray[np.uint8], holes: Holes, metrics: Sequence[Metric], *, beat: Beat
) -> dict[str, NDArray[np.float64]]:
    """Every metric's columns for guesses that are there already, batched as they are where a method answers."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    for start in range(0, len(images), BATCH):
        here = slice(start, start + BATCH)
        for name, values in measure(metrics, guesses[here], images[here], holes[here], torch.device("cpu")).items():
            found.setdefault(name, []).append(values)
        beat(min(start + BATCH, len(images)), len(images))
    return {name: np.concatenate(values) for name, values in found.items()}


def of_set(
    metrics: Sequence[Metric], guesses: NDArray[np.uint8], part: Part, places: Sequence[int], holes: Holes
) -> dict[str, dict[str, Any]]:
    """What each set-level metric says of all completed pictures, and how to read it."""

    def pairs() -> Pairs:
        for start in range(0, len(places), BATCH):
            here = slice(start, start + BATCH)
            image = np.ascontiguousarray(part.images[places[here]])
            completed = np.where(holes[here, 0, ..., None], guesses[here], image)
            yield tuple(torch.from_numpy(value).permute(0, 3, 1, 2).contiguous() for value in (completed, image))  # type: ignore[misc]

    names = ("unit", "better", "about", "source")
    found = {}
    for metric in metrics:
        if isinstance(metric, SetMetric):
            with _of_metric(metric):
                found[metric.label] = {"value": metric.of_set(pairs()), **{name: getattr(metric, name) for name in names}}
                found[metric.label] |= {"code": metric.code} if metric.code else {}
    return found


def numbered(groups: Sequence[str]) -> list[int]:
    """Group numbers by order of appearance, so that no name of a person is kept."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]


def holes_hash(holes: Holes) -> str:
    """SHA-256 of the packed holes."""
    return hashlib.sha256(np.packbits(holes).tobytes()).hexdigest()


def answer(method: Method, seen: Tensor, hole: Tensor, seed: Tensor, guard: Guard | None = None) -> Tensor:
    """The method's guess, checked and rounded: uint8 [N, 3, S, S]."""
    hole, seed = hole.clone(), seed.clone()  # what is measured afterwards is not in a method's hands
    with torch.no_grad(), (guard or Guard()).watching("inpaint", seen=seen, hole=hole, seed=seed):
        guess = method.inpaint(seen, hole, seed)
    if not isinstance(guess, Tensor):
        raise WrongAnswer(f"{method.name} answered {type(guess).__name__}, not a tensor")
    if guess.shape != seen.shape:
        raise WrongAnswer(f"{method.name} answered the shape {list(guess.shape)}, not {list(seen.shape)}")
    if not guess.is_floating_point():
        raise WrongAnswer(f"{method.name} answered {guess.dtype}, not floats in [0, 1]")
    low, high = (edge.item() for edge in torch.aminmax(guess))
    if not (low >= -0.01 and high <= 1.01):  # also catches NaN
        raise WrongAnswer(f"{method.name} answered values from {low:g} to {high:g}, not from 0 to 1")
    return guess.float().clamp(0, 1).mul(255).add(0.5).floor().to(torch.uint8)


def measure(
    metrics: Sequence[Metric], guesses: NDArray[np.uint8], images: NDArray[np.uint8], holes: Holes, device: torch.device
) -> dict[str, NDArray[np.float64]]:
    """Every metric's columns for 8-bit guesses and images [N, S, S, 3] and holes [N, 1, S, S], in float64."""
    device = torch.device("cpu") if device.type == "mps" else device  # which has no float64
    at_once = max(1, AT_ONCE_PIXELS // images.shape[1] ** 2) if device.type == "cpu" else len(images)
    parts = []
    for start in range(0, len(images), at_once):
        here = slice(start, start + at_once)
        guess, image = (
            torch.from_numpy(pixels[here]).to(device).permute(0, 3, 1, 2).contiguous().double() / 255
            for pixels in (guesses, images)
        )
        parts.append(_columns(metrics, guess, image, torch.from_numpy(holes[here]).to(device)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _columns(metrics: Sequence[Metric], guess: Tensor, image: Tensor, hole: Tensor) -> dict[str, NDArray[np.float64]]:
    """Every metric's columns. What one metric gives for another too (the two of one SSIM map) is not computed again."""
    completed = torch.where(hole, guess, image)
    found: dict[str, NDArray[np.float64]] = {}
    for metric in metrics:
        if (metric.column or metric.label) not in found:
            with _of_metric(metric):
                given = metric.per_image(guess, completed, image, hole)
                values = {name: column.double().cpu().numpy() for name, column in given.items()}
            if wrong := next((name for name, column in values.items() if column.shape != (len(image),)), ""):
                raise BrokenMetric(metric, f"{wrong} has the shape {list(values[wrong].shape)}, not a number an image")
            if not isinstance(metric, SetMetric) and (metric.column or metric.label) not in values:
                raise BrokenMetric(metric, f"answers no column {metric.column or metric.label}")
            found |= values
    return found


@contextlib.contextmanager
def _of_metric(metric: Metric) -> Iterator[None]:
    """Whatever a metric raises names it, and the line of its own."""
    try:
        yield
    except Exception as error:  # plugins are other people's code
        if out_of_memory(error) or disk_full(error) or (isinstance(error, UserError) and not metric.code):
            raise
        where = line_in(type(metric), error)
        told = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise BrokenMetric(metric, f"{told}{f' ({Path(where).name})' if where else ''}") from error


def described(metrics: Sequence[Metric]) -> dict[str, dict[str, str]]:
    """What a record says of its metrics."""
    names = ("unit", "better", "region", "reduce", "about", "source")
    each = [metric for metric in metrics if not isinstance(metric, SetMetric)]
    return {
        one.label: {name: getattr(one, name) for name in names}
        | {"column": one.column or one.label}
        | ({"code": one.code} if one.code else {})
        for one in each
    }


def entry(scores: Scores, metrics: Sequence[Metric], file: str) -> dict[str, Any]:
    """What run.json tells of the scores on one mask, wherever the guesses came from; `file` holds its rows."""
    return {
        "status": "ok",
        "reason": "",
        "n": len(scores.ids),
        "file": file,
        "holes": scores.holes_hash,
        "means": means(metrics, scores.columns),
        **({"sets": scores.sets} if scores.sets else {}),
    }


def means(metrics: Sequence[Metric], columns: Mapping[str, NDArray[np.float64]]) -> dict[str, float | None]:
    """Each metric over all images; images without a value (an empty region) are left out."""
    found: dict[str, float | None] = {}
    for metric in metrics:
        if isinstance(metric, SetMetric):
            continue
        values = columns[metric.column or metric.label]
        values = values[np.isfinite(values)]
        if not len(values):
            found[metric.label] = None
        elif metric.reduce == "psnr":
            found[metric.label] = float(-10 * np.log10(max(values.mean(), MSE_FLOOR)))
        else:
            found[metric.label] = float(values.mean())
    return found


def _alone(
    method: Method, part: Part, places: list[int], holes: Holes, answer_seeds: NDArray[np.int64], device: torch.device
) -> dict[str, Any]:
    """One image at a time: seconds, and multiply-adds counted as two operations each."""
    image = to_image(np.ascontiguousarray(part.images[places[:1]]), device)
    hole, seed = torch.from_numpy(holes[:1]).to(device), torch.from_numpy(answer_seeds[:1]).to(device)
    seen = image.masked_fill(hole, 0)
    with Operations() as operations:
        answer(method, seen, hole, seed)
    seconds: list[float] = []
    while len(seconds) < 10 and sum(seconds) < BATCH_1_SECONDS:
        began = clock.now(device)
        answer(method, seen, hole, seed)
        seconds.append(clock.now(device) - began)
    return {"seconds_at_batch_1": float(np.median(seconds)), "flops_per_image": operations.total}
