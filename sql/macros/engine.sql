{#- What engines say differently; models say it through these. -#}

{#- One row per day from the first to the last, both included. -#}
{% macro days_between(first_date, last_date) -%}
    {{ return(adapter.dispatch("days_between", "aimarket")(first_date, last_date)) }}
{%- endmacro %}

{% macro default__days_between(first_date, last_date) -%}
    cast(unnest(generate_series({{ first_date }}, {{ last_date }}, interval 1 day)) as date)
{%- endmacro %}

{#- One row per month, its first day, from the month of the first date to that of the last. -#}
{% macro months_between(first_date, last_date) -%}
    {{ return(adapter.dispatch("months_between", "aimarket")(first_date, last_date)) }}
{%- endmacro %}

{% macro default__months_between(first_date, last_date) -%}
    cast(unnest(generate_series(date_trunc('month', {{ first_date }}), {{ last_date }}, interval 1 month)) as date)
{%- endmacro %}

{#- One row per whole number from 1 to the last. -#}
{% macro numbers_to(last) -%}
    {{ return(adapter.dispatch("numbers_to", "aimarket")(last)) }}
{%- endmacro %}

{% macro default__numbers_to(last) -%}
    cast(unnest(generate_series(1, cast({{ last }} as integer))) as integer)
{%- endmacro %}

{#- The value a share of the rows lies below, interpolated. -#}
{% macro quantile(column, share) -%}
    {{ return(adapter.dispatch("quantile", "aimarket")(column, share)) }}
{%- endmacro %}

{% macro default__quantile(column, share) -%}
    quantile_cont({{ column }}, {{ share }})
{%- endmacro %}

{% macro median(column) -%}
    {{ quantile(column, 0.5) }}
{%- endmacro %}

{#- Does the text contain a match of the regular expression? -#}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch("matches", "aimarket")(text, pattern)) }}
{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{#- How alike two names are, 0 to 1. -#}
{% macro name_similarity(one, other) -%}
    {{ return(adapter.dispatch("name_similarity", "aimarket")(one, other)) }}
{%- endmacro %}

{% macro default__name_similarity(one, other) -%}
    jaro_winkler_similarity({{ one }}, {{ other }})
{%- endmacro %}
