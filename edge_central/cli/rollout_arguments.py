"""Arguments of ``edge-agent central rollout``. Importing this module needs no library of the extra
``central``."""

from __future__ import annotations

from pathlib import Path

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command


def add_rollout_to(actions: Commands, default_config: Path) -> None:
    rollout = add_command(
        actions, "rollout", "record the roll-outs of rollout.yml for the console, and stop them"
    )
    todo = rollout.add_commands("todo")
    for add in (_add_begin, _add_batch, _add_failed, _add_end, _add_stop, _add_list):
        add(todo).add_config(default_config)


def _add_begin(todo: Commands) -> CommandParser:
    begin = add_command(
        todo,
        "begin",
        "record that a roll-out begins, and print its number; rollout.yml runs this",
        "edge-agent central rollout begin 0.2.0 --gateways 412 --by an",
    )
    _add_version(begin)
    begin.add_value("--gateways", "N", "number of gateways that get the release", type=int, required=True)
    _add_person(begin)
    begin.add_json()
    return begin


def _add_batch(todo: Commands) -> CommandParser:
    batch = add_command(
        todo,
        "batch",
        "record the next batch, unless the roll-out was stopped; rollout.yml runs this",
        "edge-agent central rollout batch 0.2.0 --run 7 --gateway dt-001 --gateway dt-002",
        exit_codes={1: "the roll-out was stopped: begin no batch"},
    )
    _add_version(batch)
    batch.add_value("--gateway", "ID", "id of the gateway; may be repeated", action="append", required=True)
    _add_number(batch)
    return batch


def _add_failed(todo: Commands) -> CommandParser:
    failed = add_command(
        todo,
        "failed",
        "record a gateway at which the roll-out failed; rollout.yml runs this",
        "edge-agent central rollout failed 0.2.0 --run 7 --gateway dt-001 --reason 'no heartbeat in 180 s'",
    )
    _add_version(failed)
    failed.add_value("--gateway", "ID", "id of the gateway", required=True)
    failed.add_value("--reason", "TEXT", "reason; why the roll-out failed", required=True)
    _add_number(failed)
    return failed


def _add_end(todo: Commands) -> CommandParser:
    end = add_command(
        todo,
        "end",
        "record that a roll-out is complete; rollout.yml runs this",
        "edge-agent central rollout end 0.2.0 --run 7",
    )
    _add_version(end)
    _add_number(end)
    return end


def _add_stop(todo: Commands) -> CommandParser:
    stop = add_command(
        todo,
        "stop",
        "stop the roll-out: no further batch begins",
        "edge-agent central rollout stop --by an --reason 'cameras of dt-001 stay dark'",
        exit_codes={1: "failed, or no roll-out is running"},
        description="Stop the roll-out: no further batch begins. The batch that is under way ends by itself; "
        "its gateways stay on the release that they have then. To continue, run rollout.yml again: it leaves "
        "out gateways that have the release.",
    )
    stop.add_value("--reason", "TEXT", "reason; why the roll-out is stopped; default: none", default="")
    _add_person(stop)
    return stop


def _add_list(todo: Commands) -> CommandParser:
    listing = add_command(
        todo,
        "list",
        "list the newest roll-outs with their batches",
        "edge-agent central rollout list --json",
    )
    listing.add_json()
    return listing


def _add_version(parser: CommandParser) -> None:
    parser.add_value("version", "VERSION", "version of the release")


def _add_number(parser: CommandParser) -> None:
    parser.add_value(
        "--run", "N", "number that `central rollout begin` printed; default: the newest", type=int
    )


def _add_person(parser: CommandParser) -> None:
    parser.add_by("for the record", required=True)
