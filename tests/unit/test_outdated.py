"""What runs with something else than what is set: told by name, and whether it takes another image."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from devpush.deploy.outdated import Difference, difference, outdated
from devpush.models.people import now
from devpush.models.reading_settings import EnvironmentRow, Running, VariableRow

CONFIG: dict[str, Any] = {
    "runner": "python-3.11",
    "runner_version": "",
    "preset": "flask",
    "root_dir": "",
    "install": "pip install .",
    "build": "",
    "pre_deploy": "",
    "start": "python main.py",
    "dependency_files": ["requirements.txt"],
    "health_path": "/",
    "cpu_quota": 100_000,
    "memory_mb": 256,
}
PRODUCTION, STAGING = uuid4(), uuid4()


def environment(id: UUID = PRODUCTION, config: dict[str, Any] | None = None, **variables: str) -> EnvironmentRow:
    """One that runs a deployment made with those."""
    runs = Running(uuid4(), CONFIG if config is None else config, variables)
    return EnvironmentRow(
        kept_images=None, id=id, name="One", slug="one", color="blue", branch="main", url="", hostname="", running=runs
    )


def variable(key: str, value: str, environment_id: UUID | None = None) -> VariableRow:
    return VariableRow(
        id=uuid4(), key=key, value=value, environment_id=environment_id, environment_name="", updated_at=now()
    )


def test_what_runs_as_it_is_set_is_not_outdated() -> None:
    variables = [variable("A", "1"), variable("A", "2", STAGING), variable("B", "3", STAGING)]
    assert outdated(CONFIG, [environment(A="1"), environment(STAGING, A="2", B="3")], variables) == []


def test_variables_are_compared_by_what_the_environment_gets() -> None:
    variables = [variable("A", "1"), variable("A", "2", STAGING), variable("NEW", "3", PRODUCTION)]
    one, two = outdated(CONFIG, [environment(A="0", OLD="x"), environment(STAGING, A="1")], variables)
    assert one.variables == Difference(["NEW"], ["A"], ["OLD"])
    assert two.variables == Difference([], ["A"], [])
    assert (one.build, one.resources, one.rebuild) == ([], [], False)


@pytest.mark.parametrize(
    ("name", "value", "build", "resources", "rebuild"),
    [
        ("start", "gunicorn main:app", ["start command"], [], False),
        ("health_path", "/up", ["health path"], [], False),
        ("install", "pip install -e .", ["install command"], [], True),
        ("dependency_files", [], ["dependency files"], [], True),
        ("runner", "node", ["runner"], [], True),
        ("cpu_quota", 50_000, [], ["CPU"], False),
        ("memory_mb", 512, [], ["memory"], False),
    ],
)
def test_settings_are_told_by_their_names(
    name: str, value: object, build: list[str], resources: list[str], rebuild: bool
) -> None:
    [found] = outdated(CONFIG | {name: value}, [environment()], [])
    assert (found.build, found.resources, found.rebuild) == (build, resources, rebuild)


def test_another_preset_alone_and_settings_that_came_later_change_nothing() -> None:
    before = {name: value for name, value in CONFIG.items() if name != "runner_version"}
    assert outdated(CONFIG | {"preset": "django"}, [environment(config=before)], []) == []


def test_values_are_in_no_difference() -> None:
    assert "canary" not in repr(difference({"A": "canary"}, {"A": "canary-2", "B": "canary"}))
    assert "canary" not in repr(environment(A="canary"))
    assert "canary" not in repr(variable("A", "canary"))
