"""A second broker user in the configuration of the centre, beside the user of the ingest."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields import login
from edge_agent.config.fields.declare import Key
from edge_agent.config.fields.field_types import ReadableFile, identifier
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.model.settings import Mqtt
from edge_agent.core.secrets import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUser:
    """The broker user that connects; broker, root and ca_file are those of mqtt."""

    id: Annotated[str, Key("MQTT client id; at a broker with certificates the CN of cert_file", identifier())]
    cert_file: Annotated[
        Path | None, Key("client certificate", ReadableFile("a certificate file"), "none")
    ] = None
    key_file: Annotated[
        Path | None, Key("private key of cert_file", ReadableFile("a key file", private=True), "none")
    ] = None
    credentials: Annotated[Credentials | None, login.LOGIN] = None

    def mqtt(self, shared: Mqtt) -> Mqtt:
        """Return ``shared`` with the login of this user."""
        return replace(shared, cert_file=self.cert_file, key_file=self.key_file, credentials=self.credentials)


def check_user(values: SectionValues) -> None:
    login.check_login(values)
    values.require_both("cert_file", "key_file")
