"""Login and logout."""

from __future__ import annotations

import httpx
import pytest

from edge_central.web.auth.accounts import Role
from edge_central.web.auth.throttle import OF_ADDRESS_AND_NAME, OF_DEVICE
from tests.edge_central.web.house import PASSWORD, Browser, House, csrf_of


def test_no_page_is_shown_before_the_login(house: House) -> None:
    answer = house.anybody().get("/access?account=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Faccess%3Faccount%3Dx")
    script = house.anybody().get("/", headers={"Sec-Fetch-Mode": "cors"})
    assert script.status_code == 401


def test_login_leads_back_to_the_page_and_logout_ends_it(house: House) -> None:
    house.person("lan", Role.ADMIN)
    browser = Browser(house.anybody())
    answer = browser.log_in("Lan ", next="/access")
    assert (answer.status_code, answer.headers["location"]) == (303, "/access")
    assert browser.get("/access").status_code == 200
    kept = dict(browser.client.cookies)
    assert browser.post("/logout").headers["location"] == "/login"
    stolen = house.anybody(cookies=kept)
    assert stolen.get("/").status_code == 303, "the session is over at the server too"
    browser.log_in("lan")
    kept = dict(browser.client.cookies)
    browser.log_in("lan")
    assert house.anybody(cookies=kept).get("/").status_code == 303, "a login ends the session before it"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
def test_login_leads_to_no_other_site(house: House, path: str) -> None:
    house.person("lan", Role.VIEWER, "de-tham")
    assert Browser(house.anybody()).log_in("lan", next=path).headers["location"] == "/"


def test_a_wrong_name_and_a_wrong_password_are_the_same(house: House) -> None:
    house.person("lan", Role.ADMIN)
    answers = [Browser(house.anybody()).log_in(name, "wrong password") for name in ("lan", "nobody")]
    assert [each.status_code for each in answers] == [401, 401]
    one, other = (_without_secrets(each, name) for each, name in zip(answers, ("lan", "nobody"), strict=True))
    assert one == other


def test_guessing_is_blocked_and_users_who_logged_in_before_are_not(house: House) -> None:
    known = house.login("lan", Role.ADMIN)
    known.post("/logout")
    thief = Browser(house.anybody())
    for _ in range(OF_ADDRESS_AND_NAME):
        assert thief.log_in("lan", "wrong password").status_code == 401
    assert thief.log_in("lan").status_code == 429, "the right one is not even tried"
    assert known.log_in("lan").status_code == 303, "from the same address, with the browser he always has"
    for _ in range(OF_DEVICE):
        known.log_in("lan", "wrong password")
    assert known.log_in("lan").status_code == 429, "a known browser has no more tries than others"


def test_a_form_counts_only_with_the_token_of_its_session(house: House) -> None:
    one = house.login("lan", Role.ADMIN)
    other = house.login("minh", Role.ADMIN)
    stolen = csrf_of(other.get("/").text)
    for fields in ({}, {"csrf": "x"}, {"csrf": stolen}):
        assert one.client.post("/logout", data=fields).status_code == 403
    good = csrf_of(one.get("/").text)
    for origin in ("https://evil.example", "http://["):
        headers = {"Origin": origin}
        assert one.client.post("/logout", data={"csrf": good}, headers=headers).status_code == 403
    assert one.client.post("/logout", data={"csrf": good}, headers={"Origin": house.url}).status_code == 303


def test_a_new_password_ends_all_other_sessions(house: House) -> None:
    here, elsewhere = house.login("lan", Role.VIEWER, "de-tham"), house.browser("lan")
    new = {"old": PASSWORD, "new": "một mật khẩu khác", "again": "một mật khẩu khác"}
    assert here.post("/password", new | {"old": "wrong"}, page="/account").status_code == 403
    assert here.post("/password", new | {"again": "x"}, page="/account").status_code == 400
    assert here.post("/password", new, page="/account").status_code == 303
    assert (here.get("/").status_code, elsewhere.get("/").status_code) == (200, 303)
    assert house.browser("lan", "một mật khẩu khác").get("/").status_code == 200


def _without_secrets(answer: httpx.Response, name: str) -> str:
    return answer.text.replace(csrf_of(answer.text), "").replace(f'value="{name}"', "")
