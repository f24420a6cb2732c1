"""``commands``: what the centre may ask the gateway to do."""

from __future__ import annotations

from edge_agent.config.keys import OperatorKeys
from edge_agent.config.many import ListOf
from edge_agent.config.settings import Commands
from edge_agent.config.spec import Field, Section, plain

COMMANDS = Section(
    "commands",
    "What the centre may ask the gateway to do. Risky commands have to be signed by an operator.",
    (
        Field(
            "operator_keys",
            ListOf(OperatorKeys(), "files and folders", most=16),
            "whose signatures count; read when one comes, without a key no risky command is obeyed",
            (),
            "none",
        ),
    ),
    plain(Commands),
)
