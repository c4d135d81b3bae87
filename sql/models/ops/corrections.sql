with

steps as (

    select * from {{ ref('price_steps') }}
    where
        step_class not in ('change', 'new')
        -- An ask that is taken and comes again corrects nothing.
        and not (is_market_ask and step_class in ('delisting', 'zero_or_null_flip'))

),

rules as (

    select * from {{ ref('step_rules') }}

),

errors as (

    select * from {{ ref('int_prices__in_error') }}

),

final as (

    select
        steps.step_date,
        steps.market,
        steps.source_id,
        steps.series_key,
        steps.step_at,
        steps.seller_raw,
        steps.seller_id,
        steps.product_raw,
        steps.product_id,
        steps.component,
        steps.unit,
        steps.step_class,
        steps.rule_id,
        case when steps.is_way_in then 'the way into this: ' else '' end || rules.description as reason,
        steps.previous_usd,
        steps.next_usd,
        steps.ratio,
        errors.wrong_usd as withheld_usd,
        cast(errors.wrong_from_at as date) as withheld_from_date,
        case when errors.wrong_until_at < timestamp '9999-12-31' then cast(errors.wrong_until_at as date) end
            as withheld_until_date,
        steps.evidence,
        steps.payload_ref
    from steps
    inner join rules
        on steps.rule_id = rules.rule_id
    left join errors
        on
            steps.market = errors.market
            and steps.source_id = errors.source_id
            and steps.series_key = errors.series_key
            and steps.step_at = errors.step_at

)

select * from final
