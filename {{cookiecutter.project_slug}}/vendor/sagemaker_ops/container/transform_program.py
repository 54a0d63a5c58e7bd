"""The program of a transform job: loads the handlers of inference.py and sends them the inputs, request by request.

It runs as the job (`python transform_program.py JOB.json`) and itself uses only the standard library. Splitting,
joining and assembling follow https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html and, in the same
place, batch-transform-data-processing.html; the default handlers are those of the scikit-learn image (GitHub:
aws/sagemaker-scikit-learn-container, serving.py).
"""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

CSV, JSON, JSON_LINES, NPY = "text/csv", "application/json", "application/jsonlines", "application/x-npy"
HANDLERS = ("model_fn", "transform_fn", "input_fn", "predict_fn", "output_fn")
DEFAULT_MB = 6
Filter = list[Any]
"""The steps of a JSONPath: None for a wildcard, otherwise a list of names, or of indexes and slices."""
_NAME, _NUMBER = r" *'[^',.]+' *", r" *(?:-?\d+|-?\d*:) *"
_STEP = rf"\.?\[(?: *\* *|({_NAME}(?:,{_NAME})*)|({_NUMBER}(?:,{_NUMBER})*))\]|\.(?:\*|([^.\[\]*',:]+))"


class InputError(Exception):
    """Why an input cannot be transformed, in one sentence."""


def media_type(text: str | None) -> str:
    """The plain media type: `text/csv` for `Text/CSV; header=present`."""
    return (text or "").partition(";")[0].strip().lower()


def parse_filter(text: str) -> Filter:
    """The steps of a JSONPath that AWS accepts; ValueError with a sentence for any other.

    Slices with an end are refused: AWS's page says that "$[1:4]" includes the fifth column, the library that it refers
    to says that it does not, and no column at all is better than a wrong one.
    """
    strange = [letter for letter in text if not (letter.isalnum() or letter in "$[]*. ,:-'")]
    if strange:  # https://github.com/aws/aws-sdk/issues/184
        raise ValueError(f"{text} contains {strange[0]!r}, which AWS does not allow in a filter: rename the attribute.")
    if re.search(r": *-?\d", text):
        raise ValueError(f"{text} has a slice with an end, which is ambiguous on AWS: write indexes, such as $[0,1,2].")
    if len(text) > 63 or not re.fullmatch(rf"\$(?:{_STEP})*", text) or re.search(r":[^\]]*:", text):
        raise ValueError(f"{text} is not a filter: write it like $[1:], $[0,-1], $.features or $['id','name'].")
    steps: Filter = []
    for names, numbers, name in re.findall(_STEP, text):
        indexes = [each.strip() for each in numbers.split(",") if each]
        cut = [slice(int(each[:-1] or 0), None) if each.endswith(":") else int(each) for each in indexes]
        steps.append(cut or [each.strip(" '") for each in names.split(",") if each] or ([name] if name else None))
    return steps


def select(value: Any, steps: Filter) -> Any:
    """The part of a JSON value that a filter selects; InputError if it is missing."""
    for step in steps:
        try:
            if step is None:
                value = list(value.values() if isinstance(value, dict) else value)
            elif isinstance(step[0], str):
                value = {name: value[name] for name in step} if step[1:] else value[step[0]]
            else:
                parts = [value[each] if isinstance(each, slice) else [value[each]] for each in step]
                if not isinstance(value, list) or [] in parts:
                    raise IndexError
                found = [item for part in parts for item in part]
                value = found if step[1:] or isinstance(step[0], slice) else found[0]
        except (KeyError, IndexError, TypeError):
            raise InputError(f"the filter selects something that is not in {json.dumps(value)[:80]}") from None
    return value


class Exchange:
    """Turns inputs into requests and answers into outputs, following the arguments of CreateTransformJob."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        source, output = arguments["TransformInput"], arguments["TransformOutput"]
        processing = arguments.get("DataProcessing", {})
        self.content_type, self.accept = media_type(source.get("ContentType")), media_type(output.get("Accept"))
        self.zipped, self.by_line = source.get("CompressionType") == "Gzip", source.get("SplitType") == "Line"
        self.megabytes = arguments.get("MaxPayloadInMB", DEFAULT_MB)
        self.single = arguments.get("BatchStrategy") == "SingleRecord"
        self.ends_lines, self.joins = output.get("AssembleWith") == "Line", processing.get("JoinSource") == "Input"
        self.asked, self.kept = (parse_filter(processing.get(f"{which}Filter", "$")) for which in ("Input", "Output"))

    def outputs(self, file: Path, invoke: Callable[[bytes], bytes]) -> Iterator[bytes]:
        """The output for one input, answer by answer."""
        with gzip.open(file) if self.zipped else file.open("rb") as content:
            for records, request in self._requests(content if self.by_line else [content.read()]):
                answer = invoke(request)
                if self.joins or self.kept:
                    answer = self._joined(records, answer)
                yield answer + b"\n" if self.ends_lines and answer and not answer.endswith(b"\n") else answer

    def _requests(self, records: Iterable[bytes]) -> Iterator[tuple[list[bytes], bytes]]:
        """Each request, with the records of the input that it contains."""
        limit = self.megabytes * 1024**2 or sys.maxsize
        batch: list[bytes] = []
        request = bytearray()
        for record in records:
            sent = record
            if self.asked:
                sent = self._filtered(self._parsed(record, self.content_type), self.asked, self.content_type)
            if len(sent) > limit:
                raise InputError(f"a record has {len(sent):,} bytes, but MaxPayloadInMB is {self.megabytes}")
            if batch and (self.single or len(request) + len(sent) > limit):
                yield batch, bytes(request)
                batch, request = [], bytearray()
            if sent:  # otherwise it is only an empty line
                batch.append(record)
                request += sent
        if batch:
            yield batch, bytes(request)

    def _joined(self, records: list[bytes], answer: bytes) -> bytes:
        """The filtered answer; before that, each of its records is joined to the one that was sent, if requested."""
        values = self._parsed(answer, self.accept)
        if self.joins:
            given = [value for record in records for value in self._parsed(record, self.content_type)]
            if len(given) != len(values):
                raise InputError(f"{len(given)} records were sent but {len(values)} returned, so they cannot be joined")
            values = [_join(*pair, self.accept) for pair in zip(given, values, strict=True)]
        return self._filtered(values, self.kept, self.accept)

    def _parsed(self, data: bytes, kind: str) -> list[Any]:
        """The records in it: CSV rows as lists of strings, or JSON values."""
        in_lines = self.by_line or kind == JSON_LINES
        parts = [line for line in data.split(b"\n") if line.strip()] if in_lines else [data]
        try:
            texts = [part.decode("utf-8-sig") for part in parts]
            return [next(csv.reader([text], strict=True)) if kind == CSV else json.loads(text) for text in texts]
        except (ValueError, csv.Error, RecursionError) as error:
            raise InputError(f"expected {kind}, but it cannot be read record by record: {error}") from None

    def _filtered(self, values: list[Any], steps: Filter, kind: str) -> bytes:
        """The parts of the records that the filter selects, as text again."""
        rows = csv.writer(file := io.StringIO(), lineterminator="")
        for value in (select(each, steps) for each in values):
            if kind == CSV:
                rows.writerow(value if isinstance(value, list) else [value])
            else:  # in the format of AWS
                file.write(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
            file.write("\n" if self.by_line or kind == JSON_LINES else "")
        return file.getvalue().encode("utf-8", "replace")


def _join(record: Any, answer: Any, kind: str) -> Any:
    if kind == CSV:
        return record + answer
    before = record if isinstance(record, dict) else {"SageMakerInput": record}
    return {**before, "SageMakerOutput": answer}


def invocation(code: str, program: str, model_dir: str) -> Callable[[bytes, str, str], Any]:
    """(request, content type, accept) → what the handlers in `program` return, with the model that model_fn loads.

    InputError if the image would not accept them.
    """
    sys.path.insert(0, code)
    module = importlib.import_module(program.removesuffix(".py").replace("/", "."))
    model_fn, transform_fn, input_fn, predict_fn, output_fn = (getattr(module, name, None) for name in HANDLERS)
    if model_fn is None:
        raise InputError("it has no model_fn(model_dir), which loads the model")
    if transform_fn is not None and (input_fn or predict_fn or output_fn):
        raise InputError("it has transform_fn, but also input_fn, predict_fn or output_fn, which transform_fn replaces")
    model = model_fn(model_dir)

    def invoke(request: bytes, content_type: str, accept: str) -> Any:
        body = request.decode("utf-8", "replace") if content_type in (CSV, JSON) else request
        if transform_fn is not None:
            return transform_fn(model, body, content_type, accept)
        data = (input_fn or default_input_fn)(body, content_type)
        return (output_fn or default_output_fn)(predict_fn(data, model) if predict_fn else model.predict(data), accept)

    return invoke


def handlers(job: Mapping[str, Any]) -> Callable[[bytes], bytes]:
    """A function that answers a request of the job."""
    content_type = job["arguments"]["TransformInput"].get("ContentType") or JSON
    accept = job["arguments"]["TransformOutput"].get("Accept", "*/*")
    if accept in ("", "*/*"):
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
    invoke = invocation(job["code"], job["program"], job["model"])

    def answered(request: bytes) -> bytes:
        answer = invoke(request, content_type, accept)
        answer = answer[0] if isinstance(answer, tuple) else answer  # the second item is its content type
        if not isinstance(answer, str | bytes | bytearray):
            raise InputError(f"the handlers returned {type(answer).__name__}, not text or bytes")
        return answer.encode() if isinstance(answer, str) else bytes(answer)

    return answered


def default_input_fn(body: Any, content_type: str) -> Any:
    """The request as an array; a single row of CSV has one dimension, as in the image."""
    import numpy as np

    if content_type == NPY:
        return np.load(io.BytesIO(body), allow_pickle=True)
    if content_type not in (CSV, JSON):
        raise InputError(f"without an input_fn, requests must be {CSV}, {JSON} or {NPY}, not '{content_type}'")
    values = np.array(list(csv.reader(io.StringIO(body), strict=True)) if content_type == CSV else json.loads(body))
    return (values.squeeze() if content_type == CSV else values).astype(np.float32)


def default_output_fn(prediction: Any, accept: str) -> str | bytes:
    """The prediction as CSV, JSON or a NumPy file."""
    import numpy as np

    if accept == JSON:
        return json.dumps(prediction, default=lambda value: value.tolist())
    if accept not in (CSV, NPY):
        raise InputError(f"without an output_fn, answers must be {CSV}, {JSON} or {NPY}, not '{accept}'")
    if accept == NPY:
        np.save(binary := io.BytesIO(), prediction)
        return binary.getvalue()
    rows, text = np.array(prediction), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows.reshape(-1, 1) if rows.ndim == 1 else rows)
    return text.getvalue()


def serve(job: Mapping[str, Any]) -> int:
    """Transform each input into job["results"]; returns 1 if one failed, with the reason in the file job["failure"].

    As on AWS, the others are still transformed; a result file exists only when it is complete.
    """
    draft, failures = Path(job["results"] + ".part"), []
    try:
        exchange, invoke, inputs = Exchange(job["arguments"]), handlers(job), job["inputs"]
    except Exception as error:
        failures, inputs = [_reason(job["program"], error)], {}
    for name, file in inputs.items():
        try:
            with draft.open("wb") as output:
                output.writelines(exchange.outputs(Path(file), invoke))
            target = Path(job["results"], f"{name}.out")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(draft, target)
        except Exception as error:
            failures.append(_reason(name, error))
    if failures:
        others = len(failures) - 1
        more = f" ({others} more input{'s' if others > 1 else ''} failed)" if others else ""
        Path(job["failure"]).write_text(failures[0] + more, encoding="utf-8")
    return bool(failures)


def _reason(where: str, error: Exception) -> str:
    """The failure as one sentence, which is logged; an exception of a handler also with its traceback."""
    kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    if kind:
        traceback.print_exception(error)
    sentence = f"{where}: {kind}{' '.join(str(error).split())}"
    print(sentence, file=sys.stderr)
    return sentence


if __name__ == "__main__":
    # Files next to this one must not be importable by the handlers.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.realpath(__file__))]
    csv.field_size_limit(sys.maxsize)
    sys.exit(serve(json.loads(Path(sys.argv[1]).read_bytes())))
