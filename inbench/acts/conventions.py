"""Conventions: the same guesses under each way that papers and their code have measured them, as data and a formula each.

Papers leave out region, range, window or mean, and the same guesses then differ by 6 dB or by 0.6 of SSIM. Only what was
measured in one way may be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inbench.acts.formulas import (
    Measure,
    NotHere,
    Pairs,
    Values,
    decibels,
    error,
    gauss,
    grey_of,
    grey_of_bgr,
    luma_8_bit,
    over_sum,
    psnr,
    psnr_with,
    relative,
    times_255,
    uniform,
)
from inbench.joints.decoding import WORKERS
from inbench.words.mask import Holes

AT_ONCE = 64


@dataclass(frozen=True)
class Convention:
    """One way to measure: what it is called, its region, range and formula in words, whose it is, and the formula itself.

    pooled: the PSNR of the mean over all images, in place of a mean over images.
    """

    name: str
    unit: str
    region: str
    range: str
    formula: str
    whose: str
    per_image: Measure
    pooled: bool = False

    @property
    def better(self) -> Literal["higher", "lower"]:
        return "lower" if self.unit in ("%", "/255") else "higher"


PATHAK = "Context Encoders (Pathak et al. 2016), tables"
MENG = "Dense Convolution GAN (Meng et al.), as its tables fit; BoyuanJiang/context_encoder_pytorch"
YU = "DeepFill (Yu et al. 2018, 2019): relative errors"
EDGE = "EdgeConnect, scripts/metrics.py"
AOT = "AOT-GAN, src/metric/metric.py"
LAMA = "LaMa, evaluation/losses/ssim.py; pytorch-ssim"
ZITS = "ZITS, src/inpainting_metrics.py as released"
LBAM = "LBAM, test_random_batch.py"
WANG = "Wang et al. 2004; MAT; mmagic; pyiqa's ssimc"
POOL = "torchmetrics; within a batch: LBAM, EdgeConnect's training log"
RAW = "whoever scores raw output"
CUT = "whoever scores the hole cut out"
OURS = "the protocol of inbench"

E2, E1 = "100 x mean of e^2", "100 x mean of abs(e)"
ROOT = "100 x mean over images of sqrt(mean of e^2)"
OWN2, OWN1 = "100 x sum of e^2 / sum of x^2", "100 x sum of abs(e) / sum of x"
SUMS = "100 x sum of abs(a - b) / sum of (a + b)"
MEAN, POOLED = "mean over images of 10 log10(1 / MSE)", "10 log10(1 / mean MSE of all images)"
FITS, ZEROS = "Gauss 11, windows that fit", "Gauss 11, zeros around the picture"
BOX7 = "uniform 7, sample covariance"

CONVENTIONS = (
    Convention("l2-hole-01", "%", "hole", "[0, 1]", E2, PATHAK, error("hole", 2, 100)),
    Convention("l2-hole-11", "%", "hole", "[-1, 1]", E2, f"{OURS} (l2); {MENG}", error("hole", 2, 400)),
    Convention("l2-whole-01", "%", "whole", "[0, 1]", E2, "common", error("whole", 2, 100)),
    Convention("l2-whole-11", "%", "whole", "[-1, 1]", E2, "common", error("whole", 2, 400)),
    Convention("rmse-hole", "%", "hole", "[0, 1]", ROOT, "common", error("hole", 2, 100, root=True)),
    Convention("rmse-whole", "%", "whole", "[0, 1]", ROOT, "DeepFill's issue 479", error("whole", 2, 100, root=True)),
    Convention("l2-relative-hole", "%", "hole", "[0, 1]", OWN2, YU, relative("hole", 2)),
    Convention("l2-relative-whole", "%", "whole", "[0, 1]", OWN2, YU, relative("whole", 2)),
    Convention("l1-hole-01", "%", "hole", "[0, 1]", E1, f"{PATHAK}; mmagic's MAE", error("hole", 1, 100)),
    Convention("l1-hole-11", "%", "hole", "[-1, 1]", E1, f"{OURS} (l1); {MENG}", error("hole", 1, 200)),
    Convention("l1-whole-01", "%", "whole", "[0, 1]", E1, f"common; {LBAM} (not in %)", error("whole", 1, 100)),
    Convention("l1-whole-255", "/255", "whole", "0..255", "mean of abs(e)", "PIC, util/evaluation.py", error("whole", 1, 255)),
    Convention("l1-relative-hole", "%", "hole", "[0, 1]", OWN1, YU, relative("hole", 1)),
    Convention("l1-relative-whole", "%", "whole", "[0, 1]", OWN1, YU, relative("whole", 1)),
    Convention("mae-sum-grey", "%", "whole, grey", "any", SUMS, EDGE, over_sum(grey=True)),
    Convention("mae-sum-rgb", "%", "whole", "any", SUMS, AOT, over_sum(grey=False)),
    Convention("psnr-hole", "dB", "hole", "[0, 1]", MEAN, f"{OURS} (psnr); {MENG}", psnr("hole")),
    Convention("psnr-hole-pooled", "dB", "hole", "[0, 1]", POOLED, f"{OURS} (psnr-pooled)", error("hole", 2, 1), pooled=True),
    Convention("psnr-whole", "dB", "whole", "[0, 1]", MEAN, f"{OURS} (psnr-completed); {AOT}; mmagic; MAT", psnr("whole")),
    Convention("psnr-whole-pooled", "dB", "whole", "[0, 1]", POOLED, POOL, error("whole", 2, 1), pooled=True),
    Convention("psnr-whole-grey", "dB", "whole, grey", "[0, 1]", MEAN, EDGE, psnr("whole", grey=True)),
    Convention("psnr-raw", "dB", "whole, known pixels not pasted back", "[0, 1]", MEAN, RAW, psnr("raw")),
    Convention("psnr-zits", "dB", "whole", "[0, 1]", "mean of 1 - 10 log10(MSE + 1e-7)", ZITS, psnr_with(1.0, 1e-7)),
    Convention("psnr-1e-8", "dB", "whole", "[0, 1]", "mean of -10 log10(MSE + 1e-8)", "deepinv; pyiqa", psnr_with(0.0, 1e-8)),
    Convention("ssim-gauss", "", "whole", "L = 1", FITS, f"{OURS} (ssim); {WANG}", gauss("valid")),
    Convention("ssim-gauss-zeros", "", "whole", "L = 1", ZEROS, LAMA, gauss("constant")),
    Convention("ssim-gauss-mirror", "", "whole", "L = 1", "Gauss 11, mirrored at the border", "torchmetrics", gauss("mirror")),
    Convention("ssim-uniform-7", "", "whole", "L = 1", BOX7, f"scikit-image's default; {AOT}", uniform(7)),
    Convention("ssim-grey-51", "", "whole, grey", "L = 1", "uniform 51, sample covariance", EDGE, uniform(51, prepare=grey_of)),
    Convention(
        "ssim-y", "", "whole, Y of YIQ", "8 bit, L = 255", f"{FITS}, contrast not below 0", "pyiqa's default ssim",
        gauss("valid", prepare=luma_8_bit, span=255, clamp=True),
    ),
    Convention("ssim-255-l1", "", "whole", "0..255, L = 1", ZEROS, LBAM, gauss("constant", prepare=times_255)),
    Convention("ssim-zits", "", "whole, grey of BGR", "L = 2", BOX7, ZITS, uniform(7, prepare=grey_of_bgr, span=2)),
    Convention(
        "ssim-hole-map", "", "hole, of the completed picture", "L = 1", "Gauss 11, windows centred in the hole",
        f"{OURS} (ssim-hole)", gauss("valid", region="hole"),
    ),
    Convention("ssim-crop-gauss", "", "hole, cut out", "L = 1", FITS, CUT, gauss("valid", region="crop")),
    Convention("ssim-crop-uniform-7", "", "hole, cut out", "L = 1", BOX7, CUT, uniform(7, region="crop")),
    Convention("ssim-crop-grey-7", "", "hole, cut out, grey", "L = 1", BOX7, CUT, uniform(7, region="crop", prepare=grey_of)),
)  # fmt: skip
"""Every convention, in the order of the table."""


def value(convention: Convention, guesses: NDArray[np.uint8], images: NDArray[np.uint8], holes: Holes) -> float:
    """The number under a convention. Raises `NotHere` where it says nothing about such pictures."""
    starts = range(0, len(images), AT_ONCE)

    def some(start: int) -> Values:
        here = slice(start, start + AT_ONCE)
        return convention.per_image(Pairs.of(guesses[here], images[here], holes[here]))

    with ThreadPoolExecutor(WORKERS) as pool:
        mean = float(np.concatenate(list(pool.map(some, starts))).mean())
    return float(decibels(np.float64(mean))) if convention.pooled else mean


def table(
    guesses: NDArray[np.uint8], images: NDArray[np.uint8], holes: Holes, conventions: Sequence[Convention] = CONVENTIONS
) -> list[dict[str, Any]]:
    """A row for each convention: its words, and its value, or why it has none."""
    made = []
    for one in conventions:
        names = ("name", "unit", "better", "region", "range", "formula", "whose")
        row: dict[str, Any] = {name: getattr(one, name) for name in names} | {"value": None, "why": ""}
        try:
            row["value"] = value(one, guesses, images, holes)
        except NotHere as reason:
            row["why"] = str(reason)
        made.append(row)
    return made
