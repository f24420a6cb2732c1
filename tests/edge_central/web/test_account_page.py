"""``/account``: password, sessions and second factor of a user, and the login with a code."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from edge_central.store import tables
from edge_central.web.auth.accounts import Role, change_account
from edge_central.web.auth.second_factor import SecondFactors
from edge_central.web.auth.throttle import OF_ADDRESS_AND_NAME, LoginThrottle
from tests.edge_central.web.authenticator import Authenticator, second_step
from tests.edge_central.web.house import PASSWORD, Browser, House
from tests.host.fakes import FakeClock

STEP_S = 30.0
_names = (f"lan{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, clock: FakeClock) -> Iterator[House]:
    """One console for all tests; viewers need a second factor."""
    with House(tmp_path_factory.mktemp("house"), clock=clock, second_factor_roles=["viewer"]) as built:
        built.person("minh", Role.ADMIN)
        yield built.start()


@pytest.fixture
def lan(house: House) -> str:
    """The name of a new officer."""
    return house.person(next(_names), Role.OFFICER, "de-tham")


def log_in(browser: Browser, name: str, code: str) -> int:
    """The status of the second step."""
    first = browser.log_in(name, next="/alerts")
    assert first.status_code == 200, "the password alone is not enough"
    assert browser.get("/").status_code == 303
    return browser.client.post("/login", data=second_step(first.text, code)).status_code


def test_a_login_needs_a_code_that_was_not_used_before(house: House, lan: str, clock: FakeClock) -> None:
    phone = Authenticator(house, house.browser(lan))
    assert log_in(Browser(house.anybody()), lan, phone.code()) == 401, "it has set up the factor"
    clock.advance(STEP_S)
    browser, code = Browser(house.anybody()), phone.code()
    assert log_in(browser, lan, code) == 303
    assert browser.get("/").status_code == 200
    assert log_in(Browser(house.anybody()), lan, code) == 401
    clock.advance(STEP_S)
    other = Browser(house.anybody())
    first = other.log_in(lan, next="/alerts")
    answer = other.client.post("/login", data=second_step(first.text, phone.code()))
    assert answer.headers["location"] == "/alerts"


def test_a_recovery_code_replaces_the_phone_once(house: House, lan: str) -> None:
    phone = Authenticator(house, house.browser(lan))
    code = phone.recovery_codes[3]
    browser = Browser(house.anybody())
    assert log_in(browser, lan, code) == 303
    assert "<b>9</b>" in browser.get("/account").text
    assert log_in(Browser(house.anybody()), lan, code) == 401
    assert "đăng nhập bằng mã dự phòng" in house.browser("minh").get("/access?kind=accounts").text


def test_wrong_codes_count_like_wrong_passwords(house: House, lan: str) -> None:
    Authenticator(house, house.browser(lan))
    browser = Browser(house.anybody())
    assert [log_in(browser, lan, "000000") for _ in range(2)] == [401] * 2
    for _ in range(OF_ADDRESS_AND_NAME - 2):
        assert browser.log_in(lan, "wrong password").status_code == 401
    assert browser.log_in(lan).status_code == 429
    assert "nhập sai mã xác thực" in house.browser("minh").get(f"/access?kind=accounts&account={lan}").text


def test_a_second_factor_that_is_set_up_during_a_login_counts(
    house: House, lan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_up(*_: object) -> None:
        with house.connections.writing() as connection:
            change_account(connection, lan, second_factor=b"sealed")

    monkeypatch.setattr(LoginThrottle, "succeeded", set_up)
    assert Browser(house.anybody()).log_in(lan).status_code == 401


def test_device_cookies_from_before_a_second_factor_give_no_more_guesses(house: House, lan: str) -> None:
    browsers = [house.browser(lan) for _ in range(OF_ADDRESS_AND_NAME + 1)]
    Authenticator(house, browsers[0])
    tried = [log_in(browser, lan, "000000") for browser in browsers[1:-1]]
    assert tried == [401] * (OF_ADDRESS_AND_NAME - 1)
    assert log_in(browsers[-1], lan, "000000") == 401
    assert browsers[1].log_in(lan).status_code == 429


def test_the_proof_of_the_password_counts_in_its_browser_only(
    house: House, lan: str, clock: FakeClock
) -> None:
    phone = Authenticator(house, house.browser(lan))
    clock.advance(STEP_S)
    one, other = Browser(house.anybody()), Browser(house.anybody())
    theirs = second_step(other.log_in(lan).text, phone.code())
    for wrong, status in (({"proof": theirs["proof"]}, 403), ({"name": "minh"}, 403), ({}, 303)):
        mine = second_step(one.log_in(lan).text, phone.code())  # an error page has a new form
        assert one.client.post("/login", data=mine | wrong).status_code == status


def test_a_change_of_the_second_factor_needs_password_and_code(
    house: House, lan: str, clock: FakeClock
) -> None:
    browser, elsewhere = house.browser(lan), house.browser(lan)
    assert browser.post("/account/second-factor", {"password": "x"}, page="/account").status_code == 403
    phone = Authenticator(house, browser)
    assert elsewhere.get("/").status_code == 303, "sessions without a second factor have ended"
    clock.advance(STEP_S)
    fields = {"password": PASSWORD, "code": "000000"}
    for path in ("", "/off"):
        answer = browser.post(f"/account/second-factor{path}", fields, page="/account")
        assert answer.status_code == 403
        assert "Mã không đúng" in answer.text
    fields["code"] = phone.code()
    codes = browser.post("/account/recovery-codes", fields, page="/account")
    assert codes.status_code == 200
    assert phone.recovery_codes[0] not in codes.text
    clock.advance(STEP_S)
    new = Authenticator(house, browser, code=phone.code())
    clock.advance(STEP_S)
    assert log_in(Browser(house.anybody()), lan, phone.code()) == 401, "the former phone"
    assert log_in(elsewhere, lan, new.code()) == 303
    clock.advance(STEP_S)
    fields["code"] = new.code()
    assert browser.post("/account/second-factor/off", fields, page="/account").status_code == 303
    assert elsewhere.get("/").status_code == 303, "other sessions have ended"
    assert house.browser(lan).get("/").status_code == 200, "with the password alone"


def test_a_role_can_require_a_second_factor(house: House, clock: FakeClock) -> None:
    browser = house.login("tuong", Role.VIEWER, "de-tham")
    answers = {path: browser.get(path) for path in ("/", "/users", "/api/inventory", "/account")}
    assert [each.status_code for each in answers.values()] == [303, 403, 403, 200]
    with browser.client.stream("GET", "/live") as live:
        assert live.status_code == 303
    assert answers["/"].headers["location"] == "/account"
    assert 'id="alarms"' not in answers["/account"].text, "nothing of the fleet is shown yet"
    phone = Authenticator(house, browser)
    assert browser.get("/").status_code == 200
    clock.advance(STEP_S)
    fields = {"password": PASSWORD, "code": phone.code()}
    assert browser.post("/account/second-factor/off", fields, page="/account").status_code == 403


def test_a_second_factor_of_another_server_is_named_to_the_user(house: House, lan: str) -> None:
    with house.connections.writing() as connection:
        SecondFactors(b"o" * 32).store(connection, lan, b"s" * 20, 0)
    first = Browser(house.anybody())
    answer = first.client.post("/login", data=second_step(first.log_in(lan).text, "000000"))
    assert (answer.status_code, "Hãy nhờ quản trị viên đặt lại" in answer.text) == (401, True)


def test_users_end_their_own_sessions_and_no_others(house: House, lan: str) -> None:
    here, there, theirs = house.browser(lan), house.browser(lan), house.browser("minh")
    with house.connections.reading() as connection:
        columns = tables.session.c
        foreign = connection.scalars(select(columns.token_sha256).where(columns.account == "minh")).all()[-1]
    here.post("/account/session", {"session": foreign[:16]}, page="/account")
    assert theirs.get("/").status_code == 200
    assert here.get("/account").text.count('name="session"') == 2
    here.post("/account/sessions", page="/account")
    assert (here.get("/").status_code, there.get("/").status_code) == (200, 303)
    own = here.get("/account").text.partition('name="session" value="')[2][:16]
    here.post("/account/session", {"session": own}, page="/account")
    assert here.get("/").status_code == 303


def test_no_secret_is_logged_or_shown_again(
    house: House, lan: str, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser = house.browser(lan)
    phone = Authenticator(house, browser)
    clock.advance(STEP_S)
    for code in (phone.code(), phone.recovery_codes[0], "MISTYPED-CODE"):
        log_in(Browser(house.anybody()), lan, code)
    admin = house.browser("minh")
    said = caplog.text
    for path in ("/access", "/users", f"/users?user={lan}"):
        said += admin.get(path).text
    said += browser.get("/account").text
    for secret in (PASSWORD, "scrypt$", "MISTYPED", phone.text, phone.offer, *phone.recovery_codes):
        assert secret not in said
