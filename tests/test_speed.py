"""Speed, as ratios measured in one run, the two sides in turn: `pytest tests/test_speed.py --benchmark-only -s`.

In the ordinary suite each side runs once, so that what is timed also works; only where benchmarks are enabled are there enough
rounds to judge, and then the bars are asserted.
"""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import reference
import torch
from inbench_datasets import celeba
from inbench_methods.autoencoder import Autoencoder
from inbench_methods.semantic_inpainting import SemanticInpainting, SemanticInpaintingParams, context_weight
from PIL import Image
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from inbench import Decoded, Files
from inbench.joints import choices, metrics, preparing, registry
from inbench.joints.batches import Batches
from inbench.joints.device import autocast_forwards, choose_precision
from inbench.joints.store import Part
from inbench.words import disk
from inbench.words.dataset import Pictures

CPU = torch.device("cpu")

LANDMARKS = [69 + 109j, 106 + 113j, 77 + 142j, 73 + 152j, 108 + 154j]


@pytest.mark.parametrize(("crop", "bar"), [("center178", 0.5), ("openface", 0.1)])
def test_a_picture_is_decoded_cropped_and_resized_at_a_good_share_of_the_bare_decoders_rate(jpegs, ratio, rounds, crop, bar):
    warp, box = celeba.similarity(LANDMARKS), celeba.Box.middle(*celeba.ALIGNED, 178)
    prepared = Decoded(jpegs, jpegs.names, 64, lambda *_: warp if crop == "openface" else box)
    held = [jpegs.read(name) for name in jpegs.names]

    def bare(data: bytes) -> None:
        Image.open(io.BytesIO(data)).convert("RGB")

    what = f"pictures decoded, cropped ({crop}) and resized to 64"
    against = "the bare decoder (Pillow, same threads)"
    ratio(lambda: prepared[:], lambda: list(prepared._pool.map(bare, held)), rounds, what, bar, against=against)


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
    images = Decoded(jpegs, jpegs.names, 64, lambda *_: celeba.Box.middle(*celeba.ALIGNED, 178))[:]
    return Part(images.repeat(16, axis=0), [str(place) for place in range(16 * len(images))], None)


def test_batches_come_ten_times_as_fast_as_from_a_loader_with_two_workers(jpegs, ratio, rounds):
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

    against = "a DataLoader with 2 workers on the same JPEG files"
    what = "batches of 64 from a prepared set"

    def take_ours() -> None:
        for step in range(steps):
            batches.at(step)

    ratio(take_ours, take_theirs, rounds, what, 10, against=against)


@pytest.mark.parametrize("text", ["center", "half", "random80", "pattern25", "box", "thin", "medium", "thick", "brush"])
def test_holes_cost_a_twentieth_of_a_training_step_at_most(jpegs, benchmark, judge, rounds, text):
    """200 steps of 64: each hole of the bank is drawn once, and then taken by its place."""
    part, steps, rounds = part_of(jpegs), 200 if rounds > 1 else 2, min(rounds, 3)
    method = Autoencoder(64, Autoencoder.Params())
    method.to(memory_format=torch.channels_last)
    autocast_forwards(method, "cpu", choose_precision("auto", "cpu"))
    image, hole = Batches(part, mask(text), batch=64, seed=0, device=CPU).at(0)
    if rounds > 1:
        method.step(image, hole)  # the first step makes room for the optimizer
    seconds = []

    def step_then_fresh_bank() -> tuple[tuple[Batches], dict[str, object]]:
        began = time.perf_counter()
        method.step(image, hole)
        seconds.append(time.perf_counter() - began)
        return (Batches(part, mask(text), batch=64, seed=0, device=CPU),), {}

    def draw(batches: Batches) -> None:
        for step in range(steps):
            batches._holes(step, 64)

    benchmark.pedantic(draw, setup=step_then_fresh_bank, rounds=rounds)
    drawn = benchmark.stats.stats.data if benchmark.enabled else seconds
    shares = [holes / steps / step for holes, step in zip(drawn, seconds, strict=True)]
    what, against = f"holes of {text} for 200 steps of 64", "a training step of autoencoder"
    judge(shares, what, 0.05, against=against, unit="%", at_most=True)


MEMORY = """
import sys, torch
from pathlib import Path
from inbench.acts.training import seed_everything
from inbench.joints import choices, registry
from inbench.joints.batches import Batches
from inbench.joints.store import Prepared
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


def test_a_hundred_times_the_pictures_take_no_more_memory(tmp_path: Path, benchmark, judge, rounds: int):
    counts = (2_000, 200_000) if rounds > 1 else (20, 200)

    def used_by(count: int) -> float:
        """MB of anonymous memory of a training with so many pictures."""
        parts = [Pictures(tuple(f"{name}{n}" for n in range(size)), Noise(size, first))
                 for name, size, first in (("train", count, 0), ("test", 8, 10**6), ("val", 8, 2 * 10**6))]  # fmt: skip
        work = tmp_path / str(count)
        work.mkdir()
        preparing._write(preparing.Split(parts[0], parts[1], parts[2]), work, 64, lambda *_: None)
        told = subprocess.run(
            [sys.executable, "-c", MEMORY, str(work), "20" if rounds > 1 else "1"], capture_output=True, text=True, check=True
        )
        (work / "train.npy").unlink()
        return int(told.stdout) / 1024

    few = used_by(counts[0])
    many = benchmark.pedantic(used_by, args=(counts[1],))
    what, against = f"anonymous memory of a training with {counts[1]:,} pictures", f"the same with {counts[0]:,}"
    judge([many - few], what, 300, against=against, unit="MB more", at_most=True)


def test_the_latent_search_is_three_times_as_fast_as_a_plain_port(ratio, rounds: int):
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

    what = f"latent search of semantic-inpainting, {steps} steps, {count} pictures"
    ratio(ours, ported, min(rounds, 3), what, 3, against="a plain port: float32, gradients of weights too, one by one")


# Scoring


def pictures(count: int) -> tuple[np.ndarray, ...]:
    """Guesses and images as skimage takes them (float64 [n, S, S, 3]), and their holes."""
    guesses, images = np.random.default_rng(0).integers(0, 256, (2, count, 64, 64, 3), dtype=np.uint8) / 255
    return guesses, images, mask("center").draw(count, 64)


def tensors(guesses: np.ndarray, images: np.ndarray, holes: np.ndarray, kind: torch.dtype = torch.float64):
    """The same as a metric takes them."""
    guess, image = (torch.from_numpy(value).permute(0, 3, 1, 2).to(kind).contiguous() for value in (guesses, images))
    hole = torch.from_numpy(holes)
    return guess, torch.where(hole, guess, image), image, hole


def test_ssim_is_five_times_as_fast_as_scikit_image(ratio, rounds):
    count = 16 if rounds > 1 else 1
    given = pictures(count)
    guess, completed, image, hole = tensors(*given)
    ones, others = (value.permute(0, 2, 3, 1).numpy().copy() for value in (completed, image))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1, "channel_axis": -1}
    answers = []

    def theirs() -> None:
        answers[:] = [structural_similarity(one, other, **options) for one, other in zip(ones, others, strict=True)]

    ssim = metrics.Ssim(metrics.Ssim.Params())
    ratio(lambda: ssim.per_image(guess, completed, image, hole), theirs, rounds, "SSIM, float64", 5, against="scikit-image")
    assert ssim.per_image(guess, completed, image, hole)["ssim"].tolist() == pytest.approx(answers, abs=1e-6)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32], ids=str)
def test_ssim_is_ten_times_as_fast_as_torchmetrics(ratio, rounds, kind):
    image_metrics = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is installed for this only")
    guess, completed, image, hole = tensors(*pictures(16 if rounds > 1 else 1), kind)
    ssim = metrics.Ssim(metrics.Ssim.Params())

    def theirs() -> None:
        image_metrics.structural_similarity_index_measure(completed, image, data_range=1.0, reduction="none")

    what = f"SSIM, {str(kind).removeprefix('torch.')}"
    ratio(
        lambda: ssim.per_image(guess, completed, image, hole), theirs, rounds, what, 10, against="torchmetrics, the same type"
    )


def test_l2_and_psnr_are_three_times_as_fast_as_scikit_image(ratio, rounds):
    """Both metrics over the hole; scikit-image is given the hole's pixels of each picture."""
    count = 64 if rounds > 1 else 1
    given = pictures(count)
    guess, completed, image, hole = tensors(*given)
    both = metrics.L2(metrics.L2.Params())
    answers = []

    def theirs() -> None:
        answers.clear()
        for one, other, missing in zip(*given[:2], given[2][:, 0], strict=True):
            ours, true = one[missing], other[missing]
            answers.append((400 * mean_squared_error(true, ours), peak_signal_noise_ratio(true, ours, data_range=1)))

    def ours() -> dict[str, torch.Tensor]:
        return dict(both.per_image(guess, completed, image, hole))  # one squared error gives both

    ratio(ours, theirs, rounds, "L2 and PSNR over the hole, float64", 3, against="scikit-image")
    found = ours()
    assert found["l2"].tolist() == pytest.approx([answer[0] for answer in answers], abs=1e-6)
    assert found["psnr"].tolist() == pytest.approx([answer[1] for answer in answers], abs=1e-6)


# The command line


def seconds_of(*words: str) -> float:
    """Wall time of the command, from nothing to its end."""
    code = "import sys; from inbench.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)
    return time.perf_counter() - began


def test_help_answers_at_once(benchmark, judge, rounds):
    found = []
    benchmark.pedantic(lambda: found.append(seconds_of("--help")), rounds=rounds)
    judge(found, "inbench --help", 0.15, against="nothing: seconds from start to end", unit="s", at_most=True)
    assert min(found) < 1.5  # in the plain suite too, on any machine


@pytest.fixture
def many_records(tmp_path: Path) -> Path:
    """A hundred records: a committed one, once for each of a hundred seeds of ten methods."""
    original = reference.on_drawn_faces("autoencoder")
    told = json.loads((original / "run.json").read_text())
    scores = {path.name: path.read_bytes() for path in (original / "scores").iterdir()}
    for place in range(100):
        method, seed = f"method-{place // 10}", place % 10
        labels = {**told["labels"], "method": method}
        run = {**told["run"], "method": method, "seed": seed}
        folder = tmp_path / "runs" / f"{method}-{seed}"
        files = {f"scores/{name}": held for name, held in scores.items()}
        disk.commit(folder, {**files, "run.json": disk.to_json({**told, "labels": labels, "run": run, "key": f"{place}"})})
    return tmp_path


def test_tables_of_a_hundred_runs_take_a_second(benchmark, judge, rounds, many_records):
    found = []
    benchmark.pedantic(lambda: found.append(seconds_of("tables", "--results", str(many_records))), rounds=rounds)
    judge(found, "inbench tables, 100 runs", 1, against="nothing: seconds from start to end", unit="s", at_most=True)
    assert min(found) < 10  # in the plain suite too, on any machine


def test_guesses_of_a_whole_test_set_are_scored_in_ten_seconds(tmp_path: Path, benchmark, judge, rounds: int):
    """PNGs of 2,600 pictures of 64 x 64, from the command to the printed row."""
    count = 2600 if rounds > 1 else 4
    words = ("--dataset", f"drawn-faces[train=40,val=8,test={count}]", "--mask", "center", "--output", str(tmp_path / "out"))
    seconds_of("export", *words)
    found: list[float] = []
    scored = ("--guesses", str(tmp_path / "out" / "seen"), "--name", "black", "--results", str(tmp_path / "results"))
    benchmark.pedantic(lambda: found.append(seconds_of("score", *scored)), rounds=min(rounds, 3))
    judge(found, f"inbench score, {count} guesses", 10, against="nothing: seconds from start to end", unit="s", at_most=True)
