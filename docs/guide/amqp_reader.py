"""Prints each event of a ward once: python amqp_reader.py HOST:PORT WARD USER PASSWORD_FILE [CA CERT KEY]

Needs pika. The queue is called after the user, and stays while the program is away: docs/guide/rabbitmq.md.
"""

import json
import ssl
import sys
from pathlib import Path

import pika

place, ward, user, password_file, *tls = sys.argv[1:]
host, _, port = place.partition(":")
options = None
if tls:
    context = ssl.create_default_context(cafile=tls[0])
    context.load_cert_chain(*tls[1:])
    options = pika.SSLOptions(context, host)
login = pika.PlainCredentials(user, Path(password_file).read_text().strip())
parameters = pika.ConnectionParameters(host, int(port), credentials=login, ssl_options=options)

with pika.BlockingConnection(parameters) as connection:
    channel = connection.channel()
    channel.queue_declare(user, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(user, "amq.topic", f"tb.v1.{ward}.*.up.event.*")
    channel.basic_qos(prefetch_count=100)
    print("reads", user, file=sys.stderr, flush=True)
    seen = set()  # a resend is the same event; a real program keeps this on disk
    for method, _, body in channel.consume(user):
        event = json.loads(body)
        if (event["source"], event["id"]) not in seen:
            seen.add((event["source"], event["id"]))
            print(*(event[key] for key in ("time", "source", "subject", "type", "data")), flush=True)
        channel.basic_ack(method.delivery_tag)  # only now does the broker forget it
