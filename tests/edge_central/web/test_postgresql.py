"""The same console with a real PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path

from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import JPEG, OURS, THEIRS, WARD
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House
from tests.edge_central.web.listening import Ear
from tests.testbed.mosquitto import wait_until
from tests.testbed.postgresql import PostgreSQL


def test_login_pages_history_live_and_pictures(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with House(tmp_path, database=postgresql.create("console")).start() as house:
        house.person("minh", Role.ADMIN)
        house.take(OURS.event(1), THEIRS.event(1), OURS.heartbeat("s"))
        house.picture(OURS, "m1")
        browser, client = house.browser("minh"), house.program(house.token("app", WARD))
        assert browser.get("/").status_code == 200
        page = client.get("/api/events", params={"limit": "1"}).json()
        assert (len(page["events"]), page["more"]) == (1, True)
        assert client.get("/api/events", params={"after": page["next"]}).json()["events"] == []
        with Ear(browser.client) as ear:
            house.take(OURS.event(2))
            house.tell(GatewayReport("dt-001", WARD, PresenceState.OFFLINE, "will", 1))
            assert ear.wait_for("event")[0]["gateway"] == "dt-001"
            ear.wait_for("presence")
        assert client.get("/api/media/dt-001/m1").content == JPEG
        assert "m1" in browser.get("/access").text
        house.take(*(event(OURS, n, {"phase": "start", "event_id": f"a{n}"}) for n in range(10, 20)))
        alerts = browser.get("/alerts").text
        assert "×10" in alerts, "ten alarms of one camera and rule are one row"
        newest = int(re.findall(r'class="what" href="/events/(\d+)"', alerts)[0])
        assert browser.post(f"/events/{newest}/hide").status_code == 303
        assert "×9" in browser.get("/alerts").text
        postgresql.stop()
        assert browser.get("/").status_code == 503
        assert client.get("/api/events").json()["code"] == "unavailable"
        postgresql.start()
        wait_until(lambda: browser.get("/").status_code == 200, 30, "a database that is back")
        assert browser.post("/logout").status_code == 303
