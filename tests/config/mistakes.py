"""One mistake or doubt in each row: its name, a configuration with ``§`` where it must be found, and the
message. One row a line, so that it reads as a table."""
# ruff: noqa: E501

from __future__ import annotations

import re
from pathlib import Path

from edge_agent.detection.choose import SHIPPED
from tests.config.places import MINIMAL, with_camera

_GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "first-site.md"
SNIPPETS = re.findall(r"```yaml\n(.*?)```", _GUIDE.read_text(encoding="utf-8"), re.DOTALL)

_YARD = "{polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1]]}"
_DOOR = "{from: [0.2, 0.5], to: [0.8, 0.5]}"
_ARROW = "arrow: {from: [0.2, 0.6], to: [0.8, 0.9]}"
_GATEWAY, _MQTT = MINIMAL.splitlines()[:2]


def _top(line: str) -> str:
    return MINIMAL + line + "\n"


def _mqtt(lines: str) -> str:
    body = "".join(f"  {line}\n" for line in lines.splitlines())
    return f"{_GATEWAY}\nmqtt:\n{body}cameras: []\n"


def _gateway(mapping: str) -> str:
    return f"gateway: {mapping}\n{_MQTT}\ncameras: []\n"


def _mask(points: str) -> str:
    return with_camera(f"url: /clip.mp4\nmasks: [{points}]")


def _zones(zones: str) -> str:
    return with_camera(f"url: /clip.mp4\nzones: {zones}")


def _rules(rules: str) -> str:
    return with_camera(f"url: /clip.mp4\nzones: {{yard: {_YARD}, gate: {_YARD}}}\nrules: {rules}")


def _rule(more: str) -> str:
    return _rules(f"[{{id: night, kind: loitering, zone: yard, {more}}}]")


def _schedule(mapping: str) -> str:
    return _rule(f"schedule: {{{mapping}}}")


def _of_kind(kind: str, more: str) -> str:
    place = "line: door" if kind == "line-crossing" else "zone: yard"
    return with_camera(
        f"url: /clip.mp4\nzones: {{yard: {_YARD}}}\nlines: {{door: {_DOOR}, gate: {_DOOR}}}\n"
        f"rules: [{{id: r, kind: {kind}, {place}, {more}}}]"
    )


def _lines(lines: str) -> str:
    return with_camera(f"url: /clip.mp4\nlines: {lines}")


def _camera(line: str) -> str:
    return with_camera(f"url: /clip.mp4\n{line}")


def _ground(mapping: str) -> str:
    return with_camera(f"url: /clip.mp4\nground: {mapping}")


_MARKS = "[[0.3, 0.9], [0.7, 0.9], [0.6, 0.5], [0.4, 0.5]]"


def _holidays(dates: str) -> str:
    return _gateway(f"{{id: a, ward: b, holidays: {dates}}}")


# fmt: off
MISTAKES = [
    # --- keys
    ("unknown key at the top", _top("§heartbeat: 30"), "(did you mean 'heartbeat_s'?)"),
    ("unknown key in a section", _top("outbox: {§max_byte: 1GB}"), "unknown key 'max_byte' in outbox (did you mean 'max_bytes'?)"),
    ("unknown key that resembles nothing", _top("§zzz: 1"), "known here: gateway, version"),
    ("unknown key deep inside", with_camera("url: /clip\nanalyse: {§fsp: 5}"), "(did you mean 'fps'?)"),
    ("a comma that splits a value", MINIMAL + "  - {id: cam-2, url: rtsp://h/a,§b}\n", "a value with a comma in it needs quotes inside { }"),
    ("password in the file", with_camera("url: rtsp://h/s\n§password: x"), "write it to a file of its own"),
    ("a date that does not exist", _top('camera_firmware: [{vendor: a, models: b, minimum_build: §"2021-02-31", why: c, source: d}]'), "this date does not exist"),
    ("the same key twice", _top("outbox: {max_bytes: 1GB, §max_bytes: 2GB}"), "appears here twice, first in line 6"),
    ("missing key", "§gateway: {id: a, ward: b}\ncameras: []\n", "has no 'mqtt'"),
    ("missing key of a camera", with_camera("analyse: {fps: 5}").replace("id: cam-1", "§id: cam-1"), "camera has no 'url'"),
    ("a key without a value", _top("heartbeat_s:§"), "has no value"),
    # --- what YAML 1.1 hides
    ("a ward called no", _gateway("{id: a, ward: §no}"), "YAML reads no as true or false: put it in quotes, 'no'"),
    ("a name that is a time", _gateway("{id: a, ward: b, name: §22:00}"), "as a number in base 60"),
    ("a name that is a date", _gateway("{id: a, ward: b, name: §2026-11-24}"), "as a date"),
    ("an id that is a number", _gateway("{id: §001, ward: b}"), "YAML reads 001 as a number: put it in quotes"),
    ("a number that is a time", _top("heartbeat_s: §22:00"), "YAML reads '22:00' in base 60"),
    ("a number with a leading zero", _top("heartbeat_s: §030"), "as octal: remove the leading zero"),
    ("snapshots: no", with_camera("url: /clip\nreport: {snapshots: §no}"), "(did you mean 'none'?)"),
    # --- types and ranges
    ("text for a number", _top("heartbeat_s: §often"), "must be a number from 1 to 3600 seconds, not 'often'"),
    ("quoted number", _top('heartbeat_s: §"30"'), "remove the quotes"),
    ("not a number", _top("heartbeat_s: §.nan"), "not '.nan'"),
    ("out of range", _top("heartbeat_s: §0"), "from 1 to 3600 seconds, not '0'"),
    ("a fraction of a thread", _top("detector: {threads: §1.5}"), "a whole number from 1 to 16"),
    ("a list for a value", _top("heartbeat_s: §[30]"), "not a list"),
    ("a value for a section", _top("outbox: §256MB"), "must be a mapping (max_bytes), not a single value"),
    ("a value for a list", _mqtt("brokers: §mqtts://h"), "write [ … ] around it"),
    ("counts below a second", with_camera("url: /clip\nreport: {counts_s: §0.5}"), "0 or a number from 1"),
    ("a flag that is a word", with_camera("url: /clip\nreport: {objects: §maybe}"), "must be true or false"),
    ("a size without a unit we know", _top("outbox: {max_bytes: §256XB}"), "such as 256MB, not '256XB'"),
    ("a size that is too small", _top("outbox: {max_bytes: §256kB}"), "from 1MB to 1TB"),
    # --- names
    ("an id with capitals", _gateway("{id: §DT_001, ward: b}"), "and -, not 'DT_001' (did you mean 'dt-001'?)"),
    ("an id in Vietnamese", _rules("[{id: §Cổng Đông_1, kind: loitering, zone: yard}]"), "(did you mean 'cong-dong-1'?)"),
    ("an id of 64 characters", _gateway("{id: §" + "a" * 64 + ", ward: b}"), "at most 63 characters"),
    ("the reserved camera id", with_camera("url: /clip").replace("cam-1", "§gateway"), "'gateway' is reserved"),
    ("the same camera twice", with_camera("url: /clip") + "  - {id: §cam-1, url: /clip}\n", "appears in this file twice, first in line 4"),
    ("an unknown class", _top("detector: {labels: [§persn]}"), "(did you mean 'person'?)"),
    ("the same class twice", _top("detector: {labels: [car, bus, §car]}"), "twice"),
    ("no class at all", _top("detector: {labels: §[]}"), "at least 1, not 0"),
    ("the capital's time zone", _gateway("{id: a, ward: b, timezone: §Asia/Hanoi}"), "(did you mean 'Asia/Ho_Chi_Minh'?)"),
    ("the capital's time zone in Vietnamese", _gateway("{id: a, ward: b, timezone: §Asia/Hà Nội}"), "(did you mean 'Asia/Ho_Chi_Minh'?)"),
    ("an unknown time zone", _gateway("{id: a, ward: b, timezone: §Asia/Ho_Chi_Min}"), "(did you mean 'Asia/Ho_Chi_Minh'?)"),
    ("a time zone that is a directory", _gateway("{id: a, ward: b, timezone: §Asia}"), "must be a time zone"),
    ("an unknown profile", _top("profile: §rasberry-pi-4"), "(did you mean 'raspberry-pi-4'?)"),
    ("a profile that is a path", _top("profile: §../etc/passwd"), "without .yaml"),
    ("an unknown delivery", _mqtt("brokers: [mqtt://h]\ndelivery: §brokre"), "(did you mean 'broker'?)"),
    ("an unknown detector", _top("detector: {model: §atuo}"), "(did you mean 'auto'?)"),
    # --- brokers
    ("no broker", _mqtt("brokers: §[]"), "at least 1"),
    ("a foreign scheme", _mqtt("brokers: [§ssl://h]"), "(did you mean 'mqtts'?)"),
    ("a misspelt scheme", _mqtt("brokers: [§mqqts://h]"), "(did you mean 'mqtts'?)"),
    ("no scheme", _mqtt("brokers: [§h:1883]"), "the scheme mqtt:// or mqtts:// is missing"),
    ("no host", _mqtt('brokers: [§"mqtts://:8883"]'), "has no host"),
    ("a port out of range", _mqtt('brokers: [§"mqtts://h:99999"]'), "outside 1 to 65535"),
    ("a port that is none", _mqtt('brokers: [§"mqtts://h:x"]'), "no valid host and port; must be mqtts://host:port"),
    ("a user part", _mqtt("brokers: [§mqtts://u:p@h]"), "use username and password_file"),
    ("a path", _mqtt("brokers: [§mqtts://h/tb/v1]"), "the topic root is mqtt.root"),
    ("the same broker twice", _mqtt("brokers: [mqtts://h, §mqtts://h:8883]"), "twice"),
    ("a root with a wildcard", _mqtt("brokers: [mqtt://h]\nroot: §tb/+"), "without + # or spaces"),
    ("a root with a slash in front", _mqtt("brokers: [mqtt://h]\nroot: §/tb"), "levels such as tb/v1"),
    ("a certificate without its key", _mqtt("brokers: [mqtts://h]\n§cert_file: /dev/null"), "cert_file needs key_file"),
    ("a key without its certificate", _mqtt("brokers: [mqtts://h]\n§key_file: /dev/null"), "key_file needs cert_file"),
    ("a CA that is not there", _mqtt("brokers: [mqtts://h]\nca_file: §/no/ca.pem"), "cannot read /no/ca.pem: no such file"),
    ("a CA that is a directory", _mqtt("brokers: [mqtts://h]\nca_file: §/"), "not a regular file"),
    ("a user without a password", _mqtt("brokers: [mqtts://h]\n§username: u"), "username needs password_file"),
    ("a password without a user", _mqtt("brokers: [mqtts://h]\n§password_file: /no"), "password_file needs username"),
    # --- cameras
    ("a misspelt camera scheme", with_camera("url: §rstp://h/s"), "unknown scheme 'rstp'"),
    ("a scheme without slashes", with_camera("url: §rtsp:h/s"), "after rtsp: come two slashes"),
    ("no scheme at all", with_camera("url: §10.0.0.11/stream2"), "a scheme such as rtsp:// is missing"),
    ("no camera host", with_camera("url: §rtsp:///s"), "has no host"),
    ("a space in the URL", with_camera("url: §rtsp://h/a b"), "write a space as %20"),
    ("a device that is none", with_camera("url: §v4l2:video0"), "v4l2:/dev/video0"),
    ("a device outside /dev", with_camera("url: §v4l2:/etc/passwd"), "v4l2:/dev/video0"),
    ("a device that leads out of /dev", with_camera("url: §v4l2:/dev/../etc/passwd"), "v4l2:/dev/video0"),
    ("a camera port that is none", with_camera("url: §rtsp://h:x/s"), "if what stands there is a user name and password"),
    ("a camera port after a user part", with_camera("url: §rtsp://u:p@h:x/s"), "after the @, write host:port"),
    ("a user in the URL and beside it", with_camera("url: rtsp://u:p@h/s\n§username: v\npassword_file: login.pass"), "leave one of the two out"),
    ("a user for a file", with_camera("url: /clip\n§username: v\npassword_file: login.pass"), "has no user"),
    ("a user part without a name", with_camera("url: §rtsp://:p@h/s"), "no user name before the colon"),
    ("a camera that is a word", MINIMAL + "  - §cam-2\n", "not a single value"),
    # --- polygons
    ("two points", _mask("§[[0, 0], [1, 1]]"), "3 to 100 points, this one has 2"),
    ("a point outside", _mask("[[0, 0], [§1.2, 0], [1, 1]]"), "a number from 0 to 1 of the picture's width or height, not '1.2'"),
    ("a point of three numbers", _mask("[§[0, 0, 0], [1, 0], [1, 1]]"), "must be two numbers"),
    ("points in one list too few", with_camera("url: /clip\nmasks: [§[0, 0], [1, 0], [1, 1]]"), "write [ … ] around all its points"),
    ("a bow tie", _mask("§[[0, 0], [1, 1], [1, 0], [0, 1]]"), "its edge 1–2 meets its edge 3–4"),
    ("a line", _mask("§[[0, 0], [0.5, 0.5], [1, 1]]"), "no area"),
    ("a point twice in a row", _mask("§[[0, 0], [0, 0], [1, 1], [1, 0]]"), "point 1 twice in a row"),
    ("closed by hand", _mask("§[[0, 0], [1, 0], [1, 1], [0, 0]]"), "point 4 twice in a row"),
    ("a spike", _mask("§[[0, 0], [1, 0], [0.5, 0], [0.5, 1]]"), "crosses itself"),
    ("an edge that touches a corner", _mask("§[[0, 0], [1, 0], [1, 1], [0.5, 0], [0, 1]]"), "crosses itself"),
    # --- zones
    ("zones as a list", _zones("§[yard]"), "must be a mapping of zones by id, not a list"),
    ("a zone that is a polygon", _zones("{yard: §[[0, 0], [1, 0], [1, 1]]}"), "zones: must be a mapping {polygon: [[x, y], [x, y], [x, y], …]}, not a list"),
    ("a zone without a polygon", _zones("{yard: §{}}"), "zone has no 'polygon'"),
    ("a zone with a misspelt key", _zones("{yard: {polygon: [[0, 0], [1, 0], [1, 1]], §colour: red}}"), "unknown key in zone; known here: polygon"),
    ("a zone with capitals", _zones(f"{{§Yard: {_YARD}}}"), "zones: an id is 1 to 63 of a-z, 0-9 and -: no capitals, accents or blanks"),
    ("zones as a list", _zones("§[{id: yard, polygon: []}]"), "write {some-id: …}, each a mapping {polygon: [[x, y]"),
    ("zones beside the cameras", _top(f"§zones: {{yard: {_YARD}}}"), "unknown key 'zones' in the configuration; it belongs to a camera"),
    ("a zone of no area", _zones("{yard: {polygon: §[[0, 0], [0.5, 0.5], [1, 1]]}}"), "polygon: the polygon has no area"),
    ("a zone twice", _zones(f"{{yard: {_YARD}, §yard: {_YARD}}}"), "this key appears here twice"),
    ("33 zones", _zones("§{" + ", ".join(f"z{i}: {_YARD}" for i in range(33)) + "}"), "zones: at most 32 zones, not 33"),
    # --- rules
    ("a rule that is not in a list", _rules("§{id: night, kind: loitering, zone: yard}"), "write [ … ] around it"),
    ("a rule without an id", _rules("[§{kind: loitering, zone: yard}]"), "rule has no 'id'"),
    ("a rule without a kind", _rules("[§{id: night, zone: yard}]"), "rule has no 'kind': what it reports; each kind has its own keys in addition to these (zone-intrusion, loitering, "),
    ("a rule without a zone", _rules("[§{id: night, kind: loitering}]"), "rule has no 'zone'"),
    ("a misspelt key of a rule", _rule("§cooldown: 5"), "unknown key 'cooldown' in loitering rule (did you mean 'cooldown_s'?)"),
    ("a misspelt kind of rule", _rules("[{id: night, kind: §zone_intrusion, zone: yard}]"), "or crowding, not 'zone_intrusion' (did you mean 'zone-intrusion'?)"),
    ("a misspelt zone", _rules("[{id: night, kind: loitering, zone: §yrad}]"), "zone: this camera has no zone 'yrad' (did you mean 'yard'?)"),
    ("a zone that resembles none", _rules("[{id: night, kind: loitering, zone: §pool}]"), "no zone 'pool'; its zones: 'yard', 'gate'"),
    ("a zone of a camera without zones", with_camera("url: /clip\nrules: [{id: night, kind: loitering, zone: §yard}]"), "has no zones; define 'yard' under zones"),
    ("a zone of another camera", with_camera(f"url: /clip\nzones: {{yard: {_YARD}}}") + "  - {id: cam-2, url: /clip, rules: [{id: night, kind: loitering, zone: §yard}]}\n", "has no zones"),
    ("the same rule twice", _rules("[{id: night, kind: loitering, zone: yard}, {id: §night, kind: zone-intrusion, zone: yard}]"), "rule id 'night' appears in this camera twice, first in line 7"),
    ("a rule for an unknown class", _rule("labels: [§persn]"), "labels: must be person, "),
    ("a rule for a group", _rule("labels: [§two-wheeler]"), "not 'two-wheeler': write bicycle, motorcycle"),
    ("a rule for no class", _rule("labels: §[]"), "labels: must be a list of class labels: at least 1, not 0"),
    ("a duration that is too long", _rule("min_duration_s: §4000"), "a number from 0 to 3600 seconds"),
    ("a grace that is too long", _rule("grace_s: §601"), "a number from 0 to 600 seconds"),
    ("a cooldown that is too long", _rule("cooldown_s: §86401"), "a number from 0 to 86400 seconds"),
    ("a misspelt severity", _rule("severity: §alert"), "severity: must be info, warning or alarm, not 'alert' (did you mean 'alarm'?)"),
    ("a severity as it goes on the wire", _rule("severity: §ERROR"), "must be info, warning or alarm"),
    ("loitering that lasts no time", _rule("min_duration_s: §0"), "min_duration_s: loitering must last longer than 0 seconds"),
    ("65 rules", _rules("§[" + ", ".join(f"{{id: r{i}, kind: loitering, zone: yard}}" for i in range(65)) + "]"), "at most 64, not 65"),
    # --- schedules
    ("no day at all", _schedule("days: §[]"), "days: must be a list of days: at least 1, not 0"),
    ("days without a list", _schedule("days: §mon-fri"), "write [ … ] around it"),
    ("a day spelt out", _schedule("days: [§Saturday]"), "(did you mean 'sat'?)"),
    ("a misspelt day", _schedule("days: [§mno]"), "or a span such as mon-fri, not 'mno' (did you mean 'mon'?)"),
    ("a span of days spelt out", _schedule("days: [§Monday – Friday]"), "(did you mean 'mon-fri'?)"),
    ("a span of three", _schedule("days: [§mon-wed-fri]"), "not 'mon-wed-fri'"),
    ("a day that is none", _schedule("days: [§tet]"), "not 'tet'"),
    ("a time without quotes", _schedule('from: §22:00, to: "05:00"'), "YAML reads 22:00 as a number in base 60: put it in quotes, '22:00'"),
    ("an end without quotes", _schedule('from: "22:00", to: §23:30'), "put it in quotes, '23:30'"),
    ("a time as other tools write it", _schedule('from: §1320, to: "05:00"'), "not '1320' (did you mean '22:00'? without quotes YAML reads a time as a number in base 60)"),
    ("a time of one digit", _schedule('from: §"7:00", to: "08:00"'), "(did you mean '07:00'?)"),
    ("a time with seconds", _schedule('from: §"22:00:00", to: "05:00"'), "must be a time of day from"),
    ("an hour that is none", _schedule('from: "22:00", to: §"25:00"'), 'from "00:00" to "24:00", not \'25:00\''),
    ("a minute past the end of the day", _schedule('from: "22:00", to: §"24:01"'), 'from "00:00" to "24:00"'),
    ("a begin at the end of the day", _schedule('from: §"24:00", to: "05:00"'), 'from "00:00" to "23:59"'),
    ("a begin without an end", _schedule('§from: "22:00"'), "from needs to beside it"),
    ("an end without a begin", _schedule('§to: "22:00"'), "to needs from beside it"),
    ("a time that is too short for its rule", _rule('min_duration_s: 600, schedule: §{from: "12:00", to: "12:10"}'), "it is armed for 600 s at a time, and min_duration_s is 600"),
    ("a word for holidays", _schedule("holidays: §none"), "holidays: must be usual, off, also or only, not 'none'"),
    ("holidays switched off as a flag", _schedule("holidays: §false"), "(did you mean 'off'?)"),
    # --- lines
    ("lines as a list", _lines("§[door]"), "lines: must be a mapping of lines by id, not a list"),
    ("a line that is a list", _lines("{door: §[[0, 0], [1, 1]]}"), "must be a mapping {from: [x, y], to: [x, y]}, not a list"),
    ("a line without an end", _lines("{door: §{from: [0, 0]}}"), "line has no 'to'"),
    ("a line of points", _lines("{door: {from: [0, 0], to: [1, 1], §points: []}}"), "unknown key 'points' in line; write from: [x, y] and to: [x, y]"),
    ("a line that ends where it begins", _lines("{door: {from: [0.5, 0.5], to: §[0.5, 0.5]}}"), "at least 0.01 of the picture apart"),
    ("a line of next to no length", _lines("{door: {from: [0.5, 0.5], to: §[0.505, 0.505]}}"), "at least 0.01 of the picture apart"),
    ("a line outside the picture", _lines("{door: {from: [0.5, 0.5], to: [§1.5, 0.5]}}"), "to: must be a number from 0 to 1 of the picture's width or height, not '1.5'"),
    ("a line to a number", _lines("{door: {from: [0.5, 0.5], to: §1}}"), "to: must be two numbers"),
    ("33 lines", _lines("§{" + ", ".join(f"l{i}: {_DOOR}" for i in range(33)) + "}"), "lines: at most 32 lines, not 33"),
    # --- rules of the other kinds
    ("a misspelt line", _rules("[{id: r, kind: line-crossing, line: §dor}]").replace("rules:", f"lines: {{door: {_DOOR}}}\n    rules:"), "line: this camera has no line 'dor' (did you mean 'door'?)"),
    ("a line that resembles none", _rules("[{id: r, kind: line-crossing, line: §pool}]").replace("rules:", f"lines: {{door: {_DOOR}}}\n    rules:"), "no line 'pool'; its lines: 'door'"),
    ("a line of a camera without lines", _rules("[{id: r, kind: line-crossing, line: §door}]"), "this camera has no lines; define 'door' under lines"),
    ("a zone where a line is due", _rules("[{id: r, kind: line-crossing, §zone: yard, line: yard}]").replace("rules:", f"lines: {{yard: {_DOOR}}}\n    rules:"), "unknown key 'zone' in line-crossing rule; zone belongs to zone-intrusion, loitering, stopped-vehicle, wrong-way or crowding"),
    ("no line", _rules("[§{id: r, kind: line-crossing}]"), "line-crossing rule has no 'line': the id of one of this camera's lines"),
    ("a key of another kind", _rule("§count: 5"), "unknown key 'count' in loitering rule; count belongs to crowding"),
    ("a key of two other kinds", _of_kind("stopped-vehicle", "§min_duration_s: 5"), "min_duration_s belongs to zone-intrusion, loitering or crowding"),
    ("a misspelt key of its kind", _of_kind("stopped-vehicle", "§stil: 5"), "unknown key 'stil' in stopped-vehicle rule (did you mean 'still_s'?)"),
    ("an unknown key and an unknown kind", _rules("[{id: r, kind: §crowd, zone: yard, count: 3}]"), "(did you mean 'crowding'?)"),
    ("a kind that is a list", _rules("[{id: r, kind: §[crowding], zone: yard}]"), "kind: must be zone-intrusion, "),
    ("a misspelt direction", _of_kind("line-crossing", "direction: §a-b"), "direction: must be a-to-b, b-to-a or both, not 'a-b' (did you mean 'a-to-b'?)"),
    ("a misspelt mode", _of_kind("line-crossing", "mode: §exact"), "mode: must be strict, balanced or loose"),
    ("counts below a second", _of_kind("line-crossing", "counts_s: §0.5"), "0 or a number from 1 to 86400 seconds"),
    ("a line that reports nothing", _of_kind("line-crossing", "§each: false, counts_s: 0"), "each: false and counts_s: 0 together report nothing"),
    ("no standstill at all", _of_kind("stopped-vehicle", "still_s: §0"), "a number from 1 to 86400 seconds"),
    ("a standstill longer than a day's schedule", _of_kind("stopped-vehicle", 'still_s: 86400, schedule: §{days: [sun]}'), "armed for 86400 s at a time, and still_s is 86400"),
    ("a standstill longer than its schedule", _of_kind("stopped-vehicle", 'still_s: 90, schedule: §{from: "07:00", to: "07:01"}'), "armed for 60 s at a time, and still_s is 90"),
    ("a crowd longer than its schedule", _of_kind("crowding", 'count: 5, min_duration_s: 1800, schedule: §{from: "07:00", to: "07:30"}'), "armed for 1800 s at a time, and min_duration_s is 1800"),
    ("a way without an arrow", _rules("[§{id: r, kind: wrong-way, zone: yard}]"), "wrong-way rule has no 'arrow'"),
    ("an arrow of no length", _of_kind("wrong-way", "arrow: {from: [0.5, 0.5], to: §[0.5, 0.5]}"), "from and to must be at least 0.01 of the picture apart, or it has no direction"),
    ("an arrow that is a line's name", _of_kind("wrong-way", "arrow: §door"), "arrow: must be a mapping {from: [x, y], to: [x, y]}, not a single value"),
    ("an angle that takes crossing traffic in", _of_kind("wrong-way", f"{_ARROW}, angle_deg: §120"), "a number from 1 to 90 degrees"),
    ("no distance at all", _of_kind("wrong-way", f"{_ARROW}, min_distance: §0"), "from 0.01 to 2 widths of the picture"),
    ("a crowd of nobody knows how many", _rules("[§{id: r, kind: crowding, zone: yard}]"), "crowding rule has no 'count'"),
    ("a crowd of one", _of_kind("crowding", "count: §1"), "a whole number from 2 to 200 objects"),
    ("a crowd that ends as it begins", _of_kind("crowding", "count: 5, release_count: §5"), "release_count: must be below count, which is 5, not 5"),
    # --- holidays
    ("a date that is none", _holidays("[§2027-02-30]"), "holidays: there is no 2027-02-30"),
    ("a date as Vietnam writes it", _holidays("[§5/2/2027]"), "(did you mean '2027-02-05'?)"),
    ("a date without zeros", _holidays("[§2027-2-5]"), "(did you mean '2027-02-05'?)"),
    ("a holiday by its name", _holidays("[§tet]"), "must be a date such as 2027-01-01 or a span"),
    ("a span backwards", _holidays("[§2027-02-11..2027-02-05]"), "this span ends before it begins"),
    ("a span of all time", _holidays("[§0001-01-01..9999-12-31]"), "days, too long for a holiday; at most 100"),
    ("a span of three", _holidays("[§2027-01-01..2027-01-02..2027-01-03]"), "or a span such as"),
    ("a span with a blank", _holidays('[§"2027-01-01 .. 2027-01-02"]'), "or a span such as"),
    ("one date without a list", _holidays("§2027-01-01"), "write [ … ] around it"),
    ("years of holidays", _holidays("§[" + ", ".join(f"{2020 + i}-01-01..{2020 + i}-03-31" for i in range(5)) + "]"), "452 days are too many for a list of holidays; at most 400"),
    # --- clips and storage
    ("clips: off", _camera("report: {clips: §off}"), "clips: must be none, rules or unmasked, not 'off' (did you mean 'none'?)"),
    ("a clip that is too short for what is before and after", _camera("clip: {max_s: §10}"), "pre_s and post_s together are 10 s, and max_s is 10: too short"),
    ("too much before the event for a clip", _camera("clip: {pre_s: §60}"), "pre_s and post_s together are 65 s, and max_s is 60"),
    ("a clip of no main stream", _camera("clip: {main_url: §rstp://h/s}"), "main_url: unknown scheme 'rstp'"),
    ("an unescaped password in the main stream", _camera('clip: {main_url: §"rtsp://u:p@ss@h/s"}'), "main_url: the user part has an unescaped @"),
    ("a login of the clip", _camera("clip: {§username: u}"), "unknown key in clip; known here: pre_s"),
    ("a view watched by a word", _camera("watch_view: §covered"), "must be true or false"),
    ("little storage", _top("storage: {max_bytes: §1MB}"), "a size from 10MB to 10TB"),
    ("no age at all", _top("storage: {max_age_days: §0}"), "must be a number from 0.04 to 3650 days"),
    ("a key that is not there", _top("storage: {seal_to: §/no/centre.pem}"), "seal_to: cannot read /no/centre.pem: no such file"),
    # --- not YAML at all
    ("a tab", "gateway:\n§\tid: a\n", "a tab"),
    ("a text that starts with @", _gateway("{id: a, ward: §@b}"), "cannot start with '@'"),
    ("an open bracket", "gateway: {id: a\nmqtt§: 1\n", "YAML syntax error: "),
    ("an empty file", "§", "the file is empty"),
    ("comments only", "§# nothing\n", "the file is empty"),
    ("a list", "§- gateway\n", "the file is a list"),
    ("a word", "§gateway\n", "the file is a single value"),
    ("two documents", MINIMAL + "§---\na: 1\n", "a second document"),
    ("an alias without an anchor", _top("outbox: §*big"), "without an anchor"),
    ("an alias of itself", _top("outbox: &a {max_bytes: §*a}"), "without an anchor"),
    ("a tag", _top("heartbeat_s: §!!python/object:os.system 1"), "a YAML tag"),
    ("a key that is a list", _top("? §[a]\n: b"), "a key must be a single word"),
    ("a merge key of a word", _top("outbox: {<<: §x}"), "<< takes a mapping"),
    ("nested deep", _top("outbox: " + "[" * 32 + "§" + "[" * 8 + "]" * 40), "nested deeper than 32"),
    ("swapped coordinates", _gateway("{id: a, ward: b, location: {latitude: §106.3366, longitude: 20.4463}}"), "latitude: must be a number from -90 to 90 degrees, not '106.3366'"),
    *((f"a name that is {name}", _rules(f"[{{id: r, kind: loitering, zone: yard, name: §{name}}}]"), "name: ") for name in ("7", f'"{"x" * 129}"', '"two\\nlines"', "[a]")),
    # --- the ground plane
    ("three marks", _ground("{points: §[[0.3, 0.9], [0.7, 0.9], [0.6, 0.5]], rectangle_m: [4, 9]}"), "must be a list of points: at least 4, not 3"),
    ("marks without a length", _ground(f"{{points: §{_MARKS}}}"), "write either rectangle_m"),
    ("lengths twice", _ground(f"{{points: {_MARKS}, rectangle_m: [4, 9], metres: §[[0, 0], [4, 0], [4, 9], [0, 9]]}}"), "write either rectangle_m"),
    ("crossed marks", _ground("{points: §[[0.3, 0.9], [0.6, 0.5], [0.7, 0.9], [0.4, 0.5]], rectangle_m: [4, 9]}"), "the marks are not in order"),
    ("marks on a line", _ground("{points: §[[0.3, 0.9], [0.5, 0.9], [0.7, 0.9], [0.4, 0.5]], rectangle_m: [4, 9]}"), "nearly on one line of the picture"),
    ("mirrored places", _ground(f"{{points: §{_MARKS}, metres: [[0, 0], [4, 0], [4, -9], [0, -9]]}}"), "the other way round"),
    ("marks above the road", _ground("{points: §[[0.4, 0.5], [0.6, 0.5], [0.7, 0.3], [0.3, 0.3]], rectangle_m: [4, 9]}"), "end inside the picture"),
    ("a compass key of another kind", _ground(f"{{points: {_MARKS}, rectangle_m: [4, 9], §north_deg: 9}}"), "write bearing_deg"),
]

_MASKED = "privacy_masks: [[[0, 0], [1, 0], [1, 0.1]]]"
_NO_CLIPS = "no clips: this camera has privacy_masks, and a clip is not transcoded, so they would not be in it; mask in the camera itself (recommended), or write report.clips: unmasked"
_OTHER_HOST = "main_url is on another host than url: the agent sends the login of this camera to both hosts"
_BORDER = "the line 'door' lies on the picture's border: nothing is seen beyond it, so nothing crosses it"
_LANE = "{polygon: [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9], [0.1, 0.9]]}"
_UPWARDS = "arrow: {from: [0.5, 0.9], to: [0.5, 0.6]}"


def _seen(lines: str) -> str:
    return with_camera(f"url: rtsp://h/s\n{lines}")


def _stay(more: str = "", zone: str = _YARD) -> str:
    return f"zones: {{yard: {zone}}}\nrules: [{{id: r, kind: loitering, zone: yard{more}}}]"


def _door(begin: str, end: str, more: str = "") -> str:
    rule = "rules: [{id: r, kind: line-crossing, line: door}]"
    return _seen(f"lines: {{§door: {{from: {begin}, to: {end}}}}}\n{rule}{more}")


def _way(more: str) -> str:
    return _seen(f"zones: {{lane: {_LANE}}}\nrules: [{{id: r, kind: wrong-way, zone: lane, {more}}}]")


DOUBTS = [
    # --- streams and files
    *((f"the main stream {path}", with_camera(f"url: §rtsp://10.0.0.11{path}"), "this looks like the camera's main stream") for path in ("/Streaming/Channels/101", "/ISAPI/Streaming/channels/201?transportmode=unicast", "/cam/realmonitor?channel=1&subtype=0", "/stream1", "/h264Preview_01_main", "/media/video1", "/main", "/user=admin&channel=1&stream=0.sdp?")),
    ("no camera", f"{_GATEWAY}\n{_MQTT}\ncameras: §[]\n", "there is no camera"),
    # --- clips and stills
    ("clips asked for and masked", with_camera(f"url: rtsp://h/s\n{_MASKED}\nreport: {{clips: §rules}}"), _NO_CLIPS),
    ("clips described and masked", with_camera(f"url: rtsp://h/s\n{_MASKED}\n§clip: {{pre_s: 3}}"), _NO_CLIPS),
    ("clips described and switched off", with_camera("url: rtsp://h/s\nreport: {clips: none}\n§clip: {pre_s: 3}"), "clip does nothing: report.clips is none"),
    ("a long run-up", with_camera("url: rtsp://h/s\nclip: {pre_s: §12}"), "clips cannot begin 12 s before the event: ring.seconds is 10"),
    ("a short ring", with_camera("url: rtsp://h/s\nring: {seconds: §4}"), "clips cannot begin 5 s before the event: ring.seconds is 4"),
    ("the same stream twice", with_camera("url: rtsp://h/s\nclip: {main_url: §rtsp://h/s}"), "main_url is the same as url: the camera is asked twice for one stream"),
    ("a main stream on another host", with_camera("url: rtsp://u:p@h:554/2\nclip: {main_url: §rtsp://g/1}"), _OTHER_HOST),
    ("stills without snapshots", with_camera("url: rtsp://h/2\nreport: {stills: §rules, snapshots: none}"), "no stills: report.snapshots is none, so no picture leaves the gateway"),
    # --- zones, lines and rules that can never fire
    ("a zone without a rule", _seen(f"zones: {{§yard: {_YARD}}}"), "no rule refers to the zone 'yard'; it does nothing"),
    ("a masked zone", _seen(_stay().replace("yard:", "§yard:", 1) + "\nmasks: [[[0, 0], [1, 0], [1, 0.1]], [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]]"), "the zone 'yard' lies entirely in one of the masks: nothing is detected there"),
    ("an excluded zone", _seen(_stay(zone=_YARD.replace("{", "{exclude: [[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]], ")).replace("yard:", "§yard:", 1)), "the zone 'yard' lies entirely in one of its excluded parts: nothing of it is left"),
    ("one class unseen", _seen(_stay(", labels: [person, §car]")) + "detector: {labels: [person, bicycle]}", "'car' is never seen: detector.labels does not have car"),
    ("all classes unseen", _seen(_stay(", labels: [person, car]").replace("[{", "[§{")) + "detector: {labels: [bicycle, motorcycle]}", "rule 'r' never fires: detector.labels does not have person or car"),
    ("a class that a model of its own tells apart", _seen(_stay(", labels: [person, §car]")) + f"detector: {{model: {SHIPPED}, labels: [person, bus]}}", "'car' is never seen: detector.labels does not have car"),
    ("all classes of a kind unseen", _seen(_stay().replace("[{", "[§{").replace("loitering", "stopped-vehicle")) + "detector: {labels: [person]}\n", "rule 'r' never fires: detector.labels does not have car, bus, truck or motorcycle"),
    ("no detector", _seen(_stay().replace("[{", "[§{")) + "detector: {model: none}", "rule 'r' never fires: detector.model is none"),
    ("a line without a rule", _seen(f"lines: {{§door: {_DOOR}}}"), "no rule refers to the line 'door'; it does nothing"),
    ("a masked line", _door("[0.2, 0.5]", "[0.8, 0.5]", "\nmasks: [[[0, 0], [1, 0], [1, 0.5], [0, 0.5]]]"), "the line 'door' lies entirely in one of the masks: nothing is detected there"),
    ("a line on the lower border", _door("[0, 0.99]", "[1, 1]"), _BORDER),
    ("a line on the left border", _door("[0.01, 0.1]", "[0, 0.9]"), _BORDER),
    ("a short arrow", _way("arrow: §{from: [0.2, 0.6], to: [0.22, 0.6]}"), "arrow: 0.02 of the picture is too short for a sure direction; draw a longer one"),
    ("a short zone", _way(f"{_UPWARDS}, min_distance: §0.4"), "min_distance: the zone 'lane' is only 0.38 widths of a 16:9 picture from end to end, so no vehicle can travel 0.4 in it"),
]

NOT_DOUBTFUL = [
    ("a class of a group that the model reports", _seen(_stay(", labels: [car]")) + "detector: {labels: [truck, person]}"),
    *((f"the sub stream {path}", with_camera(f"url: rtsp://10.0.0.11{path}")) for path in ("/Streaming/Channels/102", "/Streaming/Channels/1002", "/cam/realmonitor?channel=1&subtype=1", "/stream2", "/stream10", "/h264Preview_01_sub", "/media/video2", "/mainstreet")),
    ("masked, nobody asked for clips", with_camera(f"url: rtsp://h/s\n{_MASKED}")),
    ("masked, and clips without the masks", with_camera(f"url: rtsp://h/s\n{_MASKED}\nreport: {{clips: unmasked}}")),
    ("masked, and no clips", with_camera(f"url: rtsp://h/s\n{_MASKED}\nreport: {{clips: none}}")),
    ("no clips and a short ring", with_camera("url: rtsp://h/s\nreport: {clips: none}\nring: {seconds: 4}")),
    ("a main stream has its own ring", with_camera("url: rtsp://h/stream2\nclip: {pre_s: 12, main_url: rtsp://h/stream1}")),
    ("a main stream on another port", with_camera("url: rtsp://u:p@h:554/2\nclip: {main_url: rtsp://h:8554/1?a=b}")),
    ("a main stream on another host with a login of its own", with_camera("url: rtsp://u:p@h/2\nclip: {main_url: rtsp://v:q@g/1}")),
    *((f"a main stream for stills {report}", with_camera(f"url: rtsp://h/2\n{_MASKED}\nclip: {{main_url: rtsp://h/1}}\nreport: {report}")) for report in ("{stills: rules}", "{stills: rules, clips: none}")),
    *((f"snippet {number} of the guide", _seen(snippet)) for number, snippet in enumerate(SNIPPETS)),
    ("a rule", _seen(_stay())),
    *((f"a time that is long enough {times}", _seen(_stay(f", min_duration_s: {duration_s}, schedule: {{{times}}}"))) for duration_s, times in ((599, 'from: "23:55", to: "00:05"'), (3600, 'from: "08:00", to: "08:00"'), (3600, "days: [sun]"))),
    ("a zone that is half masked", _seen(_stay() + "\nmasks: [[[0, 0.6], [1, 0.6], [1, 1], [0, 1]]]")),
    ("a private zone", _seen(_stay() + "\nprivacy_masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]]")),
    ("a rule for all classes, of which one is seen", _seen(_stay()) + "detector: {labels: [person]}"),
    ("two classes that are seen", _seen(_stay(", labels: [person, car]")) + "detector: {labels: [car, person]}"),
    ("a rule that is switched off waits for nothing", _seen(_stay(", labels: [car], enabled: false")) + "detector: {labels: [person]}\n"),
    ("a line that is half masked", _door("[0.2, 0.5]", "[0.8, 0.5]", "\nmasks: [[[0, 0], [0.7, 0], [0.7, 1], [0, 1]]]").replace("§", "")),
    ("a line with one end on the border", _door("[0, 0]", "[0.1, 1]").replace("§", "")),
    ("a line across the whole picture", _door("[0, 0.5]", "[1, 0.5]").replace("§", "")),
    ("a zone that is long enough", _way(f"{_UPWARDS}, min_distance: 0.36")),
]
# fmt: on
