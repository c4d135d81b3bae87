with

chained as (

    select * from {{ ref('int_gpu_rental_index__chained') }}

),

providers as (

    select distinct chained.provider_id
    from chained

),

draws as (

    select unnest(generate_series(1, {{ var('bootstrap_draws') }})) as draw_number

),

named as (

    select
        providers.provider_id,
        draws.draw_number,
        '{{ var("bootstrap_seed") }}/' || providers.provider_id || '/' || draws.draw_number as draw_name
    from providers
    cross join draws

),

-- Exponential weights with mean 1: the Bayesian form of resampling, in which no draw loses a seller. A weight
-- follows from the seller and the draw alone, so no build and no newcomer changes another's.
final as (

    select
        named.provider_id,
        named.draw_number,
        -ln({{ uniform_of('named.draw_name') }}) as weight
    from named

)

select * from final
