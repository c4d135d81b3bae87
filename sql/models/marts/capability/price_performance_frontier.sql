with

standings as (

    select * from {{ ref('int_board_standings') }}
    where is_best_of_model

),

prices as (

    select * from {{ ref('int_model_prices__monthly') }}
    where usd_per_mtok is not null

),

months as (

    select distinct
        prices.price_month,
        prices.price_date
    from prices

),

asked as (

    select
        months.price_month,
        months.price_date,
        standings.board_id,
        max(standings.score_date) as score_date
    from months
    inner join standings
        on months.price_date >= standings.score_date
    group by 1, 2, 3

),

offered as (

    select
        asked.price_month,
        asked.price_date,
        standings.*,
        prices.usd_per_mtok,
        prices.host_id,
        prices.is_seen,
        count(*) over by_month as priced_model_count,
        avg(cast(not prices.is_seen as integer)) over by_month as carried_ratio
    from asked
    inner join standings
        on
            asked.board_id = standings.board_id
            and asked.score_date = standings.score_date
    inner join prices
        on
            asked.price_month = prices.price_month
            and standings.model_id = prices.model_id
    window by_month as (partition by asked.price_month, asked.board_id)

),

-- On the frontier is what nothing cheaper or equally dear beats; of equals the first by name.
undominated as (

    select
        offered.*,
        max(offered.score) over cheaper as best_cheaper_score
    from offered
    window cheaper as (
        partition by offered.price_month, offered.board_id
        order by offered.usd_per_mtok asc, offered.score desc, offered.model_id asc
        rows between unbounded preceding and 1 preceding
    )

),

judged as (

    select
        undominated.*,
        case
            when undominated.carried_ratio > 0.5 then 'more than half of the prices are older than the month'
        end as suppression_reason
    from undominated
    where coalesce(undominated.score > undominated.best_cheaper_score, true)

),

final as (

    select
        judged.price_month,
        judged.board_id,
        judged.model_id,
        judged.price_date,
        judged.score_date,
        cast(
            row_number() over (
                partition by judged.price_month, judged.board_id
                order by judged.score
            ) as integer
        ) as frontier_position,
        judged.score,
        judged.score_unit,
        cast(
            case when judged.suppression_reason is null then judged.usd_per_mtok end as decimal(18, 6)
        ) as usd_per_mtok,
        judged.host_id,
        judged.lab_id,
        judged.is_open as is_open_weights,
        cast(judged.priced_model_count as integer) as priced_model_count,
        judged.carried_ratio,
        {{ value_status('judged.price_date', 'judged.suppression_reason', 'judged.carried_ratio') }}
            as status,
        case
            when judged.suppression_reason is not null then judged.suppression_reason
            when judged.carried_ratio > 0.25
                then 'more than a quarter of the prices are older than the month'
        end as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged

)

select * from final
