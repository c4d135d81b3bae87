{#- Days on either side over which a seller's price is taken: a slip of two weeks does not count. -#}
{%- set days_around = 30 %}
{#- Of the class, models with a price, below which a month stays empty. -#}
{%- set fewest_models = 3 %}
{%- set too_few = "case when counted.priced_model_count < " ~ fewest_models ~ " then 'too few' end" %}
{%- set references = var('reference_models') | join("', '") %}

with

scores as (

    select * from {{ ref('leaderboard_scores_daily') }}
    where
        category = 'overall'
        and metric = 'rating'
        and not is_withdrawn

),

prices as (

    select * from {{ ref('token_prices_daily') }}
    where
        is_primary
        and not is_free
        and blended_usd_per_mtok is not null

),

-- The day a month is asked about: its last with prices.
price_days as (

    select
        date_trunc('month', prices.price_date) as price_month,
        max(prices.price_date) as price_date
    from prices
    group by 1

),

snapshots as (

    select
        scores.leaderboard,
        scores.board_version,
        scores.score_date,
        lower(scores.model_raw) as reference_model,
        scores.score as reference_score
    from scores
    where lower(scores.model_raw) in ('{{ references }}')

),

-- The latest snapshot of the day: what was known of the models then.
asked as (

    select
        price_days.price_month,
        price_days.price_date,
        snapshots.leaderboard,
        snapshots.board_version,
        snapshots.reference_model,
        snapshots.reference_score,
        snapshots.score_date
    from price_days
    inner join snapshots
        on price_days.price_date >= snapshots.score_date
    qualify
        snapshots.score_date = max(snapshots.score_date) over (
            partition by
                price_days.price_date, snapshots.leaderboard, snapshots.board_version,
                snapshots.reference_model
        )

),

-- At least as good as the reference in the same snapshot; scores of two snapshots do not compare.
eligible as (

    select distinct
        asked.price_date,
        asked.leaderboard,
        asked.board_version,
        asked.reference_model,
        scores.model_id
    from asked
    inner join scores
        on
            asked.leaderboard = scores.leaderboard
            and asked.board_version = scores.board_version
            and asked.score_date = scores.score_date
            and asked.reference_score <= scores.score
    where scores.model_id is not null

),

listed as (

    select
        price_days.price_date,
        prices.model_id,
        prices.host_id,
        prices.lab_id,
        {{ median('cast(prices.blended_usd_per_mtok as double)') }} as usd_per_mtok
    from price_days
    inner join prices
        on
            prices.price_date between price_days.price_date - {{ days_around }}
            and price_days.price_date + {{ days_around }}
    group by 1, 2, 3, 4
    having count(case when prices.price_date = price_days.price_date then 1 end) > 0

),

-- A price that only one reseller asks is as often a slip of a catalogue as an offer.
offered as (

    select listed.*
    from listed
    qualify
        listed.host_id = listed.lab_id
        or row_number() over (
            partition by listed.price_date, listed.model_id
            order by listed.usd_per_mtok, listed.host_id
        ) > 1

),

matched as (

    select
        eligible.*,
        offered.model_id as sold_model_id,
        offered.host_id,
        offered.usd_per_mtok
    from eligible
    left join offered
        on
            eligible.price_date = offered.price_date
            and eligible.model_id = offered.model_id

),

counted as (

    select
        matched.price_date,
        matched.leaderboard,
        matched.board_version,
        matched.reference_model,
        count(distinct matched.model_id) as eligible_model_count,
        count(distinct matched.sold_model_id) as priced_model_count,
        count(distinct matched.host_id) as host_count
    from matched
    group by 1, 2, 3, 4

),

cheapest as (

    select matched.*
    from matched
    qualify
        row_number() over (
            partition by
                matched.price_date, matched.leaderboard, matched.board_version, matched.reference_model
            order by matched.usd_per_mtok nulls last, matched.model_id, matched.host_id
        ) = 1

),

final as (

    select
        cast(asked.price_month as date) as price_month,
        asked.price_date,
        asked.leaderboard,
        asked.board_version,
        asked.reference_model,
        asked.reference_score,
        asked.score_date,
        cast(cheapest.usd_per_mtok as decimal(18, 6)) as usd_per_mtok,
        cheapest.sold_model_id as model_id,
        cheapest.host_id,
        cast(counted.eligible_model_count as integer) as eligible_model_count,
        cast(counted.priced_model_count as integer) as priced_model_count,
        cast(counted.host_count as integer) as host_count,
        {{ value_status('asked.price_date', too_few) }} as status,
        '{{ var("methodology_version") }}' as methodology_version
    from asked
    inner join counted
        on
            asked.price_date = counted.price_date
            and asked.leaderboard = counted.leaderboard
            and asked.board_version = counted.board_version
            and asked.reference_model = counted.reference_model
    left join cheapest
        on
            asked.price_date = cheapest.price_date
            and asked.leaderboard = cheapest.leaderboard
            and asked.board_version = cheapest.board_version
            and asked.reference_model = cheapest.reference_model
            and counted.priced_model_count >= {{ fewest_models }}

)

select * from final
