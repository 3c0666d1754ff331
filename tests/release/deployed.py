"""`make deploy-check`: the files of deploy/ held against the tools and schemas that can be had without a cluster.

python -m tests.release.deployed

The Dockerfile by hadolint, the compose file by compose_spec's typed reader, the chart by Helm's own library (lint, its
values schema, every combination below rendered) and each manifest by the Kubernetes schemas, units by systemd-analyze
where there is one. What none of them can see stands in docs/deploy.md under "Not verified".
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import compose_spec
import helm_python
import kubernetes_validate
import yaml
from helm_python.chart import Chart, lint

from memsvc.config import ConfigError, load_config

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "memsvc"
KUBERNETES = ("1.27", "1.30", "1.34")
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "no worker": {"worker": {"enabled": False}},
    "everything": {
        "image": {"repository": "registry.example/memsvc", "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "pull"}],
        "settings": {"MEMSVC_MODE": "threshold", "MEMSVC_MAX_BYTES": 25165824, "MEMSVC_GUARD": 0.25},
        "server": {"autoscaling": {"enabled": True}, "port": 9000},
        "worker": {"autoscaling": {"enabled": True, "queueAge": {"enabled": True, "selector": {"job": "memsvc"}}}},
        "networkPolicy": {"enabled": True, "from": [{"namespaceSelector": {"matchLabels": {"team": "chat"}}}]},
        "service": {"annotations": {"a/b": "c"}},
        "serviceAccount": {"name": "own", "annotations": {"a/b": "c"}},
        "podAnnotations": {"prometheus.io/scrape": "true"},
        "podLabels": {"team": "chat"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
    },
}
REFUSED: dict[str, dict[str, Any]] = {
    "a value that there is not": {"replicaCount": 3},
    "no Secret": {"existingSecret": ""},
    "a secret among the settings": {"settings": {"MEMSVC_API_KEYS": "{}"}},
    "a privileged port": {"server": {"port": 80}},
}
"""Values that the chart's schema must not let through."""
TOLD = (
    *(AssertionError, ValueError, ConfigError, subprocess.CalledProcessError),
    *(helm_python.HelmError, kubernetes_validate.ValidationError),
)
"""How a check says that something is wrong."""
RESTRICTED = {
    "pod": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "container": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
}
"""What the restricted Pod Security Standard asks for, and a read-only root."""


def dockerfile() -> str:
    """hadolint has nothing to say."""
    subprocess.run(["hadolint", str(DEPLOY / "Dockerfile")], check=True)
    return "hadolint: deploy/Dockerfile"


def compose() -> str:
    """Every field of the compose file is one of the specification's, of the right type."""
    names = []
    for path in sorted((DEPLOY / "compose").glob("*.yml")):
        # Read by a YAML library first: the merges (<<) are YAML's, not the specification's.
        found = compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8"))))
        names += found.service_names()
    assert names
    return f"compose specification: services {', '.join(names)}"


def chart() -> str:
    """Helm lints and renders the chart in each case, refuses wrong values, and each manifest is valid."""
    report = lint(CHART, strict=True)
    assert not report["errors"], report
    assert not [m for m in report["messages"] if m["severity"] > 1], report
    seen = 0
    with Chart.load(CHART) as loaded:
        for values in CASES.values():
            loaded.validate_schema(values)
            for manifest in manifests(loaded, values):
                judge(manifest)
                seen += 1
        for why, values in REFUSED.items():
            try:
                loaded.validate_schema(values)
            except helm_python.HelmError:
                continue
            raise AssertionError(f"the chart takes {why}: {values}")
    return f"helm lint, {len(CASES)} renderings, {seen} manifests valid for Kubernetes {', '.join(KUBERNETES)}"


def manifests(loaded: Chart, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What an installation would send to the cluster."""
    for name, text in loaded.render(values, name="memsvc", namespace="chat").items():
        if not name.endswith(".txt"):
            yield from (found for found in yaml.safe_load_all(text) if found)


def judge(manifest: dict[str, Any]) -> None:
    """AssertionError, or the validator's own, for a manifest that no cluster, or no strict one, would take."""
    for version in KUBERNETES:
        kubernetes_validate.validate(manifest, version, strict=True)
    if manifest["kind"] != "Deployment":
        return
    pod = manifest["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"].items() >= RESTRICTED["pod"].items(), "a pod is not restricted"
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= manifest["spec"]["selector"]["matchLabels"].items()
    for container in pod["containers"]:
        assert container["securityContext"].items() >= RESTRICTED["container"].items(), "a container is not restricted"
        names = [e["name"] for e in container["env"]]
        assert len(names) == len(set(names)), f"a variable twice: {names}"
        load_config(env={e["name"]: e["value"] for e in container["env"]}, cwd=CHART)


def units() -> str:
    """systemd finds nothing wrong, and the sandbox stays as tight as it is."""
    if shutil.which("systemd-analyze") is None:
        return "NOT CHECKED: units, there is no systemd-analyze here (Debian: apt install systemd)"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "memsvc"
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        files = []
        for source in sorted((DEPLOY / "systemd").glob("*.service")):
            # The units name a program that need not be on this machine.
            text = source.read_text(encoding="utf-8").replace("/opt/memsvc/bin/memsvc", str(program))
            path = Path(folder) / source.name
            path.write_text(text, encoding="utf-8")
            files.append(str(path))
        checked = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        assert not checked.stderr.strip(), checked.stderr
        subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", *files],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return f"systemd-analyze: {len(files)} units verified, exposure at most 1.5 of 10"


def main() -> int:
    """Run all, print a line for each; gives the exit status."""
    wrong = 0
    for check in (dockerfile, compose, chart, units):
        try:
            print(f"ok    {check()}")
        except TOLD as told:
            wrong += 1
            print(f"WRONG {check.__name__}: {type(told).__name__}: {told}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
