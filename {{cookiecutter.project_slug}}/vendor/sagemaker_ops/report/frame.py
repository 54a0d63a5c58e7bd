"""The frame of a page: one HTML file that requests nothing, with a small script of its own."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from sagemaker_ops.report.markup import Markup, element


def html(title: str, body: Markup, own: str = "") -> str:
    """A page whose browser loads nothing, and runs only our own script, whatever the texts contain.

    own: another script instead, which may talk to the server that the page comes from.
    """
    program = own or script()
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    policy += "; connect-src 'self'" if own else ""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(_file("page.css"))),
    )
    content = element("body", body, element("script", Markup(program)))
    return f"<!DOCTYPE html>\n{element('html', head, content, lang='en')}\n"


def script() -> str:
    return _file("page.js")


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
