"""The fields that say how a project is built and run, on the page of a new one and in its settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devpush.deploy import detect, runners
from devpush.errors import Refused
from devpush.models import rules
from devpush.web.forms import Errors, Form


def build_values(form: Form, errors: Errors) -> dict[str, Any]:
    """How a project is built and run, as checked fields."""
    values: dict[str, Any] = {}
    with errors.of("preset"):
        values["preset"] = one_of(form.text("preset", limit=40), ["", *(preset.slug for preset in detect.PRESETS)])
    with errors.of("runner"):
        values["runner"] = one_of(form.text("runner", limit=40), list(runners.runners()))
    with errors.of("root_dir"):
        values["root_dir"] = rules.root_dir(form.raw("root_dir"))
    for name in ("install", "build", "pre_deploy", "start"):
        with errors.of(name):
            values[name] = rules.command(form.raw(name), name)
    with errors.of("start"):
        if not values.get("start", "?"):
            raise Refused("Please say how the app is started, like “gunicorn main:app”.")
    with errors.of("health_path"):
        values["health_path"] = rules.health_path(form.raw("health_path"))
    return values


def one_of(choice: str, choices: Sequence[str]) -> str:
    if choice not in choices:
        raise Refused("Please choose one of the list.")
    return choice


@dataclass(frozen=True, slots=True)
class Named:
    """A preset or runner to choose, with what it fills in."""

    slug: str
    name: str
    runner: str = ""
    install: str = ""
    build: str = ""
    pre_deploy: str = ""
    start: str = ""


def presets(chosen: str) -> list[Named]:
    """Every preset; and none, where a project has none."""
    none = [Named("", "None")] if chosen == "" else []
    return none + [
        Named(preset.slug, preset.title, preset.runner, preset.install, preset.build, preset.pre_deploy, preset.start)
        for preset in detect.PRESETS
    ]


def runner_choices() -> list[Named]:
    return [Named(runner.slug, runner.title) for runner in runners.runners().values()]
