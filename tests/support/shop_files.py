"""Real print files for the tests, and folders to put them in."""

import os
from importlib import resources
from pathlib import Path

import fsspec

import remote_artwork as ra

_SHOP = resources.files("remote_artwork.cli") / "shop"
JPEG = (_SHOP / "poster.jpg").read_bytes()
PNG = (_SHOP / "sticker.png").read_bytes()
PDF = (_SHOP / "card.pdf").read_bytes()
OF = {"jpg": JPEG, "jpeg": JPEG, "png": PNG, "pdf": PDF}


def uploaded(path: Path, data: bytes) -> None:
    """Writes a file whose upload ended an hour ago."""
    path.write_bytes(data)
    changed = path.stat().st_mtime - 3600
    os.utime(path, (changed, changed))


def memory_folder(root: str, *names: str) -> tuple[fsspec.AbstractFileSystem, ra.ArtworkStorage]:
    """A folder of an in-memory file system that holds a good file under each name."""
    files = fsspec.filesystem("memory")
    files.makedirs(root, exist_ok=True)
    for name in names:
        files.pipe(f"{root}/{name}", OF[name.rpartition(".")[2].lower()])
    return files, ra.ArtworkStorage(files, root)
