with

observed as (

    select * from {{ lake('readings') }}

),

final as (

    select
        observed.contract,
        observed.source_id,
        observed.reading_scope,
        {{ utc('observed.read_at') }} as read_at,
        {{ utc('observed.recorded_at') }} as recorded_at,
        observed.evidence,
        observed.row_count,
        observed.rejected_count,
        observed.parser_version,
        observed.date as lake_date
    from observed
    where {{ utc('observed.recorded_at') }} <= {{ as_of() }}

)

select * from final
