"""A small Flask app that shows which version of itself is live."""

import os
import platform
import time

from flask import Flask, Response, g, render_template, request

app = Flask(__name__)


@app.get("/")
def home() -> str:
    return render_template(
        "index.html",
        message=os.environ.get("DEVPUSH_GIT_COMMIT_MESSAGE", "").partition("\n")[0],
        facts={
            "Commit": os.environ.get("DEVPUSH_GIT_COMMIT_SHA", "")[:7],
            "Branch": os.environ.get("DEVPUSH_GIT_REF", "").removeprefix("refs/heads/"),
            "Author": os.environ.get("DEVPUSH_GIT_COMMIT_AUTHOR", ""),
            "Environment": os.environ.get("DEVPUSH_ENVIRONMENT", ""),
            "Deployment": os.environ.get("DEVPUSH_DEPLOYMENT_ID", "")[:7],
            "Python": platform.python_version(),
        },
    )


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "deployment": os.environ.get("DEVPUSH_DEPLOYMENT_ID", "")}


@app.before_request
def start_clock() -> None:
    g.began = time.perf_counter()


@app.after_request
def tell(response: Response) -> Response:
    """One line a request on standard output: this is what the Logs page shows."""
    took = (time.perf_counter() - g.began) * 1000
    print(f"{request.method} {request.path} {response.status_code} {took:.1f} ms", flush=True)
    return response
