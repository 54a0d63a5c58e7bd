"""Files that Spark can reach, wherever they are: in folders of this machine, or on S3 through Hadoop's file systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEAD = 1 << 20  # bytes of a text file that contain its header
TAIL = 1 << 24  # bytes of a Parquet file that contain its description

_SCHEME = re.compile(r"([a-z][a-z0-9]+):/+(.*)", re.DOTALL)


def location(path: object) -> str:
    """An argument as a place: argparse's Path makes `s3:/bucket/key` of a URI. Empty scheme: a path of this machine."""
    found = _SCHEME.fullmatch(str(path))
    if found is None or found[1] == "file":
        return str(Path("/", found[2]) if found else Path(path).absolute())  # type: ignore[arg-type]
    return f"{found[1]}://{found[2]}"


def is_remote(place: str) -> bool:
    return "://" in place


def uri_of(file: str | Path) -> str:
    """What Spark is given to read or write; without a scheme it might look in HDFS."""
    return str(file) if is_remote(str(file)) else f"file:{Path(file).absolute()}"


class Storage:
    """Hadoop's file systems."""

    def __init__(self, spark: Any) -> None:
        self._jvm = spark._jvm
        self._configuration = spark._jsc.hadoopConfiguration()

    def known_as(self, uri: str) -> str:
        """What Spark calls a file in `_metadata.file_path`."""
        return str(self._jvm.org.apache.hadoop.fs.Path(uri).toUri().toString())

    def files(self, place: str) -> Iterator[tuple[str, int]]:
        """(URI, bytes) of each file at or below a place; nothing if there is none."""
        path, system = self._opened(place)
        if not system.exists(path):
            return
        found = system.listFiles(path, True)
        while found.hasNext():
            status = found.next()
            yield str(status.getPath().toString()), int(status.getLen())

    def mirror(self, place: str, folder: Path) -> Path:
        """The files below a remote place with the same names, but only the part that describes each: see HEAD, TAIL."""
        root = folder / place.rstrip("/").rpartition("/")[2]
        for uri, size in self.files(place):
            below = uri.removeprefix(place.rstrip("/")).lstrip("/")
            file = root / below if below else root
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as opened:
                if file.suffix.lower() == ".parquet":
                    opened.truncate(size)  # nothing before is read
                    opened.seek(max(0, size - TAIL))
                    opened.write(self.read(uri, max(0, size - TAIL), min(size, TAIL)))
                else:
                    opened.write(self.read(uri, 0, min(size, HEAD)))
        return root

    def read(self, uri: str, start: int, size: int) -> bytes:
        path, system = self._opened(uri)
        stream = system.open(path)
        try:
            stream.seek(start)
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream, size))
        finally:
            stream.close()

    def write(self, uri: str, content: bytes) -> None:
        path, system = self._opened(uri)
        stream = system.create(path, True)
        stream.write(bytearray(content))
        stream.close()

    def clear(self, place: str) -> None:
        """Remove what is in a folder, but not the folder, which may be a mount."""
        path, system = self._opened(place)
        if system.exists(path):
            for status in system.listStatus(path):
                system.delete(status.getPath(), True)

    def _opened(self, place: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri_of(place))
        return path, path.getFileSystem(self._configuration)
