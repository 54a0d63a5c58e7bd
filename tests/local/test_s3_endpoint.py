"""Scripts that read and write S3 themselves, with boto3 and others: which they are, and what they find here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from local.behaving import both_ways, statuses
from local.conftest import only_root
from projects import NO_BYTECODE
from runners import VENDOR, start, wait_for

from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.plan import parse
from sagemaker_ops.local import preview
from sagemaker_ops.local.selection import Selection
from sagemaker_ops.preflight import programs
from sagemaker_ops.preflight.inputs import missing_inputs
from sagemaker_ops.s3 import endpoint
from sagemaker_ops.s3.endpoint import S3Endpoint
from sagemaker_ops.store import Store

# Which steps need it


def uses_s3(local: Any, step: dict[str, Any]) -> bool:
    plan, problems = parse(local.definition(step))
    assert problems == []
    return programs.uses_s3(plan.steps[step["Name"]], Scope(), local.store)


@pytest.mark.parametrize(
    ("script", "uses"),
    [
        ("import boto3", True),
        ("import json, boto3 as aws", True),
        ("from botocore.config import Config", True),
        ("def read():\n    import boto3", True),
        ("try:\n    import awswrangler as wr\nexcept ImportError:\n    wr = None", True),
        ("class A:\n    def read(self):\n        from sagemaker.s3 import S3Downloader", True),
        ("import s3fs", True),
        ("import pandas\npandas.read_csv('s3://bucket/a.csv')", True),
        ("import pandas\npandas.read_csv(f's3://{1}/a.csv')", True),
        ("def main(parser):\n    parser.add_argument('--out', default='s3://bucket/out')", True),
        ("import helpers", True),
        ("def read():\n    import helpers", True),
        ("from inside.reading import read", True),
        ("import json", False),
        ("# import boto3", False),
        ("'''import boto3 to read s3://bucket/a.csv'''", False),
        ("TEXT = 'import boto3'", False),
        ("def check(uri):\n    return uri.startswith('s3://')", False),
        ("import sagemaker_training", False),
        ("from plain import numbers", False),
        ("import boto3 as", False),
    ],
)
@pytest.mark.parametrize("kind", ["processing", "training"])
def test_a_script_that_imports_a_client_of_s3_uses_it(local: Any, kind: str, script: str, uses: bool) -> None:
    beside = {
        "helpers.py": "def read():\n    import boto3",
        "inside/__init__.py": "",
        "inside/reading.py": "import boto3",
        "plain/__init__.py": "numbers = 1",
        "plain/sagemaker_notes.py": "# sagemaker-training",
    }
    step = getattr(local, kind)("A", script)
    if kind == "processing":
        for name, text in beside.items():
            local.store.put(f"s3://bucket/code/A/{name}", text.encode())
    else:
        local.put_archive("s3://bucket/code/A/sourcedir.tar.gz", {"train.py": script, **beside})

    assert uses_s3(local, step) is uses


def test_without_moto_a_step_that_needs_it_is_refused_before_the_start(
    local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "is_available", lambda: False)
    plan, _ = parse(local.definition(local.processing("A", "import boto3"), local.processing("B", "import json")))

    [problem] = missing_inputs(plan, Scope(), local.store)

    assert problem.where == "step 'A'"
    assert problem.message == (
        "it uses S3 itself, for which the local runner needs moto, which is not installed here: run `make setup`."
    )


def test_an_input_may_be_missing_after_a_step_that_uses_s3(local: Any) -> None:
    steps = [
        local.processing("Writes", "import boto3"),
        local.processing("After", inputs={"data": "s3://bucket/made/"}, DependsOn=["Writes"]),
        local.processing("Later", inputs={"data": "s3://bucket/made/"}, DependsOn=["After"]),
        local.processing("Alone", inputs={"data": "s3://bucket/made/"}),
    ]
    plan, _ = parse(local.definition(*steps))

    assert [each.where for each in missing_inputs(plan, Scope(), local.store)] == ["step 'Alone'"]


@pytest.mark.slow
def test_a_part_of_a_pipeline_with_such_a_step_can_run(local: Any) -> None:
    local.store.put("s3://bucket/raw/a.txt", b"data")
    first = local.processing("First", "open('/opt/ml/processing/out/a.txt', 'w')", outputs=("out",))
    second = local.processing("Second", "import json  # later: boto3", inputs={"data": local.output_of("First", "out")})
    assert local.run(first, second).status == "Succeeded"
    again = local.processing("Second", "def no():\n    import boto3", inputs={"data": local.output_of("First", "out")})

    execution = local.run(first, again, selection=Selection(("Second",)))

    assert execution.steps["Second"].source is None
    assert execution.status == "Succeeded", execution.failure_reason


@pytest.mark.parametrize("kind", ["AutoML", "Tuning", "ClarifyCheck", "Lambda"])
def test_steps_that_run_only_on_aws_are_not_searched(local: Any, kind: str) -> None:
    step = {"Name": "A", "Type": kind, "Arguments": {"InputDataConfig": [{"DataSource": {}}]}}

    found = preview.preview(local.definition(step), pipeline_name="p", parameters={}, home=local.home)

    assert not found.can_run


def test_the_plan_says_that_its_result_is_not_reused(local: Any) -> None:
    step = local.processing("A", "import boto3", CacheConfig={"Enabled": True, "ExpireAfter": "P30D"})

    found = preview.preview(local.definition(step), pipeline_name="p", parameters={}, home=local.home)

    assert found.steps["A"].because == "it uses S3 itself, so its result is not reused"


def test_a_run_without_such_a_step_starts_no_server(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Endpoint, "_start", lambda self: pytest.fail("it was started"))

    assert local.run(local.processing("A", "print(1)")).status == "Succeeded"


# Steps that use it

WRITE = """
    import boto3, os
    s3 = boto3.client("s3")
    text = s3.get_object(Bucket="bucket", Key="raw/a.txt")["Body"].read()
    s3.put_object(Bucket="results", Key="made/b.txt", Body=text + b" and more")
"""


@pytest.mark.slow
@both_ways
def test_scripts_and_later_steps_see_the_objects_of_each_other(local: Any) -> None:
    local.store.put("s3://bucket/raw/a.txt", b"data")
    script = "print(open('/opt/ml/input/data/made/b.txt').read())"
    later = local.training("Later", script, channels={"made": "s3://results/made/"})
    read = """
        import boto3
        listed = boto3.resource("s3").Bucket("results").objects.filter(Prefix="made/")
        print([(each.key, each.get()["Body"].read()) for each in listed])
    """

    execution = local.run(
        local.processing("Writes", WRITE), later | {"DependsOn": ["Writes"]},
        local.processing("Reads", read, DependsOn=["Writes"]),
    )  # fmt: skip

    assert statuses(execution) == dict.fromkeys(("Writes", "Later", "Reads"), "Succeeded"), execution.failure_reason
    assert local.store.get_file("s3://results/made/b.txt").read_text() == "data and more"
    assert "data and more" in local.log(execution, "Later")
    assert "[('made/b.txt', b'data and more')]" in local.log(execution, "Reads")


@pytest.mark.slow
def test_what_a_failed_step_has_written_is_in_the_store(local: Any) -> None:
    local.store.put("s3://bucket/raw/a.txt", b"data")

    execution = local.run(local.processing("A", dedent(WRITE) + "raise ValueError('too late')"))

    assert execution.steps["A"].failure_reason == "exit code 1: ValueError: too late"
    assert local.store.find("s3://results/made/b.txt")


@pytest.mark.slow
def test_a_step_that_uses_it_runs_each_time(local: Any) -> None:
    local.store.put("s3://bucket/raw/a.txt", b"data")
    step = local.processing("A", WRITE, CacheConfig={"Enabled": True, "ExpireAfter": "P30D"})

    executions = [local.run(step), local.run(step)]

    assert [each.steps["A"].source for each in executions] == [None, None]


CALLS = {
    "dynamodb": 'client("dynamodb").list_tables()',
    "sagemaker": 'client("sagemaker").describe_model(ModelName="a")',
    "lambda": 'client("lambda").list_functions()',
    "monitoring": 'client("cloudwatch").put_metric_data(Namespace="a", MetricData=[{"MetricName": "b", "Value": 1}])',
    "ec2": 'client("ec2").describe_instances()',
    "iam": 'client("iam").get_role(RoleName="a")',
    "route53": 'client("route53").list_hosted_zones()',
    "sts": 'client("sts").get_session_token()',
}


@pytest.mark.slow
def test_another_service_of_aws_fails_at_once_with_a_sentence(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "real")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nothing answers
    begin = 'import boto3, os, time\nassert "real" not in os.environ.values()\nbegin = time.time()\n'
    lines = [f"try:\n    boto3.{call}\nexcept Exception as error:\n    print(error)" for call in CALLS.values()]
    end = '\nassert time.time() - begin < 15\nprint(boto3.client("sts").get_caller_identity()["Account"])'

    execution = local.run(local.processing("A", begin + "\n".join(lines) + end))

    assert execution.status == "Succeeded", local.log(execution, "A")
    *said, account = local.log(execution, "A").splitlines()
    expected = [f"a step can use only S3 on this machine: there is no AWS service '{name}' here." for name in CALLS]
    assert [line.partition("operation: ")[2] for line in said] == expected
    assert account == "123456789012"


@pytest.mark.slow
def test_a_server_that_has_ended_fails_the_step_with_its_reason(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "__file__", str(local.home / "a/b/c.py"))  # where there is no library
    made = S3Endpoint(local.store.root, "us-east-1")
    made.environment()

    def reason() -> str:
        try:
            made.check()  # also after a job that used it has failed
        except Exception as error:
            return str(error)
        return ""

    assert "the S3 of this machine has ended: " in wait_for(reason, "it has not ended")
    made.close()


# The server ends with the run

HOLD = "import boto3, time\nboto3.client('s3').list_buckets()\nprint(1, flush=True)\ntime.sleep(60)"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_the_runner(local: Any, number: int) -> None:
    runner = start(local, local.processing("A", HOLD))
    runner.numbers("A")
    [server] = [each for each in runner.children() if b"sagemaker_ops.s3.server" in _command(each)]

    runner.process.send_signal(number)
    runner.process.wait(30)

    assert local.gone(server)


@pytest.mark.slow
@only_root
def test_it_needs_no_root(nobody: Any) -> None:
    nobody.store.put("s3://bucket/raw/a.txt", b"data")

    execution = start(nobody, nobody.processing("A", WRITE), nobody=True).end()

    assert execution.status == "Succeeded", execution.failure_reason
    assert nobody.store.get_file("s3://results/made/b.txt").read_text() == "data and more"


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


# What the server does with objects


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Store]]:
    """A client of a server, and its store."""
    store = Store(tmp_path_factory.mktemp("served"))
    made = S3Endpoint(store.root, "us-east-1")
    variables = made.environment()
    yield (
        boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name="eu-west-1",
        ),
        store,
    )
    made.close()


@pytest.mark.slow
class TestObjects:
    def test_an_object_is_a_file_and_a_file_an_object(self, served: Any) -> None:
        s3, store = served
        s3.put_object(Bucket="one", Key="a/ü +%.txt", Body=b"text", ContentType="text/plain", Metadata={"k": "v"})
        store.put("s3://one/a/file", b"from the store")

        assert store.get_file("s3://one/a/ü +%.txt").read_bytes() == b"text"
        assert s3.get_object(Bucket="one", Key="a/file")["Body"].read() == b"from the store"
        head = s3.head_object(Bucket="one", Key="a/ü +%.txt")
        assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (4, "text/plain", {"k": "v"})

    def test_it_follows_the_store(self, served: Any) -> None:
        s3, store = served
        s3.put_object(Bucket="two", Key="a", Body=b"old")
        store.put("s3://two/a", b"newer")
        store.put("s3://two/b", b"gone soon")
        assert listed(s3, "two") == ["a", "b"]
        store.remove("s3://two/b")

        assert s3.get_object(Bucket="two", Key="a")["Body"].read() == b"newer"
        assert listed(s3, "two") == ["a"]
        assert code(lambda: s3.get_object(Bucket="two", Key="b")) == "NoSuchKey"

    def test_prefixes_delimiters_and_pages(self, served: Any) -> None:
        s3, store = served
        for name in ("x/1", "x/2", "x/y/3", "xz", "other"):
            store.put(f"s3://three/{name}", b"")

        assert listed(s3, "three", Prefix="x") == ["x/1", "x/2", "x/y/3", "xz"]
        page = s3.list_objects_v2(Bucket="three", Prefix="x/", Delimiter="/")
        assert [each["Key"] for each in page["Contents"]] == ["x/1", "x/2"]
        assert page["CommonPrefixes"] == [{"Prefix": "x/y/"}]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="three", PaginationConfig={"PageSize": 2})
        assert [each["Key"] for page in pages for each in page["Contents"]] == ["other", "x/1", "x/2", "x/y/3", "xz"]

    def test_copies_and_removals(self, served: Any) -> None:
        s3, store = served
        for name in "abcd":
            store.put(f"s3://four/{name}", name.encode())
        s3.copy_object(Bucket="five", Key="copied", CopySource={"Bucket": "four", "Key": "a"})
        s3.delete_object(Bucket="four", Key="b")
        s3.delete_objects(Bucket="four", Delete={"Objects": [{"Key": "c"}, {"Key": "none"}]})

        assert store.get_file("s3://five/copied").read_bytes() == b"a"
        assert sorted(store.find("s3://four/")) == ["a", "d"]

    def test_large_objects_in_parts(self, served: Any, tmp_path: Path) -> None:
        s3, store = served
        (tmp_path / "up").write_bytes(os.urandom(1 << 20) * 20)
        s3.upload_file(str(tmp_path / "up"), "six", "large")
        s3.copy({"Bucket": "six", "Key": "large"}, "six", "again")
        s3.download_file("six", "again", str(tmp_path / "down"))

        assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()
        assert store.get_file("s3://six/large").read_bytes() == (tmp_path / "up").read_bytes()
        assert s3.get_object(Bucket="six", Key="large")["Body"].read() == (tmp_path / "up").read_bytes()
        part = s3.get_object(Bucket="six", Key="large", Range="bytes=-3")["Body"].read()
        assert part == (tmp_path / "up").read_bytes()[-3:]

    def test_buckets_and_folders(self, served: Any) -> None:
        s3, store = served
        store.put("s3://seven/a", b"")
        s3.put_object(Bucket="seven", Key="folder/")
        s3.put_object(Bucket="seven", Key="folder/inside", Body=b"")

        assert "seven" in [each["Name"] for each in s3.list_buckets()["Buckets"]]
        assert code(lambda: s3.head_bucket(Bucket="none-yet")) == "404"
        assert sorted(store.find("s3://seven/")) == ["a", "folder/inside"]
        assert listed(s3, "eight") == []

    def test_what_cannot_be_a_file_is_refused_with_a_sentence(self, served: Any) -> None:
        s3, store = served
        store.put("s3://nine/a/b", b"")
        outside = store.root.parent / "outside.txt"
        outside.write_text("secret")
        (store.root / "nine" / "link").symlink_to(outside)

        for key, said in (
            ("a", "Is a directory"),
            ("a/b/c", "cannot be read or written on this machine"),
            ("a/../b", "is not an S3 URI"),
            ("x" * 300, "is not an S3 URI"),
        ):
            with pytest.raises(ClientError, match=said):
                s3.put_object(Bucket="nine", Key=key, Body=b"new")
        with pytest.raises(ClientError, match="leads out of"):
            s3.get_object(Bucket="nine", Key="link")
        assert listed(s3, "nine", Prefix="a") == ["a/b"]


def listed(s3: Any, bucket: str, **options: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, **options).get("Contents", [])]


def code(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.slow
def test_a_command_can_use_the_store_of_a_folder(tmp_path: Path) -> None:
    program = "import boto3; boto3.client('s3').put_object(Bucket='bkt', Key='k', Body=b'')"
    command = [sys.executable, "-B", "-m", "sagemaker_ops.s3.endpoint", str(tmp_path), sys.executable, "-c", program]

    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(VENDOR)} | NO_BYTECODE, check=True)

    assert (tmp_path / "bkt" / "k").is_file()
