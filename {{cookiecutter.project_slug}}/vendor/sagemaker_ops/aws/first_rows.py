"""Downloads the first rows of a table on S3, without the rest if the format allows it."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

CHUNK = 1 << 16


def first_rows(client: Any, bucket: str, key: str, etag: str, size: int, rows: int, file: Path) -> int:
    """Write a table of the first `rows` rows to `file`; returns the number of bytes transferred.

    Raises what boto3 and pyarrow raise, gzip.BadGzipFile and EOFError.
    """
    where = {"Bucket": bucket, "Key": key, "IfMatch": etag}
    if key.lower().endswith(".parquet"):
        return _parquet(client, where, size, rows, file)
    # Only what is read is fetched. `with` on the body itself would give the stream that does not notice its early end.
    with closing(client.get_object(**where)["Body"]) as body:
        counted = _Counted(body)
        stream = io.BufferedReader(counted, CHUNK)
        if key.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=stream) as lines, gzip.open(file, "wb") as to:
                to.writelines(records(lines, rows))
        else:
            with file.open("wb") as to:
                to.writelines(records(stream, rows))
        return counted.bytes


def records(lines: Iterable[bytes], rows: int) -> Iterator[bytes]:
    """The lines of a CSV file's header and first `rows` records; a quoted value may continue on the next line."""
    quotes, seen = 0, 0
    for line in lines:
        yield line
        quotes += line.count(b'"')
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
