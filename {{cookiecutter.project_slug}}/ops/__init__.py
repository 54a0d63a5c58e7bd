"""The commands and the machinery of this project; the template owns this folder, an update replaces it."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    # No f-string: the oldest Pythons must get as far as this.
    NEEDED = "Python 3.11 to 3.13 is needed, and this is {}.{}: name another, such as `make setup PYTHON=python3.12`."
    sys.exit(NEEDED.format(*sys.version_info))
