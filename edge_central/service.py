"""``edge-agent central run``: builds the parts of the centre, runs and stops them."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent import __version__
from edge_agent.commands.signature import KeyUnusable, read_private
from edge_agent.core.clock import Clock, SystemClock, read_boot_id, rfc3339
from edge_agent.core.errors import CentralError
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.worker import Supervisor
from edge_agent.host.system.systemd import Systemd
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.alerts.notifications import WebhookPoster
from edge_central.alerts.service import AlertService
from edge_central.appearance.picture_embedder import PictureEmbedder
from edge_central.availability.recorder import AvailabilityRecorder
from edge_central.cases.keeper import CaseKeeper
from edge_central.claims.boxes_file import BoxesFile
from edge_central.claims.publisher import ClaimPublisher
from edge_central.console.site_names import FleetSheet
from edge_central.console_process import ConsoleProcess
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.ingest.broker_session import CentralBrokerSession, CentralState, CentralStateKind
from edge_central.ingest.gateway_messages import BirthRequests, Confirmations, RequestSender
from edge_central.ingest_thread import CommandSenders, IngestThread
from edge_central.metrics.central_metrics import CentralMetrics
from edge_central.onvif.publisher import OnvifPublisher
from edge_central.presence.presence import PresenceThresholds
from edge_central.presence.presence_publisher import PresencePublisher
from edge_central.rehearsals.rule_requests import RuleRequests
from edge_central.rehearsals.sender import RehearsalSender
from edge_central.retention.sweep import FIRST_AFTER_S, RetentionSweep
from edge_central.searches.sender import SearchSender
from edge_central.settings import CentralSettings, ListenAddress
from edge_central.store.batch import Store
from edge_central.store.media_folder import MediaFolder
from edge_central.trusted_time.clock import TrustedClock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from edge_central.metrics.server import MetricsServer

log = logging.getLogger(__name__)

TICK_S = 1.0
STOP_WITHIN_S = 10.0  # how long the shutdown waits for a commit that is under way
CLOSE_TIMEOUT_S = 1.0
CONSOLE_STOP_S = 5.0


class CentralService:
    def __init__(
        self,
        settings: CentralSettings,
        stop: threading.Event,
        *,
        clock: Clock | None = None,
        thresholds: PresenceThresholds | None = None,
        first_sweep_s: float = FIRST_AFTER_S,
        console: ConsoleProcess | None = None,
    ) -> None:
        self._settings = settings
        self._console = console
        self._stop = stop
        self._clock = TrustedClock(clock or SystemClock(), read_boot_id())
        self._systemd = Systemd()
        self._topics = CentralTopics(settings.mqtt.root, settings.id)
        wake = threading.Event()
        subscriptions = [topic for ward in settings.wards for topic in self._topics.subscriptions(ward)]
        subscriptions += self._topics.claim_subscriptions
        self._broker = CentralBrokerSession(
            settings.mqtt, settings.id, subscriptions, self._state_message, self._clock, wake.set
        )
        self._requests_broker = self._connect_requests(wake)
        media_folder = MediaFolder(settings.media_dir)
        self._webhook = None if settings.webhook is None else WebhookPoster(settings.webhook)
        self._central_metrics = CentralMetrics(
            self._clock.now().timestamp(), is_served=settings.metrics is not None
        )
        self._metrics_server = (
            None if settings.metrics is None else self._make_metrics_server(settings.metrics)
        )
        thresholds = thresholds or PresenceThresholds(boot_s=settings.alerts.boot_grace_s)
        boxes = BoxesFile(None if settings.console is None else settings.console.boxes_file)
        searches = SearchSender(self._topics, settings.wards, self._clock, settings.id, _search_key(settings))
        self._ingest = IngestThread(
            self._broker,
            self._requests_broker,
            Store(settings.database),
            BatchWriter(
                self._topics, settings.wards, media_folder, settings.history, settings.timezone, boxes
            ),
            Confirmations(self._topics),
            BirthRequests(self._topics, self._clock),
            PresencePublisher(self._topics, self._clock, thresholds),
            self._make_senders(searches, boxes),
            CaseKeeper(settings.wards, self._clock, searches.key),
            AvailabilityRecorder(settings.id, settings.wards),
            AlertService(settings.alerts, settings.wards, self._topics, self._clock, self._webhook),
            self._make_sweep(media_folder, first_sweep_s),
            self._central_metrics,
            self._clock,
            wake,
            history_days=settings.history.days,
            central_id=settings.id,
            exclusive_database=settings.database.embedded,
        )
        self._onvif = None if settings.onvif is None else OnvifPublisher(settings, self._clock)
        database, appearance = settings.database, settings.journeys.appearance
        self._embedder = PictureEmbedder(appearance, database, settings.wards, settings.id, self._clock)
        self._supervisor = Supervisor()

    def _make_senders(self, searches: SearchSender, boxes: BoxesFile) -> CommandSenders:
        wards = self._settings.wards
        return CommandSenders(
            RequestSender(self._topics, wards, self._clock),
            searches,
            RehearsalSender(searches, self._clock),
            RuleRequests(self._topics, self._clock, searches),
            ClaimPublisher(self._topics, wards, self._sheet(), boxes),
        )

    def _sheet(self) -> FleetSheet:
        console = self._settings.console
        return FleetSheet(*(None, None) if console is None else (console.sites_file, console.wards_file))

    def _make_sweep(self, media_folder: MediaFolder, first_sweep_s: float) -> RetentionSweep:
        settings = self._settings
        return RetentionSweep(
            settings.retention,
            media_folder,
            self._clock,
            first_after_s=first_sweep_s,
            # Several centres on a server may share a database, but each centre has a media folder of its own.
            media_of=None if settings.database.embedded else settings.wards,
            now_ms=self._clock.deletions_ms,
            search_days=settings.search_days,
            case_days=settings.cases.days,
            central_id=settings.id,
        )

    def _connect_requests(self, wake: threading.Event) -> CentralBrokerSession:
        """Return the session for the console's requests: separate with ``requests:``, else the ingest's."""
        settings = self._settings
        if settings.requests is None:
            return self._broker
        user = settings.requests.id
        return CentralBrokerSession(settings.requests_mqtt, user, (), None, self._clock, wake.set)

    def run(self) -> int:
        """Run until the stop event. Return 0 after a requested stop, 1 when the ingest thread cannot be
        kept alive. Raises CentralError."""
        with _single_instance(self._settings.state_dir):
            return self._run()

    def _run(self) -> int:
        for line in self._settings.warnings:
            log.warning("%s", line)
        wards = ", ".join(self._settings.wards)
        log.info("edge-agent %s central started as %s for %s", __version__, self._settings.id, wards)
        if self._metrics_server is not None:
            self._metrics_server.start()
        self._ingest.loop.start()
        self._supervisor.watch(self._ingest.loop)
        self._embedder.loop.start()  # not supervised: the centre also runs without it
        if self._console is not None:
            self._console.start()
        if self._webhook is not None:
            self._webhook.loop.start()
            self._supervisor.watch(self._webhook.loop)
        if self._onvif is not None:
            self._onvif.loop.start()
            self._supervisor.watch(self._onvif.loop)
        self._systemd.ready("started")
        fatal = self._supervise()
        self._shut_down(fatal)
        return 0 if fatal is None else 1

    def _supervise(self) -> str | None:
        while not self._stop.wait(TICK_S):
            fatal = self._supervisor.check()
            if fatal is not None:
                log.critical("stopping the centre: %s", fatal)
                return fatal
            if self._supervisor.all_progressing():
                self._systemd.watchdog()
            if self._console is not None:
                self._console.check()
            broker = "connected" if self._broker.online else "not connected"
            self._systemd.status(f"broker {broker}, {self._ingest.problem or 'storing'}")
        return None

    def _shut_down(self, fatal: str | None) -> None:
        self._systemd.stopping()
        if self._console is not None:
            self._console.stop()
        self._ingest.stop()
        self._embedder.loop.stop()
        if self._webhook is not None:
            self._webhook.stop()
        if self._onvif is not None:
            self._onvif.stop()
        ended = self._ingest.loop.join(STOP_WITHIN_S)
        final_state = None
        if fatal is None and ended:
            final_state = self._state_message(self._broker.session, "stopped")
        if self._metrics_server is not None:
            self._metrics_server.stop()
        if self._requests_broker is not self._broker:
            self._requests_broker.close(None, 0.3)
        self._broker.close(final_state, CLOSE_TIMEOUT_S)
        if self._console is not None:
            self._console.join(CONSOLE_STOP_S)
        if self._onvif is not None:
            self._onvif.loop.join(CLOSE_TIMEOUT_S)
        self._embedder.loop.join(CLOSE_TIMEOUT_S)
        log.info("the centre has stopped")

    def _make_metrics_server(self, listen: ListenAddress) -> MetricsServer:
        # prometheus_client is imported only when metrics are configured.
        from edge_central.metrics.server import IngestHealth, MetricsServer

        def ingest_health() -> IngestHealth:
            waiting = None if self._webhook is None else self._webhook.waiting
            return IngestHealth(self._broker.online, self._ingest.problem is None, waiting)

        sheet = self._sheet()
        wards, metrics = self._settings.wards, self._central_metrics
        return MetricsServer(listen, metrics, ingest_health, wards, self._clock, sheet.names)

    def _state_message(self, session: str, kind: CentralStateKind) -> MqttMessage:
        """Return the retained state message: ``degraded``, not ``online``, while nothing can be stored."""
        problem = self._ingest.problem
        reasons = {"online": "connected", "stopped": "stopped", "offline": "connection lost"}
        value, reason = kind, reasons[kind]
        if kind == "online" and problem is not None:
            value, reason = "degraded", problem
        state = CentralState(
            state=value, session=session, time=rfc3339(self._clock.now()), reason=reason, version=__version__
        )
        return MqttMessage(self._topics.state, encode_json(state), retain=True)


def _search_key(settings: CentralSettings) -> Ed25519PrivateKey | None:
    """Return the key that signs searches; None: ``search`` is not configured. Raises CentralError."""
    if settings.search is None:
        return None
    try:
        return read_private(settings.search.key_file)
    except (OSError, KeyUnusable) as error:
        raise CentralError(f"search.key_file: {error}; nothing was started") from error


@contextlib.contextmanager
def _single_instance(state_dir: Path) -> Iterator[None]:
    """Lock the state directory for one centre: two centres with one client id would end each other's broker
    session again and again. The kernel releases the lock when the process ends."""
    try:
        state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise CentralError(
            f"state_dir {state_dir} cannot be used: {error.strerror}; nothing was started"
        ) from error
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context((state_dir / "central.lock").open("a", encoding="ascii"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CentralError(
                f"state_dir {state_dir}: another centre uses it; nothing was started"
            ) from error
        except OSError as error:  # a full disk does not mean a second centre; the ingest reports it
            log.warning("cannot lock state_dir %s: %s; starting without the lock", state_dir, error.strerror)
        yield
