"""The document for Rust's generator, from standard input to standard output.

A list of words may grow in a later server. For Rust it is written as those words or any other, which makes an enum with
`Other`; and lists that are the same get one name, the shortest of schema and property. Parameters stay as they are: what is asked
for is known.
"""

import json
import sys

document = json.load(sys.stdin)
schemas = document["components"]["schemas"]
names: dict[tuple[str, ...], str] = {}


def is_words(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "string" and "enum" in part


def name_words(part: object, name: str) -> None:
    if is_words(part):
        words = tuple(part["enum"])
        names[words] = min(names.get(words, name), name, key=lambda known: (len(known), known))
    elif isinstance(part, dict):
        for key, value in part.get("properties", {}).items():
            name_words(value, name + key.title().replace("_", ""))
        if "items" in part:
            name_words(part["items"], name)


def opened(part: object) -> object:
    if isinstance(part, list):
        return [opened(value) for value in part]
    if not isinstance(part, dict):
        return part
    if is_words(part) and tuple(part["enum"]) in names:
        return {"$ref": "#/components/schemas/" + names[tuple(part["enum"])]}
    return {key: opened(value) for key, value in part.items()}


for schema, body in schemas.items():
    name_words(body, schema)
for name, body in schemas.items():
    schemas[name] = opened(body)
for words, name in names.items():
    schemas[name] = {"anyOf": [{"type": "string", "enum": list(words)}, {"type": "string"}]}
json.dump(document, sys.stdout)
