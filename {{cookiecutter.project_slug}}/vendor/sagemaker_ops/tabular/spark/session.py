"""The Spark session of a step: on this machine, or the one that spark-submit has prepared."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagemaker_ops.tabular.errors import StepError

BATCH_ROWS = 1 << 16  # between Spark and Python at once
HERE = "PYSPARK_GATEWAY_PORT" not in os.environ  # otherwise spark-submit has started this process
LOGGING = """\
status = off
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %m%n
rootLogger.level = off
rootLogger.appenderRef.console.ref = console
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = off
"""  # The gateway's level becomes that of the root, with a notice if it is another one.
# Dates and numbers as they are: no rules of Spark's own.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.sql.files.ignoreCorruptFiles": "false",
}


def missing_here() -> str:
    """What Spark lacks on this machine, in one sentence; empty if it can start."""
    if not find_spec("pyspark") or not find_spec(
        "distutils"
    ):  # pyspark imports it; since Python 3.12 setuptools has it
        return 'pyspark is not installed: run `make setup`, or write engine = "pandas" in project.toml [data].'
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and os.access(Path(home, "bin", "java"), os.X_OK))):
        return (
            "Spark needs Java 17, and there is no `java` here: install it, such as the package "
            'openjdk-17-jre-headless, or write engine = "pandas" in project.toml [data].'
        )
    return ""


@contextmanager
def spark_session() -> Iterator[Any]:
    """A session that ends with the block; StepError if Java or pyspark is missing."""
    if HERE and (missing := missing_here()):
        raise StepError(missing.rstrip("."))
    with tempfile.TemporaryDirectory() as folder:
        spark = _start(Path(folder))
        try:
            yield spark
        finally:
            spark.stop()


def _start(folder: Path) -> Any:
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # in the workers
    if HERE:
        os.environ.update(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable)
        os.environ.pop("SPARK_HOME", None)
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder.appName("processing")
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    if HERE:
        logging = folder / "log4j2.properties"
        logging.write_text(LOGGING, encoding="utf-8")
        builder = builder.master("local[*]")
        for key, value in {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": f"{_memory()}g",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{logging} -XX:+UseParallelGC",
            "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
            "spark.local.dir": str(folder),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }.items():
            builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.addPyFile(str(_code(folder)))
    return spark


def _memory() -> int:
    """Of the JVM on this machine, in GB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return max(1, min(4, int(total / 2)))


def _code(folder: Path) -> Path:
    """The part of the library for steps as an archive for the workers."""
    import sagemaker_ops

    package = Path(sagemaker_ops.__file__).parent
    archive = folder / "sagemaker_ops.zip"
    if not package.is_dir():  # in the archive of --py-files, which they have
        return package.parent
    with zipfile.ZipFile(archive, "w") as packed:
        for file in [package / "__init__.py", *sorted((package / "tabular").rglob("*.py"))]:
            packed.write(file, file.relative_to(package.parent))
    return archive
