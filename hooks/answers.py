"""The command that starts again from given answers. Both hooks import it when they refuse a project."""

import json
import os
import shlex


def again(context, template):
    """`cookiecutter TEMPLATE name=answer …`, with each answer that is not the default; for a POSIX shell.

    context: Cookiecutter's, with the names that it adds itself, such as _output_dir. template: its folder.
    """
    with open(os.path.join(template, "cookiecutter.json"), encoding="utf-8") as file:
        defaults = json.load(file)
    words = ["cookiecutter", context["_template"]]
    if context.get("_checkout"):
        words += ["--checkout", context["_checkout"]]
    # The shell's variable: the current folder of a hook is the new project.
    if context["_output_dir"] != os.environ.get("PWD", context["_output_dir"]):
        words += ["--output-dir", context["_output_dir"]]
    for name, default in defaults.items():
        usual = default[0] if isinstance(default, list) else default
        if not name.startswith("_") and context[name] != usual:
            words.append(f"{name}={context[name]}")
    return " ".join(map(shlex.quote, words))


def advice(context, template):
    """What to do after a refusal, in two lines."""
    command = again(context, template)
    return f"No project was generated. Correct the answers in this command, and try again:\n  {command}"
