with

steps as (

    select * from {{ ref('price_steps') }}
    where market = 'token' and step_class = 'change'

),

final as (

    select
        steps.step_date as change_date,
        steps.source_id,
        steps.seller_raw as host_raw,
        steps.seller_id as host_id,
        steps.product_raw as model_raw,
        steps.product_id as model_id,
        steps.component,
        steps.unit,
        steps.service_tier,
        steps.utc_window,
        steps.min_context_tokens,
        steps.quantization,
        steps.step_at as new_first_seen_at,
        steps.previous_usd as old_usd_amount,
        steps.next_usd as new_usd_amount,
        case when steps.unit = 'usd_per_mtok' then steps.previous_usd end as old_usd_per_mtok,
        case when steps.unit = 'usd_per_mtok' then steps.next_usd end as new_usd_per_mtok,
        steps.ratio,
        cast(floor(steps.previous_days) as integer) as days_held,
        steps.previous_seen_at as old_last_seen_at,
        steps.rule_id,
        steps.evidence,
        steps.payload_ref
    from steps

)

select * from final
