"""project.toml: what is read, the defaults, and the message for each mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from projects import MINIMAL

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import settings

TEMPLATE = Path(__file__).parents[2]
Problems = Callable[[str], list[Problem]]


def put(text: str, before: str = "[gate]", within: str = MINIMAL) -> str:
    """The minimal project.toml with `text` added to the table that ends before `before`."""
    assert before in within
    return within.replace(before, f"{text}\n{before}", 1)


def replaced(old: str, new: str, within: str = MINIMAL) -> str:
    assert old in within
    return within.replace(old, new, 1)


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    """The problems of a project.toml with this text."""

    def _problems(text: str) -> list[Problem]:
        (tmp_path / "project.toml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError) as caught:
            settings.load(tmp_path)
        return caught.value.problems

    return _problems


@pytest.mark.parametrize(
    ("text", "where", "sentence"),
    [
        pytest.param(
            MINIMAL + "[instance]\n", "project.toml", "'instance'. Did you mean 'instances'?", id="top-level table"
        ),
        pytest.param(
            put("taget = 1"), "project.toml [data]", "unknown key 'taget'. Did you mean 'target'?", id="key of a table"
        ),
        pytest.param(
            MINIMAL + "[environments.dev]\nbuckett = ''\n",
            "project.toml [environments.dev]",
            "unknown key 'buckett'. Did you mean 'bucket'?",
            id="key of an environment",
        ),
        pytest.param(put("xyz = 1"), "project.toml [data]", "unknown key 'xyz'.", id="not similar to any key"),
        pytest.param(
            MINIMAL.replace("[project]", "colour = 1\n[project]"),
            "project.toml",
            "unknown key 'colour'.",
            id="key outside all tables",
        ),
    ],
)
def test_an_unknown_key_is_reported_with_the_closest_one(
    problems: Problems, text: str, where: str, sentence: str
) -> None:
    [problem] = problems(text)

    assert problem.where == where
    assert problem.message.endswith(sentence)


@pytest.mark.parametrize(
    ("text", "where", "wanted"),
    [
        pytest.param(replaced('"churn"', "5"), "[project].slug", "a string in quotes", id="number for a string"),
        pytest.param(replaced('"churn"', '["churn"]'), "[project].slug", "a string in quotes", id="list for a string"),
        pytest.param(replaced('"churn"', "2024-05-01"), "[project].slug", "a string in quotes", id="date for a string"),
        pytest.param(replaced("0.6", '"0.6"'), "[gate].minimum", "a number", id="string for a number"),
        pytest.param(replaced("0.6", "true"), "[gate].minimum", "a number", id="true for a number"),
        pytest.param(replaced("0.6", "nan"), "[gate].minimum", "a number", id="nan"),
        pytest.param(replaced("0.6", "inf"), "[gate].minimum", "a number", id="inf"),
        pytest.param(replaced("0.6", "-inf"), "[gate].minimum", "a number", id="-inf"),
        pytest.param(put("test_share = false"), "[data].test_share", "a number", id="false for a number"),
        pytest.param(
            MINIMAL + "[pipeline]\ncache_days = 1.5",
            "[pipeline].cache_days",
            "a whole number",
            id="1.5 for a whole number",
        ),
        pytest.param(
            MINIMAL + "[pipeline]\ncache_days = true",
            "[pipeline].cache_days",
            "a whole number",
            id="true for a whole number",
        ),
        pytest.param(
            MINIMAL + "[environments.dev]\nnetwork_isolation = 1",
            "[environments.dev].network_isolation",
            "true or false",
            id="1 for true",
        ),
        pytest.param(
            MINIMAL + "[environments.dev]\naccount = 123456789012",
            "[environments.dev].account",
            "a string in quotes",
            id="account without quotes",
        ),
        pytest.param(
            MINIMAL + "[hyperparameters]\nlayers = [1, 2]",
            "[hyperparameters].layers",
            "a whole number or a number or a string",
            id="list for a hyperparameter",
        ),
        pytest.param(
            MINIMAL + "[hyperparameters]\nrate = nan", "[hyperparameters].rate", "a number", id="nan hyperparameter"
        ),
        pytest.param(put('exclude = "day"'), "[data].exclude", "a list of strings", id="string for a list"),
        pytest.param(put("exclude = [1]"), "[data].exclude", "a list of strings", id="list of numbers"),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_with_the_expected_type(
    problems: Problems, text: str, where: str, wanted: str
) -> None:
    [problem] = problems(text)

    assert problem.where == f"project.toml {where}"
    assert wanted in problem.message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("pipeline = 5\n" + MINIMAL, "project.toml [pipeline]", id="table with known keys"),
        pytest.param("hyperparameters = [1]\n" + MINIMAL, "project.toml [hyperparameters]", id="table with free keys"),
        pytest.param(MINIMAL + "[environments]\ndev = '1'", "project.toml [environments.dev]", id="environment"),
        pytest.param(MINIMAL + "[[pipeline]]\n", "project.toml [pipeline]", id="double brackets"),
    ],
)
def test_a_value_in_place_of_a_table_is_reported(problems: Problems, text: str, where: str) -> None:
    [problem] = problems(text)

    assert str(problem) == f"{where}: expected a table, with its keys below."


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(replaced('name = "Churn"\n', ""), ["[project].name"], id="a key"),
        pytest.param(MINIMAL.split("[gate]")[0], ["[gate]"], id="a table"),
        pytest.param(
            replaced('metric = "auc"\n', "").split("minimum")[0], ["[gate].metric"], id="key of an empty table"
        ),
        pytest.param("", ["[project]", "[data]", "[gate]"], id="everything"),
    ],
)
def test_a_missing_key_or_table_is_reported_with_its_place(problems: Problems, text: str, where: list[str]) -> None:
    assert [str(problem) for problem in problems(text)] == [f"project.toml {place}: missing." for place in where]


@pytest.mark.parametrize(
    ("text", "where", "choices"),
    [
        pytest.param(
            replaced('"classification"', '"ranking"'), "[data].problem", ("classification", "regression"), id="problem"
        ),
        pytest.param(put('split = "Random"'), "[data].split", ("random", "group", "time"), id="split"),
        pytest.param(
            MINIMAL + "[pipeline]\napproval_status = 'approved'",
            "[pipeline].approval_status",
            ("PendingManualApproval", "Approved", "Rejected"),
            id="approval",
        ),
    ],
)
def test_an_invalid_choice_is_reported_with_all_valid_ones(
    problems: Problems, text: str, where: str, choices: tuple[str, ...]
) -> None:
    [problem] = problems(text)

    assert problem.where == f"project.toml {where}"
    assert [choice for choice in choices if f"'{choice}'" in problem.message] == list(choices)


@pytest.mark.parametrize(
    ("text", "where", "sentence"),
    [
        pytest.param(MINIMAL + "maximum = 0.9", "[gate]", "either `minimum` or `maximum`", id="gate with both"),
        pytest.param(replaced("minimum = 0.6", ""), "[gate]", "either `minimum` or `maximum`", id="gate with neither"),
        pytest.param(put("split = 'group'"), "[data].split_column", "split = 'group' needs", id="group without column"),
        pytest.param(put("split = 'time'"), "[data].split_column", "split = 'time' needs", id="time without column"),
        pytest.param(put("test_share = 0"), "[data]", "each be above 0", id="no test part"),
        pytest.param(put("validation_share = -0.1"), "[data]", "each be above 0", id="negative share"),
        pytest.param(
            put("test_share = 0.5\nvalidation_share = 0.5"), "[data]", "together below 1", id="nothing left to train on"
        ),
        pytest.param(put("exclude = ['day', 'late']"), "[data].exclude", "'late' is the target", id="target excluded"),
        pytest.param(put("weight = 'late'"), "[data].weight", "'late' is already the target", id="target as weight"),
        pytest.param(put("id = 'late'"), "[data].id", "'late' is already the target", id="target as id"),
        pytest.param(
            put("exclude = ['n']\nweight = 'n'"), "[data].weight", "'n' is already in `exclude`", id="weight excluded"
        ),
        pytest.param(put("exclude = ['n']\nid = 'n'"), "[data].id", "'n' is already in `exclude`", id="id excluded"),
        pytest.param(
            put("weight = 'n'\nid = 'n'"), "[data].id", "'n' is already the weight", id="one column for two roles"
        ),
        *(
            pytest.param(f"{text}[evaluation]\n{lines}", f"[evaluation].{key}", sentence, id=f"groups: {name}")
            for name, text, lines, key, sentence in (
                ("target", MINIMAL, "groups = ['late']", "groups", "'late' is the target: write another column."),
                ("weight", put("weight = 'n'") + "\n", "groups = ['n']", "groups", "'n' is the weight"),
                ("id", put("id = 'n'") + "\n", "groups = ['n']", "groups", "'n' is the id"),
                ("twice", MINIMAL, "groups = ['a', 'b', 'a']", "groups", "'a' is listed 2 times: write it once."),
                ("no name", MINIMAL, "groups = ['']", "groups", "'' is not a column"),
                ("one text", MINIMAL, "groups = 'a'", "groups", "expected a list of strings"),
                ("only a limit", MINIMAL, "max_group_difference = 0.1", "max_group_difference", "needs `groups`"),
                (
                    "zero",
                    MINIMAL,
                    "groups = ['a']\nmax_group_difference = 0",
                    "max_group_difference",
                    "0 allows no difference at all: write a number above 0, such as 0.05.",
                ),
                (
                    "negative",
                    MINIMAL,
                    "groups = ['a']\nmax_group_difference = -0.1",
                    "max_group_difference",
                    "-0.1 allows no difference at all",
                ),
                (
                    "text",
                    MINIMAL,
                    "groups = ['a']\nmax_group_difference = '5 %'",
                    "max_group_difference",
                    "expected a number",
                ),
            )
        ),
        pytest.param(
            MINIMAL + "[monitoring]\nmax_psi = 0",
            "[monitoring].max_psi",
            "0 allows no change at all: write a number above 0, such as 0.2.",
            id="no change of a column",
        ),
        pytest.param(
            MINIMAL + "[monitoring]\nmax_metric_drop = -0.1",
            "[monitoring].max_metric_drop",
            "such as 0.1",
            id="drop",
        ),
        pytest.param(
            MINIMAL + "[spark]\nexecutors = 0", "[spark].executors", "0 is too small: write 1 or more.", id="executors"
        ),
        pytest.param(
            MINIMAL + '[spark]\npackages = "packages.tar.gz"',
            "[spark].packages",
            "'packages.tar.gz' is not the S3 URI of an archive: write s3://…/packages.tar.gz.",
            id="packages of Spark",
        ),
        pytest.param(
            MINIMAL + "[training]\nmax_rows = -1", "[training].max_rows", "or 0 for all", id="fewer rows than none"
        ),
        pytest.param(MINIMAL + "[environments.local]", "[environments.local]", "needs no table", id="table for local"),
        pytest.param(
            MINIMAL + "[pipeline]\nmax_runtime_minutes = 0",
            "[pipeline].max_runtime_minutes",
            "write 1 or more",
            id="no time to run",
        ),
        pytest.param(
            MINIMAL + "[pipeline]\ncache_days = -1", "[pipeline].cache_days", "write 0 or more", id="negative cache"
        ),
        pytest.param(
            MINIMAL + "[pipeline]\nvolume_size_gb = 0", "[pipeline].volume_size_gb", "write 1 or more", id="no disk"
        ),
        *(
            pytest.param(
                f"{MINIMAL}[{table}]\n{key} = 1", f"[{table}].{key.strip(chr(34))}", "letters, digits and '_'", id=name
            )
            for table, key, name in (
                ("parameters", '"my threshold"', "parameter with a space"),
                ("parameters", '"größe"', "parameter with umlauts"),
                ("parameters", '"a.b"', "parameter with a dot"),
                ("parameters", "_", "parameter without a name"),
                ("hyperparameters", f"a{'b' * 256}", "hyperparameter of 257"),
            )
        ),
        pytest.param(
            MINIMAL + "[hyperparameters]\nmax_iter = 1\n[parameters]\nmaxIter = 2",
            "[parameters].maxIter",
            "becomes the parameter MaxIter, and so does [hyperparameters].max_iter; rename one of them.",
            id="one parameter of two tables",
        ),
        pytest.param(
            MINIMAL + "[parameters]\nmax_iter = 1\nmax__iter = 2",
            "[parameters].max__iter",
            "and so does [parameters].max_iter",
            id="one parameter of two keys",
        ),
    ],
)
def test_contradictory_keys_are_reported(problems: Problems, text: str, where: str, sentence: str) -> None:
    [problem] = problems(text)

    assert problem.where == f"project.toml {where}"
    assert sentence in problem.message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(put("test_share = 0.01\nvalidation_share = 0.98"), id="shares just below 1"),
        pytest.param(put("split = 'group'\nsplit_column = 'carrier'"), id="group with its column"),
        pytest.param(put("split = 'group'\nsplit_column = 'n'\nid = 'n'"), id="groups by id"),
        pytest.param(put("weight = ''\nid = ''"), id="no weight and no id"),
        pytest.param(replaced("minimum = 0.6", "maximum = 12"), id="a whole number as maximum"),
        pytest.param(replaced("minimum = 0.6", "minimum = 0"), id="a minimum of 0"),
        pytest.param(MINIMAL + "[pipeline]\ncache_days = 0", id="no caching"),
        pytest.param(MINIMAL + "[parameters]\nan-other_1 = 1\n2nd = true", id="every allowed character"),
        pytest.param(MINIMAL + f"[parameters]\na{'b' * 255} = ''", id="a name of 256 characters"),
        pytest.param(MINIMAL.replace("\n", "\r\n"), id="Windows line ends"),
    ],
)
def test_values_at_the_limits_are_allowed(tmp_path: Path, text: str) -> None:
    (tmp_path / "project.toml").write_bytes(text.encode())

    assert settings.load(tmp_path).project.slug == "churn"


def test_mistakes_of_every_kind_are_reported_together(problems: Problems) -> None:
    text = MINIMAL.replace('"churn"', "5").replace('target = "late"\n', "").replace('"classification"', '"ranking"')

    assert [problem.where for problem in problems(put("tset_share = 0.2", within=text) + "[pipelines]\n")] == [
        "project.toml",
        "project.toml [project].slug",
        "project.toml [data]",
        "project.toml [data].target",
        "project.toml [data].problem",
    ]


def test_contradictions_are_reported_together(problems: Problems) -> None:
    text = put("split = 'time'\nexclude = ['late']") + "maximum = 1\n[environments.local]\n[pipeline]\ncache_days = -1"

    assert [problem.where for problem in problems(text)] == [
        "project.toml [gate]",
        "project.toml [data].split_column",
        "project.toml [data].exclude",
        "project.toml [environments.local]",
        "project.toml [pipeline].cache_days",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MINIMAL + "maximum = 1\n[instance]", id="in the file"),
        pytest.param(put("taget = 'late'") + "maximum = 1", id="in another table"),
    ],
)
def test_an_unknown_key_does_not_hide_a_contradiction(problems: Problems, text: str) -> None:
    assert [problem.where for problem in problems(text)][1:] == ["project.toml [gate]"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"[project\n", "project.toml: not valid TOML: ", id="not TOML"),
        pytest.param(b"[project]\n[project]\n", "project.toml: not valid TOML: ", id="a table twice"),
        pytest.param('name = "Zoë"'.encode("latin-1"), "project.toml: not valid TOML: ", id="not UTF-8"),
        pytest.param(None, "run the command in the project's folder", id="no file"),
    ],
)
def test_an_unreadable_file_is_reported_in_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "project.toml").write_bytes(content)

    with pytest.raises(UserError) as caught:
        settings.load(tmp_path)

    [problem] = caught.value.problems
    assert sentence in str(problem)


def test_a_minimal_file_gets_all_defaults(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(MINIMAL, encoding="utf-8")

    loaded = settings.load(tmp_path)

    assert loaded.project.region == "eu-west-1"
    assert (loaded.data.split, loaded.data.test_share, loaded.data.exclude) == ("random", 0.2, [])
    assert loaded.instances.training == "ml.m5.xlarge"
    assert loaded.images.of("inference") == "1.9-0"
    assert loaded.pipeline.approval_status == "PendingManualApproval"
    assert loaded.hyperparameters == {}
    assert list(loaded.environments) == ["local"]


@pytest.mark.parametrize(
    ("line", "value"),
    [("a = true", True), ("a = 3", 3), ("a = 3.0", 3.0), ('a = "3"', "3"), ("a = 1e-3", 0.001)],
)
def test_a_hyperparameter_keeps_its_type(tmp_path: Path, line: str, value: object) -> None:
    (tmp_path / "project.toml").write_text(f"{MINIMAL}[hyperparameters]\n{line}", encoding="utf-8")

    read = settings.load(tmp_path).hyperparameters["a"]

    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("line", "value"), [("minimum = 0.6", 0.6), ("minimum = 0", 0.0), ("maximum = 12", 12.0), ("maximum = -1.5", -1.5)]
)
def test_the_gate_has_the_value_of_its_one_limit(tmp_path: Path, line: str, value: float) -> None:
    (tmp_path / "project.toml").write_text(replaced("minimum = 0.6", line), encoding="utf-8")

    assert settings.load(tmp_path).gate.value == value


COMPLETE = {"account": "123456789012", "role": "arn:aws:iam::123456789012:role/jobs", "bucket": "models"}


def with_environments(**environments: Mapping[str, str]) -> settings.Settings:
    return settings.parse(tomllib.loads(MINIMAL) | {"environments": environments})


@pytest.mark.parametrize(
    "missing", [("account",), ("role",), ("bucket",), ("account", "bucket"), ("account", "role", "bucket")]
)
def test_an_incomplete_environment_reports_what_is_not_set_yet(missing: tuple[str, ...]) -> None:
    filled = {key: value for key, value in COMPLETE.items() if key not in missing}

    with pytest.raises(UserError) as caught:
        with_environments(dev=filled).environment("dev")

    assert [problem.where for problem in caught.value.problems] == [
        f"project.toml [environments.dev].{key}" for key in missing
    ]
    assert all(problem.message.startswith("not set yet: write ") for problem in caught.value.problems)


def test_an_environment_needs_only_account_role_and_bucket() -> None:
    dev = with_environments(dev=COMPLETE).environment("dev")

    assert dev == settings.Environment("123456789012", "arn:aws:iam::123456789012:role/jobs", "models")


def test_an_unknown_environment_is_reported_with_the_existing_ones() -> None:
    with pytest.raises(UserError, match=r"no \[environments\.test\]; it has local, dev, prod\."):
        with_environments(dev={}, prod={}).environment("test")


def test_this_machine_is_a_complete_environment(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(MINIMAL, encoding="utf-8")

    assert settings.load(tmp_path).environment("local").bucket == "local"


@pytest.fixture(scope="module", params=settings.PROBLEMS)
def new_project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder as the template writes it, for each problem type; the hooks have not run."""
    answers, folder = {"problem": request.param}, tmp_path_factory.mktemp("new")
    return Path(
        cookiecutter(str(TEMPLATE), no_input=True, output_dir=str(folder), extra_context=answers, accept_hooks=False)
    )


def test_the_file_of_a_new_project_is_valid_and_shows_the_actual_defaults(new_project: Path) -> None:
    loaded = settings.load(new_project)

    assert list(loaded.environments) == ["local", "dev", "prod"]
    assert loaded.instances == settings.Instances()
    assert loaded.images == settings.Images()
    assert loaded.pipeline == settings.Pipeline()
    assert loaded.project.region == settings.Project("", "", "").region
    assert loaded.data == settings.Data(loaded.data.source, loaded.data.target, loaded.data.problem)


def test_the_file_of_a_new_project_mentions_every_key_at_least_in_a_comment(new_project: Path) -> None:
    text = (new_project / "project.toml").read_text(encoding="utf-8")
    tables = dict(part.split("]", 1) for part in text.split("\n[")[1:])
    kinds = {
        "project": settings.Project,
        "data": settings.Data,
        "gate": settings.Gate,
        "evaluation": settings.Evaluation,
        "instances": settings.Instances,
        "images": settings.Images,
        "training": settings.Training,
        "pipeline": settings.Pipeline,
        "environments.dev": settings.Environment,
    }

    unwritten = {
        f"{table}.{item.name}"
        for table, kind in kinds.items()
        for item in fields(kind)
        if not item.metadata.get("others") and item.metadata.get("key", True)
        if not re.search(rf"^(# )?{item.name} = ", tables[table], re.MULTILINE)
    }
    assert unwritten == {"gate.maximum"}, "it excludes `minimum`, whose comment mentions it"
    assert "maximum = …" in tables["gate"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('separator = "||"', "'||' has 2 characters: write one, such as"),
        ('separator = "a"', "'a' cannot separate values: write"),
        ("separator = '\"'", "cannot separate values: write"),
        ("separator = 5", "expected a string in quotes"),
        ('separator = ";"\ndecimal = ";"', "';' is not a decimal separator: write"),
        ('separator = ","\ndecimal = ","', "',' is also the decimal separator: remove this"),
        ('separator = ","\nthousands = ","', "',' is also the thousands separator: remove this"),
        ('thousands = "."', "'.' is also the decimal separator: write decimal = \",\""),
        ('decimal = ","\nthousands = ","', "',' is also the decimal separator: write decimal = \".\""),
        ('thousands = "x"', "'x' is not a thousands separator"),
        ('encoding = "latim-1"', "'latim-1' is not an encoding: write one such as"),
        ('encoding = "base64"', "'base64' is not an encoding"),
        ('encoding = ""', "'' is not an encoding"),
        ('missing = "?"', "expected a list of strings"),
        ("missing = [-99]", "expected a list of strings"),
        ("dates = 5", "expected a string in quotes"),
        ('dates = "dd/mm/yyyy"', "'dd/mm/yyyy' is not a date format: write"),
        ('dates = "%d/%m"', "'%d/%m' is not a date format"),
        ('dates = "%d/%m/%Q"', "'%d/%m/%Q' is not a date format"),
        ('dates = ["%d/%m/%Y", "%"]', "'%' is not a date format"),
        ('dates = { day = "day" }', "'day' is not a date format"),
        ("dates = { day = 5 }", "expected a string in quotes"),
        ("dates = [5]", "expected a list of strings"),
    ],
)
def test_how_values_are_written_is_checked(problems: Problems, line: str, sentence: str) -> None:
    found = problems(put(line))

    assert any(sentence in problem.message for problem in found), found
    assert all(problem.where.startswith("project.toml [data") for problem in found)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("", []),
        ('decimal = "."\nencoding = "utf-8"\nmissing = []\ndates = ""', []),
        ('separator = "\\t"', ["--separator=\t"]),
        ('decimal = ","\nthousands = "."', ["--decimal=,", "--thousands=."]),
        ('thousands = " "', ["--thousands= "]),
        ('encoding = "utf-16"', ["--encoding=utf-16"]),
        ('missing = ["?", "-"]', ["--missing=?", "--missing=-"]),
        ('dates = "%d/%m/%Y"', ["--dates=%d/%m/%Y"]),
        ('dates = ["%d/%m/%Y", "%d.%m.%Y"]', ["--dates=%d/%m/%Y", "--dates=%d.%m.%Y"]),
        ('dates = { day = "%d/%m/%Y" }', ['--dates={"day": "%d/%m/%Y"}']),
    ],
)
def test_how_values_are_written_becomes_arguments_of_processing(line: str, arguments: list[str]) -> None:
    data = settings.parse(tomllib.loads(put(line))).data
    usual = settings.parse(tomllib.loads(MINIMAL)).data.arguments

    assert [each for each in data.arguments if each not in usual] == arguments


def test_groups_are_arguments_of_processing_only_if_there_are_some() -> None:
    usual = settings.parse(tomllib.loads(MINIMAL)).data.arguments
    named = f"{MINIMAL}[evaluation]\ngroups = ['a, b', 'größe']"

    assert not any("group" in each for each in usual)
    data = settings.parse(tomllib.loads(named)).data
    assert [each for each in data.arguments if each not in usual] == ["--group=a, b", "--group=größe"]


def test_a_long_list_of_groups_is_a_file() -> None:
    names = [f"c{number}" for number in range(settings.MOST_ARGUMENTS)]

    data = settings.parse(tomllib.loads(f"{MINIMAL}[evaluation]\ngroups = {names}")).data

    assert data.arguments_file.splitlines() == data.arguments
    assert "--group=c7" in data.arguments
