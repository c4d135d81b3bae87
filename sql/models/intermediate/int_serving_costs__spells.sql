{#- Prompt tokens sold per generated token, the mix of the blended price. -#}
{%- set input_output_ratio = 3 %}
{#- Days on either side of its publication on which a cost of ownership counts. -#}
{%- set owner_days = 365 %}

with

throughput as (

    select * from {{ ref('int_throughput__monthly') }}

),

rents as (

    select * from {{ ref('int_gpu_rents__monthly') }}
    where segment = 'neocloud'

),

owners as (

    select * from {{ ref('owner_costs') }}
    where published_date <= {{ as_of_date() }}

),

-- The contract of a year where neoclouds ask one, else their list price; the form itself, else the name that
-- tells no form.
rented as (

    select
        rents.stands_for_gpu_id as gpu_id,
        rents.rent_month as margin_month,
        'rent' as cost_basis,
        rents.series_id as cost_series_id,
        rents.usd_per_gpu_hour,
        rents.p25_usd_per_gpu_hour as low_usd_per_gpu_hour,
        rents.p75_usd_per_gpu_hour as high_usd_per_gpu_hour,
        rents.provider_count,
        rents.is_carried as is_inferred
    from rents
    where
        (rents.purchase_type = 'reserved' and rents.commitment_months = 12)
        or (rents.purchase_type = 'on_demand' and rents.commitment_months = 0)
    qualify
        row_number() over (
            partition by rents.stands_for_gpu_id, rents.rent_month
            order by rents.is_form_unstated, rents.commitment_months = 0, rents.gpu_id
        ) = 1

),

months as (

    select distinct margin_month from throughput

),

owned as (

    select
        owners.gpu_id,
        months.margin_month,
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
            owners.published_date >= months.margin_month - {{ owner_days }}
            and owners.published_date < months.margin_month + interval 1 month + interval {{ owner_days }} day
    qualify
        row_number() over (
            partition by owners.gpu_id, months.margin_month
            order by abs(owners.published_date - months.margin_month), owners.published_date
        ) = 1

),

costs as (

    select * from rented
    union all
    select * from owned

),

-- Where one mix of tokens was measured alone, the margin is that of this mix.
rated as (

    select
        throughput.model_id,
        costs.*,
        throughput.throughput_tier,
        throughput.throughput_id,
        throughput.point_count,
        throughput.tolerance_ratio,
        throughput.production_ratio,
        throughput.decode_tokens_per_second,
        throughput.prefill_tokens_per_second,
        case
            when throughput.decode_tokens_per_second is not null then {{ input_output_ratio }}
            else throughput.measured_ratio
        end as input_output_ratio,
        throughput.production_ratio * coalesce(
            {{ output_rate(
                'throughput.decode_tokens_per_second', 'throughput.prefill_tokens_per_second', input_output_ratio
            ) }},
            throughput.measured_tokens_per_second
        ) as output_tokens_per_second
    from throughput
    inner join costs
        on
            throughput.gpu_id = costs.gpu_id
            and throughput.margin_month = costs.margin_month

),

marked as (

    select
        rated.*,
        coalesce(
            rated.margin_month = lag(rated.margin_month) over line + interval 1 month
            and rated.cost_series_id = lag(rated.cost_series_id) over line
            and rated.usd_per_gpu_hour = lag(rated.usd_per_gpu_hour) over line
            and rated.low_usd_per_gpu_hour = lag(rated.low_usd_per_gpu_hour) over line
            and rated.high_usd_per_gpu_hour = lag(rated.high_usd_per_gpu_hour) over line
            and rated.is_inferred = lag(rated.is_inferred) over line
            and rated.throughput_tier = lag(rated.throughput_tier) over line
            and rated.throughput_id is not distinct from lag(rated.throughput_id) over line,
            false
        ) as goes_on
    from rated
    window line as (partition by rated.model_id, rated.gpu_id, rated.cost_basis order by rated.margin_month)

),

numbered as (

    select
        marked.*,
        sum(cast(not marked.goes_on as integer)) over (
            partition by marked.model_id, marked.gpu_id, marked.cost_basis
            order by marked.margin_month
            rows between unbounded preceding and current row
        ) as spell_number
    from marked

),

final as (

    select
        numbered.model_id,
        numbered.gpu_id,
        numbered.cost_basis,
        numbered.spell_number,
        numbered.cost_series_id,
        numbered.usd_per_gpu_hour,
        numbered.low_usd_per_gpu_hour,
        numbered.high_usd_per_gpu_hour,
        min(numbered.provider_count) as provider_count,
        numbered.is_inferred,
        numbered.throughput_tier,
        numbered.throughput_id,
        numbered.point_count,
        numbered.tolerance_ratio,
        numbered.production_ratio,
        numbered.decode_tokens_per_second,
        numbered.prefill_tokens_per_second,
        numbered.input_output_ratio,
        numbered.output_tokens_per_second,
        min(numbered.margin_month) as first_date,
        cast(max(numbered.margin_month) + interval 1 month - interval 1 day as date) as last_date
    from numbered
    group by all

)

select * from final
