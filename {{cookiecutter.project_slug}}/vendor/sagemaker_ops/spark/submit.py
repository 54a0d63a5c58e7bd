"""The command that replaces `smspark-submit` and EMR's spark-submit here: the script itself.

The script makes its own session, on `local[*]` because nobody else has started one. It finds objects of S3 as files of
the run's store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sagemaker_ops.store import Store
from sagemaker_ops.tabular.spark.session import missing_here

# https://github.com/aws/sagemaker-spark-container: each has a value
OPTIONS = ("--py-files", "--jars", "--files", "--class", "--spark-event-logs-s3-uri", "--local-spark-event-logs-dir")
_URI = re.compile(r"s3a?://[^\s,]+")


def lacking() -> Iterator[str]:
    """A sentence if Spark cannot start here."""
    if missing := missing_here():
        yield missing


def replaced(argv: Sequence[str], store: Store) -> list[str]:
    """The command of a job that AWS starts with `smspark-submit`, as this machine runs it."""
    words = list(argv[1:])
    while words and words[0] in OPTIONS:
        del words[:2]
    return ["python3", words[0], *(here(word, store) for word in words[1:])]


def here(argument: str, store: Store) -> str:
    """An argument with each S3 URI in it as the path of a file or folder of the store."""
    return _URI.sub(lambda uri: str(store.locate(re.sub("^s3a", "s3", uri[0]))), argument)
