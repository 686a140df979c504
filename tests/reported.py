"""A results folder such as a report has to stand: learners, a failure, names that would like to be markup."""

from __future__ import annotations

from pathlib import Path

from conftest import AUTO, FOOT, HEAD, TINY, Child, workers

import inbench
from inbench.words import disk, records

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
ENDING = "</script><script>document.title='owned'</script>"
"""What would end a script that holds it as text."""
FAILS = f"""
class Fails(Learner):
    name = "fails"

    def step(self, image, hole):
        print({ENDING!r})
        raise RuntimeError({ENDING!r})
"""


def made(folder: Path) -> Path:
    """The folder; what learned is called by a name that is an element, in the tables, the curves and the gallery."""
    plugin = folder / "fails.py"
    plugin.write_text(HEAD + FAILS + FOOT)
    results = folder / "results"
    with workers(Child):
        inbench.run(
            f"mean-fill,linear,nearest,{AUTO},fails",
            **{**TINY, "test_masks": "center,thick", "results": results},
            plugins=[str(plugin)],
        )
    for record in records.all_of(results):
        if record.told["run"]["method"] == "autoencoder":
            labels = {**record.told["labels"], "method": HOSTILE, "notes": [ENDING]}
            disk.commit(record.folder, {"run.json": disk.to_json({**record.told, "labels": labels})})
    return results
