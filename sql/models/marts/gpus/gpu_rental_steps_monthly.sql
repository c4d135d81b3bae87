with

inputs as (

    select
        *,
        cast(usd_per_gpu_hour as double) as usd
    from {{ ref('gpu_rental_index_inputs_monthly') }}
    where usd_per_gpu_hour is not null

),

months as (

    select
        inputs.index_month,
        inputs.series_id,
        any_value(inputs.segment) as segment,
        any_value(inputs.purchase_type) as purchase_type,
        any_value(inputs.commitment_months) as commitment_months,
        any_value(inputs.gpu_id) as gpu_id,
        {{ median('inputs.usd') }} as level_usd,
        count(*) as provider_count,
        sum(inputs.offer_count) as offer_count,
        avg(cast(inputs.is_carried as integer)) as imputed_ratio
    from inputs
    group by 1, 2

),

judged as (

    select
        months.*,
        case
            when
                months.provider_count < 2 and not (months.segment = 'marketplace' and months.offer_count >= 5)
                then 'fewer than two sellers, or five offers on a marketplace'
            when months.imputed_ratio > 0.5 then 'most sellers not read in the month'
        end as suppression_reason
    from months

),

-- From one calendar month to the next; over a gap there is no step.
steps as (

    select
        judged.*,
        earlier.level_usd as earlier_level_usd,
        ln(judged.level_usd / earlier.level_usd) as log_step
    from judged
    left join judged as earlier
        on
            judged.series_id = earlier.series_id
            and judged.index_month = earlier.index_month + interval 1 month
            and judged.suppression_reason is null
            and earlier.suppression_reason is null

),

-- The sellers of a month beside those of the month before; null where one was not there.
sides as (

    select
        inputs.series_id,
        inputs.index_month,
        inputs.provider_id,
        inputs.usd,
        inputs.source_id,
        cast(null as double) as earlier_usd,
        cast(null as varchar) as earlier_source_id
    from inputs
    union all
    select
        inputs.series_id,
        cast(inputs.index_month + interval 1 month as date) as index_month,
        inputs.provider_id,
        null as usd,
        null as source_id,
        inputs.usd as earlier_usd,
        inputs.source_id as earlier_source_id
    from inputs

),

sellers as (

    select
        sides.series_id,
        sides.index_month,
        sides.provider_id,
        max(sides.usd) as usd,
        max(sides.source_id) as source_id,
        max(sides.earlier_usd) as earlier_usd,
        max(sides.earlier_source_id) as earlier_source_id
    from sides
    inner join steps
        on
            sides.series_id = steps.series_id
            and sides.index_month = steps.index_month
    where steps.log_step != 0
    group by 1, 2, 3

),

-- The level as it would be had this one seller stayed as it was in the month before.
frozen as (

    select
        sellers.series_id,
        sellers.index_month,
        sellers.provider_id,
        {{ median('if(peers.provider_id = sellers.provider_id, peers.earlier_usd, peers.usd)') }} as level_usd
    from sellers
    inner join sellers as peers
        on
            sellers.series_id = peers.series_id
            and sellers.index_month = peers.index_month
    group by 1, 2, 3

),

causes as (

    select
        sellers.series_id,
        sellers.index_month,
        sellers.provider_id,
        case
            when sellers.earlier_usd is null then 'entered'
            when sellers.usd is null then 'left'
            when sellers.source_id != sellers.earlier_source_id then 'read from another source'
            else 'repriced'
        end as cause,
        ln(steps.level_usd / frozen.level_usd) as log_effect
    from sellers
    inner join frozen
        on
            sellers.series_id = frozen.series_id
            and sellers.index_month = frozen.index_month
            and sellers.provider_id = frozen.provider_id
    inner join steps
        on
            sellers.series_id = steps.series_id
            and sellers.index_month = steps.index_month
    where ln(steps.level_usd / frozen.level_usd) * sign(steps.log_step) > 0
    qualify
        row_number() over (
            partition by sellers.series_id, sellers.index_month
            order by log_effect * sign(steps.log_step) desc, sellers.provider_id
        ) = 1

),

final as (

    select
        steps.index_month as price_month,
        steps.series_id,
        steps.segment,
        steps.purchase_type,
        steps.commitment_months,
        steps.gpu_id,
        cast(case when steps.suppression_reason is null then steps.level_usd end as decimal(18, 6))
            as level_usd_per_gpu_hour,
        cast(steps.earlier_level_usd as decimal(18, 6)) as earlier_level_usd_per_gpu_hour,
        cast(exp(steps.log_step) - 1 as decimal(12, 6)) as change_ratio,
        abs(steps.log_step) >= ln(1.05) as is_step,
        causes.provider_id as cause_provider_id,
        causes.cause,
        cast(exp(causes.log_effect) - 1 as decimal(12, 6)) as cause_change_ratio,
        cast(steps.provider_count as integer) as provider_count,
        cast(steps.imputed_ratio as decimal(7, 6)) as imputed_ratio,
        {{ value_status('last_day(steps.index_month)', 'steps.suppression_reason', 'steps.imputed_ratio') }}
            as status,
        coalesce(
            steps.suppression_reason,
            case when steps.imputed_ratio > 0.25 then 'many sellers not read in the month' end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from steps
    left join causes
        on
            steps.series_id = causes.series_id
            and steps.index_month = causes.index_month

)

select * from final
