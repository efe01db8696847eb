"""How templates become HTML: one environment, compiled at start, that needs no request."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import jinja2
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from markupsafe import Markup
from werkzeug.routing import Map

from devpush.models.reading import DeploymentRow
from devpush.web.ansi import ansi, first_line, plain
from devpush.web.assets import Assets
from devpush.web.times import ago, exact, iso, lasted

ROWS_KEPT = 1000
FOLDER = Path(__file__).resolve().parent.parent.parent / "templates"


def environment(app_name: str, assets: Assets, urls: Map, folder: Path = FOLDER) -> jinja2.Environment:
    """Not asynchronous, unlike Quart's own: nothing in a template waits, and pages render in half the time."""
    found = _Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,  # all of them stay, so nobody needs to know which was used last
    )
    found.globals |= {"app_name": app_name, "asset": assets.url, "url_for": paths(urls)}
    filters = (ansi, plain, first_line, ago, exact, iso, lasted)
    found.filters |= {use.__name__: use for use in filters}
    found.globals["deployment_row"] = deployment_row(found)
    for name in found.list_templates(extensions=["html", "txt"]):
        found.get_template(name)
    return found


def deployment_row(environment: jinja2.Environment) -> Callable[[DeploymentRow], Markup]:
    """Draws a row of a list. Rows are a third of the work of the most visited pages, and those of ended deployments
    read the same until their age does not: each is drawn once as long as it does."""

    def draw(deployment: DeploymentRow, _: str) -> Markup:
        row = environment.get_template("deployments/_row.html")
        return Markup(row.render(deployment=deployment))  # noqa: S704  # escaped by the template

    drawn = lru_cache(maxsize=ROWS_KEPT)(draw)

    def row(deployment: DeploymentRow) -> Markup:
        ended = deployment.finished_at is not None
        return (drawn if ended else draw)(deployment, ago(deployment.created_at))

    return row


class _Template(jinja2.Template):
    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        """Every import of macros compares the globals of both templates, in case somebody gave one of them others.
        Ours are the environment's, all of them; comparing was a tenth of a page's time."""
        return super()._get_default_module()


class _Environment(jinja2.Environment):
    template_class = _Template


def paths(urls: Map) -> Callable[..., str]:
    """Endpoint and values → path, within a request or without. The dashboard has one host, so paths do."""
    adapter = urls.bind("")

    def url_for(endpoint: str, *, _anchor: str = "", **values: object) -> str:
        path = adapter.build(endpoint, values)
        return f"{path}#{_anchor}" if _anchor else path

    return url_for
