{#- Days after which a rent that nobody asks any more stands for nothing. -#}
{%- set carry_days = 60 %}

with

levels as (

    select * from {{ ref('gpu_price_trends_daily') }}
    where status != 'suppressed'

),

gpus as (

    select * from {{ ref('gpus') }}

),

asked as (

    select
        cast(date_trunc('month', levels.price_date) as date) as rent_month,
        levels.series_id,
        levels.segment,
        levels.purchase_type,
        levels.commitment_months,
        levels.gpu_id,
        {{ median('cast(levels.level_usd_per_gpu_hour as double)') }} as usd_per_gpu_hour,
        {{ median('cast(levels.p25_usd_per_gpu_hour as double)') }} as p25_usd_per_gpu_hour,
        {{ median('cast(levels.p75_usd_per_gpu_hour as double)') }} as p75_usd_per_gpu_hour,
        {{ median('levels.provider_count') }} as provider_count,
        max(levels.price_date) as last_date,
        least(max(levels.price_date) + {{ carry_days }}, {{ as_of_date() }}) as last_day_standing
    from levels
    group by 1, 2, 3, 4, 5, 6

),

-- Each month's rent stands for the months that end at most so many days after its last day.
spread as (

    select
        asked.*,
        asked.rent_month as asked_month,
        {{ months_between('asked.rent_month', 'asked.last_day_standing') }} as standing_month
    from asked

),

standing as (

    select
        spread.*,
        least(spread.standing_month + interval 1 month - interval 1 day, {{ as_of_date() }}) as month_end
    from spread
    qualify
        row_number() over (
            partition by spread.series_id, spread.standing_month
            order by spread.asked_month desc
        ) = 1

),

-- A name that tells no form stands for the one form sold in servers, if there is one of that memory.
forms as (

    select
        formless.gpu_id,
        min(gpus.gpu_id) as form_gpu_id
    from gpus as formless
    inner join gpus
        on
            formless.family = gpus.family
            and coalesce(formless.memory_gb, gpus.memory_gb) = gpus.memory_gb
    where formless.form_factor = 'unstated' and gpus.form_factor = 'sxm'
    group by 1
    having count(*) = 1

),

final as (

    select
        standing.standing_month as rent_month,
        standing.segment,
        standing.purchase_type,
        standing.commitment_months,
        standing.gpu_id,
        coalesce(forms.form_gpu_id, standing.gpu_id) as stands_for_gpu_id,
        forms.form_gpu_id is not null as is_form_unstated,
        standing.series_id,
        standing.usd_per_gpu_hour,
        standing.p25_usd_per_gpu_hour,
        standing.p75_usd_per_gpu_hour,
        cast(standing.provider_count as integer) as provider_count,
        standing.last_date,
        standing.asked_month != standing.standing_month as is_carried
    from standing
    left join forms
        on standing.gpu_id = forms.gpu_id
    where
        standing.asked_month = standing.standing_month
        or cast(standing.month_end as date) - standing.last_date <= {{ carry_days }}

)

select * from final
