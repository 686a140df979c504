"""Files where a user keeps them: in a folder, or in a zip that is read in place and never unpacked."""

from __future__ import annotations

import hashlib
import lzma
import stat
import tokenize
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from inbench.words.errors import UserError

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, NotImplementedError, ValueError, EOFError, KeyError,
    SyntaxError, tokenize.TokenError, OverflowError,  # numpy reads the head of an array as Python, and believes its shape
)  # fmt: skip
"""What reading a damaged file or archive may end in."""
MOST_BYTES = 2**28
"""A larger file is no picture and no list of any data set."""
MOST_BYTES_OF = {".safetensors": 2**32, ".npy": 2**32}
"""But for what holds weights or many pictures."""
LEAST_DIGITS = 12
"""Of a SHA-256: nobody comes upon another file that begins like that."""
MOST_GROWTH = 200
"""A member of an archive that unpacks to more times its size is a bomb; pictures hardly shrink at all."""


class Files:
    """The files under a folder or in a zip, by their names relative to it, with `/`; a single folder around all is left off.

    Raises `UserError` where the source is neither, or an archive is not safe to read: names that lead out of it, links,
    encrypted, doubled or exploding members.
    """

    def __init__(self, source: Path) -> None:
        self.source = source
        self.archive: zipfile.ZipFile | None = None
        if source.is_dir():
            found = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
        else:
            self.archive = _opened(source)
            found = sorted(_safe(source, self.archive))
        found = [name for name in found if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]
        if odd := [name for name in found if any("\ud800" <= letter <= "\udfff" for letter in name)]:
            raise UserError(f"{source}: the name {odd[0]!a} is not UTF-8; rename it")
        self.inside = _only_folder(found)
        self.names = [name[len(self.inside) :] for name in found]
        self.known = set(self.names)

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises `UserError` where it cannot be read."""
        try:
            if self.archive is not None:
                with self.archive.open(self.inside + name) as file:
                    return file.read()
            path = self.source / (self.inside + name)
            if path.stat().st_size > most_bytes(name):
                raise UserError(f"{self.source}: {name} has {path.stat().st_size / 2**20:.0f} MB: no picture, no list")
            return path.read_bytes()
        except DAMAGE as error:
            raise UserError(f"{self.source}: {name} cannot be read: {error}") from error

    def size(self, name: str) -> int:
        """How many bytes a file has, or would have when unpacked."""
        if self.archive is not None:
            return self.archive.getinfo(self.inside + name).file_size
        return (self.source / (self.inside + name)).stat().st_size

    def leads_out(self, name: str) -> bool:
        """Whether a file of a folder is a link to one that is not under it."""
        path = self.source / (self.inside + name)
        return self.archive is None and not path.resolve().is_relative_to(self.source.resolve())

    def text(self, name: str) -> str:
        """A list as text, whatever its line ends. Raises `UserError` where it is none."""
        data = self.read(name)
        if wrong := impostor(data):
            raise UserError(f"{self.source}: {name} {wrong}")
        try:
            return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.source}: {name} is not UTF-8: {error}") from error

    def pictures(self) -> list[str]:
        """The names that end like a picture's."""
        return [name for name in self.names if PurePosixPath(name).suffix.lower() in ENDINGS]

    def find(self, name: str) -> str | None:
        """Where a file of that own name lies, the shortest way down; None where there is none."""
        return min((found for found in self.names if PurePosixPath(found).name == name), key=len, default=None)


def most_bytes(name: str) -> int:
    """How large a file may be, by the end of its name."""
    return MOST_BYTES_OF.get(PurePosixPath(name).suffix, MOST_BYTES)


LOOKED_AT = 20
"""Pictures at most that are opened to see whether they are any."""


def first_impostor(source: Path) -> str:
    """Where there are few pictures, the first that is none, and what it is; empty where all may be some."""
    try:
        files = Files(source)
        told = ((name, impostor(files.read(name))) for name in files.pictures()[:LOOKED_AT])
        return next((f"{name} {wrong}" for name, wrong in told if wrong), "")
    except UserError:
        return ""


def known_file(path: str, sha256: str) -> bytes:
    """The bytes of a file that has to be a certain one: its SHA-256, or the first 12 digits or more of it.

    For weights that somebody else trained: a file that is loaded may run as code. Raises `UserError` where it is another.
    """
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); write the path of the file") from None
    found = hashlib.sha256(data).hexdigest()
    if len(sha256) < LEAST_DIGITS or not found.startswith(sha256.lower()):
        raise UserError(f"the SHA-256 of {path} is {found}, not {sha256!r}; the first {LEAST_DIGITS} digits will do")
    return data


def impostor(data: bytes) -> str:
    """What stands in place of a file that was not really fetched; empty where it seems to be one."""
    if not data:
        return "is empty"
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return "is an HTML page, what a server sends in place of a file that is not there"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer; fetch the file itself with git lfs pull"
    return ""


def _opened(source: Path) -> zipfile.ZipFile:
    if source.name.endswith((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")):
        raise UserError(f"{source} is a tar archive; unpack it (tar xf {source.name}) and name the folder")
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"{source} is neither a folder nor a readable zip: {error}") from error


def _safe(source: Path, archive: zipfile.ZipFile) -> list[str]:
    """The names in a zip whose every member may be read."""
    seen: set[str] = set()
    for member in archive.infolist():
        name, wrong = member.filename, ""
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or (len(name) > 1 and name[1] == ":"):
            wrong = "leads out of the archive"
        elif stat.S_ISLNK(member.external_attr >> 16):
            wrong = "is a link"
        elif member.flag_bits & 1:
            wrong = "is encrypted"
        elif name in seen:
            wrong = "is in it twice"
        elif member.file_size > most_bytes(name) or member.file_size > 2**20 + MOST_GROWTH * member.compress_size:
            wrong = f"would unpack to {member.file_size / 2**20:.0f} MB"
        if wrong:
            raise UserError(f"{source} is not read: its member {name!r} {wrong}")
        seen.add(name)
    return [name for name in seen if not name.endswith("/")]


def _only_folder(names: list[str]) -> str:
    """The folder, or folders one in the other, that hold everything: `a/b/`; empty where there is none."""
    if not names:
        return ""
    parts = [name.split("/")[:-1] for name in (min(names), max(names))]
    shared = []
    for one, other in zip(*parts, strict=False):
        if one != other:
            break
        shared.append(one)
    return "".join(f"{part}/" for part in shared)
