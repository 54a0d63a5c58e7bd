"""Before generation: check that Python is new enough, and that the slug is the name of a folder without files."""

import json
import os
import sys

SLUG = {{ "%a" | format(cookiecutter.project_slug) }}
# Cookiecutter's answers as JSON, which never contains three quotes in a row; as pairs, to keep their order.
CONTEXT = r"""{{ cookiecutter.items() | list | jsonify }}"""


def problem():
    """What is wrong, as one sentence, or None."""
    if sys.version_info < (3, 11):
        return "Cookiecutter runs on Python %d.%d here, but this template needs 3.11 or newer." % sys.version_info[:2]
    if not (SLUG.isascii() and SLUG[:1].isalnum() and SLUG.replace("-", "").replace("_", "").isalnum()):
        return "project_slug: %a is not a valid folder name: use a name such as 'churn-model'." % SLUG
    if os.listdir("."):
        return "The folder %s already contains files, and none was changed: choose another project_slug." % SLUG
    return None


def advice():
    """What to do after a refusal: the command with the same answers, if the template's folder is found."""
    context = dict(json.loads(CONTEXT))
    # A relative path counts from where Cookiecutter was started; the current folder is the new project.
    for start in (os.environ.get("PWD", ""), context["_output_dir"]):
        template = os.path.join(start, context["_repo_dir"])
        if os.path.isfile(os.path.join(template, "hooks", "answers.py")):
            sys.path.insert(0, os.path.join(template, "hooks"))
            import answers

            return answers.advice(context, template)
    return "No project was generated. Correct the answers and try again."


def remove_parents():
    """Cookiecutter removes the folder that it made, but for a slug such as 'a/b' it leaves the parent 'a'."""
    made = [name for name in os.path.normpath(SLUG).split(os.sep) if name not in ("", "..")]
    if len(made) > 1:
        try:
            for name in reversed(made):
                os.chdir("..")
                os.rmdir(name)
        except OSError:  # not empty, so it existed before
            return


if __name__ == "__main__":
    found = problem()
    if found:
        print("error: " + found, file=sys.stderr)
        print(advice(), file=sys.stderr)
        remove_parents()
        sys.exit(1)
