"""No secret ever comes out: canaries in every place for one, and every byte that the gateway says or keeps is searched.

What is searched: the output of a gateway that logs all it can and of every command that only reads, answers with their
headers, the data folder, and what is said of configurations that are broken just where a secret stands.
"""

import base64
import gc
import hashlib
import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import aws
import pytest
from botocore.exceptions import ClientError
from emulated import ACCOUNT, NOVA, REGION, Emulated, started
from material import repeat
from server import Server, clean_environment


def canary(name: str) -> str:
    """A secret that looks like one of AWS's, with characters that are written differently in URLs and in base64."""
    return f"cAnArY/{name}+{hashlib.sha256(name.encode()).hexdigest()[:32]}"


# A client's keys, by their names in the file; the first one comes from a variable, the second stands in the file.
KEYS = {name: canary(f"key-{name}") for name in ("alice", "bob", "carol", "dave", "erin", "frank")}
ACCESS_KEY = "AKIACANARYCANARY0001"
# All that is planted, by what it is; the house adds what it is given by AWS and by the gateway.
SECRETS = {
    "secret access key": canary("secret"),
    "bearer key": canary("bearer"),
    "bearer key in the file": canary("bearer-in-file"),
    "secret access key in the file": canary("secret-in-file"),
    "session token in the file": canary("session-in-file"),
    "unused secret of the environment": canary("unused-secret"),
    "unused token of the environment": canary("unused-token"),
    "external id": canary("external").replace("/", ":").replace("+", "-"),
    "wrong external id": canary("wrong-external").replace("/", ":").replace("+", "-"),
    # A URL holds it as it is.
    "password of the proxy": "cAnArYproxy" + hashlib.sha256(b"proxy").hexdigest()[:32],
    "key of nobody": canary("nobody"),
    # Without a word that tells what it is.
    "secret in a broken file": canary("plain"),
} | {f"key of {name}": key for name, key in KEYS.items()}
PROMPT = "cAnArY of the prompt " + hashlib.sha256(b"prompt").hexdigest()[:32]
PROXY = f"http://proxyuser:{SECRETS['password of the proxy']}@127.0.0.1:9"


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may be written. In base64 it looks different for each place in a group of three bytes."""
    for text in {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}:
        yield text.encode()
    yield secret.encode().hex().encode()
    for before in range(3):
        written = base64.b64encode(b"\0" * before + secret.encode())
        # Without the characters that depend on what stands before or after it.
        inner = written[(before * 8 + 5) // 6 : -4]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))
    # The last part alone: a secret that is shown in part is shown.
    yield secret[-24:].encode()


class Evidence:
    """Everything that came out, by where."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bytes]] = []

    def add(self, where: str, said: bytes) -> None:
        self.pieces.append((where, said))

    def holding(self, wanted: bytes) -> list[str]:
        return [where for where, said in self.pieces if wanted in said]

    def leaks(self, secret: str) -> list[str]:
        return sorted({where for form in forms(secret) for where in self.holding(form)})


class House:
    """A gateway with secrets in every place, the emulated account behind it, and what they were heard to say."""

    def __init__(self, folder: Path, emulator: Emulated) -> None:
        self.folder = folder
        self.emulator = emulator
        self.heard = Evidence()
        self.secrets = dict(SECRETS)
        folder.mkdir(exist_ok=True)
        role = self.make_role()
        session = self.client("sts").get_session_token()["Credentials"]
        self.session_id = session["AccessKeyId"]
        self.secrets["secret of the session"] = session["SecretAccessKey"]
        self.secrets["token of the session"] = session["SessionToken"]
        (folder / ".env").write_text(
            f"BEDROCK_AWS_ACCESS_KEY_ID={session['AccessKeyId']}\n"
            f"BEDROCK_AWS_SECRET_ACCESS_KEY={session['SecretAccessKey']}\n"
            f"BEDROCK_AWS_SESSION_TOKEN={session['SessionToken']}\n"
            f"ALICE_KEY='{KEYS['alice']}'\nEXTERNAL_ID='{SECRETS['external id']}'\nBEARER='{SECRETS['bearer key']}'\n"
        )
        self.file = configuration(role)
        (folder / "outcrop.yaml").write_text(self.file)

    def client(self, service: str):
        """AWS as the account's owner sees it."""
        return aws.client(service, self.emulator.url, REGION, key=ACCESS_KEY, secret=SECRETS["secret access key"])

    def make_role(self) -> str:
        principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        condition = {"StringEquals": {"sts:ExternalId": SECRETS["external id"]}}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam = self.client("iam")
        arn = iam.create_role(RoleName="research", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        allowed = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}}
        iam.put_role_policy(RoleName="research", PolicyName="bedrock", PolicyDocument=json.dumps(allowed))
        return arn

    def environment(self) -> dict[str, str]:
        exported = {name: value for name, value in self.emulator.exports.items() if "ENDPOINT" in name}
        return clean_environment(self.folder) | exported | {
            "AWS_ACCESS_KEY_ID": "AKIAUNUSEDUNUSED0001",
            "AWS_SECRET_ACCESS_KEY": SECRETS["unused secret of the environment"],
            "AWS_SESSION_TOKEN": SECRETS["unused token of the environment"],
            "AWS_REGION": REGION,
            "HTTPS_PROXY": PROXY,
            "NO_PROXY": "127.0.0.1,localhost",
            "OUTCROP_ENV_FILE": ".env",
            "OUTCROP_LOG": "trace",
            "OUTCROP_RELOAD_INTERVAL_MS": "50",
            "OUTCROP_DATA_DIR": str(self.folder / "data"),
        }

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess:
        """Runs a command in the folder and hears what it says."""
        done = subprocess.run(
            [os.environ["OUTCROP_BIN"], *arguments],
            cwd=self.folder,
            env=self.environment() | changed,
            capture_output=True,
            timeout=60,
        )
        self.heard.add(f"outcrop {' '.join(arguments)}", done.stdout + done.stderr)
        return done

    def ask(self, server: Server, method: str, path: str, body: bytes | dict = b"", **headers: str) -> int:
        """Asks the gateway and hears the whole answer; its status."""
        connection = http.client.HTTPConnection(server.address, timeout=60)
        sent = json.dumps(body).encode() if isinstance(body, dict) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, sent or None, {"content-type": "application/json"} | named)
        answer = connection.getresponse()
        self.heard.add(f"{method} {path}", f"{answer.status}\n{answer.headers}".encode() + answer.read())
        connection.close()
        return answer.status


def configuration(role: str) -> str:
    keys = {"alice": "${ALICE_KEY}"} | {name: key for name, key in KEYS.items() if name != "alice"}
    accounts = {"carol": "research", "dave": "bear", "erin": "stranger", "frank": "impostor"}
    listed = [
        {"name": name, "key": key} | ({"account": accounts[name]} if name in accounts else {})
        for name, key in keys.items()
    ]
    whose = {
        "research": {"role": role, "external_id": "${EXTERNAL_ID}"},
        "impostor": {"role": role, "external_id": SECRETS["wrong external id"]},
        "bear": {"bearer": "${BEARER}"},
        "cub": {"bearer": SECRETS["bearer key in the file"]},
        "stranger": {
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRETS["secret access key in the file"],
            "session_token": SECRETS["session token in the file"],
        },
    }
    # JSON is YAML.
    return json.dumps({"aliases": {"fast": NOVA}, "keys": listed, "accounts": whose}, indent=1) + "\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    """The house after everything happened in it."""
    folder = tmp_path_factory.mktemp("canaries")
    known = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRETS["secret access key"],
        "AWS_BEARER_TOKEN_BEDROCK": SECRETS["bearer key"],
    }
    with started(folder / "emulator", **known) as emulator:
        house = House(folder / "house", emulator)
        with serving(house) as server:
            use(house, server)
            misuse(house, server)
            look(house, server)
            use_over_h2(house, server)
            break_the_file(house, server)
        read(house)
        misconfigure(house)
        for file in (house.folder / "data").rglob("*"):
            if file.is_file():
                house.heard.add(f"data/{file.name}", file.read_bytes())
        yield house


@contextmanager
def serving(house: House) -> Iterator[Server]:
    command = ["serve", "--log-format", "json"]
    server = Server(os.environ["OUTCROP_BIN"], command, house.folder, house.environment())
    try:
        server.wait_until(lambda: "gateway on" in server.out(), "it said where it is")
        yield server
        gc.collect()
        # Read while it lives, too: the files beside a database are gone when it is closed.
        for file in (house.folder / "data").rglob("*"):
            house.heard.add(f"data/{file.name} while it serves", file.read_bytes() if file.is_file() else b"")
        server.stop()
    finally:
        server.kill()
        house.heard.add("the gateway's output", server.log().encode())


def chat(stream: bool = False, **more) -> dict:
    return {"model": "fast", "stream": stream, "messages": [{"role": "user", "content": repeat(PROMPT)}]} | more


def use(house: House, server: Server) -> None:
    """What works, and what AWS refuses, as each of the accounts."""
    for name, key in KEYS.items():
        for stream in (False, True):
            status = house.ask(server, "POST", "/v1/chat/completions", chat(stream), authorization=f"Bearer {key}")
            assert (status == 200) == (name not in ("erin", "frank")), (name, house.heard.pieces[-1])
    body = {"model": NOVA, "max_tokens": 100, "messages": [{"role": "user", "content": repeat(PROMPT)}]}
    assert house.ask(server, "POST", "/v1/messages", body, x_api_key=KEYS["alice"]) == 200
    signed(house, server, "bob", KEYS["bob"])
    made = subprocess.run(
        [os.environ["OUTCROP_BIN"], "keys", "create", "--name", "made"],
        cwd=house.folder,
        env=house.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    # Shown this once, on purpose.
    house.secrets["key that was made"] = made.stdout.strip()
    house.heard.add("outcrop keys create, on standard error", made.stderr.encode())
    key = {"authorization": f"Bearer {made.stdout.strip()}"}
    assert house.ask(server, "POST", "/v1/chat/completions", chat(), **key) == 200
    faults = ["ThrottlingException", "ServiceUnavailableException", "AccessDeniedException", "ExpiredTokenException"]
    faults += ["InvalidSignatureException", "cut;at=mid", "bad-crc;at=mid", "ValidationException;at=mid"]
    for fault in faults:
        house.emulator.control("faults", {"fault": fault})
        stream = ";" in fault
        house.ask(server, "POST", "/v1/chat/completions", chat(stream), authorization=f"Bearer {KEYS['alice']}")
        house.ask(server, "POST", "/v1/chat/completions", chat(stream), authorization=f"Bearer {KEYS['dave']}")
    house.emulator.control("faults", {"faults": []})


def signed(house: House, server: Server, name: str, secret: str) -> None:
    client = aws.client("bedrock-runtime", server.url, REGION, key=name, secret=secret)
    try:
        answer = client.converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": repeat(PROMPT)}]}])
        said = json.dumps(answer, default=str)
    except ClientError as error:
        said = json.dumps(error.response, default=str)
    house.heard.add(f"Converse signed by {name}", said.encode())


def misuse(house: House, server: Server) -> None:
    """What the gateway refuses."""
    nobody = SECRETS["key of nobody"]
    wrong = [
        {"authorization": f"Bearer {nobody}"},
        {"authorization": f"bearer  {KEYS['bob']} "},
        {"authorization": f"Basic {basic(KEYS['bob'])}"},
        {"authorization": KEYS["bob"]},
        {"authorization": f"AWS4-HMAC-SHA256 Credential={nobody}/20260101/us-east-1/bedrock/aws4_request"},
        {"x_api_key": nobody},
        {"x_amz_security_token": nobody},
        {"cookie": f"key={KEYS['bob']}"},
        {},
    ]
    for headers in wrong:
        assert house.ask(server, "POST", "/v1/chat/completions", chat(), **headers) in (200, 400, 401, 403)
    signed(house, server, "bob", nobody)
    signed(house, server, "alice", KEYS["bob"])
    right = {"authorization": f"Bearer {KEYS['alice']}"}
    broken = [b"{", b'{"model": 1}', b"\xff\xfe", b'{"model": "fast", "messages": [{"role": "owner"}]}']
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", f"/model/{NOVA}/converse", "/v1/embeddings"):
        for body in broken:
            assert 400 <= house.ask(server, "POST", path, body, **right) < 500
    assert house.ask(server, "GET", "/no/such/path", **right) == 404
    assert house.ask(server, "GET", f"/v1/models?key={quote(KEYS['bob'], safe='')}") == 401
    assert house.ask(server, "DELETE", "/v1/chat/completions", **right) in (404, 405)


def look(house: House, server: Server) -> None:
    """What only reads."""
    for headers in ({}, {"authorization": f"Bearer {KEYS['alice']}"}):
        for path in ("/healthz", "/readyz", "/metrics", "/v1/models", f"/v1/models/{NOVA}", "/inference-profiles"):
            house.ask(server, "GET", path, **headers)


def use_over_h2(house: House, server: Server) -> None:
    """Over HTTP/2, as curl speaks it: right and wrong keys, whole, streamed and broken off."""
    curl = shutil.which("curl")
    if not curl or "HTTP2" not in subprocess.run([curl, "--version"], capture_output=True, text=True).stdout:
        print("no curl that speaks HTTP/2: canaries are looked for over HTTP/1.1 alone")
        return
    nobody, alice = SECRETS["key of nobody"], KEYS["alice"]
    for key, stream, fault, status in (
        (alice, False, "none", 200),
        (alice, True, "none", 200),
        (alice, True, "cut;at=mid", 200),
        (alice, False, "AccessDeniedException", 403),
        (KEYS["erin"], True, "none", None),
        (nobody, False, "none", 401),
    ):
        house.emulator.control("faults", {"fault": fault})
        command = [curl, "-s", "-i", "--http2-prior-knowledge", "--max-time", "60", f"{server.url}/v1/chat/completions"]
        command += ["-H", f"authorization: Bearer {key}", "-H", "content-type: application/json"]
        done = subprocess.run([*command, "-d", json.dumps(chat(stream))], capture_output=True)
        house.heard.add(f"HTTP/2, {fault}", done.stdout + done.stderr)
        head = done.stdout.splitlines()[0]
        assert head.startswith(b"HTTP/2 ") and (status is None or int(head.split()[1]) == status), done
    house.emulator.control("faults", {"faults": []})


# Mistakes on the very line where a secret stands: `{}` is the secret.
BROKEN_FILES = [
    "keys:\n - {name: a, key: '{}', acount: b}\n",
    "keys:\n - {name: a, key: '{}'\n",
    "keys: '{}'\n",
    "keys:\n - {name: a, key: ['{}']}\n",
    "keys:\n - {name: a, key: '{} with blanks'}\n",
    "keys:\n - {name: a, key: '{}${NO_SUCH}'}\n",
    "keys:\n - {name: a, key: '{}'}\n - {name: a, key: '{}'}\n",
    "keys:\n - name: a\n   key:\n    '{}\n",
    "accounts:\n x: {bearer: '{}', secret_access_key: '{}'}\n",
    "accounts:\n x: {access_key_id: AKIA, secret_access_key: '{} {}'}\n",
    "accounts:\n x: {secret_access_key: '{}'}\n",
    "accounts:\n x: {bearer: {key: '{}'}}\n",
]
# The same where no word on the line tells that a secret stands there.
UNMARKED_FILES = [
    "keys:\n - {name: a, kye: '{}'}\n",
    "keys:\n - '{}'\n",
    "keys:\n - name: a\n   key: >-\n    {}\n    ${NO_SUCH}\n",
    "accounts: [{bearer: '{}'}]\n",
    "accounts:\n x: {bearer: '{}', rolle: a}\n",
    "accounts:\n x: {bearer: '{} {}'}\n",
    "accounts:\n x: {bearer: '{}${NO_SUCH}'}\n",
    "accounts:\n x:\n  bearr: '{}'\n",
    "accounts:\n x:\n  bearer: '{}'\n  bearer: '{}'\n",
    "accounts:\n x: {role: 'no arn', external_id: '{}'}\n",
    "accounts:\n x: {external_id: '{}', rolle: a}\n",
    "accounts:\n x: {role: 'arn:aws:iam::123456789012:role/a', external_id: '{}${NO_SUCH}'}\n",
    # A secret in a key's place.
    "'{}': alice\n",
    "keys:\n - {'{}': alice}\n",
    "keys:\n - {name: a, key: b, '{}': c}\n",
    "accounts:\n x: {'{}': {}}\n",
    "accounts:\n x: {bearer: a}\n '{}': {rolle: b}\n",
    "accounts:\n x: {bearer: a, '{}': 1, '{}': 2}\n",
    "upstream: {'{}': 1}\n",
]
# Addresses that hold a password, which is why they are refused.
ENDPOINTS = ["https://me:{}@127.0.0.1:9", "http://me:{}@example.com", "https://me:{}@bedrock example"]


def broken_files() -> list[str]:
    return [text.replace("{}", SECRETS["secret in a broken file"]) for text in BROKEN_FILES]


def break_the_file(house: House, server: Server) -> None:
    """The gateway says in its log why it stays with what it has."""
    for count, text in enumerate(broken_files()[:3], 1):
        (house.folder / "outcrop.yaml").write_text(text)
        server.wait_until(lambda: refusals(server) >= count, f"it refused the file for the {count}th time")
    (house.folder / "outcrop.yaml").write_text(house.file)
    assert house.ask(server, "GET", "/v1/models", authorization=f"Bearer {KEYS['alice']}") == 200


def refusals(server: Server) -> int:
    """How many configurations it would not take, by its log."""
    lines = [line for line in server.log().splitlines() if '"outcrop::reload"' in line]
    return sum('"level":"ERROR"' in line or '"level":"WARN"' in line for line in lines)


def read(house: House) -> None:
    """Every command that only reads, in a house that is in order."""
    for command in (
        ["config", "check"],
        ["config", "show", "--resolved", "--json"],
        ["config", "show", "--why"],
        ["doctor"],
        ["doctor", "--json"],
        ["doctor", "fast"],
        ["doctor", "credentials"],
        ["doctor", "credentials", "--json"],
        ["explain", "fast", "--why", "--json"],
        ["explain", "fast"],
        ["models", "list"],
        ["models", "list", "--json"],
        ["models", "access"],
        ["profiles", "list", "--json"],
        ["profiles", "env"],
        ["iam", "policy", "--explain"],
        ["iam", "policy", "--role", "research"],
        ["iam", "policy", "--key", "carol"],
        ["usage", "--by", "key"],
        ["usage", "--by", "model", "--json"],
        ["keys", "list"],
        ["keys", "list", "--json"],
        ["metrics"],
        ["logging", "status"],
        ["batch", "list"],
    ):
        house.run(*command)


def misconfigure(house: House) -> None:
    """Commands where something is wrong with what holds the secret."""
    secret = SECRETS["unused secret of the environment"]
    for text in broken_files():
        (house.folder / "broken.yaml").write_text(text)
        for command in (["config", "check"], ["config", "show", "--json"], ["serve"]):
            done = house.run(*command, "--config", "broken.yaml")
            assert done.returncode != 0, (text, done.stdout)
    for line in (f"BEDROCK_AWS_SECRET_ACCESS_KEY {secret}", f"KEY='{secret}", f"{secret}=x", f"A B={secret}"):
        (house.folder / "broken.env").write_text(f"{line}\n")
        assert house.run("config", "check", "--env-file", "broken.env").returncode == 1
    for name, value in (
        ("HTTPS_PROXY", PROXY.replace("http:", "socks5:")),
        ("HTTPS_PROXY", PROXY.replace("127.0.0.1:9", "no host")),
        ("HTTPS_PROXY", PROXY.replace("http://", "")),
        ("BEDROCK_AWS_SECRET_ACCESS_KEY", secret),
        ("BEDROCK_AWS_BEARER_TOKEN", f"{secret} {secret}"),
        ("BEDROCK_AWS_BEARER_TOKEN", f"ABSK{secret}"),
        ("AWS_BEARER_TOKEN_BEDROCK", f"{secret}\u00e9"),
    ):
        for command in (["config", "check"], ["config", "show", "--json"], ["doctor", "credentials"], ["doctor"]):
            house.run(*command, **{name: value})
    # To AWS's own address, through a proxy where nobody listens: nothing leaves this machine.
    away = {name: "" for name in house.emulator.exports if "ENDPOINT" in name}
    for command in (["doctor", "credentials", "--json"], ["doctor"], ["profiles", "list"], ["metrics"]):
        house.run(*command, **away)


def test_no_secret_comes_out(house):
    leaks = {name: house.heard.leaks(secret) for name, secret in house.secrets.items()}
    assert not {name: where for name, where in leaks.items() if where}


@pytest.mark.parametrize("text", UNMARKED_FILES)
def test_a_broken_file_is_not_quoted_where_a_secret_stands(tmp_path, text):
    assert leaks_of_a_check(tmp_path, text) == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("variable", [None, "AWS_ENDPOINT_URL", "BEDROCK_REVERSE_PROXY"])
def test_an_endpoint_with_a_password_is_refused_without_quoting_it(tmp_path, endpoint, variable):
    text = "listen: 127.0.0.1:4141\n" if variable else f"upstream: {{runtime: '{endpoint}'}}\n"
    assert leaks_of_a_check(tmp_path, text, **({variable: endpoint} if variable else {})) == []


def leaks_of_a_check(folder: Path, text: str, **variables: str) -> list[str]:
    """What `config check` says of the secret that stands for `{}` in a file or in variables, both of them broken."""
    secret = SECRETS["secret in a broken file"].replace("/", "-")
    (folder / "broken.yaml").write_text(text.replace("{}", secret))
    done = subprocess.run(
        [os.environ["OUTCROP_BIN"], "config", "check", "--config", "broken.yaml"],
        cwd=folder,
        env=clean_environment(folder) | {name: value.replace("{}", secret) for name, value in variables.items()},
        capture_output=True,
        timeout=60,
    )
    if done.returncode != 1:
        pytest.fail(f"it was taken for good: {done}")
    heard = Evidence()
    heard.add("outcrop config check", done.stdout + done.stderr)
    return heard.leaks(secret)


def test_the_search_finds_what_is_there(house):
    """What is no secret comes out, in each kind of place that is searched: so a secret would be found, too."""
    found = " ".join(house.heard.holding(house.session_id.encode()))
    assert "outcrop doctor credentials" in found
    for where in ("outcrop config show", "outcrop usage --by key", "data/ledger.sqlite3"):
        assert where in " ".join(house.heard.holding(b"alice")), where
    log = " ".join(house.heard.holding(b'"level":"TRACE"'))
    assert "the gateway's output" in log
    assert "POST /v1/chat/completions" in " ".join(house.heard.holding(b"outcrop-request-id"))
    assert "doctor" in " ".join(house.heard.holding(b"127.0.0.1:9"))


def basic(secret: str) -> str:
    return base64.b64encode(f"me:{secret}".encode()).decode()


def shortened(secret: str) -> str:
    return "…" + secret[-24:]


@pytest.mark.parametrize("written", [quote, basic, shortened])
def test_the_search_knows_other_forms(written):
    heard = Evidence()
    heard.add("somewhere", f"before {written(KEYS['bob'])} after".encode())
    assert heard.leaks(KEYS["bob"]) == ["somewhere"] and heard.leaks(KEYS["alice"]) == []


def test_no_prompt_is_logged_or_kept_in_the_ledger(house):
    found = house.heard.leaks(PROMPT)
    assert "POST /v1/chat/completions" in found
    silent = ("ledger", "the gateway's output", "/metrics", "outcrop ")
    assert not [where for where in found if any(word in where for word in silent)]
