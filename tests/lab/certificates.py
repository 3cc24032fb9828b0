"""A certificate authority for one run, by the command `openssl`: PEM files for brokers, clients and HTTP servers."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import Failed


@dataclass(frozen=True)
class Certificate:
    """Paths of the certificate, its key (PKCS#8) and both in one file, as Kafka's PEM key stores are."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs for 127.0.0.1 and localhost; `certificate` is what peers trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if not shutil.which("openssl"):
            raise Failed("the command openssl is missing: install the package `openssl`")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}-key.pem"
        self._openssl("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out",
                      self.certificate)

    def issue(self, name: str, days: int = 2) -> Certificate:
        """A certificate for `name`, good as a server's and as a client's."""
        paths = [self._folder / f"{name}{suffix}.pem" for suffix in ("", "-key", "-both", "-request", "-extensions")]
        certificate, key, both, request, extensions = paths
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
        self._openssl("req", "-new", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", certificate)
        both.write_text(key.read_text() + certificate.read_text())
        return Certificate(certificate, key, both)

    @staticmethod
    def _openssl(*arguments: str | Path) -> None:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failed(f"openssl {arguments[0]}: {done.stderr.strip()}")


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
