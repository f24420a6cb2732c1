"""Tries a connection to the broker with a certificate of a box."""

from __future__ import annotations

from tests.deploy.boxes import Box


def handshake(box: Box, broker: Box, folder: str) -> str:
    """Whether the broker accepts a certificate: with TLS 1.3 a refusal comes with the first read."""
    lines = (
        "import socket, ssl, sys",
        "tls = ssl.create_default_context(cafile='/etc/edge-agent/tls/ca.crt')",
        f"tls.load_cert_chain('{folder}/client.crt', '{folder}/client.key')",
        f"at = socket.create_connection(('{broker.address}', 8883), 10)",
        "at = tls.wrap_socket(at, server_hostname='broker-1')",
        # CONNECT of MQTT 5 with a client id that the broker replaces by the name in the certificate.
        "at.sendall(bytes([16, 15, 0, 4]) + b'MQTT' + bytes([5, 2, 0, 60, 0, 0, 2]) + b'xx')",
        "print('let in' if at.recv(4)[:1] == bytes([32]) else 'refused')",
    )
    script = box.root / "root/handshake.py"
    script.write_text("\n".join(lines))
    done = box.ssh("sudo python3 /root/handshake.py")
    refused = "alert" in done.stderr or "reset" in done.stderr
    return "refused" if refused else done.stdout.strip() or done.stderr
