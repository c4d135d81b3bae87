with

sources as (

    select * from {{ ref('sources') }}

),

final as (

    select
        sources.source_id,
        sources.kind,
        sources.contracts,
        sources.publisher,
        sources.url,
        sources.license,
        sources.redistribution,
        sources.cadence_days,
        sources.evidence,
        sources.smallest_row_count,
        sources.is_cross_check,
        sources.notes
    from sources

)

select * from final
