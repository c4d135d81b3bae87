with

prices as (

    {{ whole_day_prices(ref('token_prices_daily')) }}

),

sources as (

    select * from {{ ref('sources') }}

),

dated as (

    select
        prices.*,
        cast(date_trunc('month', prices.price_date) as date) as price_month
    from prices
    inner join sources
        on prices.source_id = sources.source_id
    where prices.service_tier = 'standard' and not sources.is_cross_check

),

-- The median of the days: a slip of a catalogue of less than half a month does not count.
final as (

    select
        dated.price_month,
        dated.source_id,
        dated.host_raw,
        dated.model_raw,
        dated.quantization,
        dated.host_id,
        dated.model_id,
        dated.lab_id,
        {{ median('cast(dated.input_usd_per_mtok as double)') }} as input_usd_per_mtok,
        {{ median('cast(dated.output_usd_per_mtok as double)') }} as output_usd_per_mtok,
        {{ median('cast(dated.cache_read_usd_per_mtok as double)') }} as cache_read_usd_per_mtok,
        max(dated.context_tokens) as context_tokens,
        count(*) as day_count,
        count(case when dated.is_primary then 1 end) as primary_day_count,
        max(dated.last_observed_at) >= dated.price_month as is_seen
    from dated
    group by 1, 2, 3, 4, 5, 6, 7, 8

)

select * from final
