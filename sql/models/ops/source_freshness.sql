with

sources as (

    select * from {{ ref('sources') }}

),

fetches as (

    select * from {{ ref('stg_fetches') }}

),

readings as (

    select * from {{ ref('int_readings__current') }}

),

recorded as (

    select * from {{ ref('stg_readings') }}

),

attempts as (

    select
        fetches.source_id,
        max(fetches.started_at) as last_attempt_at,
        arg_max(fetches.outcome, fetches.started_at) as last_outcome,
        arg_max(fetches.error_kind, fetches.started_at) as last_error_kind,
        arg_max(fetches.error, fetches.started_at) as last_error,
        max(fetches.finished_at) filter (where fetches.outcome != 'failed') as last_success_at,
        arg_max(fetches.request_count, fetches.started_at) as last_request_count
    from fetches
    group by 1

),

sights as (

    select
        readings.source_id,
        max(readings.read_at) as last_reading_at,
        min(readings.read_at) as first_reading_at,
        count(*) as reading_count
    from readings
    group by 1

),

-- The rows of the last day of readings, all scopes and contracts together.
last_day as (

    select
        recorded.source_id,
        sum(recorded.row_count) as row_count,
        sum(recorded.rejected_count) as rejected_count
    from recorded
    inner join readings
        on
            recorded.contract = readings.contract
            and recorded.source_id = readings.source_id
            and recorded.reading_scope = readings.reading_scope
            and recorded.read_at = readings.read_at
            and recorded.recorded_at = readings.recorded_at
    inner join sights
        on
            readings.source_id = sights.source_id
            and readings.read_date = cast(sights.last_reading_at as date)
    where readings.carried_until_date is not null
    group by 1

),

final as (

    select
        sources.source_id,
        sources.kind,
        sources.publisher,
        sources.cadence_days,
        attempts.last_attempt_at,
        attempts.last_outcome,
        attempts.last_error_kind,
        attempts.last_error,
        attempts.last_success_at,
        sights.first_reading_at,
        sights.last_reading_at,
        cast(coalesce(sights.reading_count, 0) as bigint) as reading_count,
        cast(
            {{ as_of_date() }} - cast(greatest(sights.last_reading_at, attempts.last_success_at) as date)
            as integer
        ) as age_days,
        cast(last_day.row_count as bigint) as row_count,
        cast(last_day.rejected_count as bigint) as rejected_count,
        -- A day's grace: today's reading may still be to come. A closed history cannot go stale.
        sources.kind != 'history'
        and coalesce(
            {{ as_of_date() }} - cast(greatest(sights.last_reading_at, attempts.last_success_at) as date)
            > greatest(sources.cadence_days, 1) + 1,
            true
        ) as is_stale
    from sources
    left join attempts
        on sources.source_id = attempts.source_id
    left join sights
        on sources.source_id = sights.source_id
    left join last_day
        on sources.source_id = last_day.source_id

)

select * from final
