"""The fields that say how a project is built and run, on the page of a new one and in its settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devpush.deploy import detect, runners
from devpush.deploy.plan import DOCKERFILE
from devpush.errors import Refused
from devpush.models import rules
from devpush.web.forms import Errors, Form, world


def build_values(form: Form, errors: Errors) -> dict[str, Any]:
    """How a project is built and run, as checked fields."""
    values: dict[str, Any] = {}
    with errors.of("preset"):
        values["preset"] = one_of(form.text("preset", limit=40), ["", *(preset.slug for preset in detect.PRESETS)])
    with errors.of("runner"):
        chosen = one_of(form.text("runner", limit=60), [choice.slug for choice in runner_choices()])
        values["runner"], _, values["runner_version"] = chosen.partition(":")
    with errors.of("root_dir"):
        values["root_dir"] = rules.root_dir(form.raw("root_dir"))
    for name in ("install", "build", "pre_deploy", "start"):
        with errors.of(name):
            values[name] = rules.command(form.raw(name), name)
    with errors.of("start"):
        if not values.get("start", "?") and values.get("runner") != DOCKERFILE:
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
    """Every runner, by itself with the version that the platform prefers, and with each that it has ("python:3.12")."""
    return [choice for runner in runners.runners().values() for choice in _choices(runner)]


def _choices(runner: runners.Runner) -> list[Named]:
    if runner.own_dockerfile:
        return [Named(runner.slug, runner.title)]
    if world().settings.base_image:
        return [Named(runner.slug, f"{runner.title} (on the server's own base image)")]
    versions = list(runner.base_images)
    if len(versions) == 1:
        return [Named(runner.slug, runner.title)]
    default = [Named(runner.slug, f"{runner.title} (default: {versions[0]})")]
    return default + [Named(runner_value(runner.slug, version), f"{runner.title} {version}") for version in versions]


def runner_value(slug: str, version: str) -> str:
    """What the form calls a runner and its version."""
    return f"{slug}:{version}" if version and not world().settings.base_image else slug
