"""Training: checkpoints that cost the loop only a copy, and networks that are compiled for their steps alone."""

from __future__ import annotations

import errno
import functools
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import inbench
from inbench.acts import scoring, training
from inbench.acts.averaging import Averages
from inbench.joints.device import autocast_forwards, compile_forwards, out_of_memory, set_numerics
from inbench.words import clock, records

Find = Callable[..., records.Record]
Write = Callable[..., str]


class Line(inbench.Method):
    """One number that grows by one a step."""

    name, summary, paper, licence = "line", "for a test", "none", "none"

    def __init__(self) -> None:
        super().__init__(32, None)
        self.net = nn.Linear(1, 1)
        nn.init.zeros_(self.net.weight)

    def grow(self) -> None:
        with torch.no_grad():
            self.net.weight += 1

    def inpaint(self, seen: torch.Tensor, hole: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
        return seen


NOTHING = Averages(Line(), 0.0)


def test_a_checkpoint_holds_the_moment_it_was_taken_though_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, plain = threading.Event(), training.write
    monkeypatch.setattr(training, "write", lambda path, state: may_write.wait(10) and plain(path, state))
    method, keeper = Line(), training.Keeper(tmp_path / "checkpoint.pt")
    averages = Averages(method, 0.5)
    keeper.save(method, averages, training.Progress(step=7, curve=[{"step": 7, "loss": 1.5}]))
    method.grow()  # while the writer still waits
    averages.update()
    may_write.set()
    keeper.close()
    found = training.load(tmp_path / "checkpoint.pt", method, averages, torch.device("cpu"))
    assert (averages.count, averages.held[0].item()) == (0, 0)
    assert (found.step, found.curve, method.net.weight.item()) == (7, [{"step": 7, "loss": 1.5}], 0)


def test_the_next_checkpoint_is_due_after_a_hundred_times_what_the_last_one_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(training.clock, "now", lambda *_: now[0])
    keeper, plain = training.Keeper(tmp_path / "checkpoint.pt"), training.write

    def slow(path: Path, state: Any) -> None:
        plain(path, state)
        now[0] += 3

    monkeypatch.setattr(training, "write", slow)
    due = []
    for moment in (0, 59, 61):
        now[0] = moment
        due.append(keeper.is_due())
    keeper.save(Line(), NOTHING, training.Progress())
    keeper.wait()  # at 64
    for moment in (200, 363, 365):
        now[0] = moment
        due.append(keeper.is_due())
    assert due == [False, False, True, False, False, True]


def test_a_checkpoint_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    keeper = training.Keeper(tmp_path / "nowhere" / "checkpoint.pt")
    keeper.save(Line(), NOTHING, training.Progress())
    with pytest.raises(FileNotFoundError):
        keeper.wait()


def test_averages_are_those_that_a_loop_by_hand_keeps_and_answer_only_while_asked_to() -> None:
    method = Line()
    averages, by_hand = Averages(method, 0.75), 0.0
    for step in range(1, 31):
        method.grow()
        averages.update()
        weight = 1 - min(0.75, (1 + step) / (10 + step))
        by_hand += weight * (step - by_hand)
    with averages.answering():
        assert method.net.weight.item() == pytest.approx(by_hand)
    assert method.net.weight.item() == 30
    assert 26 < by_hand < 28  # three steps behind: of thirty, the last four weigh most


def test_running_statistics_are_averaged_and_sums_of_a_closed_form_are_not() -> None:
    method = Line()
    method.norm = nn.BatchNorm1d(1, momentum=1.0)
    method.register_buffer("total", torch.zeros(1))
    averages = Averages(method, 0.5)
    method.norm(torch.full((4, 1), 8.0))
    method.total += 8
    averages.update()
    with averages.answering():
        assert method.norm.running_mean.item() == pytest.approx(8 * 9 / 11)
        assert method.total.item() == 8


@pytest.mark.parametrize("ema", [0.0, 0.75])
def test_the_weights_of_the_best_look_answer_and_a_checkpoint_holds_them(tmp_path: Path, ema: float) -> None:
    method = Line()
    averages, seen = Averages(method, ema, best=True), {}
    for step, psnr in enumerate((20.0, 22.0, float("nan"), 22.0, 21.0), start=1):
        method.grow()
        averages.update()
        with averages.answering():
            averages.look(psnr)
            seen[step] = method.net.weight.item()
        if step == 3:
            training.save(tmp_path / "checkpoint.pt", method, averages, training.Progress(step=step))
    averages.settle()
    assert method.net.weight.item() == seen[2]  # the first of equals
    again = Line()
    resumed = Averages(again, ema, best=True)
    training.load(tmp_path / "checkpoint.pt", again, resumed, torch.device("cpu"))
    resumed.look(21.9)
    resumed.settle()
    assert again.net.weight.item() == seen[2]


def test_without_a_look_the_last_weights_answer() -> None:
    method = Line()
    averages = Averages(method, 0.0, best=True)
    method.grow()
    averages.look(float("nan"))
    averages.settle()
    assert method.net.weight.item() == 1


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
@pytest.mark.filterwarnings("ignore")  # torch's own, about its compiler
def test_compiled_networks_learn_the_same_and_answer_from_the_plain_kernels() -> None:
    torch.manual_seed(0)
    plain = Line()
    plain.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3))
    x = torch.rand(2, 3, 8, 8)
    learned, answered = plain.net(x), plain.eval().net(x)
    compile_forwards(plain)
    calls = torch._dynamo.utils.counters["frames"]
    before = calls["ok"]
    assert torch.equal(plain.eval().net(x), answered)
    assert calls["ok"] == before
    assert torch.allclose(plain.train().net(x), learned, atol=1e-6)
    assert calls["ok"] > before


class Lists(Line):
    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList([nn.Conv2d(3, 3, 3)])
        self.named = nn.ModuleDict({"one": nn.ModuleList([nn.Conv2d(3, 3, 3)])})


def test_networks_in_lists_and_dictionaries_are_networks() -> None:
    torch.manual_seed(0)
    method, x = Lists(), torch.rand(2, 3, 8, 8)
    listed = [method.nets[0], method.named["one"][0]]
    exact = [net(x) for net in listed]
    autocast_forwards(method, "cpu", "bf16")
    assert not any(torch.equal(net(x), before) for net, before in zip(listed, exact, strict=True))


def test_what_is_differentiated_by_its_input_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    method = Line()
    method.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ELU(), nn.Conv2d(4, 1, 3))
    compile_forwards(method)
    x = torch.rand(2, 3, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(method.train().net(x).sum(), x, create_graph=True)
    slope.square().sum().backward()  # compiled code has no second derivative
    assert method.net[0].weight.grad.abs().sum() > 0


def test_an_answer_in_bfloat16_is_rounded_like_any() -> None:
    class Half(Line):
        def inpaint(self, seen: torch.Tensor, hole: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
            return seen.bfloat16()

    ramp = torch.arange(256).float().div(255).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    found = scoring.answer(Half(), ramp, torch.zeros(1, 1, 16, 16, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    assert (found.int() - ramp.mul(255).round().int()).abs().max() <= 1  # white was black


def test_deterministic_is_a_setting_of_torch_and_can_be_taken_back() -> None:
    try:
        set_numerics(deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
    finally:
        set_numerics(deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.usefixtures("here")
def test_rows_that_differ_in_their_numerics_say_so(tmp_path: Path, tiny: Callable[..., list[dict[str, Any]]]) -> None:
    tiny("mean-image,autoencoder[bottleneck=16,width=8]")
    tiny("mean-image,autoencoder[bottleneck=16,width=8]", precision="bf16")
    tiny("autoencoder[bottleneck=16,width=8]", deterministic=True)
    shown = inbench.table(tmp_path / "results")
    assert [line.split("|")[1].strip(" †") for line in shown.splitlines() if "autoencoder" in line] == [
        "autoencoder[bottleneck=16,width=8], bf16",
        "autoencoder[bottleneck=16,width=8], float32",
        "autoencoder[bottleneck=16,width=8], float32, deterministic",
    ]


def test_what_is_done_aside_is_no_time_of_training(monkeypatch):
    moments = iter([100.0, 103.0, 110.0, 150.0, 152.0])
    monkeypatch.setattr(clock, "now", lambda device=None: next(moments))
    spent = clock.Stopwatch(torch.device("cpu"), 7.0)
    assert spent.seconds() == 10.0  # 3 on top of the 7 before an interruption
    with spent.aside():  # from 110 to 150
        pass
    assert spent.seconds() == 7.0 + 52.0 - 40.0


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("CUDA error: out of memory"), True),  # as the driver says it, and torch's allocator does not
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), False),
        (OSError(12, "the memory of the machine is out"), False),
    ],
)
def test_what_says_that_there_is_no_memory(error: Exception, is_memory: bool) -> None:
    assert out_of_memory(error) == is_memory


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ESTALE, "stale file handle"), torch.OutOfMemoryError("CUDA")])
def test_a_checkpoint_is_not_lost_where_there_is_no_room_for_it_or_no_way_to_it(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    file = tmp_path / "checkpoint.pt"
    training.save(file, Line(), Averages(Line(), 0.0), training.Progress())
    with monkeypatch.context() as patch:
        patch.setattr(training, "load", fails)
        with pytest.raises(type(error)):
            training.drop_unreadable(file, Line(), 0.0)
    training.drop_unreadable(file, Line(), 0.0)
    assert file.is_file()
    file.write_bytes(file.read_bytes()[:-200])
    training.drop_unreadable(file, Line(), 0.0)
    assert not file.is_file()
