"""What a run will take: `python -m inbench.runs.estimates SPEC.json` times a few steps and answers of it, leaves nothing."""

from __future__ import annotations

import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inbench.acts import scoring, training
from inbench.acts.averaging import Averages
from inbench.joints.batches import Batches, to_image
from inbench.runs.worker import Worker
from inbench.words import clock, seeds
from inbench.words.errors import Unavailable
from inbench.words.method import Method

TRIAL_STEPS = 4
TRIAL_ANSWERS = 16
PATIENCE = 5.0
"""Seconds that a whole batch of answers may take."""
ROW_BYTES, LINE_BYTES = 120, 40
"""A row of scores, a step of the curve."""


def trial(spec: dict[str, Any]) -> dict[str, Any]:
    """Seconds, peak memory and bytes that the rest of a run will take, from steps and answers of a throwaway training.

    train_seconds: of all its steps, for comparison with its record.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker({**spec, "results": folder})
        with worker.memory:
            method = worker.build()
            averages = Averages(method, worker.run.ema)
            step = _seconds_a_step(worker, method) if spec["left"]["steps"] and worker.cls.learns() else 0.0
            answer = _seconds_an_image(worker, method)
        started = time.perf_counter() - began
    steps, images = spec["left"]["steps"], spec["left"]["answers"]
    watched = spec["val_times"] * spec["val_images"] * steps / worker.run.steps if steps and not worker.cls.one_pass else 0
    weights = sum(value.numel() * value.element_size() for value in method.state_dict().values())
    state = io.BytesIO()
    torch.save(training.state_of(method, averages, training.Progress()), state)
    pictures = images * worker.run.size**2 * 3 if "guesses" in spec["keep"] else 0
    return {
        "seconds": round(started + steps * step + (images + watched) * answer, 3),
        "train_seconds": round((worker.run.steps or 0) * step, 3),
        "peak_memory_bytes": worker.memory.peak,
        "disk_bytes": pictures
        + (weights if steps and "weights" in spec["keep"] else 0)
        + (len(state.getvalue()) if steps and "checkpoint" in spec["keep"] else 0)
        + ROW_BYTES * images
        + LINE_BYTES * steps,
        "checkpoint_bytes": len(state.getvalue()) if steps else 0,
    }


def _seconds_a_step(worker: Worker, method: Method) -> float:
    run = worker.run
    batches = Batches(
        worker.data.part("train"),
        worker.mask(str(run.train_mask)),
        batch=run.batch or 1,
        seed=run.seed or 0,
        device=worker.device,
        one_pass=worker.cls.one_pass,
    )
    seconds = []
    method.train()
    for step in range(min(TRIAL_STEPS, run.steps or 0)):
        began = clock.now(worker.device)
        training.seed_everything(seeds.stream(run.seed or 0, "method", step))
        method.progress = 0.0
        method.step(*batches.at(step))
        seconds.append(clock.now(worker.device) - began)
    if worker.cls.one_pass:
        method.finish()
    return statistics.median(seconds[1:] or seconds)  # the first one builds what later ones find


def _seconds_an_image(worker: Worker, method: Method) -> float:
    """Of a few, and of a whole batch, whose memory is that of a run, where that takes no longer than `PATIENCE`."""
    few = _seconds_of_answers(worker, method, TRIAL_ANSWERS)
    return _seconds_of_answers(worker, method, scoring.BATCH) if few * scoring.BATCH < PATIENCE else few


def _seconds_of_answers(worker: Worker, method: Method, count: int) -> float:
    part, spec = worker.data.part(worker.spec["part"]), worker.spec
    places = part.first(count)
    ids = [part.ids[place] for place in places]
    image = to_image(np.ascontiguousarray(part.images[places]), worker.device)
    hole = torch.from_numpy(worker.mask(spec["test_masks"][0]).draw(ids, worker.run.size)).to(worker.device)
    seed = torch.from_numpy(seeds.of_ids(ids, "answer", 0).astype(np.int64)).to(worker.device)
    method.eval()
    seconds = []
    for _ in range(2):
        began = clock.now(worker.device)
        scoring.answer(method, image.masked_fill(hole, 0), hole, seed)
        seconds.append(clock.now(worker.device) - began)
    return min(seconds) / len(ids)


def main(arguments: Sequence[str]) -> int:
    spec = json.loads(Path(arguments[0]).read_text())
    torch.set_num_threads(spec["threads"])
    try:
        print(json.dumps(trial(spec)))
    except Unavailable as error:
        print(json.dumps({"skipped": str(error)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
