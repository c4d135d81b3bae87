with

holes as (

    select * from {{ ref('stg_holes') }}

),

readings as (

    select * from {{ ref('int_readings__current') }}

),

recorded as (

    select * from {{ ref('stg_readings') }}

),

-- Days of which some reading with rows tells, whenever it was learned.
read_days as (

    select
        readings.source_id,
        readings.read_date,
        min(readings.recorded_at) as recorded_at
    from readings
    inner join recorded
        on
            readings.contract = recorded.contract
            and readings.source_id = recorded.source_id
            and readings.reading_scope = recorded.reading_scope
            and readings.read_at = recorded.read_at
            and readings.recorded_at = recorded.recorded_at
    where recorded.row_count > 0
    group by 1, 2

),

final as (

    select
        holes.source_id,
        holes.hole_date,
        holes.cause,
        holes.attempt_count,
        holes.error,
        holes.sought_in,
        holes.recorded_at,
        read_days.recorded_at as recovered_at,
        read_days.read_date is null as is_permanent
    from holes
    left join read_days
        on
            holes.source_id = read_days.source_id
            and holes.hole_date = read_days.read_date

)

select * from final
