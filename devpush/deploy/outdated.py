"""What an environment runs with, beside what it would be deployed with today: by name, never by value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from devpush.deploy import runners
from devpush.models.project import CONFIG, word
from devpush.models.reading_settings import EnvironmentRow, Running, VariableRow

IN_THE_IMAGE = ("runner", "runner_version", "root_dir", "install", "build", "dependency_files")
"""Whoever changes one of these wants another image."""
RESOURCES = ("cpu_quota", "memory_mb")


@dataclass(frozen=True, slots=True)
class Difference:
    """Keys of variables."""

    added: Sequence[str]
    changed: Sequence[str]
    removed: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """An environment whose app runs with something else than what stands in the settings now."""

    environment_id: UUID
    name: str
    color: str
    variables: Difference
    build: Sequence[str]
    """What is called so under Build and deploy."""
    resources: Sequence[str]
    rebuild: bool
    """Its image has to be built anew for it."""
    built: bool
    """Its build may have read variables."""


def outdated(
    config: Mapping[str, Any], environments: Sequence[EnvironmentRow], variables: Sequence[VariableRow]
) -> list[Outdated]:
    """Those of the environments that need a redeploy, in their order."""
    found = [_outdated(config, environment, variables) for environment in environments]
    return [one for one in found if one and (one.variables or one.build or one.resources)]


def _outdated(
    config: Mapping[str, Any], environment: EnvironmentRow, variables: Sequence[VariableRow]
) -> Outdated | None:
    if not environment.running:
        return None
    then = environment.running.config
    changed = [name for name in CONFIG if name != "preset" and name in then and then[name] != config[name]]
    return Outdated(
        environment_id=environment.id,
        name=environment.name,
        color=environment.color,
        variables=_variables(environment.running, environment.id, variables),
        build=[word(name) for name in changed if name not in RESOURCES],
        resources=[word(name) for name in changed if name in RESOURCES],
        rebuild=needs_build(then, config),
        built=_reads_variables_while_building(config),
    )


def _reads_variables_while_building(config: Mapping[str, Any]) -> bool:
    found = runners.runners().get(config["runner"])
    return bool(config["build"]) or (found is not None and found.own_dockerfile)


def needs_build(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether an image that was built with those settings isn't the one that these ask for."""
    return any(name in then and then[name] != now[name] for name in IN_THE_IMAGE)


def _variables(running: Running, environment_id: UUID, variables: Sequence[VariableRow]) -> Difference:
    """What an environment gets today (its own win over those for all), against what it has."""
    today = {row.key: row.value for row in variables if row.environment_id is None}
    today |= {row.key: row.value for row in variables if row.environment_id == environment_id}
    readable = {key: value for key, value in today.items() if value is not None}
    if running.variables is None or len(readable) < len(today):
        return Difference((), (), ())  # nobody can tell
    return difference(running.variables, readable)


def difference(then: Mapping[str, str], now: Mapping[str, str]) -> Difference:
    return Difference(
        added=sorted(now.keys() - then.keys()),
        changed=sorted(key for key in now.keys() & then.keys() if now[key] != then[key]),
        removed=sorted(then.keys() - now.keys()),
    )
