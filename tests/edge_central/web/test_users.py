"""``/users`` for administrators, and the same changes on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from edge_agent.cli.main import main
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.accesses import AccessKind
from edge_central.store.database import DatabaseConnections
from edge_central.web.auth import account_changes
from edge_central.web.auth.account_changes import ONE_TIME_MS, AccountAuthor, AccountChangeRefused
from edge_central.web.auth.accounts import (
    Account,
    AccountSetup,
    Role,
    account_by_token,
    acting_accounts,
    add_account,
    find_account,
    setup_needed,
)
from edge_central.web.pages.users.users import PAGES
from tests.edge_central.web.house import WARDS, Browser, House
from tests.host.fakes import FakeClock

NEW_PASSWORD = "mật khẩu của tôi 1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def house(tmp_path: Path, clock: FakeClock) -> Iterator[House]:
    with House(tmp_path, clock=clock) as built:
        built.person("minh", Role.ADMIN)
        yield built.start()


@pytest.fixture
def minh(house: House) -> Browser:
    return house.browser("minh")


def add(minh: Browser, name: str = "lan", **fields: str) -> httpx.Response:
    form = {"name": name, "role": "officer", "ward de-tham": "on"} | fields
    return minh.post("/users/add", form, page="/users")


def change(minh: Browser, what: str, user: str = "lan", **fields: str) -> httpx.Response:
    return minh.post(f"/users/{what}", {"user": user} | fields, page="/users")


def one_time_password(page: str) -> str:
    found = re.search(r'class="secret">([a-z2-7-]{19})<', page)
    assert found is not None, page
    return found[1]


def accesses(house: House, *kinds: AccessKind) -> list[tuple[str, str, str | None, str | None]]:
    """Kind, author, subject and detail of rows of the access log."""
    columns = tables.access.c
    wanted = select(columns.what, columns.account, columns.subject, columns.detail).order_by(columns.id)
    with house.connections.reading() as connection:
        return list(connection.execute(wanted.where(columns.what.in_(kinds))).tuples())


def test_a_new_user_replaces_the_one_time_password_before_anything_else(house: House, minh: Browser) -> None:
    password = one_time_password(add(minh, " Lan ").text)
    assert password not in minh.get("/users?user=lan").text + minh.get("/access").text
    lan = house.browser("lan", password)
    answers = {path: lan.get(path) for path in ("/", "/events", "/live", "/api/inventory", "/account")}
    assert [each.status_code for each in answers.values()] == [303, 303, 303, 403, 200]
    assert answers["/"].headers["location"] == "/password"
    same = {"old": password, "new": password, "again": password}
    assert lan.post("/password", same, page="/password").status_code == 400
    own = {"old": password, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert lan.post("/password", own, page="/password").status_code == 303
    assert lan.get("/").status_code == 200
    assert Browser(house.anybody()).log_in("lan", password).status_code == 401
    assert accesses(house, AccessKind.USER_ADDED, AccessKind.PASSWORD_CHANGED) == [
        ("user-added", "minh", "lan", "officer de-tham"),
        ("password-changed", "lan", "lan", None),
    ]


def test_a_one_time_password_expires(house: House, minh: Browser, clock: FakeClock) -> None:
    password = one_time_password(add(minh).text)
    clock.advance(ONE_TIME_MS / 1000 + 1)
    answer = Browser(house.anybody()).log_in("lan", password)
    assert (answer.status_code, "đã hết hạn" in answer.text) == (401, True)


def test_role_and_wards_change_at_once(house: House, minh: Browser) -> None:
    house.person("lan", Role.OFFICER, "de-tham")
    lan = house.browser("lan")
    assert change(minh, "role", role="viewer", **{"ward bo-xuyen": "on"}).status_code == 303
    assert lan.get("/").status_code == 303, "the former session has ended"
    again = house.browser("lan")
    assert [again.get(path).status_code for path in ("/searches", "/wards/de-tham")] == [403, 404]
    change(minh, "role", role="viewer", **{"ward bo-xuyen": "on"})
    assert again.get("/").status_code == 200, "nothing was changed"
    assert accesses(house, AccessKind.USER_ROLE) == [("user-role", "minh", "lan", "viewer bo-xuyen")]
    log = minh.get("/access").text
    assert "<b>lan</b> <small>viewer bo-xuyen</small>" in log


def test_a_disabled_account_is_out_at_once_and_comes_back(house: House, minh: Browser) -> None:
    house.person("lan", Role.OFFICER, "de-tham")
    lan, program = house.browser("lan"), house.program(house.token("app", "de-tham"))
    for name in ("lan", "app"):
        assert change(minh, "disable", name).status_code == 303
    assert (lan.get("/").status_code, program.get("/api/events").status_code) == (303, 401)
    assert Browser(house.anybody()).log_in("lan").status_code == 401
    assert "đã khóa" in minh.get("/users").text
    for name in ("lan", "app"):
        change(minh, "enable", name)
    assert program.get("/api/events").status_code == 200
    assert house.browser("lan").get("/").status_code == 200


def test_reset_of_the_password_and_end_of_sessions(house: House, minh: Browser) -> None:
    house.person("lan", Role.OFFICER, "de-tham")
    lan = house.browser("lan")
    change(minh, "sessions")
    assert lan.get("/").status_code == 303
    lan = house.browser("lan")
    password = one_time_password(change(minh, "password").text)
    assert lan.get("/").status_code == 303
    assert Browser(house.anybody()).log_in("lan").status_code == 401, "the former password"
    assert house.browser("lan", password).get("/").headers["location"] == "/password"


def test_the_last_administrator_stays(house: House, minh: Browser) -> None:
    for what, fields in (("disable", {}), ("role", {"role": "viewer", "ward de-tham": "on"})):
        answer = change(minh, what, "minh", **fields)
        assert (answer.status_code, "quản trị viên cuối cùng" in answer.text) == (409, True)
    assert minh.get("/users").status_code == 200
    house.person("hoa", Role.ADMIN)
    change(minh, "disable", "minh")
    assert minh.get("/users").status_code == 303
    assert change(house.browser("hoa"), "disable", "hoa").status_code == 409


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "Lan Anh"}, 400),
        ({"name": "<script>alert(1)</script>"}, 400),
        ({"name": "minh"}, 400),
        ({"name": ""}, 400),
        ({"role": "api-officer"}, 400),
        ({"role": "admin\ud7ff"}, 400),
        ({"ward nowhere": "on"}, 400),
    ],
    ids=["space", "script", "taken", "empty", "program", "role", "ward"],
)
def test_what_the_form_does_not_offer_is_refused(
    house: House, minh: Browser, fields: dict[str, str], status: int
) -> None:
    answer = add(minh, **fields)
    assert answer.status_code == status
    assert "<script>alert" not in answer.text
    with house.connections.reading() as connection:
        assert find_account(connection, "lan") is None


def test_any_text_in_any_form_is_refused_without_an_error_of_the_server(house: House, minh: Browser) -> None:
    house.token("app", "de-tham")
    for page in PAGES:
        for user in ("", "nobody", "<script>", "x" * 5_000, "\ud7ff", "app"):
            if page.method == "POST":
                form = {"user": user, "name": user, "role": "viewer", "ward de-tham": "on"}
                answer = minh.post(page.path, form, page="/users")
                assert answer.status_code in (200, 303, 400, 404, 409), (page.path, user)
                assert "<script>" not in answer.text
    assert minh.get("/users?user=%3Cscript%3E").status_code == 404


def test_the_changes_on_both_databases(database: Database) -> None:
    connections, author = DatabaseConnections(database), AccountAuthor("minh", "::1", 1_000)
    with connections.writing() as connection:
        for name, role in (("minh", Role.ADMIN), ("hoa", Role.ADMIN), ("lan", Role.OFFICER)):
            account = Account(name, role, () if role is Role.ADMIN else WARDS, 1)
            account_changes.add_person(connection, author, account, "scrypt$...")
        add_account(connection, Account("app", Role.API, WARDS, 1), token="token")
        account_changes.disable(connection, author, "hoa")
        account_changes.disable(connection, author, "app")
        assert account_by_token(connection, "token") is None
        for name, refused in (("minh", "last-admin"), ("nobody", "unknown")):
            with pytest.raises(AccountChangeRefused, match=f"user-error-{refused}"):
                account_changes.disable(connection, author, name)
        with pytest.raises(AccountChangeRefused, match="user-error-program"):
            account_changes.reset_second_factor(connection, author, "app")
        account_changes.enable(connection, author, "hoa")
        account_changes.change_role(connection, author, "minh", Role.VIEWER, ["de-tham"])
        assert [each.name for each in acting_accounts(connection, "bo-xuyen")] == ["hoa", "lan"]
        account_changes.reset_password(connection, author, "lan", "scrypt$...", one_time=True)
        lan = find_account(connection, "lan")
        assert lan is not None
        assert lan.one_time_until_ms == 1_000 + ONE_TIME_MS
        assert setup_needed(lan, ()) is AccountSetup.PASSWORD
    connections.close()


def test_the_command_line_makes_the_same_changes(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.person("lan", Role.OFFICER, "de-tham")
    lan = house.browser("lan")
    codes = [
        main(["central", "user", *words.split(), "--config", str(house.config)])
        for words in (
            "role lan --role viewer --ward bo-xuyen",
            "disable lan",
            "enable lan",
            "end-sessions lan",
            "reset-second-factor lan",
            "disable minh",
            "role minh --role viewer --ward de-tham",
            "enable nobody",
            "list",
        )
    ]
    assert codes == [0, 0, 0, 0, 0, 1, 1, 1, 0]
    captured = capsys.readouterr()
    assert "the last admin" in captured.err
    assert re.search(r"^lan +viewer +bo-xuyen", captured.out, re.MULTILINE)
    assert lan.get("/").status_code == 303
    rows = accesses(house, AccessKind.USER_ROLE, AccessKind.USER_DISABLED, AccessKind.SECOND_FACTOR_RESET)
    assert [(what, subject) for what, _, subject, _ in rows] == [
        ("user-role", "lan"),
        ("user-disabled", "lan"),
        ("second-factor-reset", "lan"),
    ]
    assert {author.partition("@")[2] for _, author, _, _ in rows} == {"command-line"}
