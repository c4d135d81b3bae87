{#- Of the models on sale, those of which one may rank first or third in some draw. -#}
{%- set candidate_count = 10 %}
{%- set sizes = [1, 3] %}

with

standings as (

    select * from {{ ref('int_board_standings') }}
    where board_id = '{{ var("ranking_board") }}' and is_best_of_model

),

prices as (

    select * from {{ ref('int_model_prices__monthly') }}
    where is_seen

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
        max(standings.score_date) as score_date
    from months
    inner join standings
        on months.price_date >= standings.score_date
    group by 1

),

counts as (

    select
        asked.price_month,
        count(*) as priced_model_count,
        count(distinct standings.lab_id) as lab_count
    from asked
    inner join standings
        on asked.score_date = standings.score_date
    inner join prices
        on
            asked.price_month = prices.price_month
            and standings.model_id = prices.model_id
    group by 1

),

candidates as (

    select
        asked.price_month,
        standings.model_id,
        standings.board_model,
        standings.score,
        coalesce(standings.score_error, 0) as score_error,
        prices.list_usd_per_mtok,
        counts.priced_model_count,
        counts.lab_count
    from asked
    inner join standings
        on asked.score_date = standings.score_date
    inner join prices
        on
            asked.price_month = prices.price_month
            and standings.model_id = prices.model_id
    inner join counts
        on asked.price_month = counts.price_month
    qualify
        row_number() over (
            partition by asked.price_month
            order by standings.score desc, standings.model_id asc
        ) <= {{ candidate_count }}

),

entries as (

    select distinct candidates.board_model from candidates

),

draws as (

    {{ draws() }}

),

errors as (

    select
        draws.draw,
        entries.board_model,
        {{ normal_error('draws.draw', 'entries.board_model') }} as error
    from draws
    cross join entries

),

ranked as (

    select
        candidates.price_month,
        candidates.model_id,
        candidates.list_usd_per_mtok,
        errors.draw,
        row_number() over (
            partition by candidates.price_month, errors.draw
            order by candidates.score + candidates.score_error * errors.error desc, candidates.model_id
        ) as place
    from candidates
    inner join errors
        on candidates.board_model = errors.board_model

),

leaders as (

    {% for size in sizes %}
    select
        ranked.price_month,
        {{ size }} as size,
        ranked.draw,
        avg(ranked.list_usd_per_mtok) as usd_per_mtok
    from ranked
    where ranked.place <= {{ size }}
    group by 1, 3
    having count(*) = {{ size }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

summed as (

    select
        leaders.price_month,
        leaders.size,
        max(case when leaders.draw = 0 then leaders.usd_per_mtok end) as usd_per_mtok,
        {{ quantile('case when leaders.draw > 0 then leaders.usd_per_mtok end', 0.05) }} as usd_per_mtok_low,
        {{ quantile('case when leaders.draw > 0 then leaders.usd_per_mtok end', 0.95) }} as usd_per_mtok_high
    from leaders
    group by 1, 2

),

named as (

    select
        summed.price_month,
        summed.size,
        string_agg(ranked.model_id, ' ' order by ranked.place) as model_ids
    from summed
    inner join ranked
        on
            summed.price_month = ranked.price_month
            and summed.size >= ranked.place
    where ranked.draw = 0
    group by 1, 2

),

final as (

    select
        summed.*,
        named.model_ids,
        counts.priced_model_count,
        counts.lab_count
    from summed
    inner join named
        on
            summed.price_month = named.price_month
            and summed.size = named.size
    inner join counts
        on summed.price_month = counts.price_month

)

select * from final
