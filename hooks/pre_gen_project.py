"""Before generation: check that Python is new enough, and that the slug is the name of a folder without files."""

import os
import sys

SLUG = {{ "%a" | format(cookiecutter.project_slug) }}


def problem():
    """What is wrong, as one sentence, or None."""
    if sys.version_info < (3, 11):
        return "Cookiecutter runs on Python %d.%d here, but this template needs 3.11 or newer." % sys.version_info[:2]
    if not (SLUG.isascii() and SLUG[:1].isalnum() and SLUG.replace("-", "").replace("_", "").isalnum()):
        return "project_slug: %a is not a valid folder name: use a name such as 'churn-model'." % SLUG
    if os.listdir("."):
        return "The folder %s already contains files, and none was changed: choose another project_slug." % SLUG
    return None


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
        remove_parents()
        sys.exit(found)
