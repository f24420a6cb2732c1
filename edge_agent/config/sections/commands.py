"""``commands``: what the centre may ask the gateway to do."""

from __future__ import annotations

from edge_agent.config.fields.keys import OperatorKeys
from edge_agent.config.fields.kinds import WordChoice
from edge_agent.config.fields.many import ListOf
from edge_agent.config.fields.spec import Field, Section, build_from_values
from edge_agent.config.model.settings import SIGNED_COMMANDS, Commands
from edge_agent.wire import ARGUMENTS

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
        Field(
            "signed",
            ListOf(WordChoice(tuple(ARGUMENTS)), "types of commands", unique=True),
            "an operator has to sign these, too, instead of everybody who may write to the broker; always "
            "signed: collect, model, reboot, set-config, update, what goes to a URL, and to let evidence go. "
            "The end of a mask, disarm or collect (for_s: 0) need not be",
            SIGNED_COMMANDS,
            ", ".join(SIGNED_COMMANDS),
        ),
    ),
    build_from_values(Commands),
)
