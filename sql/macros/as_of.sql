{#- The moment this build stands at, a UTC timestamp literal: rows recorded later do not exist. -#}
{% macro as_of() -%}
    timestamp '{{ var("as_of") or run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}'
{%- endmacro %}

{#- The last, provisional day of the daily tables, a date literal. -#}
{% macro as_of_date() -%}
    cast({{ as_of() }} as date)
{%- endmacro %}
