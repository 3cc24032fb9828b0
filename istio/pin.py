#!/usr/bin/env python3
"""Writes the manifests of this folder with an image in place of the zeros: the form to apply.

    python3 istio/pin.py REGISTRY/REPOSITORY:TAG sha256:DIGEST [--out dist/istio]

DIGEST is that of the image's manifest, as `crane digest` or `skopeo inspect` print it. Istio takes a wrong one without
a word, and then traffic passes unobserved; so what is not a reference or not a digest is refused here.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

PLACEHOLDER_IMAGE = "registry.invalid/kafka-filter:0.0.0"
PLACEHOLDER_DIGEST = "0" * 64

REFERENCE = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9._-]+)+:[\w][\w.-]{0,127}")
DIGEST = re.compile(r"(sha256:)?([0-9a-f]{64})")


class Refused(ValueError):
    """What was given is no image; the text says what is expected."""


def pin(image: str, digest: str, out: Path) -> list[Path]:
    """Copies the folder's YAML to `out`, which is replaced, and returns the files that hold the image."""
    image = image.removeprefix("oci://")
    if not REFERENCE.fullmatch(image):
        raise Refused(f"{image}: expected REGISTRY/REPOSITORY:TAG, such as ghcr.io/kafka-filter/kafka-filter:0.1.0")
    found = DIGEST.fullmatch(digest)
    if not found or found[2] == PLACEHOLDER_DIGEST:
        raise Refused(f"{digest}: expected the manifest's digest, sha256: and 64 hexadecimal digits")
    if out.resolve() == HERE or HERE in out.resolve().parents:
        raise Refused(f"{out}: the sources stay as they are; choose another folder")
    shutil.rmtree(out, ignore_errors=True)
    pinned = []
    for source in sorted(HERE.rglob("*.yaml")):
        target = out / source.relative_to(HERE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
            continue
        text = source.read_text()
        if PLACEHOLDER_DIGEST in text:
            text = text.replace(PLACEHOLDER_IMAGE, image).replace(PLACEHOLDER_DIGEST, found[2])
            text = re.sub(r"(?m)^#\n# Put the image in before.*\n(# .*\n)?", "", text)
            pinned.append(target)
        target.write_text(text)
    return pinned


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="REGISTRY/REPOSITORY:TAG")
    parser.add_argument("digest", help="sha256: and 64 hexadecimal digits")
    parser.add_argument("--out", type=Path, default=HERE.parent / "dist" / "istio")
    arguments = parser.parse_args()
    try:
        pinned = pin(arguments.image, arguments.digest, arguments.out)
    except Refused as refused:
        print(f"pin.py: {refused}", file=sys.stderr)
        return 2
    print("\n".join(str(path) for path in pinned))
    return 0


if __name__ == "__main__":
    sys.exit(main())
