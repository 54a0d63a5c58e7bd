"""Before anything is written: can this Python check the answers, is the slug a folder's name, is the folder free?"""

import os
import sys

SLUG = {{ cookiecutter.project_slug | tojson }}


def problem():
    if sys.version_info < (3, 11):
        return "Cookiecutter runs on Python %d.%d here, and this template needs 3.11 or newer." % sys.version_info[:2]
    if not (SLUG.isascii() and SLUG.replace("-", "").replace("_", "").isalnum() and SLUG[0].isalnum()):
        return "project_slug: %s cannot name a folder: write letters, digits and hyphens, such as 'churn-model'." % (
            ascii(SLUG)
        )
    if os.listdir("."):
        return "The folder %s already holds files, and none of them was touched: take another project_slug." % SLUG
    return None


if __name__ == "__main__":
    found = problem()
    if found:
        sys.exit(found)
