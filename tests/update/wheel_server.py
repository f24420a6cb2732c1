"""An https server for a folder of wheels, and a key that signs them."""

from __future__ import annotations

import functools
import http.server
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Self

from fleet.publish import publish
from tests.testbed.mosquitto import Authority


class _Quiet(http.server.SimpleHTTPRequestHandler):
    ranges = True  # whether range requests are supported

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not self.ranges or not asked or not path.is_file():
            return super().do_GET()
        rest = path.read_bytes()[int(asked.removeprefix("bytes=").removesuffix("-")) :]
        self.send_response(206)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)
        return None


class _Simple(_Quiet):
    ranges = False


class WheelServer:
    """``folder`` gets the key pair and the served files."""

    def __init__(
        self, folder: Path, authority: Authority, address: str = "127.0.0.1", *, ranges: bool = True
    ) -> None:
        self.ca = authority.cert
        self.served, self.key, self.public = folder / "www", folder / "release.key", folder / "release.pem"
        self.served.mkdir(parents=True)
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(self.key)], check=True)
        pair = ["openssl", "pkey", "-in", str(self.key), "-pubout", "-out", str(self.public)]
        subprocess.run(pair, check=True)
        handler = functools.partial(_Quiet if ranges else _Simple, directory=str(self.served))
        self._server = http.server.ThreadingHTTPServer((address, 0), handler)
        own = authority.issue(f"wheels-{self._server.server_address[1]}", san=f"IP:{address}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.cert, own.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://{address}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.05,), name="wheel-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def publish(self, wheels: Path, version: str, percent: int = 100, key: Path | None = None) -> None:
        publish(wheels, version, key or self.key, self.served, percent)
