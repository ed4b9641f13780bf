"""The reference of the JSON API as one page that loads nothing from anywhere, made from the API's own OpenAPI description."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

Schema = dict[str, Any]

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>partpose · API</title>
<link rel="stylesheet" href="/static/style.css">
<link rel="icon" href="/static/icon.svg">
<script src="/static/theme.js"></script>
</head>
<body class="reference">
<header class="top"><a class="brand" href="/"><img src="/static/icon.svg" alt="" width="24" height="24">partpose</a>
<nav><a class="quiet" href="/openapi.json">openapi.json</a>
<button id="theme" class="quiet" type="button">Theme</button></nav></header>
<main>
<h1>The API of the page</h1>
{about}
{operations}
<h2 id="messages">Messages</h2>
{messages}
</main>
</body>
</html>
"""


def reference(openapi: Schema) -> str:
    """HTML of an OpenAPI description: its operations, then its messages, each with a name to link to."""
    schemas = openapi["components"]["schemas"]
    examples = {f"#/components/schemas/{name}": schema.get("example", {}) for name, schema in schemas.items()}
    operations = [
        _operation(method, path, about, examples)
        for path, methods in openapi["paths"].items()
        for method, about in methods.items()
    ]
    messages = [_message(name, schema) for name, schema in schemas.items() if "ValidationError" not in name]
    about = _text(openapi["info"]["description"])
    return PAGE.format(about=about, operations="\n".join(operations), messages="\n".join(messages))


def _operation(method: str, path: str, about: Schema, examples: Schema) -> str:
    rows = [
        (
            one["name"],
            _kind(one["schema"]) + ("" if one.get("required") else ", may be left out"),
            one.get("description", ""),
        )
        for one in about.get("parameters", [])
    ]
    body = about.get("requestBody", {}).get("content", {})
    rows += [("body", _kind(content["schema"], kind), "") for kind, content in body.items()]
    good = [_answer(answer) or "nothing" for status, answer in about["responses"].items() if status.startswith("2")]
    bad = [f"{status}: {answer['description']}" for status, answer in about["responses"].items() if status >= "4"]
    title = f'<h2><span class="method">{method.upper()}</span> <code>{escape(path)}</code></h2>'
    example = f"<pre><code>{escape(_curl(method, path, body, examples))}</code></pre>"
    asked = _table(("asked with", "as", ""), rows) if rows else ""
    answered = f"<p>Answered by {' or '.join(good)}.</p><p class=small>{escape('; '.join(sorted(bad)))}.</p>"
    return f"<section>{title}{_text(about.get('description', ''))}{asked}{answered}{example}</section>"


def _answer(answer: Schema) -> str:
    content = answer.get("content", {})
    return ", ".join(_kind(one.get("schema", {}), kind) for kind, one in content.items())


def _kind(schema: Schema, media: str = "application/json") -> str:
    """HTML that says what values a schema takes; a message is a link."""
    if media != "application/json":
        return escape(media)
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf"):
        return " or ".join(_kind(option) for option in options)
    return _composed(schema) or escape(
        " or ".join(map(json.dumps, schema.get("enum", []))) or schema.get("type", "anything")
    )


def _composed(schema: Schema) -> str:
    """The kind of a list or an object of others, or nothing."""
    if items := schema.get("prefixItems"):
        return f"[{', '.join(_kind(item) for item in items)}]"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    inner = schema.get("additionalProperties")
    return f"object of {_kind(inner)}" if isinstance(inner, dict) else ""


def _message(name: str, schema: Schema) -> str:
    needed = schema.get("required", [])
    rows = [
        (key, _kind(value) + ("" if key in needed else ", may be left out"), value.get("description", ""))
        for key, value in schema.get("properties", {}).items()
    ]
    title = f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    return f"<section>{title}{_text(schema.get('description', ''))}{_table(('key', 'value', ''), rows)}</section>"


def _table(head: tuple[str, str, str], rows: Iterable[tuple[str, str, str]]) -> str:
    """First column: code.  Second: HTML.  Third: text."""
    cells = "".join(f"<th scope=col>{title}</th>" for title in head)
    lines = "".join(f"<tr><td><code>{escape(a)}</code></td><td>{b}</td><td>{escape(c)}</td></tr>" for a, b, c in rows)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>'


def _text(text: str) -> str:
    """Paragraphs, with `code`."""
    pieces = escape(text).split("`")
    marked = "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
    return "".join(f"<p>{paragraph}</p>" for paragraph in marked.split("\n\n") if paragraph.strip())


def _curl(method: str, path: str, body: Schema, examples: Schema) -> str:
    address = f"http://127.0.0.1:8000{path.replace('{form}', 'csv').replace('{frame}', '0').replace('{id}', 'ID')}"
    if "application/octet-stream" in body:
        return f"curl --data-binary @photo.jpg '{address}?name=photo.jpg'"
    words = ["curl"] if method in ("get", "post") else ["curl", "-X", method.upper()]
    if body:
        example = json.dumps(examples[body["application/json"]["schema"]["$ref"]])
        words += ["-H 'content-type: application/json'", f"-d '{example}'"]
    output = " -O -J" if "csv" in address or "overlay" in address else " -o out.png" if "frames" in address else ""
    return f"{' '.join(words)} '{address}'{output}"
