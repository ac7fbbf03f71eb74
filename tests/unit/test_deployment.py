"""The files in `deploy/` that are not run by the suite: each key is one that exists, each name leads somewhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from pydantic import BaseModel

from command_words import find_mistake
from hubwright.cli.builder import builder
from hubwright.config import unknown_variables

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPOSE = yaml.safe_load((ROOT / "deploy" / "container" / "compose.yaml").read_text())

MODELS = {
    ("apps/v1", "Deployment"): "kubernetes.apps.v1",
    ("apps/v1", "StatefulSet"): "kubernetes.apps.v1",
    ("batch/v1", "Job"): "kubernetes.batch.v1",
    ("keda.sh/v1alpha1", "ScaledJob"): "keda.v1alpha1",
    ("keda.sh/v1alpha1", "TriggerAuthentication"): "keda.v1alpha1",
    ("networking.k8s.io/v1", "Ingress"): "kubernetes.networking.v1",
    ("networking.k8s.io/v1", "NetworkPolicy"): "kubernetes.networking.v1",
    ("policy/v1", "PodDisruptionBudget"): "kubernetes.policy.v1",
    ("v1", "Secret"): "kubernetes.core.v1",
    ("v1", "Service"): "kubernetes.core.v1",
}
"""Where cloudcoil has the types: five thousand, which only the process that runs these tests shall load."""

MANIFESTS = [
    (path.name, manifest)
    for path in sorted(KUBERNETES.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for manifest in yaml.safe_load_all(path.read_text())
]
KUSTOMIZATION = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())


def walk(node: Any, key: str) -> Iterator[Any]:
    """Every value that stands behind `key`, however deep."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from walk(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value, key)


def pods() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name of the object, labels and contents of its pods."""
    return [
        (manifest["metadata"]["name"], template.get("metadata", {}).get("labels", {}), template["spec"])
        for _, manifest in MANIFESTS
        for template in walk(manifest, "template")
    ]


CONTAINERS = [(name, one) for name, _, spec in pods() for one in spec["containers"]]
SERVICES = [(name, one) for name, one in COMPOSE["services"].items() if one["image"].startswith("hubwright")]


def load_model(version: str, kind: str) -> type[BaseModel]:
    found = resolve_name(f"cloudcoil.models.{MODELS[version, kind]}:{kind}")
    assert issubclass(found, BaseModel)
    return found


@pytest.mark.parametrize(
    ("file", "manifest"), MANIFESTS, ids=[f"{file}-{one['kind']}-{one['metadata']['name']}" for file, one in MANIFESTS]
)
def test_every_manifest_is_one_that_kubernetes_and_keda_know(file: str, manifest: dict[str, Any]) -> None:
    """By the types of their own descriptions: a key that is not among them would be dropped, and not come back."""
    model = load_model(manifest["apiVersion"], manifest["kind"])
    read = model.model_validate(manifest)
    assert read.model_dump(by_alias=True, exclude_unset=True, mode="json") == manifest


def test_the_kustomization_has_every_file_that_is_not_applied_by_hand() -> None:
    by_hand = {"kustomization.yaml", "secret.example.yaml", "migrate.yaml", "irc.yaml"}
    assert set(KUSTOMIZATION["resources"]) == {path.name for path in KUBERNETES.glob("*.yaml")} - by_hand


@pytest.mark.parametrize(("name", "container"), CONTAINERS, ids=[name for name, _ in CONTAINERS])
def test_what_a_pod_is_given_is_there(name: str, container: dict[str, Any]) -> None:
    """Secrets, keys of them, config maps, volumes."""
    secrets = {one["metadata"]["name"]: set(one["stringData"]) for _, one in MANIFESTS if one["kind"] == "Secret"}
    maps = {one["name"] for one in KUSTOMIZATION["configMapGenerator"]}
    spec = next(spec for other, _, spec in pods() if other == name)
    claims = [
        claim["metadata"]["name"]
        for _, one in MANIFESTS
        for claims in walk(one, "volumeClaimTemplates")
        for claim in claims
    ]
    assert {one["name"] for one in walk(container, "secretRef")} <= set(secrets)
    assert {one["name"] for one in walk(container, "configMapRef")} <= maps
    assert all(one["key"] in secrets[one["name"]] for one in walk(container, "secretKeyRef"))
    volumes = {one["name"]: one for one in spec["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} <= {*volumes, *claims}
    assert {one["secretName"] for one in walk(spec["volumes"], "secret")} <= set(secrets)


def environment(container: dict[str, Any]) -> set[str]:
    """The names of the variables that a pod's container gets."""
    literals = {line.partition("=")[0] for one in KUSTOMIZATION["configMapGenerator"] for line in one["literals"]}
    secret = next(one for _, one in MANIFESTS if one["kind"] == "Secret" and one["metadata"]["name"] == "hubwright")
    shared = literals | set(secret["stringData"]) if "envFrom" in container else set()
    return {one["name"] for one in container.get("env", [])} | shared


ASKED = [
    *((f"pod {name}", one["args"], environment(one)) for name, one in CONTAINERS),
    *((f"service {name}", one["command"], set(one["environment"])) for name, one in SERVICES if name != "token"),
]


@pytest.mark.parametrize(("name", "argv", "variables"), ASKED, ids=[name for name, _, _ in ASKED])
def test_commands_options_and_variables_exist(name: str, argv: list[str], variables: set[str]) -> None:
    """A variable with a typing error would be a warning in a log that nobody reads."""
    own = {variable for variable in variables if variable.startswith("HUBWRIGHT_")}
    if argv[0] == "builder":
        assert own <= {parameter.envvar for parameter in builder.params}
    else:
        assert unknown_variables(dict.fromkeys(own, "x")) == []
    assert find_mistake(shlex.join(["hubwright", *argv])) is None


def test_services_policies_and_budgets_select_pods_that_are_there() -> None:
    labels = [one for _, one, _ in pods()]
    chosen = [one["spec"]["selector"] for _, one in MANIFESTS if one["kind"] == "Service"]
    chosen += [
        one["matchLabels"]
        for _, manifest in MANIFESTS
        for one in (*walk(manifest, "selector"), *walk(manifest, "podSelector"))
        if "matchLabels" in one
    ]
    assert len(chosen) >= 7
    for selector in chosen:
        assert any(selector.items() <= one.items() for one in labels), selector


def test_keda_asks_for_the_kind_of_builder_that_it_starts() -> None:
    """Else builders are started that may not take what waits, again and again."""
    scaled = next(one for _, one in MANIFESTS if one["kind"] == "ScaledJob")
    asked = parse_qs(urlsplit(scaled["spec"]["triggers"][0]["metadata"]["url"]).query)
    args = scaled["spec"]["jobTargetRef"]["template"]["spec"]["containers"][0]["args"]
    assert asked == {"platform": [args[args.index("--platform") + 1]], "label": [args[args.index("--label") + 1]]}
    assert "--once" in args


def test_all_name_the_version_of_this_release() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    files = [ROOT / "deploy" / "container" / name for name in ("Containerfile", "compose.yaml")]
    named = [
        found
        for path in (*files, *KUBERNETES.glob("*.yaml"))
        for found in re.findall(r"\bhubwright(?:-builder)?:(\d[\w.]*)", path.read_text())
    ]
    named += [one["newTag"] for one in KUSTOMIZATION["images"]]
    assert set(named) == {version}


def test_builds_are_in_a_network_without_the_servers() -> None:
    """What a build can reach it can talk to: Valkey has no password, the object store holds everybody's files."""
    networks = {name: set(one.get("networks", ["default"])) for name, one in COMPOSE["services"].items()}
    assert networks["builder"] == networks["balancer"] == {"default"}
    assert networks["postgresql"] == networks["valkey"] == networks["storage"] == {"servers"}
    assert COMPOSE["networks"]["servers"] == {"internal": True}
