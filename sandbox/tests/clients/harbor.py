"""harborapi against the sandbox: project, label, robot, retention policy."""

import asyncio
import os

from harborapi import HarborAsyncClient
from harborapi.exceptions import Conflict, NotFound, Unauthorized
from harborapi.models import (
    Access,
    Label,
    ProjectMetadata,
    ProjectReq,
    RetentionPolicy,
    RetentionPolicyScope,
    RetentionRule,
    RetentionRuleTrigger,
    RetentionSelector,
    RobotCreate,
    RobotPermission,
)


async def refused(error, call):
    try:
        await call
    except error as e:
        return e
    raise AssertionError(f"expected {error.__name__}")


def connect(user, secret):
    return HarborAsyncClient(url=os.environ["TOOL_URL"] + "/api/v2.0/", username=user, secret=secret)


async def main():
    user, secret = os.environ["TOOL_USER"], os.environ["TOOL_PASSWORD"]
    harbor = connect(user, secret)
    assert (await harbor.health_check()).status == "healthy"
    assert (await harbor.get_system_info()).harbor_version.startswith("v2.")
    assert (await harbor.get_current_user()).username == user
    await refused(Unauthorized, connect(user, "wrong").get_current_user())

    wanted = ProjectReq(project_name="payments", metadata=ProjectMetadata(public="false", auto_scan="true"))
    location = await harbor.create_project(wanted)
    assert location.endswith("/api/v2.0/projects/payments"), location
    await refused(Conflict, harbor.create_project(wanted))
    project = await harbor.get_project("payments")
    assert project.metadata.auto_scan == "true"
    assert await harbor.project_exists("payments") and not await harbor.project_exists("nothing")
    for n in range(25):
        await harbor.create_project(ProjectReq(project_name=f"team-{n}"))
    assert len(await harbor.get_projects(query="name=~team-", page_size=10, limit=None)) == 25
    for n in range(25):
        await harbor.delete_project(f"team-{n}")

    await harbor.create_label(Label(name="opstella", scope="p", project_id=project.project_id))
    labels = await harbor.get_labels(scope="p", project_id=project.project_id)
    assert [label.name for label in labels] == ["opstella"]

    access = [Access(resource="repository", action=action) for action in ("pull", "push")]
    permissions = [RobotPermission(kind="project", namespace="payments", access=access)]
    request = RobotCreate(name="ci", level="project", duration=-1, disable=False, permissions=permissions)
    robot = await harbor.create_robot(request)
    assert robot.name == "robot$payments+ci" and robot.secret
    await refused(Conflict, harbor.create_robot(request))
    robots = await harbor.get_robots(query=f"Level=project,ProjectID={project.project_id}")
    assert [r.name for r in robots] == [robot.name]
    fresh = await harbor.refresh_robot_secret(robot.id, "")
    assert fresh.secret != robot.secret

    rule = RetentionRule(
        action="retain",
        template="latestPushedK",
        params={"latestPushedK": 10},
        tag_selectors=[RetentionSelector(kind="doublestar", decoration="matches", pattern="**")],
        scope_selectors={"repository": [RetentionSelector(kind="doublestar", decoration="repoMatches", pattern="**")]},
    )
    policy = RetentionPolicy(
        algorithm="or",
        rules=[rule],
        scope=RetentionPolicyScope(level="project", ref=project.project_id),
        trigger=RetentionRuleTrigger(kind="Schedule", settings={"cron": "0 0 0 * * *"}),
    )
    await harbor.create_retention_policy(policy)
    retention = await harbor.get_project_retention_id("payments")
    assert (await harbor.get_retention_policy(retention)).rules[0].template == "latestPushedK"
    await harbor.delete_retention_policy(retention)

    await harbor.delete_robot(robot.id)
    await harbor.delete_project("payments")
    await refused(NotFound, harbor.get_project("payments"))


asyncio.run(main())
