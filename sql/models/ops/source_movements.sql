with

gpus as (

    select * from {{ ref('int_price_movements__gpus') }}

),

tokens as (

    select * from {{ ref('int_price_movements__tokens') }}

),

movements as (

    select * from gpus
    union all
    select * from tokens

),

shown as (

    select * from movements
    where read_date > {{ as_of_date() }} - {{ var('movement_days_shown') }}

),

-- What the source did on the days before.
history as (

    select
        shown.source_id,
        shown.contract,
        shown.read_date,
        earlier.mean_abs_log_ratio
    from shown
    inner join movements as earlier
        on
            shown.source_id = earlier.source_id
            and shown.contract = earlier.contract
            and shown.read_date > earlier.read_date
            and shown.read_date - {{ var('movement_days_compared') }} <= earlier.read_date

),

usual as (

    select
        history.source_id,
        history.contract,
        history.read_date,
        count(*) as history_count,
        {{ median('history.mean_abs_log_ratio') }} as median_movement
    from history
    group by 1, 2, 3

),

spread as (

    select
        history.source_id,
        history.contract,
        history.read_date,
        {{ median('abs(history.mean_abs_log_ratio - usual.median_movement)') }} as mad_movement
    from history
    inner join usual
        on
            history.source_id = usual.source_id
            and history.contract = usual.contract
            and history.read_date = usual.read_date
    group by 1, 2, 3

),

limited as (

    select
        shown.source_id,
        shown.contract,
        shown.read_date,
        shown.line_count,
        shown.changed_ratio,
        shown.median_price_ratio,
        shown.mean_abs_log_ratio,
        coalesce(usual.history_count, 0) as history_count,
        -- 1.4826 makes the MAD of a normal distribution its standard deviation.
        greatest(usual.median_movement + 5 * 1.4826 * spread.mad_movement, ln(1.05)) as limit_log_ratio
    from shown
    left join usual
        on
            shown.source_id = usual.source_id
            and shown.contract = usual.contract
            and shown.read_date = usual.read_date
    left join spread
        on
            shown.source_id = spread.source_id
            and shown.contract = spread.contract
            and shown.read_date = spread.read_date

),

final as (

    select
        limited.source_id,
        limited.contract,
        limited.read_date,
        limited.line_count,
        limited.changed_ratio,
        limited.median_price_ratio,
        exp(limited.mean_abs_log_ratio) - 1 as movement_ratio,
        cast(limited.history_count as bigint) as history_count,
        case when limited.history_count >= 8 then exp(limited.limit_log_ratio) - 1 end as limit_ratio,
        case
            when limited.history_count >= 8 and limited.line_count >= 5
                then limited.mean_abs_log_ratio > limited.limit_log_ratio
        end as is_anomaly
    from limited

)

select * from final
