"""The ACL generated from the inventory, at a real mosquitto with the role's configuration."""

from __future__ import annotations

import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_central.commands.model import SIGNED_TYPES, UNSIGNED_TYPES
from fleet.__main__ import load
from tests.fleet.broker_side import OPERATOR, STARTED, FleetBroker, rendered
from tests.testbed.mosquitto import wait_until

ROOT = Path(__file__).parents[2]
UP = "tb/v1/de-tham/dt-001/up"
REFUSED = "Not authorized"


def inventory() -> dict[str, str]:
    """Gateway to ward, of the example sheet."""
    folder = ROOT / "ansible/inventory"
    sites, _ = load(folder / "sites.example.csv", folder / "wards.csv", ROOT / "firmware_profiles")
    return {site.id: site.ward for site in sites}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetBroker]:
    users = [{"name": "ward-dt", "ward": "de-tham"}, {"name": "ward-bx", "ward": "bo-xuyen"}]
    operators = [{"name": "op-city"}, {"name": "op-dt", "ward": "de-tham"}]
    folder = tmp_path_factory.mktemp("fleet")
    more = {
        "broker_operators": operators,
        "broker_learning_users": ["central-learning"],
        "broker_home_assistants": [
            {"name": "ha-dt", "announcer": "ha-dt-setup", "ward": "de-tham"},
            {"name": "ha-bx", "announcer": "ha-bx-setup", "ward": "bo-xuyen", "pictures": True},
        ],
        "broker_onvif_users": ["central-onvif"],
        "broker_enrolment_batches": ["2026-11"],
        "broker_claims_users": ["fleet-claims"],
        "broker_onvif_readers": [{"name": "vms-dt", "ward": "de-tham"}, {"name": "vms-city"}],
    }
    with FleetBroker(folder, inventory(), users, more) as started:
        yield started


@contextmanager
def listening(broker: FleetBroker, name: str, folder: Path, *topics: str) -> Iterator[Path]:
    """Yield the file with a subscriber's messages, after the broker has accepted its subscription."""
    out = folder / f"{name}.out"
    wanted = [word for topic in topics for word in ("-t", topic)]
    with out.open("w") as target:
        process = subprocess.Popen(
            ["stdbuf", "-oL", *broker.client("mosquitto_sub", name, "-q", "1", "-d", "-v", *wanted)],
            stdout=target,
        )
    try:
        wait_until(lambda: "Subscribed" in out.read_text(), what=f"subscription of {name}")
        yield out
    finally:
        process.kill()
        process.wait(10)


def test_a_gateway_writes_its_own_topics(broker: FleetBroker) -> None:
    for end in ("state", "heartbeat", "event/cam-1", "media/x", "reply/1", "part/x"):
        answer = broker.publish("dt-001", f"{UP}/{end}")
        assert answer.code == 0, answer.err
        assert REFUSED not in answer.err


@pytest.mark.parametrize(
    "topic",
    [
        "tb/v1/de-tham/dt-002/up/heartbeat",  # a neighbour
        "tb/v1/bo-xuyen/bx-001/up/state",  # another ward
        "tb/v1/bo-xuyen/dt-001/up/state",  # itself in another ward
        "tb/v1/de-tham/dt-001/down/config",  # its own commands
        "tb/v1/de-tham/dt-002/down/cmd/reboot",  # another's commands
        "tb/v1/de-tham/dt-001/upx/state",
        "tb/v1/central/state",
        "elsewhere",
        "$SYS/broker/uptime",
    ],
)
def test_a_gateway_cannot_write_anything_else(broker: FleetBroker, topic: str) -> None:
    answer = broker.publish("dt-001", topic)
    assert REFUSED in answer.err, answer


def test_a_gateway_reads_its_own_commands_and_nobody_elses(broker: FleetBroker, tmp_path: Path) -> None:
    with listening(broker, "dt-003", tmp_path, "#", "tb/v1/+/+/down/#", "$SYS/#") as out:
        broker.publish(OPERATOR, "tb/v1/de-tham/dt-002/down/cmd/reboot", "for-dt-002")
        broker.publish("dt-002", "tb/v1/de-tham/dt-002/up/event/cam-1", "event-of-dt-002")
        broker.publish(OPERATOR, "tb/v1/de-tham/dt-003/down/cmd/reboot", "for-dt-003")
        wait_until(lambda: "for-dt-003" in out.read_text(), what="the own command")
        assert "dt-002" not in out.read_text()
        assert "$SYS/broker" not in out.read_text()


def test_a_user_of_de_tham_receives_nothing_of_bo_xuyen(broker: FleetBroker, tmp_path: Path) -> None:
    wide = ("#", "tb/v1/bo-xuyen/#", "tb/v1/+/+/up/#")
    with (
        listening(broker, "ward-dt", tmp_path, *wide) as out,
        listening(broker, "ward-bx", tmp_path, "#") as bx,
    ):
        broker.publish("bx-001", "tb/v1/bo-xuyen/bx-001/up/state", "state-of-bx", retain=True)
        broker.publish("bx-001", "tb/v1/bo-xuyen/bx-001/up/event/cam-1", "event-of-bx")
        broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
        wait_until(lambda: "event-of-dt" in out.read_text(), what="the own ward's event")
        wait_until(lambda: "event-of-bx" in bx.read_text(), what="the other ward's event at its own user")
        assert "-of-bx" not in out.read_text()
    with listening(broker, "ward-dt", tmp_path, "#") as again:  # retained messages are filtered too
        broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
        wait_until(lambda: "event-of-dt" in again.read_text(), what="the own ward's event")
        assert "-of-bx" not in again.read_text()


def test_a_wards_user_hears_what_the_centre_tells_of_his_ward_only(
    broker: FleetBroker, tmp_path: Path
) -> None:
    with (
        listening(broker, "ward-dt", tmp_path, "tb/v1/central/#", "tb/v1/central/alert/bo-xuyen/#") as out,
        listening(broker, "ward-bx", tmp_path, "tb/v1/central/#") as bx,
    ):
        broker.publish(
            "central", "tb/v1/central/alert/bo-xuyen/bx-001/tamper/cam-1", "alert-of-bx", retain=True
        )
        broker.publish("central", "tb/v1/central/outage/bo-xuyen", "outage-of-bx")
        wait_until(lambda: "outage-of-bx" in bx.read_text(), what="the other ward's outage at its own user")
        broker.publish("central", "tb/v1/central/presence/de-tham/dt-001", "presence-of-dt")
        broker.publish("central", "tb/v1/central/alert/de-tham/dt-001/disk", "alert-of-dt")
        wait_until(lambda: "alert-of-dt" in out.read_text(), what="the own ward's alert")
        assert "presence-of-dt" in out.read_text()
        assert "-of-bx" not in out.read_text()
        assert "alert-of-bx" in bx.read_text()
    for user in ("ward-dt", "dt-001"):
        assert REFUSED in broker.publish(user, "tb/v1/central/alert/de-tham/dt-001/disk").err


@pytest.mark.parametrize("topic", [f"{UP}/state", "tb/v1/de-tham/dt-001/down/config", "tb/v1/central/state"])
def test_a_wards_user_writes_nothing(broker: FleetBroker, topic: str) -> None:
    assert REFUSED in broker.publish("ward-dt", topic).err


def test_the_centre_reads_all_wards(broker: FleetBroker, tmp_path: Path) -> None:
    with listening(broker, "central", tmp_path, "tb/v1/+/+/up/#") as out:
        broker.publish("bx-002", "tb/v1/bo-xuyen/bx-002/up/event/cam-1", "event-of-bx")
        broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
        broker.publish("dt-001", f"{UP}/part/m-1", "event-of-dt-in-parts")
        wait_until(lambda: out.read_text().count("event-of-") == 3, what="both wards' events, and a part")


def test_no_way_round_the_acl_leads_a_wards_user_to_another_ward(broker: FleetBroker, tmp_path: Path) -> None:
    """Shared subscriptions, topics of the centre, commands: none of them gives access to Bồ Xuyên."""
    ways = (
        "$share/all/tb/v1/bo-xuyen/#",
        "$share/all/#",
        "tb/v1/central/#",
        "+/+/bo-xuyen/#",
        "tb/v1/+/+/down/#",
    )
    with listening(broker, "ward-dt", tmp_path, "tb/v1/de-tham/#", *ways) as out:
        broker.publish("bx-001", "tb/v1/bo-xuyen/bx-001/up/birth", "birth-of-bx", retain=True)
        broker.publish(OPERATOR, "tb/v1/bo-xuyen/bx-001/down/cmd/restart", "command-of-bx")
        broker.publish("central", "tb/v1/central/presence/bo-xuyen/bx-001", "presence-of-bx", retain=True)
        broker.publish("central", "tb/v1/central/outage/bo-xuyen", "outage-of-bx", retain=True)
        broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
        wait_until(lambda: "event-of-dt" in out.read_text(), what="the own ward's event")
        assert "-of-bx" not in out.read_text()


def test_a_last_will_speaks_for_nobody_else(broker: FleetBroker, tmp_path: Path) -> None:
    with listening(broker, "central", tmp_path, "tb/v1/+/+/up/#") as out:
        for topic, text in (
            ("tb/v1/bo-xuyen/bx-002/up/state", "will-for-bx"),
            (f"{UP}/state", "will-for-dt"),
        ):
            will = ("--will-topic", topic, "--will-payload", text, "--will-qos", "1")
            command = broker.client(
                "mosquitto_sub", "dt-001", "-t", "tb/v1/de-tham/dt-001/down/#", "-d", *will
            )
            process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            assert any("Subscribed" in line or "CONNACK" in line for line in process.stdout)
            process.kill()
            process.wait(10)
            process.stdout.close()
        wait_until(lambda: "will-for-dt" in out.read_text(), what="the own will")
        assert "will-for-bx" not in out.read_text()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_no_tls(broker: FleetBroker, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(broker.ca))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that the broker refuses, and not the client
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", broker.port), 20) as plain,
        pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_the_centre_cannot_speak_for_a_gateway(broker: FleetBroker) -> None:
    assert REFUSED in broker.publish("central", f"{UP}/state").err


COMMANDS = (
    *("clip", "disarm", "passage-hold", "passage-pictures", "rebirth", "rehearse", "rules", "search"),
    *(
        "passage-times",
        "set-config",
        "set-rule",
        "live-pictures",
        "snapshot",
        "status",
        "arm",
        "camera-reboot",
        "evidence-hold",
        "mask",
    ),
    *("relearn", "storm-mode", "unclaim", "reboot", "restart", "update", "collect", "model", "diagnostics"),
)
SEARCHES = {"search", "passage-pictures", "passage-hold", "rehearse"}
CONSOLE = SEARCHES | UNSIGNED_TYPES | SIGNED_TYPES
MAY_WRITE = {
    "central": {"down/ack", "down/cmd/rebirth", "down/cmd/rules"},
    "central-console": {f"down/cmd/{each}" for each in CONSOLE},
    "central-learning": {"down/cmd/passage-times"},
    "central-onvif": set(),
    "vms-dt": set(),
    "op-city": {f"down/cmd/{each}" for each in COMMANDS},
    "op-dt": {f"down/cmd/{each}" for each in COMMANDS},
    "ward-dt": set(),
    "dt-001": set(),
    "dt-002": set(),
}


@pytest.mark.parametrize("user", MAY_WRITE)
def test_each_user_sends_a_gateway_only_what_it_needs(broker: FleetBroker, user: str) -> None:
    """The centre's own certificate sends no command. That of the console may carry the ones that operators
    sign, and a gateway refuses them unsigned; nothing reboots, updates or configures a gateway."""
    ends = {"down/ack", "down/config"} | {f"down/cmd/{each}" for each in COMMANDS}
    taken = {end for end in ends if REFUSED not in broker.publish(user, f"tb/v1/de-tham/dt-001/{end}").err}
    assert taken == MAY_WRITE[user]


def test_an_operator_of_a_ward_commands_no_other_ward(broker: FleetBroker) -> None:
    assert REFUSED in broker.publish("op-dt", "tb/v1/bo-xuyen/bx-001/down/cmd/disarm").err
    assert REFUSED not in broker.publish("op-city", "tb/v1/bo-xuyen/bx-001/down/cmd/disarm").err


def test_what_a_gateway_is_sent_is_read_by_that_gateway_only(broker: FleetBroker, tmp_path: Path) -> None:
    """Commands contain upload addresses, and whole configurations."""
    readers = ("ward-dt", "central", "op-city", "op-dt", OPERATOR)
    down, secret = "tb/v1/de-tham/dt-001/down/cmd/clip", "https://upload.example/?signature=secret"
    with ExitStack() as listeners:
        outs = [
            listeners.enter_context(listening(broker, name, tmp_path, "tb/v1/de-tham/#")) for name in readers
        ]
        own = listeners.enter_context(listening(broker, "dt-001", tmp_path, "tb/v1/de-tham/dt-001/down/#"))
        broker.publish("central-console", down, secret)
        wait_until(lambda: secret in own.read_text(), what="the command at its gateway")
        broker.publish("dt-001", f"{UP}/state", "state-of-dt")
        wait_until(lambda: all("state-of-dt" in out.read_text() for out in outs), what="the state at each")
        assert not [out.name for out in outs if "secret" in out.read_text()]


def test_onvif_events_of_a_ward_are_read_by_its_reader_only(broker: FleetBroker, tmp_path: Path) -> None:
    base, event = "tb/v1/central/onvif", "onvif-ej/RuleEngine/LineDetector/Crossed/&cam-1/gate"
    with (
        listening(broker, "vms-dt", tmp_path, "#", f"{base}/bo-xuyen/#", "tb/v1/+/+/up/#") as out,
        listening(broker, "vms-city", tmp_path, f"{base}/#") as city,
        listening(broker, "ward-dt", tmp_path, "#") as ward,
    ):
        broker.publish("central-onvif", f"{base}/bo-xuyen/bx-001/{event}", "onvif-of-bx")
        broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
        broker.publish("central-onvif", f"{base}/de-tham/dt-001/{event}", "onvif-of-dt")
        wait_until(lambda: "onvif-of-dt" in out.read_text(), what="the own ward's event")
        wait_until(lambda: city.read_text().count("onvif-of-") == 2, what="the events of the city")
        wait_until(lambda: "event-of-dt" in ward.read_text(), what="the ward's own message")
        assert "-of-bx" not in out.read_text()
        assert "event-of" not in out.read_text()
        assert "onvif-of" not in ward.read_text()
    for topic in (f"{base}/de-tham/dt-001/up/x", "tb/v1/central/state", f"{UP}/state"):
        assert REFUSED in broker.publish("central-onvif", topic).err
    for user in ("vms-dt", "vms-city", "dt-001", "ward-dt"):
        assert REFUSED in broker.publish(user, f"{base}/de-tham/dt-001/{event}").err


def test_a_centre_without_a_user_for_its_console_sends_clips_itself(tmp_path: Path) -> None:
    """As before, and if the centre's certificates come from another CA."""
    with FleetBroker(tmp_path, {"dt-001": "de-tham"}, users={"broker_console_users": []}) as alone:
        topic = "tb/v1/de-tham/dt-001/down/cmd"
        for type_ in CONSOLE:
            assert REFUSED not in alone.publish("central", f"{topic}/{type_}").err
        assert REFUSED in alone.publish("central", f"{topic}/set-config").err


def test_a_box_without_a_site_claims_one_and_reads_answers_only(broker: FleetBroker, tmp_path: Path) -> None:
    own, other = (f"tb/v1/unclaimed/box-1000000{digit}" for digit in "12")
    wide = ("#", "tb/v1/+/+/up/#", "tb/v1/+/+/down/#", "tb/v1/central/#")
    with (
        listening(broker, "central", tmp_path, "tb/v1/unclaimed/+/up/claim", f"{own}/down/answer") as centre,
        listening(broker, "fleet-claims", tmp_path, *wide) as control,
    ):
        broker.publish("enrol-2026-11x", f"{other}/up/claim", "claim-of-no-batch")
        broker.publish("dt-001", f"{own}/up/claim", "claim-of-a-gateway")
        broker.publish("enrol-2026-11", f"{own}/up/claim", "a-box-says")
        wait_until(lambda: "a-box-says" in centre.read_text(), what="the claim at the centre")
        # Only now: all boxes of a batch have one client id, so publishing ends the session of a listener.
        with listening(broker, "enrol-2026-11", tmp_path, *wide) as box:
            broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
            broker.publish("central", "tb/v1/central/claim/1", "claim-at-the-centre", retain=True)
            broker.publish("fleet-claims", f"{own}/down/answer", "answer-to-box", retain=True)
            wait_until(lambda: "answer-to-box" in box.read_text(), what="the answer at the box")
            wait_until(lambda: "answer-to-box" in centre.read_text(), what="the answer at the centre")
            wait_until(lambda: "claim-at-the-centre" in control.read_text(), what="the claim at `fleet`")
            assert "event-of-dt" not in box.read_text() + control.read_text()
            assert "claim-" not in box.read_text() + centre.read_text()
            assert "answer" not in control.read_text()


def test_rights_of_claims(broker: FleetBroker) -> None:
    box = "tb/v1/unclaimed/box-10000000"
    may_write = {
        "enrol-2026-11": {f"{box}/up/claim"},
        "fleet-claims": {f"{box}/down/answer"},
        "dt-001": set(),
        "op-city": set(),
        "ward-dt": set(),
    }
    topics = {f"{box}/up/claim", f"{box}/down/answer", f"{box}/up/event/cam-1", f"{UP}/state"}
    topics |= {"tb/v1/central/claim/1", f"{UP[:-3]}/down/cmd/unclaim"}
    for user, rights in may_write.items():
        own = {f"{UP}/state"} if user == "dt-001" else set()
        own |= {f"{UP[:-3]}/down/cmd/unclaim"} if user == "op-city" else set()
        assert {t for t in topics if REFUSED not in broker.publish(user, t).err} == rights | own, user


def test_home_assistant_reads_its_own_ward_and_writes_nothing(broker: FleetBroker, tmp_path: Path) -> None:
    own, foreign = (f"homeassistant/{ward}/sensor/x/temperature/config" for ward in ("de-tham", "bo-xuyen"))
    with listening(broker, "ha-dt", tmp_path, "#") as dt, listening(broker, "ha-bx", tmp_path, "#") as bx:
        broker.publish("bx-001", "tb/v1/bo-xuyen/bx-001/up/media/m", "picture-of-bx")
        broker.publish("dt-001", f"{UP}/media/m", "picture-of-dt")
        broker.publish("dt-001", f"{UP}/birth", "birth-of-dt")
        broker.publish("ha-dt-setup", own, "announced-of-dt")
        broker.publish("dt-001", f"{UP}/event/cam-1", "event-of-dt")
        wait_until(lambda: "event-of-dt" in dt.read_text(), what="the own ward's event")
        wait_until(lambda: "picture-of-bx" in bx.read_text(), what="a picture where they are allowed")
        assert [word for word in ("picture", "birth", "-of-bx") if word in dt.read_text()] == []
        assert "announced-of-dt" in dt.read_text()
        assert "-of-dt" not in bx.read_text()
    assert REFUSED in broker.publish("ha-dt-setup", foreign).err
    for user in ("ha-dt", "ha-dt-setup", "dt-001"):
        assert REFUSED in broker.publish(user, "tb/v1/de-tham/dt-001/down/cmd/snapshot").err
    for user in ("ha-dt", "dt-001", "ward-dt"):
        assert REFUSED in broker.publish(user, own).err


def test_an_operator_hears_replies_and_confirms_nothing(broker: FleetBroker, tmp_path: Path) -> None:
    with listening(broker, OPERATOR, tmp_path, "tb/v1/+/+/up/reply/+") as out:
        broker.publish("dt-001", f"{UP}/reply/cmd-1", "reply-of-dt")
        wait_until(lambda: "reply-of-dt" in out.read_text(), what="the reply")
    assert REFUSED in broker.publish(OPERATOR, "tb/v1/de-tham/dt-001/down/ack").err


def test_nobody_comes_in_without_a_certificate(broker: FleetBroker) -> None:
    for more in ([], ["-u", "dt-001", "-P", "x"]):
        done = subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "--cafile", str(broker.ca),
             "-t", f"{UP}/state", "-m", "x", "-q", "1", *more],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode != 0
    plain = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", "x", "-m", "x", "-q", "1"]
    assert subprocess.run(plain, capture_output=True, timeout=30, check=False).returncode != 0


def test_a_certificate_of_nobody_in_the_inventory_may_do_nothing(broker: FleetBroker) -> None:
    assert REFUSED in broker.publish("dt-999", "tb/v1/de-tham/dt-999/up/state").err


def test_nobody_ends_anothers_session_by_taking_its_client_id(broker: FleetBroker, tmp_path: Path) -> None:
    with listening(broker, "dt-004", tmp_path, "tb/v1/de-tham/dt-004/down/#") as out:
        broker.run("mosquitto_pub", "bx-003", "-i", "dt-004", "-t", "tb/v1/bo-xuyen/bx-003/up/state", "-n")
        broker.publish("central", "tb/v1/de-tham/dt-004/down/ack", "still-here")
        wait_until(lambda: "still-here" in out.read_text(), what="the session that nobody may end")
    assert "Client dt-004 already connected" not in broker.log


def test_a_revoked_certificate_is_refused_after_a_restart(broker: FleetBroker) -> None:
    topic = "tb/v1/bo-xuyen/bx-017/up/state"
    assert broker.publish("bx-017", topic).code == 0
    broker.revoke(broker.issue("bx-017"))
    broker.restart()
    refused = broker.publish("bx-017", topic)
    assert refused.code != 0
    # mosquitto_pub gets its alert before the broker writes to its log.
    wait_until(lambda: "certificate" in broker.log.rpartition(STARTED)[2], what="its refusal")
    assert broker.publish("bx-016", topic.replace("bx-017", "bx-016")).code == 0, "the others still come in"


def test_a_site_that_moves_loses_its_old_topics_with_a_restart(broker: FleetBroker) -> None:
    old, new = "tb/v1/de-tham/dt-020/up/state", "tb/v1/bo-xuyen/dt-020/up/state"
    assert REFUSED not in broker.publish("dt-020", old).err
    broker.write_acl(inventory() | {"dt-020": "bo-xuyen"})
    broker.restart()
    assert REFUSED in broker.publish("dt-020", old).err
    assert REFUSED not in broker.publish("dt-020", new).err


def test_no_more_than_the_limit_come_in_and_the_operator_still_does(tmp_path: Path) -> None:
    three = {"dt-001": "de-tham", "dt-002": "de-tham", "dt-003": "de-tham"}
    with (
        FleetBroker(tmp_path, three, broker_max_connections=2) as small,
        listening(small, "dt-001", tmp_path, "tb/v1/de-tham/dt-001/down/#"),
        listening(small, "dt-002", tmp_path, "tb/v1/de-tham/dt-002/down/#") as second,
    ):
        assert small.publish("dt-003", "tb/v1/de-tham/dt-003/up/state").code != 0
        command = small.client(
            "mosquitto_pub", OPERATOR, "-q", "1", "-t", "tb/v1/de-tham/dt-002/down/config", "-m", "still in",
            port=small.operator_port,
        )  # fmt: skip
        assert subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
        wait_until(lambda: "still in" in second.read_text(), what="a message to one that was in before")


ids = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(ids, ids, max_size=6), st.lists(st.tuples(ids, ids), max_size=3))
def test_every_right_stands_below_its_user_and_names_one_ward(
    gateways: dict[str, str], users: list[tuple[str, str]]
) -> None:
    ward_users = [{"name": name, "ward": ward} for name, ward in users]
    text = rendered("acl.j2", broker_gateways=gateways, broker_ward_users=ward_users)
    rights: dict[str, set[str]] = {}
    user = None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "user":
            user = rest
        elif word == "topic":
            assert user is not None, "a right without a user would be everybody's"
            rights.setdefault(user, set()).add(rest)
        else:
            assert not line or word == "#", line
    for gateway, ward in gateways.items():
        if gateway not in {name for name, _ in users} | {OPERATOR, "central"}:
            base = f"tb/v1/{ward}/{gateway}"
            assert rights[gateway] == {f"write {base}/up/#", f"read {base}/down/#"}
    wards = {
        name: ward for name, ward in users if name not in {OPERATOR, "central", "central-console", *gateways}
    }
    for name in wards.keys() - {name for name, _ in users if [n for n, _ in users].count(name) > 1}:
        below = (wards[name], *(f"central/{kind}/{wards[name]}" for kind in ("alert", "presence", "outage")))
        assert all(right.startswith(tuple(f"read tb/v1/{each}" for each in below)) for right in rights[name])
