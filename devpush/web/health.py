"""Whether we live, and whether we can work: for whoever looks after the process."""

from quart import Blueprint, Response, current_app, jsonify

from devpush import __version__
from devpush.ports import MARK_HEADER

bp = Blueprint("health", __name__)


@bp.get("/health")
async def health() -> Response:
    """Alive: nothing else is asked. The mark tells this process from the one beside it."""
    answer = jsonify(status="ok")
    answer.headers[MARK_HEADER] = current_app.extensions["process"]
    return answer


@bp.get("/ready")
async def ready() -> Response:
    """200 only if we are neither starting nor draining and every part beside us answers."""
    state = current_app.extensions["state"]()
    parts = await current_app.extensions["readiness"]()
    good = state == "ready" and all(part == "ok" for part in parts.values())
    answer = jsonify(state=state, version=__version__, **parts)
    answer.status_code = 200 if good else 503
    return answer
