"""The status document as text for a person: problems first, then one line per part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge_agent import wire
from edge_agent.core.languages import LANGS, Lang, day_text, decimal, duration, named, say, ward_text
from edge_agent.core.model import Cause
from edge_agent.core.problems import CATALOGUE, CodedProblem
from edge_agent.core.secrets import masked
from edge_agent.host.health.degraded import cause_text
from edge_agent.host.local_api.status_words import STATUS

if TYPE_CHECKING:
    from edge_agent.host.local_api.status import StatusDocument


def status_text(document: StatusDocument, lang: Lang = "en") -> str:
    text, beat = _Text(document, lang), document.heartbeat
    ward = ward_text(document.ward_name or document.ward, lang)
    head = text.say("head", gateway=document.gateway, name=document.name, ward=ward, version=beat.version)
    return "\n".join([head, *text.problems(), *text.parts(), *text.cameras()])


@dataclass(frozen=True, slots=True)
class _Text:
    document: StatusDocument
    lang: Lang

    def say(self, key: str, **figures: object) -> str:
        return say(STATUS, key, self.lang, **figures)

    def coded(self, text: str) -> str:
        """Return a text of the document in the chosen language; a text without a code stays in English."""
        problem = None if self.lang == "en" else self.document.coded.get(text)
        return (None if problem is None else CATALOGUE.say(problem, self.lang)) or text

    def named(self, group: str, word: str) -> str:
        return named(STATUS, group, word, self.lang)

    def problems(self) -> Iterator[str]:
        """Yield the agent's problems. A line without a code is in English."""
        beat = self.document.heartbeat
        if not beat.degraded:
            yield self.say("well")
        for line, problem in zip_longest(beat.degraded, beat.problems[: len(beat.degraded)]):
            translated = None if problem is None or self.lang == "en" else CATALOGUE.say(problem, self.lang)
            yield f"  ! {translated or line}"

    def parts(self) -> Iterator[str]:
        beat = self.document.heartbeat
        clock, detector, evidence = beat.clock, beat.detector, beat.evidence
        up = self.say("up", up=duration(beat.uptime_s, self.lang))
        yield self._line(
            "agent", f"pid {self.document.pid}", up, self.say("profile", profile=self.document.profile)
        )
        yield self._line("box", *self._box(beat.box))
        if step := beat.thermal.step:
            yield self._line("heat", self.say("step", step=step), self.say(f"held-back-{step}"))
        offset = None if clock.offset_ms is None else self.say("offset", offset=clock.offset_ms)
        source = self.named("source", clock.source or "kernel")
        synced = self.say("synced", source=source) if clock.synced else self.say("not-synced")
        yield self._line("clock", synced, offset)
        yield self._line("mqtt", *self._mqtt(beat.mqtt))
        if beat.uplink.monthly_bytes:
            yield self._line("uplink", *self._uplink(beat.uplink))
        if beat.modem is not None:
            yield self._line("modem", *self._modem(beat.modem))
        if beat.certificates.client_days is not None:
            yield self._line("tls", *self._certificates(beat.certificates))
        yield self._line("outbox", *self._outbox(beat.outbox))
        if evidence.bytes or evidence.clips:
            kept = self.say("kept", size=evidence.bytes / 1e6)
            yield self._line(
                "evidence", kept, self.say("clips", count=evidence.clips), self._count("held", evidence.held)
            )
        yield self._line(
            "detector",
            detector.name,
            self._number("latency", detector.latency_ms),
            self.say("queue", count=detector.queue),
            self.say("inferences", count=detector.inferences),
        )
        if beat.model.phase is not None:
            yield self._line("model", *self._model(beat.model))
        if self.document.shadow is not None:
            yield from self._shadow(self.document.shadow)

    def _model(self, model: wire.ModelHealth) -> Iterator[str | None]:
        until = self._since(model.until or self.document.heartbeat.time)
        yield self.say(f"model-{model.phase}", name=model.name, until=until)
        if model.phase != "probation":
            yield self.say("compared", count=model.objects)
            yield None if model.agreement is None else self.say("agreement", share=model.agreement)
            yield None if model.refusal is None else self.say("no-switch", why=self.coded(model.refusal))

    def _shadow(self, report: wire.ShadowReport) -> Iterator[str]:
        """Yield the numbers of objects, by camera and group, that both models see, or only one of them."""
        for camera, counts in report.cameras.items():
            groups = (
                self.say("group", group=group, both=n.both, old=n.only_in_force, new=n.only_new)
                for group, n in ((self.named("group", each), n) for each, n in counts.groups.items())
            )
            frames = self.say("compared-frames", camera=camera, count=counts.frames)
            yield " " * len(self._label("camera")) + "; ".join([frames, *groups])

    def _box(self, box: wire.BoxHealth) -> Iterator[str | None]:
        yield self._number("cpu", box.cpu_percent)
        yield self._number("load", box.load_1, 2)
        yield self._number("memory", box.memory_percent)
        yield self._number("rss", box.agent_rss_mb)
        yield self._number("disk", None if box.disk_free_mb is None else box.disk_free_mb / 1e3, 1)
        yield self._number("writing", box.disk_write_kb_s)
        yield self._number("temperature", box.temperature_c, 1)
        yield None if box.uptime_s is None else self.say("up", up=duration(box.uptime_s, self.lang))
        if box.boot_reason is not None:
            yield self.say("boot", reason=self.named("boot", box.boot_reason))

    def _mqtt(self, mqtt: wire.MqttHealth) -> Iterator[str | None]:
        yield self.say("reconnects", count=mqtt.reconnects)
        yield self.say("inflight", count=mqtt.inflight)
        yield self._count("refused", mqtt.refused)
        if mqtt.delivery == "confirmed":
            age_s = mqtt.confirmed_age_s
            yield (
                self.say("unconfirmed")
                if age_s is None
                else self.say("confirmed", ago=duration(age_s, self.lang))
            )
            yield self._count("resends", mqtt.resends)
            yield self._count("ignored", mqtt.ignored_acks)
        for key, sent in (("sent-today", mqtt.bytes_today), ("sent-month", mqtt.bytes_month)):
            total = sent.event + sent.heartbeat + sent.media + sent.reply
            yield self.say(key, size=total / 1e6)

    def _uplink(self, uplink: wire.UplinkHealth) -> Iterator[str | None]:
        used, budget = uplink.used_bytes / 1e6, (uplink.monthly_bytes or 0) / 1e6
        yield self.say("budget", used=used, budget=budget, day=self._day(uplink.period_from))
        if uplink.forecast_bytes is not None:
            size = uplink.forecast_bytes / 1e6
            yield self.say("forecast", size=size, day=self._day(uplink.resets_on))
        yield self.say(f"waits-{uplink.step}") if uplink.step else None

    def _modem(self, modem: wire.ModemHealth) -> Iterator[str | None]:
        yield self.named("modem", modem.state)
        yield modem.operator or modem.operator_code or None
        yield modem.technology
        if modem.signal_percent is not None:
            yield self.say("signal", percent=modem.signal_percent)
        yield self.say("modem-bytes", sent=modem.sent_bytes / 1e6, received=modem.received_bytes / 1e6)

    def _certificates(self, certificates: wire.CertificatesHealth) -> Iterator[str | None]:
        yield self.say("certificate", days=certificates.client_days)
        yield None if certificates.ca_days is None else self.say("ca", days=certificates.ca_days)

    def _outbox(self, outbox: wire.OutboxHealth) -> Iterator[str | None]:
        size = outbox.bytes / 1e6
        yield self.say("waiting", events=outbox.depth, pictures=outbox.media_depth, size=size)
        yield self.say("oldest", age=duration(outbox.oldest_s, self.lang)) if outbox.depth else None
        yield self._count("sent-unconfirmed", outbox.unconfirmed)
        yield self.say("sequence", sequence=outbox.sequence, epoch=outbox.epoch)

    def cameras(self) -> Iterator[str]:
        cameras = self.document.heartbeat.cameras
        width = max((len(camera) for camera in cameras), default=0)
        for camera_id, camera in cameras.items():
            detail = "" if camera.state == "online" else self.document.details.get(camera_id, "")
            line = "  ".join(part for part in self._camera(camera, detail) if part)
            yield f"{self._label('camera')}{camera_id:<{width}}  {line}".rstrip()

    def _camera(self, camera: wire.CameraHealth, detail: str) -> Iterator[str | None]:
        state = self.named("state", camera.state)
        yield self.say("state", state=state, since=self._since(camera.since))
        if camera.cause or detail:
            yield self._why(camera.cause, detail)
        if camera.codec:
            yield f"{camera.codec} {camera.width}x{camera.height}" if camera.width else camera.codec
        if camera.state in ("online", "degraded"):
            yield self.say("frames", fps=camera.packet_fps, analysed=camera.analysed_fps)
            yield self.say("bitrate", rate=camera.bitrate_kbps)
            idle = self.say("idle", share=camera.idle_share) if camera.idle_share else ""
            yield self.say("gear", gear=self.named("gear", camera.gear)) + idle
        yield self._count("dropped", camera.dropped)
        yield self._count("corrupt", camera.corrupt)
        yield self._count("reconnects", camera.reconnects)
        if camera.view:
            yield self.say("view", states=", ".join(self.named("view", each) for each in camera.view))
        yield self.say("awake", why=self.coded(camera.kept_awake)) if camera.kept_awake else None
        if camera.main_trouble:
            yield self.say("no-main", cause=self.named("cause", camera.main_trouble))

    def _why(self, cause: str | None, detail: str) -> str:
        """Return why a camera is offline. In Vietnamese, details without a code follow in English."""
        if self.lang == "en":
            return cause_text(Cause(cause) if cause else None, detail)
        safe = masked(detail)
        said = self.coded(safe)
        if cause is None:
            return said or str(CATALOGUE.say(CodedProblem("cause-unknown"), self.lang))
        if said != safe:
            return f"{said} ({cause})"
        return f"{self.named('cause', cause)} ({cause})" + (f": {safe}" if safe else "")

    def _since(self, since: str) -> str:
        """Return ``12:03`` for today, with the date for another day, in the site's time zone."""
        zone = ZoneInfo(self.document.timezone)
        local = datetime.fromisoformat(since).astimezone(zone)
        today = datetime.fromisoformat(self.document.heartbeat.time).astimezone(zone).date()
        return f"{local:%H:%M}" if local.date() == today else f"{day_text(local, self.lang)} {local:%H:%M}"

    def _day(self, day: str | None) -> str:
        return "" if day is None else day_text(date.fromisoformat(day), self.lang)

    def _line(self, part: str, *facts: str | None) -> str:
        return self._label(part) + ", ".join(fact for fact in facts if fact)

    def _label(self, part: str) -> str:
        index = LANGS.index(self.lang)
        width = 2 + max(len(words[index]) for key, words in STATUS.items() if key.startswith("part-"))
        return f"{self.say(f'part-{part}'):<{width}}"

    def _count(self, key: str, count: int) -> str | None:
        return self.say(key, count=count) if count else None

    def _number(self, key: str, value: float | None, digits: int = 0) -> str | None:
        return None if value is None else self.say(key, value=decimal(value, self.lang, digits))
