"""The configuration, field by field: the one table behind validation and the reference.

A new key is one line here and one in ``settings.py``; a new section is one ``Section`` and one
field that holds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.config import tree
from edge_agent.config.addresses import BrokerAddress, CameraAddress, CameraUrl
from edge_agent.config.kinds import (
    Choice,
    Flag,
    Number,
    PasswordFile,
    PathKind,
    PolygonKind,
    ReadableFile,
    Size,
    Text,
    TimeZone,
    identifier,
    text_of,
)
from edge_agent.config.settings import (
    Analyse,
    Camera,
    Delivery,
    Detector,
    Gateway,
    Mqtt,
    Outbox,
    Report,
    SnapshotPolicy,
)
from edge_agent.config.spec import (
    Field,
    ListOf,
    Reading,
    Refused,
    Reload,
    ScalarKind,
    Section,
    Values,
    plain,
)
from edge_agent.config.words import did_you_mean, shown
from edge_agent.model import GROUP_OF_LABEL
from edge_agent.secrets import Credentials

RESERVED_CAMERA_IDS = ("gateway",)
"""``up/event/gateway`` carries what concerns the whole box."""

_PASSWORD_ADVICE = MappingProxyType(
    {
        key: "a password does not stand in this file: put it into a file of its own and name that in password_file"
        for key in ("password", "pass", "passwd", "pwd")
    }
)


@dataclass(frozen=True)
class ModelName(ScalarKind):
    """A detector by name, or a model file."""

    names = ("auto", "hog", "none")

    def describe(self) -> str:
        return "auto, hog, none or the path of a .tflite file"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> str:
        text = text_of(scalar, self.describe())
        if text in self.names:
            return text
        if not text.endswith(".tflite") or "\0" in text:
            raise Refused(f"must be {self.describe()}, not {shown(text)}{did_you_mean(text, self.names)}")
        path = reading.files.base / text
        if reading.files.required and not path.is_file():
            reading.warn(scalar.place, f"there is no file {path}; the agent would run without it")
        return str(path)


def _gateway(values: Values) -> Gateway:
    return Gateway(**values.found | {"name": values["name"] or values["id"]})


GATEWAY = Section(
    "gateway",
    "Who this box is.",
    (
        Field("id", identifier(), "the gateway's id: also MQTT client id, certificate CN and broker user"),
        Field("ward", identifier(), "the ward it stands in; a level of every topic"),
        Field("name", Text(), "a name for humans", "", "the id"),
        Field(
            "timezone",
            TimeZone(),
            "time zone of the site, for schedules and daily counts; the box itself may run in UTC",
            ZoneInfo("Asia/Ho_Chi_Minh"),
            "Asia/Ho_Chi_Minh",
        ),
    ),
    _gateway,
)


def _check_login(values: Values) -> None:
    if values.given("username") and not values.given("password_file"):
        values.reading.refuse(values.key_place("username"), "username needs password_file beside it")
    if values.given("password_file") and not values.given("username"):
        values.reading.refuse(values.key_place("password_file"), "password_file needs username beside it")


def _login(values: Values) -> Credentials | None:
    if not values.given("username"):
        return None
    return Credentials(values["username"], values["password_file"])


_USERNAME = Field("username", Text("a user name"), "user name; needs password_file", None, "none")
_PASSWORD_FILE = Field(
    "password_file",
    PasswordFile(),
    "file whose one line is the password; a relative path is looked for in systemd's "
    "$CREDENTIALS_DIRECTORY, then beside the configuration file",
    None,
    "none",
)


def _check_mqtt(values: Values) -> None:
    _check_login(values)
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if values.given(one) and not values.given(other):
            values.reading.refuse(values.key_place(one), f"{one} needs {other} beside it")
    brokers = values.valid("brokers") or ()
    if brokers and not any(b.tls for b in brokers):
        for key in ("ca_file", "cert_file"):
            if values.given(key):
                values.warn(key, f"{key} is not used: no broker has an mqtts:// address")
    local = ("localhost", "127.0.0.1", "::1")
    if values.given("username") and any(not b.tls and b.host not in local for b in brokers):
        values.warn("brokers", "mqtt:// sends the password unencrypted; use mqtts:// outside a lab")


def _mqtt(values: Values) -> Mqtt:
    fields = {k: v for k, v in values.found.items() if k not in ("username", "password_file")}
    return Mqtt(**fields, credentials=_login(values))


MQTT = Section(
    "mqtt",
    "The broker, and how to get there.",
    (
        Field(
            "brokers",
            ListOf(BrokerAddress(), "broker addresses", least=1, most=8, unique=True),
            "addresses, tried in turn: mqtts://host[:8883], or mqtt://host[:1883] in a lab",
        ),
        Field(
            "root",
            Text("a topic", 64, r"[^/+#$\s\x00-\x1f][^/+#\s\x00-\x1f]*(/[^/+#\s\x00-\x1f]+)*", "levels a/b without +, # or spaces"),
            "first levels of every topic",
            "tb/v1",
        ),
        Field("ca_file", ReadableFile("a CA certificate file"), "CA that signed the broker's certificate", None, "the system's trust store"),
        Field("cert_file", ReadableFile("a certificate file"), "client certificate; its CN is the gateway's id", None, "none"),
        Field("key_file", ReadableFile("a key file"), "private key of cert_file", None, "none"),
        _USERNAME,
        _PASSWORD_FILE,
        Field("delivery", Choice(tuple(Delivery), Delivery), "when an event counts as delivered: on the broker's PUBACK, or on the central ingest's confirmation", Delivery.BROKER),
        Field("spread_s", Number(0, 3600, "seconds"), "longest random wait before the first connect, so that a ward's boxes do not come back all at once; 0 in a lab", 30.0),
    ),
    _mqtt,
    _check_mqtt,
    _PASSWORD_ADVICE,
)  # fmt: skip

OUTBOX = Section(
    "outbox",
    "Events that wait for delivery.",
    (Field("max_bytes", Size(10**6, 10**12), "space on disk; when full, the lowest priority goes first", 256 * 10**6),),
    plain(Outbox),
)  # fmt: skip

LABELS = ListOf(Choice(tuple(GROUP_OF_LABEL)), "class labels", least=1, unique=True)

DETECTOR_FIELDS = (
    Field("threads", Number(1, 16, whole=True), "threads of one inference", None, "from the profile"),
    Field("budget_per_s", Number(0.1, 1000, "inferences a second"), "inferences a second for all cameras together", None, "from the profile"),
    Field("delegate", Text("a library name", 255), "library of an external delegate, such as libedgetpu.so.1; without it inference runs on the CPU", None, "from the profile"),
)  # fmt: skip

DETECTOR = Section(
    "detector",
    "What gives objects their names.",
    (
        Field("model", ModelName(), "auto takes an installed model, else hog", "auto"),
        Field("labels", LABELS, "classes that count; everything else the model knows is ignored", tuple(GROUP_OF_LABEL), "all six"),
        Field("min_score", Number(0.01, 1), "lowest score of a detection; lower finds more and errs more", 0.5),
        *DETECTOR_FIELDS,
    ),
    plain(Detector),
)  # fmt: skip

ANALYSE = Section(
    "analyse",
    "How closely the pictures are looked at.",
    (
        Field("fps", Number(0.1, 60, "pictures a second"), "pictures a second that are analysed; faster things need more, and CPU grows with it", 5.0),
        Field("width", Number(160, 3840, "pixels", whole=True), "width the analysis works at; a picture is never enlarged to it", 640),
    ),
    plain(Analyse),
)  # fmt: skip

REPORT = Section(
    "report",
    "What is sent: an ordinary street has 10,000 objects a day, and a site may hang on a SIM card.",
    (
        Field("objects", Flag(), "an event for each confirmed object", False),
        Field("counts_s", Number(1, 86400, "seconds", or_zero=True), "new objects per class, this often; 0: none", 60.0),
        Field("snapshots", Choice(tuple(SnapshotPolicy), SnapshotPolicy, no="none"), "pictures of rule events only, of all objects, or none", SnapshotPolicy.RULES),
    ),
    plain(Report),
)  # fmt: skip


def _check_camera(values: Values) -> None:
    url: CameraUrl | None = values.valid("url")
    if url is not None and url.credentials is not None and values.given("username"):
        values.reading.refuse(
            values.key_place("username"), "the url has a user part already; leave one of the two out"
        )
    elif url is not None and values.given("username") and not re.match(r"rtsps?:|https?:", url.url):
        values.reading.refuse(
            values.key_place("username"), "a file or V4L2 device has no user; leave this out"
        )
    _check_login(values)


def _camera(values: Values) -> Camera:
    url: CameraUrl = values["url"]
    keep: dict[str, Any] = {k: values[k] for k in ("id", "analyse", "report", "masks", "privacy_masks")}
    return Camera(url=url.url, credentials=url.credentials or _login(values), **keep)


_MASKS = ListOf(PolygonKind(), "polygons")

CAMERA = Section(
    "camera",
    "One camera. The id names it in every topic and event.",
    (
        Field("id", identifier(RESERVED_CAMERA_IDS), "the camera's id, unique in this gateway"),
        Field("url", CameraAddress(), "the sub stream: rtsp(s)://, http(s):// (MJPEG), a file path, v4l2:/dev/video0"),
        _USERNAME,
        _PASSWORD_FILE,
        Field("analyse", ANALYSE, ANALYSE.doc, {}),
        Field("report", REPORT, REPORT.doc, {}),
        Field("masks", _MASKS, "areas that are not looked at, such as the burnt-in clock: polygons in 0..1, origin top left", ()),
        Field("privacy_masks", _MASKS, "areas that are blacked out before anything leaves the box", ()),
    ),
    _camera,
    _check_camera,
    _PASSWORD_ADVICE,
)  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """The merged configuration as read; ``loader.py`` makes Settings of it."""

    gateway: Gateway
    profile: str
    state_dir: Path
    heartbeat_s: float
    mqtt: Mqtt
    outbox: Outbox
    detector: Detector
    cameras: tuple[Camera, ...]


def _check_root(values: Values) -> None:
    if values.valid("cameras") == ():
        values.warn("cameras", "there is no camera in this list: the gateway reports its own health only")


PROFILE_NAME = Text(
    "the name of a profile", 63, r"[A-Za-z0-9_.-]+", "a file name in firmware_profiles/ without .yaml"
)

ROOT = Section(
    "the configuration",
    "One gateway.",
    (
        Field("gateway", GATEWAY, GATEWAY.doc),
        Field("profile", PROFILE_NAME, "the board: auto recognises it, or a file name in firmware_profiles/ without .yaml", "auto"),
        Field("state_dir", PathKind("a directory"), "outbox, snapshots and learned backgrounds", Path("/var/lib/edge-agent")),
        Field("heartbeat_s", Number(1, 3600, "seconds"), "a heartbeat this often, give or take 10 %", 30.0),
        Field("mqtt", MQTT, MQTT.doc),
        Field("outbox", OUTBOX, OUTBOX.doc, {}),
        Field("detector", DETECTOR, DETECTOR.doc, {}),
        Field("cameras", ListOf(CAMERA, "cameras"), "the cameras of this gateway", reload=Reload.CAMERA),
    ),
    plain(Checked),
    _check_root,
)  # fmt: skip
