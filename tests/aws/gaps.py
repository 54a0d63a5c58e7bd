"""What moto's SageMaker lacks, added to it, so that it also answers commands in other processes over HTTP.

State that AWS would create by itself (the steps of an execution, Studio apps) is put there by the tests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.scheduler.models import scheduler_backends
from moto.scheduler.responses import EventBridgeSchedulerResponse
from moto.servicequotas.responses import ServiceQuotasResponse

Record = dict[str, Any]
_create_processing_job = SageMakerResponse.create_processing_job
_create_model_package = SageMakerResponse.create_model_package
_describe_model_package = SageMakerResponse.describe_model_package
_describe_pipeline = SageMakerResponse.describe_pipeline
_update_pipeline = SageMakerResponse.update_pipeline
_create_schedule = EventBridgeSchedulerResponse.create_schedule
_create_schedule_group = EventBridgeSchedulerResponse.create_schedule_group
_create_endpoint = SageMakerResponse.create_endpoint
_describe_endpoint = SageMakerResponse.describe_endpoint
_delete_endpoint = SageMakerResponse.delete_endpoint
_create_model = SageMakerResponse.create_model
_describe_model = SageMakerResponse.describe_model

STEPS: dict[str, list[Record]] = {}  # by the ARN of the execution
COURSE: list[
    tuple[str, list[Record]]
] = []  # status and steps of an execution; each request gets the next one, and the last one stays
APPS: list[Record] = []
SPACES: list[Record] = []
PROFILES: list[Record] = []
VERSIONS: dict[str, list[Record]] = {}  # by the name of the pipeline, newest first; an update adds one
CARDS: dict[str, Record] = {}  # by the ARN of the model package
TAGS: dict[str, dict[str, str]] = {}  # by the ARN of an app, space or user profile
TUNING: dict[str, Record] = {}  # tuning jobs by name
QUOTAS: dict[str, float] = {}  # of SageMaker, by name
PASSABLE: set[str] = set()  # the ARNs of roles that may be passed
ISOLATED: set[str] = set()  # the names of models without a network
STATES: list[Record] = []  # what the next answers of DescribeEndpoint say instead of the endpoint's own values
DELETING: set[str] = set()  # endpoints that are found once more after they are deleted, as on AWS
DEFECTS: list[str] = []  # why the next endpoints cannot be created or updated; empty: the next one can
ANSWERS: list[tuple[int, str]] = []  # of models to the next requests: HTTP status and body; otherwise a good one
CALLS: list[tuple[str, Record]] = []  # every request to SageMaker and the scheduler
FAULTS: dict[str, list[tuple[int, str, str]]] = {}  # by operation: (HTTP status, code, message) of the next answers


def reset() -> None:
    for state in (
        STEPS, COURSE, APPS, SPACES, PROFILES, VERSIONS, CARDS, TAGS, TUNING, QUOTAS, PASSABLE, CALLS, FAULTS,
        ISOLATED, STATES, DELETING, DEFECTS, ANSWERS,
    ):  # fmt: skip
        state.clear()


def execution(arn: str) -> Any:
    """moto's own record of an execution, whose status a test may set."""
    _, _, _, region, account, name = arn.split(":", 5)
    pipeline = name.split("/")[1]
    return sagemaker_backends[account][region].pipelines[pipeline].pipeline_executions[arn]


class Missing(SageMakerResponse):
    """The methods that are added to SageMakerResponse; each reads its request like moto's own."""

    def _request(self) -> Record:
        request: Record = json.loads(self.body or "{}")
        return request

    def update_pipeline_execution(self) -> ActionResult:
        request = self._request()
        found = execution(request["PipelineExecutionArn"])
        for key, attribute in (
            ("PipelineExecutionDisplayName", "pipeline_execution_display_name"),
            ("PipelineExecutionDescription", "pipeline_execution_description"),
            ("ParallelismConfiguration", "parallelism_configuration"),
        ):
            if key in request:
                setattr(found, attribute, request[key])
        return ActionResult({"PipelineExecutionArn": found.arn})

    def stop_pipeline_execution(self) -> ActionResult:
        found = execution(self._request()["PipelineExecutionArn"])
        found.pipeline_execution_status = "Stopped"
        return ActionResult({"PipelineExecutionArn": found.arn})

    def retry_pipeline_execution(self) -> ActionResult:
        found = execution(self._request()["PipelineExecutionArn"])
        found.pipeline_execution_status = "Executing"
        return ActionResult({"PipelineExecutionArn": found.arn})

    def start_pipeline_execution(self) -> ActionResult:
        """A repeated token returns the execution that was started with it."""
        request = self._request()
        backend = sagemaker_backends[self.current_account][self.region]
        pipeline = backend.pipelines.get(request["PipelineName"])
        for each in pipeline.pipeline_executions.values() if pipeline else ():
            if each.client_request_token == request["ClientRequestToken"]:
                return ActionResult({"PipelineExecutionArn": each.arn})
        started = backend.start_pipeline_execution(
            request["PipelineName"],
            request.get("PipelineExecutionDisplayName"),
            request.get("PipelineParameters", []),
            request.get("PipelineExecutionDescription"),
            request.get("ParallelismConfiguration"),
            request["ClientRequestToken"],
        )
        return ActionResult(started)

    def describe_pipeline_execution(self) -> ActionResult:
        arn = self._request()["PipelineExecutionArn"]
        answer = sagemaker_backends[self.current_account][self.region].describe_pipeline_execution(arn)
        if COURSE:
            status, steps = COURSE.pop(0) if len(COURSE) > 1 else COURSE[0]
            execution(arn).pipeline_execution_status = answer["PipelineExecutionStatus"] = status
            STEPS[arn] = steps
        answer["FailureReason"] = execution(arn).pipeline_execution_failure_reason
        return ActionResult(answer)

    def list_pipeline_executions(self) -> ActionResult:
        request = self._request()
        backend = sagemaker_backends[self.current_account][self.region]
        answer = backend.list_pipeline_executions(request["PipelineName"])
        newest = sorted(answer["PipelineExecutionSummaries"], key=lambda each: each["StartTime"], reverse=True)
        for each in newest:
            reason = execution(each["PipelineExecutionArn"]).pipeline_execution_failure_reason
            each["PipelineExecutionFailureReason"] = reason
        return _page("PipelineExecutionSummaries", newest, request)

    def create_processing_job(self) -> ActionResult:
        """moto's own method forgets the instances."""
        answer: ActionResult = _create_processing_job(self)
        request = self._request()
        job = sagemaker_backends[self.current_account][self.region].processing_jobs[request["ProcessingJobName"]]
        job.processing_resources = request["ProcessingResources"]
        return answer

    def create_model_package(self) -> ActionResult:
        """moto's own method forgets the model card."""
        answer: ActionResult = _create_model_package(self)
        if card := self._request().get("ModelCard"):
            CARDS[answer.result["ModelPackageArn"]] = card
        return answer

    def describe_model_package(self) -> ActionResult:
        answer: ActionResult = _describe_model_package(self)
        card = CARDS.get(answer.result["ModelPackageArn"])
        return ActionResult({**answer.result, **({"ModelCard": card} if card else {})})

    def list_pipeline_execution_steps(self) -> ActionResult:
        request = self._request()
        return _page("PipelineExecutionSteps", STEPS.get(request["PipelineExecutionArn"], []), request)

    def list_pipeline_versions(self) -> ActionResult:
        request = self._request()
        return _page("PipelineVersionSummaries", VERSIONS.get(request["PipelineName"], []), request)

    def describe_pipeline(self) -> Any:
        request = self._request()
        answer: ActionResult = _describe_pipeline(self)
        if number := request.get("PipelineVersionId"):
            found = [each for each in VERSIONS[request["PipelineName"]] if each["PipelineVersionId"] == number]
            if not found:
                return _not_found("PipelineVersion")
            answer = ActionResult({**answer.result, "PipelineDefinition": found[0]["PipelineDefinition"]})
        return answer

    def update_pipeline(self) -> ActionResult:
        answer: ActionResult = _update_pipeline(self)
        name = self._request()["PipelineName"]
        if name not in VERSIONS:
            return answer
        pipeline = sagemaker_backends[self.current_account][self.region].pipelines[name]
        number = VERSIONS[name][0]["PipelineVersionId"] + 1
        VERSIONS[name].insert(0, {"PipelineVersionId": number, "PipelineDefinition": pipeline.pipeline_definition})
        return ActionResult({**answer.result, "PipelineVersionId": number})

    def update_pipeline_version(self) -> ActionResult:
        request = self._request()
        name = request["PipelineArn"].rpartition("/")[2]
        [found] = [each for each in VERSIONS[name] if each["PipelineVersionId"] == request["PipelineVersionId"]]
        found["PipelineVersionDescription"] = request["PipelineVersionDescription"]
        return ActionResult({"PipelineArn": request["PipelineArn"], "PipelineVersionId": request["PipelineVersionId"]})

    def describe_hyper_parameter_tuning_job(self) -> ActionResult:
        return ActionResult(TUNING[self._request()["HyperParameterTuningJobName"]])

    def create_model(self) -> ActionResult:
        """moto's own method forgets the isolation."""
        if self._request().get("EnableNetworkIsolation"):
            ISOLATED.add(self._request()["ModelName"])
        return _create_model(self)

    def describe_model(self) -> ActionResult:
        answer: ActionResult = _describe_model(self)
        return ActionResult({**answer.result, "EnableNetworkIsolation": self._request()["ModelName"] in ISOLATED})

    def create_endpoint(self) -> ActionResult:
        answer: ActionResult = _create_endpoint(self)
        if defect := DEFECTS.pop(0) if DEFECTS else "":
            created = self._endpoint()
            created.endpoint_status, created.failure_reason = "Failed", defect
        return answer

    def update_endpoint(self) -> ActionResult:
        """If it fails, AWS itself goes back to the old configuration."""
        updated = self._endpoint()
        updated.failure_reason = (DEFECTS.pop(0) if DEFECTS else "") or None
        if not updated.failure_reason:
            updated.endpoint_config_name = self._request()["EndpointConfigName"]
        return ActionResult({"EndpointArn": updated.arn})

    def describe_endpoint(self) -> ActionResult:
        answer: ActionResult = _describe_endpoint(self)
        name = self._request()["EndpointName"]
        if name in DELETING and answer.result["EndpointStatus"] == "Deleting":
            sagemaker_backends[self.current_account][self.region].delete_endpoint(name)
        return ActionResult({**answer.result, **(STATES.pop(0) if STATES else {})})

    def delete_endpoint(self) -> Any:
        if self._request()["EndpointName"] not in DELETING:
            return _delete_endpoint(self)
        self._endpoint().endpoint_status = "Deleting"
        return ActionResult({})

    def _endpoint(self) -> Any:
        return sagemaker_backends[self.current_account][self.region].endpoints[self._request()["EndpointName"]]

    def list_apps(self) -> ActionResult:
        return _page("Apps", APPS, self._request())

    def describe_app(self) -> ActionResult:
        request = self._request()
        keys = ("DomainId", "AppType", "AppName", "UserProfileName", "SpaceName")
        found = [app for app in APPS if all(app.get(key) == request.get(key) for key in keys)]
        return ActionResult(found[0]) if found else _not_found("App")

    def delete_app(self) -> ActionResult:
        request = self._request()
        keys = ("DomainId", "AppType", "AppName", "UserProfileName", "SpaceName")
        for app in APPS:
            if all(app.get(key) == request.get(key) for key in keys):
                app["Status"] = "Deleting"
        return ActionResult({})

    def list_spaces(self) -> ActionResult:
        return _page("Spaces", SPACES, self._request())

    def describe_space(self) -> ActionResult:
        request = self._request()
        found = [space for space in SPACES if space["SpaceName"] == request["SpaceName"]]
        return ActionResult(found[0]) if found else _not_found("Space")

    def list_user_profiles(self) -> ActionResult:
        return _page("UserProfiles", PROFILES, self._request())

    def describe_user_profile(self) -> ActionResult:
        request = self._request()
        found = [each for each in PROFILES if each["UserProfileName"] == request["UserProfileName"]]
        return ActionResult(found[0]) if found else _not_found("UserProfile")


def _list_tags(self: SageMakerResponse) -> ActionResult:
    """moto's own method, plus the tags of resources that moto does not have."""
    arn = json.loads(self.body or "{}")["ResourceArn"]
    if arn.split(":")[5].split("/")[0] in ("app", "space", "user-profile"):
        return ActionResult({"Tags": [{"Key": key, "Value": value} for key, value in TAGS.get(arn, {}).items()]})
    return _moto_list_tags(self)


_moto_list_tags = SageMakerResponse.list_tags


def _list_service_quotas(self: ServiceQuotasResponse) -> str:
    quotas = [{"QuotaName": name, "Value": value, "ServiceCode": "sagemaker"} for name, value in QUOTAS.items()]
    return json.dumps(_paged("Quotas", quotas, json.loads(self.body or "{}")))


def _simulate_principal_policy(self: IamResponse) -> ActionResult:
    role = self._get_param("ResourceArns.member.1") or self._get_param("ResourceArns")[0]
    decision = "allowed" if role in PASSABLE else "implicitDeny"
    return ActionResult({"EvaluationResults": [{"EvalActionName": "iam:PassRole", "EvalDecision": decision}]})


def _create_schedule_in_group(self: EventBridgeSchedulerResponse) -> Any:
    """moto fails without the group, and does not check the expression."""
    if self._get_param("GroupName") not in scheduler_backends[self.current_account][self.region].schedule_groups:
        return _not_found("Schedule group")
    return _create_schedule(self)


def _create_new_schedule_group(self: EventBridgeSchedulerResponse) -> Any:
    """moto replaces a group that exists, with all its schedules."""
    if self._get_param("Name") in scheduler_backends[self.current_account][self.region].schedule_groups:
        return 409, {"status": 409}, json.dumps({"__type": "ConflictException", "message": "It already exists."})
    return _create_schedule_group(self)


def _invoke_endpoint(self: SageMakerRuntimeResponse) -> Any:
    """One prediction per row, in the content type that is asked for, as the template's inference.py answers."""
    body, kind, accept = self.body, self.headers["Content-Type"], self.headers.get("Accept")
    name = self.path.split("/")[2]
    text = body.decode() if isinstance(body, bytes) else str(body)
    CALLS.append(("invoke_endpoint", {"EndpointName": name, "Body": text, "ContentType": kind, "Accept": accept}))
    status, said = ANSWERS.pop(0) if ANSWERS else (200, "")
    if status != 200:
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
        error = {"Message": f"Received status {status}", "OriginalStatusCode": status, "OriginalMessage": said}
        headers = {"status": 424, "x-amzn-errortype": "ModelError", "Content-Type": "application/json"}
        return 424, headers, json.dumps(error)
    rows = len(text.strip().splitlines()) - 1 if kind == "text/csv" else 1
    csv = "label,probability_0,probability_1\n" + rows * "0,0.9,0.1\n"
    good = csv if accept == "text/csv" else json.dumps({"predictions": rows * [{"label": 0}]})
    return 200, {"Content-Type": accept, "x-amzn-requestid": "1"}, said or good


def _page(key: str, items: list[Record], request: Record) -> ActionResult:
    return ActionResult(_paged(key, items, request))


def _paged(key: str, items: list[Record], request: Record) -> Record:
    """One page: at most MaxResults items, starting at number NextToken."""
    start, most = int(request.get("NextToken") or 0), int(request.get("MaxResults") or 10)
    page: Record = {key: items[start : start + most]}
    if start + most < len(items):
        page["NextToken"] = str(start + most)
    return page


def _not_found(kind: str) -> Any:
    return 400, {"status": 400}, json.dumps({"__type": "ResourceNotFound", "message": f"{kind} does not exist"})


def register() -> None:
    """Add them to moto, and let FAULTS answer before any method, including moto's own."""
    own = {name: method for name, method in vars(Missing).items() if callable(method) and not name.startswith("__")}
    for name, method in own.items():
        setattr(SageMakerResponse, name, method)
    SageMakerResponse.list_tags = _list_tags  # type: ignore[method-assign]
    ServiceQuotasResponse.list_service_quotas = _list_service_quotas  # type: ignore[attr-defined]
    SageMakerRuntimeResponse.invoke_endpoint = _invoke_endpoint  # type: ignore[method-assign]
    IamResponse.simulate_principal_policy = _simulate_principal_policy  # type: ignore[attr-defined]
    EventBridgeSchedulerResponse.create_schedule = _create_schedule_in_group  # type: ignore[method-assign]
    EventBridgeSchedulerResponse.create_schedule_group = _create_new_schedule_group  # type: ignore[method-assign]
    for kind in (SageMakerResponse, EventBridgeSchedulerResponse):
        for name in [name for name in dir(kind) if name.startswith(_VERBS)]:
            method = getattr(kind, name)
            if not getattr(method, "faulty", False):
                setattr(kind, name, _recorded(name, method))


_GET = ("get_schedule",)
_VERBS = ("create_", "describe_", "list_", "update_", "delete_", "start_", "stop_", "retry_", "add_", "search", *_GET)


def _recorded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def answer(self: Any) -> Any:
        CALLS.append((name, json.loads(self.body or "{}") if isinstance(self.body, str | bytes) else {}))
        if faults := FAULTS.get(name):
            status, code, message = faults.pop(0)
            return status, {"status": status}, json.dumps({"__type": code, "message": message})
        return method(self)

    answer.faulty = True  # type: ignore[attr-defined]
    return answer


def now() -> float:
    return time.time()
