"""One run in one process, `python -m inbench.runs.worker SPEC.json`: trains and scores what is missing, writes the record."""

from __future__ import annotations

import csv
import faulthandler
import hashlib
import io
import json
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import safetensors.torch
import torch

from inbench.acts import scoring, training
from inbench.joints import choices, registry, starts
from inbench.joints.batches import Batches
from inbench.joints.device import autocast_forwards, compile_forwards, fingerprint, out_of_memory, set_numerics
from inbench.joints.guards import Guard, about_overlap
from inbench.joints.isolation import INTERRUPTED, NO_ROOM
from inbench.joints.store import Prepared
from inbench.runs.heart import Heart, end_by_interrupt
from inbench.words import brackets, clock, disk, params, records, seeds
from inbench.words.errors import Interrupted, Unavailable, UserError, disk_full
from inbench.words.mask import Mask
from inbench.words.method import Method
from inbench.words.planned import read_object
from inbench.words.records import Record, Run


class Worker:
    """A run, from its spec to its record."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self.run = spec, Run(**spec["run"])
        runs = Path(spec["results"]) / "runs"
        self.work, self.final = runs / ".partial" / self.run.name, runs / self.run.name
        self.checkpoint = self.work / "checkpoint.pt"
        self.device = torch.device(spec["device"])
        set_numerics(deterministic=self.run.deterministic)
        self.memory, self.guard = clock.MemoryPeak(), Guard()
        self.heart = Heart(self.work / "heartbeat.json", self.run.steps, spec.get("parent", os.getppid()))
        with Guard().watching("a plugin"):  # any plugin that is loaded beside the run's own
            self.registry = registry.load(list(spec["plugins"]))
        plugin = self.registry.get("method", self.run.method)
        if plugin.code != self.run.code:
            raise UserError(f"the source of {self.run.method} changed after the run was planned; run the command again")
        self.plugin, self.cls = plugin, plugin.cls
        self.data = Prepared(Path(spec["data"]))
        self.metrics = choices.metrics("", self.registry)

    def mask(self, canonical: str) -> Mask:
        return choices.mask(self.spec["typed"].get(canonical, canonical), self.run.size, self.registry).mask

    def build(self, device: torch.device | None = None) -> Method:
        """The method as it starts: its networks drawn from the run's seed, on the run's device or another, channels last."""
        training.seed_everything(seeds.stream(self.run.seed or 0, "init"))
        given = {**self.run.params, **self.spec.get("local", {})}
        with self.guard.watching("the constructor"):
            method: Method = self.cls(self.run.size, params.resolve(self.cls.Params, given, whose=self.run.method))
        method.to(device or self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.run.compiled:
            compile_forwards(method)
        autocast_forwards(method, self.spec["device"], self.run.precision or "float32")
        return method

    def work_through(self) -> bool:
        """Everything the spec asks for, and nothing that is there already; False where the scores on some mask failed."""
        disk.settle(self.final)
        self.begin_further()
        if self.checkpoint.is_file():
            training.drop_unreadable(self.checkpoint, self.build(torch.device("cpu")), self.run.ema)
        if not self.checkpoint.is_file():  # it begins at the beginning, whatever an earlier try began from
            (self.work / "start.json").unlink(missing_ok=True)
        method = self.build()
        before = records.open_record(self.final)
        if before is not None and (before.damage() or before.status != "ok"):
            before = None
        weights = self.final / "weights.safetensors"
        if before is not None and not self.spec["fresh"] and (weights.is_file() or not self.cls.learns()):
            if weights.is_file():
                method.load_state_dict(safetensors.torch.load_file(weights, device=str(self.device)))
            told = before.told
        else:
            told = self.trained(method, before)
        wanted = {records.score_key(mask, self.spec["part"]): self.spec["test_images"] for mask in self.spec["test_masks"]}
        begun = {
            key: one["n"]
            for key, one in told["scores"].items()
            if key not in wanted and one["status"] == "interrupted" and one["n"]
        }
        whole = True
        for key, count in {**wanted, **begun}.items():
            try:
                told = self.scored(method, told, key, count)
            except (Interrupted, Unavailable):
                raise
            except (Exception, SystemExit) as error:  # the other masks may go well
                if disk_full(error):
                    raise
                told, whole = self.not_scored(told, key, *self.came_to(error)), whole and key not in wanted
        if "weights" not in self.spec["keep"] and weights.is_file():
            disk.commit(self.final, {"run.json": disk.to_json(told)}, remove=("weights.safetensors",))
        return whole

    def begin_further(self) -> None:
        """Where a run that differs by having fewer steps kept its checkpoint, begin there."""
        if self.checkpoint.is_file() or self.final.exists() or self.cls.one_pass or self.cls.finish is not Method.finish:
            return
        start = starts.of(self.run, self.final.parent, self._place())
        if start is not None:
            disk.write_file(self.checkpoint, disk.where(start.folder, "checkpoint.pt").read_bytes())
            disk.write_file(self.work / "start.json", disk.to_json({"start": start.folder.name}))

    def trained(self, method: Method, before: Record | None) -> dict[str, Any]:
        """Train, and write the first form of the record. What it was scored on before is to be scored with these weights."""
        places = self._count_places()
        progress = self._train(method) if self.cls.learns() else training.Progress()
        told = records.new(self.run, labels=self.spec["labels"], status="ok")
        told["provenance"] = self.provenance()
        told["metrics"] = scoring.described(self.metrics)
        told["validation"], told["val_images"] = progress.validation, progress.val_images
        told["warnings"] = self.guard.told
        told["started_from"], told["scheduled"], told["places"] = self._start(), progress.scheduled, places
        if before is not None:
            told["labels"] = {**told["labels"], "masks": {**before.told["labels"]["masks"], **told["labels"]["masks"]}}
            told["scores"] = {
                key: records.nothing("interrupted", "not scored since it was trained again", entry["shown"], entry["n"])
                for key, entry in before.scores.items()
                if entry["status"] == "ok"
            }
        told["costs"] = {
            "train_seconds": round(progress.seconds, 3),
            "train_images": progress.images,
            "cpu_seconds": round(progress.cpu_seconds or time.process_time(), 1),
            "images_per_second": round(progress.images / progress.seconds, 3) if progress.seconds else None,
            "updates": progress.updates,
            "estimated": self.spec.get("estimate"),
            "parameters": sum(parameter.numel() for parameter in method.parameters()),
            "peak_memory_bytes": self.memory.peak,
            "peak_cuda_bytes": self._peak_cuda(),
        }
        files = {"run.json": disk.to_json(told), records.CURVE: curve_csv(progress)}
        if self.cls.learns():
            tensors = {name: value.clone(memory_format=torch.contiguous_format) for name, value in method.state_dict().items()}
            files["weights.safetensors"] = safetensors.torch.save(tensors)
        if "checkpoint" in self.spec["keep"] and self.cls.learns():
            files["checkpoint.pt"] = self.checkpoint.read_bytes()
        shutil.rmtree(self.work / records.ANSWERS, ignore_errors=True)  # were those of the weights before
        disk.publish(self.work, self.final, files)
        self.checkpoint.unlink(missing_ok=True)
        return told

    def _place(self) -> dict[str, Any]:
        """Where this run is at work."""
        return starts.place_of(self.provenance())

    def _answers(self) -> Path:
        """Where this place keeps answers that took long: another machine's may differ by a bit."""
        place = json.dumps(self._place(), sort_keys=True)
        return self.work / records.ANSWERS / hashlib.sha256(place.encode()).hexdigest()[:12]

    def _count_places(self) -> int:
        """At how many places this training was at work, this one included; says so where there are several."""
        file, here = self.work / "places.json", self._place()
        known = read_object(file).get("places", []) if self.checkpoint.is_file() else []
        places = known if here in known else [*known, here]
        disk.write_file(file, disk.to_json({"places": places}))
        if len(places) > 1:
            self.guard.tell(
                f"trained in {len(places)} places that differ in machine, threads or libraries: its bits are of none of them "
                "alone, and its seconds are of all"
            )
        return len(places)

    def _train(self, method: Method) -> training.Progress:
        mask, part = self.mask(str(self.run.train_mask)), self.data.part("train")
        batches = Batches(
            part,
            mask,
            batch=self.run.batch or 1,
            seed=self.run.seed or 0,
            device=self.device,
            one_pass=self.cls.one_pass,
            flips=self.run.augmentation == "flip",
        )
        watch = training.Watch(self.data.part("val"), mask, self.spec["val_images"], self.device, times=self.spec["val_times"])
        return training.train(
            method,
            batches,
            self.run.steps or 0,
            watch=watch,
            seed=self.run.seed or 0,
            checkpoint=self.checkpoint,
            beat=self.heart.training,
            ema=self.run.ema,
            best=self.run.checkpoint != "last",
            keep="checkpoint" in self.spec["keep"],
            guard=self.guard,
        )

    def scored(self, method: Method, told: dict[str, Any], key: str, count: int | None) -> dict[str, Any]:
        """Score on one test mask and add it to the record; count: of images, None for all."""
        if self._is_there(told, key):
            return told
        canonical, name = records.mask_and_part(key)
        part = self.data.part(name)
        began, guard = time.process_time(), Guard()
        scores = scoring.score(
            method,
            part,
            self.mask(canonical),
            self.metrics,
            count=count,
            device=self.device,
            beat=lambda done, total: self.heart.beat(f"scoring {canonical}", done, total),
            guard=guard,
            kept=self._answers(),
        )
        safe = brackets.file_name(key)
        files = {f"scores/{safe}.csv": scores.csv()}
        if "guesses" in self.spec["keep"]:
            files[f"guesses/{safe}.npy"] = scores.npy()
        entry, now = scoring.entry(scores, scores.metrics, f"scores/{safe}.csv"), scoring.described(scores.metrics)
        others = [other for name, other in told["scores"].items() if name != key and other["status"] == "ok"]
        had = told["metrics"] if others else now  # every mask has them, by one source
        kept = {name: metric for name, metric in had.items() if name in now and now[name].get("code") == metric.get("code")}
        broken = {metric.label for metric in self.metrics} - now.keys()
        if lost := ", ".join(sorted(told["metrics"].keys() - kept.keys() - broken)):
            guard.tell(f"no longer scored by {lost}, not loaded or perhaps another by now: inbench score --plugin FILE.py")
        entry |= {
            "warnings": [*guard.told, *(about_overlap(self.data.part("train"), part) if self.cls.learns() else ())],
            "costs": {**scores.costs, "cpu_seconds": round(time.process_time() - began, 1)},
            "shown": self._shown(told, key),
            "guesses": f"guesses/{safe}.npy" if "guesses" in self.spec["keep"] else None,
        }
        told, gone = self._with_scores({**told, "metrics": kept}, key, entry)
        disk.commit(self.final, {**files, "run.json": disk.to_json(told)}, remove=gone)
        return told

    def not_scored(self, told: dict[str, Any], key: str, status: str, reason: str) -> dict[str, Any]:
        """Add to the record why there are no scores on one test mask; scores on fewer pictures stay."""
        if told["scores"].get(key, {}).get("status") == "ok":
            return told
        scores = {**told["scores"], key: records.nothing(status, reason, self._shown(told, key))}
        told = {**told, "scores": scores, "written": clock.utc()}
        disk.commit(self.final, {"run.json": disk.to_json(told)})
        return told

    def came_to(self, error: BaseException) -> tuple[str, str]:
        """The status and the reason that an error comes to, the line of the method's own code in it; prints the traceback."""
        traceback.print_exception(error)
        reason = str(error) if isinstance(error, scoring.WrongAnswer | UserError) else f"{type(error).__name__}: {error}"
        if isinstance(error, SystemExit):
            reason = f"called sys.exit({error.code!r})"
        if where := registry.line_in(self.cls, error):
            reason += f" ({Path(where).name})"
        return "oom" if out_of_memory(error) else "failed", reason

    def _shown(self, told: Mapping[str, Any], key: str) -> str:
        """What people call a mask and the part of the pictures."""
        canonical, part = records.mask_and_part(key)
        own = self.spec["labels"]["masks"].get(canonical)
        return str(told["scores"][key]["shown"]) if own is None else records.score_key(own, part)

    def _is_there(self, told: dict[str, Any], key: str) -> bool:
        """Whether a record has these scores, on as many pictures and by all its metrics."""
        had = told["scores"].get(key)
        ok = had is not None and had["status"] == "ok" and had["n"] >= self.spec["wanted"]
        return ok and all(name in had["means"] for name in told["metrics"])

    def _with_scores(self, told: dict[str, Any], key: str, entry: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A record with scores in it, and the files that it needs no more: those of an older source of the mask."""
        peaks = {"peak_memory_bytes": self.memory.peak, "peak_cuda_bytes": self._peak_cuda()}
        most = {name: max(told["costs"].get(name) or 0, peak) for name, peak in peaks.items() if peak is not None}
        older = {name: old for name, old in told["scores"].items() if name != key and old["shown"] == entry["shown"]}
        others = {name: old for name, old in told["scores"].items() if name not in older}
        own = self.spec["labels"]
        labels = {**told["labels"], "masks": {**told["labels"]["masks"], **own["masks"]}}
        if labels["any_budget"]:  # called by the last one that scored it
            labels["budget"] = own["budget"]
        gone = tuple(str(old[name]) for old in older.values() for name in ("file", "guesses") if old.get(name))
        new = {"labels": labels, "scores": {**others, key: entry}, "costs": told["costs"] | most, "written": clock.utc()}
        return {**told, **new}, gone

    def _peak_cuda(self) -> int | None:
        """Most of the device's memory that tensors held so far, in bytes; None where there is no CUDA."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def _terms(self) -> str | None:
        """What the user of the data set had to accept; None where that is not known any more."""
        found = self.registry.plugins["dataset"].get(str(self.data.manifest.get("name")))
        return None if found is None else str(found.cls.terms)

    def _start(self) -> str | None:
        """The name of the run whose checkpoint this one began from."""
        told = read_object(self.work / "start.json").get("start")
        return None if told is None else str(told)

    def gave_up(self, status: str, reason: str) -> None:
        records.give_up(self.spec, self.provenance(), status, reason)

    def provenance(self) -> dict[str, Any]:
        """What else the numbers may depend on."""
        return {
            **self.spec["provenance"],
            "data": {"licence": self.data.manifest.get("licence"), "terms": self._terms()},
            "origin": self.plugin.origin if self.plugin.origin.startswith("inbench") else Path(self.plugin.origin).name,
            "version": self.plugin.version,
            "python": platform.python_version(),
            "libraries": {name: metadata.version(name) for name in ("torch", "numpy", "scikit-image")} | imported_by(self.cls),
            "hardware": fingerprint(self.spec["device"]),
            "device": self.spec["device"],
            "threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }


def imported_by(cls: type) -> dict[str, str]:
    """The versions of what else the file of a plugin imports, by the name of the module: its answers are theirs."""
    held = vars(sys.modules[cls.__module__]).values()
    names = {one.__name__.partition(".")[0] for one in held if isinstance(one, ModuleType)}
    others = sorted(names - {"inbench", "numpy", "torch"} - sys.stdlib_module_names)
    return {name: str(version) for name in others if (version := getattr(sys.modules.get(name), "__version__", None))}


def curve_csv(progress: training.Progress) -> bytes:
    """A row a step: its losses, and the validation PSNR where it was watched."""
    watched = {row["step"]: row["psnr"] for row in progress.validation}
    names = [name for name in dict.fromkeys(name for row in progress.curve for name in row) if name != "step"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", *names, "val_psnr"])
    for row in progress.curve:
        writer.writerow(
            [row["step"], *(f"{row[name]:.8g}" if name in row else "" for name in names), watched.get(row["step"], "")]
        )
    return text.getvalue().encode()


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: done or skipped; 1: failed, and the record says why; INTERRUPTED: the next start goes on."""
    spec = json.loads(Path(arguments[0]).read_text())
    torch.set_num_threads(spec["threads"])
    for file, wanted in spec["plugins"].items():
        if hashlib.sha256(Path(file).read_bytes()).hexdigest() != wanted:
            raise UserError(f"the plugin file {file} changed after the run was planned; run the command again")
    worker = Worker(spec)
    try:
        with worker.memory:
            whole = worker.work_through()
    except Interrupted:
        return INTERRUPTED
    except Unavailable as error:
        worker.gave_up("skipped", str(error))
        whole = True
    except training.Diverged as error:
        worker.gave_up("diverged", str(error))
        return 1
    except (Exception, SystemExit) as error:  # plugins are other people's code: whatever they raise is a row
        if disk_full(error):
            traceback.print_exc()
            return NO_ROOM
        worker.gave_up(*worker.came_to(error))
        return 1
    if not whole:
        return 1
    shutil.rmtree(worker.work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    faulthandler.enable(all_threads=False)
    ended = main(sys.argv[1:])
    if ended == INTERRUPTED:
        end_by_interrupt()
    sys.exit(ended)
