{#-
    Prices of whole days at the first context band, one row per line and day: a price that holds all day as it
    is, prices of windows that fill the day weighted by their hours. A day of which a part has no price has none.
-#}
{% macro whole_day_prices(token_prices_daily) %}
    {%- set line = [
        'price_date', 'source_id', 'host_raw', 'model_raw', 'service_tier', 'quantization', 'host_id', 'model_id',
        'lab_id', 'status',
    ] -%}
    {%- set prices = ['input_usd_per_mtok', 'output_usd_per_mtok', 'cache_read_usd_per_mtok'] -%}
    {%- set is_usable -%}
        lines.min_context_tokens = 0
        and not lines.is_free
        and lines.input_usd_per_mtok is not null
        and lines.output_usd_per_mtok is not null
        and lines.host_id is not null
        and lines.model_id is not null
    {%- endset -%}
    select
        {{ columns_of('lines', line) }},
        {{ columns_of('lines', prices) }},
        lines.context_tokens,
        1 as window_count,
        lines.is_primary,
        lines.last_observed_at,
        lines.age_days
    from {{ token_prices_daily }} as lines
    where lines.utc_window = '' and {{ is_usable }}
    union all
    select
        {{ columns_of('lines', line) }},
        {% for price in prices %}
        case
            when count(lines.{{ price }}) = count(*)
                then cast(
                    sum(lines.{{ price }} * {{ hours_of_window('lines.utc_window') }}) / 24 as decimal(18, 9)
                )
        end as {{ price }},
        {% endfor %}
        max(lines.context_tokens) as context_tokens,
        count(*) as window_count,
        false as is_primary,
        min(lines.last_observed_at) as last_observed_at,
        max(lines.age_days) as age_days
    from {{ token_prices_daily }} as lines
    where lines.utc_window != '' and {{ is_usable }}
    group by {{ columns_of('lines', line) }}
    having sum({{ hours_of_window('lines.utc_window') }}) = 24
{% endmacro %}
