with

scores as (

    select * from {{ ref('stg_leaderboard_scores') }}
    where evidence != 'estimate'

),

readings as (

    select * from {{ ref('int_readings__current') }}
    where contract = 'leaderboard_scores'

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'leaderboard_scores'

),

models as (

    select * from {{ ref('models') }}

),

-- A score corrected for the same date counts as last seen.
believed as (

    select scores.*
    from scores
    inner join readings
        on
            scores.source_id = readings.source_id
            and scores.reading_scope = readings.reading_scope
            and scores.observed_at = readings.read_at
            and scores.recorded_at = readings.recorded_at
    where scores.evaluated_date <= {{ as_of_date() }}
    qualify
        row_number() over (
            partition by
                scores.evaluated_date, scores.leaderboard, scores.board_version, scores.category,
                scores.metric, scores.model_raw
            order by scores.observed_until desc, scores.recorded_at desc, scores.source_id asc
        ) = 1

),

named as (

    select
        believed.*,
        believed.leaderboard || '/' || believed.board_version || '/' || believed.category || '/'
        || believed.metric as board,
        model_names.model_id,
        coalesce(
            models.is_open_weights,
            case
                when lower(trim(believed.license_raw)) in ('proprietary', 'propretary', 'other', '-', '')
                    then false
                when believed.license_raw is not null then true
            end
        ) as is_open_weights
    from believed
    left join model_names
        on
            believed.source_id = model_names.source_id
            and believed.model_raw = model_names.model_raw
            and believed.evaluated_date >= model_names.valid_from
            and believed.evaluated_date < model_names.valid_to
    left join models
        on model_names.model_id = models.model_id

),

-- On a scale refitted at each date, a model that came and went within two weeks was taken off, unless the
-- board went on to list it under another name.
stays as (

    select
        named.*,
        named.score_unit = 'elo'
        and max(named.evaluated_date) over by_name - min(named.evaluated_date) over by_name < 14
        and max(named.evaluated_date) over by_model - max(named.evaluated_date) over by_name < 1
        and max(named.evaluated_date) over by_board - max(named.evaluated_date) over by_name >= 30
            as is_withdrawn
    from named
    window
        by_board as (partition by named.board),
        by_name as (partition by named.board, named.model_raw),
        by_model as (partition by named.board, coalesce(named.model_id, named.model_raw))

),

-- On a refitted scale the best is the best of that date; on a fixed test, the best so far.
compared as (

    select
        stays.*,
        max(case when not stays.is_withdrawn then stays.score end) over same_date as best_of_date,
        max(case when not stays.is_withdrawn and stays.is_open_weights then stays.score end) over same_date
            as best_open_of_date,
        max(case when not stays.is_withdrawn then stays.score end) over so_far as best_so_far,
        max(case when not stays.is_withdrawn and stays.is_open_weights then stays.score end) over so_far
            as best_open_so_far
    from stays
    window
        same_date as (
            partition by stays.board, stays.evaluated_date
        ),
        so_far as (
            partition by stays.board
            order by stays.evaluated_date
        )

),

final as (

    select
        compared.evaluated_date as score_date,
        compared.leaderboard,
        compared.board_version,
        compared.category,
        compared.metric,
        compared.model_raw,
        compared.model_id,
        compared.organization_raw,
        compared.license_raw,
        compared.is_open_weights,
        compared.score,
        compared.score_unit,
        compared.score_low,
        compared.score_high,
        compared.vote_count,
        compared.rank,
        not compared.is_withdrawn
        and compared.score
        = case
            when compared.score_unit = 'elo' then compared.best_of_date
            else compared.best_so_far
        end as is_leader,
        not compared.is_withdrawn
        and coalesce(compared.is_open_weights, false)
        and compared.score
        = case
            when compared.score_unit = 'elo' then compared.best_open_of_date
            else compared.best_open_so_far
        end as is_open_leader,
        compared.is_withdrawn,
        compared.source_id,
        compared.evidence,
        compared.observed_until as last_observed_at,
        compared.payload_ref
    from compared

)

select * from final
