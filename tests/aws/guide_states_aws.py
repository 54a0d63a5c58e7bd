"""What the examples of `commands` on AWS and of `updating` assume: see guide_states.py.

A state may return variables of the environment for the page's commands.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.sagemaker.models import sagemaker_backends
from projects import TEMPLATE, VENDOR, Project
from repositories import PROJECT, Repository, new_repository

from aws import executed, gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.test_doctor import QUOTAS
from aws.test_doctor import put_everything as put_account
from aws.test_model_comparison import OWN, RUNS, package, put_group, put_job, put_json
from aws.test_studio import put_app
from sagemaker_ops.aws.endpoint_requests import VARIANT
from sagemaker_ops.template import record

GROUP = "customer-flight-delays-dev"
ENDPOINT = GROUP
COLLEAGUE = "ben"
GITLAB = "https://gitlab.example.com"
PRICES = """
[prices]
region = "eu-west-1"
date = "2026-11-24"
currency = "USD"
endpoint = { "ml.c5.large" = 0.114 }
"""


def caller(aws: Aws) -> dict[str, str]:
    """The variables of Ana, who works with a role that has the tag of her vertical."""
    role = "customer-studio"
    aws.client("iam").create_role(
        RoleName=role, AssumeRolePolicyDocument="{}", Tags=[{"Key": "vertical", "Value": "customer"}]
    )
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    keys = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="ana")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def _ops(project: Project, aws: Aws, *arguments: str, **variables: str) -> None:
    done = project.ops(*arguments, **{**aws.environment, **executed.FAST, **variables})
    assert done.code == 0, done


def repository(project: Project) -> Repository:
    """The project in git, with everything committed."""
    made = Repository(project.path)
    made.git("init", "--quiet", "--initial-branch=main")
    for name, value in (("user.name", "ana"), ("user.email", "ana@example.com")):
        made.git("config", name, value)
    made.commit()
    return made


# Pipelines


def _definition(**defaults: Any) -> dict[str, Any]:
    """A definition like that of the project's `train`; `defaults` are of further parameters."""
    made = copy.deepcopy(executed.DEFINITION)
    for name, value in defaults.items():
        made["Parameters"].append({"Name": name, "Type": "Integer", "DefaultValue": value})
    made["Steps"][1]["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"] = 3600
    metric = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluation.PropertyFiles.Report"}, "Path": "auc"}}
    reached = {
        "Type": "GreaterThanOrEqualTo", "LeftValue": metric, "RightValue": {"Get": "Parameters.QualityGate"}
    }  # fmt: skip
    container = {"Image": "image", "ModelDataUrl": {"Get": "Steps.Training.ModelArtifacts.S3ModelArtifacts"}}
    content = {
        "Containers": [container], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]
    }  # fmt: skip
    register = {"ModelPackageGroupName": GROUP, "InferenceSpecification": content}
    branch = [{"Name": "Register", "Type": "RegisterModel", "Arguments": register}]
    condition = {"Conditions": [reached], "IfSteps": branch, "ElseSteps": []}
    made["Steps"].append({"Name": "QualityGate", "Type": "Condition", "Arguments": condition})
    return made


def _course(aws: Aws) -> None:
    """How an execution of `train` that is started now goes on: it registers version 1 of the model."""
    scores = {
        "accuracy": {"value": 0.8012, "standard_deviation": 0.0061},
        "auc": {"value": 0.7281, "standard_deviation": 0.0089},
    }
    baseline = {"accuracy": {"value": 0.7911}, "auc": {"value": 0.5}}
    report = {"binary_classification_metrics": scores, "baseline": baseline}
    put_json(aws, f"{executed.RESULTS}/evaluation.json", report)
    executed.evaluated(aws, "evaluation-1", executed.RESULTS)
    put_group(aws)
    model = aws.client("sagemaker").create_model_package(ModelPackageGroupName=GROUP, **package(1, "a" * 12))
    job, minutes = executed.job, (datetime.now(UTC) - executed.START).total_seconds() / 60
    steps: list[tuple[str, float, dict[str, Any]]] = [
        ("Processing", 4.2, job("Processing", "processing-1")),
        ("Training", 3.15, job("Training", "training-1")),
        ("Evaluation", 3.75, job("Processing", "evaluation-1")),
        ("QualityGate", 0.01, {"Condition": {"Outcome": "True"}}),
        ("Register", 0.04, {"RegisterModel": {"Arn": model["ModelPackageArn"]}}),
    ]
    made: list[dict[str, Any]] = []
    gaps.COURSE.append(("Executing", []))
    for name, takes, metadata in steps:
        if takes > 1:
            now = executed.step(name, "Executing", minutes, None, Metadata=metadata)
            gaps.COURSE.append(("Executing", [*made, now]))
        made = [*made, executed.step(name, begin=minutes, end=minutes + takes, Metadata=metadata)]
        minutes += takes
    gaps.COURSE.append(("Succeeded", made))


def deployed(project: Project, aws: Aws) -> dict[str, str]:
    """A deployed pipeline, whose next execution succeeds."""
    executed.deploy(aws, definition=_definition(MaxIter=150))
    _course(aws)
    return caller(aws)


def in_production(project: Project, aws: Aws) -> dict[str, str]:
    project.edit("environments.prod", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    executed.deploy(aws, executed.TRAIN.replace("dev", "prod"), {**executed.TAGS, "env": "prod"}, _definition())
    _course(aws)
    return caller(aws)


def _versions(*definitions: dict[str, Any]) -> None:
    """What SageMaker keeps of the pipeline; the last definition is the deployed one."""
    kept = [
        {
            "PipelineVersionId": number,
            "PipelineDefinition": json.dumps(definition),
            "CreationTime": datetime(2026, 11, 21 + number, 18, 2, tzinfo=UTC).timestamp(),
        }
        for number, definition in enumerate(definitions, 1)
    ]
    gaps.VERSIONS[executed.TRAIN] = kept[::-1]


def three_versions(project: Project, aws: Aws) -> dict[str, str]:
    """A pipeline that was changed twice, the second time to fewer iterations."""
    definitions = [_definition(MaxIter=iterations) for iterations in (100, 150, 60)]
    executed.deploy(aws, definition=definitions[-1])
    _versions(*definitions)
    return caller(aws)


def changed(project: Project, aws: Aws) -> dict[str, str]:
    """A pipeline that was deployed three times, and changes since then in settings and code."""
    project.edit("hyperparameters", max_iter="60", early_stopping_rounds="10")
    project.edit("instances", training='"ml.m5.2xlarge"')
    project.edit("pipeline", max_runtime_minutes="90")
    _ops(project, aws, "update-pipeline", "train", "--env", "dev", "--yes")
    # What was deployed before, so that only one definition need be compiled.
    sagemaker = aws.client("sagemaker")
    definition = json.loads(sagemaker.describe_pipeline(PipelineName=executed.TRAIN)["PipelineDefinition"])
    before = {"MaxIter": 150, "EarlyStoppingRounds": 0, "TrainingInstanceType": "ml.m5.xlarge"}
    for parameter in definition["Parameters"]:
        parameter["DefaultValue"] = before.get(parameter["Name"], parameter["DefaultValue"])
    [training] = [each for each in definition["Steps"] if each["Name"] == "Training"]
    bucket, _, key = _submitted(training).removeprefix("s3://").partition("/")
    aws.client("s3").delete_object(Bucket=bucket, Key=key)
    text = json.dumps(definition).replace(key.split("/")[-2], "8fdb25323a3b0f2d").replace("5400", "3600")
    sagemaker.update_pipeline(PipelineName=executed.TRAIN, PipelineDefinition=text)
    _versions({}, {}, {})
    return caller(aws)


def _submitted(training: dict[str, Any]) -> str:
    """The URI of the code of a training step."""
    return str(training["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]).strip('"')


# Models and endpoints


def _version(aws: Aws, number: int, auc: float) -> None:
    """An approved version, with its metrics."""
    scores = {"auc": {"value": auc, "standard_deviation": 0.01}}
    report = {"binary_classification_metrics": scores, "baseline": {"auc": {"value": 0.5}}}
    put_json(aws, f"{RUNS}/{number}/evaluation.json", report)
    made = package(number, "a" * 12) | {"ModelApprovalStatus": "Approved"}
    aws.client("sagemaker").create_model_package(ModelPackageGroupName=GROUP, **made)


def models(project: Project, aws: Aws) -> dict[str, str]:
    """Two versions from two commits: Ana has approved the first, and a colleague has started the second."""
    kept = repository(project)
    first = kept.git("rev-parse", "HEAD")[:12]
    features = kept.text("production/steps/features.py")
    old = features.splitlines(keepends=True)
    new = [*old[:1], *old[4:], *(f"# {number}\n" for number in range(12))]
    second = kept.commit({"production/steps/features.py": "".join(new)})[:12]
    put_group(aws)
    facts = [
        (first, "ana", 11, "khzdiuz9rqcl", "75b4db4e4bd34608", 18200, 0.71, 0.012, 0.78, 0.007, 100),
        (second, COLLEAGUE, 12, "r06yy4bpcgbg", "6f9063160f7de792", 19500, 0.73, 0.01, 0.81, 0.0067, 150),
    ]
    for number, (commit, user, request, run, data, rows, auc, spread, accuracy, also, iterations) in enumerate(
        facts, 1
    ):
        scores = {
            "auc": {"value": auc, "standard_deviation": spread},
            "accuracy": {"value": accuracy, "standard_deviation": also},
        }
        put_json(aws, f"{RUNS}/{number}/evaluation.json", {"binary_classification_metrics": scores})
        put_json(aws, f"{RUNS}/{number}/summary.json", {"rows": rows})
        others = {
            "learning_rate": "0.05", "max_leaf_nodes": "31", "min_samples_leaf": "20", "l2_regularization": "0.0",
            "class_weight": '"none"', "early_stopping_rounds": "0",
        }  # fmt: skip
        put_job(aws, f"job-{number}", max_iter=str(iterations), **others)
        made = package(
            number,
            commit,
            StartedBy=f"user={user} commit={commit} merge-request={request} source=push",
            PipelineExecutionArn=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{executed.TRAIN}/execution/{run}",
            DataUri=f"s3://{BUCKET}/customer/flight-delays/dev/raw/{data}/",
            SchemaHash="22e364c59e5aa744",
            LibraryVersion="0.2.0",
        )
        aws.client("sagemaker").create_model_package(ModelPackageGroupName=GROUP, **made)
    packages = sagemaker_backends[ACCOUNT][REGION].model_packages.values()
    for each in packages:
        each.created_by = {}  # the pipeline's role has no profile in Studio
        if each.model_package_version == 1:  # an update by moto would forget the metadata
            each.model_approval_status, each.approval_description = "Approved", "better on weekends"
    return caller(aws)


def _endpoint(aws: Aws, name: str = ENDPOINT) -> Any:
    """moto's own record of an endpoint."""
    return sagemaker_backends[ACCOUNT][REGION].endpoints[name]


def endpoint(project: Project, aws: Aws) -> dict[str, str]:
    """An endpoint that scales, and has two instances now; and what an instance costs."""
    project.edit("endpoint", max_instances="4", invocations_per_instance="1000", capture_percent="10")
    with (project.path / "guardrails.toml").open("a", encoding="utf-8") as file:
        file.write(PRICES)
    repository(project)
    put_group(aws, tags={**OWN, "project": "flight-delays"})
    for number, auc in ((1, 0.71), (2, 0.73)):
        _version(aws, number, auc)
    ana = caller(aws)
    _ops(project, aws, "deploy-endpoint", "--env", "dev", "--yes", **ana)
    for variant in _endpoint(aws).production_variants:
        variant["CurrentInstanceCount"] = 2
    return ana


def _served(aws: Aws, name: str, version: str, instance: str, count: int, deployments: int = 1, **owner: str) -> None:
    """An endpoint with this version of a model, deployed so often."""
    sagemaker = aws.client("sagemaker")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{version}"
    tags = [{"Key": key, "Value": value} for key, value in {**OWN, "project": "flight-delays", **owner}.items()]
    for number in range(deployments):
        made = f"{name}-tp0kf{number}"
        sagemaker.create_model(
            ModelName=made, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": arn}, Tags=tags
        )
        variant = {"VariantName": VARIANT, "ModelName": made, "InstanceType": instance, "InitialInstanceCount": count}
        sagemaker.create_endpoint_config(EndpointConfigName=made, ProductionVariants=[variant], Tags=tags)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=made, Tags=tags)


def endpoints(project: Project, aws: Aws) -> dict[str, str]:
    """The project's endpoint and Ana's, and one of another project in the same account."""
    _served(aws, ENDPOINT, f"{GROUP}/2", "ml.c5.large", 1)
    _served(aws, f"{ENDPOINT}-ana", f"{GROUP}/3", "ml.c5.large", 1, user="ana")
    _served(aws, "customer-churn-prod", "customer-churn-prod/11", "ml.m5.large", 2, project="churn", env="prod")
    return caller(aws)


def personal(project: Project, aws: Aws) -> dict[str, str]:
    """A personal endpoint that scales and was deployed twice."""
    name = f"{ENDPOINT}-ana"
    _served(aws, name, f"{GROUP}/3", "ml.c5.large", 1, deployments=2, user="ana")
    aws.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{name}/variant/{VARIANT}",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
    gaps.DELETING.add(name)
    return caller(aws)


def running(project: Project, aws: Aws) -> dict[str, str]:
    """Something of each kind: an app, an endpoint, an execution with a job, and a schedule."""
    now = datetime.now(UTC)
    put_app("customer-ben", "churn-trials", idle=72, age=120)
    _served(aws, ENDPOINT, f"{GROUP}/2", "ml.c5.large", 2)
    _endpoint(aws).creation_time = (now - timedelta(hours=1)).isoformat()
    pipeline = executed.deploy(aws)
    scheduler = aws.client("scheduler")
    scheduler.create_schedule_group(Name=GROUP)
    scheduler.create_schedule(
        Name=executed.TRAIN,
        GroupName=GROUP,
        ScheduleExpression="cron(0 6 ? * MON *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": pipeline, "RoleArn": ROLE},
    )
    arn = executed.started(aws, status="Executing")
    gaps.execution(arn).start_time = now - timedelta(hours=1.3)
    put_job(aws, "training-1")
    job = sagemaker_backends[ACCOUNT][REGION].training_jobs["training-1"]
    job.training_start_time = (now - timedelta(hours=1.1)).isoformat()
    job.resource_config["InstanceType"] = "ml.m5.xlarge"
    gaps.STEPS[arn] = [
        executed.step("Training", "Executing", end=None, Metadata=executed.job("Training", "training-1"))
    ]
    return caller(aws)


# Machine and account


def lacking(project: Project, aws: Aws) -> dict[str, str]:
    """An account that has everything but a quota, and a job of GitLab that lacks the role."""
    Repository(project.path).git("init", "--quiet", "--initial-branch=main")
    put_account(aws)
    gaps.QUOTAS.update({**QUOTAS, "ml.m5.xlarge for training job usage": 0.0})
    ana = caller(aws)
    claims = {"aud": GITLAB, "sub": "project_path:ml/flight-delays:ref_type:branch:ref:main", "exp": time.time() + 3600}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    token = f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl"
    file = project.path.parent / "token"
    file.write_text(token, encoding="utf-8")
    return {
        **ana,
        "GITLAB_CI": "true",
        "CI_SERVER_URL": GITLAB,
        "CI_PROJECT_PATH": "ml/flight-delays",
        "CI_PROJECT_DIR": str(project.path),
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_REF_NAME": "main",
        "CI_COMMIT_REF_PROTECTED": "true",
        "CI_PIPELINE_SOURCE": "push",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "GITLAB_OIDC_TOKEN": token,
    }


def lake(project: Project, aws: Aws) -> dict[str, str]:
    """Twelve tables on S3, longer than what the page fetches."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="data-lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    header, *rows = (project.path / "data/sample/flights_classification.csv").read_text("utf-8").splitlines()
    table = "\n".join([header, *rows[:11_000], ""]).encode()
    for month in range(1, 13):
        s3.put_object(Bucket="data-lake", Key=f"flights/2025-{month:02}.csv", Body=table)
    project.edit("data", source='"s3://data-lake/flights/"')
    return caller(aws)


# Updates


def _release(template: Repository, version: str, date: str) -> str:
    """Commit everything as this version; returns the commit."""
    library = f"{PROJECT}/vendor/sagemaker_ops/__init__.py"
    text = re.sub('(?m)^__version__ = ".+"$', f'__version__ = "{version}"', template.text(library))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", f"{date}T12:00:00Z")
        commit = template.commit({library: text})
    template.git("tag", f"v{version}")
    return commit


def _edit(repository: Repository, path: str, old: str, new: str) -> None:
    text = repository.text(path)
    assert text.count(old) == 1, (path, old)
    repository.write({path: text.replace(old, new)})


def behind(project: Project, aws: Aws) -> dict[str, str]:
    """A project that was made from v0.2.0 of the template and changed; v0.3.0 changes some of the same lines."""
    template = new_repository(project.path.parent / "template")
    ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in ("hooks", "templates", PROJECT):
        shutil.copytree(TEMPLATE / name, template.folder / name, ignore=ignore)
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    template.write({"cookiecutter.json": json.dumps(questions)})
    template.write({f"{PROJECT}/docs/old.md": "# Old\n"})
    commit = _release(template, "0.2.0", "2026-10-05")

    for path in (".gitlab-ci.yml", "README.md", "pyproject.toml"):
        template.write({f"{PROJECT}/{path}": template.text(f"{PROJECT}/{path}") + "\n# New.\n"})
    _edit(template, f"{PROJECT}/project.toml", "volume_size_gb = 30", "volume_size_gb = 50")
    _edit(template, f"{PROJECT}/guardrails.toml", "\nendpoint = []", '\nendpoint = ["ml.c5.*"]')
    changelog = f"{PROJECT}/vendor/CHANGELOG.md"
    template.write(
        {
            "cookiecutter.json": json.dumps({**questions, "schedule": "daily"}),
            f"{PROJECT}/develop/README.md": None,
            f"{PROJECT}/docs/old.md": None,
            f"{PROJECT}/docs/model-card.md": "# Model card\n",
            changelog: template.text(changelog).replace("# Changelog\n", "# Changelog\n\n## 0.3.0\n", 1),
        }
    )
    _release(template, "0.3.0", "2026-11-28")

    known = record.read(project.path)
    (project.path / "docs" / "old.md").write_text("# Old\n", encoding="utf-8")
    ours = repository(project)
    ours.commit({record.FILE: replace(known, template=str(template.folder), commit=commit).to_json()})
    _edit(ours, "project.toml", "volume_size_gb = 30", "volume_size_gb = 40")
    _edit(ours, "guardrails.toml", "\nendpoint = []", '\nendpoint = ["ml.m5.*"]')
    ours.commit({"develop/README.md": ours.text("develop/README.md") + "\nOurs.\n"})
    return {}


def updating(project: Project, aws: Aws) -> dict[str, str]:
    """The same; and three projects on a server: one without changes, that one, and one that was not made from it."""
    variables = behind(project, aws)
    ours, server, home = Repository(project.path), project.path.parent / "server", project.path.parent / "home"
    # The team's tests, which `make test` runs, are few here.
    shutil.rmtree(project.path / "tests")
    ours.commit({"tests/test_ours.py": "def test_ours() -> None:\n    pass\n"})

    new = Repository(project.path.parent / "new")
    ours.git("worktree", "add", "--quiet", "--detach", str(new.folder), ours.git("rev-list", "--max-parents=0", "HEAD"))
    new.commit({record.FILE: ours.text(record.FILE)})
    sources = {"flight-delays": ours.git("rev-parse", "HEAD"), "churn": new.git("rev-parse", "HEAD")}
    sources["forecast"] = new.commit({record.FILE: None})
    ours.git("worktree", "remove", "--force", str(new.folder))
    for name, commit in sources.items():
        bare = new_repository(server / f"{name}.git", bare=True)
        bare.git("config", "receive.advertisePushOptions", "true")
        ours.git("push", "--quiet", str(bare.folder), f"{commit}:refs/heads/main")
    Repository(project.path.parent / "template").git("branch", "stable")

    # An environment with the library, which is not that of a project.
    (home / "updates" / "bin").mkdir(parents=True)
    shutil.copytree(VENDOR / "sagemaker_ops", home / "updates" / "lib" / "sagemaker_ops")
    python, ops = project.path / ".venv" / "bin" / "python", home / "updates" / "bin" / "ops"
    ops.write_text(f'#!/bin/sh\nPYTHONPATH=~/updates/lib exec {python} -m sagemaker_ops "$@"\n', encoding="utf-8")
    ops.chmod(0o755)
    addresses = "".join(f"{server / name}.git\n" for name in sources)
    (home / "updates" / "projects.txt").write_text(addresses, encoding="utf-8")
    (home / ".gitconfig").write_text("[user]\nname = ana\nemail = ana@example.com\n", encoding="utf-8")
    return {**variables, "HOME": str(home)}


STATES: dict[str, Callable[[Project, Aws], dict[str, str]]] = {
    "commands#Exit codes": in_production,
    "commands#ops delete-endpoint": personal,
    "commands#ops describe-endpoint": endpoint,
    "commands#ops doctor": lacking,
    "commands#ops fetch-data": lake,
    "commands#ops list-endpoints": endpoints,
    "commands#ops list-models": models,
    "commands#ops list-running": running,
    "commands#ops rollback-pipeline": three_versions,
    "commands#ops start-pipeline-execution": deployed,
    "commands#ops update-pipeline": changed,
    "commands#ops update-project": behind,
    "updating": updating,
}
