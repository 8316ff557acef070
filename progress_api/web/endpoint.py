"""An endpoint of the API, declared once: routes, checks and documentation are made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from flask import Response
from marshmallow import Schema

from progress_api.exceptions import ProgressError
from progress_api.settings import Settings
from progress_api.web.fields import Id, LearnerBody, RequestBody

Errors = Mapping[type[ProgressError], tuple[int, str]]


class Access(Enum):
    """Who may call an endpoint."""

    PUBLIC = auto()  # without a token
    LEARNER = auto()  # with a token; for another learner, only with the admin scope
    TEACHER = auto()  # with a token of the scope PROGRESS_REPORT_SCOPE
    AUTHOR = auto()  # with a token of the scope PROGRESS_AUTHOR_SCOPE
    ADMIN = auto()  # with a token of the scope PROGRESS_ADMIN_SCOPE


@dataclass(frozen=True, slots=True)
class Tag:
    """A group of endpoints in the OpenAPI document.

    Args:
        name: one word.
        description: what the endpoints are about, in one sentence.
    """

    name: str
    description: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Endpoint:
    """One method of one path.

    Args:
        name: the Flask endpoint within the blueprint, such as "chapter"; its limit is counted
            under this name.
        method: GET, POST, PUT or DELETE.
        rule: the URL rule below the prefix.
        view: called with the variables of the rule, checked.
        access: who may call it.
        limit: the field of `Settings` that holds its rate limit; None for no limit.
        operation_id: the name of its method in generated clients.
        tag: its group in the OpenAPI document.
        summary: what it does, in one line.
        description: what else a client should know; plain sentences.
        path: describes the variables of the rule; None without variables.
        query: the parameters of the query beside `userId`; None if there are no others.
        body: what a request may hold; None if no body is read.
        max_body: the field of `Settings` that holds the highest number of bytes of a body.
        response: what a response of status 200 holds; None for any object.
        success: the meaning of status 200, in one sentence.
        failures: an example of each failure of this endpoint; those that its access, its limit
            and its body bring with them are added.
        request_example: a body; None if there need not be one.
        response_example: the response to it.
        redirect: the meaning of status 308; None if the endpoint never redirects.
        media_types: of a response of status 200; those that are not JSON are text.
        has_etag: whether the response has an `ETag`, and a repeated request is answered with 304.
    """

    name: str
    method: str
    rule: str
    view: Callable[..., Response]
    access: Access
    limit: str | None
    operation_id: str
    tag: Tag
    summary: str
    description: str
    path: Schema | None = None
    query: Schema | None = None
    body: RequestBody[Any] | None = None
    max_body: str = "progress_max_body_bytes"
    response: Schema | None = None
    success: str = "Success."
    failures: tuple[ProgressError, ...] = ()
    request_example: Mapping[str, Any] | None = None
    response_example: Mapping[str, Any] | None = None
    redirect: str | None = None
    media_types: tuple[str, ...] = ("application/json",)
    has_etag: bool = False

    @property
    def methods(self) -> frozenset[str]:
        """The methods that are routed to the view: with GET also HEAD."""
        return frozenset({self.method, "HEAD"} if self.method == "GET" else {self.method})

    @property
    def is_about_learner(self) -> bool:
        """Whether a request may name the learner that it is about."""
        return isinstance(self.body, LearnerBody)

    @property
    def id_names(self) -> dict[str, str]:
        """The name in JSON of each variable of the rule that must be an identifier (spec 3.1)."""
        fields = self.path.fields if self.path else {}
        ids = {name for name, field in fields.items() if isinstance(field, Id)}
        return {name: shown for name, shown in self.path_names.items() if name in ids}

    @property
    def path_names(self) -> dict[str, str]:
        """The name in JSON of each variable of the rule."""
        fields = self.path.fields if self.path else {}
        return {name: field.data_key or name for name, field in fields.items()}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class API:
    """All endpoints of the service.

    Args:
        endpoints: each with a name of its own.
        errors: the status and the `error` of each exception that they raise.
        about: returns what the OpenAPI document says of all of them, in Markdown.
    """

    endpoints: tuple[Endpoint, ...]
    errors: Errors
    about: Callable[[Settings], str]
