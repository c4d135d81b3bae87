with

readings as (

    select * from {{ ref('stg_readings') }}

),

-- A re-parse or a second back-fill writes the same reading again; the latest one recorded counts.
latest as (

    select
        readings.contract,
        readings.source_id,
        readings.reading_scope,
        readings.read_at,
        cast(readings.read_at as date) as read_date,
        max(readings.recorded_at) as recorded_at
    from readings
    group by 1, 2, 3, 4, 5

),

numbered as (

    select
        latest.*,
        lead(latest.read_date) over (
            partition by latest.contract, latest.source_id, latest.reading_scope
            order by latest.read_at
        ) as next_read_date
    from latest

),

-- What a day's last reading shows stands until the day before the next reading, but not for ever.
ordered as (

    select
        numbered.*,
        least(
            coalesce(numbered.next_read_date - 1, {{ as_of_date() }}),
            numbered.read_date + {{ var('carry_days_listed') }},
            {{ as_of_date() }}
        ) as stands_until_date
    from numbered

),

final as (

    select
        ordered.contract,
        ordered.source_id,
        ordered.reading_scope,
        ordered.read_at,
        ordered.recorded_at,
        ordered.read_date,
        case
            when coalesce(ordered.next_read_date != ordered.read_date, true) then ordered.stands_until_date
        end as carried_until_date
    from ordered
    where ordered.read_date <= {{ as_of_date() }}

)

select * from final
