{{ config(materialized='view') }}

with

composites as (

    select * from {{ ref('gpu_index_composites') }}

),

final as (

    select
        {{ gpu_series_id('composites', "'composite'") }} as series_id,
        {{ gpu_series_id('composites') }} as component_id,
        composites.weight / sum(composites.weight) over whole as weight_ratio,
        count(*) over whole as component_count
    from composites
    window whole as (partition by composites.gpu_id, composites.purchase_type, composites.commitment_months)

)

select * from final
