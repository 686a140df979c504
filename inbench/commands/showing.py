"""What `inbench show` tells of one plugin, in words and, for a mask or a data set, as a sheet of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from inbench.acts.scoring import Operations
from inbench.joints import choices
from inbench.joints.preparing import Report
from inbench.joints.registry import KINDS, YOURS, Plugin, Registry
from inbench.words import brackets, budget, params
from inbench.words.errors import UserError, unknown
from inbench.words.method import Method

ROWS = COLUMNS = 8
GAP = 2
COUNTED_AT = "quick"
"""The budget whose parameters an answer's operations are counted with: what `paper` spends on an answer takes too long here."""


def found(text: str, plugins: Registry) -> Plugin:
    """The plugin of that name, whatever its kind; of a path, the data set that reads it."""
    name = brackets.parse(text).name
    for kind in KINDS:
        if name in plugins.plugins[kind] or any(fault.name == name and fault.kind == kind for fault in plugins.faults):
            return plugins.get(kind, name)
    if choices.names_files(name, plugins):
        return plugins.get("dataset", "folder")
    raise unknown(
        "method, data set, mask, metric or budget",
        name,
        [*(name for kind in KINDS for name in plugins.names(kind)), *budget.BUDGETS],
        otherwise=YOURS,
    )


def facts(plugin: Plugin, options: Mapping[str, str], size: int) -> dict[str, Any]:
    """What a plugin says of itself, and its parameters with default, source and effect.

    Of a method also the numbers of weights in each of its networks, and the operations of one answer.
    """
    cls = plugin.cls
    names = ("summary", "about", "paper", "licence", "citation", "where", "unit", "better", "region", "source", "sizes")
    said = {name: getattr(cls, name) for name in names if getattr(cls, name, None)}
    return {
        "name": cls.name,
        "kind": plugin.kind,
        **said,
        **(costs(cls, options, size) if plugin.kind == "method" and (options or not params.needs_option(cls.Params)) else {}),
        "origin": plugin.origin,
        "version": plugin.version,
        "params": [
            {"name": name, "default": default, "source": told.get("source", ""), "about": told.get("about", "")}
            for name, default, told in params.described(cls.Params)
        ],
    }


def of_budget(text: str) -> dict[str, Any]:
    """What a budget is, and its options with their values and effects."""
    options = [{"name": name, "default": value, "source": "", "about": about} for name, value, about in budget.described(text)]
    name = brackets.parse(text).name
    return {"name": name, "kind": "budget", "summary": budget.ABOUT[name], "params": options}


def costs(cls: type[Method], options: Mapping[str, str], size: int) -> dict[str, Any]:
    """Weights by network, and floating-point operations for one image (a multiply-add is two)."""
    if cls.one_pass:
        return {}  # it has no weights and no answer before its pass
    size = size if size in cls.sizes else max(cls.sizes)
    method = cls(size, params.resolve(cls.Params, options, whose=cls.name, budget=COUNTED_AT)).eval()
    networks = {name: sum(weight.numel() for weight in net.parameters()) for name, net in method.named_children()}
    hole = torch.zeros(1, 1, size, size, dtype=torch.bool)
    hole[..., size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = True
    with Operations() as operations, torch.no_grad():
        method.inpaint(torch.full((1, 3, size, size), 0.5).masked_fill(hole, 0), hole, torch.zeros(1, dtype=torch.int64))
    return {"size": size, "networks": networks, "flops_per_image": operations.total}


def in_words(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{told['name']}, a {told['kind'].replace('dataset', 'data set')}"]
    for name, value in told.items():
        if name == "networks":
            lines += [f"{'network':<10} {network}: {count / 1e6:.3f} M parameters" for network, count in value.items()]
        elif name == "flops_per_image":
            lines.append(
                f"{'cost':<10} {value / 1e9:.3f} GFLOP an image of {told['size']} x {told['size']}, budget {COUNTED_AT}"
            )
        elif name not in ("name", "kind", "params", "size"):
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            lines.append(f"{name:<10} {shown}")
    if told["params"]:
        lines += ["", "parameters:"]
    for param in told["params"]:
        source = f" ({param['source']})" if param["source"] else ""
        lines.append(f"  {param['name'].replace('_', '-')} = {param['default']}{source}: {param['about']}")
    return "\n".join(lines)


def picture(text: str, plugins: Registry, *, size: int, folder: Path, report: Report) -> Image.Image:
    """A sheet of 64: holes of a mask (white is missing), or test pictures of a data set."""
    if (name := brackets.parse(text).name) in budget.BUDGETS:
        raise UserError(f"{name} is a budget; only masks and data sets have pictures")
    plugin = found(text, plugins)
    if plugin.kind == "mask":
        holes = choices.mask(text, size, plugins).mask.draw([f"hole {place}" for place in range(ROWS * COLUMNS)], size)
        return sheet((255 * holes[:, 0, :, :, None].astype(np.uint8)).repeat(3, axis=3))
    if plugin.kind == "dataset":
        part = choices.dataset(text, plugins).prepared(size, folder, report).part("test")
        return sheet(part.images[sorted(part.first(ROWS * COLUMNS))])
    raise UserError(f"{plugin.cls.name} is a {plugin.kind}; only masks and data sets have pictures")


def sheet(images: NDArray[np.uint8]) -> Image.Image:
    """uint8 [n, S, S, 3] -> a sheet of up to 8 x 8 of them, enlarged to some 128 pixels each."""
    size = images.shape[1]
    rows = -(-len(images) // COLUMNS)
    canvas = np.full((rows * (size + GAP) + GAP, COLUMNS * (size + GAP) + GAP, 3), 128, np.uint8)
    for place, image in enumerate(images):
        top, left = (GAP + number * (size + GAP) for number in divmod(place, COLUMNS))
        canvas[top : top + size, left : left + size] = image
    scale = max(1, 128 // size)
    return Image.fromarray(canvas.repeat(scale, axis=0).repeat(scale, axis=1))
