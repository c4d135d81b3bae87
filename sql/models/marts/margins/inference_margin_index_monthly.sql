{#- Hosts a model and models an index needs to speak of a market. -#}
{%- set fewest_hosts = 3 %}
{%- set fewest_models = 3 %}
{#- The utilisations between which the interval spans, and the one the index stands at. -#}
{%- set utilisations = {'low': 0.3, 'headline': 0.5, 'high': 0.7} %}
{%- set too_few -%}
    case
        when counted.model_count < {{ fewest_models }}
            then
                counted.model_count || ' models with throughput and {{ fewest_hosts }} hosts, '
                || '{{ fewest_models }} needed'
    end
{%- endset %}

with

margins as (

    select * from {{ ref('inference_margins_daily') }}
    where throughput_tier != 'none'

),

monthly as (

    select
        margins.*,
        {{ months_between('margins.margin_date', 'margins.until_date') }} as index_month
    from margins

),

-- What a host earned at the end of the month, or when it was last seen in it.
latest as (

    select monthly.*
    from monthly
    qualify
        row_number() over (
            partition by
                monthly.index_month, monthly.gpu_id, monthly.cost_basis, monthly.model_id, monthly.host_id,
                monthly.utilisation_ratio
            order by monthly.until_date desc
        ) = 1

),

hosts as (

    select
        latest.index_month,
        latest.gpu_id,
        latest.cost_basis,
        latest.model_id,
        latest.host_id,
        bool_and(latest.throughput_tier = 'measured') as is_measured,
        max(latest.break_even_utilisation_ratio) as break_even_utilisation_ratio,
        {% for name, column in [('low', 'low_gross'), ('headline', 'gross'), ('high', 'high_gross')] %}
        max(
            case
                when latest.utilisation_ratio = {{ utilisations[name] }} then latest.{{ column }}_margin_ratio
            end
        ) as {{ name }}_margin,
        {% endfor %}
        count(*) as scenario_count
    from latest
    group by 1, 2, 3, 4, 5

),

-- Once on models with a throughput of their own, once with those whose throughput is scaled from another's.
scopes as (

    select 'measured' as throughput_scope
    union all
    select 'all' as throughput_scope

),

models as (

    select
        hosts.index_month,
        hosts.gpu_id,
        hosts.cost_basis,
        hosts.model_id,
        count(*) as host_count,
        bool_or(hosts.is_measured) as is_measured,
        {{ median('hosts.low_margin') }} as low_margin,
        {{ median('hosts.headline_margin') }} as headline_margin,
        {{ median('hosts.high_margin') }} as high_margin,
        {{ median('hosts.break_even_utilisation_ratio') }} as break_even_utilisation_ratio
    from hosts
    group by 1, 2, 3, 4

),

-- Every model weighs the same, however many hosts sell it.
counted as (

    select
        models.index_month,
        models.gpu_id,
        models.cost_basis,
        scopes.throughput_scope,
        count(*) filter (where models.host_count >= {{ fewest_hosts }}) as model_count,
        count(*) filter (where models.host_count >= {{ fewest_hosts }} and models.is_measured)
            as measured_model_count,
        coalesce(sum(models.host_count) filter (where models.host_count >= {{ fewest_hosts }}), 0)
            as margin_count,
        avg(models.headline_margin) filter (where models.host_count >= {{ fewest_hosts }}) as mean_margin,
        {{ median('case when models.host_count >= ' ~ fewest_hosts ~ ' then models.headline_margin end') }}
            as median_margin,
        avg(models.low_margin) filter (where models.host_count >= {{ fewest_hosts }}) as low_margin,
        avg(models.high_margin) filter (where models.host_count >= {{ fewest_hosts }}) as high_margin,
        {{ median(
            'case when models.host_count >= ' ~ fewest_hosts ~ ' then models.break_even_utilisation_ratio end'
        ) }} as break_even_utilisation_ratio
    from models
    inner join scopes
        on scopes.throughput_scope = 'all' or models.is_measured
    group by 1, 2, 3, 4

),

judged as (

    select
        counted.*,
        {{ too_few }} as too_few,
        cast(counted.index_month + interval 1 month - interval 1 day as date) as month_end,
        1 - counted.measured_model_count / nullif(counted.model_count, 0) as scaled_ratio
    from counted

),

final as (

    select
        judged.index_month,
        judged.gpu_id,
        judged.cost_basis,
        judged.throughput_scope,
        {% for kind, prefix in [('mean', ''), ('low', 'low_'), ('high', 'high_'), ('median', 'median_')] %}
        cast(case when judged.too_few is null then judged.{{ kind }}_margin end as decimal(18, 6))
            as {{ prefix }}gross_margin_ratio,
        {% endfor %}
        cast(
            case when judged.too_few is null then judged.break_even_utilisation_ratio end as decimal(18, 6)
        ) as break_even_utilisation_ratio,
        cast({{ utilisations['headline'] }} as decimal(4, 2)) as utilisation_ratio,
        cast(judged.model_count as integer) as model_count,
        cast(judged.measured_model_count as integer) as measured_model_count,
        cast(judged.margin_count as integer) as margin_count,
        {{ value_status('judged.month_end', 'judged.too_few', 'judged.scaled_ratio') }} as status,
        coalesce(
            judged.too_few,
            case
                when judged.scaled_ratio > 0.25
                    then
                        'throughput scaled for '
                        || (judged.model_count - judged.measured_model_count)
                        || ' of ' || judged.model_count || ' models'
            end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged

)

select * from final
