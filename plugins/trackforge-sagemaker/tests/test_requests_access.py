"""Rights: every call that a subcommand makes is allowed by a policy that ``setup`` prints; not much more is."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import trackforge_sagemaker.control as control
from trackforge_sagemaker import requests as r
from trackforge_sagemaker.client.failures import permission
from trackforge_sagemaker.control import deleting, inventory, kinds

PACKAGE = Path(control.__file__).parents[1]
NAMES = {
    "delete_objects": "DeleteObject", "head_bucket": "ListBucket", "list_buckets": "ListAllMyBuckets",
    "list_multipart_uploads": "ListBucketMultipartUploads", "list_object_versions": "ListBucketVersions",
    "list_objects_v2": "ListBucket", "put_bucket_encryption": "PutEncryptionConfiguration",
    "put_bucket_lifecycle_configuration": "PutLifecycleConfiguration",
    "put_public_access_block": "PutBucketPublicAccessBlock",
}  # fmt: skip
"""Operations of S3 whose right has another name."""
WHERE = {"region": "eu-west-1", "account": "123456789012", "project": "street", "bucket": "street"}
ROLE = "arn:aws:iam::123456789012:role/street-sagemaker"


def _calls():
    """Yield service and operation of every call that is written down with both: Aws.call, Aws.pages, Call."""
    for path in sorted([*(PACKAGE / "control").glob("*.py"), *(PACKAGE / "requests").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            words = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
            if name in ("call", "pages", "Call", "make") and len(words) == 2 and all(isinstance(w, str) for w in words):
                yield words[0], words[1], path.name
            if name == "call" and len(node.args) >= 5 and isinstance(node.args[3], ast.Constant) and words:
                yield words[0], node.args[3].value, path.name  # what takes it back
    for service, operation, _ in deleting._ONE.values():
        yield service, operation, "deleting.py"
    for operation, *_ in inventory._LISTED.values():
        yield "sagemaker", operation, "inventory.py"
    for kind in kinds.KINDS.values():
        yield "sagemaker", kind.describe, "kinds.py"
    for word in ("role", "user", "group"):
        yield "iam", f"detach_{word}_policy", "deleting.py"


def _allowed(*policies):
    return {action for policy in policies for one in policy["Statement"] for action in one["Action"]}


def test_every_call_is_allowed():
    allowed = _allowed(*_policies(WHERE, ROLE).values())
    found = sorted({*_calls()})
    assert len(found) > 40
    missing = {}
    for service, operation, place in found:
        name = NAMES.get(operation) or "".join(part.capitalize() for part in operation.split("_"))
        right = permission(service, name)
        if right.lower() not in {one.lower() for one in allowed}:
            missing[right] = place
    assert not missing
    assert "iam:CreateServiceLinkedRole" in allowed  # autoscaling makes its role in the caller's name
    assert "sagemaker:AddTags" in allowed


def _policies(where, role):
    only = {key: where[key] for key in ("region", "account", "project")}
    return {
        "person": r.client_policy(**where, role=role, repository=where["project"]),
        "endpoints": r.serving_policy(**only),
        "setup": r.setup_policy(**where, role=role, repository=where["project"]),
    }


def test_every_document_has_room_where_it_is_put():
    project = "a-project-of-24-letters-"[:23] + "x"
    where = {"region": "ap-southeast-4", "account": "123456789012", "project": project, "bucket": "b" * 63}
    for name, policy in _policies(where, f"arn:aws:iam::123456789012:role/{project}-sagemaker").items():
        assert len(json.dumps(policy, separators=(",", ":"))) <= 5120, name  # a group's own; a managed one has 6,144


def test_who_only_uses_it_makes_no_roles():
    policies = _policies(WHERE, ROLE)
    actions = _allowed(policies["person"], policies["endpoints"])
    assert {one for one in actions if one.startswith("iam:")} == {"iam:PassRole", "iam:CreateServiceLinkedRole"}
    (linked,) = [one for one in policies["endpoints"]["Statement"] if "iam:CreateServiceLinkedRole" in one["Action"]]
    assert linked["Condition"]["StringEquals"]["iam:AWSServiceName"].startswith("sagemaker.")


@pytest.mark.parametrize("policy", ["person", "endpoints", "setup"])
def test_things_are_the_projects(policy):
    for statement in _policies(WHERE, ROLE)[policy]["Statement"]:
        for one in statement["Resource"]:
            assert "street*" not in one  # street2 is another project
            known = ("*", "street", "/aws/sagemaker/", "jumpstart-cache", ":hub", "workteam", "aws-service-role")
            tied = "Condition" in statement
            assert one == "*" or tied or any(word in one for word in known[1:]), one
            if one == "*" or "private-crowd" in one:
                reading = ("Describe", "List", "Get", "GetAuthorizationToken", "RequestServiceQuotaIncrease")
                assert tied or all(action.partition(":")[2].startswith(reading) for action in statement["Action"])


@pytest.mark.parametrize("policy", ["person", "endpoints"])
def test_nobody_makes_another_projects_things_his_own(policy):
    """``street`` may not stop, change, delete or tag ``street-two-cam``, whose name begins like its own."""
    for statement in _policies(WHERE, ROLE)[policy]["Statement"]:
        said = json.dumps(statement.get("Condition", {}))
        verbs = {action.partition(":")[2] for action in statement["Action"] if action.startswith("sagemaker:")}
        if any(verb.startswith(("Stop", "Delete", "Update", "Invoke")) for verb in verbs):
            assert '"aws:ResourceTag/trackforge:project": "street"' in said
        if any(verb.startswith(("Create", "AddTags")) for verb in verbs):
            assert '"aws:RequestTag/trackforge:project": "street"' in said
        assert "AddTags" not in verbs or '"sagemaker:TaggingAction": "false"' in said
