-- markup = margin / (1 - margin): 84.5 % margin is 545 % markup.
with

pairs as (

    select
        case_id as margin_id,
        gross_margin_ratio,
        markup_ratio
    from {{ ref('inference_margin_cases') }}
    union all
    select
        model_id || ' at ' || host_id || ' on ' || gpu_id as margin_id,
        gross_margin_ratio,
        markup_ratio
    from {{ ref('inference_margins_daily') }}

)

select *
from pairs
where abs(markup_ratio - gross_margin_ratio / (1 - gross_margin_ratio)) > 0.000001 * (1 + abs(markup_ratio))
