"""This library and its peers, as their users would write it. One per process: ``contenders.py NAME ENDPOINT N P``."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

KEY, SECRET = "AKTESTKEY", "a-secret-of-tests"
BUCKET, FOLDER = "n{}", "in/"

Find = Callable[[int, Mapping[str, object]], int]
"""(files in the bucket, expected basenames) → the number of expected files that exist."""


def matched(stems: Mapping[str, object], files: Iterable[tuple[str, object]]) -> int:
    """Keep the expected names of a full listing."""
    found = {}
    for key, described in files:
        stem = key[len(FOLDER) :].rpartition(".")[0]
        if stem in stems:
            found[stem] = described
    return len(found)


def remote_artwork(endpoint: str) -> Find:
    """This library: skip-scan, without a ledger and a shop."""
    import remote_artwork as ra
    from remote_artwork.core.expected import expect_files
    from remote_artwork.core.matching import Matches
    from remote_artwork.core.pattern import FilenamePattern

    network = ra.NetworkPolicy(allow_private=True, allow_http=True)

    def find(count: int, stems: Mapping[str, object]) -> int:
        url = f"s3+{endpoint}/{BUCKET.format(count)}/{FOLDER}?provider=minio"
        storage = ra.open_storage(url, credentials=ra.Keys(KEY, SECRET), network=network)
        kept.append(storage)  # as in a process that scans every hour
        matches = Matches(awaited[len(stems)])
        for page in storage.search(awaited[len(stems)].query()):
            matches.add_page(page)
        return len(matches.found)

    def prepared(stems: Mapping[str, object]) -> None:
        orders = (ra.Order(stem.partition("_")[0], [ra.OrderItem("1")]) for stem in stems)
        awaited[len(stems)] = expect_files(orders, FilenamePattern())

    awaited: dict[int, object] = {}
    kept: list[object] = []
    find.prepare = prepared
    return find


def sweep(endpoint: str) -> Find:
    """This library: a full listing."""
    import remote_artwork as ra

    kept: list[object] = []
    network = ra.NetworkPolicy(allow_private=True, allow_http=True)

    def find(count: int, stems: Mapping[str, object]) -> int:
        url = f"s3+{endpoint}/{BUCKET.format(count)}/{FOLDER}?provider=minio"
        storage = ra.open_storage(url, credentials=ra.Keys(KEY, SECRET), network=network)
        kept.append(storage)
        return matched(stems, ((FOLDER + name, None) for page in storage.pages() for name in page.names))

    return find


def boto3_paginator(endpoint: str) -> Find:
    """boto3: the paginator and a dictionary."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"})
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=config,
    )

    def files(count: int) -> Iterator[tuple[str, object]]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET.format(count), Prefix=FOLDER)
        return ((entry["Key"], entry) for page in pages for entry in page.get("Contents", ()))

    return lambda count, stems: matched(stems, files(count))


def _s3fs(endpoint: str, method: str) -> Find:
    import s3fs

    fs = s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=endpoint, client_kwargs={"region_name": "us-east-1"})

    def files(count: int) -> Iterator[tuple[str, object]]:
        fs.invalidate_cache()
        bucket = BUCKET.format(count)
        path = f"{bucket}/{FOLDER}" + ("*" if method == "glob" else "")
        return ((key.removeprefix(f"{bucket}/"), info) for key, info in getattr(fs, method)(path, detail=True).items())

    return lambda count, stems: matched(stems, files(count))


def obstore_list(endpoint: str) -> Find:
    """obstore: its stream of chunks."""
    import obstore
    from obstore.store import S3Store

    def files(count: int) -> Iterator[tuple[str, object]]:
        store = S3Store(
            BUCKET.format(count),
            endpoint=endpoint,
            access_key_id=KEY,
            secret_access_key=SECRET,
            region="us-east-1",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        return ((entry["path"], entry) for chunk in obstore.list(store, prefix=FOLDER) for entry in chunk)

    return lambda count, stems: matched(stems, files(count))


def rclone_lsf(endpoint: str) -> Find:
    """rclone: its list of names, read line by line."""
    remote = f":s3,provider=Other,access_key_id={KEY},secret_access_key={SECRET},endpoint='{endpoint}':"

    def files(count: int) -> Iterator[tuple[str, object]]:
        folder = f"{remote}{BUCKET.format(count)}/{FOLDER}"
        command = ["rclone", "lsf", "--config", os.devnull, "--fast-list", "-R", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                yield FOLDER + line.rstrip("\n"), line

    return lambda count, stems: matched(stems, files(count))


CONTENDERS: Mapping[str, Callable[[str], Find]] = {
    "remote_artwork": remote_artwork,
    "remote_artwork sweep": sweep,
    "obstore.list": obstore_list,
    "rclone lsf": rclone_lsf,
    "boto3 paginator": boto3_paginator,
    "s3fs.find": partial(_s3fs, method="find"),
    "s3fs.glob": partial(_s3fs, method="glob"),
}


def main(who: str, endpoint: str, files: int, pending: int) -> None:
    """Warm up with a bucket of one page, measure, and print JSON."""
    stems = {f"{number:08}_1": None for number in range(0, files, max(1, files // pending))}
    stems |= {f"{number:08}_1": None for number in range(files, files + pending - len(stems))}
    find = CONTENDERS[who](endpoint)
    prepare = getattr(find, "prepare", lambda _stems: None)
    warm = {"00000000_1": None}
    prepare(warm)
    find(5, warm)
    prepare(stems)
    wall, cpu = time.perf_counter(), _cpu()
    found = find(files, stems)
    used = {"seconds": time.perf_counter() - wall, "cpu": _cpu() - cpu, "megabytes": _peak(), "found": found}
    print(json.dumps(used))


def _cpu() -> float:
    return sum(os.times()[:4])


def _peak() -> float:
    """Peak memory of this process or of its largest child, in MB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1000


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
