with

lines as (

    select * from {{ ref('int_token_prices__monthly') }}

),

indices as (

    select * from {{ ref('int_token_price_indices') }}
    where log_index is not null

),

effects as (

    select * from {{ ref('int_token_price_hedonics') }}
    where lab_id = ''

),

hedonic_terms as (

    select distinct
        offers.window_month,
        offers.month_count
    from {{ ref('int_token_price_hedonics__offers') }} as offers

),

frontiers as (

    select * from {{ ref('int_token_price_frontiers') }}

),

capability_prices as (

    select * from {{ ref('capability_prices_monthly') }}
    where usd_per_mtok is not null

),

months as (

    select
        lines.price_month,
        bool_or(lines.is_seen) as is_seen
    from lines
    group by 1

),

valued as (

    select
        indices.index_kind,
        indices.price_basis as series,
        indices.price_month,
        indices.log_index as log_value,
        indices.log_index_low as log_value_low,
        indices.log_index_high as log_value_high,
        cast(null as double) as usd_per_mtok,
        cast(null as varchar) as model_ids,
        indices.model_count,
        indices.lab_count,
        indices.input_count,
        indices.excluded_count
    from indices
    union all
    select
        'frontier' as index_kind,
        'top_' || frontiers.size as series,
        frontiers.price_month,
        ln(frontiers.usd_per_mtok) as log_value,
        ln(frontiers.usd_per_mtok_low) as log_value_low,
        ln(frontiers.usd_per_mtok_high) as log_value_high,
        frontiers.usd_per_mtok,
        frontiers.model_ids,
        frontiers.priced_model_count as model_count,
        frontiers.lab_count,
        frontiers.size as input_count,
        null as excluded_count
    from frontiers
    union all
    select
        'fixed_capability' as index_kind,
        capability_prices.board_id || '/' || capability_prices.level_id as series,
        capability_prices.price_month,
        ln(capability_prices.usd_per_mtok) as log_value,
        null as log_value_low,
        null as log_value_high,
        cast(capability_prices.usd_per_mtok as double) as usd_per_mtok,
        capability_prices.model_id as model_ids,
        capability_prices.priced_model_count as model_count,
        null as lab_count,
        capability_prices.offer_count as input_count,
        null as excluded_count
    from capability_prices

),

bases as (

    select
        valued.index_kind,
        valued.series,
        min(valued.price_month) as base_month,
        arg_min(valued.log_value, valued.price_month) as base_log_value
    from valued
    group by 1, 2

),

-- Every month since the base has a row, with the reason where it has no value.
judged as (

    select
        bases.index_kind,
        bases.series,
        bases.base_month,
        months.price_month,
        valued.log_value - bases.base_log_value as log_index,
        valued.log_value_low - bases.base_log_value as log_index_low,
        valued.log_value_high - bases.base_log_value as log_index_high,
        valued.usd_per_mtok,
        valued.model_ids,
        coalesce(valued.model_count, 0) as model_count,
        valued.lab_count,
        coalesce(valued.input_count, 0) as input_count,
        valued.excluded_count,
        case
            when valued.log_value is not null then null
            when not months.is_seen then 'no price was read in the month'
            when bases.index_kind in ('matched', 'hedonic') then 'fewer than 10 models or 4 labs to compare'
            else 'no model of the kind had a price read in the month'
        end as suppression_reason
    from bases
    inner join months
        on bases.base_month <= months.price_month
    left join valued
        on
            bases.index_kind = valued.index_kind
            and bases.series = valued.series
            and months.price_month = valued.price_month

),

coefficients as (

    select
        {% for covariate in ['quality', 'context', 'open'] %}
        max(case when effects.term = hedonic_terms.month_count + {{ loop.index0 }} then effects.estimate end)
            as {{ covariate }}_coefficient,
        {% endfor %}
        hedonic_terms.window_month
    from hedonic_terms
    inner join effects
        on hedonic_terms.window_month = effects.window_month
    group by hedonic_terms.window_month

),

final as (

    select
        judged.price_month,
        judged.index_kind,
        judged.series,
        judged.base_month,
        round(100 * exp(judged.log_index), 6) as index_value,
        round(100 * exp(judged.log_index_low), 6) as index_low,
        round(100 * exp(judged.log_index_high), 6) as index_high,
        round(judged.log_index - year_ago.log_index, 6) as log_change_12m,
        cast(judged.usd_per_mtok as decimal(18, 6)) as usd_per_mtok,
        judged.model_ids,
        round(coefficients.quality_coefficient, 6) as quality_coefficient,
        round(coefficients.context_coefficient, 6) as context_coefficient,
        round(coefficients.open_coefficient, 6) as open_coefficient,
        cast(judged.model_count as integer) as model_count,
        cast(judged.lab_count as integer) as lab_count,
        cast(judged.input_count as integer) as input_count,
        cast(judged.excluded_count as integer) as excluded_count,
        {{ value_status(
            'cast(judged.price_month + interval 1 month - interval 1 day as date)', 'judged.suppression_reason'
        ) }} as status,
        judged.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged
    left join judged as year_ago
        on
            judged.index_kind = year_ago.index_kind
            and judged.series = year_ago.series
            and judged.price_month = year_ago.price_month + interval 12 month
    left join coefficients
        on
            judged.index_kind = 'hedonic'
            and judged.suppression_reason is null
            and judged.price_month = coefficients.window_month

)

select * from final
