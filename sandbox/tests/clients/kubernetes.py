"""The kubernetes client against the sandbox: a namespace and all that Opstella puts into it."""

import os

from kubernetes import client, dynamic
from kubernetes.client.exceptions import ApiException


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ApiException as e:
        assert e.status == status, (e.status, e.body)
        return e.body
    raise AssertionError(f"expected {status}")


def api(token):
    configuration = client.Configuration(host=os.environ["TOOL_URL"])
    configuration.api_key = {"authorization": f"Bearer {token}"}
    return client.ApiClient(configuration)


admin = api(os.environ["TOOL_TOKEN"])
core = client.CoreV1Api(admin)
network = client.NetworkingV1Api(admin)
rbac = client.RbacAuthorizationV1Api(admin)
assert client.VersionApi(admin).get_code().major == "1"
refused(401, client.CoreV1Api(api("wrong")).list_namespace)

meta = client.V1ObjectMeta
labels = {"app.kubernetes.io/managed-by": "opstella"}
made = core.create_namespace(client.V1Namespace(metadata=meta(name="pay-dev", labels=labels)))
assert made.status.phase == "Active" and made.metadata.uid
assert "AlreadyExists" in refused(409, core.create_namespace, client.V1Namespace(metadata=meta(name="pay-dev")))
refused(422, core.create_namespace, client.V1Namespace(metadata=meta(name="Pay_Dev")))
found = core.list_namespace(label_selector="app.kubernetes.io/managed-by=opstella")
assert [n.metadata.name for n in found.items] == ["pay-dev"]

core.create_namespaced_resource_quota(
    "pay-dev",
    client.V1ResourceQuota(metadata=meta(name="quota"), spec=client.V1ResourceQuotaSpec(hard={"limits.cpu": "4"})),
)
item = client.V1LimitRangeItem(type="Container", default={"cpu": "500m"})
core.create_namespaced_limit_range(
    "pay-dev", client.V1LimitRange(metadata=meta(name="limits"), spec=client.V1LimitRangeSpec(limits=[item]))
)
core.create_namespaced_service_account("pay-dev", client.V1ServiceAccount(metadata=meta(name="checkout")))
names = [a.metadata.name for a in core.list_namespaced_service_account("pay-dev").items]
assert names == ["checkout", "default"], names
core.create_namespaced_secret(
    "pay-dev",
    client.V1Secret(
        metadata=meta(name="pull"),
        type="kubernetes.io/dockerconfigjson",
        string_data={".dockerconfigjson": '{"auths":{}}'},
    ),
)
secret = core.read_namespaced_secret("pull", "pay-dev")
assert secret.data[".dockerconfigjson"] == "eyJhdXRocyI6e319"
network.create_namespaced_network_policy(
    "pay-dev",
    client.V1NetworkPolicy(
        metadata=meta(name="default-deny"),
        spec=client.V1NetworkPolicySpec(pod_selector=client.V1LabelSelector(), policy_types=["Ingress", "Egress"]),
    ),
)
rbac.create_namespaced_role_binding(
    "pay-dev",
    client.V1RoleBinding(
        metadata=meta(name="developers"),
        role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="edit"),
        subjects=[client.RbacV1Subject(api_group="rbac.authorization.k8s.io", kind="Group", name="payments")],
    ),
)
assert rbac.read_cluster_role("edit").rules

config = client.V1ConfigMap(metadata=meta(name="settings"), data={"a": "1"})
stored = core.create_namespaced_config_map("pay-dev", config)
stored.data["a"] = "2"
core.replace_namespaced_config_map("settings", "pay-dev", stored)
assert "Conflict" in refused(409, core.replace_namespaced_config_map, "settings", "pay-dev", stored)
core.patch_namespaced_config_map("settings", "pay-dev", {"data": {"b": "3"}})
assert core.read_namespaced_config_map("settings", "pay-dev").data == {"a": "2", "b": "3"}
page = core.list_namespaced_config_map("pay-dev", limit=1)
assert page.metadata.var_continue and page.metadata.remaining_item_count == 1

# Discovery and server-side apply, through the dynamic client.
maps = dynamic.DynamicClient(admin).resources.get(api_version="v1", kind="ConfigMap")
applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"x": "1"}}
maps.server_side_apply(body=applied, name="applied", namespace="pay-dev", field_manager="opstella")
assert maps.get(name="applied", namespace="pay-dev").data.x == "1"
applied["data"] = {"y": "1"}
maps.server_side_apply(body=applied, name="applied", namespace="pay-dev", field_manager="opstella")
assert core.read_namespaced_config_map("applied", "pay-dev").data == {"y": "1"}

core.delete_namespaced_secret("pull", "pay-dev")
refused(404, core.read_namespaced_secret, "pull", "pay-dev")
core.delete_namespace("pay-dev")
refused(404, core.read_namespace, "pay-dev")
refused(404, core.create_namespaced_config_map, "pay-dev", config)
