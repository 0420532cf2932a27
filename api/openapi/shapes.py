"""What bodies look like, as schemas: envelopes only. What is in `properties` is Azure's, and differs by api-version."""

from typing import Any

Json = dict[str, Any]

ERROR = "Error"
RESOURCE = "Resource"
LIST = "List"
OBJECT = "Object"
OPERATION = "OperationStatus"
DEPLOYMENT_STATUS = "DeploymentStatus"
UPGRADE = "RollingUpgradeStatus"
SET_VIEW = "ScaleSetInstanceView"
INSTANCE_VIEW = "InstanceView"
INSTANCE = "Instance"
IMAGES = "ImageList"
IMAGE = "Image"
SUBSCRIPTION = "Subscription"
PROVIDER = "Provider"
PART = "Part"
TOKEN = "Token"  # noqa: S105  # the name of a schema
OAUTH_ERROR = "OAuthError"
KEYS = "Keys"
DIRECTED = "Copy"
BODY = "ResourceBody"

_TEXT: Json = {"type": "string", "minLength": 1}
_MOMENT: Json = {"type": "string", "format": "date-time"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_OBJECT: Json = {"type": "object"}
_TAGS: Json = {"type": "object", "additionalProperties": {"type": "string"}}
_ENDED_WORDS = ("Succeeded", "Failed", "Canceled")


def _object(required: Json, optional: Json | None = None, **more: Any) -> Json:
    return {"type": "object", "required": [*required], "properties": required | (optional or {}), **more}


def _list_of(item: Json) -> Json:
    return {"type": "array", "items": item}


_FAULT = _object(
    {"code": _TEXT, "message": _TEXT},
    {"target": _TEXT, "details": _list_of(_object({"code": _TEXT, "message": _TEXT}, {"target": _TEXT}))},
)
_STATUSES = _list_of(_object({"code": _TEXT, "level": {"enum": ["Info", "Warning", "Error"]}, "displayStatus": _TEXT}))
_SUMMARY = _list_of(_object({"code": _TEXT, "count": _COUNT}))
_IMAGE = _object({"id": _TEXT, "name": _TEXT, "location": _TEXT}, {"properties": _OBJECT})
_PROGRESS = _object(
    {
        f"{state}InstanceCount": _COUNT  # Azure sends all four, always
        for state in ("successful", "failed", "inProgress", "pending")
    }
)

SCHEMAS: Json = {
    ERROR: _object({"error": _FAULT}, additionalProperties=False, description="What ARM answers in place of a result."),
    RESOURCE: _object(
        {"id": _TEXT, "name": _TEXT, "type": _TEXT, "properties": _OBJECT},
        {"location": _TEXT, "tags": _TAGS, "etag": {"type": "string", "pattern": '^".*"$'}, "sku": _OBJECT},
    ),
    LIST: _object(
        {"value": _list_of(_OBJECT)},
        {"nextLink": {"type": "string", "format": "uri", "description": "where the next page is, if there is one"}},
    ),
    OBJECT: _OBJECT,
    OPERATION: _object(
        {"name": _TEXT, "status": {"enum": ["InProgress", *_ENDED_WORDS]}, "startTime": _MOMENT},
        {"endTime": _MOMENT, "error": _FAULT},
    ),
    DEPLOYMENT_STATUS: _object({"status": {"enum": ["Running", "Succeeded", "Failed"]}}, {"error": _FAULT}),
    UPGRADE: _object(
        {
            "id": _TEXT,
            "name": _TEXT,
            "type": _TEXT,
            "location": _TEXT,
            "properties": _object(
                {
                    "policy": _OBJECT,
                    "runningStatus": _object(
                        {
                            "code": {
                                "enum": ["RollingForward", "RollingBack", "Cancelled", "Completed", "Faulted"],
                            },
                            "startTime": _MOMENT,
                            "lastAction": {"enum": ["Start", "Cancel"]},
                            "lastActionTime": _MOMENT,
                        }
                    ),
                    "progress": _PROGRESS,
                },
                {"error": _FAULT},
            ),
        },
        description="Azure sends neither its id nor its name.",
    ),
    SET_VIEW: _object(
        {"virtualMachine": _object({"statusesSummary": _SUMMARY}), "extensions": _list_of(_OBJECT)},
        {"statuses": _STATUSES},
    ),
    INSTANCE_VIEW: _object({"statuses": _STATUSES, "disks": _list_of(_OBJECT)}, {"vmHealth": _OBJECT}),
    INSTANCE: _object(
        {"id": _TEXT, "name": _TEXT, "type": _TEXT, "instanceId": _TEXT, "location": _TEXT, "properties": _OBJECT},
        {"zones": _list_of(_TEXT), "sku": _OBJECT},
    ),
    IMAGES: _list_of(_IMAGE) | {"description": "A bare array, as Azure's is."},
    IMAGE: _IMAGE,
    SUBSCRIPTION: _object({"id": _TEXT, "subscriptionId": _TEXT, "tenantId": _TEXT, "state": _TEXT}),
    PROVIDER: _object(
        {"id": _TEXT, "namespace": _TEXT, "registrationState": _TEXT, "resourceTypes": _list_of(_OBJECT)}
    ),
    PART: _object({"id": _TEXT, "name": _TEXT}, {"type": _TEXT, "etag": _TEXT, "properties": _OBJECT}),
    TOKEN: _object({"token_type": {"const": "Bearer"}, "expires_in": _COUNT, "access_token": _TEXT}),
    OAUTH_ERROR: _object({"error": _TEXT, "error_description": _TEXT}),
    KEYS: _object({"keys": _list_of(_OBJECT)}),
    DIRECTED: _object({"region": _TEXT, "state": _TEXT, "progress": _COUNT, "details": {"type": "string"}}),
    BODY: _object(
        {},
        {
            "location": {"type": ["string", "null"]},
            "tags": _TAGS | {"type": ["object", "null"]},
            "properties": {"type": ["object", "null"]},
        },
        description="null leaves a property out, or takes it away.",
    ),
}
