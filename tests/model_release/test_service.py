"""Shadow mode, switch and probation with real models, a real outbox and a fake clock."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.cameras.shared_detector import SharedDetector
from edge_agent.commands.action import CommandFailed, CommandRefused, CommandSucceeded, InProgress
from edge_agent.commands.handlers.model import ModelCommand
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.config.model.settings import Settings
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import Box, Detection
from edge_agent.core.state_file import write_record
from edge_agent.detection import choose
from edge_agent.model_release import store
from edge_agent.model_release.service import ModelService
from edge_agent.model_release.store import ModelStore
from edge_agent.outbox import EventOutbox
from edge_agent.wire import ModelArguments
from tests.commands.centre import write_public
from tests.commands.contexts import ContextRecorder
from tests.commands.counter import OPERATOR
from tests.detection.fakes import camera, frame
from tests.events.parts import maker, valid
from tests.host.fakes import settings as site_settings
from tests.model_release.parts import SEES_NOTHING, Release, walker_model, write_release
from tests.outbox.parts import HandClock, outbox_in
from tests.testbed.mosquitto import Authority
from tests.testbed.walker_model import WALKER_MODEL
from tests.update.wheel_server import WheelServer

TOP_OF_HOUR = datetime(2026, 11, 24, 1, 0, 1, tzinfo=UTC)
SEEN = [Detection("person", 0.9, Box(0.4, 0.4, 0.5, 0.6))]


@dataclass
class Life:
    """The model part of one run of the agent; files of the server are already on the disk."""

    service: ModelService
    detector: SharedDetector
    outbox: EventOutbox
    clock: HandClock
    command: ModelCommand
    given: ContextRecorder = field(default_factory=ContextRecorder)

    def ask(
        self, id_: str = "c-1", *, resumed: bool = False, **args: Any
    ) -> CommandSucceeded | InProgress | CommandFailed:
        order = self.given.context(ModelArguments(**args), id_, "ab" * 32)
        return self.command.resume(order) if resumed else self.command.run(order)

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.service.tick()

    def minutes(self, count: int, seen: list[Detection]) -> None:
        for _ in range(count):
            for _ in range(20):
                at = frame(self.clock.mono)
                self.detector.monitor.record(camera(), at, moving=True, found=seen)
            self.later(60)

    @property
    def is_shadowing(self) -> bool:
        return self.detector.monitor.shadow is not None

    @property
    def runs(self) -> str:
        return self.detector.health().name

    def events(self) -> dict[str, str]:
        """Reasons by outcome, in order; each event is checked against its schema and marked as delivered."""
        found = {}
        for event in sorted(self.outbox.pending(100), key=lambda each: each.sequence):
            self.outbox.delivered(event.sequence, event.epoch)
            data = valid(event.payload)["data"]
            found[data["outcome"]] = data["why"]
        return found


@pytest.fixture(autouse=True)
def walkers(monkeypatch: pytest.MonkeyPatch) -> None:
    ship_walkers(monkeypatch)


def ship_walkers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the release detects drawn people."""
    monkeypatch.setattr(choose, "SHIPPED", WALKER_MODEL)
    monkeypatch.setattr(store, "SHIPPED", WALKER_MODEL)


@contextmanager
def life_in(folder: Path, clock: HandClock | None = None, model: str = "auto") -> Iterator[Life]:
    clock = clock or HandClock(wall=TOP_OF_HOUR)
    settings: Settings = site_settings(folder / "state")
    settings = replace(settings, detector=replace(settings.detector, model=model, labels=choose_labels()))
    settings.state_dir.mkdir(exist_ok=True)
    models = ModelStore(settings, clock)
    detector = SharedDetector(settings, WorkloadLimiter(), models.start())
    keys = write_public(folder / "operators/one.pem", OPERATOR).parent
    with outbox_in(settings.state_dir, clock) as outbox:
        service = ModelService(
            models,
            detector,
            maker(clock),
            outbox,
            clock,
            settings.gateway.timezone,
            lambda: True,
            publish_birth=lambda: None,
        )
        service.restore()
        command = ModelCommand(service, OperatorKeyring([keys]), lambda: None, lambda size: None, wait_s=0)
        yield Life(service, detector, outbox, clock, command)


def choose_labels() -> tuple[str, ...]:
    return ("person", "motorcycle", "car")


def release(folder: Path, name: str = "street-b", *labels: str) -> Release:
    """The model is already on the gateway, as after a download."""
    served = folder / "www"
    served.mkdir(exist_ok=True)
    made = write_release(
        folder, name, walker_model(labels or ("person", "two-wheeler", "vehicle"), name), served=served,
        url="https://127.0.0.1:1",
    )  # fmt: skip
    kept = folder / "state" / store.FOLDER / made.sha256[:16]
    kept.mkdir(parents=True)
    shutil.copy(served / f"{name}.tflite", kept)
    return made


def force(life: Life, made: Release) -> None:
    """Put the model into force, whatever the figures are."""
    assert isinstance(life.ask("t-1", **made.arguments(for_s=10)), InProgress)
    life.later(11)
    switched = life.ask("s-1", action="switch", sha256=made.sha256, force=True)
    assert isinstance(switched, CommandSucceeded)
    assert life.runs == made.name


def test_a_model_that_sees_nothing_is_refused_and_where_it_is_forced_goes_back_by_itself(
    tmp_path: Path,
) -> None:
    blind = release(tmp_path, "blind", *SEES_NOTHING)
    with life_in(tmp_path) as life:
        life.minutes(15, SEEN)
        life.ask("t-1", **blind.arguments(for_s=10))
        life.later(11)
        with pytest.raises(CommandRefused, match="the model in force saw only 0 objects"):
            life.ask(action="switch", sha256=blind.sha256)
        force(life, blind)
        life.minutes(28, [])
        assert life.runs == "blind"
        life.minutes(4, [])
        assert life.runs == "walker"
        reported = life.events()
        assert list(reported) == ["switched", "reverted"]
        assert reported["reverted"] == "cam-1: 0 objects, under a third of the 600 expected"
        health = life.service.health()
        assert (health.reverted, health.phase) == (blind.sha256, None)
        assert str(health.why).startswith("blind: cam-1")


def test_a_model_that_passes_its_probation_stays_over_restarts_and_goes_back_on_command(
    tmp_path: Path,
) -> None:
    good = release(tmp_path)
    with life_in(tmp_path) as life:
        life.minutes(15, SEEN)
        force(life, good)
        life.minutes(30, SEEN)
        life.later(86_400)
        life.later(1)
        assert list(life.events()) == ["switched", "confirmed"]
    with life_in(tmp_path) as life:
        assert life.runs == "street-b"
        assert isinstance(life.ask("b-1", action="back"), CommandSucceeded)
        assert life.runs == "walker"
        with pytest.raises(CommandRefused, match="the model that ships is in force"):
            life.ask("b-2", action="back")
    assert not list((tmp_path / "state" / store.FOLDER).glob("*/*.tflite")), "its file is deleted"


def test_an_agent_that_a_new_model_takes_down_again_and_again_starts_with_the_old_one(tmp_path: Path) -> None:
    with life_in(tmp_path) as life:
        force(life, release(tmp_path))
    for _ in range(2):
        with life_in(tmp_path) as life:
            assert life.runs == "street-b"
    with life_in(tmp_path) as life:
        assert life.runs == "walker"
        life.later(1)
        assert life.events()["reverted"] == "the agent has ended unasked 3 times while it ran"


@pytest.mark.parametrize("settled", [True, False])
def test_restarts_in_good_order_and_those_after_minutes_are_no_fault_of_a_model(
    tmp_path: Path, settled: bool
) -> None:
    with life_in(tmp_path) as life:
        force(life, release(tmp_path))
    for _ in range(6):
        with life_in(tmp_path) as life:
            assert life.runs == "street-b"
            life.later(301) if settled else life.service.stop()


def test_shadow_mode_goes_on_after_a_power_cut_and_is_given_up_when_it_takes_the_agent_down(
    tmp_path: Path,
) -> None:
    good, clock = release(tmp_path), HandClock(wall=TOP_OF_HOUR)
    with life_in(tmp_path, clock) as life:
        life.ask("t-1", **good.arguments(for_s=1000))
    clock.advance(400)
    with life_in(tmp_path, clock) as life:
        assert isinstance(life.ask("t-1", resumed=True, **good.arguments(for_s=1000)), InProgress)
        life.later(599)
        assert (life.service.health().phase, life.is_shadowing) == ("shadow", True)
        life.later(2)
        assert (life.service.health().phase, life.is_shadowing) == ("tried", False)
        assert "was tried; a switch would be refused" in str(life.given.finished[0])
        life.ask("t-2", **good.arguments(for_s=1000))
    for _ in range(3):
        with life_in(tmp_path, clock) as life:
            pass
    with life_in(tmp_path, clock) as life:
        answer = life.ask("t-2", resumed=True, **good.arguments(for_s=1000))
        assert isinstance(answer, CommandFailed)
        assert "has ended unasked 3 times" in str(answer)


def test_whenever_the_power_goes_one_of_the_two_models_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, real = list[Path](), write_record

    def write(path: Path, record: Any) -> bool:
        for moment in ("before", "after"):
            copy = tmp_path / f"{len(states)}-{moment}"
            if moment == "after":
                real(path, record)
            shutil.copytree(tmp_path / "state", copy / "state")
            states.append(copy)
        return True

    good = release(tmp_path)
    monkeypatch.setattr(store, "write_record", write)
    with life_in(tmp_path) as life:
        force(life, good)
        life.ask("b-1", action="back")
    monkeypatch.undo()
    ship_walkers(monkeypatch)
    found = []
    for state in states:
        with life_in(state) as life:
            found.append(life.runs)
    assert set(found) == {"walker", "street-b"}
    assert (found[0], found[-1]) == ("walker", "walker")


def test_a_file_that_the_disk_has_damaged_is_not_run(tmp_path: Path) -> None:
    good = release(tmp_path)
    with life_in(tmp_path) as life:
        force(life, good)
    (path,) = (tmp_path / "state" / store.FOLDER).glob("*/street-b.tflite")
    path.write_bytes(path.read_bytes()[:-1])
    with life_in(tmp_path) as life:
        assert life.runs == "walker"
        life.later(1)
        assert "has changed on the disk" in life.events()["reverted"]


def test_what_the_configuration_names_is_the_operators_word(tmp_path: Path) -> None:
    named = r"detector.model is .*walker.tflite in the configuration"
    with life_in(tmp_path, model=str(WALKER_MODEL)) as life, pytest.raises(CommandRefused, match=named):
        life.ask(**release(tmp_path).arguments())
    with (
        life_in(tmp_path, model="none") as life,
        pytest.raises(CommandRefused, match=r"detector.model is none"),
    ):
        life.ask(action="back")


def test_a_probation_waits_while_the_configuration_names_a_model(tmp_path: Path) -> None:
    clock = HandClock(wall=TOP_OF_HOUR)
    with life_in(tmp_path, clock) as life:
        life.minutes(61, SEEN)
        clock.advance(86_400 - 61 * 60)
        force(life, release(tmp_path, "blind", *SEES_NOTHING))
        life.minutes(5, [])
        life.service.stop()
    with life_in(tmp_path, clock, model=str(WALKER_MODEL)) as life:
        life.later(2 * 86_400)
        assert life.service.health().phase is None
        life.service.stop()
    with life_in(tmp_path, clock) as life:
        life.later(1)
        assert (life.runs, life.service.health().phase) == ("blind", "probation")
        assert list(life.events()) == ["switched"]
        life.minutes(27, [])
        assert life.runs == "walker"


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"action": "try"}, "try needs manifest, url, bytes"),
        ({"action": "switch"}, "switch needs sha256"),
        ({"action": "switch", "sha256": "ab" * 32}, "no model abababababababab was tried on this gateway"),
        ({"action": "try", "manifest": "a.b.c", "url": "https://h/m", "bytes": 2000}, "manifest: "),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    tmp_path: Path, args: dict[str, Any], why: str
) -> None:
    with life_in(tmp_path) as life:
        with pytest.raises(CommandRefused, match=why):
            life.ask(**args)
        assert (life.runs, life.service.store.record.phase) == ("walker", None)


def test_a_model_whose_inferences_fail_goes_back_and_one_that_fails_in_shadow_mode_is_given_up(
    tmp_path: Path,
) -> None:
    no_picture = np.zeros((0, 0, 3), np.uint8)
    with life_in(tmp_path) as life:
        life.ask("t-1", **release(tmp_path, "fails").arguments(for_s=10))
        assert life.detector.monitor.shadow is not None
        life.detector.monitor.shadow.failed_in_a_row = 3
        life.later(1)
        assert "3 of its inferences in a row have failed" in str(life.given.finished[-1])
        assert (life.is_shadowing, life.service.health().phase) == (False, None)

        force(life, release(tmp_path))
        life.detector.start()
        assert life.detector.access is not None
        for _ in range(3):
            assert life.detector.access.inference.infer("cam-1", no_picture) is None
        life.later(1)
        life.detector.stop()
        assert life.runs == "walker"
        assert "failed 3 times in a row" in life.events()["reverted"]


def test_the_memory_of_a_model_is_free_again_after_shadow_mode(tmp_path: Path) -> None:
    with life_in(tmp_path) as life:
        life.ask("t-1", **release(tmp_path).arguments(for_s=10))
        assert life.detector.monitor.shadow is not None
        held = weakref.ref(life.detector.monitor.shadow)
        life.later(11)
        assert held() is None


def test_a_file_that_is_cut_off_on_its_way_is_not_tried_and_the_next_command_goes_on_with_it(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "ca")
    with WheelServer(tmp_path / "server", authority) as server, life_in(tmp_path) as life:
        made = write_release(tmp_path, "street-b", walker_model(), served=server.served, url=server.url)
        life.command = replace(life.command, ca_file=lambda: str(authority.cert))
        served = server.served / "street-b.tflite"
        served.write_bytes(made.model[:5000])
        with pytest.raises(CommandFailed, match=r"ended after 5000 of \d+ bytes; nothing was changed"):
            life.ask("t-1", **made.arguments())
        assert life.service.health().phase is None
        served.write_bytes(made.model)
        assert isinstance(life.ask("t-2", **made.arguments()), InProgress)


def test_counts_of_the_days_before_are_kept_over_a_restart(tmp_path: Path) -> None:
    clock = HandClock(wall=TOP_OF_HOUR)
    with life_in(tmp_path, clock) as life:
        life.minutes(61, SEEN)
    clock.wall = TOP_OF_HOUR + timedelta(days=1)
    with life_in(tmp_path, clock) as life:
        force(life, release(tmp_path, "blind", *SEES_NOTHING))
        life.minutes(32, [])
        assert life.runs == "walker"


def test_a_file_that_is_no_model_is_not_tried(tmp_path: Path) -> None:
    served = tmp_path / "www"
    served.mkdir()
    broken = write_release(tmp_path, "broken", b"TFL3" * 500, served=served, url="https://127.0.0.1:1")
    with life_in(tmp_path) as life:
        kept = tmp_path / "state" / store.FOLDER / broken.sha256[:16]
        kept.mkdir(parents=True)
        shutil.copy(served / "broken.tflite", kept)
        with pytest.raises(CommandFailed, match=r"broken cannot be used: .*; nothing was changed"):
            life.ask(**broken.arguments())
        assert not kept.exists()
        with pytest.raises(CommandFailed, match=r"cannot be fetched: .*nothing was changed"):
            life.ask(**broken.arguments())
