"""A pushed configuration with faked parts of the agent: refused, confirmed, or reverted."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.handlers.configuration.config_push import ConfigPush
from edge_agent.commands.handlers.configuration.config_trial import AgentHooks
from edge_agent.commands.signature import make_key
from edge_agent.config.check import run_check
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import FOLDER, MAX_STARTS, RECORD, ConfigOrigin, ConfigSource, PushStore
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.languages import Lang
from edge_agent.core.model import CameraState, CameraStatus, Cause
from edge_agent.core.state_file import write_record
from edge_agent.host.local_api.control import ControlReply
from edge_agent.wire import SetConfigArguments
from tests.commands.contexts import GivenContext
from tests.host.fakes import FakeClock

NOW = "2026-11-25T03:00:00.000Z"
OWN = """\
gateway: {id: dt-001, ward: de-tham}
profile: generic-x86_64
state_dir: state
mqtt: {brokers: [mqtts://broker.example]}
cameras:
  - {id: cam-1, url: "rtsp://10.0.0.11/stream2"}
  - {id: cam-2, url: "rtsp://10.0.0.12/stream2"}
"""
FASTER = OWN + "heartbeat_s: 60\n"
S = TypeVar("S", bound="Site")


def pushed(version: int, text: str = OWN) -> str:
    return f"version: {version}\n{text}"


def status(camera_id: str, state: CameraState = CameraState.ONLINE) -> CameraStatus:
    cause = Cause.UNREACHABLE if state is CameraState.OFFLINE else None
    return CameraStatus(camera_id, state, cause, datetime(2026, 11, 25, tzinfo=UTC), 0.0)


class Site:
    """The parts of the agent that a push uses; each start is a new one over the same folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "edge-agent.yaml"
        self.clock = FakeClock()
        self.online = True
        self.detector_problem: str | None = None
        self.cameras = {"cam-1": CameraState.ONLINE, "cam-2": CameraState.ONLINE}
        self.restarts: list[str] = []
        self.wanted_reloads = 0
        self.answers: list[CommandSucceeded | CommandFailed] = []
        self.start()

    def start(self) -> None:
        self.source = ConfigSource(self.path)
        self.settings = self.source.start(NOW)
        self.hooks = AgentHooks(
            settings=lambda: self.settings,
            cameras=lambda: [status(id_, state) for id_, state in self.cameras.items()],
            online=lambda: self.online,
            detector_problem=lambda: self.detector_problem,
            reload=self._reload,
            want_reload=self._want_reload,
            may_restart=lambda: None,
            restart=self.restarts.append,
        )
        self.push = ConfigPush(self.source, self.hooks, self.clock, settled_s=10)

    def _reload(self) -> ControlReply:
        self.settings = self.source.load()
        return ControlReply(EX_OK, "the configuration was read again")

    def _want_reload(self) -> None:
        self.wanted_reloads += 1
        self.settings = self.source.load()

    def context(
        self, version: int, text: str | None = None, **changes: Any
    ) -> CommandContext[SetConfigArguments]:
        config = pushed(version) if text is None else text
        sha256 = hashlib.sha256(config.encode()).hexdigest()
        args = SetConfigArguments(version=version, config=config, sha256=sha256, confirm_s=60)
        args = msgspec.structs.replace(args, **changes)
        return GivenContext(f"push-{version}", args, "operator", finish=self.answers.append)

    def propose(self, version: int, text: str | None = None, **changes: Any) -> CommandSucceeded | InProgress:
        return self.push.run(self.context(version, text, **changes))

    def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            self.push.tick()

    def confirm(self, version: int, text: str | None = None) -> None:
        """Propose a configuration, and let its trial end well."""
        self.propose(version, text)
        self.pass_s(12)
        assert isinstance(self.answers.pop(), CommandSucceeded)

    def edit(self, text: str) -> None:
        """Change the file on the gateway, and start again."""
        self.path.write_text(text)
        self.start()

    def check(self, language: Lang = "en") -> str:
        """What ``edge-agent config check`` says about the file, which is in order."""
        err = io.StringIO()
        assert run_check(self.path, None, True, io.StringIO(), err, language) == EX_OK
        return err.getvalue()

    def lose_broker(self) -> None:
        """For as long as a trial lasts."""
        self.online = False
        self.pass_s(61)

    @property
    def origin(self) -> ConfigOrigin:
        assert self.source.selected is not None
        return self.source.selected.origin


def site_in(folder: Path) -> Site:
    (folder / "edge-agent.yaml").write_text(OWN)
    return Site(folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_in(tmp_path)


def test_one_that_keeps_the_site_as_it_was_is_in_force_for_good(site: Site) -> None:
    assert isinstance(site.propose(13, pushed(13, FASTER)), InProgress)
    assert (site.settings.version, site.settings.heartbeat_s, site.origin) == (13, 60.0, ConfigOrigin.TRIAL)
    assert "version 13 is on trial" in " ".join(site.push.lines())
    site.pass_s(12)
    (answer,) = site.answers
    assert answer == CommandSucceeded("version 13 is in force", {"version": 13})
    assert site.origin is ConfigOrigin.PUSHED
    assert list(site.push.lines()) == []
    site.start()
    assert (site.settings.version, site.origin) == (13, ConfigOrigin.PUSHED)
    assert site.push.health().origin == "pushed"


@pytest.mark.parametrize(("stalls_s", "ends"), [(5, CommandSucceeded), (70, CommandFailed)])
def test_a_card_that_stalls_when_the_trial_ends_delays_the_confirmation(
    site: Site, monkeypatch: pytest.MonkeyPatch, stalls_s: int, ends: type
) -> None:
    answers_mono = site.clock.monotonic() + 12 + stalls_s

    def stalling(path: Path, record: msgspec.Struct) -> bool:
        return site.clock.monotonic() >= answers_mono and write_record(path, record)

    site.propose(13, pushed(13, FASTER))
    monkeypatch.setattr("edge_agent.config.pushed.write_record", stalling)
    site.pass_s(12)
    assert site.answers == []
    site.pass_s(stalls_s + 10)
    (answer,) = site.answers
    assert isinstance(answer, ends)
    in_force = (60.0, ConfigOrigin.PUSHED) if ends is CommandSucceeded else (30.0, ConfigOrigin.FILE)
    assert (site.settings.heartbeat_s, site.origin) == in_force


def test_a_card_that_fails_when_it_goes_back_keeps_nothing_of_the_trial(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.propose(13, pushed(13, FASTER))
    site.online = False
    with monkeypatch.context() as failing:
        failing.setattr("edge_agent.config.pushed.write_record", lambda *_: False)
        site.pass_s(65)
    assert site.answers == [], "it is still on trial, and says nothing else"
    site.online = True  # too late: the trial has failed
    site.pass_s(15)
    (answer,) = site.answers
    assert isinstance(answer, CommandFailed)
    assert (site.settings.heartbeat_s, site.origin) == (30.0, ConfigOrigin.FILE)
    assert isinstance(site.propose(14, pushed(14)), InProgress)


def test_a_reload_that_fails_on_a_card_that_fails_goes_back_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> ControlReply:
        monkeypatch.setattr("edge_agent.config.pushed.write_record", lambda *_: False)
        return ControlReply(EX_FAILED, "the agent is stopping or busy")

    site.hooks = replace(site.hooks, reload=refuse)
    site.push = ConfigPush(site.source, site.hooks, site.clock, settled_s=10)
    assert isinstance(site.propose(13, pushed(13, FASTER)), InProgress)
    monkeypatch.undo()
    site.pass_s(11)
    (answer,) = site.answers
    assert isinstance(answer, CommandFailed)
    assert "busy" in str(answer)
    assert (site.settings.heartbeat_s, site.origin) == (30.0, ConfigOrigin.FILE)


def test_a_reload_that_ends_after_its_answer_is_undone(site: Site) -> None:
    def answer_too_late() -> ControlReply:
        site.settings = site.source.load()
        return ControlReply(EX_FAILED, "the agent is stopping or busy")

    site.hooks = replace(site.hooks, reload=answer_too_late)
    site.push = ConfigPush(site.source, site.hooks, site.clock, settled_s=10)
    with pytest.raises(CommandFailed, match="busy") as failed:
        site.propose(13, pushed(13, FASTER))
    assert failed.value.code == "reverted"
    assert (site.settings.heartbeat_s, site.origin) == (30.0, ConfigOrigin.FILE)


def test_a_drop_in_that_breaks_during_the_trial_ends_no_agent(site: Site, tmp_path: Path) -> None:
    site.propose(13, pushed(13, FASTER))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/half.yaml").write_text("cameras: [")
    site.pass_s(12)
    (answer,) = site.answers
    assert isinstance(answer, CommandSucceeded)


def test_what_cannot_be_removed_ends_no_agent(site: Site, tmp_path: Path) -> None:
    (tmp_path / "state/pushed/12.yaml/in the way").mkdir(parents=True)
    site.confirm(13, pushed(13, FASTER))
    assert site.origin is ConfigOrigin.PUSHED


def test_without_the_broker_it_goes_back_and_says_so(site: Site) -> None:
    site.propose(13, pushed(13, FASTER))
    site.lose_broker()
    (answer,) = site.answers
    assert isinstance(answer, CommandFailed)
    assert answer.code == "reverted"
    assert "the broker was not connected" in str(answer)
    assert (site.settings.version, site.settings.heartbeat_s, site.origin) == (0, 30.0, ConfigOrigin.FILE)
    assert "version 13 was given up" in " ".join(site.push.lines())
    assert site.push.health().given_up is not None


def test_a_camera_that_was_up_has_to_be_up_again_and_one_that_was_not_has_not(site: Site) -> None:
    site.cameras["cam-2"] = CameraState.OFFLINE
    site.confirm(13)
    site.propose(14)
    site.cameras["cam-1"] = CameraState.OFFLINE
    site.pass_s(61)
    answer = site.answers.pop()
    assert "camera cam-1, which was up, did not come up again (unreachable)" in str(answer)
    assert site.settings.version == 13


def test_a_camera_that_was_up_and_never_gets_past_its_first_attempt_is_missed(site: Site) -> None:
    site.propose(13)
    site.cameras["cam-1"] = CameraState.STARTING
    site.pass_s(61)
    assert "camera cam-1, which was up, did not come up again" in str(site.answers.pop())
    assert site.origin is ConfigOrigin.FILE


def test_one_that_arrives_at_the_start_waits_until_it_is_known_which_cameras_are_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead camera must not end its trial, and a camera that works has to work with it."""
    site.cameras = {"cam-1": CameraState.STARTING, "cam-2": CameraState.STARTING}

    def first_attempt(seconds: float) -> None:
        site.clock.advance(seconds)
        site.cameras = {"cam-1": CameraState.ONLINE, "cam-2": CameraState.OFFLINE}

    monkeypatch.setattr("edge_agent.commands.handlers.configuration.config_trial.time.sleep", first_attempt)
    site.propose(13)
    trial = PushStore(site.settings.state_dir).trial
    assert trial is not None
    assert trial.cameras_up == ["cam-1"]
    site.pass_s(12)
    assert isinstance(site.answers.pop(), CommandSucceeded)


def test_a_camera_that_starts_for_long_holds_up_no_configuration(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.cameras["cam-2"] = CameraState.STARTING
    trial_module = "edge_agent.commands.handlers.configuration.config_trial"
    monkeypatch.setattr(f"{trial_module}.time.sleep", site.clock.advance)
    site.confirm(13)
    site.cameras["cam-2"] = CameraState.STARTING
    with pytest.raises(CommandFailed, match="before it applied") as stopped:
        site.push.run(GivenContext("push-14", site.context(14).args, stopping=lambda: True))
    assert stopped.value.code == "interrupted"


def test_a_detector_that_worked_has_to_work_again(site: Site) -> None:
    text = OWN + "detector: {model: /nowhere.tflite}\n"
    site.propose(13, pushed(13, text))
    site.start()
    site.detector_problem = "/nowhere.tflite cannot be read"
    site.pass_s(61)
    assert "detector.model" in site.restarts[0]
    assert "detector.model" in site.restarts[1], "and back by another restart"
    assert "the detector, which worked, does not work (/nowhere.tflite" in " ".join(site.push.lines())


def test_a_detector_that_did_not_work_before_is_not_missed(site: Site) -> None:
    site.detector_problem = "no runtime can be imported"
    site.confirm(13)


def test_a_camera_that_the_new_one_takes_away_is_not_missed(site: Site) -> None:
    one = OWN.replace('  - {id: cam-2, url: "rtsp://10.0.0.12/stream2"}\n', "")
    site.propose(13, pushed(13, one))
    del site.cameras["cam-2"]
    site.pass_s(12)
    assert isinstance(site.answers.pop(), CommandSucceeded)


def test_a_moment_of_all_well_is_not_enough(site: Site) -> None:
    site.propose(13)
    for _ in range(6):
        site.pass_s(5)
        site.online = False
        site.pass_s(5)
        site.online = True
    site.online = False
    site.pass_s(2)
    assert isinstance(site.answers.pop(), CommandFailed)


def test_what_a_reload_cannot_change_restarts_the_agent_which_goes_on_with_the_trial(site: Site) -> None:
    text = OWN.replace("broker.example", "other.example")
    reported = site.propose(13, pushed(13, text))
    assert isinstance(reported, InProgress)
    assert "mqtt.brokers" in site.restarts[0]
    assert site.settings.version == 0
    site.start()
    assert (site.settings.version, site.origin) == (13, ConfigOrigin.TRIAL)
    assert isinstance(site.push.resume(site.context(13, pushed(13, text))), InProgress)
    site.lose_broker()
    assert isinstance(site.answers.pop(), CommandFailed)
    assert "mqtt.brokers" in site.restarts[1], "and back by another restart"
    site.start()
    assert (site.settings.version, site.origin) == (0, ConfigOrigin.FILE)


def test_one_that_ends_the_agent_at_every_start_is_given_up(site: Site) -> None:
    site.propose(13)
    for _ in range(MAX_STARTS):
        site.start()
        assert site.origin is ConfigOrigin.TRIAL
    site.start()
    assert site.origin is ConfigOrigin.FILE
    assert "did not stay up" in str(site.push.resume(site.context(13)))


def test_one_that_is_damaged_on_the_disk_is_given_up(site: Site) -> None:
    site.propose(13)
    PushStore(site.settings.state_dir).path(13).write_text("nonsense: [")
    site.start()
    assert (site.settings.version, site.origin) == (0, ConfigOrigin.FILE)
    assert "damaged" in str(site.push.health().given_up)


def test_a_confirmed_one_that_is_damaged_leaves_the_file_in_force_and_health_says_so(site: Site) -> None:
    site.confirm(13)
    PushStore(site.settings.state_dir).path(13).unlink()
    site.start()
    assert site.origin is ConfigOrigin.FILE
    assert "version 13" in " ".join(site.push.lines())


def test_health_says_that_the_record_cannot_be_read(site: Site) -> None:
    site.confirm(13)
    (site.settings.state_dir / FOLDER / RECORD).write_text("{")
    site.start()
    assert site.origin is ConfigOrigin.FILE
    (line,) = site.push.lines()
    assert "state.json cannot be read: a configuration that the centre pushed may not be in force" in line


def test_a_folder_that_cannot_be_read_does_not_stop_the_start(tmp_path: Path) -> None:
    store = PushStore(tmp_path / ("x" * 300))  # any access to this name fails, as on a failing card
    assert store.is_damaged
    store.prune()
    assert not PushStore(tmp_path / "none").is_damaged


def test_the_highest_version_wins_however_it_came(site: Site) -> None:
    site.confirm(13)
    site.edit(pushed(20))
    assert (site.settings.version, site.origin) == (20, ConfigOrigin.FILE)
    with pytest.raises(CommandRefused, match="version 19 is not above 20") as refused:
        site.propose(19)
    assert refused.value.code == "outdated"


def test_the_file_may_be_broken_under_a_pushed_one(site: Site) -> None:
    site.confirm(13)
    site.edit(OWN.replace("cam-1", "cam 1"))
    assert site.settings.version == 13
    assert "cam 1" in " ".join(site.push.lines())


def test_drop_ins_are_merged_over_it(site: Site) -> None:
    (site.path.parent / "conf.d").mkdir()
    (site.path.parent / "conf.d" / "site.yaml").write_text("heartbeat_s: 45\n")
    site.propose(13, pushed(13, FASTER))
    assert site.settings.heartbeat_s == 45.0


def test_a_repeat_of_what_is_in_force_is_no_work(site: Site) -> None:
    site.confirm(13)
    assert site.propose(13) == CommandSucceeded("version 13 is in force", {"version": 13})
    assert site.origin is ConfigOrigin.PUSHED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("cam-2", "cam-1"), "cam-1"),
        (lambda text: text.replace("heartbeat", "hearbeat") + "hearbeat_s: 5\n", "hearbeat_s"),
        (lambda text: text.replace("dt-001", "dt-002"), "gateway.id is dt-001"),
        (lambda text: text.replace("de-tham", "bo-xuyen"), "gateway.ward is de-tham"),
        (lambda text: text.replace("state_dir: state", "state_dir: other"), "state_dir"),
        (lambda text: text.replace("mqtt: {", "mqtt: {root: tb/v2, "), "mqtt.root is tb/v1"),
        (lambda text: text.replace("version: 13", "version: 12"), "itself says version 12"),
        (lambda text: text.replace("rtsp://10", "rtsp://admin:hunter2@10"), "password_file"),
        (lambda text: "[", "mistakes"),
    ],
)
def test_what_cannot_be_taken_changes_nothing(site: Site, change: Callable[[str], str], says: str) -> None:
    before = folder_of(site.settings)
    with pytest.raises(CommandRefused) as refused:
        site.propose(13, change(pushed(13)))
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert refused.value.code == "bad-arguments"
    assert (folder_of(site.settings), site.origin, site.answers) == (before, ConfigOrigin.FILE, [])


@pytest.mark.parametrize("keys", ["[]", "[nowhere]", "[readme.pem]"])
def test_one_after_which_nobody_could_push_another_is_refused(site: Site, keys: str) -> None:
    folder = site.path.parent / "keys"
    folder.mkdir()
    make_key(folder / "operator.pem")
    (folder / "operator.pem").unlink()  # a private key must not be on a gateway
    (site.path.parent / "readme.pem").write_text("the operators' keys are elsewhere")
    (site.path.parent / "nowhere").mkdir()
    own = OWN + "commands: {operator_keys: [keys]}\n"
    site.edit(own)
    with pytest.raises(CommandRefused):
        site.propose(13, pushed(13, own.replace("[keys]", keys)))
    assert site.propose(13, pushed(13, own)) is not None


def test_a_text_that_is_not_what_was_signed_for_is_refused(site: Site) -> None:
    with pytest.raises(CommandRefused, match="sha256"):
        site.propose(13, sha256="0" * 64)


def test_one_at_a_time(site: Site) -> None:
    site.propose(13)
    with pytest.raises(CommandRefused, match="version 13 is on trial") as refused:
        site.propose(14)
    assert refused.value.code == "busy"


def test_one_that_was_given_up_is_not_tried_again(site: Site) -> None:
    site.propose(13)
    site.lose_broker()
    site.online = True
    with pytest.raises(CommandRefused, match="given up"):
        site.propose(13)
    assert isinstance(site.propose(14), InProgress)


def test_a_disk_that_takes_nothing_refuses_it(site: Site, tmp_path: Path) -> None:
    (site.settings.state_dir).mkdir(exist_ok=True)
    (site.settings.state_dir / "pushed").write_text("a file where a folder should be")
    site.start()
    with pytest.raises(CommandRefused, match="cannot be written"):
        site.propose(13)
    assert site.origin is ConfigOrigin.FILE


class Cut(BaseException):
    """The power fails."""


class Steps:
    """Counts the calls that write to the disk, and cuts the power before one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, cut_at: int) -> None:
        self.count = 0
        self._cut_at = cut_at
        for name in ("replace", "fsync", "unlink"):
            patch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self.count += 1
            if self.count == self._cut_at:
                raise Cut
            return real(*args, **more)

        return call


def cut_at_each_step(new: Callable[[Path], S], begin: Callable[[S], object], folder: Path) -> Iterator[S]:
    """A site for each step of the trial that ``begin`` starts: the power was cut before that step."""
    for cut_at in range(1, 100):
        (folder / str(cut_at)).mkdir()
        site = new(folder / str(cut_at))
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Cut):
            steps = Steps(patch, cut_at)
            begin(site)
            site.pass_s(61)
        if steps.count < cut_at:
            break
        yield site
    assert cut_at > 6, "so many steps there are"


@pytest.mark.parametrize("good", [True, False])
def test_the_power_may_go_at_every_step(tmp_path: Path, good: bool) -> None:
    """The agent starts with the old or the new configuration, and its reply names the one in force."""
    text, seen = pushed(13, FASTER), set()

    def begin(site: Site) -> None:
        site.propose(13, text)
        site.online = good

    for site in cut_at_each_step(site_in, begin, tmp_path):
        site.start()
        site.online = good
        site.push.resume(site.context(13, text))
        site.pass_s(61)
        answer = site.push.resume(site.context(13, text))
        if isinstance(answer, CommandSucceeded):
            assert (site.settings.version, site.origin) == (13, ConfigOrigin.PUSHED)
            seen.add("ok")
        else:
            assert isinstance(answer, CommandFailed)
            assert (site.settings.version, site.origin) == (0, ConfigOrigin.FILE)
            seen.add(answer.code)
            assert ("the broker was not connected" in str(answer)) == (answer.code == "reverted")
    assert seen == {"interrupted", "ok" if good else "reverted"}


@pytest.mark.parametrize("name", ["secret", "{}/secret", "credentials/../../secret"])
def test_it_takes_passwords_from_beside_the_file_only(site: Site, name: str) -> None:
    """Root reads the file, and the text also names the address that a camera's password is sent to."""
    beside, elsewhere = site.path.parent / "secret", site.path.parent.parent / "secret"
    beside.write_text("known here")
    elsewhere.write_text("known to root only")
    name = name.format(site.path.parent.parent)
    text = pushed(13, OWN.replace('1/stream2"', f'1/stream2", username: viewer, password_file: {name}'))
    if name == "secret":
        assert isinstance(site.propose(13, text), InProgress)
    else:
        with pytest.raises(CommandRefused, match="may use password files in that folder only"):
            site.propose(13, text)


def test_check_on_the_box_says_that_another_one_is_in_force(site: Site) -> None:
    site.confirm(13)
    assert "version 13, which the centre pushed, is in force on this gateway" in site.check()


def folder_of(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.state_dir.glob("pushed/*") if path.name != "state.json")


def test_the_record_is_one_json_object(site: Site) -> None:
    site.propose(13)
    record = json.loads((site.settings.state_dir / "pushed" / "state.json").read_text())
    assert record["trial"]["cameras_up"] == ["cam-1", "cam-2"]
    assert (site.settings.state_dir / "pushed").stat().st_mode & 0o077 == 0
