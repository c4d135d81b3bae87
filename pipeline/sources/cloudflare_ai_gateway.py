"""Cloudflare AI Gateway: the gateway's own table of what other hosts charge by the token.

Publisher: Cloudflare, https://gateway.ai.cloudflare.com. Needs an account, a gateway and its token; about
1,500 models of 20 hosts, one reading a day; no licence for the data is stated. Costs are floats in USD per
token. Seen 2026-07 in a recorded list: Workers AI without the "@cf" mark is priced by the million tokens,
image models by the image; both costs are 0 for speech, for free and for unknown models; a router costs -1;
the same model stands under several spellings.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://gateway.ai.cloudflare.com/v1/{account}/{gateway}/compat/models"
COMPONENTS = {"cost_in": "input", "cost_out": "output"}
LARGEST_USD_PER_TOKEN = Decimal("0.001")
"""USD. The dearest model of 2026 costs 0.0006; what lies above is a price by the million or the image."""
BY_THE_IMAGE = frozenset({"ideogram"})
"""Hosts whose every model is billed by the image."""
FREE_SUFFIX = ":free"


class Model(msgspec.Struct):
    id: str
    owned_by: str
    cost_in: Decimal | None = None
    cost_out: Decimal | None = None


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole table, one request."""
    url = URL.format(
        account=http.secret("AIMARKET_KEY_CLOUDFLARE_ACCOUNT"),
        gateway=http.secret("AIMARKET_KEY_CLOUDFLARE_GATEWAY"),
    )
    token = http.secret("AIMARKET_KEY_CLOUDFLARE_TOKEN")
    http.get(url, headers={"cf-aig-authorization": f"Bearer {token}"})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The table to `token_prices`: one row per model and side that has a price.

    Key: host, model id and component; USD per million tokens. A side at 0 beside one with a price is not
    billed and passed over. Rejected: 0 on both sides unless the id ends in `:free`, negative costs, costs of
    another unit. Raises PayloadError when the answer is not JSON with a `data` list.
    """
    rows = Rows("token_prices")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            rows.reject(f"data/{position}", reason)
            continue
        if model.owned_by in BY_THE_IMAGE:
            continue
        known = {"host_raw": model.owned_by, "model_raw": model.id}
        is_free = model.id.endswith(FREE_SUFFIX)
        costs = {key: decimal(str(getattr(model, key))) for key in COMPONENTS}
        if not is_free and not any(costs.values()):
            rows.reject(f"data/{position}", "0 or nothing on both sides", **known)
            continue
        for key, cost in costs.items():
            place, named = f"data/{position}/{key}", {**known, "component": COMPONENTS[key]}
            if cost is None or (cost == 0 and not is_free):
                continue
            if cost < 0:
                rows.reject(place, "-1: the model and its price are chosen at run time", **named)
            elif cost > LARGEST_USD_PER_TOKEN:
                rows.reject(place, f"{cost} is not USD per token", **named)
            else:
                rows.add(place, **named, usd_amount=usd_per_mtok(cost), is_free=is_free)
    return {"token_prices": rows}
