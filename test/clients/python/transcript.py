"""What the Python scripts share: connection from PG* variables, a transcript of JSON lines on standard output."""

import datetime
import decimal
import hashlib
import ipaddress
import json
import os
import pathlib
import sys
import uuid

SHARED = pathlib.Path(__file__).parent.parent / "shared"
SETUP = (SHARED / "setup.sql").read_text()
TYPES = [line.split("\t", 1) for line in (SHARED / "types.txt").read_text().splitlines()]
# Shows to other connections that it runs: the sequence moves before the sleep, and for all at once. What other sessions do
# (pg_stat_activity) is not shown to agents.
SLEEP = "SELECT nextval('work.running'), pg_sleep(30)"
# How often SLEEP has begun.
STARTED = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM work.running"
LARGE_BYTES = int(os.environ.get("LARGE_BYTES", "50000000"))


def large_bytes():
    """Bytes that every run makes alike."""
    block = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(1024))
    return (block * (LARGE_BYTES // len(block) + 1))[:LARGE_BYTES]


def digest(value):
    return hashlib.sha256(value).hexdigest()


def plain(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else f"<{value}>"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<bytes {bytes(value).hex()}>"
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    known = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID,
             ipaddress.IPv4Interface, ipaddress.IPv6Network)
    if isinstance(value, known) or "object at 0x" not in repr(value):
        return f"<{type(value).__name__} {value}>"
    return f"<{type(value).__name__}>"


def say(step, value):
    print(json.dumps({"step": step, "value": plain(value)}, ensure_ascii=False, separators=(",", ":")), flush=True)


def end():
    say("end", "done")


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(1)
