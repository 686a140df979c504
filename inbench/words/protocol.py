"""Protocol: what is the same for every method, and printed under every table; a change of any of it is another version."""

from __future__ import annotations

PROTOCOL = 1
PROTOCOL_LINE = (
    f"Protocol {PROTOCOL}: l2 is 100 x mean squared error over the hole, pixels in [-1, 1]; psnr is the mean over images of "
    "the PSNR over the hole, pixels in [0, 1]; psnr-pooled takes the mean squared error first; ssim is on the completed image "
    "(11x11 Gaussian, sigma 1.5, valid windows, mean of R, G, B); all after rounding to 8 bits, known pixels pasted back, "
    "the same holes for every method."
)
MSE_FLOOR = 1 / (12 * 255**2)
"""The mean squared error of rounding to 8 bits: no picture of 8 bits is measured more finely than this."""
PRIMARY = "psnr-pooled"
"""The metric that whatever was scored was scored by, and that verdicts are given on."""
PRIMARY_MASK = "center"
"""Where the one claim of a comparison is made unless another hole is named; all else is secondary: shown, claimed by nobody."""
MARGINS = {"psnr": 0.1, "psnr-pooled": 0.1, "psnr-completed": 0.1, "ssim": 0.005, "ssim-hole": 0.005}
"""What counts as a difference: the best is bold with all that lies within it, and within it two methods are equivalent."""
FLOOR = "linear"
"""A linear map from the known pixels, in closed form: what a network has to pass to be worth its training."""
