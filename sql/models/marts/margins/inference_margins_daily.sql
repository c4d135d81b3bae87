with

scenarios as (

    select * from {{ ref('margin_scenarios') }}

),

utilisations as (

    select * from {{ ref('utilisation_scenarios') }}

),

throughputs as (

    select * from {{ ref('throughput_references') }}

),

prices as (

    select * from {{ ref('token_prices_daily') }}
    where is_primary

),

levels as (

    select * from {{ ref('gpu_rental_levels_daily') }}
    where segment = 'neocloud' and purchase_type = 'on_demand' and commitment_months = 0 and is_supported

),

scenario_models as (

    select
        scenarios.scenario_id,
        scenarios.price_host_id,
        unnest(string_split(scenarios.model_ids, ' ')) as model_id
    from scenarios
    where scenarios.price_basis = 'market'

),

-- The price of the one host, or the median over the hosts that have one.
market_prices as (

    select
        scenario_models.scenario_id,
        prices.price_date,
        {{ median('cast(prices.input_usd_per_mtok as double)') }} as input_usd_per_mtok,
        {{ median('cast(prices.output_usd_per_mtok as double)') }} as output_usd_per_mtok,
        count(distinct prices.host_id) as host_count,
        max(prices.status) as status
    from scenario_models
    inner join prices
        on
            scenario_models.model_id = prices.model_id
            and coalesce(scenario_models.price_host_id, prices.host_id) = prices.host_id
    group by scenario_models.scenario_id, scenario_models.price_host_id, prices.price_date
    having scenario_models.price_host_id is not null or count(distinct prices.host_id) >= 3

),

-- What the scenario's accelerator rents for; where nobody states its form, what that name rents for.
market_costs as (

    select
        scenarios.scenario_id,
        levels.price_date,
        levels.gpu_id as cost_gpu_id,
        cast(levels.smoothed_usd_per_gpu_hour as double) as usd_per_gpu_hour,
        levels.status
    from scenarios
    inner join levels
        on levels.gpu_id in (scenarios.gpu_id, scenarios.fallback_gpu_id)
    where scenarios.price_basis = 'market'
    qualify
        row_number() over (
            partition by scenarios.scenario_id, levels.price_date
            order by levels.gpu_id != scenarios.gpu_id
        ) = 1

),

-- What works in an hour of full use, and how many nodes it takes.
stated as (

    select
        scenarios.scenario_id,
        scenarios.scenario_name,
        scenarios.price_basis,
        scenarios.throughput_tier,
        scenarios.throughput_id,
        scenarios.stated_date as margin_date,
        scenarios.gpu_id as cost_gpu_id,
        cast(null as integer) as host_count,
        scenarios.gpu_count,
        scenarios.node_count,
        coalesce(
            {{ mtok_per_hour('scenarios.output_tokens_per_second') }} * scenarios.node_count,
            scenarios.output_mtok_per_day / 24
        ) as output_mtok_per_hour,
        coalesce(
            {{ mtok_per_hour('scenarios.input_tokens_per_second') }} * scenarios.node_count,
            scenarios.input_mtok_per_day / 24
        ) as input_mtok_per_hour,
        scenarios.cached_mtok_per_day / 24 as cached_mtok_per_hour,
        scenarios.input_usd_per_mtok,
        scenarios.cached_usd_per_mtok,
        scenarios.output_usd_per_mtok,
        scenarios.usd_per_gpu_hour,
        'final' as status
    from scenarios
    where scenarios.price_basis = 'stated'

),

market as (

    select
        scenarios.scenario_id,
        scenarios.scenario_name,
        scenarios.price_basis,
        scenarios.throughput_tier,
        scenarios.throughput_id,
        market_prices.price_date as margin_date,
        market_costs.cost_gpu_id,
        cast(market_prices.host_count as integer) as host_count,
        scenarios.gpu_count,
        -- With prefill on nodes of its own, a decoding node needs a share of them.
        case
            when throughputs.is_disaggregated
                then
                    1 + throughputs.output_tokens_per_second * scenarios.input_output_ratio
                    / throughputs.input_tokens_per_second
            else 1
        end as node_count,
        {{ mtok_per_hour('throughputs.output_tokens_per_second') }} * throughputs.production_ratio
            as output_mtok_per_hour,
        {{ mtok_per_hour('throughputs.output_tokens_per_second') }} * throughputs.production_ratio
        * scenarios.input_output_ratio as input_mtok_per_hour,
        cast(null as double) as cached_mtok_per_hour,
        market_prices.input_usd_per_mtok,
        cast(null as double) as cached_usd_per_mtok,
        market_prices.output_usd_per_mtok,
        market_costs.usd_per_gpu_hour,
        case
            when 'provisional' in (market_prices.status, market_costs.status) then 'provisional'
            else 'final'
        end as status
    from scenarios
    inner join throughputs
        on scenarios.throughput_id = throughputs.throughput_id
    inner join market_prices
        on scenarios.scenario_id = market_prices.scenario_id
    inner join market_costs
        on
            scenarios.scenario_id = market_costs.scenario_id
            and market_prices.price_date = market_costs.price_date

),

cases as (

    select * from stated
    union all
    select * from market

),

-- Per hour of full use; a part that is not stated earns and costs nothing, a price not stated is unknown.
full_use as (

    select
        cases.*,
        cases.gpu_count * cases.usd_per_gpu_hour as cost_usd_per_node_hour,
        case
            when
                coalesce(cases.output_mtok_per_hour, 0) > 0 and cases.output_usd_per_mtok is null
                or coalesce(cases.input_mtok_per_hour, 0) > 0 and cases.input_usd_per_mtok is null
                or coalesce(cases.cached_mtok_per_hour, 0) > 0 and cases.cached_usd_per_mtok is null
                then null
            else
                (
                    coalesce(cases.output_mtok_per_hour * cases.output_usd_per_mtok, 0)
                    + coalesce(cases.input_mtok_per_hour * cases.input_usd_per_mtok, 0)
                    + coalesce(cases.cached_mtok_per_hour * cases.cached_usd_per_mtok, 0)
                ) / cases.node_count
        end as full_revenue_usd_per_node_hour,
        coalesce(cases.output_mtok_per_hour, 0)
        + coalesce(cases.input_mtok_per_hour, 0)
        + coalesce(cases.cached_mtok_per_hour, 0) as total_mtok_per_hour
    from cases

),

used as (

    select
        full_use.*,
        utilisations.utilisation_ratio,
        cast(utilisations.utilisation_ratio as double) as u,
        full_use.full_revenue_usd_per_node_hour * cast(utilisations.utilisation_ratio as double)
            as revenue_usd_per_node_hour
    from full_use
    cross join utilisations

),

final as (

    select
        used.margin_date,
        used.scenario_id,
        used.utilisation_ratio,
        used.scenario_name,
        used.price_basis,
        used.throughput_tier,
        used.throughput_id,
        used.cost_gpu_id,
        used.host_count,
        cast(used.input_usd_per_mtok as decimal(18, 6)) as input_usd_per_mtok,
        cast(used.cached_usd_per_mtok as decimal(18, 6)) as cache_read_usd_per_mtok,
        cast(used.output_usd_per_mtok as decimal(18, 6)) as output_usd_per_mtok,
        cast(used.usd_per_gpu_hour as decimal(18, 6)) as cost_usd_per_gpu_hour,
        used.gpu_count,
        used.node_count,
        used.cached_mtok_per_hour / (used.cached_mtok_per_hour + used.input_mtok_per_hour)
            as cached_input_ratio,
        cast(used.revenue_usd_per_node_hour as decimal(18, 6)) as revenue_usd_per_node_hour,
        cast(used.cost_usd_per_node_hour as decimal(18, 6)) as cost_usd_per_node_hour,
        cast(used.revenue_usd_per_node_hour - used.cost_usd_per_node_hour as decimal(18, 6))
            as profit_usd_per_node_hour,
        cast(used.revenue_usd_per_node_hour * used.node_count * 24 as decimal(18, 6)) as revenue_usd_per_day,
        cast(used.cost_usd_per_node_hour * used.node_count * 24 as decimal(18, 6)) as cost_usd_per_day,
        1 - used.cost_usd_per_node_hour / used.revenue_usd_per_node_hour as gross_margin_ratio,
        used.revenue_usd_per_node_hour / used.cost_usd_per_node_hour - 1 as markup_ratio,
        used.cost_usd_per_node_hour / used.full_revenue_usd_per_node_hour as break_even_utilisation_ratio,
        -- Where tokens put out are all that is sold.
        case
            when used.total_mtok_per_hour = used.output_mtok_per_hour
                then used.cost_usd_per_node_hour / used.output_usd_per_mtok * 1e6 / 3600
        end as break_even_output_tokens_per_second,
        cast(
            used.cost_usd_per_node_hour * used.node_count / (nullif(used.output_mtok_per_hour, 0) * used.u)
            as decimal(18, 6)
        ) as cost_usd_per_mtok_output,
        cast(
            used.cost_usd_per_node_hour * used.node_count / (used.total_mtok_per_hour * used.u)
            as decimal(18, 6)
        ) as cost_usd_per_mtok_total,
        used.status
    from used

)

select * from final
