-- markup = margin / (1 - margin): 84.5 % margin is 545 % markup.
select
    scenario_id,
    margin_date,
    gross_margin_ratio,
    markup_ratio
from {{ ref('inference_margins_daily') }}
where
    gross_margin_ratio < 1
    and abs(markup_ratio - gross_margin_ratio / (1 - gross_margin_ratio)) > 0.000001 * (1 + abs(markup_ratio))
