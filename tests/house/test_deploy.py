"""What deploy/ says fits the service: its settings, ports and commands exist, and its health check works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from source import ROOT

import memsvc
from memsvc.cli import main_parser
from memsvc.config import Config, load_config

DEPLOY = ROOT / "deploy"
FILES = [p for p in sorted(DEPLOY.rglob("*")) if p.is_file()] + [ROOT / "docs" / "deploy.md"]
NO_FIELDS = {"MEMSVC_CONFIG"}
"""The place of the file of settings."""
PORT = "8080"


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    found = yaml.safe_load(read("compose/docker-compose.yml"))
    assert isinstance(found, dict)
    return found


def healthcheck() -> list[str]:
    """The command of the image's HEALTHCHECK."""
    found = re.search(r"^HEALTHCHECK[^\[]*?CMD (\[.*\])$", read("Dockerfile"), re.M)
    assert found
    return [str(word) for word in json.loads(found[1])]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"\bMEMSVC_[A-Z0-9_]+[A-Z0-9]\b", path.read_text(encoding="utf-8")))
    known = {f"MEMSVC_{name.upper()}" for name in Config.model_fields}
    assert named <= known | NO_FIELDS, sorted(named - known - NO_FIELDS)


def commands() -> Iterator[tuple[str, list[str]]]:
    image = read("Dockerfile")
    entry, default = (json.loads(re.search(rf"^{w} (\[.*\])$", image, re.M)[1]) for w in ("ENTRYPOINT", "CMD"))  # type: ignore[index]
    assert entry == ["memsvc"]
    yield "Dockerfile", default
    for name, service in compose()["services"].items():
        if service["image"].startswith("memsvc"):
            yield name, service["command"]
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        line = re.search(r"^ExecStart=/opt/memsvc/bin/memsvc (.*)$", path.read_text(encoding="utf-8"), re.M)
        assert line
        yield path.name, shlex.split(line[1])
    for path in sorted((DEPLOY / "helm/memsvc/templates").glob("*.yaml")):
        for args in re.findall(r"^ +args: \[(.*)\]$", path.read_text(encoding="utf-8"), re.M):
            yield path.name, [word.strip() if "{" not in word else "9090" for word in args.split(",")]


@pytest.mark.parametrize(("where", "args"), [*commands()])
def test_every_command_is_one(where: str, args: list[str]) -> None:
    _, unknown = main_parser().parse_known_args(args)
    assert not unknown, where


def test_the_image_serves_what_its_variables_say() -> None:
    image = read("Dockerfile")
    env = dict(re.findall(r"^\s+(MEMSVC_\w+)=(\S+?)(?: \\)?$", image, re.M))
    config = load_config(env=env, cwd=DEPLOY)
    assert (str(config.port), config.host) == (PORT, "0.0.0.0")
    assert f"EXPOSE {PORT}" in image
    assert config.store.startswith("sqlite:////data/")
    assert 'VOLUME ["/data"]' in image
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", image, re.M), "a number that is not root's"
    assert image.rindex("USER ") > image.rindex("RUN "), "the last user is not root"


def test_ports_agree() -> None:
    values = yaml.safe_load(read("helm/memsvc/values.yaml"))
    assert str(values["server"]["port"]) == PORT
    services = compose()["services"]
    assert {p.rpartition(":")[2] for s in services.values() for p in s.get("ports", [])} == {PORT}
    worker = [str(values["worker"]["metricsPort"]), services["worker"]["command"][-1]]
    unit = re.search(r"--metrics-port (\d+)", read("systemd/memsvc-worker.service"))
    assert unit
    assert {*worker, unit[1]} == {"9090"}
    for name, port in (("serve-a", PORT), ("serve-b", PORT), ("worker", "9090")):
        assert f"'127.0.0.1', {port}," in services[name]["healthcheck"]["test"][-1]


def test_the_compose_file_publishes_on_loopback_alone_and_keeps_what_is_acknowledged() -> None:
    services = compose()["services"]
    published = [p for s in services.values() for p in s.get("ports", [])]
    assert published
    assert all(p.startswith("127.0.0.1:") for p in published)
    assert services["valkey"]["networks"] == ["store"]
    assert compose()["networks"]["store"]["internal"]
    kept = compose()["configs"]["valkey"]["content"].splitlines()
    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"} <= set(kept)
    wanted = set(re.findall(r"\$\{(\w+)", read("compose/docker-compose.yml")))
    assert wanted == set(re.findall(r"^(\w+)=", read("compose/example.env"), re.M))


def test_the_versions_agree() -> None:
    chart = yaml.safe_load(read("helm/memsvc/Chart.yaml"))
    assert {chart["version"], chart["appVersion"]} == {memsvc.__version__}
    images = {s["image"] for s in compose()["services"].values() if s["image"].startswith("memsvc")}
    assert images == {f"memsvc:{memsvc.__version__}"}


def test_values_fit_their_schema_and_it_knows_all_of_them() -> None:
    values = yaml.safe_load(read("helm/memsvc/values.yaml"))
    fits(values, json.loads(read("helm/memsvc/values.schema.json")), "values")


def fits(value: Any, schema: dict[str, Any], where: str) -> None:
    """Names alone: the rest is Helm's to check, in `make deploy-check`."""
    if schema.get("additionalProperties") is False:
        assert set(value) <= set(schema["properties"]), where
        for name, part in value.items():
            fits(part, schema["properties"][name], f"{where}.{name}")


def test_the_health_check_tells_a_live_server_from_a_dead_one(tmp_path: Path) -> None:
    command = healthcheck()
    assert command[0] == "python"
    served = [sys.executable, "-m", "memsvc", "serve", "--port", "0", "--store", f"sqlite:///{tmp_path}/h.db"]
    with subprocess.Popen(served, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = re.search(r"127\.0\.0\.1:(\d+)", server.stdout.readline())
        assert port
        asked = [sys.executable, *command[1:]]
        proxied = {**os.environ, "http_proxy": "http://127.0.0.1:9", "MEMSVC_PORT": port[1]}
        alive = subprocess.run(asked, env=proxied, capture_output=True).returncode
        server.terminate()
        assert server.wait(timeout=60) == 0
    assert alive == 0, "it must not go through a proxy either"
    assert subprocess.run(asked, env=proxied, capture_output=True).returncode != 0


def test_workflows_call_the_makefile_and_pin_what_they_use() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        flow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert flow["permissions"] == {}, path.name
        steps = [step for job in flow["jobs"].values() for step in job["steps"]]
        for used in (step["uses"] for step in steps if "uses" in step):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used), used
        made = [step["run"].removeprefix("make ") for step in steps if step.get("run", "").startswith("make ")]
        assert made
        assert set(made) <= targets, f"{path.name}: {made}"
