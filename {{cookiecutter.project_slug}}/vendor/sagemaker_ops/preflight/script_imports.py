"""What the scripts of a step import, themselves or through the modules next to them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

CALLS_PIP = re.compile(rb"\bpip\b")
S3_CLIENTS = {"boto3", "botocore", "s3transfer", "aioboto3", "aiobotocore", "s3fs", "awswrangler", "sagemaker"}
_S3_WORDS = re.compile(rf"s3://|\b(?:import|from)\s.*\b(?:{'|'.join(sorted(S3_CLIENTS))})\b".encode())
_S3_URI = re.compile(r"""f?['"]s3://[^'"]""")

Files = Mapping[str, "Path | bytes"]


def imported(script: str, files: Files, everywhere: bool = False) -> set[str]:
    """The packages that a script imports at its top, also through the modules next to it.

    Empty for a script that calls pip: it may install them first. everywhere: also in functions and in packages next to
    it, and boto3 if it calls something with an S3 URI.
    """
    found: set[str] = set()
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents}
    seen, waiting = {script}, [script]
    while waiting:
        try:
            content = _content(files[waiting.pop()])
            tree = ast.parse(content)
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue  # the program itself will report it
        if CALLS_PIP.search(content) and not everywhere:
            return set()
        nodes = list(ast.walk(tree)) if everywhere else tree.body
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
        names += ["boto3" for node in nodes if isinstance(node, ast.Call) and _is_given_s3(node)]
        for name in {name.split(".")[0] for name in names}:
            beside = str(PurePosixPath(script).with_name(name))
            new = {f"{beside}.py"} & files.keys()
            if beside in folders:
                inside = {each: file for each, file in files.items() if everywhere and each.startswith(f"{beside}/")}
                new = {each for each, file in inside.items() if _mentions_s3(each, file)}
            elif not new:
                found.add(name)
            waiting += new - seen
            seen |= new
    return found


def use_s3(script: str, files: Files) -> bool:
    """Whether the script, or a module or package next to it, reads or writes S3 itself."""
    mentioned = script in files and any(map(_mentions_s3, files, files.values()))  # parsing takes longer
    return mentioned and bool(S3_CLIENTS & imported(script, files, everywhere=True))


def _content(file: Path | bytes) -> bytes:
    return file if isinstance(file, bytes) else file.read_bytes()


def _mentions_s3(name: str, file: Path | bytes) -> bool:
    return name.endswith(".py") and _S3_WORDS.search(_content(file)) is not None


def _is_given_s3(call: ast.Call) -> bool:
    """Whether an argument is the URI of something in S3, as in pandas.read_csv("s3://bucket/file.csv")."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(_S3_URI.match(ast.unparse(each)) for each in given if isinstance(each, ast.Constant | ast.JoinedStr))
