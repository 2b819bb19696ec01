"""The API keeps its word: every route answers what the OpenAPI document says, whatever is asked of it.

Schemathesis asks a real daemon's server over a real socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema  # type: ignore[import-untyped]  # has no stubs
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from edge_balancer.dashboard.api.openapi import document
from edge_balancer.dashboard.api.reference import api_markdown
from edge_balancer.dashboard.api.table import ROUTES
from tests.dashboard.page_site import Site, page_site
from tests.dashboard.stream_ear import listening

if TYPE_CHECKING:
    from edge_balancer.demo.broker import Broker

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES: Final = 6
MANY_EXAMPLES: Final = 150
ENDLESS: Final = "/api/v1/stream"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with page_site(broker, tmp_path_factory.mktemp("schema")) as site:
        # Something to be asked about: a move, its decision, a house that is locked out.
        assert (await site.post("/switches/h01/move", {"phase": "L2"}, "operator")).status == 202
        site.field.answer(await site.field.see("switch/h01/set"))
        site.field.switch("h02", None, reason="stuck")
        await site.field.see("alert/*")
        yield site


def operations(site: Site) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{site.url}/api/v1/openapi.json")
    found: list[Any] = list(schema.get_all_operations())
    return [one.ok() for one in found if one.ok().path != ENDLESS]


def make_plausible(case: Any, decision: str) -> None:
    """What no schema can ask for: an end after its beginning, a cursor that a page gave, names that exist in every
    second request."""
    if case.query and {"from", "to"} <= set(case.query):
        ends = sorted((case.query["from"], case.query["to"]), key=float)
        if float(ends[0]) == float(ends[1]):
            ends = [0, max(1.0, float(ends[1]))]
        case.query["from"], case.query["to"] = ends
    if case.query and case.query.get("cursor"):
        case.query["cursor"] = "h03"
    names = case.path_parameters or {}
    if len(str(names)) % 2:
        if "house" in names or "houses" in case.path:
            names["house" if "house" in names else "id"] = "h01"
        elif "id" in names:
            names["id"] = decision


def ask_everything(site: Site, mode: GenerationMode, examples: int) -> list[str]:
    """Let schemathesis ask each operation, as the document says or not; gives what was asked."""
    decision = site.ask_now("GET", "/api/v1/decisions").json["items"][0]["id"]
    asked = []
    for operation in operations(site):

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def one(case: Any) -> None:
            if mode.is_positive:
                make_plausible(case, decision)
            case.call_and_validate(headers={"Authorization": f"Bearer {site.tokens['admin']}"})

        try:
            one()
        except Unsatisfiable:
            # It takes nothing that could be wrong.
            continue
        asked.append(f"{operation.method.upper()} {operation.path}")
    return asked


@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_no_request_meets_a_server_error_or_an_answer_that_the_document_does_not_know(
    site: Site, mode: GenerationMode
) -> None:
    asked = await asyncio.to_thread(ask_everything, site, mode, EXAMPLES)
    everything = {f"{route.method} {route.full_path.replace(':path', '')}" for route in ROUTES}
    left = everything - set(asked)
    if mode.is_positive:
        # The document itself was asked for to begin with.
        assert left == {f"GET {ENDLESS}", "GET /api/v1/openapi.json"}
    else:
        taking = {f"{route.method} {route.full_path}" for route in ROUTES if route.query or route.request}
        assert taking
        assert not left & taking
    assert site.daemon.page_address, "it is still served"


async def test_the_document_is_of_openapi_3_1() -> None:
    """Judged by the specification's own schema, which schemathesis brings with it."""
    made = document(ROUTES)
    schemathesis.openapi.from_dict(made).validate()
    broken = {**made, "paths": {"/x": {"get": {"responses": {"200": {"content": {}}}}}}}
    with pytest.raises(Exception, match="description"):
        schemathesis.openapi.from_dict(broken).validate()


async def test_the_page_about_the_api_lists_every_route() -> None:
    assert (Path(__file__).parents[2] / "docs" / "api.md").read_text() == api_markdown()


async def test_the_document_that_is_served_is_the_one_of_the_table(site: Site) -> None:
    served = (await site.get("/openapi.json")).json
    assert served["openapi"] == "3.1.0"
    operations = {(path, method) for path, of in served["paths"].items() for method in of}
    assert len(operations) == len(ROUTES)
    for path, method in operations:
        assert served["paths"][path][method]["x-role"] in {"none", "viewer", "operator", "admin"}


async def test_what_the_stream_carries_is_what_the_document_says(site: Site) -> None:
    served = (await site.get("/openapi.json")).json
    events = served["paths"]["/api/v1/stream"]["get"]["responses"]["200"]["x-events"]
    kinds: set[str] = set()
    async with listening(site) as ear:
        assert (await site.post("/mode", {"mode": "advise"}, "operator")).status == 202
        site.field.meter("h03", 321.0)
        while not {"snapshot", "feeder", "houses", "mode"} <= kinds:
            event = await ear.next()
            schema = {**events[event.kind], "components": served["components"]}
            jsonschema.Draft202012Validator(schema).validate(event.json)
            kinds.add(event.kind)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_no_request_meets_a_server_error_in_many_tries(site: Site, mode: GenerationMode) -> None:
    await asyncio.to_thread(ask_everything, site, mode, MANY_EXAMPLES)
