"""python-keycloak against the sandbox: discovery, sign-in, verification, refresh, logout."""

import os

from keycloak import KeycloakOpenID
from keycloak.exceptions import KeycloakAuthenticationError, KeycloakPostError

client = KeycloakOpenID(
    server_url=os.environ["TOOL_URL"] + "/",
    realm_name="opstella",
    client_id=os.environ["CLIENT_ID"],
    client_secret_key=os.environ["CLIENT_SECRET"],
)
issuer = os.environ["TOOL_URL"] + "/realms/opstella"
assert client.well_known()["issuer"] == issuer
assert len(client.certs()["keys"]) == 1

tokens = client.token("alice", os.environ["ALICE_PASSWORD"], scope="openid")
claims = client.decode_token(tokens["access_token"])
assert claims["iss"] == issuer and claims["preferred_username"] == "alice"
assert "owner" in claims["realm_access"]["roles"]
assert client.userinfo(tokens["access_token"])["email"] == "alice@example.com"
assert client.introspect(tokens["access_token"])["active"]

machine = client.token(grant_type="client_credentials")
assert client.decode_token(machine["access_token"])["client_id"] == os.environ["CLIENT_ID"]

again = client.refresh_token(tokens["refresh_token"])
client.logout(again["refresh_token"])
try:
    client.refresh_token(again["refresh_token"])
    raise AssertionError("a refresh token worked after logout")
except KeycloakPostError as e:
    assert e.response_code == 400, e

try:
    client.token("alice", "wrong")
    raise AssertionError("a wrong password worked")
except KeycloakAuthenticationError as e:
    assert e.response_code == 401, e
