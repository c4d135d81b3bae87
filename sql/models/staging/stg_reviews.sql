with

observed as (

    select * from {{ lake('reviews') }}

),

final as (

    select
        observed.source_id,
        observed.contract,
        observed.reading_scope,
        {{ utc('observed.fetched_at') }} as fetched_at,
        observed.row_count,
        {{ utc('observed.compared_with_at') }} as compared_with_at,
        observed.usual_row_count,
        observed.verdict,
        observed.reason,
        {{ utc('observed.decided_at') }} as decided_at,
        observed.date as lake_date
    from observed
    where {{ utc('observed.decided_at') }} <= {{ as_of() }}

)

select * from final
