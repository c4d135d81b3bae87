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
        min(fetches.started_at) as first_attempt_at,
        max(fetches.started_at) as last_attempt_at,
        max(fetches.started_at) filter (where fetches.outcome != 'failed') as last_good_at
    from fetches
    group by 1

),

last_attempts as (

    select
        attempts.*,
        latest.outcome as last_outcome,
        latest.error_kind as last_error_kind,
        latest.error as last_error,
        good.finished_at as last_success_at,
        good.content_since
    from attempts
    left join fetches as latest
        on
            attempts.source_id = latest.source_id
            and attempts.last_attempt_at = latest.started_at
    left join fetches as good
        on
            attempts.source_id = good.source_id
            and attempts.last_good_at = good.started_at
    -- A parser that reads a fetch anew writes a second line for it.
    qualify
        row_number() over (
            partition by attempts.source_id order by latest.outcome = 'failed', latest.row_count desc
        ) = 1

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

dated as (

    select
        sources.source_id,
        sources.kind,
        sources.publisher,
        sources.cadence_days,
        last_attempts.last_attempt_at,
        last_attempts.last_outcome,
        last_attempts.last_error_kind,
        last_attempts.last_error,
        last_attempts.last_success_at,
        last_attempts.content_since,
        sights.first_reading_at,
        sights.last_reading_at,
        sights.reading_count,
        last_day.row_count,
        last_day.rejected_count,
        cast(greatest(sights.last_reading_at, last_attempts.last_success_at) as date) as last_seen_date,
        cast(last_attempts.first_attempt_at as date) as first_attempt_date,
        cast(last_attempts.last_good_at as date) - cast(last_attempts.content_since as date) as same_days
    from sources
    left join last_attempts
        on sources.source_id = last_attempts.source_id
    left join sights
        on sources.source_id = sights.source_id
    left join last_day
        on sources.source_id = last_day.source_id

),

-- The rule of pipeline/freshness.py.
judged as (

    select
        dated.*,
        case
            when dated.kind = 'history' then null
            when
                {{ as_of_date() }} - coalesce(dated.last_seen_date, dated.first_attempt_date)
                > least(dated.cadence_days, 7) + 1
                then
                    case
                        when dated.last_seen_date is null
                            then 'tried in vain since ' || dated.first_attempt_date
                        else 'no good reading since ' || dated.last_seen_date
                    end
            when dated.same_days > 2 * dated.cadence_days + 1
                then 'the same bytes since ' || cast(dated.content_since as date)
        end as stalled_reason
    from dated

),

final as (

    select
        judged.source_id,
        judged.kind,
        judged.publisher,
        judged.cadence_days,
        judged.last_attempt_at,
        judged.last_outcome,
        judged.last_error_kind,
        judged.last_error,
        judged.last_success_at,
        judged.content_since,
        judged.first_reading_at,
        judged.last_reading_at,
        cast(coalesce(judged.reading_count, 0) as bigint) as reading_count,
        cast({{ as_of_date() }} - judged.last_seen_date as integer) as age_days,
        cast(judged.row_count as bigint) as row_count,
        cast(judged.rejected_count as bigint) as rejected_count,
        judged.stalled_reason is not null as is_stalled,
        judged.stalled_reason
    from judged

)

select * from final
