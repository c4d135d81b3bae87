{#- Days on either side of its publication on which a cost of ownership counts. -#}
{%- set owner_days = 365 %}
{#- Share of the peak that a training run reaches: headline, and the ends of the interval. -#}
{%- set utilisation = {'headline': 0.4, 'low': 0.5, 'high': 0.3} %}

with

runs as (

    select
        runs.*,
        cast(date_trunc('month', runs.published_date) as date) as released_month
    from {{ ref('training_runs') }} as runs
    where runs.published_date <= {{ as_of_date() }}

),

gpus as (

    select * from {{ ref('gpus') }}

),

rents as (

    select
        rents.*,
        case rents.segment when 'hyperscaler' then 'list' else rents.segment end
        || case rents.purchase_type when 'on_demand' then '_on_demand' else '_1yr' end as cost_basis
    from {{ ref('int_gpu_rents__monthly') }} as rents
    where
        rents.segment in ('hyperscaler', 'neocloud')
        and (
            rents.purchase_type = 'on_demand'
            or (rents.purchase_type = 'reserved' and rents.commitment_months = 12)
        )

),

owners as (

    select * from {{ ref('owner_costs') }}
    where published_date <= {{ as_of_date() }}

),

months as (

    select {{ months_between('min(runs.published_date)', as_of_date()) }} as cost_month
    from runs

),

owned as (

    select
        months.cost_month,
        owners.gpu_id,
        owners.gpu_id as stands_for_gpu_id,
        'owner' as cost_basis,
        'owner/neocloud/' || owners.published_date as cost_series_id,
        owners.neocloud_usd_per_gpu_hour as usd_per_gpu_hour,
        owners.hyperscaler_usd_per_gpu_hour as low_usd_per_gpu_hour,
        owners.neocloud_usd_per_gpu_hour as high_usd_per_gpu_hour,
        1 as provider_count,
        owners.is_provisional as is_inferred
    from owners
    inner join months
        on
            owners.published_date >= months.cost_month - {{ owner_days }}
            and owners.published_date < months.cost_month + interval 1 month + interval {{ owner_days }} day
    qualify
        row_number() over (
            partition by owners.gpu_id, months.cost_month
            order by abs(owners.published_date - months.cost_month), owners.published_date
        ) = 1

),

prices as (

    select
        rents.rent_month as cost_month,
        rents.gpu_id,
        rents.stands_for_gpu_id,
        rents.cost_basis,
        rents.series_id as cost_series_id,
        rents.usd_per_gpu_hour,
        rents.p25_usd_per_gpu_hour as low_usd_per_gpu_hour,
        rents.p75_usd_per_gpu_hour as high_usd_per_gpu_hour,
        rents.provider_count,
        rents.is_carried as is_inferred
    from rents
    union all
    select * from owned

),

-- A run stays on its own accelerator, or on what is sold under its name without the form; each is a series,
-- and every month since the release has a row in every series that was ever priced.
spine as (

    select distinct
        months.cost_month,
        runs.run_id,
        prices.gpu_id,
        prices.cost_basis
    from runs
    inner join prices
        on
            runs.gpu_id = prices.stands_for_gpu_id
            and runs.released_month <= prices.cost_month
    inner join months
        on runs.released_month <= months.cost_month

),

own as (

    select
        spine.cost_month,
        spine.run_id,
        'own' as hardware,
        spine.cost_basis,
        spine.gpu_id,
        runs.gpu_hours,
        prices.cost_series_id,
        prices.usd_per_gpu_hour,
        runs.gpu_hours * prices.usd_per_gpu_hour as cost_usd,
        runs.gpu_hours * prices.low_usd_per_gpu_hour as low_cost_usd,
        runs.gpu_hours * prices.high_usd_per_gpu_hour as high_cost_usd,
        prices.provider_count,
        prices.is_inferred
    from spine
    inner join runs
        on spine.run_id = runs.run_id
    left join prices
        on
            spine.cost_month = prices.cost_month
            and spine.gpu_id = prices.gpu_id
            and spine.cost_basis = prices.cost_basis

),

-- The same arithmetic on the accelerator that does it cheapest that month: a series of its own.
best as (

    select
        prices.cost_month,
        runs.run_id,
        'best' as hardware,
        prices.cost_basis,
        prices.gpu_id,
        runs.flop / (gpus.dense_bf16_tflops * 1e12 * {{ utilisation['headline'] }} * 3600) as gpu_hours,
        prices.cost_series_id,
        prices.usd_per_gpu_hour,
        prices.provider_count,
        prices.is_inferred
    from runs
    inner join prices
        on runs.released_month <= prices.cost_month
    inner join gpus
        on
            prices.gpu_id = gpus.gpu_id
            and gpus.form_factor in ('sxm', 'oam', 'nvl72')
            and gpus.dense_bf16_tflops is not null
    where not runs.is_converted
    qualify
        row_number() over (
            partition by prices.cost_month, runs.run_id, prices.cost_basis
            order by prices.usd_per_gpu_hour / gpus.dense_bf16_tflops, prices.gpu_id
        ) = 1

),

stated as (

    select
        cast(date_trunc('month', runs.stated_date) as date) as cost_month,
        runs.run_id,
        'own' as hardware,
        'stated' as cost_basis,
        runs.gpu_id,
        runs.gpu_hours,
        runs.stated_by as cost_series_id,
        runs.stated_usd_per_gpu_hour as usd_per_gpu_hour,
        runs.gpu_hours * runs.stated_usd_per_gpu_hour as cost_usd,
        runs.gpu_hours * runs.stated_usd_per_gpu_hour as low_cost_usd,
        runs.gpu_hours * runs.stated_usd_per_gpu_hour as high_cost_usd,
        1 as provider_count,
        false as is_inferred
    from runs
    where runs.stated_usd_per_gpu_hour is not null and runs.stated_date <= {{ as_of_date() }}

),

costs as (

    select * from own
    union all
    select
        best.cost_month,
        best.run_id,
        best.hardware,
        best.cost_basis,
        best.gpu_id,
        best.gpu_hours,
        best.cost_series_id,
        best.usd_per_gpu_hour,
        best.gpu_hours * best.usd_per_gpu_hour as cost_usd,
        best.gpu_hours * best.usd_per_gpu_hour * {{ utilisation['headline'] / utilisation['low'] }}
            as low_cost_usd,
        best.gpu_hours * best.usd_per_gpu_hour * {{ utilisation['headline'] / utilisation['high'] }}
            as high_cost_usd,
        best.provider_count,
        best.is_inferred
    from best
    union all
    select * from stated

),

-- Where the cheapest accelerator changes, the series of the best goes on.
lined as (

    select
        costs.*,
        case when costs.hardware = 'own' then costs.gpu_id end as line_gpu_id,
        cast(costs.cost_month + interval 1 month - interval 1 day as date) as month_end,
        case when costs.cost_usd is null then 'no rent within 60 days' end as suppression_reason
    from costs

),

-- The release is the base; where the series began later, its first month.
based as (

    select
        lined.*,
        min(case when lined.cost_usd is not null then lined.cost_month end) over line as base_month,
        first_value(lined.cost_usd) over (
            partition by lined.run_id, lined.hardware, lined.cost_basis, lined.line_gpu_id
            order by lined.cost_usd is null, lined.cost_month
        ) as base_cost_usd
    from lined
    window line as (partition by lined.run_id, lined.hardware, lined.cost_basis, lined.line_gpu_id)

),

final as (

    select
        based.cost_month,
        based.run_id,
        based.hardware,
        based.cost_basis,
        based.gpu_id,
        runs.run_name,
        runs.model_id,
        runs.gpu_id as trained_on_gpu_id,
        runs.is_converted,
        based.gpu_hours,
        based.cost_series_id,
        cast(based.usd_per_gpu_hour as decimal(18, 6)) as usd_per_gpu_hour,
        cast(based.cost_usd as decimal(18, 2)) as cost_usd,
        cast(based.low_cost_usd as decimal(18, 2)) as low_cost_usd,
        cast(based.high_cost_usd as decimal(18, 2)) as high_cost_usd,
        based.base_month,
        based.cost_usd / based.base_cost_usd as cost_to_base_ratio,
        cast(based.provider_count as integer) as provider_count,
        {{ value_status(
            'based.month_end', 'based.suppression_reason', 'cast(based.is_inferred as integer)'
        ) }} as status,
        coalesce(
            based.suppression_reason,
            case
                when based.is_inferred and based.cost_basis = 'owner' then 'cost of ownership provisional'
                when based.is_inferred then 'rent carried from an earlier month'
            end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from based
    inner join runs
        on based.run_id = runs.run_id

)

select * from final
