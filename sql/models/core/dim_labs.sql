with

labs as (

    select * from {{ ref('labs') }}

),

final as (

    select
        labs.lab_id,
        labs.lab_name,
        labs.country,
        labs.own_host_id
    from labs

)

select * from final
