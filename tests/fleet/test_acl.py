"""The ACL generated from the inventory, at a real mosquitto with the role's configuration."""

from __future__ import annotations

import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from edge_agent import wire
from edge_central.commands.model import SIGNED_TYPES, UNSIGNED_TYPES
from fleet.__main__ import load
from tests.fleet.broker_side import OPERATOR, STARTED, FleetBroker, FleetClient, answer_of, rendered
from tests.testbed.mosquitto import wait_until

ROOT = Path(__file__).parents[2]
DT, BX = "tb/v1/de-tham/dt-001", "tb/v1/bo-xuyen/bx-001"
UP = f"{DT}/up"
BOX = "tb/v1/unclaimed/box-10000000"
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


COMMANDS = set(wire.ARGUMENTS)
CONSOLE = {"search", "passage-pictures", "passage-hold", "rehearse"} | UNSIGNED_TYPES | SIGNED_TYPES
ENDS = ("state", "birth", "heartbeat", "event/cam-1", "media/m-1", "reply/1", "part/m-1")
TOPICS = {
    *(f"{gateway}/up/{end}" for gateway in (DT, BX) for end in ENDS),
    *(f"{gateway}/down/{end}" for gateway in (DT, BX) for end in ("ack", "config")),
    *(f"{gateway}/down/cmd/{type_}" for gateway in (DT, BX) for type_ in COMMANDS),
    *(f"{BOX}/{end}" for end in ("up/claim", "up/event/cam-1", "down/answer")),
    *(f"tb/v1/central/{end}" for end in ("state", "claim/1", "onvif/de-tham/dt-001/up/x")),
    *(f"tb/v1/central/{kind}/{place[6:]}" for kind in ("alert", "presence") for place in (DT, BX)),
    *(f"tb/v1/central/onvif/{place[6:]}/onvif-ej/RuleEngine/Crossed/&cam-1/gate" for place in (DT, BX)),
    *(f"tb/v1/central/outage/{ward}" for ward in ("de-tham", "bo-xuyen")),
    *(f"homeassistant/{ward}/sensor/x/temperature/config" for ward in ("de-tham", "bo-xuyen")),
    "tb/v1/de-tham/dt-002/up/heartbeat",  # of a neighbour
    "tb/v1/bo-xuyen/dt-001/up/state",  # of itself in another ward
    "tb/v1/de-tham/dt-001/upx/state",
    "elsewhere",
    "$SYS/broker/uptime",
}
ANY, OF_DT, OF_CENTRE = "tb/v1/+/+", "tb/v1/de-tham/+", "tb/v1/central"
OF_HA = ("state", "heartbeat", "event/+")
WRITES: dict[str, set[str]] = {
    "dt-001": {f"{UP}/#"},
    "bx-001": {f"{BX}/up/#"},
    # Its certificate sends no command, and speaks for no gateway.
    "central": {f"{ANY}/down/ack", f"{ANY}/down/cmd/rebirth", f"{ANY}/down/cmd/rules", f"{OF_CENTRE}/#"},
    # It carries also what operators sign, which gateways refuse unsigned. Nothing of it reboots, updates or
    # configures a gateway.
    "central-console": {f"{ANY}/down/cmd/{each}" for each in CONSOLE},
    "central-learning": {f"{ANY}/down/cmd/passage-times"},
    "central-onvif": {f"{OF_CENTRE}/onvif/+/+/onvif-ej/#"},
    "op-city": {f"{ANY}/down/cmd/+"},
    "op-dt": {f"{OF_DT}/down/cmd/+"},
    OPERATOR: {f"{ANY}/{end}" for end in ("up/state", "up/birth", "down/config", "down/cmd/+")},
    "enrol-2026-11": {"tb/v1/unclaimed/+/up/claim"},
    "fleet-claims": {"tb/v1/unclaimed/+/down/answer"},
    "ha-dt-setup": {"homeassistant/de-tham/#"},
    "ha-bx-setup": {"homeassistant/bo-xuyen/#"},
    # Readers, and certificates that the inventory does not name.
    **{user: set() for user in ("ward-dt", "ward-bx", "vms-dt", "vms-city", "ha-dt", "ha-bx")},
    **{user: set() for user in ("dt-999", "enrol-2026-11x")},
}
SHOWN = {"up/state", "up/birth", "up/heartbeat", "up/reply/+"}
READS: dict[str, set[str]] = {
    # What a gateway is sent has upload addresses and whole configurations: no other reads it.
    "dt-001": {f"{DT}/down/#"},
    "bx-001": {f"{BX}/down/#"},
    "central": {f"{ANY}/up/#", "tb/v1/unclaimed/+/down/answer"},
    "central-learning": {f"{ANY}/up/reply/+"},
    "op-city": {f"{ANY}/{end}" for end in SHOWN} | {f"{OF_CENTRE}/presence/+/+"},
    "op-dt": {f"{OF_DT}/{end}" for end in SHOWN} | {f"{OF_CENTRE}/presence/de-tham/+"},
    OPERATOR: {f"{ANY}/{end}" for end in SHOWN | {"down/config"}},
    "enrol-2026-11": {"tb/v1/unclaimed/+/down/answer"},
    "fleet-claims": {f"{OF_CENTRE}/claim/+"},
    "ha-dt": {"homeassistant/de-tham/#", *(f"{OF_DT}/up/{end}" for end in OF_HA)},
    "ha-bx": {"homeassistant/bo-xuyen/#", *(f"tb/v1/bo-xuyen/+/up/{end}" for end in (*OF_HA, "media/+"))},
    "ha-bx-setup": {"homeassistant/bo-xuyen/#", "tb/v1/bo-xuyen/+/up/birth"},
    "ha-dt-setup": {"homeassistant/de-tham/#", f"{OF_DT}/up/birth"},
    "vms-dt": {f"{OF_CENTRE}/onvif/de-tham/+/onvif-ej/#"},
    "vms-city": {f"{OF_CENTRE}/onvif/+/+/onvif-ej/#"},
}
for user, ward in (("ward-dt", "de-tham"), ("ward-bx", "bo-xuyen")):
    READS[user] = {f"tb/v1/{ward}/+/up/#", f"{OF_CENTRE}/outage/{ward}"}
    READS[user] |= {f"{OF_CENTRE}/{kind}/{ward}/#" for kind in ("alert", "presence")}


def matching(filters: Iterable[str]) -> set[str]:
    return {topic for topic in TOPICS if any(topic_matches_sub(each, topic) for each in filters)}


@pytest.mark.parametrize("user", WRITES)
def test_a_user_writes_only_what_it_needs(broker: FleetBroker, user: str) -> None:
    with FleetClient(broker, user) as client:
        assert client.write(TOPICS, b"{}") == matching(WRITES[user])


def test_a_user_reads_only_what_it_needs_live_and_retained(broker: FleetBroker) -> None:
    with connected(broker) as clients:
        write(clients, b"retained", retain=True)
    with connected(broker) as clients:
        write(clients, b"live")
        written = write(clients, b"last")  # whatever else a user gets has come before it
        for user, client in clients.items():
            wanted = written & matching(READS.get(user, ()))
            client.wait_for(lambda: client.heard(b"last") >= wanted)  # noqa: B023 - waits at once
            assert client.heard() == wanted, user


@contextmanager
def connected(broker: FleetBroker) -> Iterator[dict[str, FleetClient]]:
    with ExitStack() as stack:
        yield {
            user: stack.enter_context(FleetClient(broker, user, "#", "$SYS/#", f"$share/of-{user}/#"))
            for user in WRITES
        }


def write(clients: Mapping[str, FleetClient], payload: bytes, *, retain: bool = False) -> set[str]:
    """Each user writes what it may; return the topics."""
    sent = [client.write(matching(WRITES[user]), payload, retain=retain) for user, client in clients.items()]
    return set().union(*sent)


def test_a_last_will_speaks_for_nobody_else(broker: FleetBroker) -> None:
    with FleetClient(broker, "central", f"{ANY}/up/#") as centre:
        for topic, text in ((f"{BX}/up/state", "will-for-bx"), (f"{UP}/state", "will-for-dt")):
            will = ("--will-topic", topic, "--will-payload", text, "--will-qos", "1")
            command = broker.client("mosquitto_sub", "dt-001", "-t", f"{DT}/down/#", "-d", *will)
            with subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert any("Subscribed" in line or "CONNACK" in line for line in process.stdout)
                process.kill()
        centre.wait_for(lambda: bool(centre.heard(b"will-for-dt")))
        assert not centre.heard(b"will-for-bx")


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


def test_a_centre_without_a_user_for_its_console_sends_clips_itself(tmp_path: Path) -> None:
    """As before, and if the centre's certificates come from another CA."""
    alone = FleetBroker(tmp_path, {"dt-001": "de-tham"}, users={"broker_console_users": []})
    with alone, FleetClient(alone, "central") as centre:
        taken = centre.write((f"{DT}/down/cmd/{type_}" for type_ in COMMANDS), b"{}")
    assert taken == {f"{DT}/down/cmd/{type_}" for type_ in CONSOLE | {"rebirth", "rules"}}


@pytest.mark.parametrize("trust", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("login", [(), ("-u", "dt-001", "-P", "x")], ids=["nobody", "a password"])
def test_nobody_comes_in_without_a_certificate(
    broker: FleetBroker, login: tuple[str, ...], trust: bool
) -> None:
    options = (*(("--cafile", broker.ca) if trust else ()), *login)
    address = ("-h", "127.0.0.1", "-p", str(broker.port))
    assert answer_of("mosquitto_pub", *address, "-t", f"{UP}/state", "-m", "x", "-q", "1", *options).code != 0


def test_nobody_ends_anothers_session_by_taking_its_client_id(broker: FleetBroker) -> None:
    with FleetClient(broker, "dt-004") as client:
        broker.run("mosquitto_pub", "bx-003", "-i", "dt-004", "-t", "tb/v1/bo-xuyen/bx-003/up/state", "-n")
        broker.publish("central", "tb/v1/de-tham/dt-004/down/ack", "still-here")
        client.wait_for(lambda: bool(client.heard(b"still-here")))
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
        FleetClient(small, "dt-001"),
        FleetClient(small, "dt-002") as second,
    ):
        assert small.publish("dt-003", "tb/v1/de-tham/dt-003/up/state").code != 0
        config = ("-q", "1", "-t", "tb/v1/de-tham/dt-002/down/config", "-m", "still in")
        assert small.run("mosquitto_pub", OPERATOR, *config, port=small.operator_port).code == 0
        second.wait_for(lambda: bool(second.heard(b"still in")))


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
    others = {OPERATOR, "central", "central-console", *gateways}
    wards = {name: ward for name, ward in users if name not in others}
    for name in wards.keys() - {name for name, _ in users if [n for n, _ in users].count(name) > 1}:
        below = (wards[name], *(f"central/{kind}/{wards[name]}" for kind in ("alert", "presence", "outage")))
        assert all(right.startswith(tuple(f"read tb/v1/{each}" for each in below)) for right in rights[name])
