"""Which device and which precision a run computes with, and what this machine is."""

from __future__ import annotations

import functools
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inbench.words.errors import UserError, unknown

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = ("auto", "float32", "bf16")


def named_device(asked: str) -> str:
    """A device by its name, whether or not this machine has it."""
    if asked not in DEVICES and not re.fullmatch(r"cuda:\d+", asked):
        raise unknown("device", asked, DEVICES)
    return asked


def choose_device(asked: str) -> str:
    """`auto` is cuda, then mps, then cpu. One that is not there is a `UserError`."""
    named_device(asked)
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if asked.startswith("cuda"):
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if found <= int(asked.partition(":")[2] or 0):
            built = "" if torch.version.cuda else ": this torch was built for the CPU only"
            raise UserError(
                f"--device {asked} is not there (torch {torch.__version__} sees {found} CUDA devices{built}); "
                "use --device cpu or auto"
            )
    if asked == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps is not there; use --device cpu or auto")
    return asked


def choose_precision(asked: str, device: str) -> str:
    """`auto` is bf16 where the device has it in hardware, else float32."""
    if asked not in PRECISIONS:
        raise unknown("precision", asked, PRECISIONS)
    if asked != "auto":
        return asked
    if device.startswith("cuda"):
        with torch.cuda.device(device):  # it asks of the current one
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bf16" if device == "cpu" and {"avx512_bf16", "amx_bf16"} & _cpu_flags() else "float32"


def _cpu_flags() -> set[str]:
    return set(_cpuinfo("flags").split())


def _driver() -> str:
    """The version of the NVIDIA kernel module, where Linux tells it."""
    try:
        told = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return "unknown"
    found = re.search(r"Module\s.*?(\d+(?:\.\d+)+)", told)
    return found[1] if found else "unknown"


def _cpuinfo(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


def networks(method: nn.Module) -> Iterator[nn.Module]:
    """The networks that a method calls: its children, or those in its lists and dictionaries of them."""
    for child in method.children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from networks(child)
        else:
            yield child


def autocast_forwards(method: nn.Module, device: str, precision: str) -> None:
    """Run the forward of each network of a method in bfloat16; what comes out is float32 again, so losses are."""
    if precision != "bf16":
        return
    for network in networks(method):
        contexts: list[torch.autocast] = []

        def enter(module: nn.Module, inputs: object, contexts: list[torch.autocast] = contexts) -> None:
            context = torch.autocast(device.partition(":")[0], torch.bfloat16)
            context.__enter__()
            contexts.append(context)

        def leave(module: nn.Module, inputs: object, output: object, contexts: list[torch.autocast] = contexts) -> object:
            contexts.pop().__exit__(None, None, None)
            return output.float() if isinstance(output, Tensor) else output

        network.register_forward_pre_hook(enter)
        network.register_forward_hook(leave, always_call=True)


def compile_forwards(method: nn.Module) -> None:
    """`torch.compile` the forward of each network of a method while it trains; answers come from the plain kernels.

    So does what is given a leaf that asks for a gradient, as for a gradient penalty: compiled code has no second derivative.
    An adversary that hands its discriminator `fake.detach().requires_grad_()` learns from one half by the plain kernels.
    """
    for network in networks(method):

        def forward(*inputs: Tensor, network: nn.Module = network, plain: Any = network.forward, fast: Any = None) -> Any:
            asked = any(isinstance(one, Tensor) and one.requires_grad and one.is_leaf for one in inputs)
            return (fast if network.training and not asked else plain)(*inputs)

        network.forward = functools.partial(forward, fast=torch.compile(network.forward, dynamic=False))


def set_numerics(*, deterministic: bool) -> None:
    """float32 means float32 (no TF32); deterministic: an operation without a kernel that repeats its bits is an error."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.use_deterministic_algorithms(deterministic)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory left, of the machine or of the device; CUDA says it in words."""
    told = isinstance(error, RuntimeError) and re.search(r"out of memory|ALLOC_FAILED|can't allocate memory", str(error))
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or bool(told)


def fingerprint(device: str) -> dict[str, str]:
    """What a timing depends on: processor, GPU, driver; timings of different fingerprints never share a column."""
    found = {
        "cpu": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": f"{os.cpu_count()} cores",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.system(),
    }
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = f"CUDA {torch.version.cuda}"
        found["cudnn"] = f"cuDNN {torch.backends.cudnn.version()}"
        found["driver"] = f"driver {_driver()}"
    return found
