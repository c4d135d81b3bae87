with

quarantine as (

    select * from {{ ref('stg_quarantine') }}

),


-- A reading read anew quarantines anew: the latest recording counts.
latest as (

    select
        quarantine.*,
        max(quarantine.recorded_at) over (
            partition by
                quarantine.contract, quarantine.source_id, quarantine.reading_scope, quarantine.observed_at
        ) as last_recorded_at
    from quarantine

),

final as (

    select
        latest.source_id,
        latest.contract,
        -- A broken rule of a contract is told with the offending value, which would tell every row apart.
        regexp_replace(
            regexp_replace(latest.reason, '(cannot be read as [A-Za-z0-9(), =]+): .*$', '\1'),
            ': .* (must be|is not one of)', ': a value \1'
        ) as reason,
        cast(count(*) as bigint) as row_count,
        min(latest.observed_at) as first_observed_at,
        max(latest.observed_at) as last_observed_at,
        min(latest.payload_ref) as example_payload_ref
    from latest
    where latest.recorded_at = latest.last_recorded_at
    group by 1, 2, 3

)

select * from final
