"""The plugins of the fault campaign: well-behaved ones, and seventeen hostile ones with what each must come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plugin_text import FOOT, HEAD

STEADY = '''
import inbench.acts.training
inbench.acts.training.CHECKPOINT_SECONDS = 0.1
inbench.acts.training.READ_BACK_SECONDS = 0.1

class Steady(Learner):
    """Learns slowly enough to be killed at any step, saves often, says how often it began."""

    name = "steady"

    def step(self, image, hole):
        if self.progress == 0 and os.environ.get("BEGUN"):
            with open(os.environ["BEGUN"], "a") as file:
                file.write("begun\\n")
        time.sleep(float(os.environ.get("SLOW", "0")))
        return super().step(image, hole)

    def inpaint(self, seen, hole, seed):
        time.sleep(float(os.environ.get("SLOW", "0")))
        return super().inpaint(seen, hole, seed)
'''
GOOD = """
class Good(Learner):
    name = "good"

class Plain(Base):
    name = "plain"

    def inpaint(self, seen, hole, seed):
        return seen.sum((2, 3), keepdim=True).div((~hole).sum((2, 3), keepdim=True)).expand_as(seen)
"""


@dataclass(frozen=True)
class Hostile:
    """A plugin that misbehaves: what it does, and the status and the words that must stand in its record."""

    name: str
    does: str
    status: str
    words: str
    text: str


def step(text: str) -> str:
    lines = "".join(f"        {line}\n" for line in text.splitlines())
    return f"    def step(self, image, hole):\n{lines}        return super().step(image, hole)\n"


def inpaint(text: str) -> str:
    lines = "".join(f"        {line}\n" for line in text.splitlines())
    return f"    def inpaint(self, seen, hole, seed):\n{lines}        return super().inpaint(seen, hole, seed)\n"


HOSTILE = [
    Hostile("raises-in-import", "raises while it is imported", "failed", "no import today",
            "raise RuntimeError('no import today')"),
    Hostile("raises-in-init", "raises in its constructor", "failed", "no nets today",
            "    def __init__(self, size, params):\n        raise RuntimeError('no nets today')\n"),
    Hostile("raises-in-step", "raises in step", "failed", "no step today", step("raise RuntimeError('no step today')")),
    Hostile("raises-in-finish", "raises in finish", "failed", "no end today",
            "    def finish(self):\n        raise RuntimeError('no end today')\n"),
    Hostile("raises-in-inpaint", "raises in inpaint", "failed", "no guess today",
            inpaint("raise RuntimeError('no guess today')")),
    Hostile("answers-nan", "answers NaN", "failed", "values from nan to nan", inpaint("return seen * float('nan')")),
    Hostile("wrong-shape", "answers another shape", "failed", "answered the shape", inpaint("return seen[..., :8]")),
    Hostile("writes-inputs", "writes into image, hole, seen and seed", "ok", "writes into",
            step("image.zero_()\nhole.fill_(True)") + inpaint("seen.fill_(1)\nhole.zero_()\nseed.zero_()")),
    Hostile("never-ends", "loops for ever in step", "timeout", "took longer than", step("while True: pass")),
    Hostile("ignores-sigterm", "ignores SIGINT and SIGTERM, and sleeps", "timeout", "took longer than",
            step("signal.signal(2, signal.SIG_IGN)\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(3600)")),
    Hostile("segfault", "reads address 0 by ctypes", "failed", "SIGSEGV", step("ctypes.string_at(0)")),
    Hostile("eats-memory", "takes 256 MB at each step", "oom", "more than --memory",
            step("vars(self).setdefault('eaten', []).append(bytearray(os.urandom(1024)) * 2**18)\ntime.sleep(0.05)")),
    Hostile("leaves", "calls sys.exit(0)", "failed", "sys.exit(0)", step("sys.exit(0)")),
    Hostile("leaves-at-once", "calls os._exit(130), as if it had been interrupted", "failed", "ended with exit code 130",
            step("os._exit(130)")),
    Hostile("prints", "prints 100 MB", "ok", "", step("sys.stdout.write('flood ' * 2**21 + '\\n')\nsys.stdout.flush()")),
    Hostile("forks", "forks copies that run on, and daemons in sessions of their own", "ok", "",
            step("if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(3600)")),
    Hostile("changes-globals", "changes seed, threads, default dtype and determinism", "ok", "changed",
            step("torch.manual_seed(7)\ntorch.set_num_threads(2)\ntorch.set_default_dtype(torch.float64)\n"
                 "torch.use_deterministic_algorithms(True)") + inpaint("torch.set_default_dtype(torch.float64)")),
]  # fmt: skip
BY_NAME = {hostile.name: hostile for hostile in HOSTILE}


def written(folder: Path, names: list[str] | None = None) -> list[Path]:
    """Plugin files: the well-behaved methods, and the hostile ones, all or those of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in HOSTILE if names is None or one.name in names]
    text = HEAD + STEADY + GOOD
    hostile = HEAD
    files = []
    for one in chosen:
        if one.name == "raises-in-import":
            files.append(folder / "raises_in_import.py")
            files[-1].write_text(one.text)
        else:
            title = one.name.title().replace("-", "")
            hostile += f"\nclass {title}(Learner):\n    name = '{one.name}'\n\n{one.text}"
    (folder / "steady.py").write_text(text + FOOT)
    (folder / "hostile.py").write_text(hostile + FOOT)
    return [folder / "steady.py", folder / "hostile.py", *files]
