{#- Hours in the mean month. -#}
{%- set hours = 730 %}
{#- Days for which a purchase price speaks. -#}
{%- set purchase_days = 365 %}
{#- Accelerators of a server: the price of a bare card says little about what one pays. -#}
{%- set server_gpus = 8 %}

with

purchases as (

    select * from {{ ref('fct_hardware_prices') }}
    where gpu_count = {{ server_gpus }} and gpu_id is not null and evidence != 'estimate'

),

rents as (

    select * from {{ ref('int_gpu_rents__monthly') }}
    where purchase_type in ('on_demand', 'reserved')

),

gpus as (

    select * from {{ ref('gpus') }}

),

owners as (

    select
        gpu_id,
        arg_max(all_in_power_kw, published_date) as all_in_power_kw
    from {{ ref('owner_costs') }}
    where published_date <= {{ as_of_date() }}
    group by 1

),

assumptions as (

    select
        {% for assumption in [
            'network_and_facility_ratio', 'electricity_usd_per_kwh', 'facility_power_ratio',
            'other_usd_per_gpu_hour', 'life_months', 'horizon_months', 'discount_ratio_per_year',
        ] %}
        max(case when assumption = '{{ assumption }}' then value end) as {{ assumption }},
        {% endfor %}
        count(*) as assumption_count
    from {{ ref('ownership_assumptions') }}

),

parameters as (

    select * from {{ ref('rent_vs_buy_scenarios') }}

),

scenarios as (

    select
        utilisations.value as utilisation_ratio,
        declines.value as rent_decline_per_month_ratio,
        residuals.value as residual_ratio,
        utilisations.is_headline as is_headline_utilisation,
        declines.is_headline and residuals.is_headline as is_headline_otherwise
    from parameters as utilisations
    inner join parameters as declines
        on declines.parameter = 'rent_decline_per_month_ratio'
    inner join parameters as residuals
        on residuals.parameter = 'residual_ratio'
    where utilisations.parameter = 'utilisation_ratio'

),

months as (

    select {{ months_between('min(rents.rent_month)', as_of_date()) }} as rent_month
    from rents

),

dated as (

    select
        months.rent_month,
        cast(months.rent_month + interval 1 month - interval 1 day as date) as month_end
    from months

),

-- What a server costs: the median of what was asked within a year.
bought as (

    select
        dated.rent_month,
        purchases.gpu_id,
        {{ median('cast(purchases.usd_per_gpu as double)') }} as server_usd_per_gpu,
        count(*) as purchase_count,
        max(purchases.price_date) as purchase_date
    from purchases
    inner join dated
        on
            purchases.price_date <= dated.month_end
            and purchases.price_date >= dated.month_end - {{ purchase_days }}
    group by 1, 2

),

-- Every series of an accelerator that was sold, in every month since both its sides were known once.
pairs as (

    select
        rents.stands_for_gpu_id as gpu_id,
        rents.series_id,
        any_value(rents.segment) as segment,
        any_value(rents.purchase_type) as purchase_type,
        any_value(rents.commitment_months) as commitment_months,
        min(rents.rent_month) as first_month
    from rents
    inner join bought
        on
            rents.stands_for_gpu_id = bought.gpu_id
            and rents.rent_month = bought.rent_month
    group by 1, 2

),

compared as (

    select
        dated.rent_month,
        dated.month_end,
        pairs.gpu_id,
        pairs.series_id,
        pairs.segment,
        pairs.purchase_type,
        pairs.commitment_months,
        rents.usd_per_gpu_hour as rent,
        rents.provider_count,
        rents.is_carried,
        bought.server_usd_per_gpu,
        bought.purchase_count,
        bought.purchase_date,
        bought.server_usd_per_gpu * (1 + assumptions.network_and_facility_ratio) as capital,
        coalesce(owners.all_in_power_kw, gpus.tdp_w / 1000.0 * assumptions.facility_power_ratio) as power_kw,
        owners.all_in_power_kw is not null as is_power_published,
        assumptions.electricity_usd_per_kwh,
        assumptions.other_usd_per_gpu_hour,
        power(1 + assumptions.discount_ratio_per_year, 1.0 / 12) - 1 as discount,
        power(1 + assumptions.discount_ratio_per_year, -assumptions.life_months / 12.0) as discount_over_life,
        assumptions.horizon_months,
        case
            when rents.series_id is null and bought.gpu_id is null
                then 'no rent within 60 days and no purchase price within a year'
            when rents.series_id is null then 'no rent within 60 days'
            when bought.gpu_id is null then 'no purchase price within a year'
        end as suppression_reason
    from pairs
    inner join dated
        on pairs.first_month <= dated.rent_month
    inner join gpus
        on pairs.gpu_id = gpus.gpu_id
    cross join assumptions
    left join rents
        on
            pairs.series_id = rents.series_id
            and dated.rent_month = rents.rent_month
    left join bought
        on
            pairs.gpu_id = bought.gpu_id
            and dated.rent_month = bought.rent_month
    left join owners
        on pairs.gpu_id = owners.gpu_id

),

powered as (

    select
        compared.*,
        compared.power_kw * compared.electricity_usd_per_kwh + compared.other_usd_per_gpu_hour as running,
        compared.discount / (1 - compared.discount_over_life) / {{ hours }} as annuity
    from compared

),

-- A contract pays for every hour, used or not; a month without both sides has one row.
played as (

    select
        powered.*,
        scenarios.utilisation_ratio,
        scenarios.rent_decline_per_month_ratio as decline,
        scenarios.residual_ratio,
        scenarios.is_headline_otherwise
        and (scenarios.is_headline_utilisation or powered.commitment_months > 0) as is_headline,
        {{ hours }} * (powered.rent * scenarios.utilisation_ratio - powered.running) as first_earnings,
        powered.capital * (1 - scenarios.residual_ratio * powered.discount_over_life) * powered.annuity as due
    from powered
    inner join scenarios
        on
            (powered.commitment_months = 0 or scenarios.utilisation_ratio = 1)
            and (
                powered.suppression_reason is null
                or (
                    scenarios.is_headline_otherwise
                    and (scenarios.is_headline_utilisation or powered.commitment_months > 0)
                )
            )

),

steps as (

    select {{ numbers_to('assumptions.horizon_months') }} as month_number
    from assumptions

),

flows as (

    select
        played.rent_month,
        played.gpu_id,
        played.series_id,
        played.utilisation_ratio,
        played.decline,
        played.residual_ratio,
        played.capital,
        played.discount,
        steps.month_number,
        played.rent * played.utilisation_ratio * power(1 - played.decline, steps.month_number) as income,
        played.running
    from played
    cross join steps
    where played.suppression_reason is null

),

earnings as (

    select
        flows.*,
        {{ hours }} * (flows.income - flows.running) as earned
    from flows

),

summed as (

    select
        earnings.*,
        sum(earnings.earned) over so_far as earned_so_far,
        sum(earnings.earned * power(1 + earnings.discount, -earnings.month_number)) over so_far
            as discounted_so_far
    from earnings
    window
        so_far as (
            partition by
                earnings.rent_month, earnings.gpu_id, earnings.series_id, earnings.utilisation_ratio,
                earnings.decline, earnings.residual_ratio
            order by earnings.month_number
            rows between unbounded preceding and current row
        )

),

paid as (

    select
        summed.rent_month,
        summed.gpu_id,
        summed.series_id,
        summed.utilisation_ratio,
        summed.decline,
        summed.residual_ratio,
        min(
            case
                when summed.earned_so_far >= summed.capital * (1 - summed.residual_ratio)
                    then summed.month_number
            end
        ) as payback_months,
        min(
            case
                when
                    summed.discounted_so_far
                    >= summed.capital
                    * (1 - summed.residual_ratio * power(1 + summed.discount, -summed.month_number))
                    then summed.month_number
            end
        ) as discounted_payback_months
    from summed
    group by 1, 2, 3, 4, 5, 6

),

final as (

    select
        played.rent_month,
        played.gpu_id,
        played.series_id,
        cast(played.utilisation_ratio as decimal(4, 2)) as utilisation_ratio,
        cast(played.decline as decimal(4, 2)) as rent_decline_per_month_ratio,
        cast(played.residual_ratio as decimal(4, 2)) as residual_ratio,
        played.is_headline,
        played.segment,
        played.purchase_type,
        played.commitment_months,
        cast(played.rent as decimal(18, 6)) as rent_usd_per_gpu_hour,
        cast(played.server_usd_per_gpu as decimal(18, 2)) as server_usd_per_gpu,
        cast(played.capital as decimal(18, 2)) as capital_usd_per_gpu,
        played.purchase_date,
        played.power_kw,
        played.is_power_published,
        cast(played.running as decimal(18, 6)) as running_usd_per_gpu_hour,
        case
            when played.first_earnings > 0
                then played.capital * (1 - played.residual_ratio) / played.first_earnings
        end as simple_payback_months,
        paid.payback_months as falling_rent_payback_months,
        paid.discounted_payback_months,
        cast(
            case
                when played.suppression_reason is null
                    then (played.due + played.running) / played.utilisation_ratio
            end as decimal(18, 6)
        ) as break_even_rent_usd_per_gpu_hour,
        cast(played.provider_count as integer) as provider_count,
        cast(played.purchase_count as integer) as purchase_count,
        {{ value_status(
            'played.month_end', 'played.suppression_reason', 'cast(played.is_carried as integer)'
        ) }} as status,
        coalesce(
            played.suppression_reason,
            case when played.is_carried then 'rent carried from an earlier month' end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from played
    left join paid
        on
            played.rent_month = paid.rent_month
            and played.gpu_id = paid.gpu_id
            and played.series_id = paid.series_id
            and played.utilisation_ratio = paid.utilisation_ratio
            and played.decline = paid.decline
            and played.residual_ratio = paid.residual_ratio

)

select * from final
