"""tiny-net keeps the contract of a method."""

from collections.abc import Callable

from inbench.testing import parametrize_with_checks
from inbench_tiny_net import TinyNet


@parametrize_with_checks([TinyNet])
def test_tiny_net_keeps_the_contract(check: Callable[[], None]) -> None:
    check()
