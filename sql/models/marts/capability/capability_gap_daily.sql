{#- Rated models, and open ones among them, below which a date says nothing. -#}
{%- set fewest_rated = 20 %}
{%- set fewest_open = 3 %}
{%- set distances = [10, 25, 50] %}

with

standings as (

    select
        standings.*,
        case when standings.score_unit = 'fraction' then 100 else 1 end as points_per_unit,
        standings.is_open_known and not standings.is_open as is_closed
    from {{ ref('int_board_standings') }} as standings

),

snapshots as (

    select * from {{ ref('int_board_snapshots') }}

),

ranked as (

    select
        standings.*,
        max(standings.score) over by_date as best_score,
        standings.is_closed and row_number() over by_kind = 1 as is_best_closed,
        standings.is_open and row_number() over by_kind = 1 as is_best_open
    from standings
    window
        by_date as (partition by standings.board_id, standings.score_date),
        by_kind as (
            partition by standings.board_id, standings.score_date, standings.is_open, standings.is_closed
            order by standings.score desc, standings.board_model asc
        )

),

dates as (

    select
        ranked.board_id,
        ranked.score_date,
        min(ranked.score_unit) as score_unit,
        min(ranked.points_per_unit) as points_per_unit,
        {% for distance in distances %}
        count(
            distinct case
                when (ranked.best_score - ranked.score) * ranked.points_per_unit <= {{ distance }}
                    then ranked.lab_id
            end
        ) as labs_within_{{ distance }}_points,
        {% endfor %}
        count(*) as rated_count,
        count(case when ranked.is_open then 1 end) as open_count,
        count(case when not ranked.is_open_known then 1 end) as unknown_count
    from ranked
    group by 1, 2

),

joined as (

    select
        dates.*,
        snapshots.scale_number,
        snapshots.scale_offset_points,
        snapshots.anchor_count,
        snapshots.scatter_points,
        closed.model_raw as closed_model_raw,
        closed.model_id as closed_model_id,
        closed.lab_id as closed_lab_id,
        closed.score as closed_score,
        open_weights.model_raw as open_model_raw,
        open_weights.model_id as open_model_id,
        open_weights.lab_id as open_lab_id,
        open_weights.license_raw as open_license_raw,
        open_weights.score as open_score,
        (closed.score - open_weights.score) * dates.points_per_unit as gap_points,
        (closed.score - open_weights.score) / nullif(
            sqrt(pow(closed.score_error, 2) + pow(open_weights.score_error, 2)), 0
        ) as gap_errors,
        case
            when dates.rated_count < {{ fewest_rated }} then 'fewer than {{ fewest_rated }} rated models'
            when dates.open_count < {{ fewest_open }} then 'fewer than {{ fewest_open }} open models'
            when closed.board_id is null then 'no closed model'
        end as suppression_reason
    from dates
    left join snapshots
        on
            dates.board_id = snapshots.board_id
            and dates.score_date = snapshots.score_date
    left join ranked as closed
        on
            dates.board_id = closed.board_id
            and dates.score_date = closed.score_date
            and closed.is_best_closed
    left join ranked as open_weights
        on
            dates.board_id = open_weights.board_id
            and dates.score_date = open_weights.score_date
            and open_weights.is_best_open

),

final as (

    select
        joined.board_id,
        joined.score_date,
        joined.score_unit,
        joined.closed_model_raw,
        joined.closed_model_id,
        joined.closed_lab_id,
        joined.closed_score,
        joined.open_model_raw,
        joined.open_model_id,
        joined.open_lab_id,
        joined.open_license_raw,
        joined.open_score,
        round(case when joined.suppression_reason is null then joined.gap_points end, 6) as gap_points,
        round(
            case
                when joined.suppression_reason is null then {{ normal_share_below('joined.gap_errors') }}
            end,
            6
        ) as probability_closed_leads,
        {% for distance in distances %}
        cast(joined.labs_within_{{ distance }}_points as integer) as labs_within_{{ distance }}_points,
        {% endfor %}
        cast(joined.scale_number as integer) as scale_number,
        round(joined.scale_offset_points, 6) as scale_offset_points,
        cast(joined.anchor_count as integer) as anchor_count,
        round(joined.scatter_points, 6) as scatter_points,
        cast(joined.rated_count as integer) as rated_count,
        cast(joined.open_count as integer) as open_count,
        cast(joined.unknown_count as integer) as unknown_count,
        {{ value_status('joined.score_date', 'joined.suppression_reason') }} as status,
        joined.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from joined

)

select * from final
