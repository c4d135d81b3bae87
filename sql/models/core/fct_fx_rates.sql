with

rates as (

    select * from {{ ref('stg_fx_rates') }}

),

-- The file of a day is read again on the days after it; what was recorded last counts.
latest as (

    select rates.*
    from rates
    qualify
        row_number() over (
            partition by rates.currency, rates.rate_date
            order by rates.recorded_at desc, rates.observed_at desc
        ) = 1

),

-- Rates are units per euro, so the euro itself stands in no file.
with_euro as (

    select
        latest.currency,
        latest.rate_date,
        latest.units_per_eur,
        latest.source_id,
        latest.recorded_at,
        latest.payload_ref
    from latest
    union all
    select
        'EUR' as currency,
        latest.rate_date,
        1 as units_per_eur,
        latest.source_id,
        latest.recorded_at,
        latest.payload_ref
    from latest
    where latest.currency = 'USD'

),

final as (

    select
        with_euro.currency,
        with_euro.rate_date,
        least(
            coalesce(
                lead(with_euro.rate_date) over (
                    partition by with_euro.currency order by with_euro.rate_date
                ) - 1,
                date '9999-12-31'
            ),
            with_euro.rate_date + {{ var('carry_days_fx') }}
        ) as valid_until_date,
        cast(with_euro.units_per_eur as decimal(18, 9)) as units_per_eur,
        cast(
            cast(dollars.units_per_eur as double) / cast(with_euro.units_per_eur as double) as decimal(18, 12)
        ) as usd_per_unit,
        with_euro.source_id,
        with_euro.recorded_at,
        with_euro.payload_ref
    from with_euro
    inner join latest as dollars
        on
            with_euro.rate_date = dollars.rate_date
            and dollars.currency = 'USD'

)

select * from final
