"""Requests that no document can describe: bytes for a socket, drawn by Hypothesis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import hypothesis.strategies as st

from tests.client import PREFIX
from tests.endpoints.expectations import ENDPOINTS, written

INJECTIONS = (
    "'; DROP TABLE tutorial_progress; --",
    "' OR '1'='1",
    "%(user_id)s $1 {0} %s :name",
    "1); SELECT pg_sleep(9); --",
    '\r\n{"level":"ERROR","message":"forged"}\r\n',
    "\r\nX-Injected: yes\r\n\r\n",
    "${jndi:ldap://127.0.0.1/x}{{7*7}}",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "\u202e\u0000\ufeff\U0001f680",
)
_BODY_LIMIT = 65536
_METHODS = (
    *("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"),
    *("post", "PROPFIND", "PRI"),
)
_TRICKS = (
    *("..", "%2e%2e", "%00", "%", "%zz", "%2F", "%ff", ";a=b", "\\", "*", "%0d%0a"),
    *("a" * 5000, "intro", "openapi.json"),
)
_QUERIES = ("", "", "?userId=", "?userId=%00", "?x=%FF&userId", "?userId=a&userId=b")
_TOKENS = ("", "Bearer a.b.c", "Bearer ,, x", "Basic eA==", "Bearer \xff")
_KINDS = ("", "text/plain", "application/json; charset=utf-7", "multipart/form-data", "\xff")
# Headers that a server, a framework, a proxy or a gateway may believe.
_BELIEVED = (
    *("X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"),
    *("Forwarded", "X-Real-IP", "Script-Name", "Proxy", "Remote-User", "X-User-Id", "Via"),
    *("Cookie", "Origin", "X-CSRF-TOKEN", "X-Request-ID", "Idempotency-Key", "Accept", "Range"),
    *("If-None-Match", "Expect", "Upgrade", "Content-Encoding", "TE", "Trailer", "Connection"),
)
_VALUES = (
    *("DELETE", "GET", "127.0.0.1", "/healthz", "https", "100-continue", "gzip", "h2c", "*"),
    *("access_token_cookie=a.b.c", "bytes=0-1", "close", "keep-alive, x", "trailers", "", " "),
)
_NAMES = (
    *("chapterId", "watchTime", "completed", "lastPosition", "totalChapters", "userId"),
    *("quizId", "score", "maxScore", "passed", "completedAt", "__proto__", "Idempotency-Key"),
)
_LITERALS = (
    *("true", "false", "null", "[]", "{}", "0.1", "8.0", "-1", '"\\ud800"', '"8"'),
    *("1" * 4000, "9" * 5000, "-1e999", "1e400", "NaN", "-Infinity", "1.7976931348623157e308"),
)
_ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp037")
_FRAMINGS = ("chunks", "chunks", "none", "short", "long", "no chunks", "both")


@dataclass(frozen=True)
class Attack:
    """One request, to the byte; text is Latin-1 where it can be.

    Args:
        framing: how the length of the body is sent, which may be wrong.
    """

    method: str
    target: str
    authorization: str
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    framing: str = "length"

    @property
    def is_whole(self) -> bool:
        """Whether so much is sent as it says, so that there must be an answer."""
        return self.framing not in {"long", "no chunks"}

    @property
    def data(self) -> bytes:
        """All of its bytes."""
        told, sent = _framed(self.framing, self.body)
        headers = (
            ("Host", "x"),
            ("Authorization", self.authorization),
            ("Content-Type", self.content_type),
            *self.headers,
            *told,
        )
        lines = [
            f"{self.method} {self.target} HTTP/1.1",
            *(f"{n}: {v}" for n, v in headers),
            "",
            "",
        ]
        head = "\r\n".join(lines)
        narrow = all(ord(character) < 256 for character in head)
        return head.encode("latin-1" if narrow else "utf-8", "surrogatepass") + sent


@st.composite
def attacks(draw: st.DrawFn, authorization: str) -> Attack:
    """Draw a request that is usual but for one thing or two.

    Args:
        draw: given by Hypothesis.
        authorization: the header of a learner who may ask.
    """
    method, path, fields = draw(st.sampled_from(list(ENDPOINTS.values())))
    usual = Attack(method, f"{PREFIX}/intro{path}", authorization, body=written(fields))
    strange = draw(st.sets(st.sampled_from(_LIKELY), min_size=1, max_size=2))
    return replace(usual, **{name: draw(_STRANGE[name]) for name in sorted(strange)})


def _targets() -> st.SearchStrategy[str]:
    text = st.sampled_from(INJECTIONS) | st.text(max_size=20)
    segments = st.sampled_from(_TRICKS) | text.map(_quoted)
    queries = st.sampled_from(_QUERIES) | text.map(lambda one: f"?userId={_quoted(one)}")
    paths = st.sampled_from([endpoint.path for endpoint in ENDPOINTS.values()])
    below = st.builds("{}/{}{}{}".format, st.just(PREFIX), segments, paths, queries)
    elsewhere = st.lists(segments, max_size=4).map(lambda some: f"/{'/'.join(some)}")
    return st.one_of(below, below, below, elsewhere, below.map("http://elsewhere{}".format))


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))


def _headers() -> st.SearchStrategy[tuple[str, str]]:
    # A line break would only begin another header.
    text = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30)
    believed = st.sampled_from(_BELIEVED)
    names = st.one_of(believed, believed, believed, st.text(st.characters(codec="ascii")))
    injected = st.sampled_from(INJECTIONS).map(lambda one: one.encode().decode("latin-1"))
    return st.tuples(names, st.one_of(st.sampled_from(_VALUES), text, injected))


def _bodies() -> st.SearchStrategy[bytes]:
    objects = _objects()
    utf8 = objects.map(lambda text: text.encode("utf-8", "surrogatepass"))
    other = st.builds(str.encode, objects, st.sampled_from(_ENCODINGS), st.just("replace"))
    deep = st.integers(1, 20_000).map(lambda levels: b'{"chapterId":' + b"[" * levels)
    lengths = st.sampled_from((_BODY_LIMIT - 1, _BODY_LIMIT, _BODY_LIMIT + 1, 200_000))
    long = lengths.map(b'{"chapterId": "c", "watchTime": 1}'.ljust)
    return st.one_of(utf8, utf8, utf8, other, st.binary(max_size=200), deep, long)


def _objects() -> st.SearchStrategy[str]:
    """JSON objects that are nearly right; a name may come twice."""
    texts = st.sampled_from(INJECTIONS) | st.text(max_size=300)
    nested = st.recursive(st.none() | st.floats(), st.lists, max_leaves=5)
    values = st.one_of(texts.map(json.dumps), st.sampled_from(_LITERALS), nested.map(json.dumps))
    usual = st.sampled_from([endpoint.body for endpoint in ENDPOINTS.values()])
    return st.builds(_object, usual, st.lists(st.tuples(st.sampled_from(_NAMES), values)))


def _object(usual: Mapping[str, str], further: list[tuple[str, str]]) -> str:
    pairs = (*usual.items(), *further)
    return "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"


_STRANGE: dict[str, st.SearchStrategy[Any]] = {
    "method": st.sampled_from(_METHODS) | st.text(min_size=1, max_size=9),
    "target": _targets(),
    "authorization": st.sampled_from(_TOKENS),
    "content_type": st.sampled_from(_KINDS),
    "headers": st.lists(_headers(), min_size=1, max_size=4).map(tuple),
    "body": _bodies(),
    "framing": st.sampled_from(_FRAMINGS),
}
# What the service reads itself comes more often than what the server refuses before it.
_LIKELY = (*_STRANGE, *("body",) * 5, "target", "headers")


def _framed(framing: str, body: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """The headers that tell a body's length, and what is sent of it."""
    length, half, more = (
        ("Content-Length", str(told)) for told in (len(body), len(body) // 2, len(body) + 9)
    )
    chunked = ("Transfer-Encoding", "chunked")
    return {
        "length": ((length,), body),
        "none": ((), b""),
        "short": ((half,), body),
        "long": ((more,), body),
        "chunks": ((chunked,), _in_chunks(body)),
        "no chunks": ((chunked,), body),
        "both": ((length, chunked), _in_chunks(body)),
    }[framing]


def _in_chunks(body: bytes, size: int = 5000) -> bytes:
    parts = (body[n : n + size] for n in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
