with

observed as (

    select * from {{ lake('fetches') }}

),

final as (

    select
        observed.source_id,
        {{ utc('observed.started_at') }} as started_at,
        {{ utc('observed.finished_at') }} as finished_at,
        observed.outcome,
        observed.error_kind,
        observed.error,
        observed.request_count,
        observed.body_bytes,
        observed.row_count,
        observed.rejected_count,
        {{ utc('observed.content_since') }} as content_since,
        observed.date as lake_date
    from observed
    where {{ utc('observed.started_at') }} <= {{ as_of() }}

)

select * from final
