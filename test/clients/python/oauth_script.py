"""libpq 18 itself, by ctypes: its OAUTHBEARER with the application's own source of tokens (PQAUTHDATA_OAUTH_BEARER_TOKEN).

It connects with an empty token first, reads from the refusal where the issuer's metadata is, checks that against
oauth_issuer, asks the hook below for a token, and connects again.
"""

import ctypes
import os
import sys

from transcript import end, say

PQ = ctypes.CDLL(sys.argv[1])
POINTERS = {"PQconnectdb": ctypes.c_void_p, "PQexec": ctypes.c_void_p, "PQerrorMessage": ctypes.c_char_p,
            "PQgetvalue": ctypes.c_char_p, "PQresultErrorMessage": ctypes.c_char_p}
for function, kind in POINTERS.items():
    getattr(PQ, function).restype = kind


class Request(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h, PostgreSQL 18."""

    _fields_ = [("openid_configuration", ctypes.c_char_p), ("scope", ctypes.c_char_p), ("asynchronous", ctypes.c_void_p),
                ("cleanup", ctypes.c_void_p), ("token", ctypes.c_char_p), ("user", ctypes.c_void_p)]


PQAUTHDATA_OAUTH_BEARER_TOKEN = 1
token = b""
asked = []


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def hook(kind, _, data):
    if kind != PQAUTHDATA_OAUTH_BEARER_TOKEN:
        return 0
    request = ctypes.cast(data, ctypes.POINTER(Request)).contents
    asked.append([request.openid_configuration.decode(), request.scope.decode() if request.scope else None])
    request.token = token
    return 1


PQ.PQsetAuthDataHook(hook)


def attempt(step, with_token, issuer, sql="SELECT current_user || ' ' || 1"):
    global token
    token = with_token.encode()
    asked.clear()
    parts = {"host": os.environ["PGHOST"], "port": os.environ["PGPORT"], "user": os.environ["PGUSER"], "dbname": os.environ["PGDATABASE"],
             "sslmode": os.environ["PGSSLMODE"], "sslrootcert": os.environ["PGSSLROOTCERT"], "oauth_issuer": issuer,
             "oauth_client_id": "agent", "require_auth": "oauth", "options": "-c postern.authentication=oauthbearer"}
    info = " ".join(f"{key}='{value}'" for key, value in parts.items())
    connection = ctypes.c_void_p(PQ.PQconnectdb(info.encode()))
    status = PQ.PQstatus(connection)
    answer = PQ.PQerrorMessage(connection).decode().strip()
    if status == 0:
        result = ctypes.c_void_p(PQ.PQexec(connection, sql.encode()))
        answer = (PQ.PQgetvalue(result, 0, 0) or b"").decode()
        PQ.PQclear(result)
    say(step, [status, answer, list(asked)])
    PQ.PQfinish(connection)


good, bad = os.environ["OAUTH_TOKEN"], os.environ["OAUTH_EXPIRED"]
issuer = os.environ["OAUTH_ISSUER"]
attempt("issuer", good, issuer)
attempt("well-known URL", good, f"{issuer}/.well-known/openid-configuration")
attempt("expired", bad, issuer)
attempt("no token", "not-a-token", issuer)
attempt("other issuer", good, f"{issuer}/other")
end()
