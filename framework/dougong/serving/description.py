"""What a model takes and gives, for its page and for OpenAPI."""

import dataclasses
from typing import Any

from dougong.data.records import Record

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
EXAMPLE = "An example."


def fields_asked(record_type: type[Record]) -> list[dict[str, Any]]:
    """The fields that a record has to have, and the identity that it may have: name, several texts or one, required."""
    found = []
    for item in dataclasses.fields(record_type):
        required = item.default is dataclasses.MISSING
        if required or item.name == "identity":
            found.append({"name": item.name, "several": item.type is not str, "required": required})
    return found


def example_of(record_type: type[Record]) -> dict[str, Any]:
    """A record to try the model with."""
    asked = [field for field in fields_asked(record_type) if field["required"]]
    return {field["name"]: [EXAMPLE] if field["several"] else EXAMPLE for field in asked}


def record_schema(record_type: type[Record]) -> dict[str, Any]:
    """JSON Schema of a record that is given."""
    fields = fields_asked(record_type)
    return {
        "type": "object",
        "title": record_type.__name__,
        "description": (record_type.__doc__ or "").partition("\n")[0],
        "properties": {field["name"]: TEXTS if field["several"] else TEXT for field in fields},
        "required": [field["name"] for field in fields if field["required"]],
    }


def operation(record_type: type[Record], example: Any, answer: Any) -> dict[str, Any]:
    """What OpenAPI says of `POST /predict`: bodies and answers."""
    record = record_schema(record_type)
    prediction = {**record, "title": "Prediction", "description": "The record, with what was predicted."}
    return {
        "requestBody": {
            "required": True,
            "description": "One record or a list of them; a bare text stands for a record's first field.",
            "content": {"application/json": {"schema": _one_or_several({"anyOf": [record, TEXT]}), "example": example}},
        },
        "responses": {
            "200": {
                "description": "The prediction, or a list of them in the order of the records.",
                "content": {"application/json": {"schema": _one_or_several(prediction), "example": answer}},
            },
            **{status: refusal(description) for status, description in REFUSALS.items()},
        },
    }


REFUSALS = {
    "400": "Not JSON.",
    "403": "Asked by another name than this server's, or by a page of another site.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large, or has more records than the queue.",
    "415": "Not sent as application/json.",
    "422": "Not a record that the model takes; `key` says what of the body.",
    "429": "The queue is full; try again later.",
    "500": "The model failed; the server's log says why.",
    "503": "The server is about to stop.",
    "504": "Not answered in time.",
}


def refusal(description: str) -> dict[str, Any]:
    """A response that says why not."""
    schema = {"type": "object", "properties": {"error": TEXT, "key": TEXT}, "required": ["error"]}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _one_or_several(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}
