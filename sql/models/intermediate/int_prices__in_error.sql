with

steps as (

    select * from {{ ref('price_steps') }}
    where (is_previous_wrong or is_next_wrong) and not is_way_in and not is_way_out

),

-- Told by the step that ends the error; one that nothing has ended yet is told by the step that began it.
final as (

    select
        steps.market,
        steps.source_id,
        steps.series_key,
        steps.step_at,
        steps.rule_id,
        case
            when steps.is_previous_wrong
                then coalesce(steps.previous_since_at, steps.step_at - interval '400' day)
            else steps.step_at
        end as wrong_from_at,
        case
            when steps.is_previous_wrong then steps.step_at
            else coalesce(steps.next_price_at, timestamp '9999-12-31')
        end as wrong_until_at,
        case when steps.is_previous_wrong then steps.previous_usd else steps.next_usd end as wrong_usd
    from steps

)

select * from final
