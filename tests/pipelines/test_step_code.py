"""Which files the script of a step needs."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from projects import TEMPLATE_PROJECT

from sagemaker_ops.tabular.step_code import StepCode, files_below

STEPS = TEMPLATE_PROJECT / "production" / "steps"
# What the scripts of these tests may need; each file is one that another may import.
FILES = {
    "other.py": "X = 1",
    "features.py": "X = 1",
    "far.py": "import features",
    "lib/__init__.py": "",
    "lib/text.py": "from . import words\nfrom .deep import numbers",
    "lib/words.py": "",
    "lib/deep/__init__.py": "from ..words import X",
    "lib/deep/numbers.py": "",
    "plain/part.py": "",  # a package without __init__.py
    "dynamic.py": "import importlib\nimportlib.import_module(NAME)",
    "queries/flights.sql": "SELECT 1",
    "lookup.json": "{}",
    "requirements.txt": "",
}
DATA = {"queries/flights.sql", "lookup.json", "requirements.txt"}
LIB = {"lib/__init__.py", "lib/text.py", "lib/words.py", "lib/deep/__init__.py", "lib/deep/numbers.py"}


def write(folder: Path, files: dict[str, str]) -> StepCode:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text), encoding="utf-8")
    return StepCode(files_below(folder))


def scripts(folder: Path, text: str, name: str = "step.py") -> set[str]:
    """What a script with this text needs beside itself, without what every step gets."""
    found = set(write(folder, FILES | {name: text}).of(name))
    assert found >= DATA | {name}
    return found - DATA - {name}


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        pytest.param("import json\nimport pandas as pd\nfrom sagemaker_ops import fit", set(), id="nothing of its own"),
        pytest.param("import features", {"features.py"}, id="a module"),
        pytest.param("import features as f, other", {"features.py", "other.py"}, id="two modules"),
        pytest.param("from features import X as Y", {"features.py"}, id="a name"),
        pytest.param("from features import *", {"features.py"}, id="every name"),
        pytest.param("import far", {"far.py", "features.py"}, id="a module that imports a module"),
        pytest.param("def f():\n    import features", {"features.py"}, id="in a function"),
        pytest.param("class A:\n    from features import X", {"features.py"}, id="in a class"),
        pytest.param("try:\n    import features\nexcept ImportError:\n    import other", {"features.py", "other.py"},
                     id="in a try"),
        pytest.param("import typing\nif typing.TYPE_CHECKING:\n    import features", {"features.py"}, id="for types"),
        pytest.param("if __name__ == '__main__':\n    import features", {"features.py"}, id="in the main part"),
        pytest.param("import lib", {"lib/__init__.py"}, id="a package"),
        pytest.param("import lib.words", {"lib/__init__.py", "lib/words.py"}, id="a module of a package"),
        pytest.param("from lib import words", {"lib/__init__.py", "lib/words.py"}, id="a module from a package"),
        pytest.param("from lib import *", LIB, id="everything from a package"),
        pytest.param("import lib.text", LIB, id="relative imports"),
        pytest.param("import lib.deep.numbers", LIB - {"lib/text.py"}, id="a package in a package"),
        pytest.param("import plain.part", {"plain/part.py"}, id="a package without __init__.py"),
        pytest.param("from plain import part", {"plain/part.py"}, id="a module from such a package"),
        pytest.param("from . import features", {"features.py"}, id="a relative import in a script"),
        pytest.param("from .. import features", set(), id="one that leads outside"),
        pytest.param("import importlib\nimportlib.import_module('features')", {"features.py"}, id="import_module"),
        pytest.param("import importlib as i\ni.import_module(name='features')", {"features.py"}, id="its keyword"),
        pytest.param("from importlib import import_module as load\nload('lib.words')",
                     {"lib/__init__.py", "lib/words.py"}, id="its own name"),
        pytest.param("import importlib\nimportlib.import_module('.words', 'lib')",
                     {"lib/__init__.py", "lib/words.py"}, id="import_module with a package"),
        pytest.param("HELP = 'see features.py'", {"features.py"}, id="a file that a text names"),
        pytest.param("'''See other.py.'''\ndef f():\n    '''As other.py.'''", set(), id="one that a docstring names"),
        pytest.param("# see other.py", set(), id="one that a comment names"),
        pytest.param("from importlib import metadata, resources\nmetadata.version('pandas')", set(), id="metadata"),
        pytest.param("import re, joblib\nre.compile('x')\njoblib.dump(1, 'x')", set(), id="harmless namesakes"),
        pytest.param("model.eval()\nframe.eval('a + b')\njson.loads('1')", set(), id="methods"),
        pytest.param("import sys, os\nsys.exit(main(sys.argv[1:]))\nos.environ['X']", set(), id="sys and os"),
        pytest.param("from pathlib import Path\nPath('/opt/ml/model')\nlist(folder.glob('*.csv'))", set(), id="paths"),
        pytest.param("open('lookup.json')", set(), id="a data file"),
        pytest.param("from pathlib import Path\nPath(__file__).with_name('lookup.json')", set(), id="beside it"),
        pytest.param("from pathlib import Path\n(Path(__file__).parent / 'queries' / 'flights.sql').read_text()", set(),
                     id="below its folder"),
        pytest.param("from pathlib import Path\nHERE: Path = Path(__file__).resolve().parent\n"
                     "def f():\n    return HERE.joinpath('lookup.json').read_text()", set(), id="its folder, named"),
        pytest.param("import os\nopen(os.path.join(os.path.dirname(__file__), 'lookup.json'))", set(), id="os.path"),
        pytest.param("import os\nNAME = os.path.basename(__file__)", set(), id="only its name"),
        pytest.param("import shutil\nfrom pathlib import Path\nshutil.copy(Path(__file__).with_name('far.py'), 'x')",
                     {"far.py", "features.py"}, id="a script that it copies"),
    ],
)  # fmt: skip
def test_a_step_gets_what_its_script_imports_and_no_other_script(tmp_path: Path, text: str, needs: set[str]) -> None:
    assert scripts(tmp_path, text) == needs


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import dynamic", id="a module that imports by a name"),
        pytest.param("import importlib\nimportlib.import_module(f'lib.{x}')", id="import_module"),
        pytest.param("from importlib import import_module as load\nload('lib' + x)", id="import_module, renamed"),
        pytest.param("from importlib import import_module", id="import_module for others"),
        pytest.param("import importlib\nmap(importlib.import_module, names)", id="import_module, handed on"),
        pytest.param("import importlib\nimportlib.import_module(package='lib', name='.words')", id="its keywords"),
        pytest.param("import importlib\nimportlib.import_module('..words', 'lib.deep')", id="from a package above"),
        pytest.param("import importlib\nuse(importlib)", id="importlib, handed on"),
        pytest.param("import importlib\nimportlib.util.spec_from_file_location('x', path)", id="a spec"),
        pytest.param("from importlib import *", id="all of importlib"),
        pytest.param("__import__(name)", id="__import__"),
        pytest.param("exec(text)", id="exec"),
        pytest.param("eval('f()')", id="eval"),
        pytest.param("import builtins", id="builtins"),
        pytest.param("import runpy", id="runpy"),
        pytest.param("from runpy import run_path as run", id="a function of runpy"),
        pytest.param("import subprocess\nsubprocess.run(['python', 'other.py'])", id="subprocess"),
        pytest.param("def f():\n    import subprocess", id="subprocess in a function"),
        pytest.param("import os\nos.system(command)", id="os.system"),
        pytest.param("from os import execv", id="os.execv"),
        pytest.param("import asyncio\nasyncio.create_subprocess_exec(*words)", id="asyncio"),
        pytest.param("import sys\nsys.path.insert(0, 'lib')", id="sys.path"),
        pytest.param("import sys\nsys.argv[0]", id="the name of the script"),
        pytest.param("import pickle\npickle.load(file)", id="pickle"),
        pytest.param("from joblib import load", id="joblib"),
        pytest.param("import pandas as pd\npd.read_pickle(path)", id="pandas"),
        pytest.param("import numpy as np\nnp.load(path, allow_pickle=True)", id="numpy"),
        pytest.param("import mlflow.sklearn as m\nm.load_model(uri)", id="mlflow"),
        pytest.param("import logging.config", id="logging.config"),
        pytest.param("import pkgutil", id="pkgutil"),
        pytest.param("context.addPyFile(path)", id="Spark"),
        pytest.param("import features\nfeatures.__file__", id="the place of a module"),
        pytest.param("from pathlib import Path\nPath(__file__).parent.glob('*')", id="its folder"),
        pytest.param(
            "from pathlib import Path\nHERE = Path(__file__).parent\nlist(HERE.iterdir())", id="its folder, named"
        ),
        pytest.param("from pathlib import Path\nPath(__file__).parent / 'lib'", id="a folder of scripts"),
        pytest.param("from pathlib import Path\nPath(__file__).parent / name", id="a file beside it"),
        pytest.param("f'{__file__}/x'", id="a text with its place"),
        pytest.param("import shutil\nshutil.copytree('/opt/ml/code', 'x')", id="the folder in the container"),
        pytest.param("import os\nos.listdir('.')", id="the working directory"),
        pytest.param("from pathlib import Path\nPath.cwd()", id="the working directory as a path"),
        pytest.param("run(f'{name}.py')", id="the name of a script in parts"),
        pytest.param("run(name + '_step.py')", id="the end of the name of a script"),
        pytest.param("folder.glob('*.py')", id="a pattern for scripts"),
        pytest.param("def f(:", id="not Python"),
        pytest.param("x = '\0'", id="not text"),
    ],
)
def test_a_script_whose_text_does_not_show_what_it_needs_gets_everything(tmp_path: Path, text: str) -> None:
    assert scripts(tmp_path, text) == FILES.keys() - DATA


def test_a_script_in_a_folder_finds_modules_there_and_in_the_folder_of_all_scripts(tmp_path: Path) -> None:
    assert scripts(tmp_path, "import words, features", "lib/step.py") == {"lib/words.py", "features.py"}


@pytest.mark.parametrize("script", ["run.sh", "nowhere.py", "lookup.json"])
def test_what_is_not_a_script_of_python_gets_everything(tmp_path: Path, script: str) -> None:
    code = write(tmp_path, FILES | {"run.sh": "python other.py"})

    assert code.of(script).keys() == FILES.keys() | {"run.sh"}


@pytest.mark.parametrize(
    "name", ["setup.py", "sitecustomize.py", "usercustomize.py", "sagemaker_ops/tabular/splits.py"]
)
def test_with_a_file_that_may_change_every_step_each_step_gets_everything(tmp_path: Path, name: str) -> None:
    assert write(tmp_path, FILES | {name: ""}).of("other.py").keys() == FILES.keys() | {name}


@pytest.mark.parametrize("name", ["README.md", "readme.txt", ".hidden", "__pycache__/x.pyc", ".ipynb_checkpoints/x.py"])
def test_what_no_step_needs_is_left_out(tmp_path: Path, name: str) -> None:
    assert write(tmp_path, FILES | {name: ""}).of("dynamic.py").keys() == FILES.keys()


# Models: training packs the code that serves one, and whoever reads one needs the modules of the training.
MODELS = {
    "train.py": """
        from pathlib import Path
        from sagemaker_ops import save_model
        import model
        save_model(model.fit(), "m", scripts=Path(__file__).parent)
    """,
    "model.py": "import features",
    "features.py": "",
    "inference.py": "from sagemaker_ops import load_model\nimport requests_of_ours",
    "requests_of_ours.py": "",
    "evaluate.py": "from sagemaker_ops import load_model",
    "process.py": "import features",
}
MODEL = {"model.py", "features.py"}
SERVED = MODEL | {"inference.py", "requests_of_ours.py"}


@pytest.mark.parametrize(
    ("script", "more", "needs"),
    [
        pytest.param("train.py", {}, SERVED | {"train.py"}, id="training packs the code that serves the model"),
        pytest.param("inference.py", {}, SERVED, id="which needs the modules of the model"),
        pytest.param("evaluate.py", {}, MODEL | {"evaluate.py"}, id="as does what evaluates it"),
        pytest.param("process.py", {}, {"process.py", "features.py"}, id="but not what makes its data"),
        pytest.param(
            "evaluate.py",
            {"evaluate.py": "import sagemaker_ops as ops\nops.load_model('m')"},
            MODEL | {"evaluate.py"},
            id="by the library's name",
        ),
        pytest.param(
            "evaluate.py",
            {"evaluate.py": "import sagemaker_ops as ops\ngetattr(ops, name)('m')"},
            SERVED | {"evaluate.py"},
            id="by a name that is only known when it runs",
        ),
        pytest.param(
            "own/train.py",
            {
                "own/train.py": "from sagemaker_ops import save_model",
                "own/inference.py": "import other",
                "other.py": "",
            },
            SERVED | {"own/train.py", "own/inference.py", "other.py"},
            id="training in a folder",
        ),
        pytest.param(
            "evaluate.py",
            {"evaluate.py": "import scoring", "scoring.py": "from sagemaker_ops import load_model as load"},
            MODEL | {"evaluate.py", "scoring.py"},
            id="in a module",
        ),
        pytest.param(
            "evaluate.py",
            {
                "train.py": "import saving, model",
                "saving.py": "from sagemaker_ops import save_model\nimport far",
                "far.py": "",
            },
            MODEL | {"evaluate.py", "saving.py", "far.py"},
            id="of a model that a module saves",
        ),
        pytest.param(
            "evaluate.py",
            {"second.py": "from sagemaker_ops import *\nsave_model\nimport other", "other.py": ""},
            MODEL | {"evaluate.py", "other.py"},
            id="of two models",
        ),
        pytest.param(
            "evaluate.py",
            {"train.py": "from sagemaker_ops import save_model\nexec(x)"},
            {*MODELS},
            id="of a model whose modules are unknown",
        ),
        pytest.param("train.py", {"inference.py": "exec(x)"}, {*MODELS}, id="whose serving needs unknown modules"),
    ],
)
def test_a_step_with_a_model(tmp_path: Path, script: str, more: dict[str, str], needs: set[str]) -> None:
    assert write(tmp_path, MODELS | more).of(script).keys() == needs


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ("processing.py", {"processing.py"}),
        ("training.py", {"training.py"}),
        ("evaluation.py", {"evaluation.py"}),
        ("inference.py", {"training.py"}),
        ("features.py", {"training.py", "evaluation.py"}),
        ("model.py", {"training.py", "evaluation.py"}),
        ("metrics.py", {"training.py", "evaluation.py"}),
        ("README.md", set()),
    ],
)
def test_the_steps_of_a_new_project_that_get_a_file(changed: str, steps: set[str]) -> None:
    code = StepCode(files_below(STEPS))

    assert {name for name in ("processing.py", "training.py", "evaluation.py") if changed in code.of(name)} == steps
