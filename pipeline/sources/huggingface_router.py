"""Hugging Face router: one open model at many inference hosts, each at the host's own price.

Publisher: Hugging Face, https://router.huggingface.co/v1/models. Keyless list, one reading a day; no
licence for the data is stated. Prices are numbers in USD per million tokens. Read from two clients of 2026:
many pairs of model and host carry no price; status other than "live" is a host in preparation or out of
order; throughput and latency beside the price are those of single requests.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://router.huggingface.co/v1/models"
COMPONENTS = ("input", "output")
"""Keys of a price, components of the same name; USD per million tokens."""


class Host(msgspec.Struct):
    provider: str
    status: str
    pricing: dict[str, Decimal] | None = None
    context_length: int | None = None
    is_free: bool = False


class Model(msgspec.Struct):
    id: str
    providers: list[msgspec.Raw]


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `token_prices`: one row per model, live host and component.

    Key: host, model and component; USD per million tokens. Passed over: hosts that are not live or state no
    price, and free trials. 0 is rejected. Raises PayloadError when the answer is not JSON with a `data` list.
    """
    rows = Rows("token_prices")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            rows.reject(f"data/{position}", reason)
            continue
        for number, host, fault in decode_each(model.providers, Host):
            place = f"data/{position}/providers/{number}"
            if host is None:
                rows.reject(place, fault, model_raw=model.id)
                continue
            if host.status != "live" or host.is_free:
                continue
            for component in COMPONENTS:
                quoted = (host.pricing or {}).get(component)
                known = {"host_raw": host.provider, "model_raw": model.id, "component": component}
                if quoted is None:
                    continue
                if decimal(str(quoted)) == 0:
                    rows.reject(f"{place}/{component}", "0 on a host that is not marked free", **known)
                else:
                    rows.add(
                        f"{place}/{component}",
                        **known,
                        usd_amount=quoted,
                        context_tokens=host.context_length or None,
                    )
    return {"token_prices": rows}
