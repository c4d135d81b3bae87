with

observed as (

    select * from {{ lake('holes') }}

),

final as (

    select
        observed.source_id,
        observed.hole_date,
        observed.cause,
        observed.attempt_count,
        observed.error,
        observed.sought_in,
        {{ utc('observed.recorded_at') }} as recorded_at,
        observed.date as lake_date
    from observed
    where {{ utc('observed.recorded_at') }} <= {{ as_of() }}

)

select * from final
