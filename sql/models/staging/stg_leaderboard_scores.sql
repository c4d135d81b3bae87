with

observed as (

    select * from {{ lake('leaderboard_scores') }}

),

final as (

    select
        observed.leaderboard,
        observed.board_version,
        observed.category,
        observed.metric,
        observed.model_raw,
        observed.organization_raw,
        observed.score,
        observed.score_unit,
        observed.score_low,
        observed.score_high,
        observed.vote_count,
        observed.rank,
        observed.license_raw,
        observed.evaluated_date,
        observed.source_id,
        observed.reading_scope,
        {{ utc('observed.observed_at') }} as observed_at,
        {{ utc('observed.observed_until') }} as observed_until,
        {{ utc('observed.recorded_at') }} as recorded_at,
        {{ utc('observed.effective_from') }} as effective_from,
        {{ utc('observed.effective_to') }} as effective_to,
        observed.evidence,
        observed.payload_ref,
        observed.parser_version,
        observed.date as lake_date
    from observed
    where {{ utc('observed.recorded_at') }} <= {{ as_of() }}

)

select * from final
