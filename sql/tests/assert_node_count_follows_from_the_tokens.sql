-- 168e9 tokens out and 608e9 in a day, at 14,800 and 73,700 per second and node, take 131.4 + 95.5 = 226.9
-- nodes; the fleet's published average is 226.75.
select
    cases.node_count,
    cases.output_mtok_per_day * 1e6 / (throughputs.output_tokens_per_second * 86400)
    + (cases.input_mtok_per_day + cases.cached_mtok_per_day) * 1e6
    / (throughputs.input_tokens_per_second * 86400) as worked_out
from {{ ref('margin_cases') }} as cases
inner join {{ ref('throughput_references') }} as throughputs
    on cases.throughput_id = throughputs.throughput_id
where
    cases.case_id = 'H01'
    and abs(worked_out / cases.node_count - 1) > 0.001
