"""Speed, as ratios measured in one run, the two sides in turn: `pytest tests/test_speed.py --benchmark-enable -s`.

In the ordinary suite each side runs once, so that what is timed also works; only where benchmarks are enabled are there enough
rounds to judge, and then the bars are asserted.
"""

from __future__ import annotations

import copy
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from inbench_datasets import celeba, drawn_faces
from inbench_methods.autoencoder import Autoencoder
from inbench_methods.semantic_inpainting import SemanticInpainting, SemanticInpaintingParams, context_weight
from PIL import Image

from inbench import Decoded, Files, choices, preparing, registry
from inbench.batches import Batches
from inbench.dataset import Pictures
from inbench.device import autocast_forwards, choose_precision
from inbench.store import Part

CPU = torch.device("cpu")
COUNT = 256


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many rounds are measured: one where benchmarks are off."""
    return 9 if request.config.getoption("benchmark_enable") else 1


def ratio(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, what: str, bar: float) -> None:
    """How many times faster ours is: the median over rounds, the sides in turn; asserted where there are rounds to judge by."""
    found = []
    for _ in range(rounds):
        seconds = []
        for side in (ours, theirs):
            began = time.perf_counter()
            side()
            seconds.append(time.perf_counter() - began)
        found.append(seconds[1] / seconds[0])
    print(
        f"\n{what}: {statistics.median(found):.2f} times (bar {bar}), {min(found):.2f} to {max(found):.2f} in {rounds} rounds"
    )
    if rounds > 1:
        assert statistics.median(found) >= bar


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Faces of 178 x 218 as JPEG files."""
    folder = tmp_path_factory.mktemp("jpegs")
    faces = drawn_faces.DrawnFaces(drawn_faces.DrawnFaces.Params(train=16, val=1, test=1)).prepare(None, 256).train.images[:16]
    for place in range(COUNT):
        Image.fromarray(np.asarray(faces[place % 16])[19:237, 39:217]).save(folder / f"{place:06d}.jpg", quality=92)
    return Files(folder)


LANDMARKS = [69 + 109j, 106 + 113j, 77 + 142j, 73 + 152j, 108 + 154j]


@pytest.mark.parametrize(("crop", "bar"), [("center178", 0.5), ("openface", 0.1)])
def test_a_picture_is_decoded_cropped_and_resized_at_a_good_share_of_the_bare_decoders_rate(jpegs, rounds, crop, bar):
    warp, box = celeba.similarity(LANDMARKS), celeba.Box.middle(*celeba.ALIGNED, 178)
    prepared = Decoded(jpegs, jpegs.names, 64, lambda *_: warp if crop == "openface" else box)
    held = [jpegs.read(name) for name in jpegs.names]

    def bare(data: bytes) -> None:
        Image.open(io.BytesIO(data)).convert("RGB")

    ratio(lambda: prepared[:COUNT], lambda: list(prepared._pool.map(bare, held)), rounds, f"decode, {crop}, 64 x 64", bar)


class ImageFolder(torch.utils.data.Dataset):
    """What most loaders do: open, crop, resize and convert each picture each time."""

    def __init__(self, files: Files) -> None:
        self.paths = [files.source / name for name in files.names]

    def __len__(self) -> int:
        return 16 * len(self.paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        with Image.open(self.paths[place % len(self.paths)]) as file:
            picture = file.convert("RGB").crop((0, 20, 178, 198)).resize((64, 64), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float() / 255


def mask(text: str, size: int = 64):
    return choices.mask(text, size, registry.load()).mask


def part_of(jpegs: Files) -> Part:
    images = Decoded(jpegs, jpegs.names, 64, lambda *_: celeba.Box.middle(*celeba.ALIGNED, 178))[:COUNT]
    return Part(images.repeat(16, axis=0), [str(place) for place in range(16 * COUNT)], None)


def test_batches_come_ten_times_as_fast_as_from_a_loader_with_two_workers(jpegs, rounds):
    batches = Batches(part_of(jpegs), mask("center"), batch=64, seed=0, device=CPU)
    steps = 16 if rounds > 1 else 2
    loader = torch.utils.data.DataLoader(ImageFolder(jpegs), batch_size=64, num_workers=2 if rounds > 1 else 0, shuffle=True)
    theirs = iter(loader)
    next(theirs)  # the workers are up

    def take_theirs() -> None:
        nonlocal theirs
        for _ in range(steps):
            if next(theirs, None) is None:
                theirs = iter(loader)
                next(theirs)

    ratio(lambda: [batches.at(step) for step in range(steps)], take_theirs, rounds, "batches of 64 against a loader", 10)


@pytest.mark.parametrize("text", ["center", "half", "random80", "pattern25", "box", "thin", "medium", "thick", "brush"])
def test_holes_cost_a_twentieth_of_a_training_step_at_most(jpegs, rounds, text):
    """200 steps of 64: each hole of the bank is drawn once, and then taken by its place."""
    part, steps = part_of(jpegs), 200 if rounds > 1 else 2
    method = Autoencoder(64, Autoencoder.Params())
    method.to(memory_format=torch.channels_last)
    autocast_forwards(method, "cpu", choose_precision("auto", "cpu"))
    batches = Batches(part, mask(text), batch=64, seed=0, device=CPU)
    image, hole = batches.at(0)
    batches = Batches(part, mask(text), batch=64, seed=0, device=CPU)

    def draw() -> None:
        for step in range(steps):
            batches._holes(step, 64)

    seconds = []
    for act, count in ((draw, steps), (lambda: method.step(image, hole), 1)):
        act() if act is not draw else None
        began = time.perf_counter()
        for _ in range(1 if act is draw else min(rounds, 3)):
            act()
        seconds.append((time.perf_counter() - began) / (count if act is draw else min(rounds, 3)))
    print(f"\nholes of {text}: {1000 * seconds[0]:.2f} ms, {100 * seconds[0] / seconds[1]:.1f} % of a step (bar 5 %)")
    if rounds > 1:
        assert seconds[0] <= 0.05 * seconds[1]


MEMORY = """
import sys, torch
from pathlib import Path
from inbench import choices, registry
from inbench.batches import Batches
from inbench.store import Prepared
from inbench.training import seed_everything
from inbench_methods.autoencoder import Autoencoder
from inbench_methods.semantic_inpainting import SemanticInpainting, SemanticInpaintingParams, context_weight
seed_everything(0)
part = Prepared(Path(sys.argv[1])).part("train")
method = Autoencoder(64, Autoencoder.Params())
batches = Batches(part, choices.mask("center", 64, registry.load()).mask, batch=64, seed=0, device=torch.device("cpu"))
for step in range(int(sys.argv[2])):
    method.step(*batches.at(step))
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))
"""


class Noise:
    """Any number of pictures of noise, made when they are asked for."""

    def __init__(self, count: int, first: int) -> None:
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice) -> np.ndarray:
        places = range(self.count)[part]
        images = np.random.default_rng(self.first + places.start).integers(0, 256, (len(places), 64, 64, 3), dtype=np.uint8)
        return images


def test_a_hundred_times_the_pictures_take_no_more_memory(tmp_path: Path, rounds: int):
    counts = (2_000, 200_000) if rounds > 1 else (20, 200)
    used = []
    for count in counts:
        parts = [Pictures(tuple(f"{name}{n}" for n in range(size)), Noise(size, first))
                 for name, size, first in (("train", count, 0), ("test", 8, 10**6), ("val", 8, 2 * 10**6))]  # fmt: skip
        work = tmp_path / str(count)
        work.mkdir()
        split = preparing.Split(parts[0], parts[1], parts[2])
        preparing._write(split, work, 64, lambda *_: None)
        told = subprocess.run(
            [sys.executable, "-c", MEMORY, str(work), "20" if rounds > 1 else "1"], capture_output=True, text=True, check=True
        )
        used.append(int(told.stdout) / 1024)
        (work / "train.npy").unlink()
    print(
        f"\nanonymous memory: {used[0]:.0f} MB with {counts[0]:,} pictures, {used[1]:.0f} MB with {counts[1]:,} (bar: +300 MB)"
    )
    if rounds > 1:
        assert used[1] - used[0] < 300


def test_the_latent_search_is_three_times_as_fast_as_a_plain_port(rounds: int):
    """The port: float32, gradients of all weights too, one image at a time; the same networks and steps."""
    steps, count = (20, 32) if rounds > 1 else (2, 2)
    torch.manual_seed(0)
    method = SemanticInpainting(64, SemanticInpaintingParams(latent_steps=steps, blend=False)).eval()
    plain = copy.deepcopy(method)
    method.to(memory_format=torch.channels_last)
    autocast_forwards(method, "cpu", choose_precision("auto", "cpu"))
    seen, seed = torch.rand(count, 3, 64, 64), torch.arange(count)
    hole = torch.from_numpy(mask("center").draw(count, 64))

    def ported() -> None:
        for place in range(count):
            y, weight = seen[place : place + 1] * 2 - 1, context_weight(hole[place : place + 1], 7)
            z = (torch.rand(1, 100) * 2 - 1).requires_grad_()
            adam = torch.optim.Adam([z], lr=0.01)
            for _ in range(steps):
                picture = plain.generator(z)
                loss = (weight * (picture - y)).abs().sum() + 0.003 * torch.log(
                    1 - plain.discriminator(picture).sigmoid() + 1e-8
                ).sum()
                adam.zero_grad()
                loss.backward()
                adam.step()
                z.data.clamp_(-1, 1)

    def ours() -> None:
        with torch.no_grad():
            method.inpaint(seen.masked_fill(hole, 0), hole, seed)

    ratio(ours, ported, min(rounds, 3), "latent search", 3)
