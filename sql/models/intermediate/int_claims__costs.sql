{%- set columns = [
    'claim_id', 'measured_value', 'measured_unit', 'input_count', 'first_date', 'last_date', 'is_open', 'is_held',
    'untestable_reason', 'answer',
] %}

with

margins as (

    select * from {{ ref('inference_margins_daily') }}
    where
        model_id in ('llama-3-70b', 'mixtral-8x7b')
        and gpu_id = 'h100-sxm-80gb'
        and cost_basis = 'rent'
        and utilisation_ratio = 0.3
        and gross_margin_ratio is not null
        and margin_date <= date '2024-05-31'
        and until_date >= date '2024-05-01'

),

indices as (

    select * from {{ ref('inference_margin_index_monthly') }}
    where
        gpu_id = 'h100-sxm-80gb'
        and cost_basis = 'rent'
        and throughput_scope = 'all'
        and gross_margin_ratio is not null

),

training as (

    select
        cost_month,
        gpu_id,
        cast(cost_usd as double) / 1e6 as cost_musd,
        case
            when hardware = 'own' and gpu_id != trained_on_gpu_id then null
            when hardware = 'own' and cost_basis = 'list_on_demand' then 'list'
            when cost_basis = 'neocloud_on_demand' then hardware
        end as kind
    from {{ ref('training_costs_monthly') }}
    where run_id = 'llama-2-70b' and cost_usd is not null

),

-- What the hosts of that month kept, as they stood last.
hosts as (

    select
        margins.model_id,
        margins.host_id,
        arg_max(margins.gross_margin_ratio, margins.margin_date) as gross_margin_ratio
    from margins
    group by 1, 2

),

lost as (

    select
        count(*) as host_count,
        count(*) filter (where hosts.gross_margin_ratio < 0) as losing_count,
        min(hosts.gross_margin_ratio) as worst_margin,
        max(hosts.gross_margin_ratio) as best_margin
    from hosts
    having count(*) > 0

),

g54 as (

    select
        'G54' as claim_id,
        lost.losing_count / lost.host_count as measured_value,
        'share of hosts with a negative margin' as measured_unit,
        lost.host_count as input_count,
        date '2024-05-01' as first_date,
        date '2024-05-31' as last_date,
        false as is_open,
        lost.losing_count > 0 as is_held,
        cast(null as varchar) as untestable_reason,
        printf(
            '%d of %d hosts lost money, margins from %.0f %% to %.0f %%; throughput scaled from later '
            || 'measurements, so read the sign, not the size.',
            lost.losing_count,
            lost.host_count,
            100 * lost.worst_margin,
            100 * lost.best_margin
        ) as answer
    from lost

),

spanned as (

    select
        {% for end, pick in [('first', 'arg_min'), ('last', 'arg_max')] %}
        {{ pick }}(indices.median_gross_margin_ratio, indices.index_month) as {{ end }}_margin,
        {{ pick }}(indices.low_gross_margin_ratio, indices.index_month) as {{ end }}_low,
        {{ pick }}(indices.high_gross_margin_ratio, indices.index_month) as {{ end }}_high,
        {{ pick }}(indices.model_count, indices.index_month) as {{ end }}_model_count,
        {% endfor %}
        min(indices.index_month) as first_month,
        max(indices.index_month) as last_month,
        count(*) as month_count
    from indices
    having count(*) > 0

),

g55 as (

    select
        'G55' as claim_id,
        cast(spanned.last_margin - spanned.first_margin as double) as measured_value,
        'change of the median margin, as a share of revenue' as measured_unit,
        spanned.month_count as input_count,
        spanned.first_month as first_date,
        spanned.last_month as last_date,
        true as is_open,
        cast(null as boolean) as is_held,
        case when spanned.month_count < 2 then 'the index has one month' end as untestable_reason,
        printf(
            'Median model %.0f %% in %s (scenarios %.0f to %.0f %%, %d models), %.0f %% in %s (%.0f to '
            || '%.0f %%, %d models); the models differ, so part of the change is who is counted.',
            cast(100 * spanned.first_margin as double),
            strftime(spanned.first_month, '%Y-%m'),
            cast(100 * spanned.first_low as double),
            cast(100 * spanned.first_high as double),
            spanned.first_model_count,
            cast(100 * spanned.last_margin as double),
            strftime(spanned.last_month, '%Y-%m'),
            cast(100 * spanned.last_low as double),
            cast(100 * spanned.last_high as double),
            spanned.last_model_count
        ) as answer
    from spanned

),

-- From the list price at the release to what neoclouds ask last, on its own accelerators and on the best.
ends as (

    select
        arg_min(case when training.kind = 'list' then training.cost_musd end, training.cost_month)
            as first_list,
        {% for kind in ['list', 'own', 'best'] %}
        arg_max(case when training.kind = '{{ kind }}' then training.cost_musd end, training.cost_month)
            as last_{{ kind }},
        {% endfor %}
        arg_max(case when training.kind = 'best' then training.gpu_id end, training.cost_month)
            as best_gpu_id,
        min(training.cost_month) as first_month,
        max(training.cost_month) as last_month,
        count(*) as cost_count
    from training
    where training.kind is not null
    having count(*) > 0

),

g56 as (

    select
        'G56' as claim_id,
        least(ends.last_own, ends.last_best) / ends.first_list as measured_value,
        'cost now over list cost at the release' as measured_unit,
        ends.cost_count as input_count,
        ends.first_month as first_date,
        ends.last_month as last_date,
        true as is_open,
        ends.first_list between 0.75 * 7 and 1.25 * 7
        and least(ends.last_own, ends.last_best) <= 0.5 * ends.first_list as is_held,
        case
            when ends.first_list is null or ends.last_own is null or ends.last_best is null
                then 'a series has no price'
        end as untestable_reason,
        printf(
            'Million USD at list prices for its A100s: %.2f at the release, %.2f now; at a neocloud now: '
            || '%.2f on A100s, %.2f on %s.',
            ends.first_list,
            ends.last_list,
            ends.last_own,
            ends.last_best,
            ends.best_gpu_id
        ) as answer
    from ends

),

final as (

    {% for claim in ['g54', 'g55', 'g56'] %}
    select {{ columns_of(claim, columns) }}
    from {{ claim }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from final
