"""colour-error: how far the mean colour of the hole is off; put your measure in its place."""

from collections.abc import Mapping

from torch import Tensor

from inbench import Metric, hookimpl

INBENCH_API = 1  # the version of the hooks that this was written for


class ColourError(Metric):
    name = "colour-error"
    unit = "/255"
    better = "lower"
    region = "hole"
    about = "how far the mean colour of the hole is off, mean of red, green and blue, in 8-bit levels"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        pixels = hole.sum((2, 3))  # [N, 1]
        off = ((completed - image) * hole).sum((2, 3)) / pixels  # [N, 3], in [-1, 1]
        return {"colour-error": 255 * off.abs().mean(1)}


@hookimpl
def inbench_metrics() -> list[type[Metric]]:
    return [ColourError]
