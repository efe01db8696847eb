"""Whether we live, and whether we can work: for whoever looks after the process."""

from quart import Blueprint, Response, current_app, jsonify

bp = Blueprint("health", __name__)


@bp.get("/health")
async def health() -> Response:
    """Alive: nothing else is asked."""
    return jsonify(status="ok")


@bp.get("/ready")
async def ready() -> Response:
    """200 only if we are neither starting nor draining and every part beside us answers."""
    state = current_app.extensions["state"]()
    parts = await current_app.extensions["readiness"]()
    good = state == "ready" and all(part == "ok" for part in parts.values())
    answer = jsonify(state=state, **parts)
    answer.status_code = 200 if good else 503
    return answer
