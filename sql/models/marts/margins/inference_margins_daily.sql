{#- Share of the prompt read from a cache in the figures with one: 56 % in DeepSeek's fleet of 2025-02. -#}
{%- set cached_ratio = 0.5 %}
{%- set reason -%}
    case
        when used.throughput_tier = 'none' then 'no throughput measured, and none of a like model to scale'
        when used.throughput_tier = 'scaled' and used.is_inferred
            then 'throughput scaled, cost carried or provisional'
        when used.throughput_tier = 'scaled' then 'throughput scaled'
        when used.is_inferred then 'cost carried or provisional'
    end
{%- endset %}

with

prices as (

    select * from {{ ref('token_prices_daily') }}
    where is_primary

),

models as (

    select * from {{ ref('models') }}
    where is_open_weights

),

providers as (

    select * from {{ ref('providers') }}

),

labs as (

    select * from {{ ref('labs') }}

),

serving as (

    select * from {{ ref('int_serving_costs__spells') }}

),

utilisations as (

    select * from {{ ref('utilisation_scenarios') }}

),

-- Aggregators pass tokens on; they run no machines.
listed as (

    select
        prices.price_date,
        prices.host_id,
        prices.model_id,
        coalesce(prices.host_id = labs.own_host_id, false) as is_first_party,
        prices.input_usd_per_mtok,
        prices.cache_read_usd_per_mtok,
        prices.output_usd_per_mtok
    from prices
    inner join models
        on prices.model_id = models.model_id
    inner join providers
        on prices.host_id = providers.provider_id
    left join labs
        on prices.lab_id = labs.lab_id
    where providers.token_segment is distinct from 'aggregator'

),

marked as (

    select
        listed.*,
        coalesce(
            listed.price_date = lag(listed.price_date) over line + 1
            and listed.input_usd_per_mtok = lag(listed.input_usd_per_mtok) over line
            and listed.cache_read_usd_per_mtok
            is not distinct from lag(listed.cache_read_usd_per_mtok) over line
            and listed.output_usd_per_mtok = lag(listed.output_usd_per_mtok) over line,
            false
        ) as goes_on
    from listed
    window line as (partition by listed.host_id, listed.model_id order by listed.price_date)

),

numbered as (

    select
        marked.*,
        sum(cast(not marked.goes_on as integer)) over (
            partition by marked.host_id, marked.model_id
            order by marked.price_date
            rows between unbounded preceding and current row
        ) as spell_number
    from marked

),

-- Unbroken runs of days on which a host asks the same.
asked as (

    select
        numbered.host_id,
        numbered.model_id,
        numbered.spell_number,
        numbered.is_first_party,
        numbered.input_usd_per_mtok,
        numbered.cache_read_usd_per_mtok,
        numbered.output_usd_per_mtok,
        min(numbered.price_date) as first_date,
        max(numbered.price_date) as last_date
    from numbered
    group by all

),

-- A margin stands while price, rent and throughput stand.
met as (

    select
        greatest(asked.first_date, serving.first_date) as margin_date,
        least(asked.last_date, serving.last_date) as until_date,
        asked.host_id,
        asked.is_first_party,
        asked.input_usd_per_mtok,
        asked.cache_read_usd_per_mtok,
        asked.output_usd_per_mtok,
        cast(asked.input_usd_per_mtok as double) as input_price,
        cast(asked.cache_read_usd_per_mtok as double) as cache_read_price,
        cast(asked.output_usd_per_mtok as double) as output_price,
        serving.*
    from asked
    inner join serving
        on
            asked.model_id = serving.model_id
            and asked.first_date <= serving.last_date
            and asked.last_date >= serving.first_date

),

-- Per accelerator-hour of full use; with a cache, half of the prompt skips the work at the cache's price.
full_use as (

    select
        met.*,
        {{ mtok_per_hour('met.output_tokens_per_second') }} as output_mtok,
        {{ mtok_per_hour('met.output_tokens_per_second') }}
        * (met.input_output_ratio * met.input_price + met.output_price) as full_revenue,
        {{ mtok_per_hour('met.production_ratio * ' ~ output_rate(
            'met.decode_tokens_per_second', 'met.prefill_tokens_per_second',
            '(met.input_output_ratio * ' ~ (1 - cached_ratio) ~ ')'
        )) }}
        * (
            met.input_output_ratio
            * ({{ 1 - cached_ratio }} * met.input_price + {{ cached_ratio }} * met.cache_read_price)
            + met.output_price
        ) as full_cached_revenue
    from met

),

used as (

    select
        full_use.*,
        utilisations.utilisation_ratio,
        full_use.full_revenue * cast(utilisations.utilisation_ratio as double) as revenue,
        full_use.full_cached_revenue * cast(utilisations.utilisation_ratio as double) as cached_revenue,
        full_use.output_mtok * cast(utilisations.utilisation_ratio as double) as sold_output_mtok,
        -- The rent of a month is not settled before its end.
        cast(date_trunc('month', full_use.until_date) + interval 1 month - interval 1 day as date)
            as settled_date
    from full_use
    inner join utilisations
        on full_use.throughput_tier != 'none' or utilisations.is_headline

),

final as (

    select
        used.margin_date,
        used.until_date,
        used.model_id,
        used.host_id,
        used.gpu_id,
        used.cost_basis,
        used.utilisation_ratio,
        used.is_first_party,
        cast(used.input_usd_per_mtok as decimal(18, 9)) as input_usd_per_mtok,
        cast(used.cache_read_usd_per_mtok as decimal(18, 9)) as cache_read_usd_per_mtok,
        cast(used.output_usd_per_mtok as decimal(18, 9)) as output_usd_per_mtok,
        cast(used.input_output_ratio as double) as input_output_ratio,
        used.throughput_tier,
        used.throughput_id,
        cast(used.production_ratio as double) as production_ratio,
        used.output_tokens_per_second as output_tokens_per_second_per_gpu,
        cast(used.tolerance_ratio as double) as throughput_tolerance_ratio,
        used.cost_series_id,
        cast(used.usd_per_gpu_hour as decimal(18, 6)) as cost_usd_per_gpu_hour,
        cast(used.low_usd_per_gpu_hour as decimal(18, 6)) as low_cost_usd_per_gpu_hour,
        cast(used.high_usd_per_gpu_hour as decimal(18, 6)) as high_cost_usd_per_gpu_hour,
        cast(used.revenue as decimal(18, 6)) as revenue_usd_per_gpu_hour,
        cast(used.usd_per_gpu_hour / used.sold_output_mtok as decimal(18, 6)) as cost_usd_per_mtok_output,
        {{ gross_margin('used.usd_per_gpu_hour', 'used.revenue') }} as gross_margin_ratio,
        {{ gross_margin('used.high_usd_per_gpu_hour', '(used.revenue * (1 - used.tolerance_ratio))') }}
            as low_gross_margin_ratio,
        {{ gross_margin('used.low_usd_per_gpu_hour', '(used.revenue * (1 + used.tolerance_ratio))') }}
            as high_gross_margin_ratio,
        {{ gross_margin('used.usd_per_gpu_hour', 'used.cached_revenue') }} as cached_gross_margin_ratio,
        {{ markup('used.usd_per_gpu_hour', 'used.revenue') }} as markup_ratio,
        used.usd_per_gpu_hour / used.full_revenue as break_even_utilisation_ratio,
        cast(used.provider_count as integer) as cost_provider_count,
        cast(used.point_count as integer) as throughput_point_count,
        {{ value_status(
            'used.settled_date',
            "case when used.throughput_tier = 'none' then 'none' end",
            "cast(used.throughput_tier = 'scaled' or used.is_inferred as integer)"
        ) }} as status,
        {{ reason }} as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from used

)

select * from final
