"""A Slurm of one node on this machine: munged, slurmctld and slurmd of our own, on loopback, without systemd and cgroups."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
AWAY_SECONDS = 15.0
CONF = """
ClusterName=inbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdTimeout=5
KillWait=5
ReturnToService=2
MaxArraySize=1001
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=debug Nodes=node Default=YES MaxTime=60 DefMemPerCPU=500 State=UP
PartitionName=closed Nodes=node Default=NO MaxTime=60 State=DOWN
"""


def lacking() -> str:
    """What there is not on this machine; empty where a Slurm can be started."""
    missing = [name for name in NEEDED if not where(name)]
    return f"{', '.join(missing)} not installed; on Debian: apt-get install slurm-wlm munge" if missing else ""


def where(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Slurm:
    """The daemons, their configuration, and what is done to them."""

    name = "slurm"

    def __init__(self, folder: Path, *, cpus: int) -> None:
        self.folder, self.running = folder, dict[str, subprocess.Popen[bytes]]()
        self.conf = folder / "slurm.conf"
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        told = {"host": platform.node(), "user": getpass.getuser(), "folder": folder, "cpus": cpus}
        self.conf.write_text(CONF.format(port=free_port(), node_port=free_port(), **told))
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.environment = {**os.environ, "SLURM_CONF": str(self.conf)}

    def start(self) -> None:
        parts = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log",
                 "seed-file": "munge.seed"}  # fmt: skip
        self._start("munged", ["-F", "--force", *(f"--{name}={self.folder / file}" for name, file in parts.items())])
        until(lambda: (self.folder / "munge.socket").exists(), "munged")
        self._start_controller()
        self.start_node()

    def _start_controller(self) -> None:
        self._start("slurmctld", ["-D", "-f", str(self.conf)])

    def start_node(self, *before: str) -> None:
        """slurmd; before: words in front of its command."""
        self._start("slurmd", ["-D", "-N", "node", "-f", str(self.conf)], before)
        until(lambda: self.said("sinfo", "-h", "-o", "%T").split()[:1] in (["idle"], ["mixed"], ["allocated"]), "slurmd")

    def _start(self, name: str, words: Sequence[str], before: Sequence[str] = ()) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self.running[name] = subprocess.Popen(
                [*before, str(where(name)), *words], stdout=out, stderr=out, env=self.environment, start_new_session=True
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait(20)

    def said(self, *words: str) -> str:
        """What one of Slurm's commands says."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout

    def words(self) -> list[str]:
        """What `inbench run` needs to use it."""
        return ["--executor", "slurm", "--executor-option", "memory=600M"]

    def strikes(self) -> dict[str, Callable[[], None]]:
        """What goes wrong."""
        return {
            "scancel": self.cancel,
            "scontrol requeue": self.requeue,
            "kill -9 of slurmd": self.lose_the_node,
            "kill -9 of slurmctld": self.lose_the_controller,
        }

    def cancel(self) -> None:
        self.said("scancel", "--user", getpass.getuser())

    def requeue(self) -> None:
        """As Slurm does with jobs that have to give way: back to the queue, whatever they are at."""
        for job in self.said("squeue", "--noheader", "--states=RUNNING", "-o", "%A").split():
            self.said("scontrol", "requeue", job)

    def lose_the_node(self) -> None:
        """slurmd dies, the controller gives the node up and its jobs back to the queue, slurmd comes again."""
        self.kill("slurmd")
        until(lambda: self.said("sinfo", "-h", "-o", "%T").strip().startswith("down"), "the loss of the node")
        self.start_node()

    def lose_the_controller(self) -> None:
        """Nobody answers for a while; what runs runs on."""
        self.kill("slurmctld")
        time.sleep(AWAY_SECONDS)
        self._start_controller()

    def stop(self) -> None:
        self.said("scancel", "--full", "--signal=KILL", "--user", getpass.getuser())
        for name in ("slurmd", "slurmctld", "munged"):
            if name in self.running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.kill(name, signal.SIGTERM)


def until(true: object, what: str, seconds: float = 60.0) -> None:
    """Wait for something; an error says what did not come."""
    began = time.monotonic()
    while not true():  # type: ignore[operator]
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what} did not come in {seconds:g} seconds")
        time.sleep(0.05)


@contextlib.contextmanager
def slurm(folder: Path, *, cpus: int = 4) -> Iterator[Slurm]:
    """A Slurm for as long as this is open."""
    machine = Slurm(folder, cpus=cpus)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()
