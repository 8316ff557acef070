"""Each endpoint is declared in full, so that it cannot be reached or described by halves."""

import re
from dataclasses import fields

import pytest
from flask import Flask

from progress_api import Settings
from progress_api.api import API
from progress_api.web.endpoint import Access, Endpoint
from tests.client import PREFIX

# The OpenAPI document (spec 1.15): it is its own example.
UNLIMITED = WITHOUT_EXAMPLE = {"description"}
PUBLIC = {"description", "check_certificate", "certificate_keys"}
WITH_SCOPE = {
    "put_outline": Access.AUTHOR,
    "delete_outline": Access.AUTHOR,
    "revoke_certificate": Access.ADMIN,
    "reinstate_certificate": Access.ADMIN,
    "report": Access.TEACHER,
    "learners": Access.TEACHER,
}
LIMITS = {field.name for field in fields(Settings) if field.name.startswith("ratelimit_")}

each = pytest.mark.parametrize("endpoint", API.endpoints, ids=lambda endpoint: endpoint.name)


@each
def test_an_endpoint_has_a_limit_that_is_a_setting(endpoint: Endpoint) -> None:
    assert endpoint.limit in LIMITS or endpoint.name in UNLIMITED


@each
def test_an_endpoint_is_for_learners_unless_it_is_listed(endpoint: Endpoint) -> None:
    expected = Access.PUBLIC if endpoint.name in PUBLIC else Access.LEARNER
    assert endpoint.access is WITH_SCOPE.get(endpoint.name, expected)


@each
def test_an_endpoint_has_an_example_of_its_response(endpoint: Endpoint) -> None:
    if endpoint.name in WITHOUT_EXAMPLE:
        return
    assert endpoint.response
    assert endpoint.response_example
    assert endpoint.response.validate(endpoint.response_example) == {}


@each
def test_an_endpoint_that_is_posted_to_has_an_example_of_its_body(endpoint: Endpoint) -> None:
    if endpoint.method in {"POST", "PUT"}:
        assert endpoint.body
        assert endpoint.request_example is not None
        assert endpoint.body.read(endpoint.request_example)


@each
def test_an_endpoint_describes_the_variables_of_its_path(endpoint: Endpoint) -> None:
    assert set(re.findall(r"(\w+)>", endpoint.rule)) == set(endpoint.path_names)


@each
def test_an_endpoint_says_what_it_does(endpoint: Endpoint) -> None:
    assert endpoint.summary[0].isupper()
    assert not endpoint.summary.endswith(".")
    assert endpoint.description.endswith(".")
    assert endpoint.view.__doc__


def test_each_endpoint_has_a_name_of_its_own() -> None:
    names = [endpoint.name for endpoint in API.endpoints]
    operations = [endpoint.operation_id for endpoint in API.endpoints]
    for values in (names, operations):
        assert len(set(values)) == len(values)


def test_the_service_routes_each_endpoint_under_its_name(service: Flask) -> None:
    routes = {
        (rule.endpoint, rule.rule, method)
        for rule in service.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {
        (f"progress_api.{endpoint.name}", PREFIX + endpoint.rule, endpoint.method)
        for endpoint in API.endpoints
    }
