"""What AWS answers when something is wrong, as errors of ours: what must hold, what came, what to do.

botocore raises one class for nearly everything and tells the kind by a code. One place here reads the codes, so that
expired credentials, a permission that is missing and a name that is not there read the same in every command and
client.

Source: botocore's exceptions and service models (Apache-2.0); AWS documentation, "Common errors".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from trackforge.errors import ConfigError, InvalidInputError, TrackforgeError

__all__ = [
    "AccessError", "AwsError", "CredentialsError", "ExistsError", "GoneError", "ModelFailedError", "QuotaError",
    "ThrottledError", "UnreachableError", "code_of", "explained", "explaining", "permission",
]  # fmt: skip


class AwsError(TrackforgeError, RuntimeError):
    """AWS refused a call, or could not carry it out."""


class CredentialsError(AwsError):
    """There are no credentials, or AWS takes them no more."""


class AccessError(AwsError):
    """The credentials are good, and may not do this."""


class GoneError(AwsError, LookupError):
    """What was named is not there."""


class ExistsError(AwsError):
    """The name is taken, or what has it is busy."""


class QuotaError(AwsError):
    """The account may not have as many."""


class ThrottledError(AwsError):
    """Calls come faster than AWS takes them; retries did not help."""


class UnreachableError(AwsError):
    """AWS, or the endpoint, gave no answer in time."""


class ModelFailedError(AwsError):
    """The container behind an endpoint refused a request, or failed at it.

    Attributes:
        status: What the container answered: 400 and above, or 0 where it broke off.
        reason: What it said.
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


_CREDENTIALS = frozenset({
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidSignatureException", "InvalidToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    "RequestExpired", "SignatureDoesNotMatch", "TokenRefreshRequired", "UnrecognizedClientException",
})  # fmt: skip
_ACCESS = frozenset({
    "403", "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "Forbidden",
    "NotAuthorized", "UnauthorizedOperation",
})  # fmt: skip
_THROTTLED = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "SlowDown", "TooManyRequests",
    "TooManyRequestsException", "RequestThrottled", "RequestThrottledException", "ProvisionedThroughputExceeded",
})  # fmt: skip
_GONE = frozenset({
    "404", "NoSuchCORSConfiguration",
    "NoSuchBucket", "NoSuchEntity", "NoSuchKey", "NotFound", "NotFoundException", "ObjectNotFoundException",
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "RepositoryNotFoundException", "ResourceNotFound",
    "ResourceNotFoundException",
})  # fmt: skip
_GONE_WORDS = ("could not find", "does not exist", "not found")
_QUOTA = frozenset(
    {"LimitExceeded", "LimitExceededException", "ResourceLimitExceeded", "ServiceQuotaExceededException"}
)
_EXISTS = frozenset({
    "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "DeleteConflict", "EntityAlreadyExists",
    "QueueNameExists", "RepositoryAlreadyExistsException", "ResourceInUse", "ResourceInUseException",
    "ConflictException",
})  # fmt: skip
_NO_CREDENTIALS = frozenset({
    "CredentialRetrievalError", "NoAuthTokenError", "NoCredentialsError", "PartialCredentialsError", "SSOError",
    "SSOTokenLoadError", "TokenRetrievalError", "UnauthorizedSSOTokenError", "LoginRefreshRequired",
})  # fmt: skip
_UNREACHABLE = frozenset({
    "ConnectTimeoutError", "ConnectionClosedError", "ConnectionError", "EndpointConnectionError", "HTTPClientError",
    "ProxyConnectionError", "ReadTimeoutError", "ResponseStreamingError", "SSLError", "IncompleteReadError",
})  # fmt: skip
_ACTIONS = {
    "CompleteMultipartUpload": "PutObject", "CreateMultipartUpload": "PutObject", "HeadBucket": "ListBucket",
    "HeadObject": "GetObject", "InvokeEndpointWithResponseStream": "InvokeEndpoint", "ListObjectsV2": "ListBucket",
    "UploadPart": "PutObject", "GetBucketCors": "GetBucketCORS", "PutBucketCors": "PutBucketCORS",
}  # fmt: skip
"""Operations whose permission has another name."""
_PREFIXES = {"sagemaker-runtime": "sagemaker", "resourcegroupstaggingapi": "tag", "service-quotas": "servicequotas"}
_MOST = 800
"""Characters of AWS's words that are shown."""


@contextlib.contextmanager
def explaining(service: str, operation: str, doing: str = "") -> Iterator[None]:
    """Raise what boto3 raises within the block as an error of ours.

    Args:
        service: As boto3 names it: ``"sagemaker"``.
        operation: What is asked, as AWS names it: ``"CreateModel"``.
        doing: What it is for, in words that go on after "cannot": ``"make the model m"``.

    Raises:
        AwsError: Or one of its kinds.
        ConfigError: No region is known, or the profile is not there.
        InvalidInputError: The request has a field that it must not have, or lacks one.
    """
    try:
        yield
    except TrackforgeError:
        raise
    except Exception as error:
        made = explained(error, service, operation, doing)
        if made is None:
            raise
        raise made from error


def code_of(error: BaseException) -> str:
    """Return the code that AWS gave an error of boto3's, or an empty text.

    >>> code_of(ValueError())
    ''
    """
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""


def explained(error: BaseException, service: str, operation: str, doing: str = "") -> TrackforgeError | None:
    """Return an error of boto3's as one of ours; None for what is no such error."""
    names = {one.__name__ for one in type(error).__mro__}
    what = f"{service} {operation}" + (f", to {doing}" if doing else "")
    said = " ".join(str(error).split())[:_MOST]
    if "ClientError" in names:  # each code has a class of its own below it, with whatever name
        return _client_error(error, service, operation, what)
    if names & _NO_CREDENTIALS:
        return CredentialsError(_credentials(f"there are none, or they cannot be renewed ({said})"))
    if "NoRegionError" in names:
        return ConfigError("A region must be known; none is. Give --region, or set AWS_REGION.")
    if "ProfileNotFound" in names:
        return ConfigError(
            f"The profile must be one of ~/.aws/config; {said}. 'aws configure list-profiles' shows them."
        )
    if "ParamValidationError" in names:
        return InvalidInputError(f"The request {what} does not fit the service: {said}")
    if names & _UNREACHABLE:
        return UnreachableError(
            f"{what}: AWS must answer; it did not ({said}). Is the network up, the region right, and is "
            "AWS_ENDPOINT_URL what it should be?"
        )
    return None


def permission(service: str, operation: str) -> str:
    """Return the permission that an operation needs.

    >>> permission("sagemaker-runtime", "InvokeEndpoint"), permission("s3", "HeadObject")
    ('sagemaker:InvokeEndpoint', 's3:GetObject')
    """
    return f"{_PREFIXES.get(service, service)}:{_ACTIONS.get(operation, operation)}"


def _client_error(error: Any, service: str, operation: str, what: str) -> TrackforgeError:
    code = code_of(error)
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:_MOST]
    said = f"{code}: {message}" if message else code
    if code == "ModelError":
        return _model_failure(error, what, message)
    if code == "RequestTimeTooSkewed" or "signature expired" in message.lower():
        return AwsError(f"{what}: the clock of this machine must be right; AWS says {said}. Set it by the network.")
    if code in _CREDENTIALS:
        return CredentialsError(_credentials(f"{what} answered {said}"))
    if code in _ACCESS:
        action = permission(service, operation)
        unseen = " Without s3:ListBucket S3 says so of what is not there, too." if service == "s3" else ""
        statement = json.dumps({"Effect": "Allow", "Action": action, "Resource": "*"})
        return AccessError(
            f"{what} must be allowed; it is not ({said}). The permission is {action}: add {statement} to a policy of "
            "whoever calls, with Resource as narrow as you like. 'trackforge sagemaker setup --print-policies' shows "
            f"all that is needed.{unseen}"
        )
    if code in _THROTTLED:
        return ThrottledError(f"{what}: AWS takes calls only so fast; retries did not help ({said}). Try again later.")
    if code in _QUOTA:
        return QuotaError(
            f"{what}: the account's quota is used up ({said}). Take a smaller or fewer instances, delete what is not "
            "needed, or ask for more: 'trackforge sagemaker setup' lists quotas."
        )
    if code in _GONE or (code.startswith("Validation") and any(word in message.lower() for word in _GONE_WORDS)):
        return GoneError(f"{what}: what is named must be there; it is not ({said}). Look at the name and the region.")
    if code in _EXISTS or "already exist" in message.lower():
        return ExistsError(
            f"{what}: it is there already, or busy ({said}). Take another name, or wait until it is idle."
        )
    return AwsError(f"{what} failed: {said}")


def _model_failure(error: Any, what: str, message: str) -> ModelFailedError:
    status = int(error.response.get("OriginalStatusCode") or 0)
    reason = str(error.response.get("OriginalMessage") or message)
    with contextlib.suppress(ValueError, AttributeError):  # a problem as RFC 9457 has it, which our server sends
        told = json.loads(reason)
        reason = str(told.get("detail") or reason)
    logs = str(error.response.get("LogStreamArn") or "")
    words = f"the container answered {status}" if status else "the container gave no answer, or broke off"
    shown = " ".join(reason.split())[:_MOST]
    return ModelFailedError(
        f"{what}: {words}: {shown}" + (f" Its log: {logs}" if logs else ""), status=status, reason=shown
    )


def _credentials(came: str) -> str:
    return (
        f"AWS must be asked with credentials that are good; {came}. Renew them ('aws sso login', 'aws configure', or "
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN), and run the same again: what is done stays."
    )
