"""The gateway over TLS: h2 and HTTP/1.1, with a CA of its own and with given files."""

import os
import socket
import ssl
import subprocess
from pathlib import Path

import boto3
import pytest
from aws import CONFIG
from server import Server, clean_environment

MODEL = "us.amazon.nova-2-lite-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Repeat after me: sealed"}]}]


def start(folder: Path, *flags: str) -> Server:
    command = ["serve", "--local", *flags]
    server = Server(os.environ["OUTCROP_BIN"], command, folder, clean_environment(folder))
    server.wait_until(lambda: "profile" in server.out(), "it printed its profiles")
    return server


def agreed(address: str, ca: Path, *offers: str) -> str | None:
    """The protocol that a client who trusts `ca` gets."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(list(offers))
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=host) as sealed:
            return sealed.selected_alpn_protocol()


def said(address: str, ca: Path) -> str:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=f"https://{address}",
        region_name="us-east-1",
        aws_access_key_id="AKIDANY",
        aws_secret_access_key="any",
        verify=str(ca),
        config=CONFIG,
    )
    return client.converse(modelId=MODEL, messages=MESSAGES)["output"]["message"]["content"][0]["text"]


@pytest.fixture
def made(tmp_path):
    """A gateway with a CA that it made."""
    server = start(tmp_path, "--tls")
    try:
        yield server, next(tmp_path.rglob("ca.pem"))
        server.stop()
    finally:
        server.kill()


def test_a_ca_of_its_own_is_made_and_told(made):
    server, ca = made
    assert f"https://{server.address}" in server.out() and str(ca) in server.out()
    assert [agreed(server.address, ca, "h2", "http/1.1"), agreed(server.address, ca, "http/1.1")] == ["h2", "http/1.1"]
    assert said(server.address, ca) == "sealed"
    assert oct((ca.parent / "ca.key").stat().st_mode & 0o777) == oct(0o600)


def test_given_files_are_used(tmp_path):
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=given"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is missing")
    server = start(tmp_path / "gateway", "--tls-cert", str(certificate), "--tls-key", str(key))
    try:
        assert agreed(server.address, certificate, "h2") == "h2"
        assert said(server.address, certificate) == "sealed"
        server.stop()
    finally:
        server.kill()


def test_a_certificate_needs_its_key(tmp_path):
    command = [os.environ["OUTCROP_BIN"], "serve", "--tls-cert", str(tmp_path / "server.pem")]
    done = subprocess.run(command, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "--tls-key" in done.stderr
