"""The list of provision/docker-proxy/calls: what adapters/docker.py asks of the engine, and nothing else."""

import ast
import re
from collections.abc import Iterator

from tests.conftest import ROOT

LIST = ROOT / "provision" / "docker-proxy" / "calls"
ADAPTER = ROOT / "devpush" / "adapters" / "docker.py"
SAMPLES = {
    "containers/": "devpush-0123abcd-0123456789ab-app",
    "exec/": "a" * 64,
    "images/": "registry.lan:5000/team/devpush-0123abcd-app:deps-0123",
    "networks/": "b" * 64,
    "volumes/": "devpush-0123abcd-pip",
}
"""What takes the place of a variable after that."""
BY_THE_LIBRARY = {"GET /version"}
"""aiodocker asks which version of the API there is."""


def test_everything_that_the_adapter_asks_is_allowed() -> None:
    refused = {call for call in asked() if not any(each.search(call) for each in allowed())}
    assert not refused, f"Please add to {LIST}: {sorted(refused)}"


def test_nothing_is_allowed_that_the_adapter_does_not_ask() -> None:
    calls = asked() | BY_THE_LIBRARY
    assert not [each.pattern for each in allowed() if not any(each.search(call) for call in calls)]


def test_each_word_of_the_list_is_needed() -> None:
    """In `(start|stop|kill)` the last one would be a call that we never make."""
    calls = asked() | BY_THE_LIBRARY
    for line in allowed():
        for words in re.findall(r"\(([A-Za-z_|/]+)\)", line.pattern):
            for word in words.split("|"):
                only = re.compile(line.pattern.replace(f"({words})", word))
                assert any(only.search(call) for call in calls), f"{line.pattern}: {word}"


def allowed() -> list[re.Pattern[str]]:
    lines = LIST.read_text().splitlines()
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def asked() -> set[str]:
    """Method and path of every call in the adapter, read from its code."""
    tree = ast.parse(ADAPTER.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {call for function in functions for call in _calls(function, functions)}


def _calls(function: ast.AST, functions: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _name(node.func) in ("engine.ask", "engine.stream", "engine.parts"):
            method = ast.literal_eval(node.args[1]) if len(node.args) > 1 else "GET"
            for path in _paths(node.args[0], function, functions):
                yield f"{method} /{path}"


def _paths(path: ast.expr, function: ast.AST, functions: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[str]:
    """The text of an argument: as it stands there, as the variable was set, or as callers give it."""
    if isinstance(path, ast.Constant):
        yield str(path.value)
    elif isinstance(path, ast.JoinedStr):
        text = ""
        for part in path.values:
            text += _part(part, text, function, functions)
        yield text
    elif isinstance(path, ast.Name):
        found = [*_assigned(path.id, function), *_given(path.id, function, functions)]
        assert found, f"line {path.lineno}: nobody says what {path.id} is"
        for value, where in found:
            yield from _paths(value, where, functions)


def _part(
    part: ast.expr, before: str, function: ast.AST, functions: list[ast.FunctionDef | ast.AsyncFunctionDef]
) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    if not before and isinstance(part.value, ast.Name):  # f"{path}/stats"
        [path] = _paths(part.value, function, functions)
        return path
    return SAMPLES[before]


def _assigned(name: str, function: ast.AST) -> Iterator[tuple[ast.expr, ast.AST]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and [_name(target) for target in node.targets] == [name]:
            yield node.value, function


def _given(
    name: str, function: ast.AST, functions: list[ast.FunctionDef | ast.AsyncFunctionDef]
) -> Iterator[tuple[ast.expr, ast.AST]]:
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    for caller in functions if name in names else ():
        for node in ast.walk(caller):
            if isinstance(node, ast.Call) and _name(node.func) == f"self.{function.name}":
                yield node.args[names.index(name)], caller


def _name(node: ast.expr) -> str:
    """`engine.ask` of `self.engine.ask`, `self._hear` of itself."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.insert(0, node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        words.insert(0, node.id)
    return ".".join(words).replace("self.engine.", "engine.")
