"""`memsvc keys`: what is printed where, and that a key is shown once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import apsw
import pytest

from memsvc.cli import main

ROOT = Path(__file__).parents[2]
KEY = re.compile(r"msk_([0-9a-f]{12})_[0-9a-f]{64}\n")


class Shell:
    """Runs commands on one store."""

    def __init__(self, folder: Path, output: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "keys.db"
        self._output = output

    def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Standard output and error of `memsvc keys ...`."""
        assert main(["keys", *words, "--store", f"sqlite:///{self.file}"]) == status
        return self._output.readouterr()

    def listed(self, *words: str) -> list[dict[str, str]]:
        """What `list` shows."""
        return [json.loads(line) for line in self.run("list", "--json", *words)[0].splitlines()]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)  # where a memsvc.toml would be looked for
    return Shell(tmp_path, capsys)


def test_standard_output_is_the_key_and_nothing_else(shell: Shell) -> None:
    out, told = shell.run("create", "--tenant", "acme", "--name", "ci", "--expires", "90d")
    found = KEY.fullmatch(out)
    assert found
    assert found[1] in told
    assert out.strip() not in told
    (row,) = shell.listed()
    created, expires = row.pop("created"), row.pop("expires")
    assert created[:4].isdigit()
    assert expires > created
    assert row == {
        **{"id": found[1], "tenant": "acme", "name": "ci", "scopes": "read,write"},
        **{"state": "active", "ends in": out.strip()[-4:]},
    }


def test_a_key_is_nowhere_afterwards(shell: Shell) -> None:
    keys = [shell.run("create", "--tenant", "acme")[0].strip()]
    keys.append(shell.run("rotate", keys[0].split("_")[1], "--grace", "1h")[0].strip())
    assert len(set(keys)) == 2
    shown = "".join(shell.run("list")) + "".join(shell.run("list", "--json"))
    stored = b"".join(path.read_bytes() for path in shell.file.parent.iterdir())
    for key in keys:
        secret = key.split("_")[2]
        assert secret not in shown
        assert secret.encode() not in stored
        assert bytes.fromhex(secret) not in stored


def test_the_life_of_a_key(shell: Shell) -> None:
    id = shell.run("create", "--tenant", "acme", "--scope", "admin, read")[0].split("_")[1]
    shell.run("create", "--tenant", "bolt")
    out, told = shell.run("rotate", id)
    assert KEY.fullmatch(out)
    assert f"key {id} is revoked" in told
    assert "within 5 seconds" in shell.run("revoke", out.split("_")[1])[1]
    assert [(r["state"], r["scopes"]) for r in shell.listed("--tenant", "acme")] == [("revoked", "read,admin")] * 2
    assert [r["state"] for r in shell.listed("--tenant", "bolt")] == ["active"]
    assert shell.listed("--tenant", "nobody") == []
    lines = shell.run("list")[0].splitlines()
    assert lines[0].split()[:4] == ["id", "tenant", "name", "scopes"]
    assert len(lines) == 4


def test_what_is_wrong_is_said_in_a_sentence(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no store" in shell.run("revoke", "zz", status=1)[1]
    assert not shell.file.exists()
    shell.run("create", "--tenant", "acme")
    assert "no key 'zz'" in shell.run("revoke", "zz", status=1)[1]
    assert "printable" in shell.run("create", "--tenant", "a\tb", status=1)[1]
    assert main(["keys", "list", "--store", "sqlite://:memory:"]) == 2
    assert "name a store that stays" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["create"],
        ["create", "--tenant", "a", "--scope", "read,root"],
        ["create", "--tenant", "a", "--scope", ""],
        ["create", "--tenant", "a", "--expires", "90"],
        ["create", "--tenant", "a", "--expires", "0d"],
        ["rotate", "x", "--grace", "-1h"],
        ["revoke"],
        [],
    ],
)
def test_wrong_usage(shell: Shell, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        shell.run(*words)
    assert ended.value.code == 2
    assert not shell.file.exists()


def serve(shell: Shell) -> list[str]:
    """The command that serves this store to other machines."""
    return [
        sys.executable,
        "-m",
        "memsvc",
        "serve",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--store",
        f"sqlite:///{shell.file}",
    ]


def test_other_machines_are_let_in_by_keys_alone(shell: Shell) -> None:
    ended = subprocess.run(serve(shell), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "memsvc keys create" in ended.stderr
    key = shell.run("create", "--tenant", "acme")[0].strip()
    with subprocess.Popen(serve(shell), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = f"http://127.0.0.1:{line.split(':')[2].split(',')[0]}/v1/sessions"
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(address)
        refused.value.close()
        with urllib.request.urlopen(urllib.request.Request(address, headers={"x-api-key": key})) as reply:
            assert json.load(reply)["sessions"] == []
        process.terminate()
        rest = "".join(process.communicate(timeout=20))
    assert process.returncode == 0
    assert key not in line + rest


def test_a_key_that_outlives_every_calendar_is_refused_and_one_that_is_there_can_be_listed(shell: Shell) -> None:
    with pytest.raises(SystemExit):
        shell.run("create", "--tenant", "acme", "--expires", "9999999d")
    out, _ = shell.run("create", "--tenant", "acme", "--expires", "5000w")
    assert KEY.fullmatch(out)
    with apsw.Connection(str(shell.file)) as db:
        db.execute("UPDATE keys SET expires_at = 1e12")
    (row,) = shell.listed()
    assert row["expires"] == "never"
