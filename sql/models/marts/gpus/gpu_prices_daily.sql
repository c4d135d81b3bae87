{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_date', 'status') }}",
    )
}}

{%- set first_day = rebuild_from('gpu_offers', 'price_date', 'status') %}
{#- Days before the first that the rule on outliers looks back at. -#}
{%- set days_to_settle = 3 %}

with

errors as (

    select * from {{ ref('int_prices__in_error') }}
    where market = 'gpu'

),

-- What a later step proved wrong was never asked: the seller has no such offer on those days.
offers as (

    select told.*
    from {{ ref('fct_gpu_offer_prices_daily') }} as told
    left join errors
        on
            told.source_id = errors.source_id
            and told.offer_key = errors.series_key
            and told.price_date >= cast(errors.wrong_from_at as date)
            and told.price_date < cast(errors.wrong_until_at as date)
    where
        told.exclusion_reason is null
        and errors.series_key is null
        and told.price_date >= date '{{ first_day }}' - {{ days_to_settle if is_incremental() else 0 }}

),

sources as (

    select * from {{ ref('sources') }}

),

publishers as (

    select * from {{ ref('provider_aliases') }}

),

-- The source of a price is a first-hand one where the seller itself publishes it.
first_hand as (

    select distinct
        sources.source_id,
        publishers.provider_id
    from sources
    inner join publishers
        on
            {{ name_letters('sources.publisher') }} = publishers.alias
            and publishers.source_id is null

),

-- Per cell and source, what it can say: single offers before statistics over offers.
graded as (

    select
        offers.*,
        sources.is_cross_check,
        first_hand.source_id is not null as is_first_hand,
        case offers.evidence
            when 'polled' then 1
            when 'listed' then 2
            else 3
        end as evidence_grade,
        case offers.price_statistic
            when 'offer' then 1
            when 'median' then 2
            when 'mean' then 3
            else 4
        end as statistic_grade
    from offers
    inner join sources
        on offers.source_id = sources.source_id
    left join first_hand
        on
            offers.source_id = first_hand.source_id
            and offers.provider_id = first_hand.provider_id

),

-- One source speaks for a seller's kind of sale of an accelerator family on a day, so that no offer counts
-- twice, be it under a stated and an unstated form.
speakers as (

    select
        graded.price_date,
        graded.provider_id,
        graded.gpu_family,
        graded.purchase_type,
        graded.commitment_months,
        graded.source_id
    from graded
    group by 1, 2, 3, 4, 5, 6
    qualify
        row_number() over (
            partition by
                graded.price_date, graded.provider_id, graded.gpu_family, graded.purchase_type,
                graded.commitment_months
            order by
                bool_or(graded.is_cross_check),
                bool_or(graded.is_first_hand) desc,
                min(graded.evidence_grade),
                min(graded.statistic_grade),
                max(cast(graded.last_observed_at as date)) desc,
                graded.source_id
        ) = 1

),

spoken as (

    select graded.*
    from graded
    inner join speakers
        on
            graded.price_date = speakers.price_date
            and graded.provider_id = speakers.provider_id
            and graded.gpu_family = speakers.gpu_family
            and graded.purchase_type = speakers.purchase_type
            and graded.commitment_months = speakers.commitment_months
            and graded.source_id = speakers.source_id
    qualify
        graded.statistic_grade = min(graded.statistic_grade) over (
            partition by
                graded.price_date, graded.provider_id, graded.gpu_id, graded.purchase_type,
                graded.commitment_months
        )

),

priced as (

    select
        spoken.price_date,
        spoken.gpu_id,
        spoken.provider_id,
        spoken.purchase_type,
        spoken.commitment_months,
        spoken.source_id,
        any_value(spoken.segment) as segment,
        bool_or(spoken.is_cross_check) as is_cross_check,
        any_value(spoken.price_statistic) as price_statistic,
        min(spoken.usd_per_gpu_hour) as min_usd_per_gpu_hour,
        {{ quantile('spoken.usd_per_gpu_hour', 0.25) }} as p25_usd_per_gpu_hour,
        {{ median('spoken.usd_per_gpu_hour') }} as median_usd_per_gpu_hour,
        max(spoken.usd_per_gpu_hour) as max_usd_per_gpu_hour,
        count(*) as offer_count,
        sum(coalesce(spoken.available_count, cast(spoken.is_available as integer))) as available_count,
        arg_min(spoken.evidence, spoken.evidence_grade) as evidence,
        max(spoken.last_observed_at) as last_observed_at
    from spoken
    group by 1, 2, 3, 4, 5, 6

),

-- A cell is what may be compared: one accelerator, one segment, one kind of sale.
compared as (

    select
        priced.*,
        {{ median('priced.median_usd_per_gpu_hour') }} over cell as cell_usd_per_gpu_hour,
        count(*) over cell as cell_provider_count,
        count(*) over own_past as past_days,
        min(priced.median_usd_per_gpu_hour) over own_past as past_min_usd_per_gpu_hour,
        max(priced.median_usd_per_gpu_hour) over own_past as past_max_usd_per_gpu_hour
    from priced
    window
        cell as (
            partition by
                priced.price_date, priced.gpu_id, priced.segment, priced.purchase_type,
                priced.commitment_months
        ),
        own_past as (
            partition by
                priced.gpu_id, priced.provider_id, priced.purchase_type, priced.commitment_months
            order by priced.price_date
            range between interval {{ days_to_settle }} days preceding and interval 1 day preceding
        )

),

spread as (

    select
        compared.*,
        abs(ln(compared.median_usd_per_gpu_hour / compared.cell_usd_per_gpu_hour)) as log_distance,
        {{ median('abs(ln(compared.median_usd_per_gpu_hour / compared.cell_usd_per_gpu_hour))') }} over (
            partition by
                compared.price_date, compared.gpu_id, compared.segment, compared.purchase_type,
                compared.commitment_months
        ) as cell_log_mad
    from compared

),

judged as (

    select
        spread.*,
        case
            when spread.cell_provider_count < 3 then null
            when spread.median_usd_per_gpu_hour < 0.25 * spread.cell_usd_per_gpu_hour
                then 'below a quarter of the median of its cell'
            when
                spread.log_distance > greatest(4 * 1.4826 * spread.cell_log_mad, ln(1.5))
                and not (
                    spread.past_days = {{ days_to_settle }}
                    and spread.past_min_usd_per_gpu_hour >= spread.median_usd_per_gpu_hour / 1.1
                    and spread.past_max_usd_per_gpu_hour <= spread.median_usd_per_gpu_hour * 1.1
                )
                then 'far from its cell and not yet standing for {{ days_to_settle }} days'
        end as outlier_reason
    from spread

),

final as (

    select
        judged.price_date,
        judged.gpu_id,
        judged.provider_id,
        judged.purchase_type,
        cast(judged.commitment_months as integer) as commitment_months,
        judged.source_id,
        judged.segment,
        cast(judged.min_usd_per_gpu_hour as decimal(18, 6)) as min_usd_per_gpu_hour,
        cast(judged.p25_usd_per_gpu_hour as decimal(18, 6)) as p25_usd_per_gpu_hour,
        cast(judged.median_usd_per_gpu_hour as decimal(18, 6)) as median_usd_per_gpu_hour,
        cast(judged.max_usd_per_gpu_hour as decimal(18, 6)) as max_usd_per_gpu_hour,
        judged.price_statistic,
        cast(judged.offer_count as integer) as offer_count,
        cast(judged.available_count as integer) as available_count,
        judged.evidence,
        judged.last_observed_at,
        cast(judged.price_date - cast(judged.last_observed_at as date) as integer) as age_days,
        judged.outlier_reason is not null as is_outlier,
        judged.outlier_reason,
        judged.outlier_reason is null
        and not judged.is_cross_check
        and judged.price_statistic != 'minimum' as is_index_input,
        {{ value_status('judged.price_date') }} as status
    from judged
    where judged.price_date >= date '{{ first_day }}'

)

select * from final
