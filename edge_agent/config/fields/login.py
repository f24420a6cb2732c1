"""``username`` and ``password_file``, for every section with a login."""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.config.fields.declare import Made
from edge_agent.config.fields.field_types import PasswordFile, Text
from edge_agent.config.fields.schema_types import Field, SectionValues
from edge_agent.config.texts.messages import message
from edge_agent.core.secrets import Credentials

_USERNAME = Field("username", Text("a user name"), "user name; needs password_file", None, "none")
_PASSWORD_FILE = Field(
    "password_file",
    PasswordFile(),
    "file with the password in its one line; a relative path is looked for in systemd's "
    "`$CREDENTIALS_DIRECTORY`, then beside the configuration file",
    None,
    "none",
)
ADVICE = MappingProxyType(dict.fromkeys(("password", "pass", "passwd", "pwd"), message("password-apart")))
"""Messages for people who write the password itself into the configuration."""


def check_login(values: SectionValues) -> None:
    values.require_both("username", "password_file")


def credentials_of(values: SectionValues) -> Credentials | None:
    if not values.given("username"):
        return None
    return Credentials(values["username"], values["password_file"])


LOGIN = Made(credentials_of, (_USERNAME, _PASSWORD_FILE))
"""For a settings field with a login: makes the credentials from the two keys."""
