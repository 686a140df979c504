"""On a CUDA device: a training step waits for nothing, and is five times as fast as the plain loop. `make gpu`."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from inbench.acts import scoring
from inbench.joints import choices, registry, store
from inbench.joints.device import set_numerics
from inbench.joints.store import Part, Prepared
from inbench.runs import bench, cases
from inbench.runs.cases import Case, Setting
from inbench.words import clock, params
from inbench.words.brackets import Named
from inbench.words.method import Method

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")]
PLUGINS = registry.load()
LEARNERS = [name for name, found in PLUGINS.plugins["method"].items() if found.cls.learns() and not found.cls.one_pass]
SETTING = Setting(64, 64, "cuda", "bf16")
STEPS, ROUNDS = 5, 30
WAITS = ("cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy")


@pytest.fixture(scope="module", autouse=True)
def _numerics_of_a_run() -> Iterator[None]:
    """As in every run: float32 is float32, and the fastest kernels are looked for."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    set_numerics(deterministic=False)
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = before[1:]


@pytest.fixture(scope="module")
def data() -> Prepared:
    return choices.dataset("drawn-faces", PLUGINS).prepared(SETTING.size, store.default_folder(), lambda *_: None)


def waits(act: Callable[[], object]) -> float:
    """How often the host waited for the device in a step, as a profiler saw it."""
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(STEPS):
            act()
    return float(sum(event.count for event in profiler.key_averages() if event.key in WAITS) / STEPS)


class Pictures(torch.utils.data.Dataset[torch.Tensor]):
    """What most loaders do once a picture is decoded."""

    def __init__(self, part: Part) -> None:
        self.images = part.images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> torch.Tensor:
        return torch.from_numpy(np.array(self.images[place])).permute(2, 0, 1).float() / 255


def plain_loop(name: str, data: Prepared, patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same network in float32, torch's default layout and Adam, pictures from a loader; a step each time it is asked."""
    cls: type[Method] = PLUGINS.get("method", name).cls
    patch.setattr(
        sys.modules[cls.__module__], "adam", lambda weights, lr, betas=(0.9, 0.999): torch.optim.Adam(weights, lr, betas)
    )
    torch.manual_seed(0)
    method = cls(SETTING.size, params.resolve(cls.Params, {}, whose=name, budget=cases.BUDGET)).to(SETTING.at)
    loader = torch.utils.data.DataLoader(
        Pictures(data.part("train")), SETTING.batch, shuffle=True, num_workers=2, drop_last=True
    )
    hole = torch.from_numpy(choices.mask("center", SETTING.size, PLUGINS).mask.draw(SETTING.batch, SETTING.size)).to(SETTING.at)
    for image in itertools.chain.from_iterable(itertools.repeat(loader)):
        losses = method.step(image.to(SETTING.at), hole)
        yield {loss: value.item() for loss, value in losses.items()}


def measured(case: Case, benchmark: BenchmarkFixture) -> Callable[[], object]:
    """The case made ready and warm, what is known of it put beside its times; the act ends when the device has."""
    timed = bench.Timed(case)
    bench.warm_up(timed, SETTING.at, {})
    benchmark.group, benchmark.name, benchmark.extra_info = case.group, case.name, bench.extra(timed, SETTING)
    act = timed.act
    assert act is not None
    return lambda: (act(), clock.now(SETTING.at))


@pytest.mark.parametrize("place", [0, 1], ids=["matrix product", "copy"])
def test_the_rates_of_the_device(place: int, benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(measured(list(cases.rates(SETTING))[place], benchmark), rounds=9)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_training_step_waits_for_nothing_and_is_five_times_as_fast_as_the_plain_loop(
    name: str, data: Prepared, benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, *_ = cases.of_method(Named(name), SETTING, data, PLUGINS)
    own = measured(step, benchmark)
    plain = plain_loop(name, data, monkeypatch)
    for _ in range(3):
        next(plain)
    theirs: list[float] = []

    def plain_step() -> None:
        began = clock.now(SETTING.at)
        next(plain)
        theirs.append(clock.now(SETTING.at) - began)

    benchmark.pedantic(own, setup=plain_step, rounds=ROUNDS)
    found = benchmark.extra_info
    found["waits"] = waits(step.ready())
    if benchmark.enabled:
        found["times_plain"] = [plain / own for plain, own in zip(theirs, benchmark.stats.stats.data, strict=True)]
        assert statistics.median(found["times_plain"]) >= 5
    assert found["waits"] == 0


def test_every_metric_gives_on_the_device_what_it_gives_on_the_cpu() -> None:
    chance = np.random.default_rng(0)
    image, guess = (chance.integers(0, 256, (8, 64, 64, 3), dtype=np.uint8) for _ in range(2))
    holes = choices.mask("thick", 64, PLUGINS).mask.draw([str(number) for number in range(8)], 64)
    metrics = choices.metrics("", PLUGINS)
    found, expected = (scoring.measure(metrics, guess, image, holes, torch.device(kind)) for kind in ("cuda", "cpu"))
    for name, column in expected.items():
        assert found[name] == pytest.approx(column, rel=1e-9, abs=1e-9), name
