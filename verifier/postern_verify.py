#!/usr/bin/env python3
"""Verifies Postern's audit logs offline, for someone who does not trust Postern. It only reads.
Needs Python 3.9 and nothing else, and shares no code with Postern: it was written from the published specifications
(C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-proof; RFC 6962, 8032, 8785) and from docs/reference/events.md.
Exit status: 0 all is well; 1 something is wrong, one sentence for each thing; 2 it was called wrongly."""

import argparse, base64, datetime, functools, hashlib, json, os, re, sys  # noqa: E401
from decimal import Decimal
from math import inf

class Wrong(ValueError):
    """Something does not verify. The text follows the name of a file, or of an entry, in a sentence."""

def need(condition, sentence):
    if not condition:
        raise Wrong(sentence)
def read_file(*path):
    """Its bytes; none where there is no such file or it cannot be read."""
    try:
        with open(os.path.join(*path), "rb") as file:
            return file.read()
    except OSError:
        return b""

# ---- Ed25519 (RFC 8032, section 5.1): plain and slow; only public values pass through it ----
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
def point_add(a, b):
    both = D * a[0] * b[0] * a[1] * b[1] % P
    x, y = a[0] * b[1] + b[0] * a[1], a[1] * b[1] + a[0] * b[0]
    return x * pow(1 + both, -1, P) % P, y * pow(1 - both, -1, P) % P
def point_multiply(scalar, point):
    result = (0, 1)
    while scalar:
        result = point_add(result, point) if scalar & 1 else result
        scalar, point = scalar >> 1, point_add(point, point)
    return result
def point_decode(data):
    """The point of 32 bytes, or None. Strict: each point has one encoding (section 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else P - x, y
BASE = point_decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
@functools.lru_cache
def ed25519_verify(public, message, signature):
    key, nonce, scalar = point_decode(public), point_decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or len(signature) != 64 or scalar >= L:  # beyond L: a second valid signature
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little")
    return point_multiply(scalar, BASE) == point_add(nonce, point_multiply(challenge % L, key))

# ---- keys and checkpoints (C2SP signed-note, tlog-checkpoint) ----
def base64_exact(text, what):
    """Strict: one text for one value, so that no bit of a file is without meaning."""
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except ValueError:
        data = b""
    need(data and base64.b64encode(data).decode() == text, f"has {what} that is not canonical base64")
    return data

class Key:
    """A verifier key of type Ed25519: name+keyid+base64(0x01 || public key)."""
    def __init__(self, text):
        match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)", text)
        need(match, "has a verifier key that is not name+keyid+base64")
        data = base64_exact(match[3], "a verifier key")
        self.text, self.name, self.id, self.public = text, match[1], bytes.fromhex(match[2]), data[1:]
        fingerprint = hashlib.sha256(self.name.encode() + b"\n" + data).digest()
        need(data[0] == 1 and len(data) == 33, "has a verifier key that is not of type Ed25519")
        need(fingerprint[:4] == self.id, "has a verifier key whose id is not that of its name and public key")

LINE = "[^\x00-\x1f]+\n"
HEAD = re.compile(f"(({LINE})(0\n|[1-9][0-9]{{0,15}}\n)({LINE})(?:{LINE})*)\n((?:\u2014 \\S+ \\S+\n)+)")

class Checkpoint:
    """A tree head. There is none without a valid signature by one of `keys`, in the log's own name."""
    def __init__(self, note, keys):
        match = HEAD.fullmatch(note.decode("utf-8", "surrogateescape"))
        need(match, "is not a signed note of origin, size and root")
        self.origin, self.size, signed = match[2][:-1], int(match[3]), False
        self.root = base64_exact(match[4][:-1], "a root")
        for name, signature in re.findall(r"(\S+) (\S+)\n", match[5].replace("\u2014 ", "")):
            data = base64_exact(signature, "a signature")
            for key in keys:  # signed-note: signatures by other keys, such as witnesses, are to be ignored
                if key.name == name and key.id == data[:4]:
                    valid = ed25519_verify(key.public, match[1].encode("utf-8", "surrogateescape"), data[4:])
                    need(valid, f"has a signature by {name} that does not verify")
                    signed = signed or name == self.origin
        need(signed, f"has no signature by a known key of {self.origin}")

# ---- Merkle tree (RFC 6962, section 2.1) ----
HASH, WIDTH = 32, 256
def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()
def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()
def full_tree(hashes):
    """The hash over a complete subtree: a power of two of nodes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]
def tree_root(edge):
    """The root by the last tile of each level, lowest first: the tree's right edge."""
    root = None
    for hashes in edge:
        while hashes:  # its complete subtrees from right to left; the lowest set bit is the size of the rightmost
            size = len(hashes) & -len(hashes)
            subtree, hashes = full_tree(hashes[-size:]), hashes[:-size]
            root = subtree if root is None else node_hash(subtree, root)
    return hashlib.sha256(b"").digest() if root is None else root
def inclusion_root(index, size, leaf, proof):
    """The root that an inclusion proof leads to (section 2.1.1: the proof's last hash is that of the other half)."""
    need((size == 1) == (not proof), "has too many hashes or too few")
    if size == 1:
        return leaf
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return node_hash(inclusion_root(index, half, leaf, proof[:-1]), proof[-1])
    return node_hash(proof[-1], inclusion_root(index - half, size - half, leaf, proof[:-1]))

# ---- canonical JSON (RFC 8785) ----
def ecmascript_number(value):
    """As ECMAScript prints it (section 3.2.2.3). repr() knows the shortest digits, but writes some otherwise."""
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)).normalize(), "f")
    return repr(value).replace("e-0", "e-") if value else "0"

@functools.lru_cache(4096)
def number(text):
    value = int(text) if len(text) < 16 and text.isdigit() else float(text)
    if isinstance(value, float) and (value - value != 0 or ecmascript_number(value) != text):  # infinite or no number
        raise ValueError(f"the number {text} is not canonical")
    return value
DECODE = json.JSONDecoder(parse_int=number, parse_float=number, parse_constant=number).raw_decode
ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
def canonical(value):
    """In full. ENCODE is faster, and differs for names beyond U+FFFF and for very small and large numbers."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(ENCODE(name) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return ecmascript_number(value) if isinstance(value, float) else ENCODE(value)
def parse_entry(data):
    try:
        text = data.decode("utf-8")
        entry, _ = DECODE(text)  # whatever follows the end shows in the comparison
        plain = text.isascii() or len(text.encode("utf-16-le")) == 2 * len(text)  # code points sort as UTF-16 does
        same = (plain and ENCODE(entry) == text) or canonical(entry) == text
    except (ValueError, RecursionError) as error:
        raise Wrong(f"is not canonical JSON (RFC 8785): {error}") from error
    return need(same and isinstance(entry, dict), "is not canonical JSON (RFC 8785), or not an object") or entry

# ---- what entries say (docs/reference/events.md) ----
SESSION_TYPES = frozenset(["session.opened", "session.closed", "statement.decided", "statement.finished",
                           "reveal.used", "alarm.detector_hit", "alarm.unproven", "transaction.committed",
                           "transaction.rolled_back"])
def whole(value):
    return type(value) is int and value >= 0  # to isinstance(), true and false are whole numbers
def tree_state(state):
    """(size, root) as an entry states them."""
    need(whole(state["size"]), "states no size of a log")
    return state["size"], base64_exact(state["root"], "a root")

class Contents:
    """The rules within and between the entries of one log, which are fed to it in order."""
    def __init__(self, origin, vkey):
        self.origin, self.vkey, self.now, self.last_type = origin, vkey, datetime.datetime.min, None
        self.holes = False  # entries are missing: what holds between entries cannot be judged any more
        self.open, self.ended = {}, set()  # session: [next sessionSeq, number decided, {permitted, not finished: rows}]
        self.alive, self.excused = None, 0  # last sign of life in this run; seconds since that an alarm accounts for
        self.heartbeats = []  # (index, size, root): states of the registry
        self.approved, self.taken = {}, {}  # leaf: ((approval, binding), rows); approval: (session that took it, rows)
        self.records = {}  # in the registry, by origin: [(type, size, root, vkey)]
    def check(self, index, data):
        entry = parse_entry(data)
        kind, before, in_session = entry["type"], self.now, entry["type"] in SESSION_TYPES
        need(whole(entry["seq"]) and entry["seq"] == index, "has another seq than its place in the log")
        need(whole(entry["v"]) and entry["v"], "has no version")
        self.now, self.last_type = datetime.datetime.fromisoformat(entry["ts"][:-1]), kind
        exact = self.now.isoformat(timespec="microseconds") + "Z" == entry["ts"]
        need(exact, "has a ts that is not in UTC with microseconds")
        need(self.now > before, "has a ts that is not later than that of the entry before it")
        need(("session" in entry) == ("sessionSeq" in entry) == in_session, "has, or lacks, the members of a session")
        if "approval" in entry and not self.holes:
            self.of_approval(kind, entry, index)
        if in_session:
            self.holes or self.of_session(kind, entry)
        elif kind in ("log.opened", "log.updated", "log.closed"):
            self.record(kind, entry)
        elif kind in ("gateway.started", "gateway.stopped", "gateway.heartbeat"):
            self.holes or self.of_gateway(kind, entry, index)
        elif kind == "alarm.log_interrupted":
            self.excused += entry["seconds"]
        elif kind == "key.created" and entry["purpose"] == "log":
            need(entry["vkey"] == self.vkey, "names another key than log.vkey")
    def of_approval(self, kind, entry, index):
        name, bound = entry["approval"], (entry["approval"], entry.get("binding"))
        if kind == "approval.decided" and entry["verdict"] == "approved":
            self.approved[index] = bound, entry.get("rows", inf)
        elif kind == "approval.consumed":
            need(name not in self.taken, "uses an approval a second time")
            need(entry["decisions"], "uses an approval that nobody gave")
            most, own = entry.get("rows", inf), self.origin.rpartition("/")[2]
            self.taken[name] = entry["forSession"], most
            leaves = [leaf["index"] for leaf in entry["decisions"] if leaf["instance"] == own]
            given = [self.approved.get(leaf, (None, 0)) for leaf in leaves]
            need(all(to == bound for to, _ in given), "uses an approval that the entries which it names do not give")
            need(all(most <= rows for _, rows in given), "uses an approval for more rows than it was given for")
        elif kind == "statement.decided":
            need(self.taken.get(name, "?")[0] == entry["session"], "runs on an approval that its session has not taken")
    def of_session(self, kind, entry):
        name, place, opens = entry["session"], entry["sessionSeq"], kind == "session.opened"
        if opens and name not in self.open and name not in self.ended:
            self.open[name] = [0, 0, {}]
        session = self.open.get(name)
        need(session and opens == (session[0] == 0), "belongs to a session that is not open, or opens one again")
        session[0] += 1
        need(whole(place) and place == session[0] - 1, "does not have the next sessionSeq of its session")
        if kind == "statement.decided":
            session[1] += 1
            if entry["verdict"] != "refused":
                session[2][place] = self.taken.get(entry.get("approval"), (None, inf))[1]
        elif kind == "statement.finished":
            need(whole(entry["statement"]) and entry["statement"] in session[2], "finishes a statement that is not under way")
            most = inf if entry["outcome"] != "completed" else session[2][entry["statement"]]
            need(entry["rowsAffected"] <= most, "changes more rows than its approval was for")
            del session[2][entry["statement"]]
        elif kind == "session.closed":
            self.ended.add(name)
            del self.open[name]
            counted = whole(entry["statements"]) and entry["statements"] == session[1]
            need(counted, f"says {entry['statements']} statements of session {name}: the log has {session[1]}")
            need(not session[2], f"closes session {name}, where statements {sorted(session[2])} have no outcome")
    def of_gateway(self, kind, entry, index):
        silent = (self.now - (self.alive or self.now)).total_seconds() - self.excused
        self.alive, self.excused = None if kind == "gateway.stopped" else self.now, 0
        if kind == "gateway.heartbeat":
            self.heartbeats.append((index, *tree_state(entry["registry"])))
        else:
            names, self.open = ", ".join(sorted(self.open)), {}
            need(not names, f"is a {kind}, while these sessions are not closed: {names}")
        if kind == "gateway.started":  # after a kill, however late
            need(entry["origin"] == self.origin, "names another log as its own")
        else:
            need(silent <= 150, f"comes {silent:.0f} s after the last sign of life: a heartbeat is missing")
    def record(self, kind, entry):
        size, root = tree_state(entry)
        records = self.records.setdefault(entry["origin"], [])
        records.append((kind, size, root, Key(entry["vkey"]).text if kind == "log.opened" else None))
        need(self.origin.endswith("/registry"), "belongs into the registry only")
        need(records[0][0] == "log.opened", "records a log that was never opened")
        need(len(records) == 1 or size >= records[-2][1], "records fewer entries of a log than were on record before")

# ---- one log's folder (C2SP tlog-tiles) ----
TILE = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)

def tile_path(kind, index, width):
    path, rest = f"{index % 1000:03d}", index // 1000
    while rest:
        path, rest = f"x{rest % 1000:03d}/{path}", rest // 1000
    return f"tile/{kind}/{path}" + ("" if width == WIDTH else f".p/{width}")
def items_of(kind, data):
    """The hashes of a tile, or entries of a bundle, each behind its length in two bytes; none if the end is uneven."""
    items, at = [], 0
    while at < len(data):
        start = at + 2 if kind == "entries" else at
        at = start + (int.from_bytes(data[at:start], "big") if start > at else HASH)
        items.append(data[start:at])
    return items if at == len(data) else []
def shape(kind, size):
    """(number of full tiles, width of the partial one behind them) of a level, in a tree of this size"""
    return divmod(size // WIDTH ** (0 if kind == "entries" else int(kind)), WIDTH)

class Log:
    """One log. Findings go to `report(file, sentence)`; one without a valid checkpoint cannot be made (Wrong)."""
    def __init__(self, root, name, keys, report, anchors):
        """@param keys known ones; None: what the folder itself says."""
        self.folder, self.name, self.report = os.path.join(root, name), name, report
        try:
            self.vkey, end, rest = read_file(self.folder, "log.vkey").decode("utf-8", "replace").partition("\n")
            self.keys = [Key(self.vkey)] if keys is None else keys
            need(end and not rest and self.vkey in [key.text for key in self.keys], "is not a key known for this log")
        except Wrong as error:
            self.keys = keys or []
            self.wrong("log.vkey", error)
        self.checkpoint, *self.next = self.heads()
        if self.checkpoint.origin.rpartition("/")[2] != name:
            self.wrong("checkpoint", f"is that of another log, {self.checkpoint.origin}")
        self.verify(anchors)
        self.check_files()

    def wrong(self, path, sentence):
        self.report(f"{self.name}/{path}", sentence)

    def heads(self):
        """[checkpoint, checkpoint.next if any]. The next is read first, because it takes the other's name."""
        pending, data = read_file(self.folder, "checkpoint.next"), read_file(self.folder, "checkpoint")
        need(data, "is missing, empty or unreadable")
        current, following = Checkpoint(data, self.keys), []
        try:
            if pending not in (b"", data):
                following = [Checkpoint(pending, self.keys)]
                later = following[0].origin == current.origin and following[0].size > current.size
                need(later, "is not for a later size of this log")
        except Wrong as error:
            following = []
            if pending == read_file(self.folder, "checkpoint.next"):  # else it was renamed, and its successors too
                self.wrong("checkpoint.next", error)
        return [current, *following]

    def tile(self, kind, index, width=None):
        """The first `width` items (None: all) of a tile, or None with a finding."""
        full, partial = shape(kind, self.checkpoint.size)
        width = width or (WIDTH if index < full else partial)
        folder = os.path.join(self.folder, tile_path(kind, index, WIDTH) + ".p")
        for _ in range(3):  # a running gateway replaces a partial tile by a wider one, which begins alike
            names = os.listdir(folder) if width < WIDTH and os.path.isdir(folder) else []
            wider = {int(name) for name in names if name.isdigit() and int(name) > width}
            for actual in sorted({width, WIDTH, *wider}):
                path = tile_path(kind, index, actual)
                data = read_file(self.folder, path)
                if data:
                    items = items_of(kind, data)
                    return items[:width] if len(items) == actual else self.wrong(path, f"does not hold {actual} items")
        return self.wrong(tile_path(kind, index, width), "is missing, empty or unreadable")

    def settle(self, level, index, below, edge):
        """The hashes to go on with: where a tile and what is below it differ, those that lead to what is above."""
        stored = self.tile(level, index)
        if not below or not stored or below == stored:
            return below or stored
        def leads_up(hashes):
            if len(hashes) < WIDTH:
                return tree_root([*edge[:level], hashes, *edge[level + 1 :]]) == self.checkpoint.root
            above = self.tile(level + 1, index // WIDTH)
            return above is not None and full_tree(hashes) == above[index % WIDTH]
        at = next(i for i, stored_hash in enumerate(stored) if stored_hash != below[i])
        tile = tile_path(level, index, len(stored))
        lower = tile_path(level - 1, index * WIDTH + at, WIDTH) if level else tile_path("entries", index, len(stored))
        right = below if leads_up(below) else stored if leads_up(stored) else None
        if right is not stored:
            self.wrong(tile, f"has a hash at place {at} that is not that of {lower}")
        if right is not below:
            self.wrong(lower, f"does not have the hash at place {at} of {tile}")
        self.sound = self.sound and right is not None
        return right or below

    def verify(self, anchors):
        """Reads all of it. @param anchors (size, root, sentence if not): states that the tree must have passed."""
        self.contents, self.sound = Contents(self.checkpoint.origin, self.vkey), True
        size, edge = self.checkpoint.size, [[] for _ in range(8)]
        anchors = [*anchors, (size, self.checkpoint.root, "has a root that is not that of the entries")]
        anchors.sort(key=lambda anchor: -anchor[0])
        def check_anchors(start):
            while anchors and anchors[-1][0] <= start + len(edge[0]):
                expected, root, sentence = anchors.pop()
                if self.sound and tree_root([edge[0][: expected - start], *edge[1:]]) != root:
                    self.wrong("checkpoint", sentence)
        check_anchors(0)
        for index in range(-(-size // WIDTH)):
            entries = self.tile("entries", index)
            below = entries and [leaf_hash(entry) for entry in entries]
            edge[0] = self.settle(0, index, below, edge)
            self.read_entries(index, entries or [], below, edge[0])
            if not edge[0]:
                edge[0], self.sound = [bytes(HASH)] * min(WIDTH, size - index * WIDTH), False
            check_anchors(index * WIDTH)
            level = 0
            while len(edge[level]) == WIDTH:
                node, edge[level], level = full_tree(edge[level]), [], level + 1
                edge[level].append(node)
                if len(edge[level]) == WIDTH:
                    edge[level] = self.settle(level, (index + 1) // WIDTH**level - 1, edge[level], edge)
        for level in range(1, 8):
            edge[level] = self.settle(level, shape(level, size)[0], edge[level], edge) if edge[level] else []
        for expected, _, _ in anchors:
            self.wrong("checkpoint", f"has {size} entries where {expected} are on record: an older copy, or cut off")
    def read_entries(self, index, entries, below, hashes):
        """Hands on what has the hash that the tree has; the rest has a finding already."""
        self.contents.holes = self.contents.holes or below != hashes
        for place, entry in enumerate(entries):
            if below[place] is hashes[place] or below[place] == hashes[place]:
                try:
                    self.contents.check(index * WIDTH + place, entry)
                except (LookupError, TypeError, ValueError, AttributeError) as error:
                    finding = error if isinstance(error, Wrong) else f"is not what its type must be: {error!r}"
                    path = tile_path("entries", index, len(hashes))
                    self.wrong(path, f"has an entry {index * WIDTH + place} that {finding}")

    def check_files(self):
        """Nothing else lies in the folder, but for what a gateway at work, or killed at work, may leave."""
        paths = [os.path.relpath(os.path.join(folder, name), self.folder).replace(os.sep, "/")
                 for folder, _, names in os.walk(self.folder) for name in names]
        # Read after the listing: what a running gateway has added meanwhile is covered by its checkpoint of now.
        limit = max(head.size for head in (self.checkpoint, *self.heads()))
        for path in sorted(paths):
            if path in ("checkpoint", "checkpoint.next", "log.vkey") or os.path.basename(path).startswith(".tmp-"):
                continue
            match = TILE.fullmatch(path)
            kind, digits, width = match.groups() if match else ("0", "0", None)
            index, width = int(re.sub("[x/]", "", digits)), int(width or WIDTH)
            (full, partial), now = shape(kind, self.checkpoint.size), shape(kind, limit)
            if not match or tile_path(kind, index, width) != path:
                self.wrong(path, "does not belong to a log")
            elif index > now[0] or (index == now[0] and width > now[1]):
                self.wrong(path, f"lies beyond the {limit} entries of the checkpoint, which is an older one")
            elif width < (WIDTH if index < full else partial if index == full else 0):
                narrow, wide = self.tile(kind, index, width), self.tile(kind, index)
                if narrow and wide and narrow != wide[:width]:
                    self.wrong(path, "is not the beginning of the wider tile in its place")

# ---- the folder of all logs ----
def verify_log(root, name, keys, report, anchors=()):
    try:
        return Log(root, name, keys, report, anchors)
    except Wrong as error:
        return report(f"{name}/checkpoint", error)

def verify_folder(root, given, report):
    """Each log, and each against the registry. @param given keys; None: each log's own. Returns the numbers of both."""
    names = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    for name in set(os.listdir(root)) - set(names):
        name.startswith(".tmp-") or report(name, "does not belong to a log")
    # While a gateway runs, the registry is read later than the first look at the logs and earlier than the second:
    # what the logs knew of it by then, it must show, and what it knows of the logs, they must show.
    peek = {name: re.match(rb"[^\n]*\n(\d{1,16})\n", read_file(root, name, "checkpoint")) for name in names}
    known = {name: int(match[1]) if match else 0 for name, match in peek.items()}
    registry, entries, states = verify_log(root, "registry", given, report), 0, []
    records, registry_next = registry.contents.records if registry else {}, not registry or registry.next
    for name in sorted(set(names) - {"registry"}):
        mine = [record for origin in records if origin.rpartition("/")[2] == name for record in records[origin]]
        vouched = {vkey for kind, _, _, vkey in mine if kind == "log.opened"}
        anchors = [(size, state, f"had another root at size {size}, which the registry has on record")
                   for _, size, state, _ in mine]
        log = verify_log(root, name, given and [*given, *map(Key, vouched)], report, anchors)
        if not log:
            continue
        entries, size, contents = entries + log.checkpoint.size, log.checkpoint.size, log.contents
        states += [(size, state, f"had another root at size {size}, which {name} has on record")
                   for index, size, state in contents.heartbeats if index < known[name]]
        if vouched - {log.vkey}:
            log.wrong("log.vkey", "is not the key that the registry has on record")
        if registry and known[name] and log.checkpoint.origin not in records:
            log.wrong("checkpoint", "is of a log that the registry does not know")
        kind, end, state = (mine or [("", 0, b"", "")])[-1][:3]
        ended = contents.last_type == "gateway.stopped" and size == known[name] and not registry_next
        open_end = kind == "log.updated" or (end, state) != (size, log.checkpoint.root)
        if ended and open_end or kind == "log.closed" and end < known[name]:
            report("registry/checkpoint", f"does not cover the end of {name}: the registry or {name} is an older copy")
    for origin in records:
        name = origin.rpartition("/")[2]
        name in names or report(name, f"is missing: the registry records {records[origin][-1][1]} entries of {origin}")
    registry = registry and verify_log(root, "registry", given, report, states)
    return len(names), entries + (registry.checkpoint.size if registry else 0)

def verify_proof(path, entry_path, keys):
    """A c2sp.org/tlog-proof@v1, whose extra line, if any, nothing vouches for. Returns what it shows."""
    head, _, note = read_file(path).partition(b"\n\n")
    form = rb"c2sp\.org/tlog-proof@v1\n(?:extra \S*\n)?index (0|[1-9]\d{0,15})((?:\n[\x21-\x7e]+)*)"
    need(match := re.fullmatch(form, head), "is not a c2sp.org/tlog-proof@v1")
    log, index, entry = Checkpoint(note, keys), int(match[1]), read_file(entry_path)
    hashes = [base64_exact(line.decode(), "a hash") for line in match[2].split()]
    need(all(len(item) == HASH for item in hashes) and index < log.size, "is not a proof in a log of this size")
    shown = f"show that its entry is number {index} of {log.size} in {log.origin}"
    need(inclusion_root(index, log.size, leaf_hash(entry), hashes) == log.root, f"does not {shown}")
    return shown

def main():
    parser = argparse.ArgumentParser(description="Verifies Postern's audit logs offline.")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", help="the folder `log` of a gateway")
    parser.add_argument("--key", metavar="VKEY", nargs="+", action="extend", type=Key, help="keys that you trust")
    parser.add_argument("--proof", metavar="FILE", help="check a .tlog-proof instead, against the keys")
    parser.add_argument("--entry", metavar="FILE", help="the entry that the proof is for, exactly its bytes")
    given, findings = parser.parse_args(), {}  # a dictionary, because it keeps order and names a thing once
    report = lambda path, sentence: findings.setdefault(f"{path} {sentence}.")  # returns None
    if given.proof and given.key and given.entry:
        try:
            print(f"{given.proof} does {verify_proof(given.proof, given.entry, given.key)}.")
        except Wrong as error:
            report(given.proof, error)
    elif not given.proof and given.folder and os.path.isdir(given.folder):
        given.key or print("Warning: the folder's own keys prove integrity, not origin: see --key.", file=sys.stderr)
        logs, entries = verify_folder(given.folder, given.key, report)
        findings or print(f"All is well: {entries} entries in {logs} logs verify.")
    else:
        parser.error("it needs a FOLDER that exists, or --proof with its --entry and the --key of its log")
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0

if __name__ == "__main__":
    sys.exit(main())
