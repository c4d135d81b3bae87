-- markup = margin / (1 - margin): 84.5 % margin is 545 % markup. The margin follows from the break-even:
-- 1 - break-even / utilisation. A better scenario never earns less, what is suppressed is null and says why,
-- the rows of a line do not overlap, and the index lies between its scenarios.
with

margins as (

    select
        model_id || ' at ' || host_id || ' on ' || gpu_id || ', ' || cost_basis as margin_id,
        margin_date,
        utilisation_ratio,
        gross_margin_ratio,
        low_gross_margin_ratio,
        high_gross_margin_ratio,
        markup_ratio,
        break_even_utilisation_ratio,
        status,
        status_reason,
        until_date < margin_date
        or coalesce(
            until_date >= lead(margin_date) over (
                partition by model_id, host_id, gpu_id, cost_basis, utilisation_ratio
                order by margin_date
            ),
            false
        ) as is_overlapping
    from {{ ref('inference_margins_daily') }}
    union all
    select
        case_id as margin_id,
        stated_date as margin_date,
        utilisation_ratio,
        gross_margin_ratio,
        gross_margin_ratio as low_gross_margin_ratio,
        gross_margin_ratio as high_gross_margin_ratio,
        markup_ratio,
        break_even_utilisation_ratio,
        status,
        status_reason,
        false as is_overlapping
    from {{ ref('inference_margin_cases') }}

),

broken as (

    select
        margins.margin_id,
        margins.margin_date,
        margins.utilisation_ratio
    from margins
    where
        margins.is_overlapping
        or abs(margins.markup_ratio - margins.gross_margin_ratio / (1 - margins.gross_margin_ratio))
        > 0.000001 * (1 + abs(margins.markup_ratio))
        or abs(
            margins.gross_margin_ratio
            - (1 - margins.break_even_utilisation_ratio / margins.utilisation_ratio)
        ) > 0.000001 * (1 + abs(margins.gross_margin_ratio))
        or margins.low_gross_margin_ratio > margins.gross_margin_ratio
        or margins.gross_margin_ratio > margins.high_gross_margin_ratio
        or (margins.status = 'suppressed' and margins.gross_margin_ratio is not null)
        or (margins.status in ('suppressed', 'imputed')) != (margins.status_reason is not null)
    union all
    select
        gpu_id || ', ' || cost_basis || ', ' || throughput_scope as margin_id,
        index_month as margin_date,
        utilisation_ratio
    from {{ ref('inference_margin_index_monthly') }}
    where
        (status = 'suppressed') != (gross_margin_ratio is null)
        or (status in ('suppressed', 'imputed')) != (status_reason is not null)
        or gross_margin_ratio not between low_gross_margin_ratio and high_gross_margin_ratio
        or (gross_margin_ratio is not null and (model_count < 3 or margin_count < 3 * model_count))

)

select * from broken
