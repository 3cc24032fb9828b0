"""Archives whose bytes depend on what is in them alone: no time, owner or order of the machine that made them."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

# What an entry is: a file on disk (a symbolic link stays one, and what may be run stays so), or bytes.
Entries = Mapping[str, Path | bytes]


def tar(entries: Entries, epoch: int = 0) -> bytes:
    """A tar of the entries in the order of their names, all owned by root and of the given time."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(entries):
            content = entries[name]
            header = tarfile.TarInfo(name)
            header.mtime = epoch
            header.mode = 0o644
            if isinstance(content, Path) and content.is_symlink():
                header.type, header.linkname, header.mode = tarfile.SYMTYPE, str(content.readlink()), 0o777
                archive.addfile(header)
                continue
            if isinstance(content, Path):
                header.mode = 0o755 if content.stat().st_mode & 0o100 else 0o644
                content = content.read_bytes()
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return made.getvalue()


def compressed(data: bytes) -> bytes:
    """gzip without name and time."""
    made = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=made, mtime=0) as stream:
        stream.write(data)
    return made.getvalue()
