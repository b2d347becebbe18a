"""python-sonarqube-api against the sandbox: makes, reads, changes and deletes what Opstella does."""

import os

from sonarqube import SonarQubeClient
from sonarqube.utils.exceptions import NotFoundError, ValidationError


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        return str(e)
    raise AssertionError(f"expected {error}")


sonar = SonarQubeClient(sonarqube_url=os.environ["TOOL_URL"], token=os.environ["TOOL_TOKEN"])
assert sonar.auth.check_credentials()["valid"] if isinstance(sonar.auth.check_credentials(), dict) else sonar.auth.check_credentials()

sonar.projects.create_project(project="payments.checkout", name="Checkout", visibility="private")
assert "similar key" in refused(ValidationError, sonar.projects.create_project, project="payments.checkout", name="x")
found = sonar.projects.search_projects(projects="payments.checkout")
found = found["components"] if isinstance(found, dict) else list(found)
assert [p["key"] for p in found] == ["payments.checkout"]

sonar.qualitygates.create_quality_gate(name="opstella")
refused(ValidationError, sonar.qualitygates.create_quality_gate, name="opstella")
sonar.qualitygates.select_quality_gate_for_project(projectKey="payments.checkout", gateName="opstella")
assert sonar.qualitygates.get_quality_gate_of_project(project="payments.checkout")["qualityGate"]["name"] == "opstella"
assert sonar.qualitygates.get_project_qualitygates_status(projectKey="payments.checkout")["projectStatus"]["status"] == "NONE"

token = sonar.user_tokens.generate_user_token(name="ci")
assert token["token"].startswith("squ_")
refused(ValidationError, sonar.user_tokens.generate_user_token, name="ci")
sonar.user_tokens.revoke_user_token(name="ci")

hook = sonar.webhooks.create_webhook(
    name="opstella", url="https://opstella.example.com/hooks", project="payments.checkout", secret="0123456789abcdef"
)["webhook"]
sonar.webhooks.update_webhook(webhook=hook["key"], name="opstella", url="https://opstella.example.com/other")
sonar.webhooks.delete_webhook(webhook=hook["key"])

sonar.projects.delete_project(project="payments.checkout")
refused(NotFoundError, sonar.components.get_project_component_and_ancestors, component="payments.checkout")
