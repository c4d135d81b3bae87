with

readings as (

    select * from {{ ref('int_readings__current') }}

),

final as (

    select
        readings.contract,
        readings.source_id,
        readings.reading_scope,
        readings.read_at as last_read_at,
        {{ days_between('readings.read_date', 'readings.carried_until_date') }} as covered_date
    from readings
    where readings.carried_until_date is not null

)

select * from final
