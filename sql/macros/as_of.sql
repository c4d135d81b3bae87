{#- The moment this build stands at, in UTC: rows recorded later do not exist. An offset in the text counts. -#}
{% macro as_of() -%}
    (timestamptz '{{ var("as_of") or run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f+00:00") }}' at time zone 'UTC')
{%- endmacro %}

{#- The last, provisional day of the daily tables, a date literal. -#}
{% macro as_of_date() -%}
    cast({{ as_of() }} as date)
{%- endmacro %}
