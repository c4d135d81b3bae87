with

cases as (

    select * from {{ ref('margin_cases') }}
    where stated_date <= {{ as_of_date() }}

),

utilisations as (

    select * from {{ ref('utilisation_scenarios') }}

),

-- What all nodes put through in an hour of full use.
worked as (

    select
        cases.*,
        coalesce(
            {{ mtok_per_hour('cases.output_tokens_per_second') }} * cases.node_count,
            cases.output_mtok_per_day / 24
        ) as output_mtok_per_hour,
        coalesce(
            {{ mtok_per_hour('cases.input_tokens_per_second') }} * cases.node_count,
            cases.input_mtok_per_day / 24
        ) as input_mtok_per_hour,
        cases.cached_mtok_per_day / 24 as cached_mtok_per_hour,
        cases.gpu_count * cases.usd_per_gpu_hour as cost_usd_per_node_hour
    from cases

),

-- A kind of token that is not stated earns nothing; one whose price is not stated earns nobody knows what.
full_use as (

    select
        worked.*,
        coalesce(worked.output_mtok_per_hour, 0)
        + coalesce(worked.input_mtok_per_hour, 0)
        + coalesce(worked.cached_mtok_per_hour, 0) as total_mtok_per_hour,
        (
            {% for kind, price in [('output', 'output'), ('input', 'input'), ('cached', 'cache_read')] %}
            coalesce(
                worked.{{ kind }}_mtok_per_hour * worked.{{ price }}_usd_per_mtok,
                case when coalesce(worked.{{ kind }}_mtok_per_hour, 0) = 0 then 0 end
            )
            {%- if not loop.last %} +{% endif %}
            {% endfor %}
        ) / worked.node_count as full_revenue_usd_per_node_hour
    from worked

),

used as (

    select
        full_use.*,
        utilisations.utilisation_ratio,
        cast(utilisations.utilisation_ratio as double) as u,
        full_use.full_revenue_usd_per_node_hour * cast(utilisations.utilisation_ratio as double) as revenue
    from full_use
    cross join utilisations

),

final as (

    select
        used.case_id,
        used.utilisation_ratio,
        used.case_name,
        used.stated_date,
        used.model_id,
        used.throughput_id,
        used.gpu_id,
        used.gpu_count,
        used.node_count,
        cast(used.input_usd_per_mtok as decimal(18, 6)) as input_usd_per_mtok,
        cast(used.cache_read_usd_per_mtok as decimal(18, 6)) as cache_read_usd_per_mtok,
        cast(used.output_usd_per_mtok as decimal(18, 6)) as output_usd_per_mtok,
        cast(used.usd_per_gpu_hour as decimal(18, 6)) as cost_usd_per_gpu_hour,
        used.cached_mtok_per_hour / (used.cached_mtok_per_hour + used.input_mtok_per_hour)
            as cached_input_ratio,
        cast(used.revenue as decimal(18, 6)) as revenue_usd_per_node_hour,
        cast(used.cost_usd_per_node_hour as decimal(18, 6)) as cost_usd_per_node_hour,
        cast(used.revenue - used.cost_usd_per_node_hour as decimal(18, 6)) as profit_usd_per_node_hour,
        cast(used.revenue * used.node_count * 24 as decimal(18, 6)) as revenue_usd_per_day,
        cast(used.cost_usd_per_node_hour * used.node_count * 24 as decimal(18, 6)) as cost_usd_per_day,
        {{ gross_margin('used.cost_usd_per_node_hour', 'used.revenue') }} as gross_margin_ratio,
        {{ markup('used.cost_usd_per_node_hour', 'used.revenue') }} as markup_ratio,
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
        used.source,
        {{ value_status('used.stated_date') }} as status,
        cast(null as varchar) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from used

)

select * from final
