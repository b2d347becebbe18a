"""python-gitlab against the sandbox: makes, reads, changes and deletes what Opstella does."""

import os

import gitlab
from gitlab.exceptions import GitlabAuthenticationError, GitlabCreateError, GitlabDeleteError, GitlabGetError


def refused(status, error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        assert e.response_code == status, (e.response_code, e)
        return str(e)
    raise AssertionError(f"expected {status}")


url = os.environ["TOOL_URL"]
gl = gitlab.Gitlab(url, private_token=os.environ["TOOL_TOKEN"], keep_base_url=True)
gl.auth()
assert gl.user.username == "root"
assert gl.version()[0].startswith("18.")
refused(401, GitlabAuthenticationError, gitlab.Gitlab(url, private_token="wrong").auth)
gitlab.Gitlab(url, oauth_token=os.environ["TOOL_TOKEN"]).auth()

# Groups, with pagination.
for n in range(25):
    gl.groups.create({"name": f"Team {n}", "path": f"team-{n}"})
assert len(gl.groups.list(get_all=True, per_page=10, search="team-")) == 25
assert gl.groups.list(iterator=True, per_page=10).total == 25
for group in gl.groups.list(get_all=True):
    group.delete()
group = gl.groups.create({"name": "Payments", "path": "payments", "description": "by opstella"})
assert "has already been taken" in refused(400, GitlabCreateError, gl.groups.create, {"name": "P", "path": "payments"})
assert gl.groups.get("payments").id == group.id

# Project.
project = gl.projects.create({"name": "checkout", "namespace_id": group.id, "topics": ["opstella"]})
assert project.default_branch is None
refused(400, GitlabCreateError, gl.projects.create, {"name": "checkout", "namespace_id": group.id})
project = gl.projects.get("payments/checkout")
assert [p.name for p in group.projects.list(get_all=True)] == ["checkout"]

# Files in one commit.
commit = project.commits.create(
    {
        "branch": "main",
        "commit_message": "Initial commit",
        "actions": [
            {"action": "create", "file_path": "README.md", "content": "hello"},
            {"action": "create", "file_path": "deploy/dev/kustomization.yaml", "content": "resources: []\n"},
        ],
    }
)
assert project.commits.get(commit.id).title == "Initial commit"
assert project.files.get("README.md", ref="main").decode() == b"hello"
assert project.files.raw("deploy/dev/kustomization.yaml", ref="main") == b"resources: []\n"
assert {i["path"] for i in project.repository_tree(recursive=True, get_all=True)} >= {"README.md", "deploy/dev"}
f = project.files.get("README.md", ref="main")
f.content = "changed"
f.save(branch="main", commit_message="Change")
assert len(project.commits.list(get_all=True)) == 2
project.files.create({"file_path": "x.txt", "branch": "main", "content": "x", "commit_message": "x"})
project.files.delete(file_path="x.txt", branch="main", commit_message="no x")
refused(404, GitlabGetError, project.files.get, "x.txt", ref="main")

# Branches and their protection.
project.branches.create({"branch": "dev", "ref": "main"})
assert {b.name for b in project.branches.list(get_all=True)} == {"main", "dev"}
project.branches.delete("dev")
refused(409, GitlabCreateError, project.protectedbranches.create, {"name": "main"})
project.protectedbranches.delete("main")
made = project.protectedbranches.create({"name": "main", "push_access_level": gitlab.const.AccessLevel.MAINTAINER})
made.allow_force_push = True
made.save()
assert project.protectedbranches.get("main").allow_force_push

# Environments.
environment = project.environments.create({"name": "dev", "external_url": "https://dev.example.com"})
assert [e.id for e in project.environments.list(name="dev", get_all=True)] == [environment.id]
refused(400, GitlabCreateError, project.environments.create, {"name": "dev"})
refused(403, GitlabDeleteError, environment.delete)
environment.stop()
environment.delete()

# Variables.
variable = project.variables.create({"key": "TOKEN", "value": "abcdefgh", "masked": True, "environment_scope": "dev"})
refused(400, GitlabCreateError, project.variables.create, {"key": "M", "value": "short", "masked": True})
variable.value = "abcdefghi"
variable.save()
assert project.variables.get("TOKEN", filter={"environment_scope": "dev"}).value == "abcdefghi"
variable.delete()
assert project.variables.list(get_all=True) == []

# Hooks.
hook = project.hooks.create({"url": "https://opstella.example.com/hooks", "token": "s3cret", "push_events": 1})
hook.pipeline_events = True
hook.save()
assert project.hooks.get(hook.id).pipeline_events and not hasattr(project.hooks.get(hook.id), "token")
hook.delete()

project.description = "changed"
project.save()
group.delete()
refused(404, GitlabGetError, gl.projects.get, "payments/checkout")
