-- Llama 2 70B: 1,720,320 hours at 32.77 / 8 USD are 7,046,860.80; DeepSeek-V3: 2,788,000 at 2 are 5,576,000.
-- What AWS asked for a p4d then leads to the same within 0.5 %. What is suppressed is null and says why, and
-- falling rents and discounting only make a payback longer.
with

costs as (

    select * from {{ ref('training_costs_monthly') }}

),

paybacks as (

    select * from {{ ref('rent_vs_buy_monthly') }}

),

aws as (

    select {{ median('cast(prices.median_usd_per_gpu_hour as double)') }} as usd_per_gpu_hour
    from {{ ref('gpu_prices_daily') }} as prices
    where
        prices.provider_id = 'aws'
        and prices.gpu_id = 'a100-sxm-40gb'
        and prices.purchase_type = 'on_demand'
        and prices.price_date between date '2023-07-01' and date '2023-09-30'
    having count(*) > 0

)

select
    costs.run_id as broken_id,
    costs.cost_month as broken_month
from costs
where
    (costs.status = 'suppressed') != (costs.cost_usd is null)
    or (costs.status in ('suppressed', 'imputed')) != (costs.status_reason is not null)
    or costs.cost_usd not between costs.low_cost_usd and costs.high_cost_usd
    or (costs.run_id = 'llama-2-70b' and costs.cost_basis = 'stated' and costs.cost_usd != 7046860.80)
    or (costs.run_id = 'deepseek-v3' and costs.cost_basis = 'stated' and costs.cost_usd != 5576000)
union all
select
    'llama-2-70b at AWS' as broken_id,
    date '2023-09-01' as broken_month
from aws
where abs(1720320 * aws.usd_per_gpu_hour / 7046860.80 - 1) > 0.005
union all
select
    paybacks.series_id as broken_id,
    paybacks.rent_month as broken_month
from paybacks
where
    (paybacks.status = 'suppressed') != (paybacks.break_even_rent_usd_per_gpu_hour is null)
    or (paybacks.status in ('suppressed', 'imputed')) != (paybacks.status_reason is not null)
    or paybacks.falling_rent_payback_months < floor(paybacks.simple_payback_months)
    or paybacks.discounted_payback_months < paybacks.falling_rent_payback_months
    or (paybacks.falling_rent_payback_months is not null and paybacks.simple_payback_months is null)
