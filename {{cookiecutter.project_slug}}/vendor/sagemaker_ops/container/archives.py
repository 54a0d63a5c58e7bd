"""The tar.gz archives of training jobs: code in, model and output out."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from sagemaker_ops.errors import UserError

BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What reading an archive raises if it is damaged; OSError is only for the disk."""


def pack(folder: Path, archive: Path) -> None:
    """Pack every file of the folder, with members at the root. The same content gives the same bytes."""
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", dereference=True) as tar,
    ):
        for path in sorted(path for path in folder.rglob("*") if path.is_file() or path.is_dir()):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into the folder and nowhere else; UserError if a member leads outside or it is not an archive."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(folder, filter="data")
            else:
                _extract_plain(tar, folder)
            while tar.fileobj is not None and tar.fileobj.read(1 << 20):
                pass  # the checksum is at the end
    except BROKEN as error:
        raise UserError(f"{archive.name} cannot be unpacked: {error}.") from error


def _extract_plain(tar: tarfile.TarFile, folder: Path) -> None:
    """Like the filter `data`, which Python has since 3.11.4, but only for files and folders, as in code archives."""
    for member in tar.getmembers():
        member.name = member.name.lstrip("/")
        if ".." in PurePosixPath(member.name).parts or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"'{member.name}' is not a file or folder inside it")
        tar.extract(member, folder)
