"""``/users`` for administrators, and the same changes on the command line."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import select

from edge_agent.cli.main import main
from edge_central.settings import Console, Database
from edge_central.store import tables
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
    change_account,
    find_account,
    remove_account,
    setup_needed,
    token_digest,
)
from edge_central.web.auth.sessions import LoginSessions
from edge_central.web.i18n import ALL
from edge_central.web.pages.users.users import PAGES
from edge_central.web.request_handler import Page
from tests.edge_central.web.authenticator import Authenticator
from tests.edge_central.web.house import PASSWORD, WARDS, Browser, House, csrf_of
from tests.host.fakes import FakeClock

NEW_PASSWORD = "mật khẩu của tôi 1"


_names = (f"lan{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, clock: FakeClock) -> Iterator[House]:
    """One console for all tests."""
    with House(tmp_path_factory.mktemp("house"), clock=clock) as built:
        built.person("minh", Role.ADMIN)
        yield built.start()


@pytest.fixture
def minh(house: House) -> Browser:
    return house.browser("minh")


@pytest.fixture
def lan(house: House) -> str:
    """The name of a new officer."""
    return house.person(next(_names), Role.OFFICER, "de-tham")


def add(minh: Browser, name: str, **fields: str) -> httpx.Response:
    form = {"name": name, "role": "officer", "ward de-tham": "on"} | fields
    return minh.post("/users/add", form, page="/users")


def change(minh: Browser, what: str, user: str, **fields: str) -> httpx.Response:
    return minh.post(f"/users/{what}", {"user": user} | fields, page="/users")


def one_time_password(page: str) -> str:
    found = re.search(r'class="secret">([a-z2-7-]{19})<', page)
    assert found is not None, page
    return found[1]


def accesses(house: House, subject: str) -> list[tuple[str, str, str | None]]:
    """Kind, author and detail of the changes of an account."""
    columns = tables.access.c
    wanted = select(columns.what, columns.account, columns.detail).where(columns.subject == subject)
    with house.connections.reading() as connection:
        rows = connection.execute(wanted.order_by(columns.id))
        return [(row.what, row.account, row.detail) for row in rows]


def test_a_new_user_replaces_the_one_time_password_before_anything_else(house: House, minh: Browser) -> None:
    password = one_time_password(add(minh, " Hoa ").text)
    assert password not in minh.get("/users?user=hoa").text + minh.get("/access?kind=accounts").text
    hoa = house.browser("hoa", password)
    answers = {path: hoa.get(path) for path in ("/", "/events", "/api/inventory", "/account")}
    assert [each.status_code for each in answers.values()] == [303, 303, 403, 200]
    with hoa.client.stream("GET", "/live") as live:
        assert live.status_code == 303
    assert answers["/"].headers["location"] == "/password"
    same = {"old": password, "new": password, "again": password}
    assert hoa.post("/password", same, page="/password").status_code == 400
    own = {"old": password, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert hoa.post("/password", own, page="/password").status_code == 303
    assert hoa.get("/").status_code == 200
    assert Browser(house.anybody()).log_in("hoa", password).status_code == 401
    assert accesses(house, "hoa") == [
        ("user-added", "minh", "officer de-tham"),
        ("password-changed", "hoa", None),
    ]
    page = " ".join(re.sub(r"<[^>]+>", " ", minh.get("/users?user=hoa").text).split())
    assert "thêm tài khoản hoa cán bộ: de-tham" in page
    assert "đổi mật khẩu của hoa" in page


def test_a_page_that_answers_a_form_names_another_page_with_the_alarms(minh: Browser) -> None:
    refresh = re.compile(r'<body[^>]* data-refresh="([^"]+)"')
    for name, status in ((next(_names), 200), ("minh", 400)):
        answer = add(minh, name)
        found = refresh.search(answer.text)
        assert (answer.status_code, found is not None and found[1]) == (status, "/account")
        assert '/language/en?next=/account"' in answer.text
    assert minh.get("/users/add").status_code == 405
    page = minh.get("/account").text
    assert 'id="alarms"' in page
    assert refresh.search(page) is None


def test_a_one_time_password_expires(house: House, minh: Browser, clock: FakeClock) -> None:
    password = one_time_password(add(minh, "an").text)
    clock.advance(ONE_TIME_MS / 1000 + 1)
    answer = Browser(house.anybody()).log_in("an", password)
    assert (answer.status_code, "đã hết hạn" in answer.text) == (401, True)


def test_a_session_that_was_left_open_changes_no_account_without_the_password(
    house: House, minh: Browser, lan: str, clock: FakeClock
) -> None:
    clock.advance(5 * 60)
    name = next(_names)
    changes = (
        ("add", {"name": name, "role": "admin"}), ("role", {"user": lan, "role": "admin"}),
        ("password", {"user": lan}), ("second-factor", {"user": lan}), ("enable", {"user": lan}),
    )  # fmt: skip
    for what, form in changes:
        minh.get(f"/language/{'en' if what == 'add' else 'vi'}")
        answer = minh.post(f"/users/{what}", form, page="/users")
        assert answer.status_code == 403, what
        assert ALL["user-error-confirm"][what == "add"] in answer.text, what
    assert accesses(house, name) == accesses(house, lan) == []
    wrong = minh.post("/users/confirm", {"user": lan, "password": "sai"}, page="/users")
    assert (wrong.status_code, ALL["password-wrong"][0] in wrong.text) == (403, True)
    assert change(minh, "disable", lan).status_code == 303, "what only takes rights away needs no password"
    answer = minh.post("/users/confirm", {"user": lan, "password": PASSWORD}, page="/users")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/users?user={lan}")
    assert ALL["confirm-users"][0] not in minh.get(f"/users?user={lan}").text
    assert change(minh, "enable", lan).status_code == 303
    assert add(minh, name).status_code == 200
    clock.advance(5 * 60)
    assert change(minh, "role", lan, role="viewer").status_code == 403


def test_with_a_second_factor_a_code_confirms_too(house: House, clock: FakeClock) -> None:
    name = house.person(next(_names), Role.ADMIN)
    browser = house.browser(name)
    phone = Authenticator(house, browser)
    clock.advance(5 * 60)
    without = browser.post("/users/confirm", {"password": PASSWORD}, page="/users")
    assert (without.status_code, "Mã không đúng" in without.text) == (403, True)
    own = {"old": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert browser.post("/password", own, page="/password").status_code == 303
    assert add(browser, next(_names)).status_code == 403, "a new password without a code does not confirm"
    with_code = {"password": NEW_PASSWORD, "code": phone.code()}
    assert browser.post("/users/confirm", with_code, page="/users").status_code == 303
    assert add(browser, next(_names)).status_code == 200
    with house.connections.writing() as connection:
        remove_account(connection, name)  # other tests have one administrator


def test_role_and_wards_change_at_once(house: House, minh: Browser, lan: str) -> None:
    browser, rights = house.browser(lan), {"role": "viewer", "ward bo-xuyen": "on"}
    assert change(minh, "role", lan, **rights).status_code == 303
    assert browser.get("/").status_code == 303, "the former session has ended"
    again = house.browser(lan)
    assert [again.get(path).status_code for path in ("/searches", "/wards/de-tham")] == [403, 404]
    change(minh, "role", lan, **rights)
    assert again.get("/").status_code == 200, "nothing was changed"
    assert accesses(house, lan) == [("user-role", "minh", "viewer bo-xuyen")]
    assert f"<b>{lan}</b> <small>viewer bo-xuyen</small>" in minh.get("/access?kind=accounts").text
    page = minh.get(f"/users?user={lan}").text
    assert f"<td>minh</td><td>đổi vai trò, phường của {lan} <small>chỉ xem: bo-xuyen" in page


def test_a_ward_of_another_centre_can_stay_with_its_user(house: House, minh: Browser) -> None:
    """Several centres can share a database, and its accounts."""
    binh = house.person("binh", Role.OFFICER, "de-tham", "vu-phuc")
    assert 'name="ward vu-phuc" checked' in minh.get("/users?user=binh").text
    change(minh, "role", binh, **{"role": "viewer", "ward vu-phuc": "on"})
    assert accesses(house, binh) == [("user-role", "minh", "viewer vu-phuc")]
    assert change(minh, "role", binh, **{"role": "viewer", "ward hoang-dieu": "on"}).status_code == 400


def test_a_disabled_account_is_out_at_once_and_comes_back(house: House, minh: Browser, lan: str) -> None:
    browser, program = house.browser(lan), house.program(house.token("app", "de-tham"))
    for name in (lan, "app"):
        assert change(minh, "disable", name).status_code == 303
    assert (browser.get("/").status_code, program.get("/api/events").status_code) == (303, 401)
    assert Browser(house.anybody()).log_in(lan).status_code == 401
    assert "đã khóa" in minh.get("/users").text
    for name in (lan, "app"):
        change(minh, "enable", name)
    assert program.get("/api/events").status_code == 200
    assert house.browser(lan).get("/").status_code == 200


def test_reset_of_the_password_and_end_of_sessions(house: House, minh: Browser, lan: str) -> None:
    browser = house.browser(lan)
    change(minh, "sessions", lan)
    assert browser.get("/").status_code == 303
    browser = house.browser(lan)
    password = one_time_password(change(minh, "password", lan).text)
    assert browser.get("/").status_code == 303
    assert Browser(house.anybody()).log_in(lan).status_code == 401, "the former password"
    assert house.browser(lan, password).get("/").headers["location"] == "/password"


def test_the_last_administrator_stays(house: House, minh: Browser) -> None:
    changes: tuple[tuple[str, dict[str, str]], ...] = (
        ("disable", {}),
        ("role", {"role": "viewer", "ward de-tham": "on"}),
    )
    for what, fields in changes:
        answer = change(minh, what, "minh", **fields)
        assert (answer.status_code, "quản trị viên cuối cùng" in answer.text) == (409, True)
    assert minh.get("/users").status_code == 200
    add(minh, "nam", role="admin")
    with house.connections.writing() as connection:
        change_account(connection, "nam", one_time_until_ms=house.now_ms() - 1)
    assert change(minh, "disable", "minh").status_code == 409, "nam cannot log in any more"
    with house.connections.writing() as connection:
        remove_account(connection, "nam")
    thu = house.login("thu", Role.ADMIN)
    change(minh, "disable", "minh")
    assert minh.get("/users").status_code == 303
    assert change(thu, "disable", "thu").status_code == 409
    change(thu, "enable", "minh")
    change(thu, "disable", "thu")


def test_an_open_session_is_not_enough_to_replace_the_own_password(house: House, minh: Browser) -> None:
    for what in ("password", "second-factor"):
        assert change(minh, what, "minh").status_code == 409
    assert minh.get("/users").status_code == 200
    assert not {"password-reset", "second-factor-reset"} & {what for what, _, _ in accesses(house, "minh")}


def test_what_the_form_does_not_offer_is_refused(house: House, minh: Browser) -> None:
    for fields in (
        {"name": "Lan Anh"},
        {"name": "<script>alert(1)</script>"},
        {"name": "minh"},
        {"name": ""},
        {"name": "bao", "role": "api-officer"},
        {"name": "bao", "role": "admin\ud7ff"},
        {"name": "bao", "ward nowhere": "on"},
    ):
        answer = add(minh, **fields)
        assert answer.status_code == 400, fields
        assert "<script>alert" not in answer.text
    assert minh.get("/users?user=bao").status_code == 404


@pytest.mark.parametrize(
    "page", [each for each in PAGES if each.method == "POST"], ids=lambda each: each.path
)
def test_any_text_in_any_form_is_refused_without_an_error_of_the_server(minh: Browser, page: Page) -> None:
    csrf = csrf_of(minh.get("/users").text)
    for user in ("", "<script>", "x" * 5_000, "\ud7ff"):
        form = {"csrf": csrf, "user": user, "name": user, "role": "viewer", "ward de-tham": "on"}
        answer = minh.client.post(page.path, data=form)
        assert answer.status_code in (400, 403, 404), user
        assert "<script>" not in answer.text


def test_an_account_that_is_not_there_is_not_found(minh: Browser) -> None:
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
        with pytest.raises(AccountChangeRefused, match="user-error-last-admin"):
            account_changes.disable(connection, author, "minh", ("minh",))  # hoa may not use a password
        with pytest.raises(AccountChangeRefused, match="user-error-last-admin"):
            account_changes.change_role(connection, author, "minh", Role.VIEWER, ["de-tham"], ("minh",))
        account_changes.change_role(connection, author, "minh", Role.VIEWER, ["de-tham"])
        assert [each.name for each in acting_accounts(connection, "bo-xuyen")] == ["hoa", "lan"]
        account_changes.reset_password(connection, author, "lan", "scrypt$...", one_time=True)
        lan = find_account(connection, "lan")
        assert lan is not None
        assert lan.one_time_until_ms == 1_000 + ONE_TIME_MS
        changes = account_changes.list_changes(connection, "lan")
        assert [(each.what, each.author) for each in changes] == [
            ("password-reset", "minh"),
            ("user-added", "minh"),
        ]
        assert setup_needed(lan, ()) is AccountSetup.PASSWORD
    connections.close()


def test_sessions_are_listed_and_ended_on_both_databases(database: Database) -> None:
    connections, sessions = DatabaseConnections(database), LoginSessions(Console(idle_s=60, session_s=600))
    with connections.writing() as connection:
        add_account(connection, Account("lan", Role.VIEWER, WARDS, 1), password="scrypt$...")
        for name, begun_ms in (("lan", 1), ("lan", 590_000), ("lan", 600_000), ("minh", 600_000)):
            sessions.begin(connection, name, "::1", begun_ms)
        now_ms = 620_000
        newest, older = sessions.of_account(connection, "lan", now_ms)
        assert (newest.begun_ms, older.begun_ms) == (600_000, 590_000), "one has expired"
        assert sessions.count_by_account(connection, now_ms) == {"lan": 2, "minh": 1}
        assert not sessions.end_listed(connection, "minh", newest.id)
        assert sessions.end_listed(connection, "lan", newest.id)
        assert sessions.of_account(connection, "lan", now_ms) == [older]
        token = sessions.begin(connection, "lan", "::1", now_ms)
        sessions.end_others(connection, "lan", token_digest(token))
        assert [each.begun_ms for each in sessions.of_account(connection, "lan", now_ms)] == [now_ms]
        assert sessions.valid_keys(connection, {token_digest(token)}, now_ms)
        change_account(connection, "lan", disabled_ms=now_ms)
        later = sessions.begin(connection, "lan", "::1", now_ms)  # of a login at the same moment
        assert sessions.find(connection, later, now_ms) is None
        assert not sessions.valid_keys(connection, {token_digest(later)}, now_ms)
    connections.close()


def test_the_command_line_makes_the_same_changes(
    house: House, lan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = house.browser(lan)
    codes = [
        main(["central", "user", *words.split(), "--config", str(house.config)])
        for words in (
            f"role {lan} --role viewer --ward bo-xuyen",
            f"disable {lan}",
            f"enable {lan}",
            f"end-sessions {lan}",
            f"reset-second-factor {lan}",
            "disable minh",
            "remove minh",
            "role minh --role viewer --ward de-tham",
            "enable nobody",
            "list",
        )
    ]
    assert codes == [0, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    captured = capsys.readouterr()
    assert "the last admin" in captured.err
    assert re.search(rf"^{lan} +viewer +bo-xuyen", captured.out, re.MULTILINE)
    assert browser.get("/").status_code == 303
    rows = accesses(house, lan)
    kinds = ["user-role", "user-disabled", "user-enabled", "user-sessions", "second-factor-reset"]
    assert [what for what, _, _ in rows] == kinds
    assert {author.partition("@")[2] for _, author, _ in rows} == {"command-line"}
