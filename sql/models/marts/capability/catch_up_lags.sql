{#- Votes an open model needs under the strict criterion. -#}
{%- set fewest_votes = 3000 %}
{#- Months after catching up within which the open model must have a price to be compared. -#}
{%- set latest_price_months = 3 %}

with

gaps as (

    select * from {{ ref('capability_gap_daily') }}
    where status != 'suppressed'

),

standings as (

    select standings.*
    from {{ ref('int_board_standings') }} as standings
    inner join gaps
        on
            standings.board_id = gaps.board_id
            and standings.score_date = gaps.score_date

),

levels as (

    select * from {{ ref('capability_levels') }}

),

models as (

    select * from {{ ref('models') }}

),

prices as (

    select * from {{ ref('int_model_prices__monthly') }}

),

dates as (

    select
        gaps.board_id,
        gaps.score_date,
        lead(gaps.score_date) over by_board as next_score_date,
        min(gaps.score_date) over (partition by gaps.board_id) as first_board_date
    from gaps
    window by_board as (partition by gaps.board_id order by gaps.score_date)

),

-- What was to be caught up with: every model that led the closed ones, and the closed models of the levels.
references_named as (

    select
        gaps.board_id,
        lower(gaps.closed_model_raw) as board_model
    from gaps
    union
    select
        standings.board_id,
        standings.board_model
    from standings
    inner join levels
        on
            standings.board_id = levels.board_id
            and standings.board_model = levels.reference_model
    where standings.is_open_known and not standings.is_open

),

reference_models as (

    select
        standings.board_id,
        standings.board_model,
        min(standings.model_raw) as model_raw,
        min(standings.model_id) as model_id,
        min(standings.lab_id) as lab_id,
        min(dates.first_board_date) as first_board_date,
        min(standings.score_date) as first_rated_date,
        max(standings.score_date) as last_rated_date,
        regexp_extract(standings.board_model, '20[0-9][0-9]-?[01][0-9]-?[0-3][0-9]') as day_in_name,
        regexp_extract(standings.board_model, '[^0-9]([01][0-9]-?[0-3][0-9])([^0-9]|$)', 1)
            as month_day_in_name,
        min(models.release_date) as seed_date
    from standings
    inner join references_named
        on
            standings.board_id = references_named.board_id
            and standings.board_model = references_named.board_model
    inner join dates
        on
            standings.board_id = dates.board_id
            and standings.score_date = dates.score_date
    left join models
        on standings.model_id = models.model_id
    group by standings.board_id, standings.board_model

),

dated_names as (

    select
        reference_models.*,
        {{ day_of('reference_models.day_in_name') }} as full_date,
        {{ day_of("year(reference_models.first_rated_date) || reference_models.month_day_in_name") }}
            as this_year_date,
        {{ day_of("year(reference_models.first_rated_date) - 1 || reference_models.month_day_in_name") }}
            as last_year_date
    from reference_models

),

-- A name with a date in it was released on that date; month and day alone lie in the year before the first
-- rating, unless the model was there when the board begins.
named as (

    select
        dated_names.*,
        coalesce(
            dated_names.full_date,
            case
                when dated_names.first_rated_date = dated_names.first_board_date then null
                when dated_names.this_year_date <= dated_names.first_rated_date
                    then dated_names.this_year_date
                else dated_names.last_year_date
            end
        ) as named_date
    from dated_names

),

-- Nothing is rated before it is out.
released as (

    select
        named.*,
        least(coalesce(named.named_date, named.seed_date), named.first_rated_date) as release_date,
        case
            when named.named_date <= named.first_rated_date then 'its name'
            when named.named_date is null and named.seed_date <= named.first_rated_date then 'seed'
            else 'first rating'
        end as release_basis
    from named

),

-- Open models at least as good as the reference on the same date.
reached as (

    select
        released.board_id,
        released.board_model,
        dates.score_date,
        dates.next_score_date,
        challengers.board_model as challenger,
        challengers.model_raw as open_model_raw,
        challengers.model_id as open_model_id,
        challengers.score as open_score,
        challengers.score_unit != 'elo'
        or coalesce(challengers.likely_vote_count >= {{ fewest_votes }}, false) as is_well_rated
    from released
    inner join standings
        on
            released.board_id = standings.board_id
            and released.board_model = standings.board_model
    inner join standings as challengers
        on
            standings.board_id = challengers.board_id
            and standings.score_date = challengers.score_date
            and challengers.is_open
            and standings.score <= challengers.score
    inner join dates
        on
            standings.board_id = dates.board_id
            and standings.score_date = dates.score_date

),

-- Strictly: enough votes, and still so at the next date.
confirmed as (

    select
        reached.*,
        reached.is_well_rated and coalesce(next_reached.is_well_rated, false) as is_strict
    from reached
    left join reached as next_reached
        on
            reached.board_id = next_reached.board_id
            and reached.board_model = next_reached.board_model
            and reached.challenger = next_reached.challenger
            and reached.next_score_date = next_reached.score_date

),

first_reached as (

    select
        confirmed.*,
        'first' as criterion
    from confirmed
    qualify
        row_number() over (
            partition by confirmed.board_id, confirmed.board_model
            order by confirmed.score_date asc, confirmed.open_score desc, confirmed.challenger asc
        ) = 1
    union all
    select
        confirmed.*,
        'strict' as criterion
    from confirmed
    where confirmed.is_strict
    qualify
        row_number() over (
            partition by confirmed.board_id, confirmed.board_model
            order by confirmed.score_date asc, confirmed.open_score desc, confirmed.challenger asc
        ) = 1

),

dated as (

    select
        released.*,
        criteria.criterion,
        first_reached.score_date as caught_up_date,
        first_reached.open_model_raw,
        first_reached.open_model_id,
        coalesce(first_reached.score_date, released.last_rated_date) - released.release_date as lag_days,
        first_reached.score_date is null as is_censored,
        coalesce(first_reached.score_date = released.first_board_date, false) as is_left_censored,
        -- Before a board is read, nobody sees whether a model is caught up with.
        greatest(released.first_board_date - released.release_date, 0) as unseen_days
    from released
    cross join (values ('first'), ('strict')) as criteria (criterion)
    left join first_reached
        on
            released.board_id = first_reached.board_id
            and released.board_model = first_reached.board_model
            and criteria.criterion = first_reached.criterion

),

-- The first month from catching up in which the open model has a price that counts.
priced as (

    select
        dated.board_id,
        dated.board_model,
        dated.criterion,
        open_prices.price_month,
        open_prices.usd_per_mtok as open_usd_per_mtok,
        reference_prices.list_usd_per_mtok as reference_usd_per_mtok
    from dated
    inner join prices as open_prices
        on
            dated.open_model_id = open_prices.model_id
            and open_prices.price_month >= date_trunc('month', dated.caught_up_date)
            and open_prices.price_month < dated.caught_up_date + interval {{ latest_price_months }} month
            and open_prices.usd_per_mtok is not null
    left join prices as reference_prices
        on
            dated.model_id = reference_prices.model_id
            and open_prices.price_month = reference_prices.price_month
    qualify
        row_number() over (
            partition by dated.board_id, dated.board_model, dated.criterion
            order by open_prices.price_month
        ) = 1

),

final as (

    select
        dated.board_id,
        dated.board_model as reference_model,
        dated.criterion,
        dated.model_id as reference_model_id,
        dated.lab_id as reference_lab_id,
        dated.release_date,
        dated.release_basis,
        dated.first_rated_date,
        dated.last_rated_date,
        dated.caught_up_date,
        dated.open_model_raw,
        dated.open_model_id,
        cast(dated.lag_days as integer) as lag_days,
        dated.is_censored,
        dated.is_left_censored,
        cast(dated.unseen_days as integer) as unseen_days,
        priced.price_month,
        cast(priced.open_usd_per_mtok as decimal(18, 6)) as open_usd_per_mtok,
        cast(priced.reference_usd_per_mtok as decimal(18, 6)) as reference_usd_per_mtok,
        {{ value_status('dated.last_rated_date') }} as status,
        '{{ var("methodology_version") }}' as methodology_version
    from dated
    left join priced
        on
            dated.board_id = priced.board_id
            and dated.board_model = priced.board_model
            and dated.criterion = priced.criterion

)

select * from final
