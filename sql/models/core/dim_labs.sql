with

labs as (

    select * from {{ ref('labs') }}

),

final as (

    select
        labs.lab_id,
        labs.lab_name,
        labs.country
    from labs

)

select * from final
