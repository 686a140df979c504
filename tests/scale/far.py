"""A file system that is far away: this machine's own files through sshfs, over a pipe in which every question waits."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

SERVER = Path("/usr/lib/openssh/sftp-server")


def lacking() -> str:
    """What there is not on this machine; empty where such a file system can be mounted."""
    if shutil.which("sshfs") is None or not SERVER.exists():
        return "sshfs not installed; on Debian: apt-get install sshfs openssh-sftp-server"
    return "" if os.access("/dev/fuse", os.W_OK) else "/dev/fuse cannot be opened here"


@contextlib.contextmanager
def mounted(folder: Path, at: Path, delay: float) -> Iterator[Path]:
    """A folder as it is seen from far away: each question takes `delay` seconds longer."""
    at.mkdir()
    script = at.with_name(f"{at.name}.sh")
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {delay}\n")
    script.chmod(0o755)
    subprocess.run(["sshfs", "-o", f"ssh_command={script}", f"far:{folder}", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


def pump(source: int, target: int, delay: float) -> None:
    """Bytes from one end to the other, late."""
    while data := os.read(source, 2**18):
        time.sleep(delay)
        while data:
            data = data[os.write(target, data) :]
    os.close(target)


def main() -> None:
    """What sshfs takes for ssh: a pipe to a server on this machine."""
    with subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        target = os.dup(server.stdin.fileno())
        server.stdin.close()  # the server ends when nobody can ask it any more
        threading.Thread(target=pump, args=(0, target, float(sys.argv[1])), daemon=True).start()
        pump(server.stdout.fileno(), os.dup(1), 0.0)


if __name__ == "__main__":
    main()
