"""A separate network of boxes: its own bridge, without access to others except a proxy for packages."""

from __future__ import annotations

import http.client
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

MOST_NETWORKS = 50


class Network:
    """A bridge ``ea-boxesN`` with 10.213.N.0/24; this machine is .1. Several may exist at once."""

    def __init__(self) -> None:
        self.number = 0
        self._proxy: ThreadingHTTPServer | None = None

    @property
    def bridge(self) -> str:
        return f"ea-boxes{self.number}"

    def address(self, host: int) -> str:
        return f"10.213.{self.number}.{host}"

    def __enter__(self) -> Self:
        for self.number in range(1, MOST_NETWORKS):
            if _ip("link", "add", self.bridge, "type", "bridge").returncode == 0:
                break
        else:
            raise RuntimeError("no bridge can be made: see `ip link`")
        for words in (
            ("address", "add", f"{self.address(1)}/24", "dev", self.bridge),
            ("link", "set", self.bridge, "up"),
        ):
            done = _ip(*words)
            if done.returncode:
                self.close()
                raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._proxy:
            self._proxy.shutdown()
            self._proxy.server_close()
        _ip("link", "delete", self.bridge)

    def package_proxy(self, root: Path) -> str:
        """URL of a proxy that fetches from the hosts of the root's package sources, and from no other."""
        if self._proxy is None:
            self._proxy = _Proxy((self.address(1), 0), sources(root))
            threading.Thread(target=self._proxy.serve_forever, name="package-proxy", daemon=True).start()
        return f"http://{self.address(1)}:{self._proxy.server_address[1]}"


def sources(root: Path) -> frozenset[str]:
    """Host names in the root's apt sources."""
    apt = root / "etc/apt"
    files = [apt / "sources.list", *(apt / "sources.list.d").glob("*")]
    words = [word for file in files if file.is_file() for word in file.read_text().split()]
    return frozenset(urlsplit(word).netloc for word in words if word.startswith("http"))


def _ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], hosts: frozenset[str]) -> None:
        self.hosts = hosts
        super().__init__(address, _Forward)


class _Forward(BaseHTTPRequestHandler):
    server: _Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.scheme != "http" or url.netloc not in self.server.hosts:
            self.send_error(403, "not a package source of this root")
            return
        passed = {name: self.headers[name] for name in ("If-Modified-Since", "Range") if name in self.headers}
        upstream = http.client.HTTPConnection(url.netloc, timeout=60)
        try:
            upstream.request("GET", url.path, headers=passed)
            answer = upstream.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.send_error(502, str(error))
            return
        finally:
            upstream.close()
        self.send_response(answer.status)
        for name in ("Content-Type", "Content-Range", "Last-Modified", "Location"):
            if value := answer.getheader(name):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: apt reports failed downloads."""
