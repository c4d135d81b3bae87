-- Published cases, worked out by hand in the seed, at full use. Exact ones to the sixth decimal.
with

expectations as (

    select expected.*
    from {{ ref('margin_case_expectations') }} as expected
    inner join {{ ref('margin_cases') }} as cases
        on expected.case_id = cases.case_id
    where cases.stated_date <= {{ as_of_date() }}

),

margins as (

    select * from {{ ref('inference_margin_cases') }}
    where utilisation_ratio = 1

),

measured as (

    {% for column in [
        'revenue_usd_per_node_hour', 'profit_usd_per_node_hour', 'gross_margin_ratio', 'markup_ratio',
        'cost_usd_per_gpu_hour', 'cost_usd_per_mtok_output', 'cost_usd_per_mtok_total', 'cost_usd_per_day',
        'revenue_usd_per_day', 'break_even_utilisation_ratio', 'break_even_output_tokens_per_second',
        'cached_input_ratio',
    ] %}
    select
        case_id,
        '{{ column }}' as column_name,
        cast({{ column }} as double) as measured
    from margins
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    expectations.expectation_id,
    expectations.expected,
    measured.measured
from expectations
left join measured
    on
        expectations.case_id = measured.case_id
        and expectations.column_name = measured.column_name
where
    measured.measured is null
    or abs(measured.measured - expectations.expected)
    > greatest(expectations.tolerance_ratio * abs(expectations.expected), 0.000001)
