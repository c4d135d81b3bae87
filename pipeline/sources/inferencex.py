"""InferenceX: tokens per second per GPU of serving engines, by model, machine and load.

Publisher: SemiAnalysis, https://inferencex.semianalysis.com (formerly InferenceMAX; code Apache-2.0, results
under no stated licence, credit asked for). Keyless interface of the publisher's own site, cached a day and
promised to nobody: one request per model. Quirks: an unknown model name answers 400; the answer holds the
newest run of every configuration, some a year old; where prompts and answers are served by separate GPUs
(`disagg`), input is per prompt GPU and output per answer GPU, else both GPU counts name the same GPUs; runs
before 2025-12 state only the sum of input and output; replayed agent traces have no fixed lengths. Since
2026-07 pipeline parallelism (`prefill_pp`, `decode_pp`) stands among the metrics (the publisher's code,
2026-08), so configurations can differ in it alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import BadStatus, PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 2
URL = "https://inferencex.semianalysis.com/api/v1/benchmarks"
MODELS = (
    "DeepSeek-R1-0528",
    "gpt-oss-120b",
    "Llama-3.3-70B-Instruct-FP8",
    "Qwen-3.5-397B-A17B",
    "Kimi-K2.5",
    "MiniMax-M2.5",
    "GLM-5",
    "DeepSeek-V4-Pro",
)
"""Names the interface takes, 2026-06; there is no list of them to ask for."""
LARGEST_GAP = 0.05
"""Share by which input plus output may miss the stated sum before the meaning of a column is in doubt."""


class Metrics(msgspec.Struct):
    """Tokens per second per GPU; ``tput_per_gpu`` counts input and output over all GPUs.

    ``median_intvty`` is generated tokens per second and request; ``_pp`` are no rates but pipeline stages.
    """

    tput_per_gpu: float | None = None
    input_tput_per_gpu: float | None = None
    output_tput_per_gpu: float | None = None
    median_intvty: float | None = None
    prefill_pp: float | None = None
    decode_pp: float | None = None


class Run(msgspec.Struct):
    """One measured point. ``isl`` and ``osl`` are prompt and answer tokens, ``conc`` requests in flight."""

    hardware: str
    framework: str
    model: str
    precision: str
    conc: int
    date: str
    metrics: Metrics
    disagg: bool
    num_prefill_gpu: int
    num_decode_gpu: int
    isl: int | None = None
    osl: int | None = None
    spec_method: str | None = None
    prefill_tp: int | None = None
    prefill_ep: int | None = None
    prefill_dp_attention: bool | None = None
    prefill_num_workers: int | None = None
    decode_tp: int | None = None
    decode_ep: int | None = None
    decode_dp_attention: bool | None = None
    decode_num_workers: int | None = None


def fetch(http: Http) -> None:
    """One request per model; a name the interface no longer knows is passed over."""
    refused = 0
    for model in MODELS:
        try:
            http.get(URL, params={"model": model}, scope=model)
        except BadStatus:
            refused += 1
    if refused == len(MODELS):
        raise PayloadError(f"{URL} knows none of {', '.join(MODELS)}")


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """An answer to `throughput`, one row per configuration, prompt and answer length and concurrency.

    Key: those, model, GPU and day of the run. Rates are tokens per second and GPU of the whole deployment:
    with separate GPUs for prompts, the stated parts are scaled by their share. Runs that state only the sum
    of input and output carry it alone. Rejected: runs without any rate, and runs whose parts do not add up
    to their sum. Trace replays are passed over. Raises PayloadError when the body is not such a JSON list.
    """
    rows = Rows("throughput")
    for position, run, reason in decode_each(decode(body, list[msgspec.Raw]), Run):
        if run is None:
            rows.reject(position, reason)
            continue
        if run.isl is None or run.osl is None:
            continue
        gpu_count = run.num_decode_gpu + (run.num_prefill_gpu if run.disagg else 0)
        stated = run.metrics
        known = {
            "model_raw": run.model,
            "gpu_raw": run.hardware,
            "gpu_count": gpu_count,
            "precision": run.precision,
            "engine": run.framework,
            "configuration_raw": _layout(run),
            "concurrency": run.conc,
            "input_tokens": run.isl,
            "output_tokens": run.osl,
            "total_tokens_per_second_per_gpu": stated.tput_per_gpu,
            "output_tokens_per_second_per_user": stated.median_intvty,
            "evaluated_date": run.date,
        }
        if stated.input_tput_per_gpu is None or stated.output_tput_per_gpu is None:
            rows.add(position, **known)
            continue
        per_gpu = 1 / gpu_count if gpu_count > 0 else 0
        prompt = stated.input_tput_per_gpu * (run.num_prefill_gpu * per_gpu if run.disagg else 1)
        answer = stated.output_tput_per_gpu * (run.num_decode_gpu * per_gpu if run.disagg else 1)
        total = stated.tput_per_gpu
        if total is not None and abs(prompt + answer - total) > total * LARGEST_GAP:
            rows.reject(position, "input and output do not add up to their sum", **known)
            continue
        rows.add(
            position,
            input_tokens_per_second_per_gpu=prompt,
            output_tokens_per_second_per_gpu=answer,
            **known,
        )
    return {"throughput": rows}


def _layout(run: Run) -> str:
    decode_side = _workers(
        run.decode_num_workers,
        run.decode_tp,
        run.metrics.decode_pp,
        run.decode_ep,
        run.decode_dp_attention,
        run.num_decode_gpu,
    )
    parts = [decode_side]
    if run.disagg:
        prefill_side = _workers(
            run.prefill_num_workers,
            run.prefill_tp,
            run.metrics.prefill_pp,
            run.prefill_ep,
            run.prefill_dp_attention,
            run.num_prefill_gpu,
        )
        parts = [f"prefill {prefill_side}", f"decode {decode_side}"]
    if run.spec_method and run.spec_method != "none":
        parts.append(run.spec_method)
    return " + ".join(parts)


def _workers(
    workers: int | None, tp: int | None, pp: float | None, ep: int | None, dp: bool | None, gpus: int
) -> str:
    stages = f" pp{pp:g}" if pp and pp != 1 else ""
    return f"{workers or 1}x(tp{tp}{stages} ep{ep}{' dp-attention' if dp else ''}) on {gpus}"
