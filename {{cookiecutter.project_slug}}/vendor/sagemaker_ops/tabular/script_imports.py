"""What the text of a Python script says about other files: what it imports and names, and whether that is all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

LIBRARY = "sagemaker_ops"
# Each of these runs or finds code by a name that only the running script knows, so importing one is enough.
_RUNNERS = {
    "builtins", "code", "codeop", "hydra", "imp", "papermill", "pkg_resources", "pkgutil", "pydoc", "pytest", "runpy",
    "subprocess", "zipimport",
}  # fmt: skip
# {module: what in it loads code by its name, or shows where code is}
_LOADERS = {
    "asyncio": r"create_subprocess_\w+|subprocess",
    "cloudpickle": r"loads?",
    "dill": r"loads?|load_\w+|Unpickler",
    "importlib": r"(?!(import_module|metadata|resources)\b)\w+",
    "inspect": r"get(abs|source)?file|getmodule|getsource|stack|currentframe",
    "joblib": r"load",
    "jsonpickle": r"decode",
    "keras": r"(\w+\.)*load_model",
    "logging": r"config",
    "marshal": r"loads?",
    "mlflow": r"(\w+\.)*load_\w+",
    "os": r"exec\w+|spawn\w+|posix_spawn\w*|system|popen",
    "pickle": r"loads?|Unpickler",
    "shelve": r"open",
    "site": r"addsitedir",
    "skops": r"io\.loads?",
    "sys": r"path|modules|meta_path|path_hooks|_getframe",
    "tensorflow": r"(\w+\.)*load_model",
    "torch": r"load|hub",
}
_OF_ANYTHING = re.compile(
    r"addPyFiles?|cwd|exec_module|getcwdb?|load_source|read_pickle|spec_from_file_location|__(file|path|spec|loader)__"
)
_BUILT_IN = {"exec", "eval", "compile", "__import__", "__loader__", "__spec__", "__path__", "__builtins__"}
_ARGUMENTS = {"allow_pickle", "code_path", "code_paths"}
# Where a container has the step code.
_PLACES = re.compile(r"/opt/ml/(processing/input/)?code\b|\bSM_MODULE_DIR\b|\b(?i:sagemaker_submit_directory)\b")
_NAMED = re.compile(r"[\w./-]+\.py\b")
_HERE = {"", ".", "./", ".."}
_LIST = {"Path", "PurePath", "copytree", "glob", "iglob", "listdir", "make_archive", "scandir", "walk"}
_STAY = {"Path", "PurePath", "abspath", "absolute", "dirname", "fspath", "realpath", "resolve", "str"}
_ADD = {"join", "joinpath", "with_name"}


@dataclass
class Script:
    """What a script's text says.

    imports: (module, level, names) as in `from module import names`, or without names. named: the Python files that its
    strings name. beside: paths that it opens relative to its own place. opaque: whether it may need code that its text
    does not name. saves, loads: whether it writes or reads a model with this library.
    """

    imports: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    beside: set[str] = field(default_factory=set)
    opaque: bool = False
    saves: bool = False
    loads: bool = False


def read(content: bytes) -> Script:
    """What the script says; one that is not valid Python is opaque."""
    try:
        return _Reader(ast.parse(content)).script
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Script(opaque=True)


class _Reader:
    """Reads one script. _known: {name in the script: the module or function that it stands for}."""

    def __init__(self, tree: ast.Module) -> None:
        self.script = Script()
        self._known: dict[str, str] = {}
        self._nodes: list[ast.AST] = [tree]
        self._outer: dict[ast.AST, ast.AST] = {}
        for node in self._nodes:
            children = list(ast.iter_child_nodes(node))
            self._nodes += children
            self._outer |= dict.fromkeys(children, node)
        for node in self._nodes:
            if self._import(node):
                self.script.opaque = True
        importers = {name for name, what in self._known.items() if what == "importlib.import_module"}
        used = {node.id for node in self._nodes if isinstance(node, ast.Name)}
        # A function that is imported but not used here is for other scripts.
        if not importers <= used or any([*map(self._is_opaque, self._nodes)]) or not all([*self._places()]):
            self.script.opaque = True

    def _import(self, node: ast.AST) -> bool:
        """Note what a statement imports, and the names for it; whether this may load other code."""
        opaque = False
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.script.imports.append((alias.name, 0, ()))
                first = alias.name.partition(".")[0]
                self._known[alias.asname or first] = alias.name if alias.asname else first
                opaque |= _loads_code(alias.name)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            self.script.imports.append((node.module or "", node.level, names))
            for alias in node.names if not node.level else ():
                self._known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                opaque |= self._uses(f"{node.module}.{alias.name}")
            opaque |= "*" in names and str(node.module).partition(".")[0] in _LOADERS
        return opaque

    def _uses(self, name: str) -> bool:
        """Note the use of something by its full name, such as `sagemaker_ops.load_model`; whether it may load code."""
        root, _, rest = name.partition(".")
        if root != LIBRARY:
            return _loads_code(name)
        self.script.saves |= rest.rpartition(".")[2] in ("save_model", "*")
        self.script.loads |= rest.rpartition(".")[2] in ("load_model", "*")
        return False

    def _is_opaque(self, node: ast.AST) -> bool:
        """Whether this part of the script may need code that it does not name; notes what it names."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_docstring = isinstance(self._outer[node], ast.Expr)
            return not is_docstring and self._names_unknown(node.value)
        if isinstance(node, ast.Attribute):
            return self._uses(self._name(node) or f".{node.attr}") or self._imports_unknown(node)
        if isinstance(node, ast.Name):
            handed_on = "" if isinstance(self._outer[node], ast.Attribute) else self._known.get(node.id, "")
            if handed_on == LIBRARY:  # such as getattr(sagemaker_ops, name)
                self.script.saves = self.script.loads = True
            is_built_in = node.id in _BUILT_IN and node.id not in self._known
            return handed_on == "importlib" or is_built_in or self._imports_unknown(node)
        if isinstance(node, ast.Subscript):
            return self._name(node.value) == "sys.argv" and getattr(node.slice, "value", None) == 0
        if isinstance(node, ast.Call):
            values = [*node.args, *(each.value for each in node.keywords)]
            here = any(isinstance(each, ast.Constant) and each.value in _HERE for each in values)
            here |= not values and isinstance(node.func, ast.Name | ast.Attribute) and _last(node.func) != "walk"
            return (here and _last(node.func) in _LIST) or any(each.arg in _ARGUMENTS for each in node.keywords)
        return False

    def _names_unknown(self, text: str) -> bool:
        named = _NAMED.findall(text)
        self.script.named |= {PurePosixPath(name).name for name in named}
        return len(named) < len(re.findall(r"\.py\b", text)) or (not named and _PLACES.search(text) is not None)

    def _imports_unknown(self, node: ast.Name | ast.Attribute) -> bool:
        """`import_module("features")` is an import; with anything but text, nobody knows what it imports."""
        if self._name(node) != "importlib.import_module":
            return False
        call = self._outer[node]
        given = call.args if isinstance(call, ast.Call) and not call.keywords else []
        if isinstance(call, ast.Call) and not call.args and [each.arg for each in call.keywords] == ["name"]:
            given = [call.keywords[0].value]
        [module] = _texts(given[:1]) or [""]
        name = module.lstrip(".")
        level = len(module) - len(name)
        if level and isinstance(given[-1], ast.Name) and given[-1].id == "__package__":
            self.script.imports.append((name, level, ()))
        elif level == 1 and (package := _texts(given[1:])):
            self.script.imports.append((f"{package[0]}.{name}", 0, ()))
        elif module and not level:
            self.script.imports.append((module, 0, ()))
        else:
            return True
        return False

    def _name(self, node: ast.AST) -> str:
        """`os.path.join` for this attribute of an imported module; empty for anything else."""
        if isinstance(node, ast.Name):
            return self._known.get(node.id, "")
        before = self._name(node.value) if isinstance(node, ast.Attribute) else ""
        return f"{before}.{node.attr}" if before and isinstance(node, ast.Attribute) else ""

    def _places(self) -> Iterator[bool]:
        """Whether each use of `__file__` is understood: to open a certain file beside the script, or for save_model."""
        names, seen = ["__file__"], {"__file__"}
        while names:
            name = names.pop()
            for node in self._nodes:
                if not (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)):
                    continue
                outer, path = self._outwards(node)
                if path:
                    self.script.beside.add(path)
                    continue
                targets = outer.targets if isinstance(outer, ast.Assign) else [getattr(outer, "target", None)]
                new = [each.id for each in targets if isinstance(each, ast.Name) and path is not None]
                names += [each for each in new if each not in seen]
                seen |= set(new)
                is_name = isinstance(outer, ast.Attribute) and outer.attr in ("name", "stem")
                function = outer.func if isinstance(outer, ast.Call) else None
                is_known = function is not None and self._name(function) in (
                    f"{LIBRARY}.save_model",
                    "os.path.basename",
                )
                yield path is not None and bool(new or is_name or is_known)

    def _outwards(self, node: ast.AST) -> tuple[ast.AST | None, str | None]:
        """From a place outwards, while it stays one: what uses it, and the path added to it; None if unknown."""
        path = ""
        while True:
            outer = self._outer.get(node)
            added: list[str] | None = []
            if isinstance(outer, ast.Attribute) and outer.attr in ("parent", "parents") and not path:
                node = outer
            elif isinstance(outer, ast.Attribute) and outer.attr in _STAY | _ADD:
                node = call = self._outer[outer]
                added = _texts(call.args) if isinstance(call, ast.Call) else None
            elif isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and outer.left is node:
                added, node = _texts([outer.right]), outer
            elif isinstance(outer, ast.Subscript) and outer.value is node and not path:
                node = outer
            elif isinstance(outer, ast.Call) and _last(outer.func) in _STAY | _ADD and outer.args[:1] == [node]:
                added, node = _texts(outer.args[1:]), outer
            elif isinstance(outer, ast.keyword):
                return self._outer[outer], path
            else:
                return outer, None if isinstance(outer, ast.Attribute) and outer.attr in ("parent", "parents") else path
            if added is None:
                return outer, None
            path = "/".join(filter(None, [path, *added]))


def _loads_code(name: str) -> bool:
    root, _, rest = name.partition(".")
    loader = _LOADERS.get(root)
    return (
        root in _RUNNERS
        or (loader is not None and re.match(rf"({loader})(\.|$)", rest) is not None)
        or any(map(_OF_ANYTHING.fullmatch, rest.split(".")))
    )


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _texts(nodes: list[ast.expr]) -> list[str] | None:
    """The texts of these expressions; None if one is not a text."""
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return texts if len(texts) == len(nodes) else None
