"""The service with a counter that has as many labels as anybody likes."""

from flask import Response, jsonify
from prometheus_client import Counter

from progress_api.wsgi import app

_seen = Counter("seen", "Labels that were seen", ["label"])


@app.get("/seen/<int:labels>")
def _see(labels: int) -> Response:
    for label in range(labels):
        _seen.labels(f"{label:01000}").inc()
    return jsonify(labels=labels)
