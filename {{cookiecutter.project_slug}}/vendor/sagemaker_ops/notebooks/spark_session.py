"""Spark on this machine, for a notebook whose cells can also run on EMR Serverless."""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import UserError

LOGGING = Path(__file__).with_name("log4j2.properties")
MOST_ROWS = 2500  # that a cell gives to the notebook with -o, as in sparkmagic


class MissingSparkError(UserError):
    """Something that Spark needs is not installed. Jupyter shows the sentence alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def missing_for_spark() -> str:
    """One sentence: what Spark lacks on this machine and how to get it; empty if it has everything."""
    if find_spec("pyspark") is None:
        return "Spark is not installed: run `make spark` in the project's folder, and restart the kernel."
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")):
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "there is no `java` on the PATH"
        return f"Spark needs Java 17, but {where}: install it (openjdk-17-jre-headless on Debian and Ubuntu)."
    return ""


def start_spark(memory: str = "2g") -> Any:
    """Start Spark on all CPUs of this machine and return its session; in a notebook, `%%spark` cells run in it.

    memory: of the JVM. Times are in UTC, workers use this Python, and only errors are printed. A `%%spark` cell has
    variables of its own, as on EMR Serverless, where it runs on another machine; `%%spark -o name` copies its DataFrame
    `name` to the notebook. UserError if pyspark or Java is missing.
    """
    if why := missing_for_spark():
        raise MissingSparkError(why)
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"  # otherwise it warns about the name of the machine
    settings = {
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOGGING.as_uri()} -Duser.timezone=UTC",
        "spark.driver.memory": memory,
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),  # the default, 200, is for a cluster
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[*]").config(map=settings).getOrCreate()
    _register(session)
    return session


def _register(session: Any) -> None:
    """Make `%%spark` known to the notebook, if this is one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    names: dict[str, Any] = {"__name__": "__main__", "spark": session}

    def spark(line: str, cell: str) -> None:
        output = _output(line)
        tree, name = ast.parse(cell), shell.compile.cache(cell)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)
            if value is not None:
                print(repr(value))
        if output:
            shell.user_ns[output] = names[output].limit(MOST_ROWS).toPandas()

    shell.register_magic_function(spark, "cell", "spark")


def _output(line: str) -> str | None:
    parser = argparse.ArgumentParser(prog="%%spark", exit_on_error=False, add_help=False)
    parser.add_argument("-o", "--output")
    try:
        found, others = parser.parse_known_args(line.split())
    except argparse.ArgumentError as error:
        raise UserError(f"%%spark: {error}.") from None
    if others:
        raise UserError(f"%%spark here knows only -o NAME, not {' '.join(others)}.")
    output: str | None = found.output
    return output
