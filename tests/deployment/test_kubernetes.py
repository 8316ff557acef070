"""`deploy/kubernetes/`, checked by the schemas of Kubernetes and against the service's settings."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from progress_api import Settings
from progress_api.version import VERSION
from tests.deployment.tools import tool
from tests.operations.conftest import run
from tests.operations.test_deploy import adapted

KINDS = {
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
}
# The package has the schemas of Kubernetes 1.25 to 1.37.
VALIDATOR = "kubernetes-validate==1.37.0"


@pytest.fixture(scope="module")
def manifests(root: Path) -> dict[str, Any]:
    """Each manifest by its kind."""
    files = sorted((root / "deploy/kubernetes").glob("*.yaml"))
    loaded = [yaml.safe_load(file.read_text()) for file in files]
    return {manifest["kind"]: manifest for manifest in loaded}


@pytest.fixture(scope="module")
def pods(manifests: dict[str, Any]) -> dict[str, Any]:
    """The pods that the Deployment and the Job start, by their kinds."""
    return {kind: manifests[kind]["spec"]["template"] for kind in ("Deployment", "Job")}


@pytest.mark.parametrize("version", ["1.25", "1.37"])
def test_each_manifest_has_only_fields_that_kubernetes_knows(root: Path, version: str) -> None:
    files = sorted((root / "deploy/kubernetes").glob("*.yaml"))

    said = tool(VALIDATOR, "kubernetes-validate", "--strict", "-k", version, *files)

    assert said.count("passed for resource") == len(KINDS)


def test_there_is_a_manifest_of_each_kind_and_all_have_the_name_of_the_service(
    manifests: dict[str, Any],
) -> None:
    assert manifests.keys() == KINDS
    for manifest in manifests.values():
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "progress-api"
        assert manifest["metadata"]["name"].startswith("progress-api")


def test_the_pods_run_the_image_of_this_version_with_as_few_rights_as_its_tests_give_it(
    pods: dict[str, Any],
) -> None:
    for pod in pods.values():
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert container["image"].endswith(f"/progress-api:{VERSION}")
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        # Kubernetes would set METRICS_PORT because of a Service called `metrics`.
        assert spec["enableServiceLinks"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_only_pods_that_serve_get_requests(manifests: dict[str, Any], pods: dict[str, Any]) -> None:
    labels = {kind: pod["metadata"]["labels"] for kind, pod in pods.items()}
    serving = labels["Deployment"]
    selectors = [
        manifests["Service"]["spec"]["selector"],
        manifests["Deployment"]["spec"]["selector"]["matchLabels"],
        manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    policy = manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]

    assert selectors == [serving] * 3
    assert labels["Job"] != serving
    assert all(policy.items() <= one.items() for one in labels.values())


def test_the_probes_ask_the_paths_of_health_and_a_pod_may_finish_its_requests(
    pods: dict[str, Any],
) -> None:
    spec = pods["Deployment"]["spec"]
    (container,) = spec["containers"]
    paths = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "liveness", "readiness")
    }
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    defaults: dict[str, Any] = {one.name: one.default for one in fields(Settings)}
    (_, delay) = container["lifecycle"]["preStop"]["exec"]["command"]

    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert ports == {"http": defaults["port"], "metrics": defaults["metrics_port"]}
    requests_end = 4 + 2 * defaults["database_timeout"] / 1000
    assert spec["terminationGracePeriodSeconds"] > int(delay) + requests_end


def test_the_configuration_has_settings_only(manifests: dict[str, Any]) -> None:
    names = {one.name.upper() for one in fields(Settings)}

    assert manifests["ConfigMap"]["data"].keys() <= names


def test_the_autoscaler_scales_the_deployment_and_nobody_else_counts_its_pods(
    manifests: dict[str, Any],
) -> None:
    scaled = manifests["HorizontalPodAutoscaler"]["spec"]

    assert scaled["scaleTargetRef"]["name"] == manifests["Deployment"]["metadata"]["name"]
    assert scaled["minReplicas"] >= 2
    assert "replicas" not in manifests["Deployment"]["spec"]


def test_a_pod_requests_half_of_the_cores_that_its_workers_can_use(
    manifests: dict[str, Any], pods: dict[str, Any]
) -> None:
    (container,) = pods["Deployment"]["spec"]["containers"]
    workers = int(manifests["ConfigMap"]["data"]["WEB_CONCURRENCY"])

    assert float(container["resources"]["requests"]["cpu"]) == workers / 2


def test_prometheus_scrapes_the_metrics_port_of_the_pods_that_serve(
    root: Path, pods: dict[str, Any], tmp_path: Path
) -> None:
    file = root / "deploy/prometheus/kubernetes.yml"
    for name in ("rules.yml", "alerts.yml"):
        adapted(file.with_name(name), tmp_path, {})
    # Debian's Prometheus cannot ask Kubernetes.
    discovery = {"kubernetes_sd_configs:\n      - role: pod": "static_configs: []"}
    run("promtool", "check", "config", adapted(file, tmp_path, discovery))
    one, two = (yaml.safe_load(path.read_text()) for path in (file, file.with_stem("prometheus")))
    (scraped,) = one.pop("scrape_configs")
    (keep, _) = scraped["relabel_configs"]
    ports = pods["Deployment"]["spec"]["containers"][0]["ports"]
    name = pods["Deployment"]["metadata"]["labels"]["app.kubernetes.io/name"]

    kept = [one["name"] for one in ports if re.fullmatch(keep["regex"], f"{name};{one['name']}")]

    assert kept == ["metrics"]
    assert scraped["job_name"] == two.pop("scrape_configs")[0]["job_name"]
    assert one == two


def test_as_many_pods_as_there_may_be_fit_into_the_connections_of_postgresql(
    manifests: dict[str, Any],
) -> None:
    pods = manifests["HorizontalPodAutoscaler"]["spec"]["maxReplicas"]
    settings = manifests["ConfigMap"]["data"]
    of_a_pod = int(settings["WEB_CONCURRENCY"]) * (int(settings["WEB_THREADS"]) + 1)

    # Pods that end still have theirs. Of 100 connections PostgreSQL keeps 3 for superusers.
    assert 2 * pods * of_a_pod <= 97
