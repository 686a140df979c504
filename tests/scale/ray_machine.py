"""A Ray cluster of two nodes on this machine, on loopback: started with `ray start`, one node of which may be killed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from slurm_machine import free_port, until

RAY = [str(Path(sys.executable).with_name("ray"))]


def lacking() -> str:
    return "" if importlib.util.find_spec("ray") else "ray not installed; pip install 'inbench[ray]'"


class Cluster:
    """A head and, beside it, a second node."""

    name = "ray"

    def __init__(self, folder: Path, cpus: int) -> None:
        self.folder, self.cpus, self.port = folder, cpus, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {
            **os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder),
            "RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "4",
            "RAY_health_check_initial_delay_ms": "1000",
        }  # fmt: skip
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, nodes: int) -> None:
        self.add("--head", f"--port={self.port}", "--include-dashboard=false", f"--num-cpus={self.cpus}")
        for _ in range(nodes - 1):
            self.add(f"--address={self.address}", f"--num-cpus={self.cpus}")

    def add(self, *words: str) -> None:
        """One node, in a session of its own."""
        common = ["start", "--block", "--node-ip-address=127.0.0.1", "--object-store-memory=80000000", "--disable-usage-stats"]
        with (self.folder / f"node-{len(self.nodes)}.out").open("ab") as out:
            self.nodes.append(
                subprocess.Popen([*RAY, *common, *words], stdout=out, stderr=out, env=self.environment, start_new_session=True)
            )
        until(lambda: b"Ray runtime started" in (self.folder / f"node-{len(self.nodes) - 1}.out").read_bytes(), "ray start", 90)

    def kill(self, number: int) -> None:
        """SIGKILL to all of a node's own processes at once, as when a machine goes down; not to what its tasks started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.nodes[number].pid, signal.SIGKILL)
        self.nodes[number].wait(20)

    def words(self) -> list[str]:
        """What `inbench run` needs to use it."""
        return ["--executor", "ray", "--executor-option", f"address={self.address}"]

    def strikes(self) -> dict[str, Callable[[], None]]:
        """What goes wrong."""
        return {"kill -9 of a node": lambda: self.kill(1)}

    def stop(self) -> None:
        for number in range(len(self.nodes)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.kill(number)


@contextlib.contextmanager
def ray_cluster(*, cpus: int = 2, nodes: int = 2) -> Iterator[Cluster]:
    """A cluster for as long as this is open. Its sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder), cpus)
        try:
            cluster.start(nodes)
            yield cluster
        finally:
            cluster.stop()
