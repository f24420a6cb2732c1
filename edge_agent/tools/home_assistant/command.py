"""``edge-agent home-assistant``: reads the births at the broker and publishes the announcements, once or for
good."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from typing import TextIO

from edge_agent.config.model.settings import Broker
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.errors import MqttError
from edge_agent.host.system.process import stop_on_signals
from edge_agent.mqtt.tools.tool_client import REFUSED, ToolClient, refusal
from edge_agent.tools.broker_arguments import broker_of, mqtt_of
from edge_agent.tools.home_assistant.discovery import AnnouncementState
from edge_agent.tools.home_assistant.entities import DiscoveryOptions

RETAINED_S = 30.0
"""Longest wait for all retained messages."""
FOLLOW_S = 1.0


def run_home_assistant(args: argparse.Namespace, stdout: TextIO) -> int:
    """Return 0, or 1 if the broker has no birth of a gateway. Raises UsageError, MqttError."""
    broker = broker_of(args.broker)
    options = DiscoveryOptions(args.lang, args.off_delay_s, args.with_pictures)
    state = AnnouncementState(args.root, args.discovery_prefix, args.ward, options)
    state.removes_all = args.remove
    name = f"home-assistant-{secrets.token_hex(6)}"
    with ToolClient(broker, mqtt_of(args, broker), name) as client:
        client.subscribe(*state.subscriptions())
        client.require_subscribed()
        _receive_retained(client, broker, state, args.discovery_prefix)
        added, removed = _publish(client, broker, state)
        print(
            f"gateways: {state.gateways}, announced or changed: {added}, removed: {removed}",
            file=stdout,
            flush=True,
        )
        for gateway in state.unreadable:
            print(f"{gateway}: its birth cannot be read; its entities stay as they are", file=sys.stderr)
        if args.follow:
            _follow(client, broker, state)
            return EX_OK
    if state.gateways or args.remove:
        return EX_OK
    print(
        "no gateway has a birth at this broker, or its ACL does not let this user read it (--ward)",
        file=sys.stderr,
    )
    return EX_FAILED


def _receive_retained(client: ToolClient, broker: Broker, state: AnnouncementState, prefix: str) -> None:
    """Receive all retained messages. Raises MqttError, UsageError.

    The broker sends them before any message that is published after the subscription. So this function
    publishes an empty announcement, which Home Assistant ignores, and receives until that comes back.
    """
    marker = f"{prefix}/sensor/_marker/{secrets.token_hex(8)}/config"
    reason = client.publish(marker, b"")
    if reason >= REFUSED:
        raise refusal(broker, f"write {prefix}/…/config", reason)
    deadline = time.monotonic() + RETAINED_S
    while time.monotonic() < deadline:
        message = client.receive(deadline - time.monotonic())
        if message is not None and message.topic == marker:
            break
        if message is not None:
            state.receive(message.topic, message.payload)
    else:
        raise MqttError(
            f"the broker did not send back a message on {prefix}/…/config within {RETAINED_S:.0f} s: does "
            "its ACL let this user read there? Nothing was announced"
        )
    if client.dropped:
        raise MqttError(
            "the broker has more messages than can be received: give --ward. Nothing was announced"
        )


def _publish(client: ToolClient, broker: Broker, state: AnnouncementState) -> tuple[int, int]:
    """Publish all changes; return how many announcements were written and removed. Raises MqttError."""
    changes = state.changes()
    for topic, payload in changes:
        reason = client.publish(topic, payload, retain=True)
        if reason >= REFUSED:
            raise refusal(broker, f"write {topic}", reason)
        state.published(topic, payload)
    removed = sum(not payload for _, payload in changes)
    return len(changes) - removed, removed


def _follow(client: ToolClient, broker: Broker, state: AnnouncementState) -> None:
    """Publish changes until a signal ends the program. Raises MqttError when the connection ends; the next
    start compares everything again, and so also finds gateways that were removed in the meantime."""
    stop = stop_on_signals()
    while not stop.is_set():
        first = client.receive(FOLLOW_S)
        if first is None:
            continue
        for message in (first, *client.receive_all()):
            state.receive(message.topic, message.payload)
        _publish(client, broker, state)
