with

token_steps as (

    select * from {{ ref('int_token_prices__judged') }}

),

gpu_steps as (

    select * from {{ ref('int_gpu_prices__judged') }}

),

rules as (

    select * from {{ ref('step_rules') }}

),

steps as (

    select
        'token' as market,
        token_steps.source_id,
        token_steps.series_key,
        token_steps.step_at,
        token_steps.step_date,
        token_steps.host_raw as seller_raw,
        token_steps.host_id as seller_id,
        token_steps.model_raw as product_raw,
        token_steps.model_id as product_id,
        token_steps.component,
        token_steps.unit,
        token_steps.service_tier,
        token_steps.utc_window,
        token_steps.min_context_tokens,
        token_steps.quantization,
        null as purchase_type,
        false as is_market_ask,
        token_steps.previous_usd,
        token_steps.next_usd,
        token_steps.is_step_of_price,
        token_steps.previous_since_at,
        token_steps.previous_seen_at,
        token_steps.previous_days,
        token_steps.next_until_at,
        token_steps.next_price_at,
        token_steps.next_days,
        token_steps.gap_days,
        token_steps.rule_id,
        token_steps.is_way_in,
        token_steps.is_way_out,
        token_steps.rejected_kind,
        token_steps.same_factor_count,
        token_steps.other_seller_count,
        token_steps.others_median_usd,
        token_steps.previous_seller_count,
        token_steps.next_seller_count,
        token_steps.seller_says_previous,
        token_steps.seller_says_next,
        token_steps.evidence,
        token_steps.payload_ref
    from token_steps
    union all
    select
        'gpu' as market,
        gpu_steps.source_id,
        gpu_steps.series_key,
        cast(gpu_steps.step_date as timestamp) as step_at,
        gpu_steps.step_date,
        gpu_steps.provider_raw as seller_raw,
        gpu_steps.provider_id as seller_id,
        gpu_steps.gpu_raw as product_raw,
        gpu_steps.gpu_id as product_id,
        'rental' as component,
        'usd_per_gpu_hour' as unit,
        null as service_tier,
        null as utc_window,
        null as min_context_tokens,
        null as quantization,
        gpu_steps.purchase_type,
        gpu_steps.is_market_ask,
        gpu_steps.previous_usd,
        gpu_steps.next_usd,
        gpu_steps.is_step_of_price,
        cast(gpu_steps.previous_since_date as timestamp) as previous_since_at,
        gpu_steps.previous_seen_at,
        cast(gpu_steps.step_date - gpu_steps.previous_since_date as double) as previous_days,
        cast(gpu_steps.next_until_date as timestamp) as next_until_at,
        cast(gpu_steps.next_price_date as timestamp) as next_price_at,
        cast(gpu_steps.next_until_date - gpu_steps.step_date as double) as next_days,
        cast(gpu_steps.gap_days as double) as gap_days,
        gpu_steps.rule_id,
        gpu_steps.is_way_in,
        gpu_steps.is_way_out,
        null as rejected_kind,
        gpu_steps.same_factor_count,
        null as other_seller_count,
        null as others_median_usd,
        null as previous_seller_count,
        null as next_seller_count,
        null as seller_says_previous,
        null as seller_says_next,
        gpu_steps.evidence,
        gpu_steps.payload_ref
    from gpu_steps

),

final as (

    select
        steps.market,
        steps.source_id,
        steps.series_key,
        steps.step_at,
        steps.step_date,
        steps.seller_raw,
        steps.seller_id,
        steps.product_raw,
        steps.product_id,
        steps.component,
        steps.unit,
        steps.service_tier,
        steps.utc_window,
        steps.min_context_tokens,
        steps.quantization,
        steps.purchase_type,
        steps.is_market_ask,
        rules.step_class,
        steps.rule_id,
        steps.is_way_in,
        steps.is_way_out,
        -- On the way into an error the figure that follows is the wrong one, on the way out the one before.
        case
            when steps.is_way_in then false
            when steps.is_way_out then true
            else rules.is_previous_wrong
        end as is_previous_wrong,
        case
            when steps.is_way_in then rules.is_previous_wrong
            when steps.is_way_out then false
            else rules.is_next_wrong
        end as is_next_wrong,
        cast(steps.previous_usd as decimal(18, 9)) as previous_usd,
        cast(steps.next_usd as decimal(18, 9)) as next_usd,
        case
            when steps.is_step_of_price
                then cast(steps.next_usd as double) / nullif(cast(steps.previous_usd as double), 0)
        end as ratio,
        steps.previous_since_at,
        steps.previous_seen_at,
        round(steps.previous_days, 3) as previous_days,
        steps.next_until_at,
        steps.next_price_at,
        round(steps.next_days, 3) as next_days,
        round(steps.gap_days, 3) as gap_days,
        steps.rejected_kind,
        steps.same_factor_count,
        steps.other_seller_count,
        steps.others_median_usd,
        steps.previous_seller_count,
        steps.next_seller_count,
        steps.seller_says_previous,
        steps.seller_says_next,
        steps.evidence,
        steps.payload_ref
    from steps
    inner join rules
        on steps.rule_id = rules.rule_id

)

select * from final
