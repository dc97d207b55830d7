"""Rights: every call that a subcommand makes is allowed by one of the two policies that ``setup`` prints."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import trackforge_sagemaker.control as control
from trackforge_sagemaker import requests as r
from trackforge_sagemaker.client.failures import permission

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


def _allowed(*policies):
    return {action for policy in policies for one in policy["Statement"] for action in one["Action"]}


def test_every_call_is_allowed():
    person = r.client_policy(**WHERE, role=ROLE, repository="street")
    setup = r.setup_policy(**WHERE, role=ROLE, repository="street")
    allowed = _allowed(person, setup)
    found = sorted({*_calls()})
    assert len(found) > 40
    missing = {}
    for service, operation, place in found:
        name = NAMES.get(operation) or "".join(part.capitalize() for part in operation.split("_"))
        right = permission(service, name)
        if right.lower() not in {one.lower() for one in allowed}:
            missing[right] = place
    assert not missing
    for policy in (person, setup):
        assert len(json.dumps(policy, separators=(",", ":"))) < 6144  # what a managed policy may have


def test_who_only_uses_it_makes_no_roles():
    actions = _allowed(r.client_policy(**WHERE, role=ROLE))
    assert [one for one in actions if one.startswith("iam:")] == ["iam:PassRole"]


@pytest.mark.parametrize("policy", ["client_policy", "setup_policy"])
def test_things_are_the_projects(policy):
    for statement in getattr(r, policy)(**WHERE, role=ROLE)["Statement"]:
        for one in statement["Resource"]:
            known = ("*", "street", "/aws/sagemaker/", "trackforge", "jumpstart-cache", ":hub", "workteam")
            assert one == "*" or any(word in one for word in known[1:]), one
