"""Variables of the path and parameters of the query that endpoints of several capabilities have."""

from collections.abc import Iterable

from marshmallow import Schema, fields, validate

from progress_api.web.fields.values import Id, QueryNumber, named

TUTORIAL_ID = (
    "The tutorial. In the path it is percent-encoded, including a slash. `openapi.json` is "
    "not allowed: it is the address of this document."
)


class TutorialPath(Schema):
    """The variables of a path that names a tutorial."""

    tutorial_id = Id(
        required=True,
        data_key="tutorialId",
        metadata={"description": TUTORIAL_ID, "example": "python-basics"},
    )


def page_query(items: str, of: str, statuses: Iterable[str], most: int) -> Schema:
    """Return the query parameters of a list that is read page by page (spec 11.1, 15.4).

    Args:
        items: what the list has, in the plural.
        of: what the list belongs to.
        statuses: by which the list can be filtered.
        most: the highest limit of a page.
    """
    return Schema.from_dict(
        {
            "status": fields.String(
                **named(
                    "status",
                    f"Which {items}: all, those in progress (below 100 percent) or the completed "
                    "ones.",
                ),
                load_default="all",
                validate=validate.OneOf(list(statuses), error="Must be one of: {choices}."),
            ),
            "limit": QueryNumber(
                least=1,
                most=most,
                **named("limit", f"Highest number of {items} in the response."),
                load_default=20,
            ),
            "cursor": fields.String(
                **named("cursor", f"The `next` of the page before, for the same {of} and status."),
                load_default=None,
            ),
        }
    )()
