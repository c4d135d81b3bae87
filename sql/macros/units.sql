{#- Each conversion of a unit stands here once. -#}

{#- USD per hour of a whole offer to USD per hour of one accelerator. -#}
{% macro usd_per_gpu_hour(usd_per_hour, gpu_count) -%}
    (cast({{ usd_per_hour }} as double) / {{ gpu_count }})
{%- endmacro %}

{#- Tokens per second to millions of tokens per hour. -#}
{% macro mtok_per_hour(tokens_per_second) -%}
    ({{ tokens_per_second }} * 3600.0 / 1e6)
{%- endmacro %}

{#- The comparable price of a model: three input tokens for each output token. -#}
{% macro blended_usd_per_mtok(input_price, output_price) -%}
    ((3.0 * {{ input_price }} + {{ output_price }}) / 4.0)
{%- endmacro %}

{#- The comparable price where a share of the input is read from a cache. -#}
{% macro cached_blend_usd_per_mtok(input_price, cache_read_price, output_price, cached_ratio) -%}
    ((3.0 * ((1 - {{ cached_ratio }}) * {{ input_price }} + {{ cached_ratio }} * {{ cache_read_price }})
        + {{ output_price }}) / 4.0)
{%- endmacro %}

{#- Hours of a day in a window HH:MM-HH:MM, over midnight too; all of them where it is empty. -#}
{% macro hours_of_window(utc_window) -%}
    case
        when {{ utc_window }} = '' then 24.0
        else (
            (
                60 * (cast(substr({{ utc_window }}, 7, 2) as integer) - cast(substr({{ utc_window }}, 1, 2) as integer))
                + cast(substr({{ utc_window }}, 10, 2) as integer) - cast(substr({{ utc_window }}, 4, 2) as integer)
                + 1439
            ) % 1440 + 1
        ) / 60.0
    end
{%- endmacro %}
