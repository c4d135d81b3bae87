with

levels as (

    select * from {{ ref('capability_levels') }}

),

standings as (

    select * from {{ ref('int_board_standings') }}

),

prices as (

    select * from {{ ref('int_model_prices__monthly') }}

),

months as (

    select distinct
        prices.price_month,
        prices.price_date
    from prices

),

dates as (

    select distinct
        standings.board_id,
        standings.score_date
    from standings

),

-- When each level can be asked about, and the score it stands for then: a model's at that very date, or a
-- fixed one.
rated as (

    select
        levels.board_id,
        levels.level_id,
        levels.reference_model,
        dates.score_date,
        coalesce(levels.reference_score, standings.score) as reference_score,
        standings.score_error as reference_error
    from levels
    inner join dates
        on levels.board_id = dates.board_id
    left join standings
        on
            dates.board_id = standings.board_id
            and dates.score_date = standings.score_date
            and levels.reference_model = standings.board_model
    where coalesce(levels.reference_score, standings.score) is not null

),

-- The latest of a month: what was known then.
asked as (

    select
        months.price_month,
        months.price_date,
        rated.*
    from months
    inner join rated
        on months.price_date >= rated.score_date
    qualify
        row_number() over (
            partition by months.price_month, rated.board_id, rated.level_id
            order by rated.score_date desc
        ) = 1

),

final as (

    select
        asked.price_month,
        asked.board_id,
        asked.level_id,
        standings.model_id,
        asked.price_date,
        standings.leaderboard,
        standings.board_version,
        asked.reference_model,
        asked.reference_score,
        asked.reference_error,
        asked.score_date,
        standings.board_model,
        standings.score,
        standings.score_error,
        prices.usd_per_mtok,
        prices.host_id,
        prices.any_offer_usd_per_mtok,
        prices.host_count,
        prices.is_seen,
        prices.is_offered_free
    from asked
    inner join standings
        on
            asked.board_id = standings.board_id
            and asked.score_date = standings.score_date
            and standings.is_best_of_model
    left join prices
        on
            asked.price_month = prices.price_month
            and standings.model_id = prices.model_id

)

select * from final
