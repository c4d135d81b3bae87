{#- A view: every figure of it stands in token_prices_daily or follows from it. Named without its database, so
    that it stays one in a release. -#}
{{ config(materialized='view') }}

{#- Days after which a price told by the hour no longer speaks before one for the whole day. -#}
{%- set freshest_days = 7 %}
{%- set distrusted = var('least_trusted_sources') | join("', '") %}

with

lines as (

    {{ whole_day_prices(ref('token_prices_daily').include(database=false)) }}

),

-- At standard terms the primary line speaks, unless another tells the hours of the day; few lines are told by
-- the hour or at other terms, so only these are ranked.
ranked as (

    select lines.*
    from lines
    where
        lines.service_tier != 'standard'
        or (lines.window_count > 1 and lines.age_days <= {{ freshest_days }})
    qualify
        row_number() over (
            partition by lines.price_date, lines.host_id, lines.model_id, lines.service_tier
            order by
                lines.age_days > {{ freshest_days }},
                lines.source_id in ('{{ distrusted }}'),
                length(lines.model_raw),
                lines.model_raw,
                lines.source_id,
                lines.host_raw,
                lines.quantization
        ) = 1

),

speaking as (

    select * from ranked
    union all
    select lines.*
    from lines
    left join ranked
        on
            lines.price_date = ranked.price_date
            and lines.host_id = ranked.host_id
            and lines.model_id = ranked.model_id
            and ranked.service_tier = 'standard'
    where lines.is_primary and ranked.host_id is null

),

final as (

    select
        speaking.price_date,
        speaking.host_id,
        speaking.model_id,
        speaking.service_tier,
        speaking.lab_id,
        speaking.input_usd_per_mtok,
        speaking.output_usd_per_mtok,
        speaking.cache_read_usd_per_mtok,
        cast(
            {{ blended_usd_per_mtok('speaking.input_usd_per_mtok', 'speaking.output_usd_per_mtok') }}
            as decimal(18, 9)
        ) as blended_usd_per_mtok,
        {% for cached_pct in [50, 90] %}
        cast(
            {{ cached_blend_usd_per_mtok(
                'speaking.input_usd_per_mtok', 'speaking.cache_read_usd_per_mtok',
                'speaking.output_usd_per_mtok', cached_pct / 100
            ) }}
            as decimal(18, 9)
        ) as blended_cached_{{ cached_pct }}_usd_per_mtok,
        {% endfor %}
        speaking.context_tokens,
        speaking.source_id,
        speaking.host_raw,
        speaking.model_raw,
        cast(speaking.window_count as integer) as window_count,
        speaking.age_days,
        speaking.status,
        '{{ var("methodology_version") }}' as methodology_version
    from speaking

)

select * from final
