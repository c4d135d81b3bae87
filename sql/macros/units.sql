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
