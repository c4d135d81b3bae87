with

observed as (

    select * from {{ lake('quarantine') }}

),

final as (

    select
        observed.contract,
        observed.source_id,
        observed.reading_scope,
        {{ utc('observed.observed_at') }} as observed_at,
        {{ utc('observed.recorded_at') }} as recorded_at,
        observed.reason,
        observed.payload_ref,
        observed.row_json,
        observed.parser_version,
        observed.date as lake_date
    from observed
    where {{ utc('observed.recorded_at') }} <= {{ as_of() }}

)

select * from final
