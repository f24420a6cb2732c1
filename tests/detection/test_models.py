from __future__ import annotations

import argparse
import hashlib
import io
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.core.errors import DetectorError
from edge_agent.detection.models import CATALOGUE, CatalogueEntry, fetch_best, run_models
from tests.testbed.small_server import HttpServer

CONTENT = os.urandom(1000) * 200  # larger than one chunk
NAME = "net.tflite"
Answer = Callable[[BaseHTTPRequestHandler], None]


def entry(*sources: str) -> CatalogueEntry:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return CatalogueEntry(NAME, digest, len(CONTENT), sources, "Apache-2.0")


class Answering(HttpServer):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        self._answer(request)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A local HTTP server whose every GET is ``answer``; yields its address."""
    with Answering(answer) as server:
        yield server.origin


def sends(body: bytes, promised: int | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body) if promised is None else promised))
        request.end_headers()
        request.wfile.write(body)

    return answer


def not_found(request: BaseHTTPRequestHandler) -> None:
    request.send_error(404)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_good_file_is_fetched_and_readable_for_all(tmp_path: Path) -> None:
    before = os.umask(0o077)  # root's on some systems; the agent runs as another user
    try:
        with serving(sends(CONTENT)) as url:
            fetched = fetch_best(tmp_path / "models", entries=[entry(f"{url}/{NAME}")])
    finally:
        os.umask(before)
    assert fetched.path.read_bytes() == CONTENT
    assert fetched.source == f"{url}/{NAME}"
    assert files(tmp_path / "models") == [NAME]
    assert fetched.path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sends(bytes(len(CONTENT))), "another file: sha256"),
        (not_found, "the server answers 404"),
        (sends(CONTENT[:5000], promised=len(CONTENT)), "broke off after 5000 of 200000 bytes"),
        (sends(CONTENT + b"x"), "more than the 200000 bytes"),
        (sends(b"<html>log in first</html>"), "broke off after 25 of 200000 bytes"),
    ],
)
def test_a_bad_answer_is_named_and_leaves_nothing_behind(tmp_path: Path, answer: Answer, reason: str) -> None:
    with serving(answer) as url, pytest.raises(DetectorError, match=reason):
        fetch_best(tmp_path, entries=[entry(url)])
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("begins", "reason"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Length: 200000\r\n\r\n", "too slow"),  # the body drips
        (b"HTTP/1.0 200 OK\r\nX-Slow: ", r"too slow: no answer was whole after 0\.4 s"),
        (b"", "not reachable|nothing came"),  # silent
    ],
)
def test_a_server_that_drips_is_given_up_in_time(tmp_path: Path, begins: bytes, reason: str) -> None:
    over = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(begins)
        while not over.wait(0.02):
            request.wfile.write(begins[-1:])

    with serving(drip) as url:
        try:
            with pytest.raises(DetectorError, match=reason):
                fetch_best(tmp_path, entries=[entry(url)], timeout_s=0.2)
        finally:
            over.set()


def test_the_next_source_is_tried_when_the_first_fails(tmp_path: Path) -> None:
    with serving(not_found) as dead, serving(sends(CONTENT)) as good:
        fetched = fetch_best(tmp_path, entries=[entry(dead, good)])
    assert fetched.source == good


def test_what_is_there_already_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    fetched = fetch_best(tmp_path, entries=[entry("http://127.0.0.1:9/never-asked")])
    assert fetched.source is None


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT[:-1] + b"?")
    with serving(sends(CONTENT)) as url:
        fetch_best(tmp_path, entries=[entry(url)])
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_failed_fetch_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"older")
    with serving(not_found) as url, pytest.raises(DetectorError, match="nothing was changed"):
        fetch_best(tmp_path, entries=[entry(url)])
    assert (tmp_path / NAME).read_bytes() == b"older"


def test_a_mirror_replaces_the_public_addresses(tmp_path: Path) -> None:
    asked = []

    def mirror(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        sends(CONTENT)(request)

    with serving(mirror) as url:
        fetch_best(tmp_path, entries=[entry("http://127.0.0.1:9/public")], source=f"{url}/models/")
    assert asked == ["/models/net.tflite"]


def test_a_folder_is_a_source_too_and_is_checked_as_well(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / NAME).write_bytes(CONTENT)
    fetched = fetch_best(tmp_path / "a", entries=[entry()], source=str(stick))
    assert fetched.path.read_bytes() == CONTENT
    (stick / NAME).write_bytes(bytes(len(CONTENT)))
    with pytest.raises(DetectorError, match="another file"):
        fetch_best(tmp_path / "b", entries=[entry()], source=str(stick))
    with pytest.raises(DetectorError, match="No such file"):
        fetch_best(tmp_path / "c", entries=[entry()], source=str(tmp_path / "nowhere"))


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="a folder or an http"):
        fetch_best(tmp_path, entries=[entry()], source="ftp://mirror/models")


def test_when_the_best_cannot_be_had_the_next_is_fetched_and_the_reason_reported(tmp_path: Path) -> None:
    with serving(sends(CONTENT)) as good, serving(not_found) as dead:
        best = replace(entry(dead), file="best.tflite")
        fetched = fetch_best(tmp_path, entries=[best, entry(good)])
    assert fetched.path.name == NAME
    assert len(fetched.passed_over) == 1
    assert fetched.passed_over[0].startswith("best.tflite could not be fetched")
    assert files(tmp_path) == [NAME]


def test_when_none_can_be_had_every_reason_is_reported(tmp_path: Path) -> None:
    with serving(not_found) as dead, pytest.raises(DetectorError, match=r"best\.tflite.*net\.tflite"):
        fetch_best(tmp_path, entries=[replace(entry(dead), file="best.tflite"), entry(dead)])


def test_a_folder_that_cannot_be_written_is_no_reason_to_try_the_next(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    writes = r"file/net\.tflite: cannot be written"
    with serving(sends(CONTENT)) as url, pytest.raises(DetectorError, match=writes) as caught:
        fetch_best(tmp_path / "file", entries=[entry(url), replace(entry(url), file="next.tflite")])
    assert "next" not in str(caught.value)


def run(action: str, dest: Path, source: str | None = None, name: str | None = None) -> str:
    out = io.StringIO()
    arguments = argparse.Namespace(action=action, name=name, dest=dest, source=source, json=False)
    assert run_models(arguments, out) == 0
    return out.getvalue()


def test_list_says_what_is_installed_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / CATALOGUE[0].file).write_bytes(b"something else")
    (tmp_path / "own.tflite").write_bytes(bytes(2_000_000))
    text = run("list", tmp_path)
    assert text.startswith("street  0.9 MB  Apache-2.0  ships with the agent\n")
    assert f"{CATALOGUE[0].stem}  1.9 MB  Apache-2.0  another file" in text
    assert f"{CATALOGUE[1].stem}  4.2 MB  Apache-2.0  not installed" in text
    assert "own  2.0 MB  not in the catalogue" in text
    assert "not installed" in run("list", tmp_path / "no-such-folder")


def test_list_shows_what_is_no_file_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "dangling.tflite").symlink_to("nowhere")
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "red\x1b[31m.tflite").write_bytes(bytes(200_000))
    assert run("list", tmp_path).splitlines()[-3:] == [
        "dangling  no file  not in the catalogue",
        "folder  no file  not in the catalogue",
        "red\\x1b[31m  0.2 MB  not in the catalogue",
    ]


def test_the_command_fetches_the_recommended_model_from_a_folder(test_data: Path, tmp_path: Path) -> None:
    text = run("fetch", tmp_path, str(test_data / "models"))
    assert CATALOGUE[0].sha256 in text
    assert "already there" in run("fetch", tmp_path)
    assert f"{CATALOGUE[0].stem}  1.9 MB  Apache-2.0  installed" in run("list", tmp_path)


@pytest.mark.parametrize(("order", "suffix"), [(0, ""), (1, ".tflite")], ids=["name first", "options first"])
def test_the_command_fetches_the_model_that_is_named_anywhere(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], order: int, suffix: str
) -> None:
    parts = [[CATALOGUE[1].stem + suffix], ["--dest", str(tmp_path), "--source", str(test_data / "models")]]
    assert main(["models", "fetch", *parts[order], *parts[1 - order]]) == 0
    assert CATALOGUE[1].sha256 in capsys.readouterr().out
    assert files(tmp_path) == [CATALOGUE[1].file]


def test_the_command_reports_why_it_took_the_second_best(test_data: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    shutil.copy(test_data / "models" / CATALOGUE[1].file, tmp_path / "stick")
    text = run("fetch", tmp_path / "models", str(tmp_path / "stick"))
    assert f"{CATALOGUE[0].file} could not be fetched" in text
    assert "No such file or directory. The next best:\n" in text
    assert CATALOGUE[1].sha256 in text


def test_a_name_that_is_not_in_the_catalogue_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=f"yolo is not in the catalogue.*{CATALOGUE[0].stem}"):
        run("fetch", tmp_path, name="yolo")


def test_every_catalogue_entry_is_the_file_that_was_tested(test_data: Path, tmp_path: Path) -> None:
    for each in CATALOGUE:
        fetched = fetch_best(tmp_path, entries=[each], source=str(test_data / "models"))
        assert fetched.path.name == each.file


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_password_in_the_address_is_refused_and_not_shown(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(DetectorError, match="not supported") as caught:
        fetch_best(tmp_path, source=f"{scheme}://u:S3cr3t@127.0.0.1:9/")
    assert "S3cr3t" not in str(caught.value)
