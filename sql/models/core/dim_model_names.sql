with

names as (

    select * from {{ ref('int_model_names__matched') }}

),

final as (

    select
        names.contract,
        names.source_id,
        names.host_raw,
        names.model_raw,
        names.model_id,
        names.snapshot_name,
        names.variant,
        names.is_ruled_out,
        names.match_rule,
        names.valid_from,
        names.valid_to,
        names.first_observed_at,
        names.last_observed_at
    from names

)

select * from final
