"""Downloads the first rows of a table on S3, without the rest if the format allows it."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, AnyStr

CHUNK = 1 << 16
GZIP = b"\x1f\x8b"


def first_rows(
    client: Any, bucket: str, key: str, etag: str, size: int, rows: int, file: Path, encoding: str = "utf-8"
) -> int:
    """Write a table of the first `rows` rows to `file`; returns the number of bytes transferred.

    A file that is compressed whatever its name is stays so. encoding: of CSV.
    Raises what boto3 and pyarrow raise, gzip.BadGzipFile and EOFError.
    """
    where = {"Bucket": bucket, "Key": key, "IfMatch": etag}
    if key.lower().endswith(".parquet"):
        return _parquet(client, where, size, rows, file)
    # Only what is read is fetched. `with` on the body itself would give the stream that does not notice its early end.
    with closing(client.get_object(**where)["Body"]) as body:
        counted = _Counted(body)
        stream = io.BufferedReader(counted, CHUNK)
        if key.lower().endswith(".gz") or stream.peek(2).startswith(GZIP):
            with gzip.GzipFile(fileobj=stream) as lines, gzip.open(file, "wb") as to:
                to.writelines(_records(lines, rows, encoding))
        else:
            with file.open("wb") as to:
                to.writelines(_records(stream, rows, encoding))
        return counted.bytes


def _records(lines: Any, rows: int, encoding: str) -> Iterator[bytes]:
    """As `records`, from bytes to bytes: in UTF-16 and UTF-32, a line does not end at a single byte."""
    if not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        yield from records(lines, rows)
        return
    encoder = codecs.getincrementalencoder(encoding)()  # which writes one byte-order mark
    for line in records(io.TextIOWrapper(lines, encoding, newline="\n"), rows):
        yield encoder.encode(line)


def records(lines: Iterable[AnyStr], rows: int) -> Iterator[AnyStr]:
    """The lines of a CSV file's header and first `rows` records; a quoted value may continue on the next line."""
    quotes, seen = 0, 0
    for line in lines:
        yield line
        quotes += line.count('"' if isinstance(line, str) else b'"')
        seen += quotes % 2 == 0 and bool(line.strip())
        if seen > rows:
            return


class _Counted(io.RawIOBase):
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.bytes = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._stream.read(len(buffer))
        buffer[: len(read)] = read
        self.bytes += len(read)
        return len(read)


class _Ranges(io.RawIOBase):
    """An object that can be read at any position, one range at a time."""

    def __init__(self, client: Any, where: dict[str, str], size: int) -> None:
        self._client, self._where, self._size = client, where, size
        self._at, self.bytes = 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        found = self._client.get_object(**self._where, Range=f"bytes={self._at}-{end - 1}")["Body"].read()
        buffer[: len(found)] = found
        self._at += len(found)
        self.bytes += len(found)
        return len(found)


def _parquet(client: Any, where: dict[str, str], size: int, rows: int, file: Path) -> int:
    import pyarrow as pa  # takes 0.1 s
    import pyarrow.parquet as pq

    ranges = _Ranges(client, where, size)
    parquet = pq.ParquetFile(io.BufferedReader(ranges, CHUNK), pre_buffer=False)
    batches, left = [], rows
    for batch in parquet.iter_batches(batch_size=min(rows, 65_536)):  # unused row groups are not fetched
        batches.append(batch.slice(0, left))
        left -= batch.num_rows
        if left <= 0:
            break
    pq.write_table(pa.Table.from_batches(batches, parquet.schema_arrow), file)
    return ranges.bytes
