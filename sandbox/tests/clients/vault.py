"""hvac against the sandbox: secrets, policies, Kubernetes and AppRole roles, a login."""

import os

import hvac
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        return str(e)
    raise AssertionError(f"expected {error.__name__}")


url = os.environ["TOOL_URL"]
client = hvac.Client(url=url, token=os.environ["TOOL_TOKEN"])
assert client.is_authenticated()
assert client.sys.is_initialized() and not client.sys.is_sealed()
refused(Forbidden, hvac.Client(url=url, token="wrong").secrets.kv.v2.read_secret_version, "a")
assert "secret/" in client.sys.list_mounted_secrets_engines()["data"]
assert "approle/" in client.sys.list_auth_methods()["data"]

kv = client.secrets.kv.v2
path = "payments/checkout/dev"
refused(InvalidPath, kv.read_secret_version, path, raise_on_deleted_version=True)
assert kv.create_or_update_secret(path, {"user": "a"}, cas=0)["data"]["version"] == 1
refused(InvalidRequest, kv.create_or_update_secret, path, {"user": "b"}, cas=0)
kv.create_or_update_secret(path, {"user": "b"})
assert kv.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"] == {"user": "b"}
assert kv.read_secret_version(path, version=1, raise_on_deleted_version=True)["data"]["data"] == {"user": "a"}
kv.patch(path, {"password": "c"})
kv.update_metadata(path, custom_metadata={"managed-by": "opstella"})
metadata = kv.read_secret_metadata(path)["data"]
assert metadata["current_version"] == 3 and metadata["custom_metadata"] == {"managed-by": "opstella"}
assert kv.list_secrets("payments")["data"]["keys"] == ["checkout/"]
kv.delete_latest_version_of_secret(path)
refused(InvalidPath, kv.read_secret_version, path, raise_on_deleted_version=True)
kv.undelete_secret_versions(path, [3])
kv.destroy_secret_versions(path, [1])

policy = 'path "secret/data/payments/checkout/*" { capabilities = ["read"] }'
client.sys.create_or_update_policy("checkout-dev", policy)
assert client.sys.read_policy("checkout-dev")["data"]["rules"] == policy
client.sys.create_or_update_acl_policy("checkout-dev", policy)
assert client.sys.read_acl_policy("checkout-dev")["data"]["policy"] == policy
assert "checkout-dev" in client.sys.list_acl_policies()["data"]["keys"]

client.auth.kubernetes.configure("https://kubernetes.default.svc")
client.auth.kubernetes.create_role("checkout-dev", ["checkout"], ["payments-dev"], ttl="1h", policies=["checkout-dev"])
role = client.auth.kubernetes.read_role("checkout-dev")
assert role["bound_service_account_names"] == ["checkout"], role
assert client.auth.kubernetes.list_roles()["keys"] == ["checkout-dev"]

approle = client.auth.approle
approle.create_or_update_approle("checkout-dev", token_policies=["checkout-dev"], token_ttl="10m")
assert approle.read_role("checkout-dev")["data"]["token_policies"] == ["checkout-dev"]
assert approle.list_roles()["data"]["keys"] == ["checkout-dev"]
role_id = approle.read_role_id("checkout-dev")["data"]["role_id"]
secret_id = approle.generate_secret_id("checkout-dev")["data"]["secret_id"]
service = hvac.Client(url=url)
service.auth.approle.login(role_id, secret_id)
assert service.is_authenticated()
assert service.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"]["user"] == "b"
refused(Forbidden, service.secrets.kv.v2.create_or_update_secret, path, {"user": "c"})
service.auth.token.revoke_self()
refused(InvalidRequest, hvac.Client(url=url).auth.approle.login, role_id, "wrong")

approle.delete_role("checkout-dev")
client.auth.kubernetes.delete_role("checkout-dev")
client.sys.delete_acl_policy("checkout-dev")
kv.delete_metadata_and_all_versions(path)
refused(InvalidPath, kv.list_secrets, "payments")
