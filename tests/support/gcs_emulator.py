"""gcp-storage-emulator, made to list in pages and to keep to generations as Google does; a program of its own.

Unwrapped, it gives every listing in one piece, ignores ``generation``, and writes all its metadata at each upload.
"""

from __future__ import annotations

import json
import sys
from http.server import HTTPServer
from typing import Any

from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.server import HANDLERS, create_server
from gcp_storage_emulator.storage import Storage

PAGE = 1000
"""Objects in a page of Google's, unless fewer are asked for."""

CONNECTIONS = 128
"""Connections that may wait. With Python's 5, some of 32 clients at once are cut off when the machine is busy."""


def list_in_pages(request: Any, response: Any, storage: Any) -> None:
    """The emulator's own listing from an offset on, cut; a page's token is the number of its first object."""
    objects.ls(request, response, storage)
    if response.status != 200:
        return
    answer = json.loads(response._content)
    offset = request.query.get("startOffset", [""])[0]
    answer["items"] = sorted((i for i in answer["items"] if i["name"] >= offset), key=lambda item: item["name"])
    begin = int(request.query.get("pageToken", ["0"])[0])
    end = begin + min(PAGE, int(request.query.get("maxResults", [PAGE])[0]))
    if end < len(answer["items"]):
        answer["nextPageToken"] = str(end)
    answer["items"] = answer["items"][begin:end]
    if not answer["items"]:
        del answer["items"]  # as Google does
    response.json(answer)


def download_generation(request: Any, response: Any, storage: Any) -> None:
    """The object and its generation, if it is the one asked for; a bucket without versions has no other."""
    objects.download(request, response, storage)
    if response.status not in (200, 206):
        return
    described = storage.get_file_obj(request.params["bucket_name"], request.params["object_id"])
    generation = described["generation"]
    if request.query.get("generation", [generation]) != [generation]:
        response.status = response.status.NOT_FOUND
        response.json({"error": {"code": 404, "message": "No such object", "errors": [{"reason": "notFound"}]}})
        return
    response["X-Goog-Generation"] = generation
    response["X-Goog-Stored-Content-Encoding"] = described.get("contentEncoding", "identity")


def insert_also_nothing(request: Any, response: Any, storage: Any) -> None:
    """An upload, also of an empty file, which the emulator alone breaks off at."""
    if request.data is None:
        request._data = b""
    objects.insert(request, response, storage)


def main(port: int) -> None:
    """Serves until it is ended."""
    ours = {
        objects.ls: list_in_pages,
        objects.download: download_generation,
        objects.insert: insert_also_nothing,
    }
    for _, methods in HANDLERS:
        methods.update({method: ours.get(handler, handler) for method, handler in methods.items()})
    Storage._write_config_to_file = lambda _self: None
    HTTPServer.request_queue_size = CONNECTIONS
    create_server("127.0.0.1", port, in_memory=True).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
