"""The reasons why a sign-in through the provider ends without a session."""

from __future__ import annotations

from enum import StrEnum


class SignInFault(StrEnum):
    """A reason. The value is the key of the sentence on the login page, in edge_central/web/i18n/users.py."""

    PROVIDER_AWAY = "sign-in-away"  # the provider is down or too slow, or its certificate is not trusted
    PROVIDER_WRONG = "sign-in-wrong"  # an answer of the provider does not pass a check
    REFUSED = "sign-in-refused"  # the provider refused, or the user did so there
    OUTDATED = "sign-in-outdated"  # the answer is for another browser, too old, or used already
    WEAK = "sign-in-weak"  # the ID token lacks the acr or amr of the configuration
    WITHOUT_ROLE = "sign-in-without-role"
    DISABLED = "sign-in-disabled"
    NO_NAME = "sign-in-no-name"  # all suitable names are taken

    @property
    def status(self) -> int:
        """HTTP status of the page."""
        return {SignInFault.PROVIDER_AWAY: 503, SignInFault.PROVIDER_WRONG: 502}.get(self, 403)


class SignInFailed(Exception):
    """A sign-in has failed. ``detail`` is for the log: English, one line, without a secret."""

    def __init__(self, fault: SignInFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
