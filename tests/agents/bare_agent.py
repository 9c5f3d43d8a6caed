"""An agent written from docs/agents.md alone: Python's own http.server, Ed25519, and none of our code.

    python bare_agent.py --id buoy --state DIR --action tune_foghorn='Tune the foghorn' ...

DIR/behaviour.json says for each step what to do instead of the work: reject, fail, wrong (a result that does not fit
the schema), slow (202 first). DIR/agent.key is the key; the outcome of every key asked for is kept in DIR.
"""

import argparse
import base64
import hashlib
import json
import math
import sys
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

INPUTS = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "lens": {"type": "string", "description": "which lens to grind"}},
    "required": ["title"],
}
NEEDS_LENS = {**INPUTS, "required": ["title", "lens"]}
NOTHING = b'{"error": "nothing is here"}'
RESULT = {"type": "object", "properties": {"hertz": {"type": "integer"}}, "required": ["hertz"]}


def canonical(value: Any) -> str:
    """RFC 8785: members by their names' UTF-16 code units, no blanks, numbers as ECMAScript writes them."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(inner)}" for name, inner in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return number(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(value)
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


class Agent:
    """What the agent knows: its key, its actions, and what it has answered."""

    def __init__(self, name: str, state: Path, actions: dict[str, str]) -> None:
        self.name, self.state, self.actions = name, state, actions
        self.lock = Lock()
        state.mkdir(parents=True, exist_ok=True)
        key = state / "agent.key"
        if not key.exists():
            key.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
        self.key = Ed25519PrivateKey.from_private_bytes(key.read_bytes())

    def card(self) -> dict[str, Any]:
        return {
            "protocol": "planexe-agent/1",
            "id": self.name,
            "type": "seamarks",
            "name": self.name.title(),
            "version": "1",
            "public_key": base64.b64encode(self.key.public_key().public_bytes_raw()).decode(),
            "actions": [
                {
                    "name": action,
                    "description": f"{example}.",
                    "examples": [example],
                    "cannot": [],
                    "input_schema": NEEDS_LENS if action == "grind_lens" else INPUTS,
                    "output_schema": RESULT,
                    "side_effects": "none",
                }
                for action, example in self.actions.items()
            ],
        }

    def behaviour(self, step: str) -> str:
        told = self.state / "behaviour.json"
        return str(json.loads(told.read_text()).get(step, "well")) if told.exists() else "well"

    def answer(self, assignment: dict[str, Any], text: str) -> bytes:
        """Work, sign and keep; an assignment that was worked on before gets the same bytes."""
        kept = self.state / f"{hashlib.sha256(assignment['id'].encode()).hexdigest()}.json"
        with self.lock:
            if not kept.exists():
                draft = kept.with_suffix(".draft")
                draft.write_text(json.dumps(self.outcome(assignment, text)))
                draft.rename(kept)
            return kept.read_bytes()

    def outcome(self, assignment: dict[str, Any], text: str) -> dict[str, Any]:
        mode = self.behaviour(assignment["step"])
        status = {"reject": "rejected", "fail": "failed"}.get(mode, "completed")
        done = status == "completed"
        moment = datetime.now(UTC).isoformat()
        outcome = {
            "assignment": assignment["id"],
            "assignment_digest": "sha256:" + hashlib.sha256(text.encode()).hexdigest(),
            "agent": self.name,
            "action": assignment["action"],
            "status": status,
            "result": {"hertz": "loud" if mode == "wrong" else 440} if done else {},
            "confidence": 0.9 if done else 0.0,
            "confidence_why": "it was heard" if done else "",
            "evidence": [],
            "reason": None if done else f"{self.name} will not",
            "started_at": moment,
            "ended_at": moment,
        }
        signature = self.key.sign(canonical(outcome).encode())
        return {**outcome, "signature": base64.b64encode(signature).decode()}


class Handler(BaseHTTPRequestHandler):
    agent: Agent

    def do_GET(self) -> None:
        if self.path == "/schema.json":
            self.reply(200, json.dumps(self.agent.card()).encode())
        elif self.path == "/healthz":
            self.reply(200, b'{"status": "ok"}')
        elif self.path.startswith("/runs/"):
            found = self.agent.state / f"{Path(self.path).name}.json"
            self.reply(200 if found.exists() else 404, found.read_bytes() if found.exists() else NOTHING)
        else:
            self.reply(404, NOTHING)

    def do_POST(self) -> None:
        assignment = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.agent.answer(assignment, canonical(assignment))
        if self.agent.behaviour(assignment["step"]) == "slow":
            name = hashlib.sha256(assignment["id"].encode()).hexdigest()
            self.reply(202, b"{}", Location=f"/runs/{name}", Retry_After="1")
        else:
            self.reply(200, answer)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--action", action="append", default=[])
    options = parser.parse_args()
    Handler.agent = Agent(options.id, options.state, dict(told.split("=", 1) for told in options.action))
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    sys.stdout.write(json.dumps({"agents": {options.id: f"http://127.0.0.1:{server.server_port}"}}) + "\n")
    sys.stdout.flush()
    server.serve_forever()
