"""python-sonarqube-api against the sandbox. It covers less of the Web API than the sandbox does."""

import os

from sonarqube import SonarQubeClient
from sonarqube.utils.exceptions import AuthError, NotFoundError, ValidationError


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        return str(e)
    raise AssertionError(f"expected {error}")


url = os.environ["TOOL_URL"]
sonar = SonarQubeClient(sonarqube_url=url, token=os.environ["TOOL_TOKEN"])
assert sonar.auth.check_credentials() == {"valid": True}
assert sonar.server.get_server_version().startswith("20")
stranger = SonarQubeClient(sonarqube_url=url, token="wrong")
assert stranger.auth.check_credentials() == {"valid": False}
refused(AuthError, stranger.projects.search_projects)

sonar.projects.create_project(project="payments.checkout", name="Checkout", visibility="private")
assert "similar key" in refused(
    ValidationError, sonar.projects.create_project, project="payments.checkout", name="x"
)
assert sonar.projects.get_project("payments.checkout")["name"] == "Checkout"
assert sonar.projects.search_projects(q="check")["paging"]["total"] == 1

assert [g["name"] for g in sonar.qualitygates.get_quality_gates()["qualitygates"]] == ["Sonar way"]
sonar.qualitygates.select_quality_gate_for_project(projectKey="payments.checkout", gateName="Sonar way")
chosen = sonar.qualitygates.get_qualitygate_projects(gateName="Sonar way")["results"]
assert [p["key"] for p in chosen] == ["payments.checkout"]
refused(
    NotFoundError,
    sonar.qualitygates.select_quality_gate_for_project,
    projectKey="payments.checkout",
    gateName="none",
)

token = sonar.user_tokens.generate_user_token(name="ci")["token"]
assert token.startswith("squ_")
assert SonarQubeClient(sonarqube_url=url, token=token).auth.check_credentials() == {"valid": True}
assert [t["name"] for t in sonar.user_tokens.search_user_tokens()["userTokens"]] == ["ci"]
assert "already exists" in refused(ValidationError, sonar.user_tokens.generate_user_token, name="ci")
sonar.user_tokens.revoke_user_token(name="ci")

sonar.projects.delete_project(project="payments.checkout")
refused(NotFoundError, sonar.projects.delete_project, project="payments.checkout")
