with

reviews as (

    select * from {{ ref('stg_reviews') }}

),

ordered as (

    select
        reviews.*,
        min(reviews.decided_at) over part as held_at,
        max(reviews.decided_at) over part as last_decided_at
    from reviews
    window part as (
        partition by reviews.source_id, reviews.contract, reviews.reading_scope, reviews.fetched_at
    )

),

final as (

    select
        ordered.source_id,
        ordered.contract,
        ordered.reading_scope,
        ordered.fetched_at,
        ordered.row_count,
        ordered.compared_with_at,
        ordered.usual_row_count,
        ordered.verdict,
        ordered.reason,
        ordered.held_at,
        case when ordered.verdict != 'held' then ordered.decided_at end as decided_at
    from ordered
    where ordered.decided_at = ordered.last_decided_at

)

select * from final
